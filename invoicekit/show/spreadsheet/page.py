"""A sheet that is read like a page: lines of text, amounts, days, and formulas that stay live."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from invoicekit.analysis.money import EXACT, decimals_of
from invoicekit.show.badge import VERDICTS
from invoicekit.show.spreadsheet.book import HEAD, INDENTED, Book, Sheet, money_format

TITLE: Final = {"bold": True, "font_size": 16}
SECTION: Final = {"bold": True, "font_size": 12}
NOTE: Final = {"font_color": "#57606A"}


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount in a currency."""

    value: Decimal | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class Live:
    """A formula, and what it gives now: for those who show a file and do not calculate."""

    formula: str
    value: Decimal | int | str
    currency: str | None = None  # of an amount


Cell = str | int | dt.date | Amount | Live | None


class Page:
    """Writes line after line."""

    def __init__(self, book: Book, sheet: Sheet, widths: Sequence[int]) -> None:
        self.book = book
        self.sheet = sheet
        self.row = 0
        sheet.made.hide_gridlines(2)
        sheet.made.fit_to_pages(1, 0)
        for column, width in enumerate(widths):
            sheet.made.set_column(column, column, width)

    def line(self, *cells: Cell, **look: Any) -> int:  # noqa: ANN401 (xlsxwriter's properties)
        """Write a line, and say which it is; `None` leaves a cell empty."""
        for column, cell in enumerate(cells):
            if cell is not None:
                self._cell(column, cell, look)
        self.row += 1
        return self.row - 1

    def title(self, text: str) -> None:
        """The line that names the page."""
        self.sheet.made.set_row(self.row, 24)
        self.line(text, **TITLE)

    def section(self, text: str) -> None:
        """A heading, with an empty line before it."""
        self.row += 1
        self.line(text, **SECTION)

    def heads(self, *names: str, numbers: Collection[int] = ()) -> None:
        """The headings of a small table; `numbers` are the columns whose cells stand to the right.

        They count from 0.
        """
        for column, name in enumerate(names):
            side = {"align": "right"} if column in numbers else INDENTED if column else {}
            self.book.text(self.sheet, self.row, column, name, **HEAD, **side)
        self.row += 1

    def _cell(self, column: int, cell: Cell, look: dict[str, Any]) -> None:
        made = self.sheet.made
        if isinstance(cell, str):
            indent = INDENTED if column else {}
            self.book.text(self.sheet, self.row, column, cell, **indent, **look)
        elif isinstance(cell, dt.date):
            style = self.book.style(num_format="yyyy-mm-dd", **INDENTED, **look)
            made.write_datetime(self.row, column, cell, style)
        elif isinstance(cell, int):
            style = self.book.style(num_format="#,##0", **look)
            made.write_number(self.row, column, cell, style)
        elif isinstance(cell, Amount) and cell.value is not None:
            style = self.book.style(num_format=money_format(cell.currency), **look)
            made.write_number(self.row, column, float(cell.value), style)
        elif isinstance(cell, Live):
            self._live(column, cell, look)

    def _live(self, column: int, cell: Live, look: dict[str, Any]) -> None:
        value: Any = cell.value
        if isinstance(value, Decimal):
            look = {**look, "num_format": money_format(cell.currency)}
            value = float(value)
        elif isinstance(value, int):
            look = {**look, "num_format": "#,##0"}
        else:
            look = {**look, **INDENTED}
        style = self.book.style(**look)
        self.sheet.made.write_formula(self.row, column, f"={cell.formula}", style, value)


def look_of(state: str) -> dict[str, str]:
    """The colours of a state of the proof.

    >>> look_of("ties")
    {'font_color': '#0b5d3b', 'bg_color': '#e6f4ec'}
    """
    return {"font_color": VERDICTS[state].ink, "bg_color": VERDICTS[state].paper}


def as_rounded(amount: Decimal, currency: str | None) -> Decimal:
    """The amount as a spreadsheet's ROUND makes it, halves away from nothing.

    >>> as_rounded(Decimal("-0.125"), "USD"), as_rounded(Decimal("0.4"), "JPY")
    (Decimal('-0.13'), Decimal('0'))
    """
    unit = Decimal(1).scaleb(-decimals_of(currency))
    return EXACT.add(amount.quantize(unit, rounding=ROUND_HALF_UP, context=EXACT), 0)  # no -0

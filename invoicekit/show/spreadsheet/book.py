"""An Excel file that is written row by row, in constant memory.

What a spreadsheet cannot hold is said, never spoilt: a number of more than 15 significant digits
has its exact text beside it, rows beyond the last of a sheet go on in the next one, and text that
is too long for a cell is cut with a note. The same frames give the same bytes.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl

from invoicekit.analysis.money import decimals_of
from invoicekit.files.output import writing
from invoicekit.show.spreadsheet.columns import (
    BATCH,
    MOST_LETTERS,
    Column,
    Plan,
    cells_of,
    is_plain,
    plan_of,
)
from invoicekit.visible import visible

MOST_ROWS: Final = 1_048_576  # of a sheet, its heading among them
LONGEST_NAME: Final = 31  # of a sheet
WIDEST, NARROWEST = 44, 9  # columns, in letters
ON_PAPER: Final = 16  # columns that can be read on one page's width
LARGE: Final = 1_900_000_000  # bytes in a zip beyond which it needs its larger form
CUT: Final = "{:,} cells were longer than the 32,767 letters that fit one, and end with …"
UNDATED: Final = dt.datetime(1980, 1, 1)  # noqa: DTZ001 (a zip knows no zone)

HEAD: Final[Mapping[str, Any]] = {
    "bold": True,
    "bg_color": "#F3F4F6",
    "bottom": 1,
    "bottom_color": "#8A8F98",
}
INDENTED: Final = {"align": "left", "indent": 1}  # text that no number to its left touches
NUMBERS: Final = {"day": "yyyy-mm-dd", "instant": "yyyy-mm-dd hh:mm:ss"}
PRICE: Final = "#,##0.00########"
IS_PRICE: Final = re.compile(r"price|rate")
# What a sheet's name may not have, and what it would have to be quoted for in a formula.
UNNAMED: Final = re.compile(r"[^\w .-]+", re.ASCII)


@dataclass
class Sheet:
    """A sheet that is being written."""

    name: str
    made: Any  # xlsxwriter's

    def cell(self, row: int, column: int) -> str:
        """A cell as a formula of another sheet writes it; both count from 0."""
        from xlsxwriter.utility import xl_rowcol_to_cell

        return f"'{self.name}'!{xl_rowcol_to_cell(row, column, row_abs=True, col_abs=True)}"

    def range(self, column: int, first: int, last: int) -> str:
        """Rows of a column as a formula of another sheet writes them."""
        from xlsxwriter.utility import xl_range_abs

        return f"'{self.name}'!{xl_range_abs(first, column, last, column)}"


@dataclass
class Written:
    """A frame that was written, on one sheet or several."""

    title: str
    columns: tuple[Column, ...]
    sheets: list[tuple[Sheet, int]] = field(default_factory=list)  # each with its last row
    rows: int = 0

    def ranges(self, name: str) -> list[str]:
        """Where a column lies, as formulas write it."""
        names = [column.name for column in self.columns]
        return [sheet.range(names.index(name), 1, last) for sheet, last in self.sheets]


class Book:
    """An Excel file that is being made; `making` gives one."""

    def __init__(self, made: Any, most_rows: int) -> None:  # noqa: ANN401 (xlsxwriter's)
        self._made = made
        self._most_rows = most_rows
        self._styles: dict[tuple[tuple[str, Any], ...], Any] = {}
        self._names = {"history"}  # Excel's own
        self._notes: list[str] = []
        self.cut = 0  # cells whose text was too long

    @property
    def notes(self) -> list[str]:
        """What a reader has to know of the file, as far as it is written."""
        return [*self._notes, *[CUT.format(self.cut)] * bool(self.cut)]

    def style(self, **properties: Any) -> Any:  # noqa: ANN401 (xlsxwriter's)
        """The look of a cell; the same properties give the same one."""
        key = tuple(sorted(properties.items()))
        if key not in self._styles:
            self._styles[key] = self._made.add_format({"valign": "top", **properties})
        return self._styles[key]

    def sheet(self, name: str) -> Sheet:
        """A new sheet, under that name or one like it."""
        name = self._free(name)
        made = self._made.add_worksheet(name)
        made.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})  # an id is no number
        made.set_paper(9)  # A4
        made.set_landscape()
        made.set_footer("&C&A: &P / &N")
        return Sheet(name, made)

    def text(self, sheet: Sheet, row: int, column: int, text: object, **look: Any) -> None:  # noqa: ANN401
        """Write text that stays text: no formula, no link, nothing that is not seen."""
        self._text(sheet.made, row, column, str(text), self.style(**look))

    def table(
        self,
        title: str,
        frame: pl.LazyFrame,
        *,
        money: Collection[str] = (),
        currency: str | None = None,
        heading: Callable[[str], str] = str,
    ) -> Written:
        """Write a frame to a sheet of its own, or to several where it has more rows than fit one.

        Args:
            title: what the sheet is called.
            frame: the rows; they are read some thousands at a time.
            money: the columns that are amounts.
            currency: the column that says their currencies.
            heading: what a column is called above it.
        """
        plan = plan_of(frame)
        written = Written(title, plan.columns)
        styles = self._styles_of(plan, money, currency)
        most = self._most_rows - 1
        for first in range(0, max(plan.rows, 1), most):
            count = min(plan.rows - first, most)
            sheet = self.sheet(title)
            self._heads(sheet, plan, heading, count)
            for start in range(first, first + count, BATCH):
                batch = plan.frame.slice(start, min(BATCH, first + count - start)).collect()
                self._rows(sheet.made, start - first + 1, batch, plan, styles)
                written.rows += batch.height
            written.sheets.append((sheet, max(count, 1)))
        self._note(written, plan)
        return written

    def _heads(self, sheet: Sheet, plan: Plan, heading: Callable[[str], str], rows: int) -> None:
        made = sheet.made
        for place, column in enumerate(plan.columns):
            head = heading(column.name)
            room = min(max(column.width + 1, len(head) + 4, NARROWEST), WIDEST)
            made.set_column(place, place, room)
            numbers = column.kind == "number", plan.columns[place - 1].kind == "number"
            side = {"align": "right"} if numbers[0] else INDENTED if place and numbers[1] else {}
            self.text(sheet, 0, place, head, **HEAD, **side)
        if len(plan.columns) <= ON_PAPER:
            made.fit_to_pages(1, 0)
        made.freeze_panes(1, 0)
        made.repeat_rows(0)
        made.autofilter(0, 0, max(rows, 1), max(len(plan.columns) - 1, 0))

    def _styles_of(self, plan: Plan, money: Collection[str], currency: str | None) -> _Styles:
        """The look of each column; that of amounts goes by the row's currency."""
        names = plan.frame.collect_schema().names()
        given = {column.name: column.source for column in plan.columns if column.kind != "exact"}
        source = given.get(currency) if currency else None
        looks: dict[object, list[Any]] = {}

        def of(code: str | None) -> list[Any]:
            if code not in looks:
                kinds = ["text", *(column.kind for column in plan.columns)]
                looks[code] = [
                    self._look(column, money, code, after_number=kind == "number")
                    for column, kind in zip(plan.columns, kinds, strict=False)
                ]
            return looks[code]

        return _Styles(None if source is None else names.index(source), of)

    def _look(
        self, column: Column, money: Collection[str], currency: str | None, *, after_number: bool
    ) -> Any:  # noqa: ANN401 (xlsxwriter's)
        if column.kind in NUMBERS:
            return self.style(num_format=NUMBERS[column.kind], align="left")
        if column.kind == "number" and column.name in money:
            return self.style(num_format=money_format(currency))
        if column.kind == "number" and IS_PRICE.search(column.name):
            return self.style(num_format=PRICE)
        return self.style(**INDENTED) if after_number and column.kind == "text" else self.style()

    def _rows(
        self,
        made: Any,  # noqa: ANN401 (xlsxwriter's)
        row: int,
        batch: pl.DataFrame,
        plan: Plan,
        styles: _Styles,
    ) -> None:
        cells = cells_of(batch, plan.columns)
        puts = [
            self._put(made, column, cells[:, place]) for place, column in enumerate(plan.columns)
        ]
        codes = [None] * batch.height if styles.place is None else batch[:, styles.place]
        for code, values in zip(codes, cells.iter_rows(), strict=True):
            for place, (put, value, style) in enumerate(
                zip(puts, values, styles.of(code), strict=True)
            ):
                if value is not None:
                    put(row, place, value, style)
            row += 1

    def _put(self, made: Any, column: Column, cells: pl.Series) -> Callable[..., Any]:  # noqa: ANN401
        """What writes the values of a column: (row, column, value, style)."""
        if column.kind == "text" and not is_plain(cells):
            return lambda *given: self._text(made, *given)
        writer = {"text": "write_string", "exact": "write_string", "flag": "write_boolean"}
        put: Callable[..., Any] = getattr(made, writer.get(column.kind, "write_number"))
        return put

    def _text(self, made: Any, row: int, column: int, text: str, style: Any) -> None:  # noqa: ANN401
        text = visible(text)
        if (
            2 * len(text) > MOST_LETTERS
            and len(units := text.encode("utf-16-le")) > 2 * MOST_LETTERS
        ):
            self.cut += 1
            text = units[: 2 * MOST_LETTERS - 2].decode("utf-16-le", "ignore") + "…"
        if text.startswith("<r>"):  # xlsxwriter would take it for markup that is done already
            made.write_rich_string(row, column, "<", self.style(), text[1:], style)
        else:
            made.write_string(row, column, text, style)

    def _note(self, written: Written, plan: Plan) -> None:
        if len(written.sheets) > 1:
            names = ", ".join(sheet.name for sheet, _ in written.sheets)
            self._notes.append(
                f"{written.title} has {written.rows:,} rows, and a sheet takes "
                f"{self._most_rows - 1:,}: they go on from sheet to sheet ({names})."
            )
        if plan.left_out:
            self._notes.append(
                f"{written.title} has {plan.left_out:,} more columns than a sheet takes; they are "
                "not here."
            )

    def _free(self, name: str) -> str:
        """A name that no sheet has yet, in any case, and that needs no care in formulas."""
        base = UNNAMED.sub("_", visible(name)).strip(" '.-")[:LONGEST_NAME] or "Sheet"
        free, number = base, 1
        while free.casefold() in self._names:
            number += 1
            end = f" ({number})"
            free = base[: LONGEST_NAME - len(end)].rstrip() + end
        self._names.add(free.casefold())
        return free


@dataclass(frozen=True, slots=True)
class _Styles:
    """The looks of the cells of a row, by its currency; `place`: where the frame says that."""

    place: int | None
    of: Callable[[str | None], list[Any]]


@contextlib.contextmanager
def making(
    path: Path, *, created: dt.date | None = None, title: str = "", most_rows: int = MOST_ROWS
) -> Iterator[Book]:
    """An Excel file to write to; one that is at `path` gives way to it if nothing went wrong.

    Raises:
        ValueError: `path` is a folder, or its folder does not exist.
        OSError: it cannot be written; a file that was there stays as it was.
    """
    import xlsxwriter

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with (
        tempfile.TemporaryDirectory(prefix="invoicekit-", ignore_cleanup_errors=True) as room,
        writing(path) as file,
    ):
        packed = Path(room) / "book"  # xlsxwriter leaves a stream that fails in disorder
        made = xlsxwriter.Workbook(packed, {**options, "tmpdir": room})
        made.set_properties({"title": visible(title), "created": _instant(created)})
        try:
            yield Book(made, most_rows)
            if sum(part.stat().st_size for part in Path(room).iterdir()) > LARGE:
                made.use_zip64()
            made.close()
            with packed.open("rb") as whole:
                shutil.copyfileobj(whole, file)
        except xlsxwriter.exceptions.FileCreateError as cause:  # its name for what the disk says
            raise cause.args[0] from cause
        finally:
            for sheet in made.worksheets():
                sheet.row_data_fh.close()  # Windows removes no file that is open


def money_format(currency: str | None) -> str:
    """How an amount of a currency looks.

    >>> money_format("USD"), money_format("JPY")
    ('#,##0.00;[Red]-#,##0.00', '#,##0;[Red]-#,##0')
    """
    decimals = decimals_of(currency)
    amount = "#,##0" + ("." + "0" * decimals if decimals else "")
    return f"{amount};[Red]-{amount}"


def _instant(day: dt.date | None) -> dt.datetime:
    return UNDATED if day is None else dt.datetime.combine(day, dt.time())

"""CSV files to typed frames: surveyed whole, then typed by the same casts as every other source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from invoicekit.errors import FrameError, warn
from invoicekit.frames.casts import type_columns
from invoicekit.frames.decode import OURS, column_for
from invoicekit.frames.notices import numbers_that_did_not_fit, undocumented
from invoicekit.frames.numbers import AS_SENT
from invoicekit.frames.schema import Column, Kind, Type, snake
from invoicekit.sources.files.csv_rows import Rows, Sheet
from invoicekit.sources.files.finding import AGAIN
from invoicekit.sources.files.forms import (
    DateForms,
    DateOrder,
    DecimalSign,
    Numbers,
    dates_as_ours,
    numbers_as_ours,
    odd_numbers,
)
from invoicekit.sources.files.spoiled import Spoiled

SMALL = 64 << 20  # bytes of a file whose rows are read once and held until they are typed
NOTHING = pl.Series([None], dtype=pl.String)


@dataclass(frozen=True, slots=True)
class Survey:
    """What the whole of a file says of its forms."""

    kind: Kind
    columns: tuple[Column | None, ...]  # as the header has them; `None` where one has no name
    decimal: DecimalSign
    dates: DateOrder
    rows: tuple[Rows, ...] | None  # all of them, of a file that is not large

    @property
    def extra(self) -> list[Column]:
        """The columns that are not documented."""
        known = {column.name for column in self.kind.columns}
        return [column for column in self.columns if column and column.name not in known]


def survey(sheet: Sheet, decimal: DecimalSign | None, dates: DateOrder | None) -> Survey:
    """Read a sheet once: its decimal sign, the order of day and month, what was spoiled.

    A warning says what a spreadsheet has changed, and where.

    Raises:
        FrameError: a form is ambiguous, or there are two of it.
    """
    wires = [wire.replace(" ", "_") for wire in sheet.header]
    columns = tuple(column_for(sheet.kind, wire) if wire else None for wire in wires)
    seen, blank = _Seen(sheet), 0
    kept: list[Rows] = []
    for rows in sheet.batches():
        blank += rows.blank
        if sheet.look.size <= SMALL:
            kept.append(rows)
        for at, column in enumerate(columns):
            seen.see(at, column, rows)
    found = Survey(
        sheet.kind,
        columns,
        seen.numbers.decide(sheet.file.name, sheet.delimiter, decimal),
        seen.dates.decide(sheet.file.name, dates),
        tuple(kept) or None,
    )
    for notice in (seen.spoiled.told(sheet.file.name), _saved_again(sheet, found, blank)):
        if notice:
            warn(notice)
    return found


class _Seen:
    """What the columns of a sheet say, as its rows come."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self.numbers, self.dates, self.spoiled = Numbers(), DateForms(), Spoiled()

    def see(self, at: int, column: Column | None, rows: Rows) -> None:
        """Take some cells of the column at a place of the header; `None` is one without a name."""
        cells = rows.cells.to_series(at)

        def where(value: str) -> str:
            return self._sheet.where(rows.numbers[(cells == value).arg_max() or 0])

        if column is None:
            if (cells != "").any():
                place = self._sheet.where(rows.numbers[(cells != "").arg_max() or 0])
                raise FrameError(f"{place}: a cell in column {at + 1}, which has no name")
        elif isinstance(column.type.dtype, pl.Decimal):
            self.spoiled.see_numbers(column.wire, cells, rows.numbers)
            self.numbers.see(column.wire, odd_numbers(cells), where)
        elif column.type.dtype.is_temporal():
            self.dates.see(column.wire, cells.unique(maintain_order=True), where)
        else:
            self.spoiled.see_texts(column.wire, column.name, cells, rows.numbers)


def frames(
    sheet: Sheet, found: Survey, pair: tuple[str, str], number: int
) -> Iterator[pl.DataFrame]:
    """The rows as frames of the sheet's kind, some thousand rows each; `number` is the page's.

    Raises:
        FrameError: a cell is not of its column's type; row and column are named.
    """
    kind, lines = sheet.kind, 0
    lost: list[int] = []
    documented = {column.name for column in kind.columns} | {one.name for one in found.extra}
    unfit: dict[str, int] = {}
    for rows in found.rows or sheet.batches():

        def where(index: int, rows: Rows = rows) -> str:
            return sheet.where(rows.numbers[index])

        frame = type_columns(_texts(sheet, found, rows), where)
        lines += frame.height
        for name in frame.columns:
            if name not in documented:
                unfit[name] = unfit.get(name, 0) + frame.height - frame[name].null_count()
                frame = frame.with_columns(_as_sent(frame[name], found, rows))
        lost += [rows.numbers[at] for at in _without_currency(kind, frame)]
        has_invoice = "invoice_number" in frame.columns
        ours = {
            "invoice_id": pl.col("invoice_number") if has_invoice else pl.lit(None),
            "object_type": pl.lit(kind.object_type),
            "asked_provider": pl.lit(pair[0]),
            "asked_line_item_type": pl.lit(pair[1]),
            "page": pl.lit(number),
        }
        yield frame.select(
            *(value.cast(OURS[name]).alias(name) for name, value in ours.items()), *frame.columns
        )
    if lost:
        warn(
            f"{sheet.file.name}: an amount without a currency, as no line of the portal has it, in "
            f"rows: {len(lost):,} (the first is row {lost[0]:,}). A sum that somebody has added?"
        )
    if unfit:
        warn(numbers_that_did_not_fit(sheet.file.name, unfit))
    former = set(map(snake, kind.former.split()))
    extra = sorted({column.name for column in found.extra} - former)
    if lines and (notice := undocumented(kind, lines, extra)):
        warn(f"{sheet.file.name}: {notice}")


def _as_sent(text: pl.Series, found: Survey, rows: Rows) -> pl.Series:
    """The numbers that did not fit as the file has them, where they stand in our form."""
    name = text.name.removesuffix(AS_SENT)
    places = [at for at, column in enumerate(found.columns) if column and column.name == name]
    if len(places) > 1:  # either may have the number
        return text
    return rows.cells.to_series(places[0]).zip_with(text.is_not_null(), text).alias(text.name)


def _without_currency(kind: Kind, frame: pl.DataFrame) -> pl.Series:
    """Where rows have an amount that counts, and nothing to count it in."""
    amount, currency = (kind.roles.get(name, name) for name in ("subtotal", "currency"))
    if amount is None or currency is None:
        return pl.Series(dtype=pl.UInt32)
    return (frame[amount].is_not_null() & frame[currency].is_null()).arg_true()


def _texts(sheet: Sheet, found: Survey, rows: Rows) -> Iterator[tuple[str, Type, pl.Series]]:
    """The documented columns in their order, empty where the file has none; then what else is."""
    height = rows.cells.height
    cells = [(column, rows.cells.to_series(at)) for at, column in enumerate(found.columns)]
    for column in sheet.kind.columns:
        mine = [(one, text) for one, text in cells if one and one.name == column.name]
        for one, text in mine:
            yield one.name, one.type, _as_ours(one, text, found)
        if not mine:
            yield column.name, column.type, NOTHING.new_from_index(0, height)
    for column in found.extra:
        text = next(text for one, text in cells if one is column)
        yield column.name, column.type, text


def _as_ours(column: Column, text: pl.Series, found: Survey) -> pl.Series:
    """The cells in our form of numbers and dates; an empty one of these is none."""
    if isinstance(column.type.dtype, pl.Decimal):
        text = numbers_as_ours(text, found.decimal)
    elif column.type.dtype.is_temporal():
        text = dates_as_ours(text, found.dates)
    else:
        return text
    return text.zip_with(text != "", NOTHING.new_from_index(0, len(text)))


def _saved_again(sheet: Sheet, found: Survey, blank: int) -> str | None:
    """What is not as the portal writes it, in words."""
    signs = {
        "semicolons between the cells": sheet.delimiter == ";",
        "tabs between the cells": sheet.delimiter == "\t",
        "decimal commas": found.decimal == ",",
        "dates that begin with the day": found.dates == "dmy",
        "text in UTF-16": sheet.look.encoding == "utf-16",
        "letters of Windows-1252 (look at names with accents)": sheet.look.encoding == "cp1252",
        f"{blank:,} rows without any value (left out)": blank,
    }
    words = [sign for sign, there in signs.items() if there]
    if not words:
        return None
    return (
        f"{sheet.file.name} is not as the portal writes it, but has {', '.join(words)}: a "
        f"spreadsheet has saved it, and may have rounded numbers. {AGAIN.capitalize()} to be sure"
    )

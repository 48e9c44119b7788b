"""Rows of some pages, put by to be typed together: polars is cheaper by the thousand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import polars as pl

from invoicekit.frames.kinds import Column
from invoicekit.frames.typed import type_columns
from invoicekit.frames.wire import Row, layout_of, text_of

HANDFUL = 500  # rows turned into text at once: few enough that the processor's cache holds them


@dataclass(frozen=True, slots=True)
class Place:
    """Where the rows of one page stand, for the message of an error."""

    collection: str
    page: int
    numbers: Sequence[int] | None = None  # their numbers on the page, where some stand elsewhere

    def of(self, index: int) -> str:
        """The place of one row, in words."""
        number = index if self.numbers is None else self.numbers[index]
        return f"page {self.page} of {self.collection}, row {number + 1}"


class Batch:
    """Rows of one kind, column by column, and the pages that they came from."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self.columns = columns
        self.pages: list[tuple[bytes, Place, int]] = []
        self._texts: list[pl.DataFrame] = []

    @property
    def height(self) -> int:
        """How many rows there are."""
        return sum(rows for _, _, rows in self.pages)

    @property
    def page_numbers(self) -> pl.Series:
        """The number of the page that each row came from."""
        numbers = [[place.page] * rows for _, place, rows in self.pages]
        return pl.Series([number for page in numbers for number in page], dtype=pl.Int32)

    def add(self, rows: list[Row], body: bytes, place: Place) -> None:
        """Take the rows of a page out of the list `rows`, a handful at a time.

        Raises:
            NestedError: a column is to be read as it stands on the wire.
        """
        self.pages.append((body, place, len(rows)))
        layout = layout_of(self.columns)
        while rows:
            values = zip(self.columns, layout.values_of(rows[:HANDFUL]), strict=True)
            del rows[:HANDFUL]
            self._texts.append(pl.DataFrame([text_of(*column) for column in values]))
            del values

    def again(self, columns: tuple[Column, ...]) -> Batch:
        """The same rows, read by another layout."""
        batch = Batch(columns)
        for body, place, _ in self.pages:
            batch.add(layout_of(columns).rows(body), body, place)
        return batch

    def typed(self) -> pl.DataFrame:
        """The rows as a frame of their columns' types.

        Raises:
            FrameError: a value cannot be typed; the message names its place, never the value.
        """
        empty = pl.DataFrame(schema={column.wire: pl.String for column in self.columns})
        read = pl.concat(self._texts or [empty], rechunk=True)
        texts = [
            (column.name, column.type, text)
            for column, text in zip(self.columns, read, strict=True)
        ]
        return type_columns(texts, self._where)

    def _where(self, index: int) -> str:
        ends = accumulate(rows for _, _, rows in self.pages)
        for (_, place, rows), end in zip(self.pages, ends, strict=True):
            if index < end:
                return place.of(index - end + rows)
        raise IndexError(index)

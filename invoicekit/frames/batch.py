"""Rows of some pages, put by to be typed together: polars is cheaper by the thousand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import polars as pl

from invoicekit.frames.duplicates import may_repeat, repeated
from invoicekit.frames.kinds import Column
from invoicekit.frames.typed import type_columns
from invoicekit.frames.wire import BETWEEN, MISSING, Row, layout_of, raws_of, text_of

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


@dataclass(frozen=True, slots=True)
class Source:
    """Where rows came from: a page's body, that body without its rows, and their number."""

    body: bytes
    envelope: bytes
    place: Place
    rows: int


class Batch:
    """Rows of one kind, column by column, and the pages that they came from."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self.columns = columns
        self.sources: list[Source] = []
        self._texts: list[pl.DataFrame] = []
        self._nested: list[bytes] = []  # the values that stand as on the wire
        self._fields = 0  # how many of those there are

    @property
    def height(self) -> int:
        """How many rows there are."""
        return sum(source.rows for source in self.sources)

    @property
    def page_numbers(self) -> pl.Series:
        """The number of the page that each row came from."""
        numbers = [[source.place.page] * source.rows for source in self.sources]
        return pl.Series([number for page in numbers for number in page], dtype=pl.Int32)

    def add(self, rows: list[Row], body: bytes, envelope: bytes, place: Place) -> None:
        """Take the rows of a page out of the list `rows`, a handful at a time.

        Raises:
            NestedError: a column is to be read as it stands on the wire.
        """
        self.sources.append(Source(body, envelope, place, len(rows)))
        layout = layout_of(self.columns)
        while rows:
            columns = list(zip(self.columns, layout.values_of(rows[:HANDFUL]), strict=True))
            del rows[:HANDFUL]
            texts = (text_of(*column) for column in columns)
            self._texts.append(
                pl.DataFrame({f"f{number}": text for number, text in enumerate(texts)})
            )
            for raws in (raws_of(values) for column, values in columns if column.raw):
                self._nested.append(BETWEEN.join(raws))
                self._fields += len(raws) - raws.count(b"")
            del columns

    def again(self, columns: tuple[Column, ...]) -> Batch:
        """The same rows, read by another layout."""
        batch = Batch(columns)
        for source in self.sources:
            rows = layout_of(columns).rows(source.body)
            batch.add(rows, source.body, source.envelope, source.place)
        return batch

    def repeated(self) -> Iterator[tuple[str, str]]:
        """Each field that a row has twice, after the row's place in words."""
        fields = self._fields + self._read.height * sum(not column.raw for column in self.columns)
        missing = sum(self._missing)
        bodies = [source.body for source in self.sources]
        beside = [*(source.envelope for source in self.sources), *self._nested]
        if may_repeat(bodies, beside, fields - missing):
            for source in self.sources:
                for index, wire in repeated(source.body):
                    yield source.place.of(index), wire

    def typed(self) -> pl.DataFrame:
        """The rows as a frame of their columns' types.

        Raises:
            FrameError: a value cannot be typed; the message names its place, never the value.
        """
        read = self._read.with_columns(
            pl.when(pl.col(name) != MISSING).then(name)
            for name, missing in zip(self._read.columns, self._missing, strict=True)
            if missing
        )
        texts = [
            (column.name, column.type, text)
            for column, text in zip(self.columns, read, strict=True)
        ]
        return type_columns(texts, self._where)

    @cached_property
    def _read(self) -> pl.DataFrame:
        """The columns as text, named by their number: a field's own name may be an expression."""
        names = [f"f{number}" for number in range(len(self.columns))]
        empty = pl.DataFrame(schema=dict.fromkeys(names, pl.String))
        return pl.concat(self._texts or [empty], rechunk=True)

    @cached_property
    def _missing(self) -> tuple[int, ...]:
        """How many rows have not the field, of each column that is not raw (of those: 0)."""
        return self._read.select((pl.all() == MISSING).sum()).row(0) if self.columns else ()

    def _where(self, index: int) -> str:
        ends = accumulate(source.rows for source in self.sources)
        for source, end in zip(self.sources, ends, strict=True):
            if index < end:
                return source.place.of(index - end + source.rows)
        raise IndexError(index)

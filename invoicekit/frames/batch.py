"""Buffers rows of several pages so that polars casts them in one call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import polars as pl

from invoicekit.frames.casts import type_columns
from invoicekit.frames.duplicates import may_repeat, repeated
from invoicekit.frames.json_rows import (
    BETWEEN,
    MISSING,
    Row,
    is_text,
    layout_of,
    raws_of,
    texts_in,
    texts_of,
)
from invoicekit.frames.schema import Column


@dataclass(frozen=True, slots=True)
class Place:
    """Where some rows of one page stand, for the message of an error."""

    collection: str
    page: int
    numbers: Sequence[int]  # their numbers on the page, counted from 0

    def of(self, index: int) -> str:
        """The place of one row, in words."""
        return f"page {self.page} of {self.collection}, row {self.numbers[index] + 1}"


class Batch:
    """Rows of one kind, column by column, and the pieces of pages that they came from."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self.columns = columns
        self.pieces: list[tuple[bytes, Place]] = []
        self._texts: list[pl.Series] = []  # of each piece, one column after the other
        self._mixed: set[int] = set()  # columns that have more than text
        self._raw = [number for number, column in enumerate(columns) if column.raw]
        self._nested: list[bytes] = []  # the values that stand as on the wire
        self._fields = 0  # how many of those there are

    @property
    def height(self) -> int:
        """How many rows there are."""
        return sum(len(place.numbers) for _, place in self.pieces)

    @property
    def page_numbers(self) -> pl.Series:
        """The number of the page that each row came from."""
        numbers = ([place.page] * len(place.numbers) for _, place in self.pieces)
        return pl.Series(list(chain.from_iterable(numbers)), dtype=pl.Int32)

    def add(self, rows: Sequence[Row], piece: bytes, place: Place) -> None:
        """Take the rows of a piece.

        Raises:
            NestedError: a column is to be read as it stands on the wire; nothing was taken.
        """
        values = layout_of(self.columns).values_of(rows)
        raws = [raws_of(values[number]) for number in self._raw]
        for number, raw in zip(self._raw, raws, strict=True):
            values[number] = texts_in(raw)
        self._texts.append(self._as_text(values))
        self.pieces.append((piece, place))
        self._nested += map(BETWEEN.join, raws)
        self._fields += sum(len(raw) - raw.count(b"") for raw in raws)

    def _as_text(self, values: list[Sequence[Any]]) -> pl.Series:
        """All columns one after the other: polars makes one series quicker than fifty."""
        for number in self._mixed:
            values[number] = texts_of(self.columns[number], values[number])
        try:
            return pl.Series(list(chain.from_iterable(values)), dtype=pl.String)
        except (TypeError, OverflowError):  # there is more than text and null among them
            self._mixed |= {n for n, column in enumerate(values) if not is_text(column)}
        return self._as_text(values)

    def repeated(self) -> Iterator[tuple[str, str]]:
        """Each field that a row has twice, after the row's place in words."""
        fields = self._fields + self.height * (len(self.columns) - len(self._raw))
        pieces = [piece for piece, _ in self.pieces]
        if may_repeat(pieces, self._nested, fields - sum(self._missing)):
            for piece, place in self.pieces:
                for index, wire in repeated(piece):
                    yield place.of(index), wire

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
        sizes = [len(place.numbers) for _, place in self.pieces]
        columns = []
        for number in range(len(self.columns)):
            parts = zip(self._texts, sizes, strict=True)
            texts = [text.slice(number * size, size) for text, size in parts]
            columns.append(pl.concat(texts, rechunk=True).alias(f"f{number}"))
        return pl.DataFrame(columns)

    @cached_property
    def _missing(self) -> tuple[int, ...]:
        """How many rows have not the field, of each column that is not raw (of those: 0)."""
        return self._read.select((pl.all() == MISSING).sum()).row(0) if self.columns else ()

    def _where(self, index: int) -> str:
        for _, place in self.pieces:
            if index < len(place.numbers):
                return place.of(index)
            index -= len(place.numbers)
        raise IndexError(index)

"""Buffers rows of several pages so that polars casts them in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import polars as pl

from invoicekit.frames.casts import type_columns
from invoicekit.frames.duplicates import may_repeat, repeated
from invoicekit.frames.json_rows import BETWEEN, Columns, is_text, raws_of, texts_in, texts_of
from invoicekit.frames.schema import Column

AT_ONCE = 8  # pieces looked at together, some MB: of more, the memory is slow to come by


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
    """Rows of one kind, and where they came from."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self.columns = columns
        self.places: list[Place] = []
        self._texts: list[pl.Series] = []  # of all columns, row after row
        self._mixed: set[int] = set()  # columns that have more than text
        self._raw = [number for number, column in enumerate(columns) if column.raw]
        self._pieces: list[bytes] = []  # not looked at for repeated fields
        self._nested: list[bytes] = []  # the values in them that stand as on the wire
        self._fields = 0  # how many fields the rows in them have
        self._repeated: list[tuple[str, str]] = []

    @property
    def height(self) -> int:
        """How many rows there are."""
        return sum(len(place.numbers) for place in self.places)

    @property
    def page_numbers(self) -> pl.Series:
        """The number of the page that each row came from."""
        numbers = ([place.page] * len(place.numbers) for place in self.places)
        return pl.Series(list(chain.from_iterable(numbers)), dtype=pl.Int32)

    def add(self, columns: Columns, piece: bytes, place: Place) -> None:
        """Take the rows of a piece, of which these are the columns.

        Raises:
            NestedError: a column is to be read as it stands on the wire; nothing was taken.
        """
        values = columns.values
        raws = [raws_of(values[number]) for number in self._raw]
        for number, raw in zip(self._raw, raws, strict=True):
            values[number] = texts_in(raw)
        self._texts.append(self._as_text(values))
        self.places.append(place)
        self._pieces.append(piece)
        self._nested += map(BETWEEN.join, raws)
        self._fields += len(place.numbers) * len(values) - columns.absent
        self._fields -= sum(raw.count(b"") for raw in raws)
        if len(self._pieces) == AT_ONCE:
            self._settle()

    def repeated(self) -> list[tuple[str, str]]:
        """Each field that a row has twice, after the row's place in words."""
        if self._pieces:
            self._settle()
        return self._repeated

    def _as_text(self, columns: list[Sequence[Any]]) -> pl.Series:
        """All columns one after the other: polars makes one series quicker than fifty."""
        for number in self._mixed:
            columns[number] = texts_of(self.columns[number], columns[number])
        texts: list[Any] = []
        for column in columns:  # quicker than a chain of them
            texts += column
        try:
            return pl.Series(texts, dtype=pl.String)
        except (TypeError, OverflowError):  # there is more than text and null among them
            self._mixed |= {n for n, column in enumerate(columns) if not is_text(column)}
        return self._as_text(columns)

    def _settle(self) -> None:
        """Note the fields that rows have twice.

        The pieces are dropped then: memory that is used again is much quicker than new.
        """
        if may_repeat(self._pieces, self._nested, self._fields):
            places = self.places[-len(self._pieces) :]
            for piece, place in zip(self._pieces, places, strict=True):
                self._repeated += ((place.of(index), wire) for index, wire in repeated(piece))
        self._pieces, self._nested, self._fields = [], [], 0

    def typed(self) -> pl.DataFrame:
        """The rows as a frame of their columns' types.

        Raises:
            FrameError: a value cannot be typed; the message names its place, never the value.
        """
        sizes = [len(place.numbers) for place in self.places]
        columns = []
        for number, column in enumerate(self.columns):
            parts = zip(self._texts, sizes, strict=True)
            texts = [text.slice(number * size, size) for text, size in parts]
            columns.append((column.name, column.type, pl.concat(texts, rechunk=True)))
        return type_columns(columns, self._where)

    def _where(self, index: int) -> str:
        for place in self.places:
            if index < len(place.numbers):
                return place.of(index)
            index -= len(place.numbers)
        raise IndexError(index)

"""Rows on the wire to columns of text, every character of every value kept.

msgspec hands a float literal over as its text (`float_hook=str`) and an integer as an exact `int`,
so no amount meets a binary float; lists and objects are cut out of the page as they stand (`Raw`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import attrgetter
from secrets import token_urlsafe
from typing import Any

import msgspec
import polars as pl

from invoicekit.frames.kinds import Column

ABSENT = msgspec.Raw(b"")
MISSING = token_urlsafe(9)  # stands for a field that a row has not; new each time, so no value's
Row = Any  # a msgspec.Struct whose fields are f0, f1, … in the order of the columns asked
TEXT = frozenset({str, type(None)})
SIMPLE = TEXT | {int}
FLAGS = frozenset({bool, type(None)})
BETWEEN = b"\x1f"  # no good JSON has it: a control character is escaped within text
A_LOOK = 8  # values that tell that there is more than text
FITS = 2**63


class Items(msgspec.Struct):
    """A page as rows not yet looked into."""

    items: list[msgspec.Raw]


items_of = msgspec.json.Decoder(Items)
fields_of = msgspec.json.Decoder(dict[str, msgspec.Raw])


class NestedError(Exception):
    """A list or an object stands where text was expected; `column` is to be read as it stands."""

    def __init__(self, column: Column) -> None:
        super().__init__(column.wire)
        self.column = column


class Layout:
    """Reads rows that have the given columns and no other."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        names = [f"f{number}" for number in range(len(columns))]
        row = msgspec.defstruct(
            "Row",
            [
                (name, msgspec.Raw, ABSENT) if column.raw else (name, Any, MISSING)
                for name, column in zip(names, columns, strict=True)
            ],
            rename=dict(zip(names, (column.wire for column in columns), strict=True)),
            forbid_unknown_fields=True,
            gc=False,
        )
        page = msgspec.defstruct("Page", [("items", list[row])])  # type: ignore[valid-type]
        self._decoder = msgspec.json.Decoder(page, float_hook=str)
        self.columns = columns
        at = [number for number, column in enumerate(columns) if column.wire == "attributes"]
        self._attributes = attrgetter(names[at[0]]) if at else None

    def rows(self, body: bytes) -> list[Row]:
        """The rows of a page.

        Raises:
            msgspec.ValidationError: a row has a field that is not among the columns.
        """
        page: Any = self._decoder.decode(body)
        rows: list[Row] = page.items
        return rows

    def attributes_of(self, rows: Sequence[Row]) -> set[bytes] | None:
        """What the rows have for `attributes`, each once; `None` where that is no column."""
        if self._attributes is None:
            return None
        return set(raws_of(list(map(self._attributes, rows))))

    def values_of(self, rows: Sequence[Row]) -> Iterable[tuple[Any, ...]]:
        """The values of the rows, column by column."""
        if not rows:
            return [()] * len(self.columns)
        return zip(*map(msgspec.structs.astuple, rows), strict=True)


@lru_cache(maxsize=256)
def layout_of(columns: tuple[Column, ...]) -> Layout:
    """The layout for these columns, made once."""
    return Layout(columns)


def text_of(column: Column, values: Sequence[Any]) -> pl.Series:
    """The values of a column as text, `MISSING` where a row has not the field.

    Raises:
        NestedError: a list or an object is among those of a column of text.
    """
    if column.raw:
        raws = raws_of(values)
        texts = {raw: _text_in(raw) for raw in set(raws)}  # few are different
        return pl.Series("", list(map(texts.__getitem__, raws)), dtype=pl.String)
    if TEXT.issuperset(map(type, values[:A_LOOK])):  # else it would be tried in vain
        try:
            return pl.Series("", values, dtype=pl.String)
        except (TypeError, OverflowError):  # there is more than text and null among them
            pass
    kinds = set(map(type, values))
    if kinds <= FLAGS:
        return pl.Series("", values, dtype=pl.Boolean).cast(pl.String)
    if kinds <= SIMPLE:
        return _numbers_too(values, kinds)
    if column.type.dtype == pl.String and not kinds.isdisjoint({dict, list}):
        raise NestedError(column)
    # A nested value in a typed column becomes some text that no cast will take: an error, later.
    return pl.Series("", values, dtype=pl.String, strict=False)


def _numbers_too(values: Sequence[Any], kinds: set[type]) -> pl.Series:
    """Texts and whole numbers as text."""
    if kinds == {int} and -FITS <= min(values) <= max(values) < FITS:
        return pl.Series("", values, dtype=pl.Int64).cast(pl.String)
    words: list[str | None] = list(map(str, values))
    if type(None) in kinds:
        words = [None if value is None else word for value, word in zip(values, words, strict=True)]
    return pl.Series("", words, dtype=pl.String)


def raws_of(values: Sequence[Any]) -> list[bytes]:
    """Raw values as bytes; joined and cut again, for that is quicker than one by one."""
    raws = BETWEEN.join(values).split(BETWEEN)
    return raws if len(raws) == len(values) else list(map(bytes, values))


def _text_in(raw: bytes) -> str | None:
    """The text of a raw value: a string's own, anything else as it stands on the wire."""
    if not raw or raw == b"null":
        return None
    if raw.startswith(b'"'):
        return msgspec.json.decode(raw, type=str)
    return raw.decode()

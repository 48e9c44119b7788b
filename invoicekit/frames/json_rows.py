"""Rows on the wire to columns of text, every character of every value kept.

msgspec hands a float literal over as its text (`float_hook`) and an integer as an exact `int`,
so no amount meets a binary float; lists and objects are cut out of the page as they stand (`Raw`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, repeat
from operator import length_hint
from sys import maxsize
from threading import get_ident
from typing import Any, NamedTuple

import msgspec
import polars as pl

from invoicekit.frames.schema import Column

ABSENT = msgspec.Raw(b"")
TEXT = frozenset({str, type(None)})
SIMPLE = TEXT | {int}
VERY_TEXT = str.lstrip  # gives a number's text back as it is, and is called quicker than `str`
MOST_WORDS = 10_000  # integers whose texts are remembered
BETWEEN = b"\x1f"  # no good JSON has it: a control character is escaped within text


items_of = msgspec.json.Decoder(list[msgspec.Raw])
fields_of = msgspec.json.Decoder(dict[str, msgspec.Raw])


class NestedError(Exception):
    """A list or an object stands where text was expected; `column` is to be read as it stands."""

    def __init__(self, column: Column) -> None:
        super().__init__(column.wire)
        self.column = column


class Columns(NamedTuple):
    """The values of some rows, column by column, and how many fields the rows have not.

    Fields that are to stand as on the wire are not counted: where they are not, nothing stands.
    """

    values: list[Sequence[Any]]
    absent: int


class Layout:
    """Reads rows that have the given columns and no other, on one thread."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        # A field that a row has not is null, as a null is; so it is counted where it is made up.
        self._absent = repeat(None, maxsize)
        nothing = msgspec.field(default_factory=self._absent.__next__)
        names = [f"f{number}" for number in range(len(columns))]
        row = msgspec.defstruct(
            "Row",
            [
                (name, msgspec.Raw, ABSENT) if column.raw else (name, Any, nothing)
                for name, column in zip(names, columns, strict=True)
            ],
            rename=dict(zip(names, (column.wire for column in columns), strict=True)),
            forbid_unknown_fields=True,
            gc=False,
        )
        self._decoder = msgspec.json.Decoder(list[row], float_hook=VERY_TEXT)  # type: ignore[valid-type]
        self._width = len(columns)
        at = [number for number, column in enumerate(columns) if column.wire == "attributes"]
        self._attributes = at[0] if at else None

    def columns_in(self, piece: bytes) -> Columns:
        """The values in a list of rows.

        Raises:
            msgspec.ValidationError: a row has a field that is not among the columns.
        """
        before = length_hint(self._absent)
        rows = self._decoder.decode(piece)
        absent = before - length_hint(self._absent)
        flat = list(chain.from_iterable(map(msgspec.structs.astuple, rows)))
        return Columns([flat[number :: self._width] for number in range(self._width)], absent)

    def attributes_in(self, columns: Columns) -> set[bytes] | None:
        """What these columns have for `attributes`, each once; `None`: that is no column."""
        if self._attributes is None:
            return None
        return set(raws_of(columns.values[self._attributes]))


def layout_of(columns: tuple[Column, ...]) -> Layout:
    """The layout for these columns, made once a thread: a layout counts what it reads."""
    return _layout_of(columns, get_ident())


@lru_cache(maxsize=256)
def _layout_of(columns: tuple[Column, ...], _thread: int) -> Layout:
    return Layout(columns)


def is_text(values: Sequence[Any]) -> bool:
    """Whether there are texts and nulls alone."""
    return TEXT.issuperset(map(type, values))


def texts_of(column: Column, values: Sequence[Any]) -> Sequence[str | None]:
    """The values of a column as text.

    Raises:
        NestedError: a list or an object is among those of a column of text.
    """
    kinds = set(map(type, values))
    if kinds <= TEXT:
        return values
    if kinds <= SIMPLE:
        if str not in kinds:
            return list(map(_WORDS.__getitem__, values))
        return [value if type(value) is str else _WORDS[value] for value in values]
    if column.type.dtype == pl.String and not kinds.isdisjoint({dict, list}):
        raise NestedError(column)
    # A nested value in a typed column becomes some text that no cast will take: an error, later.
    return [value if type(value) in TEXT else _word(value) for value in values]


class _Words(dict[int | None, str | None]):
    """The texts of integers, which are quicker found again than made again."""

    def __missing__(self, value: int | None) -> str | None:
        word = None if value is None else str(value)
        if len(self) < MOST_WORDS:
            self[value] = word
        return word


_WORDS = _Words()


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def texts_in(raws: Sequence[bytes]) -> list[str | None]:
    """The texts of values as they stand on the wire."""
    texts = {raw: _text_in(raw) for raw in set(raws)}  # few are different
    return list(map(texts.__getitem__, raws))


def raws_of(values: Sequence[Any]) -> list[bytes]:
    """Raw values as bytes; joined and cut again, for that is quicker than one by one."""
    joined = BETWEEN.join(values)
    first = joined.partition(BETWEEN)[0]
    if joined == BETWEEN.join([first] * len(values)):  # they are all the same: most often
        return [first] * len(values)
    raws = joined.split(BETWEEN)
    return raws if len(raws) == len(values) else list(map(bytes, values))


def _text_in(raw: bytes) -> str | None:
    """The text of a raw value: a string's own, anything else as it stands on the wire."""
    if not raw or raw == b"null":
        return None
    if raw.startswith(b'"'):
        return msgspec.json.decode(raw, type=str)
    return raw.decode()

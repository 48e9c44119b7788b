"""Rows on the wire to columns of text, every character of every value kept.

msgspec hands a float literal over as its text (`float_hook=str`) and an integer as an exact `int`,
so no amount meets a binary float; lists and objects are cut out of the page as they stand (`Raw`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec
import polars as pl

from invoicekit.frames.kinds import Column

ABSENT = msgspec.Raw(b"")
Row = Any  # a msgspec.Struct whose fields are f0, f1, … in the order of the columns asked


class Items(msgspec.Struct):
    """A page as rows not yet looked into."""

    items: list[msgspec.Raw]


items_of = msgspec.json.Decoder(Items)
fields_of = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Layout:
    """Reads rows that have the given columns and no other."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        names = [f"f{number}" for number in range(len(columns))]
        row = msgspec.defstruct(
            "Row",
            [
                (name, msgspec.Raw, ABSENT) if column.raw else (name, Any, None)
                for name, column in zip(names, columns, strict=True)
            ],
            rename=dict(zip(names, (column.wire for column in columns), strict=True)),
            forbid_unknown_fields=True,
            gc=False,
        )
        page = msgspec.defstruct("Page", [("items", list[row])])  # type: ignore[valid-type]
        self._decoder = msgspec.json.Decoder(page, float_hook=str)
        self.columns = columns
        self.getters = [attrgetter(name) for name in names]

    def rows(self, body: bytes) -> Sequence[Row]:
        """The rows of a page.

        Raises:
            msgspec.ValidationError: a row has a field that is not among the columns.
        """
        page: Any = self._decoder.decode(body)
        rows: Sequence[Row] = page.items
        return rows


layout_of = lru_cache(maxsize=256)(Layout)


def text_of(layout: Layout, rows: Sequence[Row], body: bytes) -> list[pl.Series]:
    """One series of text a column; rows that had no such field are null."""
    texts: list[pl.Series | None] = []
    nested: list[int] = []
    for number, (column, getter) in enumerate(zip(layout.columns, layout.getters, strict=True)):
        values = list(map(getter, rows))
        if column.raw:
            values = list(map(text_in, values))
        series = _series(column, values)
        if series is None:
            nested.append(number)
        texts.append(series)
    if nested:  # a list or an object where text was expected: cut it out of the page as it stands
        columns = tuple(
            replace(column, raw=True) if number in nested else column
            for number, column in enumerate(layout.columns)
        )
        again = layout_of(columns)
        return text_of(again, again.rows(body), body)
    return [series for series in texts if series is not None]


def text_in(raw: msgspec.Raw) -> str | None:
    """The text of a raw value: a string's own, anything else as it stands on the wire."""
    text = bytes(raw)
    if not text or text == b"null":
        return None
    if text.startswith(b'"'):
        return msgspec.json.decode(text, type=str)
    return text.decode()


def _series(column: Column, values: list[Any]) -> pl.Series | None:
    """The values as text, or `None` where a list or an object is among those of a text column."""
    if column.type.dtype == pl.String:
        try:
            return pl.Series(column.wire, values, dtype=pl.String)
        except TypeError:  # numbers or booleans among them, or something nested
            if any(isinstance(value, dict | list) for value in values):
                return None
    # A nested value in a typed column becomes some text that no cast will take: an error, later.
    return pl.Series(column.wire, values, dtype=pl.String, strict=False)

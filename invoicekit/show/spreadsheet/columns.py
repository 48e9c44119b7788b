"""How the columns of a frame become cells of a spreadsheet, and what it takes to keep them whole.

A spreadsheet has binary numbers of 15 digits, days counted from 1900, and text.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import polars as pl

DIGITS: Final = 15  # that a number of a spreadsheet keeps
EPOCH: Final = dt.date(1899, 12, 30)  # its day 0
FIRST_DAY, LAST_DAY = 61, 2_958_465  # before March 1900 Excel counts a day that never was
MICROSECONDS: Final = 86_400_000_000  # of a day
MOST_COLUMNS: Final = 16_384
BATCH: Final = 10_000  # rows in memory at once
MOST_LETTERS: Final = 32_767  # of a cell, in units of UTF-16
# Text that cannot be written as it is: what is not seen, and what the writer takes for markup.
CAREFUL: Final = r"[^ -~]|^<r>"
WIDTHS: Final = {"number": 14, "day": 11, "instant": 20, "flag": 7}

Kind = Literal["text", "number", "exact", "day", "instant", "flag"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a sheet: `source` is the frame's column, by its place there."""

    name: str
    source: str
    kind: Kind
    width: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a frame becomes: the columns in their order, and how many rows there are."""

    frame: pl.LazyFrame  # its columns called by their places: a name from outside can be a pattern
    columns: tuple[Column, ...]
    rows: int
    left_out: int = 0  # columns beyond what fits a sheet


def plan_of(frame: pl.LazyFrame) -> Plan:
    """How to write a frame; one pass over its rows, some thousands at a time.

    A number column gets a second one, `<name> (exact)`, if any of its numbers has more digits than
    a spreadsheet keeps. Days that a spreadsheet cannot count make their column text.
    """
    schema = frame.collect_schema()
    kinds = {f"c{n}": _kind(dtype) for n, dtype in enumerate(schema.dtypes())}
    placed = frame.rename(dict(zip(schema.names(), kinds, strict=True)))
    rows = placed.select(pl.len()).collect().item()
    asked = [
        (f"{source} {what}", how(pl.col(source)), of)
        for source, kind in kinds.items()
        for what, how, of in ASKED[kind]
    ]
    parts = [
        placed.slice(start, BATCH).select(how.alias(name) for name, how, _ in asked).collect()
        for start in range(0, max(rows, 1), BATCH)
    ]
    whole = pl.concat(parts).select(pl.lit(rows).alias("rows"), *(of(n) for n, _, of in asked))
    found = whole.row(0, named=True)
    columns: list[Column] = []
    for name, (source, kind) in zip(schema.names(), kinds.items(), strict=True):
        columns += _columns(name, source, kind, found)
    return Plan(placed, tuple(columns[:MOST_COLUMNS]), rows, max(len(columns) - MOST_COLUMNS, 0))


def cells_of(batch: pl.DataFrame, columns: Collection[Column]) -> pl.DataFrame:
    """Some rows as the values that are written, a column each."""
    made = (CELLS[column.kind](pl.col(column.source)) for column in columns)
    return batch.select(cell.alias(f"{n}") for n, cell in enumerate(made))


def is_plain(texts: pl.Series) -> bool:
    """Whether all texts can be written as they are."""
    longest = texts.str.len_bytes().max()
    fits = longest is None or int(str(longest)) <= MOST_LETTERS
    return fits and not texts.str.contains(CAREFUL).any()


def plain_text(number: pl.Expr) -> pl.Expr:
    """Decimals as text, with no zeros beyond need."""
    text = number.cast(pl.String).str.replace(r"(\.\d*?)0+$", "${1}")
    return text.str.strip_chars_end(".")


def _kind(dtype: pl.DataType) -> Kind:
    if dtype.is_numeric():
        return "number"
    kinds: Mapping[Any, Kind] = {pl.Date: "day", pl.Datetime: "instant", pl.Boolean: "flag"}
    return kinds.get(dtype.base_type(), "text")


def _is_long(number: pl.Expr) -> pl.Expr:
    """Whether it has more digits than a spreadsheet keeps; zeros at its ends are none."""
    digits = plain_text(number).str.replace_all(r"[-.]", "").str.strip_chars("0")
    return digits.str.len_bytes() > DIGITS


def _micros(instant: pl.Expr) -> pl.Expr:
    return instant.dt.epoch("us") + (dt.date(1970, 1, 1) - EPOCH).days * MICROSECONDS


def _days(day: pl.Expr) -> pl.Expr:
    return day.cast(pl.Date).to_physical().cast(pl.Int64) + (dt.date(1970, 1, 1) - EPOCH).days


# What has to be known of a column before it is written: of some rows, and of what that is of all.
_RANGE: Final = (
    ("first", lambda c: _days(c).min(), pl.min),
    ("last", lambda c: _days(c).max(), pl.max),
)
ASKED: Final[Mapping[str, tuple[tuple[str, Any, Any], ...]]] = {
    "text": (("width", lambda c: c.cast(pl.String).str.len_chars().max(), pl.max),),
    "number": (("long", lambda c: _is_long(c).any(), pl.any),),
    "day": _RANGE,
    "instant": (*_RANGE, ("timed", lambda c: (_micros(c) % MICROSECONDS != 0).any(), pl.any)),
    "flag": (),
}
CELLS: Final[Mapping[str, Any]] = {
    "text": lambda c: c.cast(pl.String),
    "number": lambda c: plain_text(c).cast(pl.Float64),
    "exact": lambda c: pl.when(_is_long(c)).then(plain_text(c)),
    "day": _days,
    "instant": lambda c: _micros(c) / MICROSECONDS,
    "flag": lambda c: c,
}


def _columns(name: str, source: str, kind: Kind, found: Mapping[str, Any]) -> list[Column]:
    said = {what: found[f"{source} {what}"] for what, *_ in ASKED[kind]}
    column = Column(name, source, kind, said.get("width") or WIDTHS.get(kind, 0))
    if said.get("long"):
        return [column, Column(f"{name} (exact)", source, "exact", 30)]
    if said.get("first") is not None and not FIRST_DAY <= said["first"] <= said["last"] <= LAST_DAY:
        return [replace(column, kind="text")]
    if kind == "instant" and not said["timed"]:
        return [replace(column, kind="day", width=WIDTHS["day"])]
    return [column]

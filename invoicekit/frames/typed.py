"""Columns of text to columns of their type: exactly, or not at all.

polars rounds excess decimals silently (strict or not) and nulls what it cannot cast, so the text is
looked at first and the nulls are counted after.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from invoicekit.errors import FrameError
from invoicekit.frames.kinds import INSTANT, Type

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?$"  # noqa: E501
NO_DATE = "0001-01-01"  # .NET's DateTime.MinValue
FLAGS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Place:
    """Where rows came from, for the message of an error."""

    collection: str
    page: int
    rows: Sequence[int] | None = None  # their numbers on the page, where some stand elsewhere

    def of(self, index: int, column: str) -> str:
        """The place of one value, in words."""
        row = index if self.rows is None else self.rows[index]
        where = f"page {self.page} of {self.collection}, row {row + 1}"
        return f"{where}, column {column}"


def type_columns(texts: Iterable[tuple[str, Type, pl.Series]], place: Place) -> pl.DataFrame:
    """The columns as their types; where several share a name, the one that has a value counts.

    Raises:
        FrameError: a value is not of its column's type, or does not fit it; or two spellings of one
            field disagree. The message names the place, never the value.
    """
    merged: dict[str, tuple[Type, pl.Series]] = {}
    for name, type_, text in texts:
        if name in merged:
            merged[name] = (type_, _merged(merged[name][1], text, name, place))
        else:
            merged[name] = (type_, text)
    frame = pl.DataFrame([text.alias(name) for name, (_, text) in merged.items()])
    frame = _with_plain_numbers(frame, {name: type_ for name, (type_, _) in merged.items()}, place)
    bare = frame.select(_bare(name, type_) for name, (type_, _) in merged.items())
    typed = bare.select(_cast(name, type_) for name, (type_, _) in merged.items())
    lost = [
        name
        for name, before, after in zip(
            typed.columns, bare.null_count().row(0), typed.null_count().row(0), strict=True
        )
        if before != after
    ]
    if lost:
        name = lost[0]
        index = (typed[name].is_null() & bare[name].is_not_null()).arg_max() or 0
        raise FrameError(
            f"{place.of(index, name)}: {_complaint(merged[name][0], bare[name][index])}"
        )
    return typed


def _merged(first: pl.Series, second: pl.Series, name: str, place: Place) -> pl.Series:
    clash = (first.is_not_null() & second.is_not_null() & (first != second)).fill_null(value=False)
    if clash.any():
        where = place.of(clash.arg_max() or 0, name)
        raise FrameError(f"{where}: the row has the field in two spellings that disagree")
    return first.zip_with(first.is_not_null(), second)


def _with_plain_numbers(frame: pl.DataFrame, types: dict[str, Type], place: Place) -> pl.DataFrame:
    """Rewrite the few numbers that a cast could round (exponent, many decimals), or refuse."""
    scales = {
        name: type_.dtype.scale
        for name, type_ in types.items()
        if isinstance(type_.dtype, pl.Decimal)
    }
    if not scales:
        return frame
    flagged = frame.select(
        pl.col(name).str.contains(rf"[eE]|\.[0-9]{{{scale + 1},}}").any()
        for name, scale in scales.items()
    ).row(0)
    for (name, scale), any_flagged in zip(scales.items(), flagged, strict=True):
        if any_flagged:
            texts = [
                _plain(text, scale, place, index, name)
                for index, text in enumerate(frame[name].to_list())
            ]
            frame = frame.with_columns(pl.Series(name, texts, dtype=pl.String))
    return frame


def _plain(text: str | None, scale: int, place: Place, index: int, name: str) -> str | None:
    if text is None or not NUMBER.fullmatch(text):
        return text  # the cast will refuse it
    number = Decimal(text)
    digits = number.as_tuple()
    exponent = digits.exponent if isinstance(digits.exponent, int) else 0
    needless = len(digits.digits) - len("".join(map(str, digits.digits)).rstrip("0"))
    if any(digits.digits) and -(exponent + needless) > scale:
        raise FrameError(
            f"{place.of(index, name)}: the number has {-(exponent + needless)} decimals, and "
            f"{scale} fit. It is not rounded; please report it as a limit of invoicekit"
        )
    if number.adjusted() > 38:  # noqa: PLR2004 (Decimal(38, …) has no room, whatever the scale)
        raise FrameError(f"{place.of(index, name)}: {_TOO_LARGE}")
    whole, _, decimals = f"{number:f}".partition(".")
    return f"{whole}.{decimals[:scale]}" if decimals else whole


def _bare(name: str, type_: Type) -> pl.Expr:
    """The text, without what says that there is none."""
    column = pl.col(name)
    if isinstance(type_.dtype, pl.Date | pl.Datetime):
        return pl.when((column != "") & ~column.str.starts_with(NO_DATE)).then(column).alias(name)
    if type_.none:
        return pl.when(~column.is_in(sorted(type_.none))).then(column).alias(name)
    return column


def _cast(name: str, type_: Type) -> pl.Expr:
    column, dtype = pl.col(name), type_.dtype
    if dtype == pl.String:
        return column
    if dtype == pl.Boolean:
        return column.str.to_lowercase().replace_strict(FLAGS, default=None, return_dtype=dtype)
    if dtype == pl.Date:  # a calendar day: the day as it is written, whatever the offset
        day = column.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
        return pl.when(column.str.contains(DATE)).then(day).alias(name)
    if dtype == INSTANT:
        return pl.when(column.str.contains(DATE)).then(_instant(column)).alias(name)
    return column.cast(dtype, strict=False)


def _instant(column: pl.Expr) -> pl.Expr:
    """An instant in UTC: without an offset it is UTC; ticks beyond microseconds are cut."""
    text = column.str.replace("Z$", "+00:00")
    text = pl.when(text.str.len_chars() == len(NO_DATE)).then(text + "T00:00:00").otherwise(text)
    offset = text.str.contains(r"[+-][0-9]{2}:[0-9]{2}$")
    text = pl.when(offset).then(text).otherwise(text + "+00:00")
    text = text.str.replace(r"(T[0-9]{2}:[0-9]{2})([+-])", "${1}:00${2}")  # no seconds
    return text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", strict=False)


_TOO_LARGE = "the number is too large for its column. It is not cut; please report it"


def _complaint(type_: Type, text: str) -> str:
    if isinstance(type_.dtype, pl.Decimal):
        return _TOO_LARGE if NUMBER.fullmatch(text) else "not a number where an amount should be"
    if type_.dtype == pl.Boolean:
        return "neither true nor false"
    return "not a date that we can read"

"""Columns of text to columns of their type: exactly, or not at all.

polars rounds excess decimals silently (strict or not) and nulls what it cannot cast, so the text is
looked at first and the nulls are counted after.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal

import polars as pl

from invoicekit.errors import FrameError
from invoicekit.frames.kinds import Type

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?$"  # noqa: E501
EXPONENT = "[eE]"
NO_DATE = "0001-01-01"  # .NET's DateTime.MinValue
FLAGS = {"true": True, "false": False}


def type_columns(
    texts: Iterable[tuple[str, Type, pl.Series]], where: Callable[[int], str]
) -> pl.DataFrame:
    """The columns as their types; where several share a name, the one that has a value counts.

    `where` says in words where a row stands, for the message of an error.

    Raises:
        FrameError: a value is not of its column's type, or does not fit it; or two spellings of one
            field disagree. The message names the place, never the value.
    """
    merged: dict[str, tuple[Type, pl.Series]] = {}
    for name, type_, text in texts:
        known = merged.get(name)
        merged[name] = (type_, _merged(known[1], text, name, where) if known else text.alias(name))
    frame = pl.DataFrame([text for _, text in merged.values()])
    types = {name: type_ for name, (type_, _) in merged.items()}
    frame = _with_plain_numbers(_without_none(frame, types), types, where)
    typed = frame.select(_usual(name, type_) for name, type_ in types.items())
    for name in _lost(frame, typed):
        typed = typed.with_columns(_mended(frame[name], typed[name], types[name], name, where))
    return typed


def _mended(
    text: pl.Series, typed: pl.Series, type_: Type, name: str, where: Callable[[int], str]
) -> pl.Series:
    """The column with the values of unusual spelling too; each spelling is read once."""
    indices = (typed.is_null() & text.is_not_null()).arg_true()
    spelt = text.gather(indices)
    once = spelt.unique(maintain_order=True)
    read = once.to_frame(name).select(_unusual(name, type_)).to_series()
    if read.null_count():
        wrong = once.filter(read.is_null())[0]
        index = indices[(spelt == wrong).arg_max() or 0]
        raise FrameError(f"{where(index)}, column {name}: {_complaint(type_, wrong)}")
    return typed.scatter(indices, spelt.replace_strict(once, read, return_dtype=type_.dtype))


def _lost(frame: pl.DataFrame, typed: pl.DataFrame) -> list[str]:
    """The columns that have more nulls than before."""
    counts = zip(frame.null_count().row(0), typed.null_count().row(0), strict=True)
    return [
        name for name, (before, after) in zip(frame.columns, counts, strict=True) if before != after
    ]


def _merged(
    first: pl.Series, second: pl.Series, name: str, where: Callable[[int], str]
) -> pl.Series:
    clash = (first.is_not_null() & second.is_not_null() & (first != second)).fill_null(value=False)
    if clash.any():
        place = where(clash.arg_max() or 0)
        raise FrameError(
            f"{place}, column {name}: the row has the field in two spellings that disagree"
        )
    return first.zip_with(first.is_not_null(), second)


def _without_none(frame: pl.DataFrame, types: Mapping[str, Type]) -> pl.DataFrame:
    """The text, without what says that there is none."""
    said = {name: _says_none(name, type_) for name, type_ in types.items()}
    found = frame.select(saying.any().alias(name) for name, saying in said.items()).row(0)
    return frame.with_columns(
        pl.when(~said[name]).then(name).alias(name)
        for name, any_found in zip(frame.columns, found, strict=True)
        if any_found
    )


def _says_none(name: str, type_: Type) -> pl.Expr:
    column = pl.col(name)
    if isinstance(type_.dtype, pl.Date | pl.Datetime):
        return (column == "") | column.str.starts_with(NO_DATE)
    sayings = [column == saying for saying in sorted(type_.none)] or [pl.lit(value=False)]
    return pl.any_horizontal(sayings)


def _with_plain_numbers(
    frame: pl.DataFrame, types: Mapping[str, Type], where: Callable[[int], str]
) -> pl.DataFrame:
    """Rewrite the few numbers that a cast could round (exponent, many decimals), or refuse."""
    scales = {
        name: type_.dtype.scale
        for name, type_ in types.items()
        if isinstance(type_.dtype, pl.Decimal)
    }
    if not scales:
        return frame
    long = frame.select(
        ((pl.col(name).str.len_bytes() > scale + 1) | pl.col(name).str.contains(EXPONENT)).any()
        for name, scale in scales.items()
    ).row(0)
    for name, any_long in zip(scales, long, strict=True):
        if any_long:
            frame = frame.with_columns(_plain_numbers(frame[name], scales[name], name, where))
    return frame


def _plain_numbers(
    text: pl.Series, scale: int, name: str, where: Callable[[int], str]
) -> pl.Series:
    """The column, with no number in it that a cast would round."""
    frame = text.to_frame("text")
    decimals = pl.col("text").str.extract(r"\.([0-9]*)").str.len_bytes().fill_null(0).cast(pl.Int64)
    power = pl.col("text").str.extract(r"[eE]([+-]?[0-9]{1,4})$").cast(pl.Int64).fill_null(0)
    too_many = frame.select(decimals - power > scale).to_series().fill_null(value=False)
    indices = too_many.arg_true()
    plain = [
        _plain(text, scale, name, where, index)
        for index, text in zip(indices.to_list(), text.gather(indices).to_list(), strict=True)
    ]
    return text.scatter(indices, pl.Series(plain, dtype=pl.String)) if plain else text


def _plain(text: str, scale: int, name: str, where: Callable[[int], str], index: int) -> str:
    """One number without decimals that are not needed, or the error that it has too many."""
    if not NUMBER.fullmatch(text):
        return text  # the cast will refuse it
    number = Decimal(text)
    digits = "".join(map(str, number.as_tuple().digits))
    exponent = int(number.as_tuple().exponent)
    decimals = -exponent - (len(digits) - len(digits.rstrip("0")))
    if number and decimals > scale:
        raise FrameError(
            f"{where(index)}, column {name}: the number has {decimals} decimals, and {scale} fit. "
            "It is not rounded; please report it as a limit of invoicekit"
        )
    if number.adjusted() > 38:  # noqa: PLR2004 (Decimal(38, …) has no room, whatever the scale)
        raise FrameError(f"{where(index)}, column {name}: {_TOO_LARGE}")
    whole, _, rest = f"{number:f}".partition(".")
    return f"{whole}.{rest[:scale]}" if rest else whole


def _usual(name: str, type_: Type) -> pl.Expr:
    """The column as its type, in the spelling that nearly all values have."""
    column, dtype = pl.col(name), type_.dtype
    if dtype == pl.String:
        return column
    if dtype == pl.Boolean:
        return column.str.to_lowercase().replace_strict(FLAGS, default=None, return_dtype=dtype)
    if isinstance(dtype, pl.Decimal):
        return column.cast(dtype, strict=False)
    instant = column.str.strip_suffix("Z").str.to_datetime(
        "%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False
    )
    instant = pl.when(instant.is_between(datetime.min, datetime.max)).then(instant)  # noqa: DTZ901
    return instant.cast(dtype) if dtype == pl.Date else instant.dt.replace_time_zone("UTC")


def _unusual(name: str, type_: Type) -> pl.Expr:
    """The column as its type, in the other spellings that there are."""
    column, dtype = pl.col(name), type_.dtype
    if dtype == pl.Date:  # a calendar day: the day as it is written, whatever the offset
        day = column.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
        return pl.when(column.str.contains(DATE)).then(_sayable(day)).alias(name)
    if isinstance(dtype, pl.Datetime):
        instant = _sayable(_instant(column))
        return pl.when(column.str.contains(DATE)).then(instant).alias(name)
    return pl.when(column.is_null()).then(None).cast(dtype).alias(name)


def _sayable(moment: pl.Expr) -> pl.Expr:
    """The dates of the years 1 to 9999: Python has no others, and fails on them much later."""
    return pl.when(moment.dt.year().is_between(1, 9999)).then(moment)


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

"""Casts columns of text to their types, exactly; what does not fit keeps its text, or is refused.

polars nulls what it cannot cast, so the nulls are counted after; what it would round silently is
found before (`numbers.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import polars as pl

from invoicekit.errors import FrameError
from invoicekit.frames.numbers import (
    AS_SENT,
    TOO_FINE,
    in_doubt,
    is_plain,
    is_too_fine,
    read_number,
    scaled,
    worth_a_look,
)
from invoicekit.frames.schema import Type

_HOUR = "([01][0-9]|2[0-3]):[0-5][0-9]"  # a day at 25:00 is no date, though its day could be read
_OFFSET = rf"(Z|[+-]{_HOUR.replace(':', ':?')})"  # without a colon, as in our own CSV
DATE = rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(T{_HOUR}(:[0-5][0-9](\.[0-9]+)?)?{_OFFSET}?)?$"
NO_DATE = "0001-01-01"  # .NET's DateTime.MinValue
FLAGS = {"true": True, "false": False}


def type_columns(
    texts: Iterable[tuple[str, Type, pl.Series]], where: Callable[[int], str]
) -> pl.DataFrame:
    """The columns as their types; where several share a name, the one that has a value counts.

    A number that is not billed and does not fit is rounded or null; a column `<name>_as_sent` at
    the end has its text, and is null where the number is exact. `where` says in words where a row
    stands, for the message of an error.

    Raises:
        FrameError: a value is not of its column's type, or does not fit it; or two spellings of one
            field disagree. The message names the place, never the value.
    """
    merged: dict[str, tuple[Type, pl.Series]] = {}
    sent: dict[str, pl.Series] = {}
    for name, type_, text in texts:
        text = text.alias(name)  # noqa: PLW2901
        if type_.scale:
            sent[name], text = text, scaled(text, type_.scale)  # noqa: PLW2901
        if name in merged:
            text = _merged(_said(merged[name][1], type_), _said(text, type_), where)  # noqa: PLW2901
        merged[name] = (type_, text)
    frame = pl.DataFrame([text for _, text in merged.values()])
    types = {name: type_ for name, (type_, _) in merged.items()}
    frame = _without_none(frame, types)
    typed = frame.select(_usual(name, type_) for name, type_ in types.items())
    doubtful = _doubtful(frame, types)
    for name in dict.fromkeys([*_lost(frame, typed), *doubtful]):
        text = frame[name]
        at = (typed[name].is_null() & text.is_not_null()).arg_true()
        if name in doubtful:
            at = pl.concat([at, doubtful[name]]).unique().sort()
        mend = _numbers if isinstance(types[name].dtype, pl.Decimal) else _mended
        typed = typed.with_columns(mend(text, typed[name], at, types[name], where))
    for name in [name for name in sent if f"{name}{AS_SENT}" in typed.columns]:
        unfit = typed[f"{name}{AS_SENT}"]
        typed = typed.with_columns(
            sent[name].zip_with(unfit.is_not_null(), unfit).alias(unfit.name)
        )
    return typed.select(*types, *(name for name in typed.columns if name not in types))


def _doubtful(frame: pl.DataFrame, types: Mapping[str, Type]) -> dict[str, pl.Series]:
    """Of columns that have such, where numbers stand that may have more decimals than fit."""
    numbers = [name for name, type_ in types.items() if isinstance(type_.dtype, pl.Decimal)]
    if not numbers:
        return {}
    found = frame.select(worth_a_look(pl.col(name)).any() for name in numbers).row(0)
    places = {}
    for name in (name for name, any_found in zip(numbers, found, strict=True) if any_found):
        at = frame.select(worth_a_look(pl.col(name))).to_series().arg_true()
        doubt = frame[name].gather(at).to_frame().select(in_doubt(pl.col(name))).to_series()
        if doubt.any():
            places[name] = at.filter(doubt)
    return places


def _numbers(
    text: pl.Series, typed: pl.Series, at: pl.Series, type_: Type, where: Callable[[int], str]
) -> list[pl.Series]:
    """The column with the numbers `at` these places as they are to be, and their text."""
    spelt = text.gather(at)
    plain = is_plain(spelt) & typed.gather(at).is_not_null()  # polars has rounded these half-even
    unfit = at.filter(plain & is_too_fine(spelt))
    if type_.strict and len(unfit):
        raise FrameError(f"{where(unfit[0])}, column {text.name}: {TOO_FINE}")
    at, spelt = at.filter(~plain), spelt.filter(~plain)
    if len(at):
        once = spelt.unique(maintain_order=True)
        read = [read_number(word) for word in once]
        for word, number in zip(once, read, strict=True):
            if wrong := number.wrong or (type_.strict and number.unfit):
                index = at[(spelt == word).arg_max() or 0]
                raise FrameError(f"{where(index)}, column {text.name}: {wrong}")
        values = pl.Series([number.value for number in read], dtype=type_.dtype)
        typed = typed.scatter(at, spelt.replace_strict(once, values, return_dtype=type_.dtype))
        odd = once.filter(pl.Series([bool(number.unfit) for number in read], dtype=pl.Boolean))
        unfit = pl.concat([unfit, at.filter(spelt.is_in(odd.implode()))])
    if not len(unfit):
        return [typed]
    sent = pl.Series(f"{text.name}{AS_SENT}", [None], dtype=pl.String)
    return [typed, sent.new_from_index(0, len(text)).scatter(unfit, text.gather(unfit))]


def _mended(
    text: pl.Series, typed: pl.Series, at: pl.Series, type_: Type, where: Callable[[int], str]
) -> pl.Series:
    """The column with the values of unusual spelling `at` these places; each is read once."""
    spelt = text.gather(at)
    once = spelt.unique(maintain_order=True)
    read = once.to_frame().select(_unusual(text.name, type_)).to_series()
    if read.null_count():
        wrong = once.filter(read.is_null())[0]
        index = at[(spelt == wrong).arg_max() or 0]
        raise FrameError(f"{where(index)}, column {text.name}: {_complaint(type_)}")
    return typed.scatter(at, spelt.replace_strict(once, read, return_dtype=type_.dtype))


def _lost(frame: pl.DataFrame, typed: pl.DataFrame) -> list[str]:
    """The columns that have more nulls than before."""
    counts = zip(frame.null_count().row(0), typed.null_count().row(0), strict=True)
    return [
        name for name, (before, after) in zip(frame.columns, counts, strict=True) if before != after
    ]


def _said(text: pl.Series, type_: Type) -> pl.Series:
    """One spelling of a field, without what says that there is none: the other may have a value."""
    return _without_none(text.to_frame(), {text.name: type_}).to_series()


def _merged(first: pl.Series, second: pl.Series, where: Callable[[int], str]) -> pl.Series:
    clash = (first.is_not_null() & second.is_not_null() & (first != second)).fill_null(value=False)
    if clash.any():
        place = where(clash.arg_max() or 0)
        raise FrameError(
            f"{place}, column {first.name}: the row has the field in two spellings that disagree"
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
    text = text.str.replace(r"(T.*[+-][0-9]{2})([0-9]{2})$", "${1}:${2}")
    text = pl.when(text.str.len_chars() == len(NO_DATE)).then(text + "T00:00:00").otherwise(text)
    offset = text.str.contains(r"[+-][0-9]{2}:[0-9]{2}$")
    text = pl.when(offset).then(text).otherwise(text + "+00:00")
    text = text.str.replace(r"(T[0-9]{2}:[0-9]{2})([+-])", "${1}:00${2}")  # no seconds
    return text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", strict=False)


def _complaint(type_: Type) -> str:
    if type_.dtype == pl.Boolean:
        return "neither true nor false"
    return "not a date that we can read"

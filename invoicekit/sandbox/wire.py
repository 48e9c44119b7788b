"""JSON as Microsoft's services write it: numbers as exact text, dates in all their spellings.

No number passes through a binary float here: money is an `int` of minor units until the moment
it becomes characters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import TypeAlias


class Exact(str):
    """Number text that goes onto the wire as it is, without quotes."""

    __slots__ = ()


Value: TypeAlias = "str | int | Sequence[Value] | Mapping[str, Value]"
Row: TypeAlias = dict[str, Value]

TICKS_PER_SECOND = 10_000_000
NO_DATE = "0001-01-01T00:00:00"  # what .NET writes for a date that was never set


@lru_cache(maxsize=1 << 16)
def quoted(text: str) -> str:
    """`text` as a JSON string, non-ASCII characters as they are."""
    return json.dumps(text, ensure_ascii=False)


def encoded(value: Value) -> str:
    """`value` as JSON text.

    >>> encoded({"id": "7", "total": Exact("1.10"), "tags": [], "paid": True})
    '{"id":"7","total":1.10,"tags":[],"paid":true}'
    """
    if isinstance(value, Exact):
        return value
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ",".join([f"{quoted(k)}:{encoded(v)}" for k, v in value.items()]) + "}"
    return "[" + ",".join([encoded(v) for v in value]) + "]"


def plain(value: int, places: int, keep: int = 0) -> str:
    """`value` / 10**`places` in plain notation, with at least `keep` decimals.

    >>> plain(43180, 2), plain(43180, 2, keep=2), plain(-5, 3), plain(700, 0)
    ('431.8', '431.80', '-0.005', '700')
    """
    digits = str(abs(value)).rjust(places + 1, "0")
    cut = len(digits) - places
    fraction = digits[cut:].rstrip("0").ljust(keep, "0")
    return ("-" if value < 0 else "") + digits[:cut] + (f".{fraction}" if fraction else "")


def exact(value: int, places: int, keep: int = 0) -> Exact:
    """`plain` as a JSON number."""
    return Exact(plain(value, places, keep))


def naive(day: date) -> str:
    """Midnight without an offset, as the legacy rows have it."""
    return f"{day.isoformat()}T00:00:00"


def zulu(day: date) -> str:
    """Midnight UTC."""
    return f"{day.isoformat()}T00:00:00Z"


def offset(day: date, hours: str) -> str:
    """Midnight in the zone `hours`, with .NET's seven fractional digits."""
    return f"{day.isoformat()}T00:00:00.0000000{hours}"


def ticked(day: date, ticks: int) -> str:
    """The instant `ticks` (of 100 ns) after midnight UTC.

    >>> ticked(date(2026, 11, 5), 331_537_654_321)
    '2026-11-05T09:12:33.7654321Z'
    """
    seconds, fraction = divmod(ticks, TICKS_PER_SECOND)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{day.isoformat()}T{hour:02}:{minute:02}:{second:02}.{fraction:07}Z"

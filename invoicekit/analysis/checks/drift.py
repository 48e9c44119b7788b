"""Columns that Microsoft does not document, and those whose values came or went since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from invoicekit.frames.decode import OURS
from invoicekit.frames.numbers import AS_SENT
from invoicekit.frames.schema import BY_OBJECT_TYPE, snake

LINES = "lines of invoicekit"  # no field of anybody's is called so
OF_A_SOURCE = frozenset({"invoice_line_item_type", "billing_provider", "attributes"})


def undocumented(object_type: str, columns: Sequence[str]) -> list[str]:
    """Of an objectType that is known, the columns that its documentation does not have.

    >>> undocumented("DailyUsageLineItem", ["page", "usage_date", "surcharge"])
    ['surcharge']
    """
    kind = BY_OBJECT_TYPE.get(object_type)
    if kind is None:
        return []
    known = {*OURS, *(column.name for column in kind.columns), *map(snake, kind.former.split())}
    return [name for name in columns if not {name, name.removesuffix(AS_SENT)} & known]


@dataclass(frozen=True, slots=True)
class Drift:
    """A column that has values on one side alone, in `lines`; `whole`: in all lines of it."""

    object_type: str
    column: str
    lines: int
    whole: bool
    now: bool  # it has values now, and had none before

    def __str__(self) -> str:
        number = f"{self.lines:,} lines"
        if self.now:
            return f"has values in {number}, and had none before"
        return f"had values in {number} before, and has none now"


def drifted(before: Mapping[str, pl.LazyFrame], now: Mapping[str, pl.LazyFrame]) -> Iterator[Drift]:
    """The columns of each objectType that is on both sides with values in no line of one."""
    for name, frame in now.items():
        if name not in before:
            continue
        (was, lines), (has, lines_now) = _counts(before[name]), _counts(frame)
        for column in dict.fromkeys((*was, *has)):
            there, here = was.get(column, 0), has.get(column, 0)
            if bool(there) != bool(here) and lines and lines_now:
                whole = there == lines or here == lines_now
                yield Drift(name, column, there or here, whole, now=bool(here))


def _counts(frame: pl.LazyFrame) -> tuple[dict[str, int], int]:
    """How many values each column has, and how many lines there are.

    Numbers that did not fit are no drift, and neither is what one source alone sends.
    """
    row = frame.select(pl.all().count(), pl.len().alias(LINES)).collect().row(0, named=True)
    lines = row.pop(LINES)
    apart = [name for name in row if name in OF_A_SOURCE or name.endswith(AS_SENT)]
    return {name: number for name, number in row.items() if name not in apart}, lines

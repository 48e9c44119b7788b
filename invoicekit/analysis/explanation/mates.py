"""The line that each line takes back, in whole or part: a change is credited, then billed anew."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from decimal import Decimal
from typing import Any

import polars as pl

from invoicekit.frames.charge_types import CHANGE

THING = ("currency", "customer_id", "offer_id", "subscription_id")


def mates(charges: pl.DataFrame) -> pl.Series:
    """For each line below zero the row, from 0, of the line that it takes back; else null.

    That is one of the same customer, offer, subscription and currency with the opposite quantity,
    which is taken back once: first by the very opposite amount for the same days; then, where the
    charge type is a change to a subscription, by no more than it was, for days within its own.
    Among equal lines the first.
    """
    none = pl.Series("mate", [None] * charges.height, dtype=pl.Int64)
    rows = charges.select(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("row"),
        *THING,
        pl.coalesce("billable_quantity", "quantity").alias("quantity"),
        "subtotal",
        "charge_start",
        "charge_end",
        family="charge_family",
    )
    back = rows.filter(pl.col("subtotal") < 0).with_columns(pl.col("quantity").abs())
    if back.is_empty():
        return none
    key = [*THING, "quantity"]
    billed = rows.filter(pl.col("subtotal") > 0).with_columns(pl.col("quantity").abs())
    billed = billed.join(back.select(key).unique(), on=key, how="semi", nulls_equal=True)
    changes = rows.filter(family=CHANGE).filter(pl.col("subscription_id").is_not_null())
    columns = pl.exclude("family")
    return _matched(
        none, back.select(columns).rows(), billed.select(columns).rows(), set(changes["row"])
    )


def _matched(
    none: pl.Series,
    back: list[tuple[Any, ...]],
    billed: list[tuple[Any, ...]],
    changes: set[int],
) -> pl.Series:
    found: dict[int, int] = {}
    same: dict[Any, list[int]] = defaultdict(list)
    for row, *key in reversed(billed):
        same[tuple(key)].append(row)
    for row, *key, subtotal, start, end in back:
        if rows := same[(*key, subtotal.copy_negate(), start, end)]:
            found[row] = rows.pop()
    taken = set(found.values())
    # Of each key and its days, what is left: amounts and rows, the least first.
    free: dict[Any, dict[Any, list[tuple[Decimal, int]]]] = defaultdict(lambda: defaultdict(list))
    for row, *key, subtotal, start, end in billed:
        if row not in taken and start is not None and end is not None:
            insort(free[tuple(key)][start, end], (subtotal, row))
    left = changes - found.keys()
    changed = [line for line in back if line[0] in left and None not in line[-2:]]
    # The greatest first, of the shortest days that will do: no order of the lines decides it.
    for row, *key, subtotal, start, end in sorted(changed, key=lambda line: (*line[-3:], line[0])):
        periods = free[tuple(key)]
        for first, last in sorted(periods, key=lambda days: (days[1] - days[0], days)):
            lines = periods[first, last]
            place = bisect_left(lines, (subtotal.copy_negate(), -1))
            if first <= start <= end <= last and place < len(lines):
                found[row] = lines.pop(place)[1]
                break
    return none.scatter(list(found), list(found.values())) if found else none

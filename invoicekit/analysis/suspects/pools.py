"""More than two lines whose sum is the difference, among lines that are likely to go together.

The search is bounded by a count of steps, so that the same lines give the same answer however fast
the machine is: a pool that would take more than what is left is left out as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations, islice
from math import comb

import polars as pl

from invoicekit.analysis.checks.copies import LINE
from invoicekit.analysis.suspects.values import MOST, Candidate, in_order, reason

STEPS = 2_000_000  # sums that are made and looked up, some seconds' worth
SIZES = (3, 4, 5, 6, 7, 8)
CROWD = 100  # lines; among more, three that happen to fit are no news
# Likeliest first: the lines, what is the same in those of one pool, and the words for them.
POOLS = (
    ("copy", None, "copies of other lines"),
    ("credit", None, "credits"),
    (None, "order_id", "of one order"),
    (None, "charge_start", "of one day"),
)


def larger(lines: pl.DataFrame, wanted: int) -> list[Candidate]:
    """The smallest sets of three lines or more, likeliest first; at most so many as are told."""
    pools = list(_pools(lines))
    left = STEPS
    for size in SIZES:
        found: dict[tuple[int, ...], Candidate] = {}
        for words, numbers, values in pools:
            cost = comb(len(values), size - 1)
            if len(values) <= size or cost > left or len(found) == MOST:
                continue
            left -= cost
            for places in islice(_sets(values, size, wanted), MOST - len(found)):
                picked = tuple(numbers[place] for place in places)
                total = sum(values[place] for place in places)
                text = reason(f"these {size} lines", total, wanted, words)
                found.setdefault(tuple(sorted(picked)), Candidate(text, picked))
        if found:
            return _with_count(list(found.values()))
    return []


def _with_count(found: list[Candidate]) -> list[Candidate]:
    """Where there are several, that a sum alone does not tell which."""
    if len(found) == 1:
        return found
    of = f"{MOST} such sets or more" if len(found) == MOST else f"{len(found)} such sets"
    return [replace(one, reason=f"{one.reason}; one of {of}") for one in found]


def _pools(lines: pl.DataFrame) -> Iterator[tuple[str, list[int], list[int]]]:
    """The words for each pool, the numbers of its lines, and their amounts; small pools first."""
    for flag, key, words in POOLS:
        mine = lines.filter(flag) if flag else lines.drop_nulls(key)
        mine = mine.with_columns((pl.lit("") if key is None else pl.col(key)).alias("pool"))
        of = pl.col("of").cast(pl.Int64)
        sizes = mine.group_by("pool").len("of").filter(of.is_between(SIZES[0] + 1, CROWD))
        sizes = sizes.sort("of", "pool")  # of more than all steps can do, nothing is to be had
        sizes = sizes.filter((of * (of - 1) // 2).cum_sum() <= STEPS)
        few = in_order(mine.join(sizes, on="pool"), pl.col("of"), pl.col("pool"))
        pools = few.group_by("pool", maintain_order=True).agg(LINE, "value")
        for _, numbers, values in pools.iter_rows():
            yield words, numbers, values


def _sets(values: Sequence[int], size: int, wanted: int) -> Iterator[tuple[int, ...]]:
    """The places of each set of that size whose sum is the difference or its opposite."""
    places: dict[int, list[int]] = {}
    for place, value in enumerate(values):
        places.setdefault(value, []).append(place)
    for some in combinations(range(len(values)), size - 1):
        total = sum([values[place] for place in some])
        for rest in (-wanted - total, wanted - total):
            for place in places.get(rest, ()):
                if place > some[-1]:
                    yield *some, place

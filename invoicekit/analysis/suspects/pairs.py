"""Two lines whose sum is the difference: each amount is looked up among the others' complements."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, combinations, product

import polars as pl

from invoicekit.analysis.checks.copies import LINE
from invoicekit.analysis.suspects.values import MOST, Candidate, in_order, reason

# How near two lines are, nearest first: what is the same in both, and the words for it.
NEAR = (
    (("copy",), "both copies of other lines"),
    (("order_id",), "both of one order"),
    (("subscription_id",), "both of one subscription"),
    (("customer_id", "charge_start"), "both of one customer and day"),
    (("customer_id",), "both of one customer"),
    (("charge_start",), "both of one day"),
    ((), ""),
)


def pairs(lines: pl.DataFrame, wanted: int) -> list[Candidate]:
    """The pairs whose sum is the difference or its opposite, nearest first, each once."""
    partners = {total: _partners(lines, (), total) for total in (-wanted, wanted)}
    of = sum(map(_count, partners.values()))
    same = "" if of == 1 else f"one of {of:,} pairs of lines with such a sum"
    # Only lines that have a partner at all are looked at any nearer.
    some = {total: _having(lines, found) for total, found in partners.items() if len(found)}
    told: dict[tuple[int, int], Candidate] = {}
    for (keys, words), (total, mine) in product(NEAR, some.items()):
        for pair in _near(mine, keys, total):
            candidate = Candidate(reason("these 2 lines", total, wanted, words, same), pair)
            told.setdefault((min(pair), max(pair)), candidate)
            if len(told) == MOST:
                return list(told.values())
    return list(told.values())


def _partners(lines: pl.DataFrame, keys: tuple[str, ...], total: int) -> pl.DataFrame:
    """The amounts, smaller first, that make up `total` with another's, and how many lines each."""
    amounts = lines.drop_nulls(list(keys)) if keys else lines
    amounts = amounts.group_by(*keys, "value").len("of")
    whole = pl.lit(total, lines["value"].dtype)
    ours = amounts.with_columns((whole - pl.col("value")).alias("other"))
    ours = ours.filter(pl.col("value") <= pl.col("other"))
    theirs = amounts.rename({"value": "other", "of": "others"})
    both = ours.join(theirs, on=[*keys, "other"])
    return both.filter((pl.col("value") != pl.col("other")) | (pl.col("of") > 1))


def _count(partners: pl.DataFrame) -> int:
    """How many pairs of lines those of amounts stand for."""
    of, others = (pl.col(name).cast(pl.Int128) for name in ("of", "others"))
    ways = pl.when(pl.col("value") == pl.col("other")).then(of * (of - 1) // 2)
    return int(partners.select(ways.otherwise(of * others).sum()).item() or 0)


def _having(lines: pl.DataFrame, partners: pl.DataFrame) -> pl.DataFrame:
    """The lines of these amounts."""
    amounts = pl.concat([partners["value"], partners["other"]]).unique()
    return lines.join(amounts.to_frame("value"), on="value", how="semi")


def _near(lines: pl.DataFrame, keys: tuple[str, ...], total: int) -> Iterator[tuple[int, int]]:
    """The pairs that have the keys in common, some of them."""
    if keys == ("copy",):
        lines, keys = lines.filter("copy"), ()
    some = _partners(lines, keys, total).sort("value", "other", *keys).head(MOST)
    return chain.from_iterable(_expanded(lines, keys, one) for one in some.iter_rows(named=True))


def _expanded(
    lines: pl.DataFrame, keys: tuple[str, ...], partners: dict[str, object]
) -> Iterator[tuple[int, int]]:
    """The lines of two amounts, in pairs, some of them."""
    near = [pl.col(key) == partners[key] for key in keys]
    smaller, greater = (
        in_order(lines.filter(pl.col("value") == partners[name], *near), most=MOST + 1)[LINE]
        for name in ("value", "other")
    )
    if partners["value"] == partners["other"]:
        return combinations(smaller, 2)
    return product(smaller, greater)

"""Two lines whose sum is the difference: each amount is looked up among the others' complements."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, product

import polars as pl

from invoicekit.analysis.copies import LINE
from invoicekit.analysis.suspect_values import MOST, Candidate, reason

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
    found: dict[tuple[int, int], Candidate] = {}
    totals = [total for total in (-wanted, wanted) if not _partners(lines, (), total).is_empty()]
    if not totals:
        return []
    counts = {total: _count(_partners(lines, (), total)) for total in totals}
    of = sum(counts.values())
    same = "" if of == 1 else f"one of {of:,} pairs of lines with such a sum"
    # Only lines that have a partner at all are looked at any nearer.
    partnered = {total: _of_partners(lines, total) for total in totals}
    for (keys, words), total in product(NEAR, totals):
        near = partnered[total].filter("copy") if keys == ("copy",) else partnered[total]
        for pair in _near(near, keys, total):
            candidate = Candidate(reason("these 2 lines", total, wanted, words, same), pair)
            found.setdefault((min(pair), max(pair)), candidate)
            if len(found) == MOST:
                return list(found.values())
    return list(found.values())


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


def _of_partners(lines: pl.DataFrame, total: int) -> pl.DataFrame:
    partners = _partners(lines, (), total)
    amounts = pl.concat([partners["value"], partners["other"]]).unique()
    return lines.join(amounts.to_frame("value"), on="value", how="semi", maintain_order="left")


def _near(lines: pl.DataFrame, keys: tuple[str, ...], total: int) -> Iterator[tuple[int, int]]:
    """The pairs that have the keys in common, some of them."""
    keys = () if keys == ("copy",) else keys
    some = _partners(lines, keys, total).sort("value", "other", *keys).head(MOST)
    return chain.from_iterable(_expanded(lines, keys, one) for one in some.iter_rows(named=True))


def _expanded(
    lines: pl.DataFrame, keys: tuple[str, ...], partners: dict[str, object]
) -> Iterator[tuple[int, int]]:
    """The lines of two amounts, in pairs, some of them."""
    mine = lines.filter(pl.all_horizontal(pl.lit(value=True), *(
        pl.col(key) == partners[key] for key in keys
    )))  # fmt: skip
    smaller, greater = (
        mine.filter(pl.col("value") == pl.lit(partners[name], lines["value"].dtype))[LINE]
        .head(MOST + 1).to_list()
        for name in ("value", "other")
    )  # fmt: skip
    if partners["value"] == partners["other"]:
        return ((a, b) for n, a in enumerate(smaller) for b in smaller[n + 1 :])
    return product(smaller, greater)

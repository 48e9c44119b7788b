"""Suspects: the smallest set of lines whose sum is the difference, and findings, of many lines."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import polars as pl
from bench_compare import charges
from measure import Plan, Table, interleaved, median

import invoicekit as ik
from invoicekit.frames.schema import NUMBER

SPREAD = 10**14  # millionths: of a million amounts, hardly any two have the sum of two others
FACTOR = 63_641_362_238_467  # odd, and no multiple of 5: no amount is there twice
AN_ORDER = 80  # lines: the search among those of an order takes all steps that it may


def run(plan: Plan) -> list[Table]:
    """A row a search, each with how long it takes."""
    many, some = (10_000, 1_000) if plan.short else (1_000_000, 100_000)
    table = Table(
        "Suspects and findings",
        ["lines", "looked for", "candidates", "s"],
        "Goal: 10 s, of a million lines for one and two, of 100,000 to find nothing: then all that "
        "is bounded by steps is searched to its end. Charges in memory, amounts all different.",
    )
    for lines, wanted in ((many, (1,)), (many, (1, 2)), (many, ()), (some, ())):
        given = spread(lines)
        off = -sum(
            (given["total"][lines // (n + 2)] for n in wanted), Decimal("0.000001") * (not wanted)
        )
        total = given["total"].sum() + off
        found = ik.reconcile(given, total, currency="USD").suspects
        assert len(wanted) in {found.filter(candidate=n).height for n in (1, *found["candidate"])}
        seconds = interleaved(
            {"": lambda g=given, t=total: ik.reconcile(g, t, currency="USD").suspects}, plan.rounds
        )
        what = {0: "nothing found", 1: "one line", 2: "two lines"}[len(wanted)]
        table.add(f"{lines:,}", what, found["candidate"].n_unique(), median(seconds[""]))
    given = spread(many)
    total = given["total"].sum()
    seconds = interleaved(
        {"": lambda: ik.reconcile(given, total, currency="USD").findings}, plan.rounds
    )
    found = ik.reconcile(given, total, currency="USD").findings
    table.add(f"{many:,}", f"findings: {names(found)}", "", median(seconds[""]))
    return [table]


def names(found: pl.DataFrame) -> str:
    """Which there are."""
    several: Sequence[str] = found["finding"].to_list()
    return ", ".join(several) or "none"


def spread(lines: int) -> pl.DataFrame:
    """Charges in orders of `AN_ORDER` lines, of amounts that are all different."""
    place = pl.int_range(1, lines + 1).cast(pl.Int128)
    millionths = place * place % FACTOR * FACTOR % SPREAD
    total = millionths.cast(NUMBER) / pl.lit(10**6, NUMBER)
    given = charges(lines, lines // AN_ORDER, 0)
    return given.with_columns(
        total.cast(NUMBER).alias("total"),
        total.cast(NUMBER).alias("subtotal"),
        pl.lit(0, NUMBER).alias("tax"),
        pl.col("subscription_id").alias("order_id"),
    )

"""Amounts as integers of the least unit that all of them have, and what a candidate is."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from invoicekit.analysis.checks.copies import LINE
from invoicekit.analysis.money import EXACT
from invoicekit.visible import visible

MOST = 20  # candidates that are told
PLACES = (2, 4, 8, 16, 24)
SMALL = 2**62  # of a greater sum the integers are of 128 bits
# What lines are told apart by: of many that will do, which are told is not decided by their place.
TOLD_BY = (
    "provider", "line_item_type", "customer_id", "order_id", "subscription_id", "charge_type",
    "charge_start", "offer_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """Lines, by their numbers, whose sum is the difference, and why it may be these."""

    reason: str
    lines: tuple[int, ...]


def in_units(amounts: pl.Series, difference: Decimal) -> tuple[pl.Series, int]:
    """The amounts, and the difference, as whole numbers of one and the same unit.

    >>> values, wanted = in_units(pl.Series([Decimal("1.10"), Decimal(2)]), Decimal("-0.1"))
    >>> values.to_list(), wanted
    ([110, 200], -10)
    """
    wanted, places = 0, PLACES[-1]
    for places in PLACES:
        wanted = int(EXACT.scaleb(difference, places))
        short = amounts.cast(pl.Decimal(38, places))
        if EXACT.scaleb(Decimal(wanted), -places) == difference and (short == amounts).all():
            break
    values = amounts.cast(pl.Decimal(38, places)).to_physical().cast(pl.Int128)
    # A sum of all of them, and the difference, whatever their signs.
    ends = values.to_frame("value").select(least=pl.col("value").min(), most=pl.col("value").max())
    greatest = max(abs(int(end or 0)) for end in ends.row(0))
    if greatest * len(values) + abs(wanted) < SMALL:
        values = values.cast(pl.Int64)
    return values, wanted


def in_order(lines: pl.DataFrame, *first: pl.Expr, most: int | None = None) -> pl.DataFrame:
    """The lines in an order that neither pages nor their own order decide; no more than `most`."""
    order = [*first, "value", *TOLD_BY, "page", LINE]
    ordered = lines.lazy().sort(order, nulls_last=True)
    return (ordered if most is None else ordered.head(most)).collect()


def reason(what: str, total: int, wanted: int, *more: str) -> str:
    """Why some lines may be the cause, in words.

    >>> reason("this line", -500, 500, "a credit")
    'without this line the lines add up to the invoice; a credit'
    >>> reason("both lines", 500, 500, "")
    'with both lines once more the lines add up to the invoice'
    """
    told = f"without {what}" if total == -wanted else f"with {what} once more"
    return visible("; ".join([f"{told} the lines add up to the invoice", *filter(None, more)]))

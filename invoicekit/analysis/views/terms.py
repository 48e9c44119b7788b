"""Views of what is bought for a term: list prices that moved, seats, and what renews soon."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from invoicekit.analysis.money import ratio
from invoicekit.analysis.totals import totals
from invoicekit.frames.charge_types import CHANGE, CREDIT, TAX
from invoicekit.frames.schema import LICENSE, NUMBER

SOON = 90  # days


def _of_a_term(charges: pl.LazyFrame) -> pl.LazyFrame:
    """What is bought for a term: credits and taxes are not."""
    return charges.filter(
        pl.col("term").is_not_null()
        & ~pl.col("charge_family").is_in([CREDIT, TAX]).fill_null(value=False)
    )


def priced(charges: pl.LazyFrame) -> pl.LazyFrame:
    """What is bought for a term, at a list price."""
    is_license = pl.col("object_type").eq_missing(LICENSE.object_type)
    prorated = is_license & pl.col("charge_family").eq_missing(CHANGE)
    return _of_a_term(charges).filter(~prorated & pl.col("unit_price").is_not_null())


def price_movers(charges: pl.LazyFrame) -> pl.DataFrame:
    """Offers whose list price for a term moved, those furthest apart first.

    Columns: `currency` (that of the price), `offer_id, offer_name, term, lines, lowest, highest,
    first_date, before, last_date, after, change, share`: `before` is the price of the line that
    begins first, `after` of the one that begins last, `share` the change as a part of `before`.
    Prices of legacy licences are printed for their days, so lines of changes are left out there.
    """
    in_its_own = pl.coalesce("pricing_currency", "currency").alias("currency")
    order = ["charge_start", "unit_price"]
    dated = pl.col("charge_start").is_not_null()

    def of(column: str, place: str) -> pl.Expr:
        ordered = pl.col(column).filter(dated).sort_by(pl.col(o).filter(dated) for o in order)
        return ordered.first() if place == "first" else ordered.last()

    found = (
        priced(charges)
        .with_columns(in_its_own)
        .group_by("currency", "offer_id", "term")
        .agg(
            _latest("offer_name"),
            pl.len().cast(pl.Int64).alias("lines"),
            pl.col("unit_price").min().alias("lowest"),
            pl.col("unit_price").max().alias("highest"),
            of("charge_start", "first").alias("first_date"),
            of("unit_price", "first").alias("before"),
            of("charge_start", "last").alias("last_date"),
            of("unit_price", "last").alias("after"),
        )
        .filter(pl.col("lowest") != pl.col("highest"))
        .with_columns(change=pl.col("after") - pl.col("before"))
        .collect()
    )
    shares = [ratio(*row) for row in found.select("change", "before").iter_rows()]
    apart = [ratio(*row) for row in found.select("highest", "lowest").iter_rows()]
    names = ("currency", "offer_id", "offer_name", "term")
    return (
        found.with_columns(
            pl.Series("share", shares, dtype=NUMBER), pl.Series("apart", apart, dtype=NUMBER)
        )
        # Nothing is further apart than a price of 0 and another: there is no ratio.
        .sort("currency", "apart", "offer_id", "term", descending=[False, True, False, False],
              nulls_last=[True, False, True, True])
        .select(*names, pl.exclude(*names, "apart"))
    )  # fmt: skip


def seats(charges: pl.LazyFrame) -> pl.DataFrame:
    """Seats of each offer by month: what was billed less what was taken back, in whole numbers.

    Columns: `currency, offer_id, offer_name, month, customers, subscriptions, seats, change`;
    `change` is from the month before among the charges, null in the first. A month in which an
    offer's last seats are gone has a row of 0.
    """
    lines = _whole(charges)
    offer = ["currency", "offer_id"]
    counted = (
        lines.group_by(*offer, "month")
        .agg(
            pl.col("customer_id").n_unique().cast(pl.Int64).alias("customers"),
            pl.col("subscription_id").n_unique().cast(pl.Int64).alias("subscriptions"),
            _sum("seats"),
        )
        .collect()
    )
    names = lines.group_by(offer).agg(_latest("offer_name")).collect()
    months = counted.select("currency", "month").unique().sort("month", nulls_last=True)
    months = months.with_columns(place=pl.int_range(pl.len()).over("currency"))
    grid = names.join(months, on="currency", nulls_equal=True)
    frame = grid.join(counted, on=[*offer, "month"], how="left", nulls_equal=True)
    counts = ("customers", "subscriptions", "seats")
    frame = frame.with_columns(pl.col(counts).fill_null(0)).sort(*offer, "place", nulls_last=True)
    frame = frame.with_columns(change=pl.col("seats").diff().over(offer))
    nothing = (pl.col("seats") == 0) & (pl.col("change").fill_null(0) == 0)
    return frame.filter(~nothing).select(*offer, "offer_name", "month", *counts, "change")


def renewals(charges: pl.LazyFrame) -> pl.DataFrame:
    """Subscriptions whose term ends in the 90 days after the newest invoice's date, soonest first.

    Columns: `currency, subscription_end, days, customer_id, customer_name, offer_id, offer_name,
    subscription_id, term, seats, total`: `days` are counted from that date, `seats` and `total` are
    those of the subscription's newest month. What has no seats left is not there.
    """
    key = ["currency", "customer_id", "offer_id", "subscription_id"]
    lines = _whole(charges.filter(pl.col("subscription_end").is_not_null()))
    lines = lines.filter(pl.col("month").eq_missing(pl.col("month").max().over(key)))
    today = charges.select(pl.col("invoice_date").max().alias("today"))
    days = (pl.col("subscription_end") - pl.col("today")).dt.total_days()
    soon = (
        lines.group_by(key)
        .agg(pl.col("subscription_end").max(), _latest("term"), _sum("seats"))
        .join(today, how="cross")
        .with_columns(days=days)
        .filter((pl.col("days") >= 0) & (pl.col("days") <= SOON) & (pl.col("seats") > 0))
        .collect()
    )
    mine = lines.join(soon.lazy().select(key), on=key, how="semi", nulls_equal=True)
    sums = totals(mine, "customer", "offer", "subscription").drop("lines", "subtotal", "tax")
    order = ["currency", "subscription_end", *key[1:]]
    found = soon.join(sums, on=key, nulls_equal=True).sort(order, nulls_last=True)
    return found.select(
        "currency", "subscription_end", "days", "customer_id", "customer_name", "offer_id",
        "offer_name", "subscription_id", "term", "seats", "total",
    )  # fmt: skip


def _whole(charges: pl.LazyFrame) -> pl.LazyFrame:
    """Lines of subscriptions that are counted in whole numbers, `seats`."""
    number = pl.coalesce("billable_quantity", "quantity")
    whole = number.cast(pl.Int64)
    return (
        _of_a_term(charges)
        .filter(pl.col("subscription_id").is_not_null(), whole.cast(NUMBER) == number)
        .with_columns(seats=whole)
    )


def _sum(name: str) -> pl.Expr:
    """A sum that is right, or raises: one of Int64 would wrap."""
    return pl.col(name).cast(pl.Int128).sum().cast(pl.Int64)


def _latest(name: str) -> pl.Expr:
    """That of the line that ends last."""
    order: Sequence[str] = ("charge_end", "charge_start", name)
    return pl.col(name).sort_by(order, nulls_last=False).last()

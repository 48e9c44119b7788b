"""Views of amounts: by customer, product, family, country, reason; and what is not paid yet.

Sums are those of `totals`, exact and guarded; shares and rates are rounded half-even to six
decimals. Every view has its currencies apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import reduce

import polars as pl

from invoicekit.analysis.checks.copies import LINE, numbered
from invoicekit.analysis.checks.tax_rates import odd_tax
from invoicekit.analysis.money import EXACT, decimals_of, ratio, rounded
from invoicekit.analysis.totals import AMOUNTS, totals
from invoicekit.frames.charge_types import CHANGE, CREDIT, FAMILIES, TAX
from invoicekit.frames.schema import NUMBER

EARNED = ("Partner Earned Credit Applied", "PEC Applied")  # as a reason of credit
EARNED_PERCENT = 15


def customers(charges: pl.LazyFrame) -> pl.DataFrame:
    """Customers, dearest first: `rank`, and `share` of their currency's total.

    Columns: `currency, rank, customer_id, customer_name, lines, total, share, latest, before,
    change`: `latest` is the total of the currency's newest month, `before` that of the month before
    it among the charges; null where there is one month alone.
    """
    by_month = totals(charges, "customer", "month")
    months = by_month.select("currency", "month").unique().drop_nulls("month")
    months = months.sort("month", descending=True)
    place = pl.int_range(pl.len()).over("currency")
    newest = {n: months.filter(place == n) for n in (0, 1)}
    frame = totals(charges, "customer").with_columns(share=_shares())
    for name, number in (("latest", 0), ("before", 1)):
        sums = by_month.join(newest[number], on=["currency", "month"], nulls_equal=True)
        there = newest[number].select("currency", pl.lit(Decimal(0), NUMBER).alias("none"))
        frame = frame.join(
            sums.select("currency", "customer_id", pl.col("total").alias(name)),
            on=["currency", "customer_id"], how="left", nulls_equal=True,
        ).join(there, on="currency", how="left", nulls_equal=True)  # fmt: skip
        frame = frame.with_columns(pl.coalesce(name, "none").alias(name)).drop("none")
    return frame.select(
        "currency",
        (pl.int_range(pl.len(), dtype=pl.Int64) + 1).over("currency").alias("rank"),
        "customer_id",
        "customer_name",
        "lines",
        "total",
        "share",
        "latest",
        "before",
        change=pl.col("latest") - pl.col("before"),
    )


def products(charges: pl.LazyFrame) -> pl.DataFrame:
    """Products, dearest first, and within each its SKUs; legacy offers have none.

    Columns: `currency, product_id, product_name, product_total, sku_id, lines, customers, total,
    share`.
    """
    parts = pl.col("offer_id").str.splitn(":", 2).struct
    split = charges.with_columns(
        product_id=parts.field("field_0"),
        sku_id=parts.field("field_1"),
        customer_number=pl.col("customer_id"),
    )
    frame = totals(split, "product_id", "sku_id", "offer").with_columns(share=_shares())
    whole = totals(split, "product_id").select(
        "currency", "product_id", pl.col("total").alias("product_total")
    )
    counts = (
        split.group_by("currency", "product_id", "sku_id", "offer_id")
        .agg(pl.col("customer_id").n_unique().cast(pl.Int64).alias("customers"))
        .collect()
    )
    keys = ["currency", "product_id", "sku_id", "offer_id"]
    return (
        frame.join(counts, on=keys, how="left", nulls_equal=True)
        .join(whole, on=["currency", "product_id"], how="left", nulls_equal=True)
        .sort(
            "currency", "product_total", "product_id", "total", "sku_id",
            descending=[False, True, False, True, False], nulls_last=True, maintain_order=True,
        )
        .select(
            "currency", "product_id", pl.col("offer_name").alias("product_name"), "product_total",
            "sku_id", "lines", "customers", "total", "share",
        )
    )  # fmt: skip


def families(charges: pl.LazyFrame) -> pl.DataFrame:
    """Charges by month and family.

    Columns: `currency, month, charge_family, lines, subtotal, tax, total`.
    """
    order = pl.col("charge_family").replace_strict(
        list(FAMILIES), range(len(FAMILIES)), default=len(FAMILIES)
    )
    frame = totals(charges, "month", "charge_family")
    return frame.sort("currency", "month", order, nulls_last=True).select(
        "currency", "month", "charge_family", "lines", *AMOUNTS
    )


def tax_by_country(charges: pl.LazyFrame) -> pl.DataFrame:
    """Countries by tax, with its rate, and the number of lines that have an odd one.

    Columns: `currency, country, lines, subtotal, tax, total, rate, odd`; `rate` is the tax as a
    part of the subtotal, `odd` counts the lines that are of the finding `tax rate`.
    """
    frame = totals(charges, "country")
    rates = [ratio(*row) for row in frame.select("tax", "subtotal").iter_rows()]
    lines = numbered(charges)
    mine = pl.col(LINE).is_in(odd_tax(lines).implode())
    key = ["currency", "country"]
    odd = lines.filter(mine).group_by(key).agg(pl.len().cast(pl.Int64).alias("odd")).collect()
    return (
        frame.with_columns(pl.Series("rate", rates, dtype=NUMBER))
        .join(odd, on=key, how="left", nulls_equal=True)
        .sort("currency", "tax", "country", descending=[False, True, False], nulls_last=True)
        .select(*key, "lines", *AMOUNTS, "rate", pl.col("odd").fill_null(0))
    )


def credited(charges: pl.LazyFrame) -> pl.DataFrame:
    """Credits and refunds, the greatest first.

    Those are the families credit and tax, and what else is below zero; not what a change to a
    subscription takes back, for that is billed anew.

    Columns: `currency, credit_reason, charge_type, customer_id, customer_name, offer_id,
    offer_name, lines, subtotal, tax, total`.
    """
    family = pl.col("charge_family")
    below = (pl.col("total") < 0) & family.ne_missing(CHANGE)
    back = charges.filter(family.eq_missing(CREDIT) | family.eq_missing(TAX) | below)
    keys = ("credit_reason", "charge_type", "customer", "offer")
    frame = totals(back, *keys)
    ids = [name for name in frame.columns if name.endswith("_id")]
    return frame.sort(
        "currency", "total", *keys[:2], *ids, nulls_last=True
    ).select("currency", pl.exclude("currency"))  # fmt: skip


def earned_credit(charges: pl.LazyFrame) -> pl.DataFrame:
    """Partner earned credit, of the offers that have it on any line: got, and missed.

    Columns: `currency, customer_id, customer_name, subscription_id, subscription_name, lines,
    subtotal, with_credit, without_credit, got, missed`; the most missed first. `with_credit` is the
    subtotal of lines billed less the credit of 15 %, `got` what that was (15/85 of it), `missed` 15
    % of the others, both rounded half-even to the currency's decimals. Credits are left out.
    """
    earned = pl.col("credit_reason").is_in(EARNED).fill_null(value=False)
    lines = charges.filter(pl.col("charge_family").ne_missing(CREDIT)).with_columns(earned=earned)
    offers = lines.filter("earned").select("currency", "offer_id").unique()
    lines = lines.join(offers, on=["currency", "offer_id"], how="semi", nulls_equal=True)
    keys = ["currency", "customer_id", "subscription_id"]
    frame = totals(lines, "customer", "subscription")
    for name, wanted in (("with_credit", "earned"), ("without_credit", ~pl.col("earned"))):
        sums = totals(lines.filter(wanted), "customer", "subscription")
        frame = frame.join(
            sums.select(*keys, pl.col("subtotal").alias(name)),
            on=keys, how="left", nulls_equal=True,
        ).with_columns(pl.col(name).fill_null(0))  # fmt: skip
    rest = 100 - EARNED_PERCENT
    for name, of, parts in (("got", "with_credit", rest), ("missed", "without_credit", 100)):
        shares = [
            _credit(amount, currency, parts)
            for amount, currency in frame.select(of, "currency").iter_rows()
        ]
        frame = frame.with_columns(pl.Series(name, shares, dtype=NUMBER))
    return frame.sort(
        "currency", "missed", "got", "customer_id", "subscription_id",
        descending=[False, True, True, False, False], nulls_last=True,
    ).select(
        "currency", "customer_id", "customer_name", "subscription_id", "subscription_name",
        "lines", "subtotal", "with_credit", "without_credit", "got", "missed",
    )  # fmt: skip


def balance(headers: pl.LazyFrame) -> pl.DataFrame:
    """Invoices, newest first: `currency, invoice_id, invoice_date, month, total, paid, open`.

    `open` is null where the service does not say what is paid.
    """
    return (
        headers.with_columns(open=pl.col("total") - pl.col("paid"))
        .sort("currency", "invoice_date", "invoice_id", descending=[False, True, False],
              nulls_last=True)
        .select("currency", "invoice_id", "invoice_date", "month", "total", "paid", "open")
        .collect()
    )  # fmt: skip


def _shares() -> pl.Expr:
    """Each total's part of its currency's; null where that is not above zero."""
    return pl.struct("total").map_batches(_shared, return_dtype=NUMBER).over("currency")


def _shared(rows: pl.Series) -> pl.Series:
    amounts: Sequence[Decimal | None] = rows.struct.field("total").to_list()
    whole = reduce(EXACT.add, (one for one in amounts if one is not None), Decimal(0))
    shares = [ratio(one, whole) if whole > 0 else None for one in amounts]
    return pl.Series(shares, dtype=NUMBER)


def _credit(amount: Decimal, currency: str | None, of: int) -> Decimal:
    exact = EXACT.divide(EXACT.multiply(amount, Decimal(EARNED_PERCENT)), Decimal(of))
    return rounded(exact, Decimal(1).scaleb(-decimals_of(currency)))

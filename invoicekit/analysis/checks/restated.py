"""Daily usage against the billing lines that it restates: the same usage, told twice.

The two are compared and never added. Nothing is rounded by day, while a billing line is rounded
down: once in the pricing currency, once in that of the bill
(https://learn.microsoft.com/partner-center/billing/modern-invoice-reconciliation-file), so the days
come to less than these roundings more. Legacy usage has no amounts; its quantities are compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from invoicekit.analysis.money import decimals_of, plain
from invoicekit.frames.charge_types import CREDIT, TAX, charge_family
from invoicekit.frames.schema import (
    BY_OBJECT_TYPE,
    DAILY_RATED,
    DAILY_USAGE,
    NUMBER,
    ONE_TIME,
    USAGE,
)

ROOM = 10**13  # a sum has 14 digits before the point
CENT = Decimal("0.01")  # amounts are rounded down to, in the pricing currency
CLOSE = Decimal("0.0001")  # quantities of billing lines have 4 decimals at least


@dataclass(frozen=True, slots=True)
class Pair:
    """An objectType of billing lines, the one of the usage that they bill, and what is compared.

    `category` is what usage is told apart by within a subscription, `named` the field of the
    billing line that says the same, or begins with it.
    """

    billing: str
    usage: str
    amounts: tuple[str, str]
    category: str
    named: str
    currency: tuple[str | None, str | None] = (None, None)
    rate: str | None = None
    metered: tuple[str, ...] = ()  # fields that a metered billing line has, and a licence has not


PAIRS = (
    Pair(
        ONE_TIME.object_type,
        DAILY_RATED.object_type,
        ("subtotal", "billing_pre_tax_total"),
        "meter_category",
        "meter_description",
        ("currency", "billing_currency"),
        "pc_to_bc_exchange_rate",
        ("meter_description", "unit_type"),
    ),
    Pair(
        USAGE.object_type,
        DAILY_USAGE.object_type,
        ("consumed_quantity", "consumed_quantity"),
        "resource_guid",
        "resource_guid",
    ),
)
MOST_NAMED = 3  # subscriptions
KEY = ("invoice_id", "subscription", "currency")
SIDE = {"provider": "asked_provider", "line_item_type": "asked_line_item_type"}


def restated(frames: Mapping[str, pl.LazyFrame], currency: str) -> pl.DataFrame:
    """The usage that is not what was billed, a row for each subscription and category.

    Columns: `provider, line_item_type, object_type, currency, subscription, category, lines, used,
    billed, money`: `lines` of usage, and whether the two are amounts (else quantities). `category`
    is null where the subscription as a whole is compared. A subscription that billing lines do not
    name cannot be compared.
    """
    found = []
    for pair in PAIRS:
        billing, usage = (
            [frame for name, frame in frames.items() if _is(name, wanted)]
            for wanted in (pair.billing, pair.usage)
        )
        if billing and usage:
            found += _unlike(pair, pl.concat(billing, how="diagonal"),
                             pl.concat(usage, how="diagonal"), currency)  # fmt: skip
    return pl.concat(found) if found else pl.DataFrame(schema=SCHEMA)


SCHEMA = {
    **dict.fromkeys(("provider", "line_item_type", "object_type", "currency"), pl.String()),
    "subscription": pl.String(),
    "category": pl.String(),
    "lines": pl.Int64(),
    "used": NUMBER,
    "billed": NUMBER,
    "money": pl.Boolean(),
}


def restated_words(rows: pl.DataFrame, more: Sequence[Decimal], *, money: bool) -> str:
    """Such rows of one part in words, those furthest off first.

    Args:
        rows: as `restated` gives them.
        more: of each, what was used beyond what was billed.
        money: whether these are amounts.
    """
    by_more = zip(more, rows.iter_rows(named=True), strict=True)
    ranked = sorted(by_more, key=lambda one: -abs(one[0]))
    named = [_used_and_billed(row) for _, row in ranked[:MOST_NAMED]]
    rest = f"; and {len(ranked) - len(named):,} more" if len(ranked) > len(named) else ""
    what = "amount" if money else "quantity"
    return f"the days' {what} is not what was billed, beyond rounding: {'; '.join(named)}{rest}"


def _used_and_billed(row: Mapping[str, Any]) -> str:
    category = f" ({row['category']})" if row["category"] else ""
    used, billed = (plain(row[name], row["currency"]) for name in ("used", "billed"))
    return f"subscription {row['subscription']}{category}, {used} used, {billed} billed"


def _is(name: str, wanted: str) -> bool:
    kind = BY_OBJECT_TYPE.get(name)
    return kind is not None and kind.object_type == wanted


def _unlike(
    pair: Pair, billing: pl.LazyFrame, usage: pl.LazyFrame, currency: str
) -> list[pl.DataFrame]:
    used, billed = _used(pair, usage), _billed(pair, billing)
    if used.is_empty() or billed.is_empty():  # the oldest payloads do not say whose usage it is
        return []
    for sums, lines, amount in ((used, usage, 1), (billed, billing, 0)):
        if not _fits(sums):  # a sum of all, which raises where one of some could have wrapped
            lines.select(pl.col(pair.amounts[amount]).abs().sum()).collect()
    by_category = _by_category(pair, used, billed)
    told = by_category[1].select(KEY).unique()
    undivided = pl.lit(None, pl.String).alias("category")
    whole_used, whole_billed = (
        side.join(told, on=KEY, how="anti", nulls_equal=True).with_columns(undivided)
        for side in (used, billed)
    )
    both = ((whole_used, whole_billed), by_category)
    rows = pl.concat([_compared(pair, *sides, currency) for sides in both])
    return [
        rows.with_columns(
            *(pl.col(name).fill_null(used[name].min()) for name in SIDE),
            pl.lit(pair.usage).alias("object_type"),
            pl.lit(pair.rate is not None).alias("money"),
        ).select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
    ]


def _keys(currency: str | None) -> list[pl.Expr]:
    code = pl.lit(None, pl.String) if currency is None else pl.col(currency)
    return [
        pl.col("invoice_id"),
        pl.col("subscription_id").str.strip_chars().str.to_lowercase().alias("subscription"),
        code.alias("currency"),
    ]


def _used(pair: Pair, usage: pl.LazyFrame) -> pl.DataFrame:
    """Usage by subscription and category."""
    amount = pl.col(pair.amounts[1])
    return (
        usage.group_by(
            *_keys(pair.currency[1]),
            pl.col(pair.category).str.to_lowercase().alias("category"),
            *(pl.col(asked).alias(name) for name, asked in SIDE.items()),
        )
        .agg(
            pl.len().cast(pl.Int64).alias("lines"),
            amount.sum().alias("used"),
            amount.abs().max().alias("most"),
        )
        .filter(pl.col("subscription").is_not_null())
        .collect(engine="streaming")
    )


def _billed(pair: Pair, billing: pl.LazyFrame) -> pl.DataFrame:
    """What was billed by subscription and category, and by how much it may be too little."""
    amount = pl.col(pair.amounts[0])
    always = pl.lit(value=not pair.metered)
    metered = pl.any_horizontal(always, *(pl.col(name).is_not_null() for name in pair.metered))
    rate = pl.lit(1, NUMBER) if pair.rate is None else pl.col(pair.rate).fill_null(1)
    grouped = (
        billing.filter(~charge_family("charge_type").is_in([CREDIT, TAX]))
        .group_by(
            *_keys(pair.currency[0]),
            pl.col(pair.named).str.to_lowercase().alias("named"),
            metered.alias("metered"),
        )
        .agg(
            amount.sum().alias("billed"),
            amount.abs().max().alias("most"),
            pl.len().cast(pl.Int64).alias("lines"),
            (amount > 0).sum().cast(pl.Int64).alias("charges"),
            (amount < 0).sum().cast(pl.Int64).alias("refunds"),
            rate.max().alias("rate"),
        )
        .collect(engine="streaming")
    )
    some = pl.col("metered").any().over(KEY)
    return grouped.filter(pl.col("subscription").is_not_null(), pl.col("metered") | ~some)


def _fits(sums: pl.DataFrame) -> bool:
    """Whether it is plain that no sum of a group has wrapped."""
    most = sums["most"].max()
    return not isinstance(most, Decimal) or most * int(sums["lines"].sum()) < ROOM


def _by_category(
    pair: Pair, used: pl.DataFrame, billed: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Both sides of the subscriptions in which each billing line names a category of the usage."""
    if pair.named == pair.category:
        return used, billed.with_columns(pl.col("named").alias("category"))
    known = used.select(*KEY, "category").drop_nulls("category").unique()
    named = billed.with_row_index("n").join(known, on=KEY, how="left", nulls_equal=True)
    begins = pl.col("named").str.starts_with(pl.col("category")).fill_null(value=False)
    named = named.with_columns(pl.when(begins).then("category").alias("category"))
    longest = pl.col("category").str.len_bytes()
    named = named.sort("n", longest, nulls_last=False).unique("n", keep="last")
    whole = named.filter(pl.col("category").is_not_null().all().over(KEY)).drop("n")
    return used.join(whole.select(KEY), on=KEY, how="semi", nulls_equal=True), whole


def _compared(pair: Pair, used: pl.DataFrame, billed: pl.DataFrame, currency: str) -> pl.DataFrame:
    """The keys in which usage is not what was billed, or has no billing line."""
    keys = [*KEY, "category"]
    left = used.group_by(keys).agg(
        pl.col("provider", "line_item_type").sort().first(), pl.col("lines", "used").sum()
    )
    right = billed.group_by(keys).agg(
        pl.col("billed", "charges", "refunds").sum(),
        pl.col("rate").max(),
        pl.col("named").is_not_null().all(),
    )
    both = left.join(right, on=keys, how="full", coalesce=True, nulls_equal=True)
    # Of billing lines without usage, those alone that say which meter it would be of.
    both = both.filter(pl.col("lines").is_not_null() | pl.col("named"))
    both = both.with_columns(
        pl.col("used", "billed", "rate").fill_null(0).cast(NUMBER),
        pl.col("charges", "refunds", "lines").fill_null(0),
    )
    more = pl.col("used") - pl.col("billed")
    charges, refunds = (pl.col(name).cast(NUMBER) for name in ("charges", "refunds"))
    if pair.rate is None:
        return both.filter(more.abs() > pl.lit(CLOSE, NUMBER) * (charges + refunds)).sort(keys)
    unit = pl.lit(Decimal(1).scaleb(-decimals_of(currency)), NUMBER)
    converted = pl.col("rate") * pl.lit(CENT, NUMBER)
    step = pl.when(pl.col("rate") == 1).then(unit).otherwise(unit + converted)
    fine = pl.when(more < 0).then(more > -step * refunds).otherwise(
        (more == 0) | (more < step * charges)
    )  # fmt: skip
    return both.filter(~fine).sort(keys)

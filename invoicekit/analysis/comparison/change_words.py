"""What changed, in sentences; amounts are rounded to their currency's decimals, to be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import polars as pl

from invoicekit.analysis.money import EXACT, decimals_of, plain

# How a change is told, by its part. `more` is "more" or "fewer", `by` how many.
WORDS = {
    "new customers": "{customer}: new, {offers}, {amount}",
    "lost customers": "{customer}: gone, {offers}, {amount}",
    "new offers": "{customer}: new, {offer}, {amount}",
    "lost offers": "{customer}: no more {offer}, {amount}",
    "quantity": "{customer}: {by} {more} of {offer}, {amount}",
    "price": "{customer}: {offer} costs {now} instead of {was}, {amount}",
    "exchange rate": "{customer}: {offer} at a rate of {now} instead of {was}, {amount}",
    "proration": "{customer}: {offer} for {now} days instead of {was}, {amount}",
    "credits": "{customer}: credits for {offer}, {amount}",
    "rest": "What no part explains, rounding and lines with several prices: {amount}",
    "tax": "Tax: {amount}",
}
ONCE = {  # told once for all rows of a customer, or of a currency
    "new customers": ("currency", "customer_id"),
    "lost customers": ("currency", "customer_id"),
    "rest": ("currency",),
    "tax": ("currency",),
}


def currency_sentence(
    currency: str | None, before: Decimal, after: Decimal, difference: Decimal
) -> str:
    """What a currency's amounts were, and are.

    >>> currency_sentence("USD", Decimal(10), Decimal("12.5"), Decimal("2.5"))
    'USD: +2.50, from 10.00 to 12.50'
    """
    was, now = (_rounded(amount, currency, ",f") for amount in (before, after))
    return f"{currency or 'No currency'}: {signed(difference, currency)}, from {was} to {now}"


def signed(amount: Decimal, currency: str | None) -> str:
    """The amount with its sign; what would be rounded to nothing has all its decimals.

    >>> signed(Decimal(1432), "USD"), signed(Decimal("-0.0004"), "USD"), signed(Decimal(0), "USD")
    ('+1,432.00', '-0.0004', '0.00')
    """
    return _rounded(amount, currency, "+,f" if amount else ",f")


def _rounded(amount: Decimal, currency: str | None, form: str) -> str:
    unit = Decimal(1).scaleb(-decimals_of(currency))
    short = amount.quantize(unit, rounding=ROUND_HALF_EVEN, context=EXACT)
    return format(short if short or not amount else plain(amount, currency), form)


def change_sentences(details: pl.DataFrame, most: int) -> list[str]:
    """The greatest changes of each currency in turn; `details` has `was` and `is` as well."""
    told: list[tuple[str | None, Decimal, str]] = []
    for (part,), rows in details.group_by("part", maintain_order=True):
        each = _once(rows, ONCE.get(str(part))).iter_rows(named=True)
        told += [(row["currency"], row["difference"], _sentence(row)) for row in each]
    several = len({currency for currency, *_ in told}) > 1
    told.sort(key=lambda one: (one[0] is None, one[0], -abs(one[1])))
    picked = _in_turn([currency for currency, *_ in told], most)
    return [
        f"{text} {currency}" if several else text
        for currency, _, text in map(told.__getitem__, picked)
    ]


def _in_turn(currencies: Sequence[str | None], most: int) -> list[int]:
    """The places of the first of each currency, then of the second, until there are so many."""
    told: Counter[str | None] = Counter()
    turns: list[int] = []
    for currency in currencies:
        turns.append(told[currency])
        told[currency] += 1
    return sorted(sorted(range(len(turns)), key=turns.__getitem__)[: max(most, 0)])


def _once(rows: pl.DataFrame, by: tuple[str, ...] | None) -> pl.DataFrame:
    if by is None:
        return rows.with_columns(offers=pl.lit(1))
    first = pl.exclude("difference", *by).first()
    return rows.group_by(by, maintain_order=True).agg(
        first, pl.col("difference").sum(), pl.col("offer_id").n_unique().alias("offers")
    )


def _sentence(row: dict[str, Any]) -> str:
    was, now = row["was"], row["is"]
    moved = {} if was is None else _moved(row["part"], was, now, row["currency"])
    offer = row["offer_name"] or row["offer_id"] or "(no offer)"
    return WORDS[row["part"]].format(
        customer=row["customer_name"] or row["customer_id"],
        offer=offer,
        offers=offer if row["offers"] == 1 else f"{row['offers']:,} offers",
        amount=signed(row["difference"], row["currency"]),
        **moved,
    )


def _moved(part: str, was: Decimal, now: Decimal, currency: str | None) -> dict[str, str]:
    by = EXACT.subtract(now, was)
    if part == "proration":  # the last day counts too
        was, now = was + 1, now + 1
    values = {"was": was, "now": now, "by": by.copy_abs()}
    texts = {
        name: f"{plain(value, currency):,f}" if part == "price" else _trimmed(value)
        for name, value in values.items()
    }
    return {**texts, "more": "more" if by > 0 else "fewer"}


def _trimmed(number: Decimal) -> str:
    """With no zeros beyond need."""
    return f"{EXACT.normalize(number):,f}"

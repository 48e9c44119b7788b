"""Comparison: what changed between two invoices, against the time of their totals."""

from __future__ import annotations

import datetime as dt

import polars as pl
from measure import Plan, Table, interleaved, median, ratio

import invoicekit as ik
from invoicekit.frames.charges import CHARGES

KEYS = ("customer", "offer", "subscription")
CUSTOMERS, OFFERS = 2_000, 200


def run(plan: Plan) -> list[Table]:
    """A row a number of subscriptions, each with all lines."""
    lines = 10_000 if plan.short else 1_000_000
    table = Table(
        f"Comparison of two invoices of {lines:,} lines",
        ["subscriptions", "that changed", "compare s", "both totals by all three s", "ratio"],
        "Goal: 3 times the totals by customer, offer and subscription. Frames in memory; "
        "half of the subscriptions have another quantity, a tenth another price.",
    )
    for keys in (lines // 100, lines // 20, lines // 3):
        before, after = charges(lines, keys, 0), charges(lines, keys, 1)
        changed = ik.compare(before, after).details.filter(part="quantity").height
        assert changed > keys // 4
        seconds = interleaved(
            {
                "compare": lambda b=before, a=after: ik.compare(b, a),
                "totals": lambda b=before, a=after: (ik.totals(b, *KEYS), ik.totals(a, *KEYS)),
            },
            plan.rounds,
        )
        both = seconds["compare"], seconds["totals"]
        table.add(f"{keys:,}", f"{changed:,}", *map(median, both), ratio(*both))
    return [table]


def charges(lines: int, keys: int, month: int) -> pl.DataFrame:
    """Charges of an invoice; of another month the same subscriptions, some of them changed."""
    key = pl.col("key")
    quantity = key % 50 + 1 + month * (key % 2)
    price = key % 90 + 1 + month * (key % 10 == 0).cast(pl.Int64)
    made = {
        "object_type": pl.lit("OneTimeInvoiceLineItem"),
        "currency": pl.lit("USD"),
        "charge_family": pl.when(key % 50 == 7).then(pl.lit("credit")).otherwise(pl.lit("usage")),
        "customer_id": _id(key % CUSTOMERS),
        "customer_name": pl.format("Customer {}", key % CUSTOMERS),
        "offer_id": _id(key // CUSTOMERS % OFFERS),
        "offer_name": pl.format("Offer {}", key // CUSTOMERS % OFFERS),
        "subscription_id": _id(key),
        "charge_start": pl.lit(dt.date(2026, 9 + month, 1)),
        "charge_end": pl.lit(dt.date(2026, 9 + month, 30)),
        "billable_quantity": quantity,
        "effective_unit_price": price,
        "exchange_rate": pl.lit(1),
        "subtotal": quantity * price,
        "tax": quantity,
        "total": quantity * price + quantity,
    }
    spread = (pl.int_range(lines) * 7_919 % keys).alias("key")  # a prime: no order to lean on
    frame = pl.select(spread).with_columns(**made)
    absent = {name: pl.lit(None) for name in CHARGES if name not in made}
    frame = frame.with_columns(**absent)
    return frame.select(pl.col(name).cast(dtype) for name, dtype in CHARGES.items())


def _id(number: pl.Expr) -> pl.Expr:
    return pl.format("00000000-0000-4000-8000-{}", number.cast(pl.String).str.zfill(12))

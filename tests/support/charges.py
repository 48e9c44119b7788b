"""Charges as plain values."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from invoicekit.frames.charges import CHARGES


def charge(**fields: object) -> dict[str, object]:
    """One charge of 1 USD; what is not given is dull, or null."""
    usual = {
        "customer_id": "c1",
        "customer_name": "One",
        "offer_id": "o1",
        "offer_name": "Offer",
        "subtotal": Decimal(1),
        "tax": Decimal(0),
        "total": Decimal(1),
        "currency": "USD",
        "provider": "onetime",
        "line_item_type": "billing",
        "object_type": "OneTimeInvoiceLineItem",
    }
    return {**usual, **fields}


def frame(*charges: dict[str, object]) -> pl.DataFrame:
    """Some charges as the tidy frame."""
    return pl.DataFrame(list(charges), schema=CHARGES)

"""An invoice's header as Partner Center sends it, and the collections and receipts it names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
import polars as pl

from invoicekit.errors import FrameError, PageError
from invoicekit.frames.decode import decode_invoices
from invoicekit.frames.schema import NUMBER
from invoicekit.pages import BOM, Request, page_of
from invoicekit.sources.base import InvoiceHeader
from invoicekit.sources.partner_center import requests
from invoicekit.sources.partner_center.vocabulary import fold
from invoicekit.sources.periods import billing_month

BILLED = {
    "invoice_id": pl.String(),
    "invoice_date": pl.Date(),
    "month": pl.String(),
    "currency": pl.String(),
    "total": NUMBER,
    "paid": NUMBER,
}


class Receipt(msgspec.Struct):
    """Of a tax receipt, what it is asked for by."""

    id: str


class Amendment(msgspec.Struct, rename="camel"):
    """Of a document that amends an invoice, what tells it from others."""

    id: str | None = None
    document_type: str | None = None
    total_charges: Decimal | None = None
    currency_code: str | None = None


class Detail(msgspec.Struct, rename="camel"):
    """Of an invoice's details, what a collection is asked for by."""

    billing_provider: str
    invoice_line_item_type: str


def header_of(row: Mapping[str, Any]) -> InvoiceHeader:
    """The header in a row of `decode_invoices`.

    Raises:
        FrameError: it has no id, total or currency.
        PageError: nobody could ask for an invoice of that id.
    """
    for name in ("invoice_id", "total_charges", "currency"):
        if row[name] is None:
            raise FrameError(f"an invoice came without its {name}; it cannot be reconciled")
    try:
        requests.invoice(row["invoice_id"])
    except ValueError as cause:  # the service's word, not the user's: he has asked for nothing
        raise PageError(f"the service names an invoice that nobody can ask for: {cause}") from cause
    return InvoiceHeader(
        id=row["invoice_id"],
        date=row["invoice_date"],
        currency=row["currency"],
        total=row["total_charges"],
        paid=row["paid_amount"],
        period_start=row["billing_period_start"],
        period_end=row["billing_period_end"],
        closed=requests.is_closed(row["invoice_date"]),
        details=row["invoice_details"],
        receipts=row["tax_receipts"],
        document_type=row["document_type"],
        amendments=row["amendments"],
    )


def total_of(body: bytes) -> Decimal | None:
    """The total of a header as it was sent; `None` where it cannot be read."""
    try:
        rows = decode_invoices([page_of([body.removeprefix(BOM)], "the header")])
    except FrameError:
        return None
    found: Decimal | None = rows["total_charges"].item()
    return found


def headers_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Of the rows of `decode_invoices`, what is billed and paid: columns as in `BILLED`."""
    dates = rows.select("billing_period_start", "invoice_date").iter_rows()
    months = [month.isoformat()[:7] if (month := billing_month(*row)) else None for row in dates]
    return rows.select(
        "invoice_id",
        "invoice_date",
        pl.Series("month", months, dtype=pl.String),
        "currency",
        total="total_charges",
        paid="paid_amount",
    )


def billed_of(header: InvoiceHeader) -> pl.DataFrame:
    """The same of one header."""
    row = (header.id, header.date, header.month, header.currency, header.total, header.paid)
    return pl.DataFrame([row], schema=BILLED, orient="row")


def pairs_of(header: InvoiceHeader) -> list[tuple[str, str]]:
    """The pairs that an invoice names, each once: provider and line item type.

    In our words where we have one.

    Raises:
        PageError: it does not say which it has.
    """
    try:
        details = msgspec.json.decode(header.details or "[]", type=list[Detail])
    except msgspec.DecodeError as cause:
        raise PageError(
            f"invoice {header.id} does not say which collections it has (invoiceDetails): {cause}"
        ) from cause
    pairs = [(fold(one.billing_provider), fold(one.invoice_line_item_type)) for one in details]
    if not all(provider and kind for provider, kind in pairs):
        raise PageError(
            f"invoice {header.id} names a collection without its provider or type "
            "(invoiceDetails), so it cannot be asked for. Look at its document in the portal"
        )
    return list(dict.fromkeys(pairs))


def named_pairs(header: InvoiceHeader) -> list[tuple[str, str]]:
    """The same, for whoever wants lines.

    Raises:
        PageError: it names none, or does not say which it has.
    """
    pairs = pairs_of(header)
    if not pairs:
        raise PageError(
            f"invoice {header.id} names no collections of line items (invoiceDetails), so there is "
            "nothing to ask for. Look at its document in the portal"
        )
    return pairs


def receipts_of(header: InvoiceHeader) -> list[tuple[str, Request]]:
    """The tax receipts of an invoice: the id of each, and the request for its PDF.

    Raises:
        PageError: it does not name them as documented.
    """
    try:
        receipts = msgspec.json.decode(header.receipts or "[]", type=list[Receipt])
        return [(one.id, requests.tax_receipt(header.id, one.id)) for one in receipts]
    except (msgspec.DecodeError, ValueError) as cause:
        raise PageError(
            f"invoice {header.id} names its tax receipts (taxReceipts) in a way that cannot be "
            f"read: {cause}. Look at them in the portal"
        ) from cause


def notes_of(header: InvoiceHeader) -> list[str]:
    """What the header names beside charges, in words: that it is no invoice, and what amends it.

    What cannot be read of it is told as it is by the list of invoices, and not here.
    """
    kind = _words(header.document_type)
    notes = [] if kind in {"", "invoice", "none"} else [f"{kind} {header.id}"]
    try:
        amendments = msgspec.json.decode(header.amendments or "[]", type=list[Amendment])
    except (msgspec.DecodeError, RecursionError):
        return notes
    for one in amendments:
        amount = "" if one.total_charges is None else f" of {one.total_charges:,f}"
        currency = f" {one.currency_code}" if amount and one.currency_code else ""
        notes.append(f"{_words(one.document_type) or 'amendment'} {one.id}{amount}{currency}")
    return notes


def said_of(header: InvoiceHeader, tenant: str) -> dict[str, str]:
    """What a reader has to know of the header beside dates and amounts; what it leaves out is not.

    >>> said_of(InvoiceHeader(id="G1", date=None, currency="USD", total=Decimal(1)), "contoso.com")
    {'partner': 'contoso.com'}
    """
    said = {
        "partner": "" if tenant.startswith("token-") else tenant,  # a digest is nobody's name
        "billing period": " to ".join(
            map(str, filter(None, (header.period_start, header.period_end)))
        ),
        "document": _words(header.document_type),
    }
    return {name: words for name, words in said.items() if words}


def _words(document_type: str | None) -> str:
    """`adjustment_note` and `AdjustmentNote` as people write it."""
    return re.sub(r"_|(?<=[a-z])(?=[A-Z])", " ", document_type or "").lower()

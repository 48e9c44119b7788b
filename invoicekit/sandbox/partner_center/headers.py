"""An invoice as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from invoicekit.sandbox.partner.balances import is_paid
from invoicekit.sandbox.partner.ids import digest
from invoicekit.sandbox.partner.invoices import DAY_OF_TICKS, MONTHS, Spec
from invoicekit.sandbox.wire import Row, Value, exact, ticked, zulu

IN_A_URL = {
    "one_time": "OneTime",
    "office": "Office",
    "azure": "Azure",
    "billing_line_items": "BillingLineItems",
    "usage_line_items": "UsageLineItems",
}


def link(uri: str) -> Row:
    """A link without headers, to be asked with GET."""
    return {"uri": uri, "method": "GET", "headers": []}


def detail(spec: Spec, provider: str, line_item_type: str) -> Row:
    """One entry of `invoiceDetails`."""
    # The prefix is the service's own; no known call answers to it. Clients use the bare id.
    prefix = "OneTime-" if spec.modern else ""
    uri = f"/invoices/{prefix}{spec.id}/lineitems/{IN_A_URL[provider]}/{IN_A_URL[line_item_type]}"
    return {
        "invoiceLineItemType": line_item_type,
        "billingProvider": provider,
        "links": {"self": link(uri)},
        "attributes": {"objectType": "InvoiceDetail"},
    }


def invoice(spec: Spec, total: int, amendments: Sequence[Row] = ()) -> Row:
    """The invoice resource; `total` in minor units, summed before any line became JSON."""
    places = spec.currency.places
    ticks = int.from_bytes(digest(spec.id, "issued")[:8], "big") % DAY_OF_TICKS
    values: Row = {"id": spec.id}
    values["invoiceDate"] = ticked(spec.issued, ticks) if spec.modern else zulu(spec.issued)
    # Legacy invoices of 2017 say neither their period nor their type; the oldest here do so too.
    spare = not spec.modern and spec.month.number < MONTHS // 4
    if not spare:
        values["billingPeriodStartDate"] = ticked(spec.month.start, ticks)
        values["billingPeriodEndDate"] = ticked(spec.month.end, ticks)
    values["totalCharges"] = exact(total, places)
    paid = total if is_paid(spec) else 0
    values["paidAmount"] = exact(paid, places, keep=0 if spec.modern else 1)
    values["currencyCode"] = spec.currency.code
    values["currencySymbol"] = spec.currency.symbol
    values["pdfDownloadLink"] = f"/invoices/{spec.id}/documents/statement"
    if spec.receipts:
        values["taxReceipts"] = [receipt(spec, number) for number in spec.receipts]
    details: list[Value] = [detail(spec, *pair) for pair in spec.pairs]
    values["invoiceDetails"] = details
    if amendments:
        values["amendments"] = amendments
    if not spare:
        values["documentType"] = "adjustment_note" if spec.amends else "invoice"
        values["invoiceType"] = spec.invoice_type
    if spec.amends:
        values["amendsOf"] = spec.amends
    prefix = "OneTime-" if spec.modern else ""
    values["links"] = {"self": link(f"/invoices/{prefix}{spec.id}")}
    values["attributes"] = {"objectType": "Invoice"}
    return values


def amendment(spec: Spec, total: int) -> Row:
    """The document as it stands within the invoice that it corrects: without links of any kind."""
    values = invoice(spec, total)
    details: list[Value] = []
    for provider, line_item_type in spec.pairs:
        found = detail(spec, provider, line_item_type)
        details.append({name: value for name, value in found.items() if name != "links"})
    return {
        name: value
        for name, value in (values | {"invoiceDetails": details}).items()
        if name not in {"links", "pdfDownloadLink", "taxReceipts"}
    }


def receipt(spec: Spec, number: str) -> Row:
    """One entry of `taxReceipts`."""
    uri = f"/invoices/{spec.id}/receipts/{number}/documents/statement"
    return {"id": number, "taxReceiptPdfDownloadLink": uri}

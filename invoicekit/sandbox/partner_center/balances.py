"""Summaries per currency, and the ready-made links to estimates."""

from __future__ import annotations

from datetime import date

from invoicekit.sandbox.partner.balances import Balance
from invoicekit.sandbox.partner_center.headers import link
from invoicekit.sandbox.wire import NO_DATE, Row, encoded, exact, naive, zulu

# What there is an estimate of: type, title, provider, line item type.
ESTIMATES = (
    ("daily_rated_usage", "Daily rated usage", "Marketplace", "usagelineitems"),
    ("non_consumption", "Licences and software", "all", "billinglineitems"),
)


def summary(balance: Balance) -> bytes:
    """An InvoiceSummary as JSON, with a part for each kind of invoice."""
    values = _summary(balance, attributed=True)
    values["details"] = [
        {"invoiceType": part.kind, "summary": _summary(part, attributed=False)}
        for part in balance.parts
    ]
    # As the service has it, also on rows of the collection.
    values["links"] = {"self": link("/invoices/summary")}
    return encoded(values).encode()


def _summary(balance: Balance, *, attributed: bool) -> Row:
    currency = balance.currency
    values: Row = {
        "balanceAmount": exact(balance.open, currency.places),
        "currencyCode": currency.code,
        "currencySymbol": currency.symbol,
        # With a zone or without, in one and the same answer.
        "accountingDate": zulu(balance.latest) if attributed else naive(balance.latest),
        "firstInvoiceCreationDate": naive(balance.first),
        "lastPaymentDate": _or_none(balance.paid_on),
        "lastPaymentAmount": exact(balance.paid, currency.places),
        "latestInvoiceDate": zulu(balance.latest),
    }
    return values | ({"attributes": {"objectType": "InvoiceSummary"}} if attributed else {})


def _or_none(day: date | None) -> str:
    return naive(day) if day else NO_DATE


def estimate_links(currency: str) -> bytes:
    """The collection of EstimateLink: no links of its own, its rows without attributes."""
    rows: list[Row] = []
    for kind, title, provider, asked in ESTIMATES:
        for period in ("Current", "Previous"):
            uri = (
                f"/invoices/unbilled/lineitems?provider={provider}&invoicelineitemtype={asked}"
                f"&currencycode={currency}&period={period.lower()}&size=2000"
            )
            rows.append(
                {
                    "type": kind,
                    "title": title,
                    "description": f"{title} of the {period.lower()} month, not billed yet",
                    "period": period,
                    "link": link(uri),
                }
            )
    return encoded(
        {"totalCount": len(rows), "items": rows, "attributes": {"objectType": "Collection"}}
    ).encode()

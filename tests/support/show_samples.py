"""Charges as plain values, with everything in them that a page or a terminal could trip over."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import polars as pl

from invoicekit.analysis.reconcile import Reconciliation, reconcile
from invoicekit.analysis.sides import charges_and_credits
from invoicekit.analysis.totals import totals
from invoicekit.errors import NotFoundError
from support.charges import frame

EVIL = "<script>alert(1)</script>"
MONEY = pl.Decimal(38, 24)
CUSTOMERS = [
    ("c1", EVIL),
    ("c2", "<b>Bold & Co</b>"),
    ("c3", "Contoso"),
    ("c4", "Contoso"),
    ("c5", "A company whose name is much too long for any axis whatsoever GmbH & Co. KG"),
    ("c6", "%{y} $x$ {{7*7}}"),
    ("c7", "red\x1b[31m and \u202eleft"),
    (None, None),
]


def charge(customer=("c1", EVIL), total="10.00", **changes):
    """One charge; what is not said is dull."""
    return {
        "invoice_id": "G1",
        "object_type": "OneTimeInvoiceLineItem",
        "provider": "onetime",
        "line_item_type": "billing",
        "customer_id": customer[0],
        "customer_name": customer[1],
        "offer_id": "DZH318Z0:0001",
        "offer_name": "Azure plan",
        "subscription_id": "s1",
        "subscription_name": "Plan",
        "charge_type": "new",
        "charge_start": date(2026, 10, 1),
        "charge_end": date(2026, 10, 31),
        "quantity": Decimal("2.000"),
        "unit_price": Decimal("0.1999968000511991808131"),
        "subtotal": total and Decimal(total),
        "tax": Decimal(0),
        "total": total and Decimal(total),
        "currency": "USD",
    } | changes


def many(currency="USD"):
    """Three charges for each of the customers, a credit among them."""
    return [
        charge(customer, f"{100 - 7 * place}.25", charge_type=charge_type, currency=currency)
        for place, customer in enumerate(CUSTOMERS)
        for charge_type in ("new", "renew")
    ] + [charge(CUSTOMERS[1], "-33.10", charge_type="customerCredit", currency=currency)]


LEDGER = pl.DataFrame(
    {
        "collection": ["onetime/billing"],
        "page": [1],
        "rows": [17],
        "total": [17],
        "bytes": [1234],
        "seconds": [0.5],
        "from_cache": [False],
        "status": [200],
        "retries": [0],
        "request_id": ["r"],
        "correlation_id": ["c"],
        "source": ["v1"],
    }
)


@dataclass
class PlainInvoice:
    """An invoice as plain values: what show/ asks of one."""

    lines: pl.DataFrame = field(default_factory=lambda: frame(*many()))
    id: str = "G1"
    date: date = date(2026, 11, 5)
    currency: str = "USD"
    credit: Decimal = Decimal(0)
    unread: bool = False

    @property
    def total(self) -> Decimal:
        added = self.lines.filter(currency=self.currency)["total"].sum()
        return Decimal(added) + self.credit

    @property
    def paid(self) -> Decimal:
        return Decimal("0.00")

    @property
    def about(self) -> dict[str, str]:
        return {"partner": EVIL, "billing period": "2026-10-01 to 2026-10-31"}

    @property
    def details(self) -> pl.DataFrame:
        pairs = [("onetime", "billing")] + [("azure", "billing")] * self.unread
        return pl.DataFrame(pairs, schema=["provider", "line_item_type"], orient="row")

    def charges(self) -> pl.DataFrame:
        return self.lines

    def totals(self, *by: str) -> pl.DataFrame:
        return totals(self.lines, *by)

    def charges_and_credits(self) -> pl.DataFrame:
        return charges_and_credits(self.lines)

    def first_charges(self, most: int, /) -> pl.DataFrame:
        return self.lines.head(most)

    @property
    def ledger(self) -> pl.DataFrame:
        return LEDGER

    def reconcile(self) -> Reconciliation:
        return reconcile(self.lines, self.total, currency=self.currency, details=self.details)


class PlainClient:
    """A client as plain values; it counts what it is asked."""

    def __init__(self, *invoices: PlainInvoice) -> None:
        self.asked = 0
        self._invoices = {invoice.id: invoice for invoice in invoices}

    def invoices(self) -> pl.DataFrame:
        rows = [(i.id, i.date, i.total, i.currency) for i in self._invoices.values()]
        schema = {
            "invoice_id": pl.String,
            "invoice_date": pl.Date,
            "total_charges": MONEY,
            "currency": pl.String,
        }
        return pl.DataFrame(rows, schema=schema, orient="row")

    def invoice(self, invoice_id: str) -> PlainInvoice:
        self.asked += 1
        if self._invoices[invoice_id].lines.is_empty():
            raise NotFoundError(f"no {invoice_id} <img src=x onerror=alert(1)>")
        return self._invoices[invoice_id]

"""A partner with a few small invoices of every kind, and what has to come of them.

`generation` is what a year of life does to them: another one has other amounts in the open invoice,
and a header of a closed one that was corrected.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.server import Asked, Reply, invoice, page, rows

CLOSED = "2020-0{}-05T00:00:00Z"
ONETIME, OFFICE, AZURE, DAILY = (
    ("onetime", "billing"),
    ("office", "billing"),
    ("azure", "billing"),
    ("onetime", "usage"),
)
IN_HEADER = {"onetime": "one_time"}
# Of a collection: its objectType, and its fields for subtotal, tax and total.
LINES = {
    ONETIME: ("OneTimeInvoiceLineItem", ("subtotal", "taxTotal", "totalForCustomer")),
    OFFICE: ("LicenseBasedLineItem", ("subtotal", "tax", "totalForCustomer")),
    AZURE: ("UsageBasedLineItem", ("pretaxCharges", "taxAmount", "postTaxTotal")),
    DAILY: ("DailyRatedUsageLineItem", ("billingPreTaxTotal", "", "")),
}
# Of an invoice: its collections with their pages. The last one is open.
INVOICES = {
    "G1": {ONETIME: 3, DAILY: 2},
    "G2": {ONETIME: 2},
    "D3": {OFFICE: 3, AZURE: 2},
    "G4": {ONETIME: 2},
}
OPEN, CORRECTED, DIFFERS = "G4", "G2", "D3"
ROWS = 12


class Books:
    """Answers as Partner Center does, a little slower than at once."""

    def __init__(self, *, delay: float = 0.0, generation: int = 1) -> None:
        self.delay = delay
        self.generation = generation

    def __call__(self, asked: Asked) -> Reply | bytes:
        split = urlsplit(asked.target)
        words = split.path.removeprefix("/v1/invoices").strip("/").split("/")
        if words == [""]:
            return Reply(page(rows(*map(self.header, INVOICES))), delay=self.delay)
        if words[0] not in INVOICES:
            return Reply(b"{}", 404)
        if len(words) == 1:
            return Reply(self.header(words[0]).encode(), delay=self.delay)
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        pair = words[2:] or (query["provider"], query["invoicelineitemtype"])
        collection = (pair[0].lower(), pair[1].lower().removesuffix("lineitems"))
        if collection not in INVOICES[words[0]]:
            return Reply(b"{}", 404)
        if asked.token:
            number = int(asked.token.rpartition("-")[2])
        else:
            number = int(query.get("offset", "0")) // ROWS + 1
        if number > INVOICES[words[0]][collection]:
            return Reply(b"{}", 404)
        return Reply(self.page(words[0], collection, number, split.path), delay=self.delay)

    def page(self, invoice_id: str, collection: tuple[str, str], number: int, path: str) -> bytes:
        """A page of lines; seek pages lead on by token, the others by offset."""
        lines = rows(*(self.line(invoice_id, collection, number, row) for row in range(ROWS)))
        if number == INVOICES[invoice_id][collection]:
            return page(lines)
        uri = path.removeprefix("/v1")
        if collection[0] != "onetime":
            return page(lines, uri=f"{uri}?size={ROWS}&offset={number * ROWS}")
        style = f"?provider=onetime&invoicelineitemtype={collection[1]}lineitems&"
        uri += (style if uri.endswith("/lineitems") else "?") + "seekOperation=Next"
        return page(lines, uri=uri, token=f"{invoice_id}-{collection[1]}-{number + 1}")

    def line(self, invoice_id: str, collection: tuple[str, str], number: int, row: int) -> str:
        """A line as JSON text; every amount of all the books is another one."""
        object_type, (subtotal, tax, total) = LINES[collection]
        amount = self.amount(invoice_id, collection, number, row)
        fields: dict[str, str] = {
            "customerId": f'"{row % 3:08}-0000-4000-8000-00000000000{row % 3}"',
            "customerName": json.dumps(f"Gießkanne 株式会社 {row % 3}", ensure_ascii=False),
            "productId": f'"P{row % 4}"',
            "skuId": f'"000{number}"',
            "productName": f'"Product {row % 4}"',
            "quantity": str(row),
            "chargeType": '"CycleFee"',
            "chargeStartDate": f'"2020-01-{row + 1:02}T00:00:00Z"',
            subtotal: str(amount),
            "currency": '"USD"',
            "attributes": json.dumps({"objectType": object_type}),
        }
        if tax:
            fields |= {tax: "0.01", total: str(amount + Decimal("0.01"))}
        if collection == DAILY:
            fields["billingCurrency"] = '"USD"'
        if row == number:  # drift: a field that nobody documented
            fields["newField"] = f'{{"n":{number}}}'
        return "{" + ",".join(f'"{name}":{text}' for name, text in fields.items()) + "}"

    def amount(
        self, invoice_id: str, collection: tuple[str, str], number: int, row: int
    ) -> Decimal:
        """What a line costs before tax."""
        which = list(INVOICES).index(invoice_id), list(LINES).index(collection)
        changed = self.generation if invoice_id in {OPEN, CORRECTED} else 1
        return Decimal(f"{which[0] + 1}{which[1]}{number}{row:02}{changed:02}") / 100

    def header(self, invoice_id: str) -> str:
        """An invoice as JSON text."""
        closed = CLOSED.format(list(INVOICES).index(invoice_id) + 1)
        yesterday = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%dT00:00:00Z}"
        pairs = tuple(
            (IN_HEADER.get(provider, provider), f"{kind}_line_items")
            for provider, kind in INVOICES[invoice_id]
        )
        total = self.total(invoice_id) + (Decimal("0.10") if invoice_id == DIFFERS else 0)
        date = yesterday if invoice_id == OPEN else closed
        return invoice(invoice_id, str(total), date=date, pairs=pairs)

    def total(self, invoice_id: str) -> Decimal:
        """What the lines of an invoice add up to; daily usage restates, and is not among them."""
        return sum(
            (
                self.amount(invoice_id, collection, number, row) + Decimal("0.01")
                for collection, pages in INVOICES[invoice_id].items()
                if collection != DAILY
                for number in range(1, pages + 1)
                for row in range(ROWS)
            ),
            Decimal(0),
        )


def collection_of(target: str) -> str:
    """Which invoice a request is about; nothing for the list."""
    found = re.search(r"/invoices/([^/?]+)", target)
    return found[1] if found else ""

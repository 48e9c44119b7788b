"""A billing API that exists nowhere, as a source: what CONTRIBUTING's recipe for an API comes to.

It numbers its pages, and calls its fields by words of its own. Beside this room it takes a row in
each of three tables, as `rows_of_tables` has them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date

from invoicekit.errors import FetchError, PageError
from invoicekit.fetch.collection import Ask, Collection, LeftOut
from invoicekit.frames.schema import ONE_TIME
from invoicekit.pages import Page, Request, page_of
from invoicekit.settings import Settings
from invoicekit.sources.base import InvoiceHeader
from invoicekit.sources.periods import Period

SOURCE = "toy"
NOT_FOUND = 404
NAMES = {  # our names -> its own
    "customer_id": "who_id",
    "customer_name": "who",
    "product_id": "what_id",
    "product_name": "what",
    "subtotal": "net",
    "tax_total": "vat",
    "total_for_customer": "gross",
    "currency": "money",
}
NAMES_ROW = {ONE_TIME.object_type: NAMES}
PERIODS_ROW = Period(SOURCE, date.min, frozenset({"onetime"}))


def collection(
    invoice: InvoiceHeader, provider: str, line_item_type: str, settings: Settings
) -> Collection:
    """The lines of an invoice, from its first page on."""
    name = f"{provider}/{line_item_type} of {invoice.id}"
    first = Request(f"/toy/{invoice.id}?rows={settings.page_size}&page=1")
    pair = (invoice.id, provider, line_item_type)
    return Collection(SOURCE, name, first, None, *pair, version=invoice.version)


def pages(collection: Collection, ask: Ask) -> Iterator[Page]:
    """Page after page, until one names no next."""
    number, after = 1, "1"
    while after:
        try:
            answer = ask(Request(collection.first.url.removesuffix("1") + str(after)))
        except FetchError as error:
            if number == 1 and error.status == NOT_FOUND:
                raise LeftOut("not found (404)", error) from error
            raise
        body = json.loads(answer.body, parse_float=str, parse_int=str)
        if body["page"] != str(number):
            raise PageError(f"page {number} of {collection.name} is another one")
        yield page_of([json.dumps(one).encode() for one in body["lines"]],
                      collection.name, number, answer)  # fmt: skip
        number, after = number + 1, body["next"]

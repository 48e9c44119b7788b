"""A partner with invoices and their lines, answered for as Partner Center does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

from support.server import Asked, Reply, invoice, line, page, rows

OPEN, CLOSED = "2999-01-05T00:00:00Z", "2020-01-05T00:00:00Z"  # a closed invoice is stored
ONE_TIME = "OneTimeInvoiceLineItem"
BILLING = "billing_line_items"
ONE_TIME_AND_AZURE = (("one_time", BILLING), ("azure", BILLING))

Answer = Reply | bytes
Lines = Answer | Sequence[Answer] | Mapping[str, Answer] | Callable[[Asked], Answer]


def seek_link(name: str) -> str:
    """Where the next page of an invoice is asked for."""
    return f"/invoices/{name}/lineitems/OneTime/BillingLineItems?seekOperation=Next"


SEEK_LINK = seek_link("G1")


class Partner:
    """Answers for some invoices: the list, each header, and the line items of each.

    `serve(Partner())` serves one invoice, G1, with one line of 1.10 USD. Both attributes may be
    changed between requests.

    Attributes:
        headers: invoice id -> its header as JSON text; given as `invoice()` makes it.
        lines: what is answered where line items are asked for: a page or a `Reply`, a list of them
            by the page that the seek token names, a dict of them by provider as the URL spells it,
            or a function of the request.
    """

    def __init__(self, *headers: str, lines: Lines | None = None) -> None:
        self.headers = {json.loads(header)["id"]: header for header in headers or (invoice(),)}
        self.lines: Lines = page(rows(line())) if lines is None else lines

    def __call__(self, asked: Asked) -> Answer:
        name, provider = whose(asked)
        if not name:
            return page(rows(*self.headers.values()))
        if name not in self.headers:
            return Reply(b"{}", 404)
        return self._lines(asked, provider) if provider else self.headers[name].encode()

    def _lines(self, asked: Asked, provider: str) -> Answer:
        if isinstance(self.lines, (Reply, bytes)):
            return self.lines
        if isinstance(self.lines, Mapping):
            return self.lines[provider]
        if isinstance(self.lines, Sequence):
            return self.lines[int(asked.token or 0)]
        return self.lines(asked)


def whose(asked: Asked) -> tuple[str, str]:
    """The invoice that was asked for, and the provider of its line items; empty where neither."""
    url = urlsplit(asked.target)
    words = [*url.path.removeprefix("/v1/invoices").split("/"), "", "", ""]
    if words[2] != "lineitems":
        return words[1], ""
    return words[1], words[3] or parse_qs(url.query)["provider"][0]


def two_pages(name: str = "G1") -> list[Answer]:
    """Two pages of a line each: A for 1.10, B for 2.20."""
    first = page(rows(line("1.10", name="A")), uri=seek_link(name), token="1")
    return [first, page(rows(line("2.20", name="B")))]


def two_page_invoice(*, date: str = CLOSED) -> Partner:
    """G1 of 3.30 USD, of two pages, closed."""
    return Partner(invoice(total="3.30", date=date), lines=two_pages())


def refused(provider: str, status: int = 403, *, date: str = OPEN) -> Partner:
    """G1 of two collections, of which that of one provider is refused."""
    lines = {"OneTime": page(rows(line())), "Azure": page(rows(line()))}
    header = invoice(pairs=ONE_TIME_AND_AZURE, date=date)
    return Partner(header, lines={**lines, provider: Reply(b"{}", status)})

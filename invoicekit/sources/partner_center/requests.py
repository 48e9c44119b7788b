"""Partner Center v1: which links give its invoices, one invoice, and an invoice's line items.

The first request of a collection is ours, from the invoice's bare id and the pair its details name
(`links.self` says `OneTime-G…`, which nobody promises to work); every later one is the service's.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from urllib.parse import quote, urlencode, urlsplit

from invoicekit.fetch import lifetimes
from invoicekit.fetch.collection import Collection
from invoicekit.pages import Request

SOURCE = "v1"
ROOT = "/v1"  # what the paths of all requests begin with; of links, most leave it out
HEADERS = {"X-Locale": "en-US"}  # with each request: it only localises text
# Path style answers these with an empty list, query style with rows (Partner-Center-Java#119).
BY_QUERY = frozenset(
    (provider, "usage") for provider in ("onetime", "marketplace", "external", "all")
)
# The provider that stands for all of what is not billed yet, as the service's own links say.
UNBILLED = {"billing": "all", "usage": "onetime"}
AS_PDF = ("Accept", "application/pdf")
# What would lead elsewhere, or (half a character, as a shell may hand it on) cannot be sent.
UNFIT = re.compile(r"[/\\?#%\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# Ours -> the spelling in a path, which is also what the seeds' links say.
IN_PATH = {
    "onetime": "OneTime",
    "office": "Office",
    "azure": "Azure",
    "marketplace": "Marketplace",
    "billing": "BillingLineItems",
    "usage": "UsageLineItems",
}


def invoices() -> Collection:
    """All invoices of the partner: asked unpaged, as new commerce ignores size and offset."""
    return Collection(SOURCE, "the list of invoices", Request(f"{ROOT}/invoices"), lifetimes.LIST)


def summaries() -> Collection:
    """What is owed, per currency (App+User sign-in only)."""
    asked = Request(f"{ROOT}/invoices/summaries")
    return Collection(SOURCE, "the list of balances", asked, lifetimes.LIST)


def estimate_links(currency: str) -> Collection:
    """Which estimates of months that are not billed yet there are (either sign-in)."""
    first = Request(f"{ROOT}/invoices/estimates/links?{urlencode({'currencycode': currency})}")
    return Collection(SOURCE, f"the list of estimates in {currency}", first, lifetimes.NOT_AT_ALL)


def invoice(invoice_id: str) -> Collection:
    """One invoice by its id (App+User sign-in only)."""
    first = Request(f"{ROOT}/invoices/{segment(invoice_id)}")
    return Collection(SOURCE, f"invoice {invoice_id}", first, lifetimes.LIST, invoice_id)


def line_items(
    invoice_id: str,
    provider: str,
    line_item_type: str,
    *,
    currency: str,
    size: int,
    closed: bool = False,
    version: str = "",
) -> Collection:
    """The line items of one pair that an invoice's details name."""
    base = f"{ROOT}/invoices/{segment(invoice_id)}/lineitems"
    if (provider, line_item_type) in BY_QUERY:
        query = {
            "provider": provider,
            "invoicelineitemtype": f"{line_item_type}lineitems",
            "currencycode": currency,
            "period": "current",
            "size": size,
        }
        first = Request(f"{base}?{urlencode(query)}")
    else:
        pair = f"{segment(_in_path(provider))}/{segment(_in_path(line_item_type))}"
        first = Request(f"{base}/{pair}?size={size}&offset=0")
    return Collection(
        SOURCE,
        f"{provider}/{line_item_type} of {invoice_id}",
        first,
        lifetimes.FOR_EVER if closed else lifetimes.OPEN,
        invoice_id,
        provider,
        line_item_type,
        version,
    )


def unbilled(line_item_type: str, currency: str, period: str, *, size: int) -> Collection:
    """The lines of a month that is not billed yet: `period` is `current` or `previous`."""
    query = {
        "provider": UNBILLED[line_item_type],
        "invoicelineitemtype": f"{line_item_type}lineitems",
        "currencycode": currency,
        "period": period,
        "size": size,
    }
    return Collection(
        SOURCE,
        f"onetime/{line_item_type}, not billed, of the {period} month in {currency}",
        Request(f"{ROOT}/invoices/unbilled/lineitems?{urlencode(query)}"),
        lifetimes.NOT_AT_ALL,
        "",
        "onetime",
        line_item_type,
    )


def statement(invoice_id: str) -> Request:
    """The PDF of an invoice (App+User sign-in only)."""
    return Request(f"{ROOT}/invoices/{segment(invoice_id)}/documents/statement", headers=(AS_PDF,))


def tax_receipt(invoice_id: str, receipt_id: str) -> Request:
    """The PDF of a tax receipt (App+User sign-in only; Taiwan)."""
    base = f"{ROOT}/invoices/{segment(invoice_id)}/receipts/{segment(receipt_id)}"
    return Request(f"{base}/documents/statement", headers=(AS_PDF,))


def rooted(uri: str) -> str:
    """The address of a link, which is relative to the root (RFC 3986 joining would lose that).

    Raises:
        ValueError: it is no address.

    >>> rooted("/invoices?size=2"), rooted("/v1/invoices"), rooted("https://api.example/invoices")
    ('/v1/invoices?size=2', '/v1/invoices', 'https://api.example/v1/invoices')
    """
    parts = urlsplit(uri)
    path = "/" + parts.path.lstrip("/")
    path = path if path.startswith(f"{ROOT}/") else ROOT + path
    return parts._replace(path=path).geturl()


def segment(name: str) -> str:
    """`name` as one segment of a path.

    Raises:
        ValueError: it cannot be one: a slash, `..` or a control character would lead elsewhere.

    >>> segment("G000024135"), segment("G 1")
    ('G000024135', 'G%201')
    """
    if not name.strip(". ") or UNFIT.search(name):
        raise ValueError(
            f"{name!r} is no id: it may not be empty or dots alone, nor hold / \\ ? # % or control "
            "characters"
        )
    return quote(name, safe="")


def _in_path(word: str) -> str:
    """The API's own spelling; a word we do not know is put in its form (`a_b` is `AB`)."""
    return IN_PATH.get(word) or "".join(part[:1].upper() + part[1:] for part in word.split("_"))


def is_closed(invoice_date: date | None) -> bool:
    """Whether an invoice of that day (UTC) changes no more."""
    return (
        invoice_date is not None
        and datetime.now(UTC).date() - invoice_date >= lifetimes.CLOSED_AFTER
    )

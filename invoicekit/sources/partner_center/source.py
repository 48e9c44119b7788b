"""Partner Center v1 as a source: its collections, read page by page as its links lead."""

from __future__ import annotations

from collections.abc import Iterator

from invoicekit.errors import FetchError
from invoicekit.fetch.collection import Ask, Collection, LeftOut, Restart
from invoicekit.pages import Answer, Page, Request
from invoicekit.settings import Settings
from invoicekit.sources.base import InvoiceHeader
from invoicekit.sources.partner_center import requests
from invoicekit.sources.partner_center.envelope import MOST_PAGES, follow, parse_resource
from invoicekit.sources.partner_center.offset_prefetch import OffsetPrefetch
from invoicekit.sources.partner_center.vocabulary import LINE_ITEM_TYPES, PROVIDERS

# The service does not say how it refuses a seek token that has died; any of these may mean it.
DEAD_TOKEN = frozenset({400, 404, 409, 410, 412, 422})
# How a collection of line items is left out, by the status of its first answer.
REFUSED = {403: "refused (403)", 404: "not found (404)"}
BAD_REQUEST = 400


def collection(
    invoice: InvoiceHeader, provider: str, line_item_type: str, settings: Settings
) -> Collection:
    """The line items of one pair that an invoice's details name.

    Raises:
        ValueError: no address can be made of these words.
    """
    return requests.line_items(
        invoice.id,
        provider,
        line_item_type,
        currency=invoice.currency,
        size=settings.page_size,
        closed=invoice.closed,
        version=invoice.version,
    )


def pages(collection: Collection, ask: Ask, most: int = MOST_PAGES) -> Iterator[Page]:
    """All pages of a list, a few asked ahead where their links can be guessed.

    Raises:
        LeftOut: line items that the service refuses, or does not have.
        Restart: the service knows its own seek token no more.
        FetchError: it could not be asked.
        PageError: the pages make no whole.
    """
    ahead = OffsetPrefetch(ask)

    def answer_to(request: Request) -> Answer:
        try:
            return ahead(request)
        except FetchError as error:
            if request.headers and error.status in DEAD_TOKEN:
                why = "the service refused its own continuation token"
                raise Restart(why, error) from error
            state = _refusal(collection, error) if request == collection.first else None
            if state:
                raise LeftOut(state, error) from error
            raise

    try:
        yield from follow(answer_to, collection.first, collection=collection.name, most=most)
    finally:
        ahead.close()


def resource(collection: Collection, ask: Ask) -> Iterator[Page]:
    """A single resource, as the one row of a page.

    Raises:
        FetchError: the service could not be asked.
        PageError: what came is no JSON object.
    """
    yield parse_resource(ask(collection.first), collection=collection.name)


def _refusal(collection: Collection, error: FetchError) -> str | None:
    """How line items that the service will not give are called; `None` is no such case."""
    if not collection.provider:
        return None
    unknown = collection.provider not in PROVIDERS or (
        collection.line_item_type not in LINE_ITEM_TYPES
    )
    if unknown and error.status == BAD_REQUEST:  # a pair that its own details name
        return "refused (400)"
    return REFUSED.get(error.status or 0)

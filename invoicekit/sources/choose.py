"""Which source holds the lines of an invoice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Final

from invoicekit.auth.signers import raise_without_graph
from invoicekit.clouds import PARTNER_CENTER
from invoicekit.fetch.collection import Collection
from invoicekit.settings import Settings
from invoicekit.sources.base import InvoiceHeader, Source
from invoicekit.sources.graph import requests as graph_requests
from invoicekit.sources.graph import source as graph
from invoicekit.sources.partner_center import requests as v1_requests
from invoicekit.sources.partner_center import source as partner_center
from invoicekit.sources.partner_center.vocabulary import LINE_ITEM_TYPES
from invoicekit.sources.periods import choose_source

HEADERS: Final = {PARTNER_CENTER: v1_requests.HEADERS}  # what each service wants in all heads
SOURCES: Final[dict[str, Source]] = {"v1": partner_center, "graph": graph}
CARRIER = "onetime"  # of several providers, the one under whose name what they share is read


def collections_of(
    invoice: InvoiceHeader,
    pairs: Sequence[tuple[str, str]],
    settings: Settings,
    source: str | None = None,
) -> list[Collection]:
    """The collections of an invoice, one for each pair that it names.

    Graph's export has the lines of all providers: where an invoice names several, one pair is read
    and the others are `held_by` its provider, so that nothing is counted twice.

    Args:
        invoice: whose header says of which period it is.
        pairs: all that the invoice names: provider and line item type.
        settings: of the client: which cloud it is, and where.
        source: `"v1"` or `"graph"`; by the table of periods where none is named.

    Raises:
        ValueError: no request can be made of a pair, or `source` does not hold it.
        SettingsError: `source` is Graph, and these settings know of none.
    """
    first: dict[tuple[str, str], str] = {}
    found = []
    for provider, line_item_type in sorted(pairs, key=lambda pair: pair[0] != CARRIER):
        one = _collection(invoice, provider, line_item_type, settings, source)
        if one.source == graph.SOURCE:
            holder = first.setdefault((one.source, line_item_type), provider)
            one = one if holder == provider else replace(one, held_by=holder)
        found.append(one)
    return sorted(found, key=lambda one: pairs.index(one.pair))


def unbilled_of(period: str, currency: str, settings: Settings, today: date) -> list[Collection]:
    """The collections of a month that is not billed yet: of billing, and of usage.

    Args:
        period: `"current"` or `"previous"`.
        currency: the partner's billing currency.
        settings: of the client.
        today: the UTC day on which it is asked.
    """
    chosen = choose_source(CARRIER, period_start=today, invoice_date=None, cloud=settings.cloud)
    if chosen == graph.SOURCE and settings.graph_url:
        of = partial(graph_requests.unbilled, settings.graph_url)
        return [of(one, currency, period) for one in LINE_ITEM_TYPES]
    size = settings.page_size
    return [v1_requests.unbilled(one, currency, period, size=size) for one in LINE_ITEM_TYPES]


def _collection(
    invoice: InvoiceHeader,
    provider: str,
    line_item_type: str,
    settings: Settings,
    source: str | None,
) -> Collection:
    chosen = choose_source(
        provider,
        period_start=invoice.period_start,
        invoice_date=invoice.date,
        cloud=settings.cloud,
        source=source,
    )
    if chosen == graph.SOURCE and source is None:
        # The host may be one of the user's own; and what Graph does not know, v1 refuses by name.
        known = settings.graph_url and line_item_type in graph_requests.EXPORTS
        chosen = chosen if known else "v1"
    elif chosen == graph.SOURCE and not settings.graph_url:
        raise_without_graph(settings)
    return SOURCES[chosen].collection(invoice, provider, line_item_type, settings)

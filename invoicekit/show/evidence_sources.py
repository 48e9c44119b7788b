"""Where the answers that an invoice was read from may lie in the cache: what its evidence is of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from invoicekit.fetch.asking import MissError
from invoicekit.fetch.collection import Collection
from invoicekit.fetch.kept import Kept, KeptPull, read_back
from invoicekit.fetch.session import Session
from invoicekit.frames.collection_result import READ, CollectionResult
from invoicekit.show.evidence import Source
from invoicekit.sources.base import InvoiceHeader
from invoicekit.sources.choose import SOURCES
from invoicekit.sources.partner_center import requests as partner_center
from invoicekit.sources.partner_center.header import total_of
from invoicekit.sources.partner_center.source import resource


def sources_of(
    session: Session,
    header: InvoiceHeader,
    collections: Iterable[Collection],
    results: Iterable[CollectionResult],
) -> list[Source]:
    """The header, then each collection that was read to its end.

    Args:
        session: whose cache it is.
        header: the invoice's.
        collections: those that it names, as the settings have them now.
        results: what came of them; one may have been read from another service than these name.
    """
    alone = "client.invoice(id) asks for it, where the invoice came from the list of all"
    found = [Source("header", partial(_header_as_sent, session, header), remedy=alone)]
    known = {(one.pair, one.source): one for one in collections}
    for result in results:
        if result.state != READ:
            continue
        collection = known.get((result.pair, result.source))
        name, readings = "/".join(result.pair), result.readings
        if collection is None:
            why = "these settings do not name the service that they were read from"
            found.append(Source(name, None, why, readings))
        else:
            pages = SOURCES[collection.source].pages
            ask = partial(read_back, session, collection, pages)
            found.append(Source(name, ask, readings=readings))
    return found


def _header_as_sent(
    session: Session, header: InvoiceHeader, take: Callable[[Kept], None]
) -> KeptPull:
    """Give `take` the header, where it was asked for by its id, and says the same total.

    Raises:
        MissError: it is not in the cache, or another one is.
    """
    kept: list[Kept] = []
    found = read_back(session, partner_center.invoice(header.id), resource, kept.append)
    for one in kept:
        if total_of(one.body) != header.total:
            raise MissError
        take(one)
    return found

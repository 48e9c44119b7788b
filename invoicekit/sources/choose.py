"""Which source holds the lines of an invoice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from invoicekit.fetch.collection import Collection
from invoicekit.sources.base import InvoiceHeader, Source
from invoicekit.sources.partner_center import source as partner_center

SOURCES: Final[dict[str, Source]] = {"v1": partner_center}


def collections_of(
    invoice: InvoiceHeader, pairs: Iterable[tuple[str, str]], *, page_size: int
) -> list[Collection]:
    """The collections of an invoice, one for each pair that it names.

    Raises:
        ValueError: no request can be made of a pair.
    """
    return [SOURCES["v1"].collection(invoice, *pair, page_size=page_size) for pair in pairs]

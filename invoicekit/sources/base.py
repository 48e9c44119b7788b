"""What a billing API has to offer, and what it is told of an invoice.

A source is a room in `sources/`, a row in `SOURCES` (`choose.py`) and one in `PERIODS`
(`periods.py`); its names of fields are in `frames/wire_names.py`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from invoicekit.fetch.collection import Ask, Collection
from invoicekit.pages import Page
from invoicekit.settings import Settings
from invoicekit.sources.periods import billing_month


@dataclass(frozen=True, slots=True)
class InvoiceHeader:
    """What is known of an invoice before its lines are read. Amounts are in `currency`."""

    id: str
    date: dt.date | None  # the UTC day on which it was made
    currency: str
    total: Decimal
    paid: Decimal | None = None
    period_start: dt.date | None = None
    period_end: dt.date | None = None
    closed: bool = False  # it changes no more
    details: str | None = None  # the collections that it names, as the service sent them
    receipts: str | None = None  # its tax receipts, likewise
    document_type: str | None = None  # in the service's words: an invoice, a void note, …
    amendments: str | None = None  # the documents that amend it, as the service sent them

    @property
    def month(self) -> str | None:
        """Its billing month, as `"2026-09"`; without a period, the month before its date."""
        month = billing_month(self.period_start, self.date)
        return month.isoformat()[:7] if month else None

    @property
    def version(self) -> str:
        """A digest of what lines depend on: of another header, they are asked again."""
        return hashlib.sha256(f"{self.date}\n{self.total}".encode()).hexdigest()[:16]


class Source(Protocol):
    """A billing API, as a module or an object."""

    def collection(
        self, invoice: InvoiceHeader, provider: str, line_item_type: str, settings: Settings
    ) -> Collection:
        """The collection of one pair that an invoice names; nothing is asked.

        Raises:
            ValueError: no request can be made of these words.
        """

    def pages(self, collection: Collection, ask: Ask) -> Iterator[Page]:
        """All its pages, in the service's order.

        Raises:
            LeftOut: the service does not give it, as its first answer says.
            Restart: what was read so far is of no use; it is asked again from its beginning, once.
            FetchError: the service could not be asked.
            PageError: the pages make no whole.
        """

"""Loads the line items of one invoice, collection by collection, with the outcome of each."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, TypeVar

import polars as pl

from invoicekit.analysis.reconcile import READ
from invoicekit.errors import FetchError
from invoicekit.fetch.collection import LeftOut
from invoicekit.fetch.progress import Progress
from invoicekit.fetch.pull import pull
from invoicekit.fetch.session import Session
from invoicekit.frames.decode import decode_batches
from invoicekit.line_items import Pair
from invoicekit.pages import Page, Reading
from invoicekit.sources.partner_center import requests as partner_center
from invoicekit.sources.partner_center.pages import pages as pages_of

T = TypeVar("T")
Batches = Iterator[tuple[str, pl.DataFrame]]


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What came of one collection: what was made of it, or why it is not here."""

    pair: Pair
    state: str
    result: T | None = None
    readings: Sequence[Reading] = ()
    error: FetchError | None = None


@dataclass(frozen=True, slots=True)
class LineReader:
    """Whose lines are asked for, and from where."""

    session: Session
    invoice_id: str
    currency: str
    dated: date | None
    version: str = ""  # of the invoice's header: when that is another, so are its lines

    def read(
        self,
        pair: Pair,
        consume: Callable[[Batches], T],
        progress: Progress,
        *,
        refresh: bool = False,
        stored: bool = False,
    ) -> Outcome[T]:
        """What `consume` makes of a collection's typed batches, page after page.

        It may be called again from the first page, as `pull` says, and is given no page that may
        not be kept where what it makes is `stored`. A collection that the service
        refuses (403) or does not have (404) from its first page on is an outcome; anything else
        that goes wrong is raised.
        """
        provider, line_item_type = pair
        collection = partner_center.line_items(
            self.invoice_id,
            provider,
            line_item_type,
            currency=self.currency,
            size=self.session.settings.page_size,
            invoice_date=self.dated,
            version=self.version,
        )

        def build(pages: Iterator[Page]) -> T:
            return consume(
                decode_batches(
                    progress.over(pages),
                    invoice_id=self.invoice_id,
                    provider=provider,
                    line_item_type=line_item_type,
                )
            )

        try:
            result, readings = pull(
                self.session, collection, pages_of, build, refresh=refresh, stored=stored
            )
        except LeftOut as left:
            return Outcome(pair, left.state, error=left.error)
        return Outcome(pair, READ, result, readings)


def warn_of(outcome: Outcome[Any], invoice_id: str) -> None:
    """Say that a collection is left out, if it is."""
    if outcome.error is not None:
        name = "/".join(outcome.pair)
        warnings.warn(
            f"{name} of {invoice_id} is left out, {outcome.state}: {outcome.error}", stacklevel=4
        )

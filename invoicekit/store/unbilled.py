"""Reads what is not billed yet, and keeps a snapshot of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import polars as pl

from invoicekit.errors import FetchError, warn
from invoicekit.fetch.progress import Progress
from invoicekit.fetch.session import Session
from invoicekit.frames.collection_result import CollectionResult
from invoicekit.line_items import Unbilled
from invoicekit.sources.choose import unbilled_of
from invoicekit.store import snapshots
from invoicekit.store.loader import load, warn_of

PERIODS = ("current", "previous")


def read_unbilled(session: Session, period: str, currency: str) -> Unbilled:
    """The lines of a month that is not billed yet, asked now.

    A snapshot is kept where all of it came; a disk that does not take it costs a warning.

    Raises:
        FetchError, PageError, FrameError, SettingsError: as of an invoice's lines.
    """
    if session.settings.offline:
        raise FetchError(
            "what is not billed yet is asked for each time, and offline=True never asks",
            hint="client.unbilled_history() lists the snapshots, unbilled_snapshot() gives one",
        )
    taken_at = datetime.now(UTC)
    collections = unbilled_of(period, currency, session.settings, taken_at.date())
    with Progress("not billed yet", session.progress) as progress:
        results = [_of_no_invoice(load(session, one, progress)) for one in collections]
    for result in results:
        warn_of(result, "what is not billed yet")
    found = Unbilled(results, period=period, currency=currency, taken_at=taken_at)
    shown = any(reading.shows_secret for result in results for reading in result.readings)
    if all(result.is_settled for result in results) and not shown:
        try:
            return snapshots.keep(session.settings.history, found)
        except OSError as cause:
            warn(
                f"the snapshot cannot be kept in {session.settings.history} "
                f"({cause.strerror or cause}); it is in memory alone"
            )
    return found


def _of_no_invoice(result: CollectionResult) -> CollectionResult:
    """Without an id where no invoice is yet."""
    none = pl.lit(None, pl.String).alias("invoice_id")
    frames = {name: frame.with_columns(none) for name, frame in result.frames.items()}
    return replace(result, frames=frames)

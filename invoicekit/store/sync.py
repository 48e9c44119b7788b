"""Lines into the store, page by page, so that memory does not grow with them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from invoicekit.analysis.reconcile import Reconciliation
from invoicekit.errors import FrameError, SettingsError
from invoicekit.fetch.collection import Collection
from invoicekit.fetch.progress import Progress
from invoicekit.fetch.session import Session
from invoicekit.frames.collection_result import CollectionResult
from invoicekit.frames.schema import NUMBER
from invoicekit.sources.base import InvoiceHeader
from invoicekit.sources.partner_center.header import notes_of
from invoicekit.store.dataset import NotStoredError, Stored, Writer
from invoicekit.store.invoice_entry import InvoiceEntry, commit, is_of, is_whole, lines_of
from invoicekit.store.loader import Batches, Consumed, load, warn_of

PROOF = {
    "state": pl.String(),
    "currency": pl.String(),
    "invoice_total": NUMBER,
    "lines_total": NUMBER,
    "difference": NUMBER,
    "lines": pl.Int64(),
    "pages": pl.Int64(),
    "new": pl.Boolean(),
    "source": pl.String(),
}


@dataclass(frozen=True, slots=True)
class Synced:
    """An invoice in the store: its proof, and whether it came just now.

    >>> invoice.sync().proof
    ✔ ties: 221,438.34 USD, 369 lines, 2 pages, difference 0.00
    """

    proof: Reconciliation
    new: bool
    source: str  # of the lines; several, where they differ, with commas

    def row(self) -> tuple[object, ...]:
        """Its values for a frame of `PROOF`.

        >>> invoice.sync().row()[:2]
        ('ties', 'USD')
        """
        proof = (getattr(self.proof, name) for name in PROOF if hasattr(self.proof, name))
        return *proof, self.new, self.source


def sync_lines(
    session: Session,
    header: InvoiceHeader,
    entry: InvoiceEntry,
    collections: Sequence[Collection],
    *,
    refresh: bool = False,
) -> Synced:
    """Bring an invoice's lines into the store, unless they are there, and prove them.

    Raises:
        SettingsError: the cache folder takes no more.
        FrameError: the store was cleared while the lines came in, and again.
    """

    def proof(stored: Stored) -> Reconciliation:
        with entry.store.reading(stored):
            lines = lines_of(entry.store, stored)
            return lines.proof(header.total, header.currency, notes=notes_of(header))

    stored = None if refresh else entry.store.find(entry.key)
    if stored and _still_counts(entry, stored, collections):
        with contextlib.suppress(NotStoredError):  # what is damaged is brought in again
            found = Synced(proof(stored), new=False, source=_sources(stored))
            entry.store.republish(stored)
            return found
    for again in (False, True):  # another process may clear the store meanwhile
        with contextlib.suppress(NotStoredError, FileNotFoundError):
            stored = _brought_in(session, entry, collections, refresh=refresh and not again)
            return Synced(proof(stored), new=True, source=_sources(stored))
    raise FrameError(
        f"the lines of {header.id} were removed while they were stored, twice. Sync again when "
        "nobody clears the cache"
    )


def _sources(stored: Stored) -> str:
    return ", ".join(sorted({part.get("source", "v1") for part in stored.about["parts"]}))


def _still_counts(entry: InvoiceEntry, stored: Stored, collections: Sequence[Collection]) -> bool:
    """Whether all collections that the invoice names now are there, whole and undamaged."""
    pairs = [one.pair for one in collections]
    return is_whole(stored) and is_of(stored, pairs) and entry.store.is_sound(stored)


def _brought_in(
    session: Session, entry: InvoiceEntry, collections: Sequence[Collection], *, refresh: bool
) -> Stored:
    invoice_id = entry.key.invoice_id
    writer = entry.store.write(entry.key)
    try:
        with Progress(invoice_id, session.progress) as progress:
            results = [_written(session, one, writer, progress, refresh) for one in collections]
        for result in results:
            warn_of(result, invoice_id)
        return commit(writer, results, until=entry.until())
    except FileNotFoundError:
        raise
    except OSError as cause:
        raise SettingsError(
            f"the lines of {invoice_id} cannot be stored in {entry.store.folder} "
            f"({cause.strerror or cause}). Make room there or name another cache_dir; what was "
            "stored before is still there"
        ) from cause
    finally:
        writer.drop()


def _written(
    session: Session,
    collection: Collection,
    writer: Writer,
    progress: Progress,
    refresh: bool,  # noqa: FBT001
) -> CollectionResult:
    writer.begin()

    def write(batches: Batches) -> Consumed:
        writer.back()
        lines: dict[str, int] = {}
        for name, frame in batches:
            writer.add(name, frame)
            lines[name] = lines.get(name, 0) + frame.height
        return Consumed(lines, {})

    return load(session, collection, progress, write, refresh=refresh, stored=True)

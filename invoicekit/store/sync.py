"""Lines into the store, page by page, so that memory does not grow with them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from invoicekit.analysis.reconcile import Reconciliation
from invoicekit.errors import FrameError, SettingsError
from invoicekit.fetch.progress import Progress
from invoicekit.frames.schema import NUMBER
from invoicekit.line_items import Pair
from invoicekit.store.dataset import NotStoredError, Stored, Writer
from invoicekit.store.invoice_entry import InvoiceEntry, commit, is_of, is_whole, lines_of
from invoicekit.store.loader import Batches, LineReader, Outcome, warn_of

PROOF = {
    "state": pl.String(),
    "currency": pl.String(),
    "invoice_total": NUMBER,
    "lines_total": NUMBER,
    "difference": NUMBER,
    "lines": pl.Int64(),
    "pages": pl.Int64(),
    "new": pl.Boolean(),
}


@dataclass(frozen=True, slots=True)
class Synced:
    """An invoice in the store: its proof, and whether it came just now."""

    proof: Reconciliation
    new: bool

    def row(self) -> tuple[object, ...]:
        """Its values for a frame of `PROOF`."""
        return (*(getattr(self.proof, name) for name in PROOF if name != "new"), self.new)


def sync_lines(
    reader: LineReader,
    entry: InvoiceEntry,
    pairs: Sequence[Pair],
    total: Decimal,
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
            return lines_of(entry.store, stored).proof(total, reader.currency)

    stored = None if refresh else entry.store.find(entry.key)
    if stored and _still_counts(entry, stored, pairs):
        with contextlib.suppress(NotStoredError):  # what is damaged is brought in again
            found = Synced(proof(stored), new=False)
            entry.store.republish(stored)
            return found
    for again in (False, True):  # another process may clear the store meanwhile
        with contextlib.suppress(NotStoredError, FileNotFoundError):
            stored = _brought_in(reader, entry, pairs, refresh=refresh and not again)
            return Synced(proof(stored), new=True)
    raise FrameError(
        f"the lines of {reader.invoice_id} were removed while they were stored, twice. Sync again "
        "when nobody clears the cache"
    )


def _still_counts(entry: InvoiceEntry, stored: Stored, pairs: Sequence[Pair]) -> bool:
    """Whether all collections that the invoice names now are there, whole and undamaged."""
    return is_whole(stored) and is_of(stored, pairs) and entry.store.is_sound(stored)


def _brought_in(
    reader: LineReader, entry: InvoiceEntry, pairs: Sequence[Pair], *, refresh: bool
) -> Stored:
    writer = entry.store.write(entry.key)
    try:
        with Progress(reader.invoice_id) as progress:
            outcomes = [_written(reader, pair, writer, progress, refresh) for pair in pairs]
        for outcome in outcomes:
            warn_of(outcome, reader.invoice_id)
        said = [(one.pair, one.state, one.result or {}, one.readings) for one in outcomes]
        return commit(writer, said, until=entry.until())
    except FileNotFoundError:
        raise
    except OSError as cause:
        raise SettingsError(
            f"the lines of {reader.invoice_id} cannot be stored in {entry.store.folder} "
            f"({cause.strerror or cause}). Make room there or name another cache_dir; what was "
            "stored before is still there"
        ) from cause
    finally:
        writer.drop()


def _written(
    reader: LineReader,
    pair: Pair,
    writer: Writer,
    progress: Progress,
    refresh: bool,  # noqa: FBT001
) -> Outcome[dict[str, int]]:
    writer.begin()

    def write(batches: Batches) -> dict[str, int]:
        writer.back()
        lines: dict[str, int] = {}
        for name, frame in batches:
            writer.add(name, frame)
            lines[name] = lines.get(name, 0) + frame.height
        return lines

    return reader.read(pair, write, progress, refresh=refresh, stored=True)

"""Lines into the store, page by page, so that memory does not grow with them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from invoicekit.analysis.reconcile import Reconciliation
from invoicekit.frames.kinds import NUMBER
from invoicekit.frames.store import Stored, Writer
from invoicekit.line_items import Pair
from invoicekit.line_reading import Batches, LineReader, Outcome, warn_of
from invoicekit.line_shelf import LineShelf, commit, damage, is_of, is_whole, lines_of
from invoicekit.progress import Progress

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
OPEN_LIFETIME = 3600.0  # seconds that the lines of an invoice hold which may still change


@dataclass(frozen=True, slots=True)
class Synced:
    """An invoice in the store: its proof, and whether it came just now."""

    proof: Reconciliation
    new: bool

    def row(self) -> tuple[object, ...]:
        """Its values for a frame of `PROOF`."""
        return (*(getattr(self.proof, name) for name in PROOF if name != "new"), self.new)


def sync_lines(
    reader: LineReader, shelf: LineShelf, pairs: Sequence[Pair], total: Decimal
) -> Synced:
    """Bring an invoice's lines into the store, unless they are there, and prove them."""

    def prove(stored: Stored) -> Reconciliation:
        return lines_of(shelf.store, stored).proof(total, reader.currency)

    stored = shelf.store.find(shelf.key)
    if stored and _still_counts(shelf, stored, pairs):
        with contextlib.suppress(*damage()):  # what is damaged is brought in again
            return Synced(prove(stored), new=False)
    stored = _brought_in(reader, shelf, pairs)
    with contextlib.suppress(*damage()):
        return Synced(prove(stored), new=True)
    again = shelf.store.find(shelf.key) or stored  # another process has stored it meanwhile
    return Synced(prove(again), new=True)


def _still_counts(shelf: LineShelf, stored: Stored, pairs: Sequence[Pair]) -> bool:
    """Whether all collections that the invoice names now are there, whole and undamaged."""
    return is_whole(stored) and is_of(stored, pairs) and shelf.store.is_sound(stored)


def _brought_in(reader: LineReader, shelf: LineShelf, pairs: Sequence[Pair]) -> Stored:
    writer = shelf.store.write(shelf.key)
    try:
        with Progress(reader.invoice_id) as progress:
            outcomes = [_written(reader, pair, writer, progress) for pair in pairs]
        for outcome in outcomes:
            warn_of(outcome, reader.invoice_id)
        until = None if shelf.closed else time.time() + OPEN_LIFETIME
        said = [(one.pair, one.state, one.result or {}, one.readings) for one in outcomes]
        return commit(writer, said, until=until)
    finally:
        writer.drop()


def _written(
    reader: LineReader, pair: Pair, writer: Writer, progress: Progress
) -> Outcome[dict[str, int]]:
    writer.begin()

    def write(batches: Batches) -> dict[str, int]:
        writer.back()
        lines: dict[str, int] = {}
        for name, frame in batches:
            writer.add(name, frame)
            lines[name] = lines.get(name, 0) + frame.height
        return lines

    return reader.read(pair, write, progress)

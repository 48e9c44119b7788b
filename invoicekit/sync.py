"""Lines into the store, page by page, so that memory does not grow with them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NoReturn

import polars as pl

from invoicekit.analysis.reconcile import Reconciliation
from invoicekit.errors import AccessError, FetchError, FrameError, InvoiceKitError, SettingsError
from invoicekit.frames.kinds import NUMBER
from invoicekit.frames.store import NotStoredError, Stored, Writer
from invoicekit.line_items import Pair
from invoicekit.line_reading import Batches, LineReader, Outcome, warn_of
from invoicekit.line_shelf import LineShelf, commit, is_of, is_whole, lines_of
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
UNREACHED = 3  # invoices in a row without a usable answer, after which the others are not tried
TOO_MANY_REQUESTS, SERVER_ERROR, UNAUTHORIZED = 429, 500, 401


@dataclass(frozen=True, slots=True)
class Synced:
    """An invoice in the store: its proof, and whether it came just now."""

    proof: Reconciliation
    new: bool

    def row(self) -> tuple[object, ...]:
        """Its values for a frame of `PROOF`."""
        return (*(getattr(self.proof, name) for name in PROOF if name != "new"), self.new)


@dataclass(slots=True)
class Failures:
    """The invoices that could not be synced, and why."""

    invoices: int
    offline: bool
    _found: list[tuple[str, InvoiceKitError]] = field(default_factory=list)
    _unreached: int = 0

    def add(self, invoice_id: str, error: InvoiceKitError) -> None:
        """Note one, for `end`; where the next invoice would fare no better, that is the end."""
        self._found.append((invoice_id, error))
        self._unreached = self._unreached + 1 if self._is_no_answer(error) else 0
        refused = isinstance(error, AccessError) and error.status == UNAUTHORIZED
        if refused or isinstance(error, SettingsError) or self._unreached == UNREACHED:
            self._raise("The others were not tried; what is stored stays")

    def passed(self) -> None:
        """Note one that was synced."""
        self._unreached = 0

    def end(self) -> None:
        """Raise one error that names them all, if there are any."""
        if self._found:
            self._raise("The others are stored")

    def _is_no_answer(self, error: InvoiceKitError) -> bool:
        if not isinstance(error, FetchError) or self.offline:
            return False
        status = error.status
        return status is None or status == TOO_MANY_REQUESTS or status >= SERVER_ERROR

    def _raise(self, rest: str) -> NoReturn:
        reasons = "; ".join(f"{name}: {str(error).rstrip('.')}" for name, error in self._found)
        message = f"{len(self._found)} of {self.invoices} invoices not synced: {reasons}. {rest}"
        last = self._found[-1][1]
        kinds = {type(error) for _, error in self._found}
        if len(kinds) > 1:
            raise InvoiceKitError(message) from last
        if isinstance(last, FetchError):
            said = {name: value for name, value in vars(last).items() if not name.startswith("_")}
            raise type(last)(message, **said) from last
        raise type(last)(message) from last


def sync_lines(
    reader: LineReader,
    shelf: LineShelf,
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
        with shelf.store.reading(stored):
            return lines_of(shelf.store, stored).proof(total, reader.currency)

    stored = None if refresh else shelf.store.find(shelf.key)
    if stored and _still_counts(shelf, stored, pairs):
        with contextlib.suppress(NotStoredError):  # what is damaged is brought in again
            found = Synced(proof(stored), new=False)
            shelf.store.republish(stored)
            return found
    for again in (False, True):  # another process may clear the store meanwhile
        with contextlib.suppress(NotStoredError, FileNotFoundError):
            stored = _brought_in(reader, shelf, pairs, refresh=refresh and not again)
            return Synced(proof(stored), new=True)
    raise FrameError(
        f"the lines of {reader.invoice_id} were removed while they were stored, twice. Sync again "
        "when nobody clears the cache"
    )


def _still_counts(shelf: LineShelf, stored: Stored, pairs: Sequence[Pair]) -> bool:
    """Whether all collections that the invoice names now are there, whole and undamaged."""
    return is_whole(stored) and is_of(stored, pairs) and shelf.store.is_sound(stored)


def _brought_in(
    reader: LineReader, shelf: LineShelf, pairs: Sequence[Pair], *, refresh: bool
) -> Stored:
    writer = shelf.store.write(shelf.key)
    try:
        with Progress(reader.invoice_id) as progress:
            outcomes = [_written(reader, pair, writer, progress, refresh) for pair in pairs]
        for outcome in outcomes:
            warn_of(outcome, reader.invoice_id)
        until = None if shelf.closed else time.time() + OPEN_LIFETIME
        said = [(one.pair, one.state, one.result or {}, one.readings) for one in outcomes]
        return commit(writer, said, until=until)
    except FileNotFoundError:
        raise
    except OSError as cause:
        raise SettingsError(
            f"the lines of {reader.invoice_id} cannot be stored in {shelf.store.folder} "
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

    return reader.read(pair, write, progress, refresh=refresh)

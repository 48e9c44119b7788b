"""One invoice's lines in the store: written when it is closed, read while it is unchanged."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

import polars as pl

from invoicekit.analysis.money import plain
from invoicekit.errors import FrameError, warn
from invoicekit.fetch import lifetimes
from invoicekit.frames.collection_result import CollectionResult, Pair, is_settled
from invoicekit.line_items import InvoiceLines
from invoicekit.sources.base import InvoiceHeader
from invoicekit.store.dataset import Key, NotStoredError, Store, Stored, Writer

T = TypeVar("T")


def key_of(header: InvoiceHeader) -> Key:
    """Which invoice that is: of another header, its lines are asked again."""
    return Key(header.id, str(header.date), f"{plain(header.total, header.currency)}")


class InvoiceEntry:
    """Where the lines of one invoice lie, if they do."""

    def __init__(self, store: Store, key: Key, *, closed: bool) -> None:
        self.store = store
        self.key = key
        self.closed = closed
        self._found: tuple[Stored, InvoiceLines] | None = None  # resolved once

    def recall(self) -> dict[Pair, CollectionResult]:
        """All collections as they were stored; nothing where any is not there, or is old."""
        stored = self._stored()
        frames = self.store.frames(stored) if stored else None
        if stored is None or frames is None:
            return {}
        results = map(CollectionResult.from_json, stored.about["parts"])
        return {one.pair: replace(one, frames=_frames_of(one, frames)) for one in results}

    def ask(self, pairs: Iterable[Pair], ask: Callable[[InvoiceLines], T]) -> T:
        """What `ask` makes of the lines of those collections, as they lie in the store.

        Raises:
            NotStoredError: they are not all there as they were written.
        """
        found, self._found = self._found, None
        if found is None:
            stored = self._stored()
            if stored is None or not is_of(stored, pairs):
                raise NotStoredError
            found = stored, lines_of(self.store, stored)
        stored, lines = found
        if not self.store.is_sound(stored):
            raise NotStoredError
        with self.store.reading(stored):
            made = ask(lines)
        self._found = found
        return made

    def _stored(self) -> Stored | None:
        stored = self.store.find(self.key) if self.closed else None
        return stored if stored and is_whole(stored) else None

    def until(self) -> float | None:
        """How long lines that were asked just now hold: those of a closed invoice for ever."""
        return None if self.closed else time.time() + lifetimes.OPEN

    def outdate(self) -> None:
        """Note that what is stored of the invoice is out of date: a sync asks for it again."""
        self.store.revise(self.key.invoice_id, lambda about: {**about, "until": 0.0})

    def remember(self, results: Sequence[CollectionResult], *, again: bool = False) -> bool:
        """Store the lines of a closed invoice that was read whole, and say whether they are.

        Those of an open one only where they were asked `again`, and a sync has stored it before. A
        full disk costs a warning.
        """
        wanted = self.closed or (again and self.store.has(self.key.invoice_id))
        if not wanted or not all(result.is_settled for result in results):
            return False
        if any(reading.shows_secret for result in results for reading in result.readings):
            warn(
                f"the lines of {self.key.invoice_id} repeat a secret of the sign-in, so they are "
                "kept nowhere"
            )
            return False
        self._found = None
        writer = self.store.write(self.key)
        try:
            for result in results:
                for name, frame in result.frames.items():
                    writer.add(name, frame)
            commit(writer, results, until=self.until())
        except OSError as cause:
            warn(
                f"the lines of {self.key.invoice_id} cannot be stored ({cause.strerror or cause}); "
                "they are decoded again the next time"
            )
            return False
        finally:
            writer.drop()
        return True


def lines_of(store: Store, stored: Stored) -> InvoiceLines:
    """The lines of a stored invoice, to be worked on within `store.reading`."""
    results = list(map(CollectionResult.from_json, stored.about["parts"]))
    return InvoiceLines(store.scans(stored), results, partial(_reading_later, store, stored))


@contextlib.contextmanager
def _reading_later(store: Store, stored: Stored) -> Iterator[None]:
    """For work on the lines long after they were proven.

    Raises:
        FrameError: they are not there any more as they were.
    """
    gone = FrameError(
        f"the lines of {stored.key.invoice_id} are not in the store any more as they were when "
        "they were proven: reconcile() again"
    )
    if not store.is_sound(stored):
        raise gone
    try:
        with store.reading(stored):
            yield
    except NotStoredError as cause:
        raise gone from cause


def commit(
    writer: Writer, results: Iterable[CollectionResult], *, until: float | None = None
) -> Stored:
    """Commit what was written, with what has to be known of the collections to recall them."""
    results = list(results)
    if any(result.is_empty for result in results):
        soon = time.time() + lifetimes.EMPTY  # what is empty today may not be tomorrow
        until = soon if until is None else min(soon, until)
    return writer.commit({"parts": [result.to_json() for result in results], "until": until})


def is_whole(stored: Stored) -> bool:
    """Whether all collections of the invoice are there, and still count."""
    until = stored.about["until"]
    fresh = until is None or time.time() < until
    parts = stored.about["parts"]
    return fresh and all(is_settled(part["state"], part["pair"][1]) for part in parts)


def is_of(stored: Stored, pairs: Iterable[Pair]) -> bool:
    """Whether these are the collections that were stored, no more and no fewer."""
    return {tuple(part["pair"]) for part in stored.about["parts"]} == set(pairs)


def _frames_of(
    result: CollectionResult, frames: Mapping[str, pl.DataFrame]
) -> dict[str, pl.DataFrame]:
    """The lines of one collection, of the frames of all of them."""
    mine = (pl.col("asked_provider") == result.provider) & (
        pl.col("asked_line_item_type") == result.line_item_type
    )
    return {
        # Most often one collection alone has lines of an objectType: then nothing is copied.
        name: frames[name] if frames[name].height == height else frames[name].filter(mine)
        for name, height in result.lines.items()
    }

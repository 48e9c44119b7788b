"""One invoice's lines in the store: written when it is closed, read while it is unchanged."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any, TypeVar

import polars as pl

from invoicekit.analysis.reconcile import READ
from invoicekit.fetch.pull import EMPTY_LIFETIME
from invoicekit.line_items import Lines, Pair, Part, collections_frame, ledger_frame
from invoicekit.pages import Reading
from invoicekit.store.dataset import Key, NotStoredError, Store, Stored, Writer

T = TypeVar("T")
OPEN_LIFETIME = 3600.0  # seconds that the lines of an invoice hold which may still change
# Of a part: the pair, its state, lines of each objectType, and how its pages were read.
Said = tuple[Pair, str, Mapping[str, int], Sequence[Reading]]


@dataclass(frozen=True, slots=True)
class InvoiceEntry:
    """Where the lines of one invoice lie, if they do."""

    store: Store
    key: Key
    closed: bool

    def recall(self) -> dict[Pair, Part]:
        """All parts of the invoice as they were stored; nothing where any is not, or is stale."""
        stored = self._stored()
        frames = self.store.frames(stored) if stored else None
        if stored is None or frames is None:
            return {}
        return {part_pair(part): _part(part, frames) for part in stored.about["parts"]}

    def ask(self, pairs: Iterable[Pair], ask: Callable[[Lines], T]) -> T:
        """What `ask` makes of the lines of those collections, as they lie in the store.

        Raises:
            NotStoredError: they are not all there as they were written.
        """
        stored = self._stored()
        if stored is None or not (is_of(stored, pairs) and self.store.is_sound(stored)):
            raise NotStoredError
        with self.store.reading(stored):
            return ask(lines_of(self.store, stored))

    def _stored(self) -> Stored | None:
        stored = self.store.find(self.key) if self.closed else None
        return stored if stored and is_whole(stored) else None

    def until(self) -> float | None:
        """How long lines that were asked just now hold: those of a closed invoice for ever."""
        return None if self.closed else time.time() + OPEN_LIFETIME

    def outdate(self) -> None:
        """Note that what is stored of the invoice is out of date: a sync asks for it again."""
        self.store.revise(self.key.invoice_id, lambda about: {**about, "until": 0.0})

    def remember(self, parts: Sequence[Part], *, again: bool = False) -> bool:
        """Store the parts of a closed invoice that was read whole, and say whether they are.

        Those of an open one only where they were asked `again`, and a sync has stored it before. A
        full disk costs a warning.
        """
        wanted = self.closed or (again and self.store.has(self.key.invoice_id))
        if not wanted or any(part.state != READ for part in parts):
            return False
        if any(reading.shows_secret for part in parts for reading in part.readings):
            warnings.warn(
                f"the lines of {self.key.invoice_id} repeat a secret of the sign-in, so they are "
                "kept nowhere",
                stacklevel=4,
            )
            return False
        writer = self.store.write(self.key)
        try:
            for part in parts:
                for name, frame in part.frames.items():
                    writer.add(name, frame)
            pairs = [(part.provider, part.line_item_type) for part in parts]
            commit(
                writer,
                [
                    (pair, part.state, part.lines, part.readings)
                    for pair, part in zip(pairs, parts, strict=True)
                ],
                until=self.until(),
            )
        except OSError as cause:
            warnings.warn(
                f"the lines of {self.key.invoice_id} cannot be stored ({cause.strerror or cause}); "
                "they are decoded again the next time",
                stacklevel=4,
            )
            return False
        finally:
            writer.drop()
        return True


def lines_of(store: Store, stored: Stored) -> Lines:
    """The lines of a stored invoice, to be worked on within `store.reading`."""
    parts = stored.about["parts"]
    said = [(part_pair(part), part["state"], part["lines"]) for part in parts]
    readings = [reading for part in parts for reading in readings_of(part)]
    return Lines(store.scans(stored), collections_frame(said), ledger_frame(readings))


def commit(writer: Writer, parts: Iterable[Said], *, until: float | None = None) -> Stored:
    """Commit what was written, with what has to be known of the parts to recall them."""
    parts = list(parts)
    if any(not any(reading.rows for reading in readings) for _, _, _, readings in parts):
        soon = time.time() + EMPTY_LIFETIME  # what is empty today may not be tomorrow
        until = soon if until is None else min(soon, until)
    said = [
        {
            "pair": list(pair),
            "state": state,
            "lines": dict(lines),
            "readings": [astuple(reading) for reading in readings],
        }
        for pair, state, lines, readings in parts
    ]
    return writer.commit({"parts": said, "until": until})


def is_whole(stored: Stored) -> bool:
    """Whether all collections of the invoice are there, and still count."""
    until = stored.about["until"]
    fresh = until is None or time.time() < until
    return fresh and all(part["state"] == READ for part in stored.about["parts"])


def is_of(stored: Stored, pairs: Iterable[Pair]) -> bool:
    """Whether these are the collections that were stored, no more and no fewer."""
    return {part_pair(part) for part in stored.about["parts"]} == set(pairs)


def part_pair(part: Mapping[str, Any]) -> Pair:
    """The pair that a stored part is of."""
    provider, line_item_type = part["pair"]
    return provider, line_item_type


def readings_of(part: Mapping[str, Any]) -> list[Reading]:
    """How the pages of a stored part were read, once; now they come from disk."""
    return [replace(Reading(*reading), from_cache=True) for reading in part["readings"]]


def _part(part: Mapping[str, Any], frames: Mapping[str, pl.DataFrame]) -> Part:
    provider, line_item_type = part_pair(part)
    mine = (pl.col("asked_provider") == provider) & (
        pl.col("asked_line_item_type") == line_item_type
    )
    lines = {
        # Most often one collection alone has lines of an objectType: then nothing is copied.
        name: frames[name] if frames[name].height == height else frames[name].filter(mine)
        for name, height in part["lines"].items()
    }
    return Part(provider, line_item_type, part["state"], lines, readings_of(part))

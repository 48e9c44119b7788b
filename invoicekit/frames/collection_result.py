"""What came of one collection of an invoice, and the frames that tell of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from typing import Any

import polars as pl

from invoicekit.errors import FetchError
from invoicekit.frames.schema import BY_OBJECT_TYPE
from invoicekit.pages import Reading

# The states of a collection; one that the service does not give has a state of the source's.
READ = "read"  # to its end
LEFT_OUT = "left out"  # not asked for
NO_DATA = "no data yet"  # asked for, and the service has none yet
SHARED = "read with another provider's"  # one answer has the lines of both
UNKNOWN = "unknown objectType"  # read, and of its lines nobody knows what they add up to
COLLECTIONS = {
    "provider": pl.String(),
    "line_item_type": pl.String(),
    "object_type": pl.String(),
    "lines": pl.Int64(),
    "state": pl.String(),
}
LEDGER = {
    "collection": pl.String(),
    "page": pl.Int64(),
    "rows": pl.Int64(),
    "total": pl.Int64(),
    "bytes": pl.Int64(),
    "seconds": pl.Float64(),
    "from_cache": pl.Boolean(),
    "status": pl.Int64(),
    "retries": pl.Int64(),
    "request_id": pl.String(),
    "correlation_id": pl.String(),
    "source": pl.String(),
}
Pair = tuple[str, str]  # provider and line item type, in our words


@dataclass(frozen=True, slots=True)
class CollectionResult:
    """One collection: how many lines of each objectType, how they were read, or why they were not.

    `frames` are there where the lines are in memory. A collection without an error was given by the
    service, or not asked for.
    """

    provider: str
    line_item_type: str
    state: str = LEFT_OUT
    lines: Mapping[str, int] = field(default_factory=dict)
    readings: Sequence[Reading] = ()
    frames: Mapping[str, pl.DataFrame] = field(default_factory=dict, repr=False)
    error: FetchError | None = None
    source: str = "v1"

    @property
    def pair(self) -> Pair:
        """Provider and line item type."""
        return self.provider, self.line_item_type

    @property
    def is_empty(self) -> bool:
        """Whether no answer had a line."""
        return self.state != SHARED and not any(reading.rows for reading in self.readings)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is missing of what adds up to the invoice's total."""
        return is_settled(self.state, self.line_item_type)

    def rows(self) -> Iterator[tuple[str, str, str | None, int | None, str]]:
        """Its rows of a frame as in `COLLECTIONS`: one an objectType, or one with the state."""
        for name, number in self.lines.items():
            known = READ if name in BY_OBJECT_TYPE else UNKNOWN
            yield self.provider, self.line_item_type, name, number, known
        if not self.lines:
            nothing = 0 if self.state == READ else None
            yield self.provider, self.line_item_type, None, nothing, self.state

    def to_json(self) -> dict[str, Any]:
        """Plain values to keep beside stored lines; without frames and error."""
        return {
            "pair": list(self.pair),
            "state": self.state,
            "lines": dict(self.lines),
            "readings": [astuple(reading) for reading in self.readings],
            "source": self.source,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> CollectionResult:
        """What `to_json` gave; its answers come from disk now."""
        provider, line_item_type = kept["pair"]
        readings = [replace(Reading(*one), from_cache=True) for one in kept["readings"]]
        source = kept.get("source", "v1")
        return cls(provider, line_item_type, kept["state"], kept["lines"], readings, source=source)


@dataclass(frozen=True, slots=True)
class Results:
    """The collections of an invoice that are in memory, all as of one source.

    Of two sources at once, lines could count twice or not at all.
    """

    source: str | None = None  # as asked; else by the table of periods
    results: Mapping[Pair, CollectionResult] = field(default_factory=dict)

    def joined(self, results: Iterable[CollectionResult]) -> Results:
        """These, and others of the same source."""
        return replace(self, results={**self.results, **{one.pair: one for one in results}})


def is_settled(state: str, line_item_type: str) -> bool:
    """Whether a collection in that state leaves nothing open: usage only restates billing.

    >>> is_settled("no data yet", "usage"), is_settled("no data yet", "billing")
    (True, False)
    """
    return state in {READ, SHARED} or (state == NO_DATA and line_item_type == "usage")


def collections_frame(results: Iterable[CollectionResult]) -> pl.DataFrame:
    """What came of each collection: columns as in `COLLECTIONS`."""
    rows = [row for result in results for row in result.rows()]
    return pl.DataFrame(rows, schema=COLLECTIONS, orient="row")


def ledger_frame(results: Iterable[CollectionResult]) -> pl.DataFrame:
    """One row an answer that was read: columns as in `LEDGER`."""
    rows = [
        (*(getattr(reading, name) for name in LEDGER if name != "source"), result.source)
        for result in results
        for reading in result.readings
    ]
    return pl.DataFrame(rows, schema=LEDGER, orient="row")

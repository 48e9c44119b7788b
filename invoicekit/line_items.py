"""The line items of one invoice, as they were read: a frame per objectType, and the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from html import escape

import polars as pl

from invoicekit.analysis.reconcile import READ, Reconciliation, reconcile
from invoicekit.frames.charges import charges
from invoicekit.frames.schema import BY_OBJECT_TYPE
from invoicekit.pages import Reading
from invoicekit.visible import visible

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
}
COLLECTIONS = {
    "provider": pl.String(),
    "line_item_type": pl.String(),
    "object_type": pl.String(),
    "lines": pl.Int64(),
    "state": pl.String(),
}
Pair = tuple[str, str]  # provider and line item type, in our words
LEFT_OUT = "left out"
UNKNOWN = "unknown objectType"


@dataclass(frozen=True, slots=True)
class Part:
    """One collection of an invoice: the pair asked, and what came of it."""

    provider: str
    line_item_type: str
    state: str = LEFT_OUT
    frames: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    readings: Sequence[Reading] = ()

    @property
    def lines(self) -> dict[str, int]:
        """How many lines there are of each objectType."""
        return {name: frame.height for name, frame in self.frames.items()}


def collections_frame(parts: Iterable[tuple[Pair, str, Mapping[str, int]]]) -> pl.DataFrame:
    """What came of each collection: `provider, line_item_type, object_type, lines, state`."""
    rows: list[tuple[str, str, str | None, int | None, str]] = []
    for pair, state, lines in parts:
        for name, number in lines.items():
            rows.append((*pair, name, number, READ if name in BY_OBJECT_TYPE else UNKNOWN))
        if not lines:
            rows.append((*pair, None, 0 if state == READ else None, state))
    return pl.DataFrame(rows, schema=COLLECTIONS, orient="row")


def ledger_frame(readings: Iterable[Reading]) -> pl.DataFrame:
    """One row a page that was read: columns as in `LEDGER`."""
    rows = [tuple(getattr(one, name) for name in LEDGER) for one in readings]
    return pl.DataFrame(rows, schema=LEDGER, orient="row")


@dataclass(frozen=True, slots=True)
class Lines:
    """What adds up to an invoice's total, in memory or as it lies in the store."""

    frames: Mapping[str, pl.LazyFrame]
    collections: pl.DataFrame
    ledger: pl.DataFrame

    @property
    def charges(self) -> pl.LazyFrame:
        """The lines as one tidy frame."""
        return charges(self.frames).lazy()

    def proof(self, total: Decimal, currency: str) -> Reconciliation:
        """Whether they add up to the invoice's total."""
        return reconcile(
            self.charges,
            total,
            currency=currency,
            details=self.collections,
            pages=self.ledger.height,
        )


class LineItems(Mapping[str, pl.DataFrame]):
    """A read-only mapping: objectType -> typed frame of line items.

    `ledger` has a row for every page that was read: `collection, page, rows, total` (what the page
    says of itself), `bytes, seconds, from_cache, status, retries, request_id, correlation_id`.
    `collections` says of each that the invoice names what came of it: `provider, line_item_type,
    object_type, lines, state`.
    """

    def __init__(self, invoice_id: str, parts: Iterable[Part]) -> None:
        self.invoice_id = invoice_id
        self._parts = tuple(parts)
        together: dict[str, list[pl.DataFrame]] = {}
        for part in self._parts:
            for name, frame in part.frames.items():
                together.setdefault(name, []).append(frame)
        self._frames = {
            name: pl.concat(frames, how="diagonal") for name, frames in together.items()
        }

    def __getitem__(self, object_type: str) -> pl.DataFrame:
        try:
            return self._frames[object_type].clone()  # polars can change a frame in place
        except KeyError:
            have = ", ".join(self._frames) or "none"
            raise KeyError(f"{object_type!r} is not in {self.invoice_id}; it has {have}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._frames)

    @property
    def ledger(self) -> pl.DataFrame:
        """One row a page that was read, in the order of reading."""
        return ledger_frame(reading for part in self._parts for reading in part.readings)

    @property
    def collections(self) -> pl.DataFrame:
        """What the invoice names, and what came of each."""
        return collections_frame(
            ((part.provider, part.line_item_type), part.state, part.lines) for part in self._parts
        )

    @property
    def lines(self) -> Lines:
        """The same, as what can be proven."""
        frames = {name: frame.lazy() for name, frame in self._frames.items()}
        return Lines(frames, self.collections, self.ledger)

    @property
    def missing(self) -> list[str]:
        """The collections that the invoice names and that are not here, in words."""
        return [
            f"{part.provider}/{part.line_item_type} ({part.state})"
            for part in self._parts
            if part.state != READ
        ]

    def __repr__(self) -> str:
        frames = [f"  {name}: {frame.height:,} lines" for name, frame in self._frames.items()]
        lines = [f"LineItems of {self.invoice_id}", *(frames or ["  no lines"])]
        if self.missing:
            lines.append(f"  not here: {'; '.join(self.missing)}")
        return "\n".join(map(visible, lines))

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"

"""The line items of one invoice, as they were read: a frame per objectType, and the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from html import escape

import polars as pl

from invoicekit.analysis.reconcile import Reconciliation, reconcile
from invoicekit.frames.charges import charges
from invoicekit.frames.collection_result import (
    READ,
    CollectionResult,
    collections_frame,
    ledger_frame,
)
from invoicekit.visible import visible


@dataclass(frozen=True)
class InvoiceLines:
    """What adds up to an invoice's total, in memory or as it lies in the store.

    Made once for an invoice; the charges and the ledger are made of it when they are first wanted.
    """

    frames: Mapping[str, pl.LazyFrame]
    results: Sequence[CollectionResult]

    @cached_property
    def charges(self) -> pl.LazyFrame:
        """The lines as one tidy frame."""
        return charges(self.frames).lazy()

    @cached_property
    def ledger(self) -> pl.DataFrame:
        """One row an answer that was read."""
        return ledger_frame(self.results)

    def proof(self, total: Decimal, currency: str) -> Reconciliation:
        """Whether they add up to the invoice's total."""
        return reconcile(
            self.charges,
            total,
            currency=currency,
            details=collections_frame(self.results),
            pages=sum(len(result.readings) for result in self.results),
        )


class LineItems(Mapping[str, pl.DataFrame]):
    """A read-only mapping: objectType -> typed frame of line items.

    `ledger` has a row for every page that was read: `collection, page, rows, total` (what the page
    says of itself), `bytes, seconds, from_cache, status, retries, request_id, correlation_id`.
    `collections` says of each that the invoice names what came of it: `provider, line_item_type,
    object_type, lines, state`.
    """

    def __init__(self, invoice_id: str, results: Iterable[CollectionResult]) -> None:
        self.invoice_id = invoice_id
        self._results = tuple(results)
        together: dict[str, list[pl.DataFrame]] = {}
        for result in self._results:
            for name, frame in result.frames.items():
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
        return ledger_frame(self._results)

    @property
    def collections(self) -> pl.DataFrame:
        """What the invoice names, and what came of each."""
        return collections_frame(self._results)

    @property
    def lines(self) -> InvoiceLines:
        """The same, as what can be proven."""
        return InvoiceLines({name: f.lazy() for name, f in self._frames.items()}, self._results)

    @property
    def missing(self) -> list[str]:
        """The collections that the invoice names and that are not here, in words."""
        return [
            f"{'/'.join(result.pair)} ({result.state})"
            for result in self._results
            if result.state != READ
        ]

    def __repr__(self) -> str:
        frames = [f"  {name}: {frame.height:,} lines" for name, frame in self._frames.items()]
        lines = [f"LineItems of {self.invoice_id}", *(frames or ["  no lines"])]
        if self.missing:
            lines.append(f"  not here: {'; '.join(self.missing)}")
        return "\n".join(map(visible, lines))

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"

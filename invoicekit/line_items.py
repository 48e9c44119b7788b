"""The line items of one invoice, as they were read: a frame per objectType, and the ledger."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from html import escape
from typing import Literal

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

MOST_NAMED = 3  # invoices, or files
SAID = {"v1": "Partner Center", "graph": "Microsoft Graph", "files": "files"}  # of sources


@dataclass(frozen=True)
class InvoiceLines:
    """What adds up to an invoice's total, in memory or as it lies in the store.

    Made once for an invoice; the charges and the ledger are made of it when they are first wanted.

    >>> list(invoice.line_items().lines.frames)
    ['OneTimeInvoiceLineItem', 'DailyRatedUsageLineItem']
    """

    frames: Mapping[str, pl.LazyFrame]
    results: Sequence[CollectionResult]

    @cached_property
    def charges(self) -> pl.LazyFrame:
        """The lines as one tidy frame.

        >>> invoice.line_items().lines.charges.select(pl.len()).collect().item()
        369
        """
        return charges(self.frames).lazy()

    @cached_property
    def ledger(self) -> pl.DataFrame:
        """One row an answer that was read.

        >>> invoice.line_items().lines.ledger.height
        2
        """
        return ledger_frame(self.results)

    def proof(self, total: Decimal, currency: str) -> Reconciliation:
        """Whether they add up to the invoice's total.

        >>> invoice.line_items().lines.proof(invoice.total, invoice.currency).ties
        True

        Args:
            total: that of the invoice's header.
            currency: that of the total.
        """
        return reconcile(
            self.charges,
            total,
            currency=currency,
            details=collections_frame(self.results),
            pages=sum(len(result.readings) for result in self.results),
        )


def read(
    path: str | os.PathLike[str],
    *paths: str | os.PathLike[str],
    decimal: Literal[".", ","] | None = None,
    dates: Literal["mdy", "dmy"] | None = None,
) -> LineItems:
    """The line items of files that somebody has: nothing is asked of any service.

    Reconciliation and daily usage files of the portal (CSV, of new and legacy commerce, with the
    headers of 2019 to today), blobs of Graph's exports (`.json.gz`, or unpacked), folders and zips
    of them. Files of one kind are put together; `page` is the file's number in the `ledger`. Which
    invoice a line is of, its own field says, and nothing in licence based files.

    How a file writes numbers and dates is found from all of it; warnings name what a spreadsheet
    has changed, row and column, for what is lost then cannot be brought back.

    >>> items = ik.read("july.csv", "july-usage.csv")
    >>> items
    LineItems of G012345651, from files
      OneTimeInvoiceLineItem: 38 lines
      DailyRatedUsageLineItem: 60 lines
    >>> ik.reconcile(ik.charges(items), Decimal("22471.94"), currency="EUR")
    ✔ ties: 22,471.94 EUR, 38 lines, difference 0.00

    Args:
        path: a file, a folder (and all below it), or a zip.
        paths: more of them.
        decimal: the decimal sign, `"."` or `","`, where a file does not say which it is.
        dates: whether dates begin with the month (`"mdy"`, as the portal writes them) or the day
            (`"dmy"`), where a file does not say so.

    Raises:
        ValueError: `decimal` or `dates` is none of these.
        FileNotFoundError: a path does not exist.
        PageError: a file is none that we know, is damaged, or is given twice.
        FrameError: a row cannot be typed, or a form is ambiguous; file, row and column are named.
    """
    from invoicekit.sources.files.reading import read_files, results_of

    files = read_files([path, *paths], decimal=decimal, dates=dates)
    results = results_of(files)
    ids = {name for one in files for frame in one.frames.values() for name in frame["invoice_id"]}
    named = sorted(ids - {None}) or [one.name for one in files]
    more = f" and {len(named) - MOST_NAMED:,} more" if len(named) > MOST_NAMED else ""
    return LineItems(", ".join(named[:MOST_NAMED]) + more, results)


class LineItems(Mapping[str, pl.DataFrame]):
    """A read-only mapping: objectType -> typed frame of line items.

    `ledger` has a row for every page that was read: `collection, page, rows, total` (what the page
    says of itself), `bytes, seconds, from_cache, status, retries, request_id, correlation_id,
    source`; a blob of an export counts as a page.
    `collections` says of each that the invoice names what came of it: `provider, line_item_type,
    object_type, lines, state`.

    >>> items = invoice.line_items()
    >>> {name: frame.height for name, frame in items.items()}
    {'OneTimeInvoiceLineItem': 369, 'DailyRatedUsageLineItem': 300}
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
        """One row a page that was read, in the order of reading.

        >>> invoice.line_items().ledger.select("page", "rows", "status").rows()
        [(1, 369, 200), (1, 300, 200)]
        """
        return ledger_frame(self._results)

    @property
    def collections(self) -> pl.DataFrame:
        """What the invoice names, and what came of each.

        >>> invoice.line_items().collections.select("line_item_type", "lines", "state").rows()
        [('billing', 369, 'read'), ('usage', 300, 'read')]
        """
        return collections_frame(self._results)

    @property
    def lines(self) -> InvoiceLines:
        """The same, as what can be proven.

        >>> invoice.line_items().lines.proof(invoice.total, "USD").lines
        369
        """
        return InvoiceLines({name: f.lazy() for name, f in self._frames.items()}, self._results)

    @property
    def missing(self) -> list[str]:
        """The collections that the invoice names and that are not here, in words.

        >>> invoice.line_items().missing
        []
        """
        return [
            f"{'/'.join(result.pair)} ({result.state})"
            for result in self._results
            if result.state != READ
        ]

    def __repr__(self) -> str:
        frames = [f"  {name}: {frame.height:,} lines" for name, frame in self._frames.items()]
        sources = sorted({result.source for result in self._results if result.readings})
        origin = f", from {' and '.join(SAID.get(one, one) for one in sources)}" if sources else ""
        lines = [f"LineItems of {self.invoice_id}{origin}", *(frames or ["  no lines"])]
        if self.missing:
            lines.append(f"  not here: {'; '.join(self.missing)}")
        return "\n".join(map(visible, lines))

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"

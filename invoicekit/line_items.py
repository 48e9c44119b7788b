"""The line items of one invoice, as they were read: a frame per objectType, and the ledger."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from html import escape
from typing import Literal

import polars as pl

from invoicekit.analysis.checks.grounds import Grounds
from invoicekit.analysis.reconcile import MARKS, NOT_BILLED, Reconciliation, proven, reconcile
from invoicekit.analysis.totals import totals
from invoicekit.errors import FrameError, PageError
from invoicekit.frames.charges import charges
from invoicekit.frames.collection_result import (
    COLLECTIONS,
    READ,
    CollectionResult,
    collections_frame,
    ledger_frame,
)
from invoicekit.secret import scrubbing
from invoicekit.visible import first_few, visible

MOST_NAMED = 3  # invoices, or files
TITLES = {"v1": "Partner Center", "graph": "Microsoft Graph", "files": "files"}  # of sources


@dataclass(frozen=True)
class InvoiceLines:
    """What adds up to an invoice's total, in memory or as it lies in the store.

    Made once for an invoice; the charges and the ledger are made of it when they are first wanted.
    `reading` is entered while what lies in the store is read at a later time.

    >>> list(invoice.line_items().lines.frames)
    ['OneTimeInvoiceLineItem', 'DailyRatedUsageLineItem']
    """

    frames: Mapping[str, pl.LazyFrame]
    results: Sequence[CollectionResult]
    reading: Callable[[], AbstractContextManager[None]] = nullcontext

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

    def proof(self, total: Decimal, currency: str, *, notes: Sequence[str] = ()) -> Reconciliation:
        """Whether they add up to the invoice's total.

        >>> invoice.line_items().lines.proof(invoice.total, invoice.currency).ties
        True

        Args:
            total: that of the invoice's header.
            currency: that of the total.
            notes: what the header names beside charges, in words.
        """
        sources = {result.source for result in self.results if result.readings}
        return proven(
            Grounds(self.charges, self.frames, sources, notes, self.reading),
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
        TypeError: a path is neither a text nor a path, but a list of them.
        ValueError: `decimal` or `dates` is none of these, or a path is empty.
        FileNotFoundError: a path does not exist.
        PageError: a file is none that we know, is damaged, or is given twice.
        FrameError: a row cannot be typed, or a form is ambiguous; file, row and column are named.
    """
    from invoicekit.sources.files.reading import read_files, results_of

    files = scrubbing(
        lambda: read_files([path, *paths], decimal=decimal, dates=dates),
        kinds=(PageError, FrameError),  # their frames had the rows, which are customers' data
    )
    results = results_of(files)
    ids = _invoice_ids(results) or [one.name for one in files]
    return LineItems(first_few(ids, MOST_NAMED), results)


def redact(line_items: LineItems, *, key: str | bytes) -> LineItems:
    """The same lines under false names, for screenshots and bug reports; asks nothing.

    Of the same key, the same customer, product, subscription or invoice has the same false name,
    in every frame. Ids keep their form (a GUID is a GUID, digits are digits), nulls are null.
    Whatever is not known to be harmless is replaced: texts, JSON, columns that nobody has
    documented; of a file such a column's name goes too. What stays: charge types, currencies,
    countries, units, terms, quantities, exchange rates and days, so that the twin has the findings
    of the original, but for those that hang on a cent. Instants get another time of their day.

    Amounts and prices are multiplied by one factor of the key, exactly: what tied ties. Rounding
    rules, as of `ik.explain()`, are those of the original alone. Whoever knows a price can find the
    factor, and what was bought then; it is no secret from such a one.

    >>> twin = ik.redact(invoice.line_items(), key="something long and random")
    >>> twin["OneTimeInvoiceLineItem"]["customer_name"][0]
    'Customer ac22874ea815'
    >>> from invoicekit.analysis.twin.false_names import FalseNames
    >>> total = invoice.total * FalseNames("something long and random").factor
    >>> ik.reconcile(ik.charges(twin), total, currency="USD").ties
    True

    Args:
        line_items: as `Invoice.line_items()`, `Unbilled.line_items()` or `ik.read()` give them.
        key: a secret of any length, as `secrets.token_hex()` gives one; keep it to yourself.

    Raises:
        TypeError: these are no line items, or the key is neither text nor bytes.
        ValueError: the key is empty.
        FrameError: an amount that is added up has more than 22 decimals, which cannot be scaled
            exactly.
    """
    from invoicekit.analysis.twin.false_names import FalseNames
    from invoicekit.analysis.twin.redact import redacted

    names = FalseNames(key)
    del key  # an error shows this frame
    if not isinstance(line_items, LineItems):
        raise TypeError(
            f"cannot redact a {type(line_items).__name__}: give line items, as of "
            "invoice.line_items() or ik.read()"
        )
    results = redacted(line_items.results, names)
    ids = first_few(_invoice_ids(results), MOST_NAMED)
    return LineItems(ids or "redacted lines", results)


def _invoice_ids(results: Iterable[CollectionResult]) -> list[str]:
    """Those that the lines name."""
    frames = (frame for result in results for frame in result.frames.values())
    return sorted({name for frame in frames for name in frame["invoice_id"]} - {None})


class Unbilled:
    """The lines of a month that is not billed yet, as they were at `taken_at`: an estimate.

    Attributes:
        period: `"current"` or `"previous"`, as of that time.
        month: which month that is, `"2026-09"`.
        currency: that the amounts are asked in.
        taken_at: when they were asked, in UTC.

    >>> unbilled = client.unbilled(currency="USD")
    >>> unbilled.period, unbilled.currency
    ('current', 'USD')
    """

    def __init__(
        self, results: Iterable[CollectionResult], *, period: str, currency: str, taken_at: datetime
    ) -> None:
        self.period = period
        self.currency = currency
        self.taken_at = taken_at
        first = taken_at.replace(day=1)
        first = first if period == "current" else first - timedelta(days=1)
        self.month = f"{first:%Y-%m}"
        self.results = tuple(results)
        self._items = LineItems(f"the lines of {self.month} that are not billed yet", self.results)

    def line_items(self) -> LineItems:
        """The lines: a mapping objectType -> typed frame.

        >>> list(client.unbilled().line_items())
        ['OneTimeInvoiceLineItem', 'DailyRatedUsageLineItem']
        """
        return self._items

    def charges(self, *, usage: bool = False) -> pl.DataFrame:
        """The charges as one tidy frame; columns as of `ik.charges()`.

        >>> client.unbilled().charges().columns[:2]
        ['invoice_id', 'object_type']

        Args:
            usage: the lines of daily usage instead; they restate charges, and are never added.
        """
        return charges(self._items, usage=usage)

    def totals(self, *by: str) -> pl.DataFrame:
        """Totals by customer, offer, subscription or any column of the charges, dearest first.

        >>> client.unbilled().totals().columns
        ['currency', 'lines', 'subtotal', 'tax', 'total']

        Args:
            by: as of `ik.totals()`.
        """
        return totals(self.charges(), *by)

    def reconcile(self) -> Reconciliation:
        """What there is so far, and that it is not complete: nothing was billed to tie to.

        >>> client.unbilled().reconcile().state
        'incomplete'
        """
        found = self.totals().filter(pl.col("currency") == self.currency)["total"].drop_nulls()
        open_ = dict.fromkeys(COLLECTIONS) | {"state": NOT_BILLED}
        details = collections_frame(self.results)
        return reconcile(
            self.charges(),
            Decimal(found[0]) if len(found) else Decimal(0),
            currency=self.currency,
            details=pl.concat([details, pl.DataFrame([open_], schema=details.schema)]),
            pages=sum(len(result.readings) for result in self.results),
        )

    def __repr__(self) -> str:
        return visible(f"Unbilled lines of {self.month}, {self.taken_at:%Y-%m-%d %H:%M} UTC: "
                       f"{self.reconcile()}")  # fmt: skip

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


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

    def __init__(
        self,
        invoice_id: str,
        results: Iterable[CollectionResult],
        billed: tuple[Decimal, str] | None = None,
    ) -> None:
        self.invoice_id = invoice_id
        self.results = tuple(results)
        self._billed = billed  # the invoice's total and its currency, where there is an invoice
        together: dict[str, list[pl.DataFrame]] = {}
        for result in self.results:
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
        return ledger_frame(self.results)

    @property
    def collections(self) -> pl.DataFrame:
        """What the invoice names, and what came of each.

        >>> invoice.line_items().collections.select("line_item_type", "lines", "state").rows()
        [('billing', 369, 'read'), ('usage', 300, 'read')]
        """
        return collections_frame(self.results)

    @property
    def lines(self) -> InvoiceLines:
        """The same, as what can be proven.

        >>> invoice.line_items().lines.proof(invoice.total, "USD").lines
        369
        """
        return InvoiceLines({name: f.lazy() for name, f in self._frames.items()}, self.results)

    @property
    def missing(self) -> list[str]:
        """The collections that the invoice names and that are not here, in words.

        >>> invoice.line_items().missing
        []
        """
        return [
            f"{'/'.join(result.pair)} ({result.state})"
            for result in self.results
            if result.state != READ
        ]

    @cached_property
    def _untied(self) -> str:
        """Where the lines are not all of the invoice, or do not add up to it: this in words."""
        if self._billed is None:
            return ""
        try:
            proof = self.lines.proof(*self._billed)
        except FrameError:  # what cannot be added can still be shown
            return ""
        sums = f"{proof.invoice_total:,} {proof.currency} invoiced, {proof.lines_total:,}"
        return "" if proof.ties else f"  {MARKS[proof.state]} {proof.state}: {sums} in these lines"

    def __repr__(self) -> str:
        frames = [f"  {name}: {frame.height:,} lines" for name, frame in self._frames.items()]
        sources = sorted({result.source for result in self.results if result.readings})
        titles = " and ".join(TITLES.get(one, one) for one in sources)
        origin = f", from {titles}" if titles else ""
        lines = [f"LineItems of {self.invoice_id}{origin}", *(frames or ["  no lines"])]
        lines += filter(None, [self._untied])
        if self.missing:
            lines.append(f"  not here: {'; '.join(self.missing)}")
        return "\n".join(map(visible, lines))

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"

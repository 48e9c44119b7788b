"""What changed since the month before, of lines that lie in the store: nothing is asked for it."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

import polars as pl

from invoicekit.analysis.comparison.compare import Comparison, compare
from invoicekit.analysis.reconcile import Reconciliation
from invoicekit.errors import FrameError
from invoicekit.line_items import InvoiceLines
from invoicekit.sources.base import InvoiceHeader
from invoicekit.store.dataset import NotStoredError, Store, Stored
from invoicekit.store.invoice_entry import is_of, is_whole, lines_of

INVOICE = "invoice"  # the other types of documents amend one


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison, without its lines in memory."""

    lines: InvoiceLines
    proof: Reconciliation

    def charges(self) -> pl.LazyFrame:
        """The charges, lazily."""
        return self.lines.charges

    def reconcile(self) -> Reconciliation:
        """Whether they add up to the invoice's total."""
        return self.proof


class Dated(Protocol):
    """An invoice, as far as its name goes."""

    id: str

    @property
    def date(self) -> dt.date | None:
        """The day on which it was made."""


def changed_from(before: Dated, after: object) -> tuple[str, Comparison]:
    """An invoice in words, and what changed since; its lines are asked for.

    Raises:
        TypeError: it is no invoice.
    """
    if not (hasattr(before, "id") and hasattr(before, "date")):
        raise TypeError('before is an invoice: write before=client.invoice("G000024135")')
    return f"{before.id} of {before.date}", compare(before, after)


def changed_since(
    store: Store,
    header: InvoiceHeader,
    prove: Callable[[InvoiceLines], Reconciliation],
    after: InvoiceLines,
) -> tuple[str, Comparison] | None:
    """The invoice of the month before, in words, and what changed since.

    That is the only stored one that was made in the calendar month before, in the same currency,
    and names the same collections. `None` where there is none, or several.
    """
    if header.date is None or (header.document_type or INVOICE).lower() != INVOICE:
        return None
    last = header.date.replace(day=1) - dt.timedelta(days=1)
    pairs = [result.pair for result in after.results]
    alike = [
        (stored, lines)
        for stored in _whole(store)
        if stored.key.invoice_date[:7] == f"{last:%Y-%m}"
        if is_of(stored, pairs) and store.is_sound(stored)
        for lines in [lines_of(store, stored)]
        if _currencies(store, stored, lines) == {header.currency}
    ]
    if len(alike) != 1:
        return None
    ((stored, lines),) = alike
    with contextlib.suppress(NotStoredError), store.reading(stored):
        total = Decimal(stored.key.total)
        before = Side(lines, lines.proof(total, header.currency))
        name = f"{stored.key.invoice_id} of {stored.key.invoice_date}"
        return name, compare(before, Side(after, prove(after)))
    return None  # its files are not what they were


def _whole(store: Store) -> list[Stored]:
    with contextlib.suppress(FrameError):  # what is damaged is no month to compare with
        return [one for one in store.stored() if is_whole(one)]
    return []


def _currencies(store: Store, stored: Stored, lines: InvoiceLines) -> set[str]:
    with contextlib.suppress(NotStoredError), store.reading(stored):
        found = lines.charges.select(pl.col("currency").drop_nulls().unique()).collect()
        return set(found["currency"])
    return set()

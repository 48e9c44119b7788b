"""Lines and charges of many stored invoices as one lazy frame; and what is not among them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import polars as pl
import polars.selectors as cs

from invoicekit.analysis.totals import totals
from invoicekit.analysis.views.table import view_named
from invoicekit.errors import FrameError, InvoiceKitError, NotFoundError
from invoicekit.frames.charges import CHARGES, charges
from invoicekit.frames.schema import BY_OBJECT_TYPE, INSTANT
from invoicekit.line_items import InvoiceLines
from invoicekit.sources.base import InvoiceHeader
from invoicekit.sources.partner_center.header import billed_of, header_of
from invoicekit.store.dataset import MOST_NAMED, NotStoredError, Store, Stored
from invoicekit.store.invoice_entry import is_whole, key_of
from invoicekit.visible import first_few

COLUMNS = {**CHARGES, "invoice_date": pl.Date(), "month": pl.String()}
DAYS_AND_INSTANTS = {pl.Date(), INSTANT}


@dataclass(frozen=True, slots=True)
class AllCharges:
    """The charges of many invoices, lazily, and the notices of what is not among them."""

    store: Store
    stored: Sequence[Stored]
    charges: pl.LazyFrame
    notices: Sequence[str]

    def totals(self, *by: str) -> pl.DataFrame:
        """Totals by any of `COLUMNS`, as of `analysis.totals`.

        Raises:
            FrameError: stored lines were changed or removed while they were read.
        """
        return self.ask(lambda lines: totals(lines, *by))

    def ask(self, make: Callable[[pl.LazyFrame], pl.DataFrame]) -> pl.DataFrame:
        """What `make` makes of the charges, while nobody removes them.

        Raises:
            FrameError: stored lines were changed or removed while they were read.
        """
        try:
            with ExitStack() as stack:
                for one in self.stored:
                    stack.enter_context(self.store.reading(one))
                return make(self.charges)
        except NotStoredError as cause:
            raise FrameError(
                "stored lines were changed or removed while they were read. Ask again, or let "
                "client.sync() bring them in"
            ) from cause


def all_charges(store: Store, headers: pl.DataFrame) -> AllCharges:
    """The charges of those invoices in `COLUMNS`, by objectType, then in the order of the list.

    `month` is that of the billing period's start; without one, the month before the invoice's date.

    Raises:
        NotFoundError: none of them is in the store.
        FrameError: what was stored is damaged, gone, or of another version of invoicekit.
    """
    there = {one.key.invoice_id: one for one in store.stored()}
    dated: dict[str, tuple[dt.date | None, str | None]] = {}
    mine, missing = [], []
    for row in headers.iter_rows(named=True):
        try:
            header = header_of(row)
        except InvoiceKitError:  # no sync can bring it in; it says why
            missing.append(row["invoice_id"] or "an invoice without an id")
            continue
        one = there.get(header.id)
        if one is None or one.key != key_of(header):
            missing.append(header.id)
            continue
        dated[header.id] = header.date, header.month
        mine.append(one)
    if missing and not mine:
        raise NotFoundError(
            "not one of these invoices is in the store: "
            f"{first_few(missing, MOST_NAMED)}. client.sync() brings them in"
        )
    notices = [not_stored(missing)] if missing else []
    notices += [*unsure(mine), *unknown(mine)]
    return AllCharges(store, mine, _dated(store, mine, dated), notices)


def view_of(
    header: InvoiceHeader,
    name: str,
    ask: Callable[[Callable[[InvoiceLines], pl.DataFrame]], pl.DataFrame],
) -> pl.DataFrame:
    """A view of one invoice; `ask` gives what is made of its lines, which some views do not need.

    Raises:
        ValueError: there is no such view.
    """
    view = view_named(name)
    if view.of_headers:
        return view.make(billed_of(header).lazy())
    dated = {"invoice_date": pl.lit(header.date, pl.Date), "month": pl.lit(header.month, pl.String)}
    return ask(lambda lines: view.make(lines.charges.with_columns(**dated)))


def all_lines(store: Store, stored: Sequence[Stored]) -> pl.LazyFrame:
    """The lines of all objectTypes of those invoices, lazily; null where one has no such column.

    What one objectType has as days and another as instants is instants, at midnight in UTC.

    Raises:
        ValueError: none are stored, or two objectTypes have different things by one name.
        FrameError: what was stored is damaged or gone.
    """
    names = sorted({name for one in stored for name in one.files})
    if not names:
        raise ValueError("no lines are in the store yet; client.sync() brings invoices in")
    frames = [store.scan(name, stored) for name in names]
    schema: dict[str, pl.DataType] = {}
    for name, frame in zip(names, frames, strict=True):
        for column, dtype in frame.collect_schema().items():
            known = schema.setdefault(column, dtype)
            if {known, dtype} == DAYS_AND_INSTANTS:
                schema[column] = INSTANT
            elif known != dtype:
                raise ValueError(
                    f"{column!r} of {name} is {dtype}, and {known} of another objectType: one "
                    f"frame cannot hold both. Name the objectType, one of {', '.join(names)}"
                )
    instants = [column for column, dtype in schema.items() if dtype == INSTANT]
    same = cs.by_name(instants, require_all=False).cast(INSTANT)
    return pl.concat([frame.with_columns(same) for frame in frames], how="diagonal")


def not_stored(missing: Sequence[str]) -> str:
    """What to say of invoices that are not in the store."""
    return (
        f"not among these charges, for they are not in the store, are {len(missing)} "
        f"invoice{'' if len(missing) == 1 else 's'}: {first_few(missing, MOST_NAMED)}. "
        "client.sync() brings them in"
    )


def unsure(stored: Sequence[Stored]) -> Iterator[str]:
    """What to say, if anything, of stored invoices whose lines may not be all, or not the last."""
    names = [one.key.invoice_id for one in stored if not is_whole(one)]
    if names:
        yield (
            "some lines were not to be had, or may have changed since, of "
            f"{first_few(names, MOST_NAMED)}; client.sync() asks for them again"
        )


def unknown(stored: Sequence[Stored]) -> Iterator[str]:
    """What to say, if anything, of stored lines that have no roles in charges."""
    names = [one.key.invoice_id for one in stored if one.files.keys() - BY_OBJECT_TYPE.keys()]
    if names:
        types = sorted({name for one in stored for name in one.files} - BY_OBJECT_TYPE.keys())
        yield (
            f"lines of {', '.join(types)} are not among these charges, for invoicekit does not "
            f"know what they are: incomplete is {first_few(names, MOST_NAMED)}. client.scan(…) has "
            "the lines"
        )


def _dated(
    store: Store,
    stored: Sequence[Stored],
    dated: dict[str, tuple[dt.date | None, str | None]],
) -> pl.LazyFrame:
    kinds = [
        name
        for name in BY_OBJECT_TYPE
        if not BY_OBJECT_TYPE[name].usage and any(name in one.files for one in stored)
    ]
    together = charges({name: store.scan(name, stored) for name in kinds})
    lines = together.lazy()
    added = {
        name: pl.col("invoice_id").replace_strict(
            list(dated), [values[at] for values in dated.values()], return_dtype=COLUMNS[name]
        )
        for at, name in enumerate(("invoice_date", "month"))
    }
    return lines.with_columns(**added)

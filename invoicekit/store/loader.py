"""Loads the line items of one invoice, collection by collection, with what came of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import polars as pl

from invoicekit.errors import PageError, warn
from invoicekit.fetch.collection import Collection, LeftOut
from invoicekit.fetch.progress import Progress
from invoicekit.fetch.pull import pull
from invoicekit.fetch.session import Session
from invoicekit.frames.collection_result import READ, SHARED, CollectionResult
from invoicekit.frames.decode import collect, decode_batches
from invoicekit.pages import Page
from invoicekit.sources.choose import SOURCES

Batches = Iterator[tuple[str, pl.DataFrame]]
ANSWERS_AT_ONCE = "v1"
WHOSE = "invoice_number"  # the unique identifier of the invoice, says the page on its file's fields


class Consumed(NamedTuple):
    """What became of a collection's batches: lines of each objectType, and frames if kept."""

    lines: Mapping[str, int]
    frames: Mapping[str, pl.DataFrame]


def in_memory(batches: Batches) -> Consumed:
    """The batches of each objectType as one frame."""
    frames = collect(batches)
    return Consumed({name: frame.height for name, frame in frames.items()}, frames)


def load(
    session: Session,
    collection: Collection,
    progress: Progress,
    consume: Callable[[Batches], Consumed] = in_memory,
    *,
    refresh: bool = False,
    stored: bool = False,
) -> CollectionResult:
    """What came of a collection, its typed batches given to `consume`, page after page.

    That may be called again from the first page, as `pull` says, and is given no page that may not
    be kept where what it makes is `stored`. What the service does not give from its first answer on
    has a state that says so, and the error; anything else that goes wrong is raised.
    """
    result = CollectionResult(*collection.pair, source=collection.source)
    if collection.held_by:
        return replace(result, state=SHARED)

    def build(pages: Iterator[Page]) -> Consumed:
        batches = decode_batches(
            progress.over(pages),
            invoice_id=collection.invoice_id,
            provider=collection.provider,
            line_item_type=collection.line_item_type,
            source=collection.source,
        )
        return consume(_of_this_invoice(collection, batches))

    pages = SOURCES[collection.source].pages
    try:
        made, readings = pull(session, collection, pages, build, refresh=refresh, stored=stored)
    except LeftOut as left:
        return replace(result, state=left.state, error=left.error)
    return replace(result, state=READ, lines=made.lines, frames=made.frames, readings=readings)


def _of_this_invoice(collection: Collection, batches: Batches) -> Batches:
    """The batches; refused are those of an export whose lines all say another invoice.

    v1 is asked by the invoice's id, and answers at once. From that id to the lines of an export it
    is a long way, over addresses that name no invoice. Where some lines name it and some another,
    Microsoft may have its reasons, and the proof tells whether they add up: that is a warning.
    """
    mine = collection.invoice_id.strip().lower()
    ours = others = 0
    for name, frame in batches:
        if collection.source != ANSWERS_AT_ONCE and WHOSE in frame.columns:
            whose = frame[WHOSE].str.strip_chars().str.to_lowercase()
            named = int((whose != "").sum())
            ours += (same := int((whose == mine).sum()))
            others += named - same
        yield name, frame
    if not mine or not others:
        return
    if not ours:
        raise PageError(
            f"{collection.name} came with lines that are all of another invoice, as they say, so "
            "it is not what was asked for. Ask again later, with refresh=True"
        )
    warn(
        f"{collection.name}: {others:,} of its lines name another invoice. They are kept and "
        "counted as they came; reconcile() says whether they belong to it"
    )


def warn_of(result: CollectionResult, invoice_id: str) -> None:
    """Warn that a collection is left out, if it is."""
    if result.error is not None:
        warn(
            f"{'/'.join(result.pair)} of {invoice_id} is left out, {result.state}: {result.error}",
            each_time=True,
        )

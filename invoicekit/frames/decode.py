"""Pages to typed frames, one per objectType: no line dropped, merged or coerced."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec
import polars as pl

from invoicekit.errors import FrameError, PageError, warn
from invoicekit.frames.batch import Batch, Place
from invoicekit.frames.charges import sources_of
from invoicekit.frames.duplicates import repeated
from invoicekit.frames.json_rows import Columns, NestedError, fields_of, items_of, layout_of
from invoicekit.frames.notices import fields_said_twice, numbers_that_did_not_fit, undocumented
from invoicekit.frames.numbers import AS_SENT
from invoicekit.frames.resources import ESTIMATE_LINK, INVOICE, SUMMARY
from invoicekit.frames.schema import (
    BY_OBJECT_TYPE,
    BY_PAIR,
    TYPES,
    Column,
    Kind,
    snake,
)
from invoicekit.frames.wire_names import Source, column_named, columns_of
from invoicekit.pages import Page

OURS = {
    "invoice_id": pl.String(),
    "object_type": pl.String(),
    "asked_provider": pl.String(),
    "asked_line_item_type": pl.String(),
    "page": pl.Int32(),
}
ENOUGH = 10_000  # rows typed at once
UNREADABLE = re.compile(r'["\\\x00-\x1f]')  # in a field's name: msgspec cannot look for it
PATTERN = re.compile(r"|\*|\^.*\$")  # as a column's name, polars would take it for many columns
UNNAMED = "UnknownLineItem"  # a row that names no objectType, of a pair that we do not know


def decode(
    pages: Iterable[Page],
    *,
    invoice_id: str,
    provider: str,
    line_item_type: str,
    source: Source = "v1",
) -> dict[str, pl.DataFrame]:
    """A typed frame of line items per objectType, rows in the service's order.

    Columns: `invoice_id, object_type, asked_provider, asked_line_item_type, page`, then every
    documented field (`schema.py`), then what the pages had beyond that, as text. `source` says in
    whose words and scale the pages are. Decimals are the very characters that the service sent;
    what does not fit is rounded or null, and its text stands in `<name>_as_sent` (a billed amount:
    `FrameError`). A warning says so, and another names what Microsoft does not document.

    Raises:
        FrameError: rows that cannot be typed as their objectType; names page, row and column.
    """
    batches = decode_batches(
        pages,
        invoice_id=invoice_id,
        provider=provider,
        line_item_type=line_item_type,
        source=source,
    )
    return collect(batches)


def collect(batches: Iterable[tuple[str, pl.DataFrame]]) -> dict[str, pl.DataFrame]:
    """The batches of each objectType as one frame."""
    parts: dict[str, list[pl.DataFrame]] = {}
    for name, frame in batches:
        parts.setdefault(name, []).append(frame)
    return {name: pl.concat(frames, how="diagonal") for name, frames in parts.items()}


def decode_batches(
    pages: Iterable[Page],
    *,
    invoice_id: str,
    provider: str,
    line_item_type: str,
    source: Source = "v1",
) -> Iterator[tuple[str, pl.DataFrame]]:
    """The same frames in parts of some thousand rows, each with its objectType, as pages come.

    Parts of one objectType have the same columns, but for those that the documentation has not and
    those that end in `_as_sent`.
    """
    asked = BY_PAIR.get((provider, line_item_type)) or Kind(UNNAMED, ())
    decoder = _Decoder(asked, invoice_id, provider, line_item_type, source=source)
    for page in pages:
        decoder.add(page)
        yield from decoder.take()
    yield from decoder.take(rest=True)
    decoder.report()


def decode_invoices(pages: Iterable[Page]) -> pl.DataFrame:
    """The rows of the list of invoices (or of one), typed: columns as in `resources.INVOICE`.

    Raises:
        FrameError: a row cannot be typed.
    """
    return _resources(INVOICE, pages)


def decode_summaries(pages: Iterable[Page]) -> pl.DataFrame:
    """The account's balances, a row per currency, typed: columns as in `resources.SUMMARY`.

    Raises:
        FrameError: a row cannot be typed.
        PageError: a currency has two balances.
    """
    found = _resources(SUMMARY, pages)
    if found["currency"].is_duplicated().any():
        raise PageError("the balances name a currency twice. Ask again later; nothing was kept")
    return found.sort("currency", nulls_last=True)


def decode_estimate_links(pages: Iterable[Page]) -> pl.DataFrame:
    """The estimates that a partner has: columns `period, type, title, description, uri`.

    Raises:
        FrameError: a row cannot be typed.
    """
    found = _resources(ESTIMATE_LINK, pages)
    uri = pl.col("link").str.json_path_match("$.uri").alias("uri")
    return found.select(pl.col("period").str.to_lowercase(), "type", "title", "description", uri)


def _resources(kind: Kind, pages: Iterable[Page]) -> pl.DataFrame:
    """Rows that are all of that kind, and no line items."""
    decoder = _Decoder(kind, alone=True)
    for page in pages:
        decoder.add(page)
    empty = pl.DataFrame(schema={column.name: column.type.dtype for column in kind.columns})
    return pl.concat([empty, *(frame for _, frame in decoder.take(rest=True))], how="diagonal")


class _Decoder:
    """Takes pages one by one; what it learned of a kind's fields on one serves for the next."""

    def __init__(self, asked: Kind, *ours: str, source: Source = "v1", alone: bool = False) -> None:
        self._asked = asked
        self._source = source
        self._alone = alone  # every row is of the kind asked, whatever it says of itself
        self._ours = ours or ("", "", "")
        self._guess = asked
        self._kinds = {asked.object_type: asked}
        self._columns: dict[str, tuple[Column, ...]] = {}
        self._batches: dict[str, Batch] = {}
        self._done: list[tuple[str, pl.DataFrame]] = []
        self._lines: dict[str, int] = {}
        self._named: dict[bytes, Kind] = {}
        self._as_sent: dict[str, dict[str, int]] = {}
        self._twice: dict[str, set[str]] = {}
        self._page, self._rows = 0, 0  # the last page's number, and how many rows it had

    def take(self, *, rest: bool = False) -> list[tuple[str, pl.DataFrame]]:
        """The frames that are done; with `rest`, of all that was added."""
        if rest:
            for name in self._batches:
                self._flush(name)
        done, self._done = self._done, []
        return done

    def report(self) -> None:
        """Warn of what Microsoft does not document, and of numbers that are not those sent."""
        for name, counts in self._as_sent.items():
            warn(numbers_that_did_not_fit(name, counts))
        for name, lines in self._lines.items():
            kind = self._kinds[name]
            documented = {column.name for column in kind.columns}
            former = set(map(snake, kind.former.split()))
            extra = {column.name for column in self._columns[name]} - documented - former
            if notice := undocumented(kind, lines, sorted(extra)):
                warn(notice)
        for name, twice in self._twice.items():
            warn(fields_said_twice(name, sorted(twice)))

    def add(self, page: Page) -> None:
        """Take the rows of `page`."""
        first = self._rows if page.number == self._page else 0  # a part of the answer before it
        self._page = page.number
        try:
            for piece, rows in page.pieces() if page.cuts else [(b"[]", 0)]:
                place = Place(page.collection, page.number, range(first, first + rows))
                if not self._taken_at_once(piece, place):
                    self._take_by_kind(piece, place)
                first += rows
            self._rows = first
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
            raise FrameError(
                f"page {page.number} of {page.collection} holds a text that is no valid Unicode, a "
                "number of too many digits, or lists nested too deeply"
            ) from cause

    def _taken_at_once(self, piece: bytes, place: Place) -> bool:
        """The common case: all rows are of one kind, with no field that is new."""
        kind = self._guess
        layout = layout_of(self._columns_of(kind))
        try:
            columns = layout.columns_in(piece)
        except msgspec.ValidationError:
            return False
        if not self._alone:
            said = layout.attributes_in(columns)
            if said is None or any(self._kind_in(attributes) != kind for attributes in said):
                return False
        self._keep(kind, columns, piece, place)
        return True

    def _take_by_kind(self, piece: bytes, place: Place) -> None:
        """Rows of several kinds, or with fields that are new: sorted out one by one."""
        sorted_out: dict[str, tuple[list[int], list[msgspec.Raw], dict[str, None]]] = {}
        for index, item in enumerate(items_of.decode(piece)):
            try:
                fields = fields_of.decode(item)
            except msgspec.ValidationError as cause:
                raise FrameError(f"{place.of(index)}: not an object, so no line item") from cause
            kind = self._kind_of(fields)
            numbers, mine, wires = sorted_out.setdefault(kind.object_type, ([], [], {}))
            numbers.append(place.numbers[index])
            mine.append(item)
            wires.update(dict.fromkeys(fields))
        for name, (numbers, mine, wires) in sorted_out.items():
            kind = self._guess = self._kinds[name]
            layout = layout_of(self._columns_of(kind, wires))
            part = b"[%b]" % b",".join(mine)
            here = Place(place.collection, place.page, numbers)
            self._keep(kind, layout.columns_in(part), part, here)

    def _keep(self, kind: Kind, values: Columns, piece: bytes, place: Place) -> None:
        """Put rows by, to be typed with those of other pages: it is cheaper by the thousand."""
        name, columns = kind.object_type, self._columns_of(kind)
        if name in self._batches and self._batches[name].columns != columns:
            self._flush(name)
        batch = self._batches.setdefault(name, Batch(columns))
        try:
            batch.add(values, piece, place)
        except NestedError as nested:  # from here on that column is read as it stands
            self._columns[name] = tuple(
                replace(column, raw=True) if column == nested.column else column
                for column in columns
            )
            values = layout_of(self._columns[name]).columns_in(piece)
            self._keep(kind, values, piece, place)
        if batch.height >= ENOUGH:
            self._flush(name)

    def _flush(self, name: str) -> None:
        batch = self._batches[name]
        self._batches[name] = Batch(self._columns[name])
        if not batch.places:
            return
        self._look_for_repeated(self._kinds[name], batch)
        typed = batch.typed()
        invoice_id, provider, line_item_type = self._ours
        values = (invoice_id, name, provider, line_item_type)
        ours: list[Any] = [
            *(pl.lit(value, pl.String).alias(o) for o, value in zip(OURS, values, strict=False)),
            batch.page_numbers.alias("page"),
        ]
        self._done.append((name, typed if self._alone else typed.select(*ours, *typed.columns)))
        self._lines[name] = self._lines.get(name, 0) + typed.height
        for column in typed.columns[len({column.name for column in batch.columns}) :]:
            counts = self._as_sent.setdefault(name, {})
            counts[column] = counts.get(column, 0) + typed.height - typed[column].null_count()

    def _look_for_repeated(self, kind: Kind, batch: Batch) -> None:
        """Refuse rows that say twice what is billed, or to whom; what else is twice is told."""
        names = {column.wire: column.name for column in batch.columns}
        decisive = {*sources_of(kind), "attributes"}
        for where, wire in batch.repeated():
            if self._alone or names[wire] in decisive:
                raise FrameError(f"{where}: the row has the field {wire} twice")
            self._twice.setdefault(kind.object_type, set()).add(names[wire])

    def _columns_of(self, kind: Kind, wires: Iterable[str] = ()) -> tuple[Column, ...]:
        """The columns known of `kind` so far, and those of `wires` that are new."""
        columns = self._columns.get(kind.object_type) or columns_of(kind, self._source)
        known = {column.wire for column in columns}
        new = [column_for(kind, wire) for wire in wires if wire not in known]
        self._columns[kind.object_type] = (*columns, *new) if new else columns
        return self._columns[kind.object_type]

    def _kind_of(self, fields: Mapping[str, msgspec.Raw]) -> Kind:
        return self._asked if self._alone else self._kind_in(bytes(fields.get("attributes", b"")))

    def _kind_in(self, attributes: bytes) -> Kind:
        """The kind that a row's `attributes` name; where they name none, the kind asked."""
        if attributes not in self._named:
            found: Any = msgspec.json.decode(attributes) if attributes else None
            name = found.get("objectType") if isinstance(found, dict) else None
            if isinstance(found, dict) and any(repeated(b"[%b]" % attributes)):
                raise FrameError("the attributes of a row have a field twice")
            kind = self._asked
            if isinstance(name, str) and name:
                kind = BY_OBJECT_TYPE.get(name) or Kind(name, ())
            self._named[attributes] = self._kinds.setdefault(kind.object_type, kind)
        return self._named[attributes]


def column_for(kind: Kind, wire: str) -> Column:
    """The column for a field that the pages have and the table has not, or has under another name.

    A field of theirs that has the name of one of ours keeps the value, not the name.
    """
    if UNREADABLE.search(wire):
        raise FrameError(
            f"{kind.object_type} came with a field named {wire!r}: quotes, backslashes and control "
            "characters in a name cannot be read. Please report it as a limit of invoicekit"
        )
    if found := column_named(kind, wire):
        return found
    name = snake(wire)
    taken = name in OURS or name.removesuffix(AS_SENT) in {column.name for column in kind.columns}
    free = f"wire_{name}" if taken or PATTERN.fullmatch(name) else name
    return Column(free, wire, TYPES["text"], raw=wire == "attributes")

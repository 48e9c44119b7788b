"""Blobs of Graph's exports, packed or not: an object a line, typed as if they came from there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import msgspec
import polars as pl

from invoicekit.errors import PageError
from invoicekit.frames.decode import decode_batches
from invoicekit.frames.schema import BY_OBJECT_TYPE, Kind
from invoicekit.frames.wire_names import Source
from invoicekit.pages import BOM, Page
from invoicekit.sources.files.finding import AGAIN, FoundFile
from invoicekit.sources.files.recognition import CHUNK, EXPECTED, Look, kind_of
from invoicekit.sources.json_lines import pages_of_lines

NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
FIRST = 100  # rows that show which fields there are
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def kind_of_lines(file: FoundFile, look: Look) -> Kind:
    """The kind of the rows, by the names that the first ones have: what is null may not be there.

    Raises:
        PageError: they are no objects of a billing file.
    """
    if look.encoding not in {"utf-8", "utf-8-sig"}:
        raise PageError(f"{file.name} is JSON, but not in UTF-8: {AGAIN}")
    first, *others = _first_lines(file)
    try:
        row = _object.decode(first)
    except NO_JSON as cause:
        raise PageError(f"{file.name}: its first line is no JSON object; {EXPECTED}") from cause
    names = set(row)
    for line in others:
        with suppress(*NO_JSON):  # it is refused with its place, later
            names.update(_object.decode(line))
    if {"items", "totalCount"} & row.keys():
        raise PageError(
            f"{file.name} is a page of Partner Center's API, which may be one of many: only "
            f"the client can tell that none is missing (ik.connect()); {EXPECTED}"
        )
    return _kind_said(row.get("attributes")) or kind_of(names, file.name, complete=False)


def frames(
    file: FoundFile, look: Look, pair: tuple[str, str], number: int
) -> Iterator[tuple[str, pl.DataFrame]]:
    """The rows as frames, each with its objectType; `number` is the page's.

    Raises:
        FrameError: a value is not of its column's type; row and column are named.
        PageError: a line is no JSON object, or the file is damaged.
    """
    source: Source = "graph"
    batches = decode_batches(
        _pages(file, look, number),
        invoice_id="",
        provider=pair[0],
        line_item_type=pair[1],
        source=source,
    )
    for name, frame in batches:
        has_invoice = "invoice_number" in frame.columns
        invoice_id = pl.col("invoice_number") if has_invoice else pl.lit(None, pl.String)
        yield name, frame.with_columns(invoice_id.alias("invoice_id"))


def _kind_said(attributes: msgspec.Raw | None) -> Kind | None:
    found = msgspec.json.decode(attributes) if attributes else None
    name = found.get("objectType") if isinstance(found, dict) else None
    return BY_OBJECT_TYPE.get(name) if isinstance(name, str) else None


def _pages(file: FoundFile, look: Look, number: int) -> Iterator[Page]:
    with file.open() as contents:
        pieces = iter(lambda: contents.read(CHUNK) or b"", b"")
        yield from pages_of_lines(
            pieces, file.name, AGAIN.capitalize(), collection=file.name, number=number
        )
        if contents.digest != look.digest:
            raise PageError(f"{file.name} changed while it was read: read it again")


def _first_lines(file: FoundFile) -> list[bytes]:
    with file.open() as contents:
        lines = (contents.read(CHUNK) or b"").removeprefix(BOM).splitlines()
    return [line for line in lines if line.strip()][:FIRST]

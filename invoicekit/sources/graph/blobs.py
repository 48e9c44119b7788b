"""Blobs of packed JSON lines to pages of rows, a megabyte or so at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from requests.exceptions import ChunkedEncodingError, ContentDecodingError

from invoicekit.errors import PageError
from invoicekit.fetch.bodies import unpacked
from invoicekit.pages import Answer, Page
from invoicekit.sources.json_lines import pages_of_lines

PACKED = 1 << 16  # bytes read at once, which become some tenfold: a page
REMEDY = "Ask again later; nothing was kept"


def pages_of(
    file: BinaryIO, blob: str, *, collection: str, number: int, answer: Answer | None = None
) -> Iterator[Page]:
    """The rows of a blob as pages of one number; one page without rows where it has none.

    Raises:
        PageError: it is cut, damaged, or has a line that is no JSON object.
    """
    where = f"blob {blob} of {collection}"
    yield from pages_of_lines(
        _unpacked(file, where), where, REMEDY, collection=collection, number=number, answer=answer
    )


def _unpacked(file: BinaryIO, where: str) -> Iterator[bytes]:
    try:
        yield from unpacked(iter(lambda: file.read(PACKED), b""), "gzip")
    except ChunkedEncodingError:
        why = "stops before its end"
    except ContentDecodingError:
        why = "is damaged: it does not unpack, or not to what its own checksum says"
    else:
        return
    raise PageError(f"{where} {why}. {REMEDY}")

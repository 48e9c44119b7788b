"""JSON lines to pages of rows, a megabyte or so at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate

import msgspec

from invoicekit.errors import PageError
from invoicekit.pages import BOM, Answer, Page, page_of, tight_cuts

LONGEST = 16_000_000  # bytes of a row, or without one: what is longer would fill memory or time
NEWLINE, OBJECT = b"\n"[0], b"{"[0]
COMMAS = bytes.maketrans(b"\n", b",")  # between rows: within one, a newline is written as \n
_rows = msgspec.json.Decoder(list[msgspec.Raw])


def pages_of_lines(
    pieces: Iterable[bytes],
    where: str,
    remedy: str,
    *,
    collection: str,
    number: int,
    answer: Answer | None = None,
) -> Iterator[Page]:
    """The rows as pages of one number; one page without rows where there are none.

    Args:
        pieces: the bytes, cut anywhere.
        where: what they are, for the message of an error.
        remedy: what to do then, a sentence.
        collection: of the pages.
        number: of the pages.
        answer: of the pages.

    Raises:
        PageError: a line is no JSON object, is too long for a row, or too many are blank.
    """
    line, pages, blank = 1, 0, 0
    for text in _texts(pieces, where, remedy):
        page = _tight_page(text, collection, number, answer)
        if page is None:
            page = page_of(_rows_in(text, where, remedy, line), collection, number, answer)
        line += text.count(b"\n")
        if page.rows:
            pages, blank = pages + 1, 0
            yield page
            continue
        blank += len(text)
        if blank > LONGEST:
            most = LONGEST // 1_000_000
            raise PageError(f"{where} has more than {most} MB without a row. {remedy}")
    if not pages:
        yield page_of([], collection, number, answer)


def _texts(pieces: Iterable[bytes], where: str, remedy: str) -> Iterator[bytes]:
    """The text in parts of whole lines; the last may end without the end of its line."""
    rest = b""
    for piece in pieces:
        end = piece.rfind(b"\n") + 1
        if end:
            yield rest + piece[:end]
            rest = piece[end:]
        else:
            rest += piece
            if len(rest) > LONGEST:
                most = LONGEST // 1_000_000
                raise PageError(f"{where} has a line of more than {most} MB, so no row. {remedy}")
    if rest:
        yield rest


def _tight_page(text: bytes, collection: str, number: int, answer: Answer | None) -> Page | None:
    """A page of lines that are a JSON object each and nothing more; `None` where one is not.

    So they are as good as always, and are not copied one by one.
    """
    text = text if text.endswith(b"\n") else text + b"\n"
    body = b"[%b]" % text[:-1].translate(COMMAS)
    try:
        sizes = list(map(len, _rows.decode(body)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    ends = [end + at for at, end in enumerate(accumulate(sizes))]
    starts = [0, *(end + 1 for end in ends[:-1])]
    whole = ends[-1:] == [len(text) - 1] and len(sizes) == text.count(b"\n")
    if not whole or any(text[end] != NEWLINE for end in ends):
        return None
    if any(text[at] != OBJECT for at in starts):
        return None
    return Page(body, len(sizes), collection, number, cuts=tight_cuts(sizes, 1), answer=answer)


def _rows_in(text: bytes, where: str, remedy: str, first: int) -> list[bytes]:
    """The rows of some lines, each checked to be one JSON object."""
    if first == 1:
        text = text.removeprefix(BOM)
    lines = text.split(b"\n")
    if b"\r" in text or b"\n\n" in text or text[:1].isspace():
        lines = [line.strip(b" \t\r") for line in lines]
    rows = [line for line in lines if line]
    try:
        found = _rows.decode(b"[%b]" % b",".join(rows))
        good = len(found) == len(rows) and all(
            row.startswith(b"{") and bytes(raw) == row for raw, row in zip(found, rows, strict=True)
        )
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        good = False
    if not good:
        bad = _first_bad(text.split(b"\n"), where, first)
        raise PageError(f"{bad} is no JSON object. {remedy}")
    return rows


def _first_bad(lines: list[bytes], where: str, first: int) -> str:
    """Which line is the first that is no JSON object."""
    for number, line in enumerate(lines, first):
        try:
            msgspec.json.decode(line.strip(b" \t\r") or b"{}", type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            where = f"line {number:,} of {where}"
            break
    return where

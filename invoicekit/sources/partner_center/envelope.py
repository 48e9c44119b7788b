"""Partner Center's envelope: from an answer's bytes to its rows, and to the request of the next.

Of the rows nothing is read: they stay bytes until `frames.decode` types them. Rules: Partner
Center's "Get invoice line items" page, and the traps listed under its paging.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec

from invoicekit.errors import PageError
from invoicekit.pages import BOM, PIECE, Answer, Cut, Page, Request, page_of, tight_cuts
from invoicekit.sources.partner_center.requests import rooted

# What a link may ask to be sent along: the service's own headers (the seek token is one), and the
# form of the answer. Never who we are, where it goes, or how a message is cut.
LINK_HEADER = re.compile(r"MS-[A-Za-z0-9-]+|Accept", re.IGNORECASE)
HEADER_VALUE = re.compile(r"[\x20-\x7e\x80-\xff\t]*")
MOST_PAGES = 100_000
MOST_ENCODED = 4  # times that a link is encoded
MOST_EMPTY = 50  # one after the other: samples show one or two


class Envelope(NamedTuple):
    """A page, and what to ask for the next one, if there is one."""

    page: Page
    next: Request | None


class _Header(msgspec.Struct):
    key: str
    value: str


class _Link(msgspec.Struct):
    uri: str
    method: str = "GET"
    headers: list[_Header] | None = None


class _Links(msgspec.Struct):
    next: _Link | None = None


class _Envelope(msgspec.Struct):
    items: list[msgspec.Raw]
    links: _Links | None = None
    totalCount: Any = None  # noqa: N815 (the wire's name)


class _Rows(msgspec.Struct):
    items: msgspec.Raw


_envelope = msgspec.json.Decoder(_Envelope)
_rows = msgspec.json.Decoder(_Rows)


def parse_page(answer: Answer | bytes, *, collection: str = "", number: int = 1) -> Envelope:
    """The page in an answer: its envelope checked, its rows counted and left as bytes.

    Raises:
        PageError: it is no JSON, is cut short, has no `items`, or its next link makes no sense.
    """
    answer = Answer(answer) if isinstance(answer, bytes) else answer
    body = answer.body.removeprefix(BOM)
    try:
        envelope = _envelope.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise PageError(f"{_named(collection, number)} is {_complaint(body, cause)}") from cause
    cuts = _cuts(body, envelope.items)
    around = body[: cuts[0].start] + body[cuts[-1].end :] if cuts else body
    _raise_if_said_twice(around, body, _named(collection, number))
    link = envelope.links.next if envelope.links else None
    page = Page(
        body=body,
        rows=len(envelope.items),
        collection=collection,
        number=number,
        total=_count(envelope.totalCount),
        cuts=cuts,
        answer=answer,
    )
    return Envelope(page, None if link is None else _checked(link, _named(collection, number)))


def _count(said: object) -> int | None:
    """A number that a page says of itself, if it is one; what 64 bits do not hold is none."""
    return said if type(said) is int and -(2**63) <= said < 2**63 else None


def parse_resource(answer: Answer | bytes, *, collection: str = "") -> Page:
    """A single resource (an invoice by its id) as the one row of a page without a next.

    Raises:
        PageError: it is no JSON object.
    """
    answer = Answer(answer) if isinstance(answer, bytes) else answer
    body = answer.body.removeprefix(BOM)
    try:
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise PageError(f"{collection} is {_complaint(body, cause)}") from cause
    return page_of([body], collection, answer=answer)


def follow(
    ask: Callable[[Request], Answer],
    first: Request,
    *,
    collection: str = "",
    most: int = MOST_PAGES,
) -> Iterator[Page]:
    """Yield the page at `first` and all that follow it, until one names no next.

    `totalCount`, a short page and an empty page say nothing about the end: Microsoft's own samples
    show each of them lying.

    Raises:
        PageError: the service sends us where we have been, beyond `most` pages, or on and on
            through pages without a row.
    """
    seen: set[Request] = set()
    last = b""
    empty = 0
    link: Request | None = first
    while link is not None:
        if link in seen:
            raise PageError(
                f"{_named(collection, len(seen) + 1)} is one that was read already: the service "
                f"sends us in a circle at {link.url}. Ask again later; nothing was kept"
            )
        if len(seen) == most:
            raise PageError(
                f"{collection} has no end: {most:,} pages were read, and there is a next. Ask "
                "again later; nothing was kept"
            )
        seen.add(link)
        page, following = parse_page(ask(link), collection=collection, number=len(seen))
        if page.rows and page.body == last:
            raise PageError(
                f"{_named(collection, len(seen))} is the page before it, byte for byte: one of the "
                "two is missing. Ask again later; nothing was kept"
            )
        empty = 0 if page.rows else empty + 1
        if empty > MOST_EMPTY:
            raise PageError(
                f"{collection or 'the collection'} leads nowhere: {empty} pages without a row, one "
                "after the other, and there is a next. Ask again later; nothing was kept"
            )
        yield page
        link, last = following, page.body


def _cuts(body: bytes, items: Sequence[msgspec.Raw]) -> tuple[Cut, ...]:
    """Where the rows stand in the body, so many together that it makes about a `PIECE`."""
    start = body.find(b"[", body.find(b'"items"')) + 1
    if body.startswith(b",".join(items), start):
        return tight_cuts([*map(len, items)], start)
    # What stands between two rows is a comma and space, so each is the next there is.
    end = body.find(bytes(_rows.decode(body).items))
    step = max(1, PIECE * len(items) // len(body))
    cuts = []
    for at in range(0, len(items), step):
        part = items[at : at + step]
        start = end = body.find(bytes(part[0]), end)
        for item in part:
            end = body.find(bytes(item), end) + len(item)
        cuts.append(Cut(start, end, len(part)))
    return tuple(cuts)


def _raise_if_said_twice(envelope: bytes, body: bytes, where: str) -> None:
    """Of a field that is there twice, however spelt, a reader of JSON drops one silently."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise PageError(f"{where} says a field of the page twice; nothing of it is believed")
        return found

    def read(text: bytes) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            text.decode(), object_pairs_hook=once, parse_int=str, parse_float=str
        )
        return found

    try:
        try:
            cut_well = read(envelope)["items"] == []
        except (ValueError, TypeError, KeyError):
            cut_well = False
        if not cut_well:  # the rows' text is there a second time: look at all that there is
            read(body)
    except (ValueError, RecursionError) as cause:  # not as a cause: json hangs the text on it
        raise PageError(f"{where} is {_complaint(body, cause)}") from None


def _named(collection: str, number: int) -> str:
    return f"page {number} of {collection or 'the collection'}"


def _complaint(body: bytes, cause: Exception) -> str:
    if not body.strip():
        return "empty where a JSON page should be"
    if isinstance(cause, msgspec.ValidationError):
        # msgspec's own words name the field and the expected type, never a value.
        return f"not a page of items: {cause}"
    if isinstance(cause, RecursionError):
        return "nested too deeply to be read"
    return "not JSON, or cut short (it does not parse to its end)"


def _checked(wire: _Link, where: str) -> Request:
    """The link to follow, with the two repairs that Microsoft's own samples need.

    All of its headers go with it, or it is refused: without one it might ask for another page.
    """
    uri = wire.uri.replace("&amp;", "&")
    head, mark, tail = uri.partition("?")
    uri = head + mark + tail.replace("?", "&")
    try:
        url = rooted(uri)
    except ValueError:
        url = ""
    if not (uri and url) or re.search(r"[\x00-\x20\x7f\\]", uri) or _has_dots(head):
        raise PageError(f"{where} names a next link that is no address")
    if wire.method.upper() != "GET":
        raise PageError(f"{where} wants a {wire.method!r} request next; only GET is known")
    headers = tuple((header.key, header.value) for header in wire.headers or ())
    for name, value in headers:
        if not LINK_HEADER.fullmatch(name):
            raise PageError(
                f"{where} wants the header {name[:40]!r} with the next; only MS-* and Accept are "
                "sent for a link, the others are ours alone"
            )
        if not HEADER_VALUE.fullmatch(value):
            raise PageError(f"{where} names a header for the next that is not well formed")
    if len({name.lower() for name, _ in headers}) < len(headers):
        raise PageError(f"{where} names a header for the next twice; neither is believed")
    return Request(url, headers=headers)


def _has_dots(path: str) -> bool:
    """Whether a path has a segment `.` or `..`, or is encoded so often that nobody can say.

    >>> _has_dots("/v1/../x"), _has_dots("/v1/%252e%2E/x"), _has_dots("/v1/..%2fx")
    (True, True, True)
    >>> _has_dots("/v1/a..b/x.y%20z")
    False
    """
    for _ in range(MOST_ENCODED):
        path, before = unquote(path), path
        if path == before:
            return not {".", ".."}.isdisjoint(re.split(r"[/\\]", path))
    return True

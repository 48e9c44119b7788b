"""What a source asks, what comes back, and the pages of rows that frames are made of.

Rows stay bytes of JSON until `frames.decode` types them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

BOM = b"\xef\xbb\xbf"
# Bytes of rows that are decoded at once: the processor's cache holds what they become.
PIECE = 400_000


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask for, and whose token signs it.

    `url` is absolute, or (of Partner Center alone) without its host. A request
    without an `audience` is sent unsigned. Its answer is kept, where `keep` says so, under `key`,
    or else under method, URL and headers.
    """

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)
    audience: str | None = "partner_center"
    key: str = ""
    keep: bool = True

    def __repr__(self) -> str:
        """In words, without what may be secret: header values, and the query of what is unsigned.

        >>> Request("/invoices?size=2", headers=(("Accept", "application/pdf"),))
        Request(GET /invoices?size=2, with Accept)
        >>> Request("https://blob.example/part-1?sig=abc", audience=None)
        Request(GET https://blob.example/part-1)
        """
        names = ", ".join(name for name, _ in self.headers)
        url = self.url if self.audience else urlsplit(self.url)._replace(query="").geturl()
        return f"Request({self.method} {url}{', with ' + names if names else ''})"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered request: the body, and what is worth telling support about it."""

    body: bytes = field(repr=False)
    status: int = 200
    seconds: float = 0.0
    from_cache: bool = False
    retries: int = 0
    request_id: str | None = None
    correlation_id: str | None = None
    shows_secret: bool = False  # such a body is kept nowhere
    size: int | None = None  # bytes, where the body is a file and not here
    location: str | None = field(default=None, repr=False)  # where it says that the rest is
    retry_after: str | None = None


class Cut(NamedTuple):
    """Some whole rows of a body, the commas between them included."""

    start: int
    end: int
    rows: int


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of a collection as they came: their JSON, how many they are, and the answer they are of.

    Pages of the same `number` are parts of one answer.
    """

    body: bytes = field(repr=False)  # without byte order mark
    rows: int
    collection: str = ""
    number: int = 1
    total: int | None = None  # what the answer says of itself (`totalCount`): shown, never believed
    cuts: tuple[Cut, ...] = field(default=(), repr=False)  # all rows, some hundred in each
    answer: Answer | None = field(default=None, repr=False)

    def pieces(self) -> Iterator[tuple[bytes, int]]:
        """Lists of rows, as JSON, and how many rows are in each; nothing where there are none."""
        for start, end, rows in self.cuts:
            yield b"".join((b"[", memoryview(self.body)[start:end], b"]")), rows


def page_of(
    rows: Sequence[bytes], collection: str = "", number: int = 1, answer: Answer | None = None
) -> Page:
    """A page of these rows, each the JSON of an object; nothing of them is checked here."""
    body = b"".join((b"[", b",".join(rows), b"]"))
    return Page(
        body, len(rows), collection, number, cuts=tight_cuts([*map(len, rows)], 1), answer=answer
    )


def tight_cuts(sizes: Sequence[int], start: int) -> tuple[Cut, ...]:
    """Cuts of about a `PIECE` each through rows that follow one another with commas alone."""
    step = max(1, PIECE * len(sizes) // max(1, sum(sizes)))
    cuts = []
    for at in range(0, len(sizes), step):
        part = sizes[at : at + step]
        end = start + sum(part) + len(part) - 1
        cuts.append(Cut(start, end, len(part)))
        start = end + 1
    return tuple(cuts)


@dataclass(frozen=True, slots=True)
class Reading:
    """How one answer of a collection was read: a row of the ledger. It never holds a token."""

    collection: str
    page: int
    rows: int
    total: int | None
    bytes: int
    seconds: float
    from_cache: bool
    status: int | None  # `None` of a file
    retries: int
    request_id: str | None
    correlation_id: str | None
    shows_secret: bool = False  # such a page is kept nowhere, nor is what is made of it


def reading_of(page: Page) -> Reading:
    """The ledger's row for a page."""
    answer = page.answer or Answer(page.body)
    return Reading(
        collection=page.collection,
        page=page.number,
        rows=page.rows,
        total=page.total,
        bytes=len(answer.body) if answer.size is None else answer.size,
        seconds=answer.seconds,
        from_cache=answer.from_cache,
        status=answer.status,
        retries=answer.retries,
        request_id=answer.request_id,
        correlation_id=answer.correlation_id,
        shows_secret=answer.shows_secret,
    )

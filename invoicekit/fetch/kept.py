"""The answers of a collection as they lie in the cache, in order; nothing is asked."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import BinaryIO

from invoicekit.errors import FetchError, PageError
from invoicekit.fetch.asking import Committed, MissError
from invoicekit.fetch.collection import Collection, LeftOut, Restart
from invoicekit.fetch.download import Address
from invoicekit.fetch.downloads import Download, Wanted
from invoicekit.fetch.pull import Pages, manifests_of
from invoicekit.fetch.session import Session
from invoicekit.pages import Answer, Reading, Request, reading_of


@dataclass(frozen=True, slots=True)
class Kept:
    """One answer: a page's body, or a file as it was downloaded."""

    body: bytes = field(repr=False)
    file: Callable[[], BinaryIO] | None = None

    @property
    def suffix(self) -> str:
        """What a file of it is named after."""
        return ".json.gz" if self.file else ".json"


@dataclass(frozen=True, slots=True)
class KeptPull:
    """When a pull was committed (UTC), and how its answers read."""

    at: datetime
    readings: list[Reading]


def read_back(
    session: Session, collection: Collection, pages: Pages, take: Callable[[Kept], None]
) -> KeptPull:
    """Give `take` each answer of the pull of `collection` that was committed last, in order.

    Raises:
        MissError: there is none, or it is not whole any more; `take` may have had some of it.
    """
    session.raise_if_closed()
    manifests = manifests_of(session, collection)
    note = manifests.committed()
    if note is None:
        raise MissError
    ask = _Telling(session, manifests.folder_of(note.pull), take)
    readings: list[Reading] = []
    try:
        for page in pages(collection, ask):
            reading = reading_of(page)
            if readings and readings[-1].page == reading.page:  # parts of one answer
                reading = replace(reading, rows=readings[-1].rows + reading.rows)
                readings.pop()
            readings.append(reading)
    except LeftOut:
        readings = []
    except (FetchError, PageError, Restart):
        raise MissError from None  # their frames have customers' data
    if len(readings) != note.pages:
        raise MissError
    return KeptPull(datetime.fromtimestamp(note.made, UTC), readings)


class _Telling(Committed):
    """Reads a committed pull back, and tells each answer."""

    def __init__(self, session: Session, folder: str, take: Callable[[Kept], None]) -> None:
        super().__init__(session, folder)
        self._take = take

    def __call__(self, request: Request) -> Answer:
        answer = super().__call__(request)
        self._take(Kept(answer.body))
        return answer

    def file(self, wanted: Wanted, address: Address) -> Future[Download]:
        found = super().file(wanted, address)
        self._take(Kept(b"", found.result().open))
        return found

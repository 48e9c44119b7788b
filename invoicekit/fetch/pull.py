"""A collection, whole or not at all: from the cache, resumed, or asked anew."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from invoicekit.errors import FetchError, FrameError, PageError
from invoicekit.fetch.ahead import OffsetPrefetch
from invoicekit.fetch.manifest import Manifest, Manifests
from invoicekit.fetch.page_cache import digest
from invoicekit.fetch.prefetch import prefetched
from invoicekit.fetch.session import Answer, Session, url_of
from invoicekit.pages import MOST_PAGES, Link, Page, follow, parse_resource
from invoicekit.secret import scrubbing

T = TypeVar("T")
# The service does not say how it refuses a seek token that has died; any of these may mean it.
DEAD_TOKEN = frozenset({400, 404, 409, 410, 412, 422})
# After these the pages read so far are of no use. After others (no answer, a web page of a proxy, a
# token that has run out, 5xx) they are still good: the next pull goes on from there.
WRONG = frozenset(range(400, 500)) - {401, 408, 429}
EMPTY_LIFETIME = 3600.0


@dataclass(frozen=True, slots=True)
class Collection:
    """What to pull: the first link, how long a committed answer holds, and whether it is paged."""

    name: str
    first: Link
    lifetime: float | None  # seconds; None is for ever
    paged: bool = True
    about: str = ""  # the id of the invoice that it belongs to
    most: int = MOST_PAGES
    version: str = ""  # of what it belongs to: pages of another one are asked again


@dataclass(frozen=True, slots=True)
class Reading:
    """One page as it was read: a row of the ledger. It never holds a token."""

    collection: str
    page: int
    rows: int
    total: int | None
    bytes: int
    seconds: float
    from_cache: bool
    status: int
    retries: int
    request_id: str | None
    correlation_id: str | None
    shows_secret: bool = False  # such a page is kept nowhere, nor is what is made of it


class _MissError(Exception):
    """A page of a committed pull is not there, or not readable."""


class _DeadTokenError(Exception):
    """The service no longer knows the seek token that it gave us."""

    def __init__(self, cause: FetchError) -> None:
        super().__init__()
        self.cause = cause


def pull(
    session: Session,
    collection: Collection,
    build: Callable[[Iterator[Page]], T],
    *,
    refresh: bool = False,
    stored: bool = False,
) -> tuple[T, list[Reading]]:
    """What `build` makes of all pages of `collection`, and how each was read.

    `build` may be called again from page one, where a page turns out damaged or a seek token dead;
    what it returned or raised before is dropped. It is given no page that shows a secret of the
    sign-in where what it makes of them is `stored`.

    Raises:
        FetchError: the service could not be asked, or (offline) the cache does not hold it all;
            the client is closed.
        PageError: the pages make no whole. Its frames, and those of an error of `build` of ours,
            are gone: they had the pages, which are customers' data.
    """
    session.raise_if_closed()
    name = digest(url_of(session.settings.base_url, collection.first.uri))
    manifests = Manifests(session.root, name, collection.about, collection.version)
    run = _Run(session, collection, build, manifests, stored)
    return scrubbing(partial(_pull, run, refresh), session.redact, (PageError, FrameError))


def _pull(run: _Run[T], refresh: bool) -> tuple[T, list[Reading]]:  # noqa: FBT001
    session, collection, manifests = run.session, run.collection, run.manifests
    for _ in range(2):  # twice: another process may have committed a newer pull meanwhile
        note = manifests.committed()
        holds = note is not None and (session.settings.offline or manifests.holds(note))
        if note is None or refresh or not holds:
            break
        try:
            return run.committed(note)
        except _MissError:
            continue
    if session.settings.offline:
        raise FetchError(
            f"{collection.name} is not in the cache, and offline=True never asks",
            url=url_of(session.settings.base_url, collection.first.uri),
            hint="open it once with offline=False",
        )
    pending = None if refresh else manifests.pending()
    return run.anew(pending)


@dataclass(slots=True)
class _Run(Generic[T]):
    session: Session
    collection: Collection
    build: Callable[[Iterator[Page]], T]
    manifests: Manifests
    stored: bool
    unfit: int = 0  # the number of a page that may not be stored

    def committed(self, note: Manifest) -> tuple[T, list[Reading]]:
        """Read a committed pull back; it is whole if its links lead from page to page to an end."""
        folder = self.manifests.folder_of(note.pull)

        def ask(link: Link) -> Answer:
            answer = self.session.cached(link, folder)
            if answer is None:
                raise _MissError
            return answer

        readings: list[Reading] = []
        result = self.build(self._pages(ask, readings))
        if len(readings) != note.pages:
            raise _MissError
        return result, readings

    def anew(self, pending: Manifest | None) -> tuple[T, list[Reading]]:
        """Pull it, from where an interrupted pull stopped; a dead seek token restarts it once."""
        name = pending.pull if pending else self.manifests.begin(self.collection.lifetime)
        try:
            return self._pulled(name)
        except _DeadTokenError:
            self.manifests.forget(name)
            name = self.manifests.begin(self.collection.lifetime)
        try:
            return self._pulled(name)
        except _DeadTokenError as dead:
            self.manifests.forget(name)
            raise PageError(
                f"{self.collection.name} cannot be read to its end: the service refused its own "
                f"continuation token, twice ({dead.cause}). Ask again later; nothing was kept"
            ) from dead.cause

    def _pulled(self, name: str) -> tuple[T, list[Reading]]:
        folder = self.manifests.folder_of(name)
        correlation_id = str(uuid.uuid4())  # one a pull, as Microsoft's own clients do

        def ask(link: Link, wanted: Callable[[], bool]) -> Answer:
            try:
                return self.session.ask(link, folder, correlation_id=correlation_id, wanted=wanted)
            except FetchError as error:
                if link.headers and error.status in DEAD_TOKEN:
                    raise _DeadTokenError(error) from error
                raise

        readings: list[Reading] = []
        unwritten = self.session.unwritten
        ahead = OffsetPrefetch(ask, self.session.pool)
        try:
            result = self._built(ahead, readings)
        except FetchError as error:
            if error.status in WRONG:
                self.manifests.forget(name)
            raise
        except (PageError, FrameError):
            self.manifests.forget(name)
            raise
        finally:
            ahead.close()
        if self.collection.lifetime == 0 or self.session.unwritten != unwritten:
            self.manifests.forget(name)
        else:
            self._commit(name, readings)
        return result, readings

    def _built(self, ask: Callable[[Link], Answer], readings: list[Reading]) -> T:
        result = self.build(prefetched(self._pages(ask, readings)))
        if self.unfit:
            raise PageError(
                f"page {self.unfit} of {self.collection.name} repeats a secret of the sign-in, so "
                "it is kept nowhere and cannot be stored; line_items() reads it into memory alone"
            )
        return result

    def _commit(self, name: str, readings: list[Reading]) -> None:
        lifetime = self.collection.lifetime
        if not any(reading.rows for reading in readings):
            lifetime = EMPTY_LIFETIME
        try:
            self.manifests.commit(name, pages=len(readings), lifetime=lifetime)
        except OSError:
            self.manifests.forget(name)  # a full disk costs the cache, not the result

    def _pages(
        self,
        ask: Callable[[Link], Answer],
        readings: list[Reading],
    ) -> Iterator[Page]:
        answers: list[Answer] = []

        def body_of(link: Link) -> bytes:
            answers[:] = [ask(link)]
            return answers[0].body

        name, first = self.collection.name, self.collection.first
        pages: Iterable[Page] = (
            follow(body_of, first, collection=name, most=self.collection.most)
            if self.collection.paged
            else iter([parse_resource(body_of(first), collection=name)])
        )
        for page in pages:
            answer = answers[0]
            if answer.shows_secret and self.stored:
                self.unfit = page.number
                return  # the error is made where no frame has the page
            readings.append(
                Reading(
                    collection=name,
                    page=page.number,
                    rows=page.rows,
                    total=page.total,
                    bytes=len(answer.body),
                    seconds=answer.seconds,
                    from_cache=answer.from_cache,
                    status=answer.status,
                    retries=answer.retries,
                    request_id=answer.request_id,
                    correlation_id=answer.correlation_id,
                    shows_secret=answer.shows_secret,
                )
            )
            yield page

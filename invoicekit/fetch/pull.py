"""A collection, whole or not at all: from the cache, resumed, or asked anew."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, TypeVar

from invoicekit.errors import FetchError, FrameError, PageError
from invoicekit.fetch import lifetimes
from invoicekit.fetch.asking import Asking, Committed, MissError
from invoicekit.fetch.collection import Ask, Collection, LeftOut, Restart
from invoicekit.fetch.manifest import Manifest, Manifests
from invoicekit.fetch.page_cache import digest
from invoicekit.fetch.prefetch import prefetched
from invoicekit.fetch.session import Session
from invoicekit.pages import Page, Reading, reading_of
from invoicekit.secret import scrubbing
from invoicekit.visible import visible

LOG = logging.getLogger(__name__)
T = TypeVar("T")
Pages = Callable[[Collection, Ask], Iterator[Page]]
# After these the pages read so far are of no use. After others (no answer, a web page of a proxy, a
# token that has run out, 5xx) they are still good: the next pull goes on from there.
WRONG = frozenset(range(400, 500)) - {401, 408, 429}
OURS = (FetchError, PageError, FrameError)


def pull(
    session: Session,
    collection: Collection,
    pages: Pages,
    build: Callable[[Iterator[Page]], T],
    *,
    refresh: bool = False,
    stored: bool = False,
) -> tuple[T, list[Reading]]:
    """What `build` makes of the pages of `collection`, and how each was read.

    `pages` are the source's. `build` may be called again from page one, where a page turns out
    damaged or the source restarts; what it returned or raised before is dropped. It is given no
    page that shows a secret of the sign-in where what it makes of them is `stored`.

    Raises:
        FetchError: the service could not be asked, or (offline) the cache does not hold it all;
            the client is closed.
        LeftOut: the service does not give this collection.
        PageError: the pages make no whole.

    The frames of these are gone, and of an error of `build` of ours: they had the pages, which are
    customers' data, and hid what is told behind the way through here.
    """
    session.raise_if_closed()
    run = _Run(session, collection, pages, build, manifests_of(session, collection), stored)
    return scrubbing(partial(_pull, run, refresh), session.redact, OURS)


def manifests_of(session: Session, collection: Collection) -> Manifests:
    """Where the pulls of a collection are kept."""
    first = collection.first
    name = digest(collection.source, first.key) if first.key else digest(session.address_of(first))
    return Manifests(session.root, name, collection.invoice_id, collection.version)


def _pull(run: _Run[T], refresh: bool) -> tuple[T, list[Reading]]:  # noqa: FBT001
    session, collection, manifests = run.session, run.collection, run.manifests
    for _ in range(2):  # twice: another process may have committed a newer pull meanwhile
        note = manifests.committed()
        holds = note is not None and (session.settings.offline or manifests.holds(note))
        if note is None or refresh or not holds:
            break
        try:
            return run.committed(note)
        except (MissError, Restart):
            continue
    if session.settings.offline:
        never = collection.lifetime == lifetimes.NOT_AT_ALL
        why = "is kept in no cache" if never else "is not in the cache"
        raise FetchError(
            f"{collection.name} {why}, and offline=True never asks",
            url=session.address_of(collection.first),
            hint="ask it with offline=False" if never else "open it once with offline=False",
        )
    pending = None if refresh else manifests.pending()
    return run.anew(pending)


@dataclass(slots=True)
class _Run(Generic[T]):
    session: Session
    collection: Collection
    pages: Pages
    build: Callable[[Iterator[Page]], T]
    manifests: Manifests
    stored: bool
    unfit: int = 0  # the number of a page that may not be stored

    @property
    def logged(self) -> str:
        """The collection's name for a log: the invoice's id in it is as the service has it."""
        return visible(self.collection.name)

    def committed(self, note: Manifest) -> tuple[T, list[Reading]]:
        """Read a committed pull back; it is whole if its links lead from page to page to an end."""
        ask = Committed(self.session, self.manifests.folder_of(note.pull))
        readings: list[Reading] = []
        result = self.build(self._noted(self.pages(self.collection, ask), readings))
        if len(readings) != note.pages:
            raise MissError
        return result, readings

    def anew(self, pending: Manifest | None) -> tuple[T, list[Reading]]:
        """Pull it, from where an interrupted pull stopped; a source may restart it once."""
        name = pending.pull if pending else self.manifests.begin(self.collection.lifetime)
        try:
            return self._pulled(name)
        except Restart:
            self.manifests.forget(name)
            name = self.manifests.begin(self.collection.lifetime)
        try:
            return self._pulled(name)
        except Restart as again:
            self.manifests.forget(name)
            raise PageError(
                f"{self.collection.name} cannot be read to its end: {again.why}, twice "
                f"({again.cause}). Ask again later; nothing was kept"
            ) from again.cause

    def _pulled(self, name: str) -> tuple[T, list[Reading]]:
        readings: list[Reading] = []
        unwritten = self.session.unwritten
        earlier = self.manifests.committed()
        ask = Asking(
            self.session,
            self.manifests.folder_of(name),
            self.manifests.folder_of(earlier.pull) if earlier else None,
        )
        try:
            try:
                result = self._built(ask, readings)
            finally:
                ask.close()  # nothing more comes into a folder that may be dropped
        except FetchError as error:
            if error.status in WRONG:
                self.manifests.forget(name)
            raise
        except LeftOut as left:
            if left.kept:
                self._commit(name, [])
            else:
                self.manifests.forget(name)
            raise
        except (PageError, FrameError):
            self.manifests.forget(name)
            raise
        if self.collection.lifetime == 0 or self.session.unwritten != unwritten:
            self.manifests.forget(name)
        else:
            self._commit(name, readings)
        return result, readings

    def _built(self, ask: Ask, readings: list[Reading]) -> T:
        pages = self._noted(self.pages(self.collection, ask), readings)
        result = self.build(prefetched(pages))
        if self.unfit:
            raise PageError(
                f"page {self.unfit} of {self.collection.name} repeats a secret of the sign-in, so "
                "it is kept nowhere and cannot be stored; line_items() reads it into memory alone"
            )
        return result

    def _commit(self, name: str, readings: list[Reading]) -> None:
        lifetime = self.collection.lifetime
        if not any(reading.rows for reading in readings):
            lifetime = lifetimes.EMPTY
        try:
            self.manifests.commit(name, pages=len(readings), lifetime=lifetime)
            LOG.info("commit of %s: %d pages", self.logged, len(readings))
        except OSError:
            LOG.warning("%s is read whole, and cannot be kept on disk", self.logged)
            self.manifests.forget(name)  # a full disk costs the cache, not the result

    def _noted(self, pages: Iterator[Page], readings: list[Reading]) -> Iterator[Page]:
        """The pages, each noted as it goes by; those of one number are parts of one answer."""
        for page in pages:
            reading = reading_of(page)
            LOG.debug(
                "page %d of %s: %d rows, %s",
                reading.page,
                self.logged,
                reading.rows,
                "from the cache" if reading.from_cache else f"{reading.retries} retries",
            )
            if reading.shows_secret and self.stored:
                self.unfit = page.number
                return  # the error is made where no frame has the page
            if readings and readings[-1].page == reading.page:
                readings[-1] = replace(readings[-1], rows=readings[-1].rows + reading.rows)
            else:
                readings.append(reading)
            yield page

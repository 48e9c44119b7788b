"""Asks for the next offset pages early; a guess counts only once a page names that very link."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import CancelledError, Future

from invoicekit.errors import FetchError
from invoicekit.fetch.retry import is_retryable
from invoicekit.fetch.session import Answer
from invoicekit.fetch.thread_pool import ThreadPool
from invoicekit.fetch.transport import closed
from invoicekit.pages import Link

OFFSET = re.compile(r"([?&]offset=)(\d{1,12})(?=&|$)", re.IGNORECASE)


class OffsetPrefetch:
    """Asks for the pages after the one wanted, as far as their links can be guessed.

    The step is that from one link to the next. Links with headers are seek links: they are never
    guessed. A guess that no page names is thrown away, whatever came of it, and a service that
    names other links than those guessed is asked ahead no more.
    """

    def __init__(self, ask: Callable[[Link, Callable[[], bool]], Answer], pool: ThreadPool) -> None:
        self._ask = ask
        self._pool = pool
        self._before: int | None = None
        self._step = 0
        self._guessed: dict[Link, Future[Answer]] = {}
        self._open = True

    def __call__(self, link: Link) -> Answer:
        """The answer to `link`, perhaps asked for already."""
        offset = _offset_in(link)
        if offset is not None and self._before is not None:
            self._step = offset - self._before
        self._before = offset
        waiting = self._guessed.pop(link, None)
        if self._guessed and not waiting:
            self.close()
        if self._open and offset is not None and self._step > 0:
            for number in range(1, self._pool.size):
                self._guess(_moved(link, offset + number * self._step))
        if waiting:
            try:
                return waiting.result()
            except CancelledError:  # it was closed meanwhile
                raise closed() from None
            except FetchError as error:
                if is_retryable(error.status):  # it has been asked as often as is proper
                    raise
        return self._ask(link, lambda: True)  # the service may not like to be asked ahead

    def close(self) -> None:
        """Drop the guesses that no page named, and guess no more."""
        self._open = False
        for future in self._guessed.values():
            future.cancel()
        self._guessed.clear()

    def _wanted(self) -> bool:
        return self._open

    def _guess(self, link: Link) -> None:
        if link not in self._guessed:
            self._guessed[link] = self._pool.submit(lambda: self._ask(link, self._wanted))


def _offset_in(link: Link) -> int | None:
    found = OFFSET.search(link.uri)
    return int(found[2]) if found and not link.headers else None


def _moved(link: Link, offset: int) -> Link:
    return Link(OFFSET.sub(rf"\g<1>{offset}", link.uri, count=1), link.method)

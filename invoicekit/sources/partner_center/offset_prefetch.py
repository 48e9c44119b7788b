"""Asks for the next offset pages early; a guess counts only once a page names that very link."""

from __future__ import annotations

import re
from concurrent.futures import CancelledError, Future
from dataclasses import replace

from invoicekit.errors import FetchError
from invoicekit.fetch.collection import Ask
from invoicekit.fetch.retry import is_retryable
from invoicekit.fetch.transport import closed
from invoicekit.pages import Answer, Request

OFFSET = re.compile(r"([?&]offset=)(\d{1,12})(?=&|$)", re.IGNORECASE)


class OffsetPrefetch:
    """Asks for the pages after the one wanted, as far as their links can be guessed.

    The step is that from one link to the next. Links with headers are seek links: they are never
    guessed. A guess that no page names is thrown away, whatever came of it, and a service that
    names other links than those guessed is asked ahead no more.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._before: int | None = None
        self._step = 0
        self._guessed: dict[Request, Future[Answer]] = {}
        self._open = True

    def __call__(self, request: Request) -> Answer:
        """The answer to `request`, perhaps asked for already."""
        offset = _offset_in(request)
        if offset is not None and self._before is not None:
            self._step = offset - self._before
        self._before = offset
        waiting = self._guessed.pop(request, None)
        if self._guessed and not waiting:
            self.close()
        if self._open and offset is not None and self._step > 0:
            for number in range(1, self._ask.connections):
                self._guess(_moved(request, offset + number * self._step))
        if waiting:
            try:
                return waiting.result()
            except CancelledError:  # it was closed meanwhile
                raise closed() from None
            except FetchError as error:
                if is_retryable(error.status):  # it has been asked as often as is proper
                    raise
        return self._ask(request)  # the service may not like to be asked ahead

    def close(self) -> None:
        """Drop the guesses that no page named, and guess no more."""
        self._open = False
        for future in self._guessed.values():
            future.cancel()
        self._guessed.clear()

    def _wanted(self) -> bool:
        return self._open

    def _guess(self, request: Request) -> None:
        if request not in self._guessed:
            self._guessed[request] = self._ask.ahead(request, self._wanted)


def _offset_in(request: Request) -> int | None:
    found = OFFSET.search(request.url)
    return int(found[2]) if found and not request.headers else None


def _moved(request: Request, offset: int) -> Request:
    return replace(request, url=OFFSET.sub(rf"\g<1>{offset}", request.url, count=1))

"""Offset pages asked ahead: a guess counts only once the page before it names that very link."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Future

from invoicekit.fetch.crew import Crew
from invoicekit.fetch.session import HANDS, Answer
from invoicekit.pages import Link

OFFSET = re.compile(r"([?&]offset=)(\d{1,12})(?=&|$)", re.IGNORECASE)


class Ahead:
    """Asks for the pages after the one wanted, as far as their links can be guessed.

    The step is that from the first link to the first next link. Links with headers are seek links:
    they are never guessed. A guess that no page names is thrown away, whatever came of it.
    """

    def __init__(self, ask: Callable[[Link], Answer], crew: Crew) -> None:
        self._ask = ask
        self._crew = crew
        self._before: int | None = None
        self._step = 0
        self._guessed: dict[Link, Future[Answer]] = {}

    def __call__(self, link: Link) -> Answer:
        """The answer to `link`, perhaps asked for already."""
        offset = _offset_in(link)
        if offset is not None and self._before is not None:
            self._step = offset - self._before
        self._before = offset
        waiting = self._guessed.pop(link, None)
        if offset is not None and self._step > 0:
            for number in range(1, HANDS):
                self._guess(_moved(link, offset + number * self._step))
        return waiting.result() if waiting else self._ask(link)

    def close(self) -> None:
        """Drop the guesses that no page named."""
        for future in self._guessed.values():
            future.cancel()
        self._guessed.clear()

    def _guess(self, link: Link) -> None:
        if link not in self._guessed:
            self._guessed[link] = self._crew.submit(lambda: self._ask(link))


def _offset_in(link: Link) -> int | None:
    found = OFFSET.search(link.uri)
    return int(found[2]) if found and not link.headers else None


def _moved(link: Link, offset: int) -> Link:
    return Link(OFFSET.sub(rf"\g<1>{offset}", link.uri, count=1), link.method)

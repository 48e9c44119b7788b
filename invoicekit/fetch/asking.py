"""What a source is given to ask with: the network and the cache, or the cache alone."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future

from invoicekit.fetch.session import Session
from invoicekit.pages import Answer, Request


class MissError(Exception):
    """An answer of a committed pull is not there, or not readable."""


class Asking:
    """Asks the service for what does not lie in the pull's folder, and keeps it there."""

    def __init__(self, session: Session, folder: str) -> None:
        self.connections = session.pool.size
        self._session = session
        self._folder = folder
        self._correlation_id = str(uuid.uuid4())  # one a pull, as Microsoft's own clients do
        self._ahead: list[Future[Answer]] = []
        self._closed = threading.Event()

    def __call__(self, request: Request) -> Answer:
        """The answer to a request, tried again where that may help."""
        return self._asked(request, lambda: True)

    def ahead(self, request: Request, wanted: Callable[[], bool]) -> Future[Answer]:
        """The same on another thread; not tried again once it is not wanted."""
        future = self._session.pool.submit(
            lambda: self._asked(request, lambda: wanted() and not self._closed.is_set())
        )
        self._ahead = [*(one for one in self._ahead if not one.done()), future]
        return future

    def close(self) -> None:
        """Drop what was asked ahead."""
        self._closed.set()
        for future in self._ahead:
            future.cancel()

    def _asked(self, request: Request, wanted: Callable[[], bool]) -> Answer:
        folder = self._folder if request.keep else None
        return self._session.ask(
            request, folder, correlation_id=self._correlation_id, wanted=wanted
        )


class Committed:
    """Reads a committed pull back; nothing is asked."""

    connections = 1

    def __init__(self, session: Session, folder: str) -> None:
        self._session = session
        self._folder = folder

    def __call__(self, request: Request) -> Answer:
        """The answer as it was kept.

        Raises:
            MissError: it is not there, or not readable.
        """
        answer = self._session.cached(request, self._folder)
        if answer is None:
            raise MissError
        return answer

    def ahead(self, request: Request, wanted: Callable[[], bool]) -> Future[Answer]:
        """Nothing is asked ahead of reading."""
        del wanted
        found: Future[Answer] = Future()
        found.set_result(self(request))
        return found

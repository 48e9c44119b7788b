"""What a source is given to ask with: the network and the cache, or the cache alone."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from invoicekit.fetch.download import Address
from invoicekit.fetch.downloads import Download, Wanted, find
from invoicekit.fetch.records import alone, read_record, write_record
from invoicekit.fetch.session import Session
from invoicekit.fetch.transport import closed
from invoicekit.pages import Answer, Request

T = TypeVar("T")
CLOSING = 2.0  # seconds within which a download stops that nobody wants


class MissError(Exception):
    """An answer of a committed pull is not there, or not readable."""


class Asking:
    """Asks the service for what does not lie in the pull's folder, and keeps it there."""

    def __init__(self, session: Session, folder: str, earlier: str | None = None) -> None:
        """For the pull whose folder it is; files are taken over from an `earlier` one."""
        self.connections = session.pool.size
        self.export_timeout = session.settings.export_timeout
        self.tenant = session.tenant
        self._session = session
        self._folder = folder
        self._path = session.root / folder
        self._earlier = session.root / earlier if earlier else None
        self._correlation_id = str(uuid.uuid4())  # one a pull, as Microsoft's own clients do
        self._ahead: list[Future[Any]] = []
        self._files: list[Future[Download]] = []
        self._closed = threading.Event()

    def __call__(self, request: Request) -> Answer:
        """The answer to a request, tried again where that may help."""
        return self._asked(request, lambda: True)

    def ahead(self, request: Request, wanted: Callable[[], bool]) -> Future[Answer]:
        """The same on another thread; not tried again once it is not wanted."""
        return self._begun(
            self._session.pool.submit(
                lambda: self._asked(request, lambda: wanted() and not self._closed.is_set())
            )
        )

    def file(self, wanted: Wanted, address: Address) -> Future[Download]:
        """A file on another thread: from the pull's folder, an earlier pull's, or downloaded."""
        file = self._begun(
            self._session.pool.submit(
                lambda: self._session.downloader.fetch(
                    wanted,
                    address,
                    self._path,
                    self._earlier,
                    retry_policy=self._session.retry_policy,
                    stop=self._closed,
                )
            )
        )
        self._files.append(file)
        return file

    def kept(self, name: str) -> bytes | None:
        """A small record of this pull."""
        return read_record(self._path, name)

    def keep(self, name: str, record: bytes) -> None:
        """Put a small record by, unless it shows a secret: then the next run begins anew."""
        text = record.decode()
        if self.redact(text) == text:
            write_record(self._path, name, record)

    def alone(self) -> AbstractContextManager[None]:
        """A block of which one runs at a time, of all pulls of this collection anywhere.

        Raises:
            FetchError: another one did not come to its end; the client is closed.
        """
        return alone(self._session, self._path.parent, self.export_timeout)

    def wait(self, seconds: float, why: str, *, tell: bool) -> None:
        """Wait, unless the client is closed; `tell` why, beside what progress shows.

        Raises:
            FetchError: it is closed, or the pull has ended.
        """
        self._session.wait(seconds, why, tell=tell)
        if self._closed.is_set():
            raise closed()

    def redact(self, text: str) -> str:
        """The text without secrets."""
        return self._session.redact(text)

    def close(self) -> None:
        """Drop what was asked ahead; downloads have stopped when this returns."""
        self._closed.set()
        for future in self._ahead:
            future.cancel()
        wait(self._files, CLOSING)

    def _begun(self, future: Future[T]) -> Future[T]:
        self._ahead = [*(one for one in self._ahead if not one.done()), future]
        return future

    def _asked(self, request: Request, wanted: Callable[[], bool]) -> Answer:
        folder = self._folder if request.keep else None
        return self._session.ask(
            request, folder, correlation_id=self._correlation_id, wanted=wanted
        )


class Committed:
    """Reads a committed pull back; nothing is asked."""

    connections = 1
    export_timeout = 0.0
    tenant = ""

    def __init__(self, session: Session, folder: str) -> None:
        self._session = session
        self._folder = folder
        self._path = session.root / folder

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

    def file(self, wanted: Wanted, address: Address) -> Future[Download]:
        """A file as it was kept.

        Raises:
            MissError: it is not there, or not whole.
        """
        del address
        download = find(wanted, self._path)
        if download is None:
            raise MissError
        found: Future[Download] = Future()
        found.set_result(download)
        return found

    def kept(self, name: str) -> bytes | None:
        """A small record of this pull."""
        return read_record(self._path, name)

    def keep(self, name: str, record: bytes) -> None:
        """What is committed does not change."""

    def alone(self) -> AbstractContextManager[None]:
        """Any number may read."""
        return nullcontext()

    def wait(self, seconds: float, why: str, *, tell: bool) -> None:
        """There is nothing to wait for."""

    def redact(self, text: str) -> str:
        """The text without secrets."""
        return self._session.redact(text)

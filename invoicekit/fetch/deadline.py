"""A bound on how long the answers to one page take, headers and body alike.

The read timeout of a socket starts anew with each byte: a server that sends one now and then, or
`100 Continue` for ever, keeps a reader for ever. So http.client gets a file that looks at the clock
before each read from the socket; it costs what the file of the standard library costs.
"""

from __future__ import annotations

import functools
import http.client
import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket

    from _typeshed import WriteableBuffer

TURN = 0.5  # seconds after which a reader that waits looks whether it is still wanted
_here = threading.local()


class Deadline:
    """Seconds that the answers to one page may take, all tries together.

    They are counted while an answer is waited for and read: connecting, signing in and the waits
    between two tries have bounds of their own.
    """

    def __init__(self, seconds: float, closed: threading.Event) -> None:
        self.seconds = seconds
        self.closed = closed
        self._left = seconds
        self._since: float | None = None

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self._left - (0.0 if self._since is None else time.monotonic() - self._since)

    @property
    def over(self) -> bool:
        """Whether none are."""
        return self.left <= 0

    @contextmanager
    def here(self) -> Iterator[None]:
        """Let it bound what is read on this thread."""
        _here.deadline = self
        try:
            yield
        finally:
            _here.deadline = None

    def pause(self) -> None:
        """Count no further, until an answer is read again."""
        self._left, self._since = self.left, None

    def receive(self, sock: socket.socket, buffer: WriteableBuffer, silence: float) -> int:
        """Read into `buffer` what comes next.

        Raises:
            TimeoutError: nothing came for `silence` seconds, or the time is over.
            OSError: the connection is broken, or the client was closed.
        """
        if self._since is None:
            self._since = time.monotonic()
        while True:
            if self.closed.is_set():
                raise OSError("the client is closed")
            wait = min(silence, self.left)
            if wait <= 0:
                raise TimeoutError("timed out")
            sock.settimeout(min(wait, TURN))
            try:
                return sock.recv_into(buffer)
            except TimeoutError:
                silence -= min(wait, TURN)


class _Received(io.RawIOBase):
    """What comes from a socket, until a deadline."""

    def __init__(self, sock: socket.socket, file: io.RawIOBase, deadline: Deadline) -> None:
        self._sock = sock
        self._file = file  # keeps the socket open, as long as it is
        self._deadline = deadline
        self._silence = sock.gettimeout() or deadline.seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        return self._deadline.receive(self._sock, buffer, self._silence)

    def close(self) -> None:
        self._file.close()
        super().close()


class BoundedResponse(http.client.HTTPResponse):
    """A response whose every byte is read under the deadline of the thread that asked."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(sock, *args, **options)
        deadline: Deadline | None = getattr(_here, "deadline", None)
        if deadline is not None:
            file = self.fp.detach()
            self.fp = io.BufferedReader(_Received(sock, file, deadline))


def pause() -> None:
    """Let the deadline of this thread count no further, until an answer is read again."""
    deadline: Deadline | None = getattr(_here, "deadline", None)
    if deadline is not None:
        deadline.pause()


@functools.cache
def bounded(connection: type) -> type:
    """The same class of connections, with such responses."""
    if getattr(connection, "response_class", None) is BoundedResponse:
        return connection
    return type(connection.__name__, (connection,), {"response_class": BoundedResponse})

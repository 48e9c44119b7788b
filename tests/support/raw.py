"""A server below HTTP: what it sends is bytes, at whatever pace, and no answer at all."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def whole(body: bytes, head: bytes = b"") -> Iterator[bytes]:
    """An answer as it should be."""
    yield OK + head + b"Content-Length: %d\r\n\r\n" % len(body) + body


class Raw:
    """Sends what `answer(target)` yields; `requests`, `connections` and `sent` count."""

    def __init__(self, answer: Callable[[str], Iterator[bytes]]) -> None:
        self.answer = answer
        self.requests: list[str] = []
        self.connections = 0
        self.sent = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._closed = False
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        self._closed = True
        self._socket.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            asked = b""
            while True:
                while b"\r\n\r\n" not in asked:
                    if not (more := connection.recv(1 << 16)):
                        return
                    asked += more
                head, _, asked = asked.partition(b"\r\n\r\n")
                self.requests.append(head.split()[1].decode())
                for piece in self.answer(self.requests[-1]):
                    if self._closed:
                        return
                    connection.sendall(piece)
                    self.sent += len(piece)


def dripping(start: bytes, drop: bytes, *, pause: float = 0.1) -> Iterator[bytes]:
    """`start`, and then `drop` after `drop`, for ever."""
    yield start
    while True:
        time.sleep(pause)
        yield drop

"""One origin on loopback: a thread per connection, an answer per request, nothing else.

What is said is the business of whoever starts it; here is how it gets there, whole, in chunks, or
cut short where a test wants that.
"""

from __future__ import annotations

import gzip
import os
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

WORTH_PACKING = 1_000  # bytes; below it gzip gains nothing
POLL_SECONDS = 0.05
HTTP_PORT = 80  # which clients leave out of `Host`
LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
MOST_REQUESTS = 10_000  # remembered, the latest
MOST_TEXT = 2_000  # characters of a target or header that are remembered
MOST_BODY = 65_536  # bytes of a request
UNREMEMBERED = frozenset({"authorization", "proxy-authorization", "cookie"})
JSON = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Received:
    """One request as it came, long texts cut, without the headers that hold credentials."""

    method: str
    target: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Request:
    """A request to be answered; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """A response before it has its transport headers."""

    body: bytes | Iterable[bytes]
    """All of it, or parts that are sent as they are made."""
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    packable: bool = True
    """Whether it is sent gzipped to whoever accepts that."""
    length: int | None = None
    """Of a body in parts, where it is known; else it goes out in chunks."""
    cut: int | None = None
    """Bytes of the body after which the connection is closed: a fault, for tests."""
    stall: float = 0.0
    """Seconds that pass before it is."""


class Loopback:
    """Answers on a port of 127.0.0.1 until it is closed.

    Args:
        answer: what to say to a request.
        refuse: what to say (status, reason) to one that is not even asked properly.
        methods: those that are served; a body is read for `POST` alone.
        port: 0 for any that is free.
    """

    def __init__(
        self,
        answer: Callable[[Request], Answer],
        refuse: Callable[[int, str], Answer],
        *,
        methods: tuple[str, ...] = ("GET",),
        port: int = 0,
    ) -> None:
        self.answer, self.refuse, self.methods = answer, refuse, methods
        self.requests: deque[Received] = deque(maxlen=MOST_REQUESTS)
        self._server = _Server(port, self)
        self._thread: threading.Thread | None = None
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        """The origin."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        """Begin to answer, in a thread of its own."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._server.serve_forever,
                args=(POLL_SECONDS,),
                name="invoicekit sandbox",
                daemon=True,
            )
            self._thread.start()

    def close(self) -> None:
        """Stop, and hang up on whoever is still connected; a second time does nothing."""
        self.closing.set()
        if self._thread is not None and self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.hang_up()


class _Server(ThreadingHTTPServer):
    """A thread per connection; knows its open connections, so that it can end them."""

    daemon_threads = True
    # On Windows "reuse" means to share the port with whoever has it already.
    allow_reuse_address = os.name != "nt"

    def __init__(self, port: int, origin: Loopback) -> None:
        self.origin = origin
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        # Not HTTPServer's own: it looks the host's name up, which takes seconds on some machines.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    # The connection's type is an address-family matter to socketserver: Any.
    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        # A client that hangs up is its own affair; anything else is our bug and shall be loud.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        """End every open connection."""
        with self._guard:
            connections = list(self._open)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        """Answer, and remember that it was asked."""
        origin = self.server.origin
        if self._is_misdirected():
            return
        if self.command not in origin.methods:
            self._hang_up_with(405, f"{self.command} is not allowed: the sandbox is read-only.")
            return
        public = {
            name[:MOST_TEXT]: text[:MOST_TEXT]
            for name, text in self.headers.items()
            if name.lower() not in UNREMEMBERED
        }
        origin.requests.append(Received(self.command, self.path[:MOST_TEXT], public))
        length = self.headers.get("Content-Length", "0")
        chunked = "Transfer-Encoding" in self.headers
        if chunked or not (length.isascii() and length.isdigit()) or int(length) > MOST_BODY:
            self._hang_up_with(413, "The body is too long, or does not say how long it is.")
            return
        headers = {name.lower(): text for name, text in self.headers.items()}
        body = self.rfile.read(int(length))
        self._send(origin.answer(Request(self.command, self.path, headers, body)))

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - http.server's names

    def _is_misdirected(self) -> bool:
        """Refuse whoever takes us for another host: a web page whose name was bound to loopback."""
        port = self.server.server_port
        named = [host.strip().lower() for host in self.headers.get_all("Host", [])]
        ours = {f"{name}:{port}" for name in LOCAL_NAMES}
        if port == HTTP_PORT:
            ours |= set(LOCAL_NAMES)
        if len(named) == 1 and named[0] in ours:
            return False
        self._hang_up_with(421, "This is a sandbox on loopback; ask it by that name.")
        return True

    def _hang_up_with(self, status: int, reason: str) -> None:
        self.close_connection = True  # a body may follow, which nobody reads
        self._send(self.server.origin.refuse(status, reason))

    def _send(self, said: Answer) -> None:
        body, packed = said.body, False
        accepted = said.packable and "gzip" in self.headers.get("Accept-Encoding", "")
        if accepted and isinstance(body, bytes) and len(body) > WORTH_PACKING:
            body, packed = gzip.compress(body, compresslevel=1, mtime=0), True
        length = len(body) if isinstance(body, bytes) else said.length
        self.send_response(said.status)
        self.send_header("Content-Type", said.content_type)
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        if packed:
            self.send_header("Content-Encoding", "gzip")
        for name, value in said.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        for part in _until(said.cut, (body,) if isinstance(body, bytes) else body):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part) if length is None else part)
        if said.cut is not None:
            self.wfile.flush()
            self.server.origin.closing.wait(said.stall)
            self.close_connection = True
        elif length is None:
            self.wfile.write(b"0\r\n\r\n")

    def version_string(self) -> str:
        """What the `Server` header says."""
        return "invoicekit-sandbox"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Nothing: a sandbox is not to be heard."""


def _until(cut: int | None, parts: Iterable[bytes]) -> Iterator[bytes]:
    """The parts, none of them empty, up to so many bytes."""
    left = cut
    for part in parts:
        kept = part if left is None else part[:left]
        if kept:
            yield kept
        if left is not None:
            left -= len(kept)
            if not left:
                return

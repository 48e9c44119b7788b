"""The sandbox: a partner behind real HTTP on loopback, speaking as Partner Center does."""

from __future__ import annotations

import gzip
import hmac
import json
import os
import secrets
import socket
import sys
import threading
from base64 import urlsafe_b64encode
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from invoicekit.sandbox.partner.customers import PARTNER_ID
from invoicekit.sandbox.partner_center.answers import Answer, fault
from invoicekit.sandbox.partner_center.lineitems import TOKEN_HEADER
from invoicekit.sandbox.partner_center.protocol import Partner
from invoicekit.sandbox.partner_center.service import answer

WORTH_PACKING = 1_000  # bytes; below it gzip gains nothing
TRACING = ("MS-RequestId", "MS-CorrelationId")  # what the service echoes
SERVER_ID = "202610001"
POLL_SECONDS = 0.05
HTTP_PORT = 80  # which clients leave out of `Host`


LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
MOST_REQUESTS = 10_000  # remembered, the latest
MOST_TEXT = 2_000  # characters of a target or header that are remembered
UNREMEMBERED = frozenset({"authorization", "proxy-authorization", "cookie"})


def _sandbox_token() -> str:
    """A token that says what it is, in clear and in its claims; good for the made-up partner alone.

    No JWT header in front: a person and a secret scanner see at once that it is nobody's.
    """
    claims = {
        "aud": "invoicekit sandbox",
        "tid": PARTNER_ID,
        "exp": 4_102_444_800,  # the year 2100
        "note": "not a credential",
    }
    middle = urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"invoicekit-sandbox.{middle}.not-a-credential"


SANDBOX_TOKEN = _sandbox_token()


@dataclass(frozen=True)
class Received:
    """One request as it came, long texts cut, without the headers that hold credentials."""

    method: str
    target: str
    headers: Mapping[str, str]


class Sandbox:
    """Serves a partner on loopback until it is closed.

    Args:
        partner: whose invoices.
        port: 0 for any that is free.
        token: what a caller has to show. By default `SANDBOX_TOKEN` where the partner is made up,
            else a random one: recorded data may be real, and other users of this machine can
            reach the port.

    >>> from invoicekit.sandbox.demo import demo_partner
    >>> with Sandbox(demo_partner()) as sandbox:
    ...     sandbox.url.startswith("http://127.0.0.1:")
    True
    """

    def __init__(self, partner: Partner, *, port: int = 0, token: str = "") -> None:
        known = SANDBOX_TOKEN if partner.made_up else ""
        self.token = token or known or f"invoicekit-sandbox-{secrets.token_urlsafe(32)}"
        self.requests: deque[Received] = deque(maxlen=MOST_REQUESTS)
        self._partner = partner
        self._server = _Server(port, self)
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"<Sandbox: {self._partner!r} at {self.url}>"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The host root, without `/v1`."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> Self:
        """Begin to answer, in a thread of its own."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._server.serve_forever,
                args=(POLL_SECONDS,),
                name="invoicekit sandbox",
                daemon=True,
            )
            self._thread.start()
        return self

    def close(self) -> None:
        """Stop, and hang up on whoever is still connected; a second time does nothing."""
        if self._thread is not None and self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.hang_up()

    def answer(self, target: str, authorization: str, continuation: str | None) -> Answer:
        """What to say to a GET."""
        expected = f"Bearer {self.token}"
        if not hmac.compare_digest(authorization.encode(), expected.encode()):
            realm = {"WWW-Authenticate": f"OAuth realm=urn:cpsvc:cpid:{{{PARTNER_ID}}}"}
            return fault(401, "400", "Access denied: the token is missing or not known.", realm)
        return answer(self._partner, target, continuation)


class _Server(ThreadingHTTPServer):
    """A thread per connection; knows its open connections, so that it can end them."""

    daemon_threads = True
    # On Windows "reuse" means to share the port with whoever has it already.
    allow_reuse_address = os.name != "nt"

    def __init__(self, port: int, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
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
        if self._is_misdirected():
            return
        sandbox, asked = self.server.sandbox, self.headers
        public = {
            name[:MOST_TEXT]: text[:MOST_TEXT]
            for name, text in asked.items()
            if name.lower() not in UNREMEMBERED
        }
        sandbox.requests.append(Received(self.command, self.path[:MOST_TEXT], public))
        shown = asked.get("Authorization", "")
        self._send(sandbox.answer(self.path, shown, asked.get(TOKEN_HEADER)))

    def _is_misdirected(self) -> bool:
        """Refuse whoever takes us for another host: a web page whose name was bound to loopback."""
        port = self.server.server_port
        named = [host.strip().lower() for host in self.headers.get_all("Host", [])]
        ours = {f"{name}:{port}" for name in LOCAL_NAMES}
        if port == HTTP_PORT:
            ours |= set(LOCAL_NAMES)
        if len(named) == 1 and named[0] in ours:
            return False
        self.close_connection = True
        self._send(fault(421, "0", "This is a sandbox on loopback; ask it by that name."))
        return True

    def _refuse_method(self) -> None:
        self.close_connection = True  # a body may follow, which nobody reads
        if not self._is_misdirected():
            said = f"{self.command} is not allowed: the sandbox is read-only."
            self._send(fault(405, "0", said))

    do_POST = do_PUT = do_PATCH = do_DELETE = _refuse_method  # noqa: N815 - http.server's names

    def _send(self, said: Answer) -> None:
        body, packed = said.body, False
        if len(body) > WORTH_PACKING and "gzip" in self.headers.get("Accept-Encoding", ""):
            body, packed = gzip.compress(body, compresslevel=1, mtime=0), True
        self.send_response(said.status)
        self.send_header("Content-Type", said.content_type)
        self.send_header("Content-Length", str(len(body)))
        if packed:
            self.send_header("Content-Encoding", "gzip")
        for name in TRACING:
            self.send_header(name, self.headers.get(name) or str(uuid4()))
        self.send_header("MS-CV", f"{uuid4().hex[:16]}.0")
        self.send_header("MS-ServerId", SERVER_ID)
        for name, value in said.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        """What the `Server` header says."""
        return "invoicekit-sandbox"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Nothing: a sandbox is not to be heard."""

"""The HTTP server of the tests: real, on loopback, and it answers as a test scripts it, faults too.

Two others are not this one, for a reason: `support/raw.py` sends bytes where no answer is valid
HTTP, and `benchmarks/service.py` runs in a process of its own, on plain sockets, so that what is
measured is the client alone.
"""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TOKEN = "s3cret-token-of-the-tests"


@dataclass(frozen=True)
class Asked:
    """A request as it arrived; header names in lower case."""

    target: str
    headers: dict[str, str]
    method: str = "GET"
    body: bytes = b""

    @property
    def token(self) -> str | None:
        return self.headers.get("ms-continuationtoken")


@dataclass(frozen=True)
class Reply:
    """What to answer, and how to spoil it."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    zipped: bool = False
    delay: float = 0.0  # seconds before the first byte
    stall: float = 0.0  # seconds in the middle of the body
    cut: int | None = None  # bytes of the body that are sent before the connection is closed
    reset: bool = False  # hang up with a RST: at once, or after `cut` bytes
    chunked: bool = False  # in chunks, without a length


class Service:
    """Serves `answer(asked)`; `asked` lists every request that came.

    With `tls`, the paths of a certificate and its key, over HTTPS.
    """

    def __init__(
        self,
        answer: Callable[[Asked], Reply | bytes],
        *,
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self._lock = threading.Lock()
        self.active = self.most_active = 0
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else every answer takes 40 ms

            def do_GET(self) -> None:
                headers = {k.lower(): v for k, v in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                asked = Asked(self.path, headers, self.command, body)
                with service._lock:
                    service.asked.append(asked)
                    service.active += 1
                    service.most_active = max(service.most_active, service.active)
                try:
                    answer = service.answer(asked)
                    _send(self, answer if isinstance(answer, Reply) else Reply(answer))
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True
                finally:
                    with service._lock:
                        service.active -= 1

            do_POST = do_GET  # noqa: N815 (as http.server wants it)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # who asked was killed
            super().handle_error(request, client_address)


def _send(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    time.sleep(reply.delay)
    if reply.reset and reply.cut is None:
        _hang_up(handler)
        return
    body = gzip.compress(reply.body) if reply.zipped else reply.body
    handler.send_response(reply.status)
    headers = {"Content-Type": "application/json; charset=utf-8", **reply.headers}
    if reply.zipped:
        headers["Content-Encoding"] = "gzip"
    for name, value in headers.items():
        handler.send_header(name, value)
    if reply.chunked:
        handler.send_header("Transfer-Encoding", "chunked")
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    else:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    sent = body if reply.cut is None else body[: reply.cut]
    half = len(sent) // 2
    handler.wfile.write(sent[:half])
    if reply.stall:
        handler.wfile.flush()
        time.sleep(reply.stall)
    handler.wfile.write(sent[half:])
    if reply.cut is not None:
        handler.close_connection = True
    if reply.reset:
        handler.wfile.flush()
        _hang_up(handler)


def _hang_up(handler: BaseHTTPRequestHandler) -> None:
    linger = struct.pack("ii", 1, 0)  # close with RST instead of a polite end
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.close_connection = True
    handler.connection.close()


def page(
    items: list[Any] | str,
    *,
    uri: str | None = None,
    token: str | None = None,
    method: str = "GET",
    **more: Any,
) -> bytes:
    """A page of a collection; `items` may be JSON text, where literals matter."""
    links: dict[str, Any] = {"self": {"uri": "/self", "method": "GET", "headers": []}}
    if uri is not None:
        headers = [{"key": "MS-ContinuationToken", "value": token}] if token is not None else []
        links["next"] = {"uri": uri, "method": method, "headers": headers}
    text = items if isinstance(items, str) else json.dumps(items)
    rest = json.dumps({"totalCount": 1, "links": links, **more})
    return f'{{"items":{text},{rest[1:]}'.encode()


def line(
    total: str = "1.10", *, name: str = "A", object_type: str | None = None, **more: Any
) -> str:
    """A new commerce billing line as JSON text; amounts are literals as given."""
    fields = {
        "customerId": f'"{name.lower()}"',
        "customerName": json.dumps(name),
        "subtotal": total,
        "taxTotal": "0",
        "totalForCustomer": total,
        "currency": '"USD"',
        "attributes": json.dumps({"objectType": object_type or "OneTimeInvoiceLineItem"}),
        **{
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in more.items()
        },
    }
    return "{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in fields.items()) + "}"


def rows(*lines: str) -> str:
    """Lines as the JSON text of an `items` array."""
    return "[" + ",".join(lines) + "]"


def invoice(
    invoice_id: str = "G1",
    total: str = "1.10",
    *,
    date: str = "2999-01-05T00:00:00Z",  # open: its lines come from the HTTP cache, not the store
    currency: str = "USD",
    pairs: tuple[tuple[str, str], ...] = (("one_time", "billing_line_items"),),
    **more: Any,
) -> str:
    """An invoice's header as JSON text."""
    details = [{"billingProvider": one, "invoiceLineItemType": two} for one, two in pairs]
    fields = {
        "id": invoice_id,
        "invoiceDate": date,
        "paidAmount": 0,
        "currencyCode": currency,
        "invoiceDetails": details,
        "attributes": {"objectType": "Invoice"},
        **more,
    }
    return f'{{"totalCharges":{total},{json.dumps(fields)[1:]}'

"""A partner's service in a process of its own: pages that are there already, over plain sockets.

Not the server of the tests: an HTTP library here would take time of the cores that are measured.
It listens on loopback, serves a bounded number of connections, and ends with its parent: when the
pipe to its standard input closes.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bodies import LICENSE, ONE_TIME, PAIRS, ROWS, Lines

MOST_CONNECTIONS = 64
TOKEN_HEADER = "MS-ContinuationToken"
DATE = "2025-12-05T00:00:00Z"
IN_WORDS = {"onetime": "one_time", "billing": "billing_line_items", "usage": "usage_line_items"}


def main() -> None:
    """Serve the invoices that standard input names, until it closes."""
    said = json.loads(sys.stdin.readline())
    service = Service(
        {name: Lines(*lines) for name, lines in said["invoices"].items()},
        said["latency"],
        by_offset=said["by_offset"],
    )
    listener = socket.create_server(("127.0.0.1", 0), backlog=MOST_CONNECTIONS)
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    places = threading.BoundedSemaphore(MOST_CONNECTIONS)
    while True:
        connection, _ = listener.accept()
        places.acquire()
        threading.Thread(target=service.serve, args=(connection, places), daemon=True).start()


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


class Service:
    """Answers as Partner Center does: office pages by offset, others by seek token or as told."""

    def __init__(self, invoices: Mapping[str, Lines], latency: float, *, by_offset: bool) -> None:
        self._invoices = invoices
        self._latency = latency
        self._by_offset = by_offset
        self._headers = {name: _header(name, lines) for name, lines in invoices.items()}
        for lines in invoices.values():  # made now, not when they are asked for
            lines.items(0)
            lines.items(lines.pages - 1)

    def serve(self, connection: socket.socket, places: threading.BoundedSemaphore) -> None:
        """Answer what comes over a connection, until it is closed."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with connection, connection.makefile("rb") as stream:
                while line := stream.readline():
                    target = line.split()[1].decode()
                    headers = dict(_fields(stream))
                    body = self._answer(target, headers.get(TOKEN_HEADER.lower()))
                    status = b"200 OK" if body is not None else b"404 Not Found"
                    body = body if body is not None else b'{"code":1000,"description":"no such"}'
                    head = b"HTTP/1.1 %b\r\nContent-Type: application/json; charset=utf-8\r\n"
                    head = head % status + b"Content-Length: %d\r\n\r\n" % len(body)
                    time.sleep(self._latency)
                    connection.sendall(head + body)
        except (ConnectionError, IndexError):
            pass
        finally:
            places.release()

    def _answer(self, target: str, token: str | None) -> bytes | None:
        path, _, query = target.partition("?")
        if path == "/v1/invoices":
            return b'{"items":[' + b",".join(self._headers.values()) + b"]}"
        found = re.fullmatch(r"/v1/invoices/([^/]+)(/lineitems.*)?", path)
        if not found or found[1] not in self._invoices:
            return None
        if not found[2]:
            return self._headers[found[1]]
        offset = re.search(r"offset=(\d+)", query)
        number = int(token.split(",")[1]) if token else int(offset[1]) // ROWS if offset else 0
        lines = self._invoices[found[1]]
        by_offset = self._by_offset or lines.kind == LICENSE
        return _page(lines, number, path.removeprefix("/v1"), by_offset=by_offset)


def _fields(stream: Iterator[bytes]) -> Iterator[tuple[str, str]]:
    for line in stream:
        if line in {b"\r\n", b"\n"}:
            return
        name, _, value = line.decode("latin-1").partition(":")
        yield name.strip().lower(), value.strip()


def _page(lines: Lines, number: int, path: str, *, by_offset: bool) -> bytes:
    links: dict[str, object] = {}
    more = {}
    if number + 1 < lines.pages:
        if by_offset:
            uri, headers = f"{path}?size={ROWS}&offset={(number + 1) * ROWS}", []
        else:
            token = f"Rp8AAAwN+Kw==,{number + 1},Next"
            uri, headers = f"{path}?seekOperation=Next", [{"key": TOKEN_HEADER, "value": token}]
            more["continuationToken"] = token
        links["next"] = {"uri": uri, "method": "GET", "headers": headers}
    rest = {**more, "links": links, "attributes": {"objectType": "Collection"}}
    tail = json.dumps(rest, separators=(",", ":"))[1:].encode()
    return b'{"totalCount":%d,"items":[%b],%b' % (ROWS, lines.items(number), tail)


def _header(invoice_id: str, lines: Lines) -> bytes:
    provider, kind = PAIRS[lines.kind]
    detail = {
        "billingProvider": IN_WORDS.get(provider, provider),
        "invoiceLineItemType": IN_WORDS[kind],
    }
    fields = {
        "id": invoice_id,
        "invoiceDate": DATE,
        "billingPeriodStartDate": "2025-11-01T00:00:00Z",
        "billingPeriodEndDate": "2025-11-30T00:00:00Z",
        "paidAmount": 0,
        "currencyCode": "USD",
        "documentType": "invoice",
        "invoiceType": "OneTime",
        "invoiceDetails": [detail],
        "attributes": {"objectType": "Invoice"},
    }
    return f'{{"totalCharges":{lines.total},{json.dumps(fields)[1:]}'.encode()


@contextmanager
def serving(
    invoices: Mapping[str, Lines], *, latency: float = 0.0, by_offset: bool = False
) -> Iterator[str]:
    """The address of a service that has these invoices, in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    told = {
        "invoices": {name: (lines.kind, lines.count) for name, lines in invoices.items()},
        "latency": latency,
        "by_offset": by_offset,
    }
    try:
        process.stdin.write(json.dumps(told) + "\n")
        process.stdin.flush()
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def one_time(count: int) -> dict[str, Lines]:
    """A partner with one invoice, of so many lines of new commerce."""
    return {"G000100000": Lines(ONE_TIME, count)}


if __name__ == "__main__":
    main()

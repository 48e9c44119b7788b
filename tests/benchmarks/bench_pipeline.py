"""Pipeline: what decode and store add to a fetch, and what the fetch adds to bare sockets."""

from __future__ import annotations

import re
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from bodies import LICENSE, ONE_TIME, PAIRS, ROWS, Lines
from jobs import client_of
from measure import Plan, Table, interleaved, median, ratio
from service import TOKEN_HEADER, serving

from invoicekit.fetch.pull import pull
from invoicekit.frames.decode import decode_batches
from invoicekit.pages import Page
from invoicekit.sources.partner_center import requests as partner_center
from invoicekit.sources.partner_center.source import pages as pages_of

LATENCY = 0.05
INVOICE = "G000100000"
POOL = 8
_numbers = count()


def run(plan: Plan) -> list[Table]:
    """A table of seek and offset paging."""
    table = Table(
        f"Pipeline ({LATENCY * 1000:.0f} ms a page)",
        ["paging", "pages", "what", "s", "of what", "ratio"],
        "Goals: decode over fetch alone 1.2 by seek token; fetch over sockets 1.5 by offset. The "
        f"HTTP cache is off; {POOL} connections.",
    )
    for kind, paging, usual in ((ONE_TIME, "seek", 40), (LICENSE, "offset", 80)):
        pages = 4 if plan.short else usual
        lines = Lines(kind, pages * ROWS)
        with serving({INVOICE: lines}, latency=LATENCY) as url:
            seconds = interleaved(_contenders(plan, url, lines), plan.rounds)
        table.add(paging, pages, "bare sockets", median(seconds["bare"]), "", "")
        for what, of in (("fetch", "bare"), ("fetch + decode", "fetch"), ("sync", "fetch")):
            ratios = ratio(seconds[what], seconds[of])
            table.add(paging, pages, what, median(seconds[what]), of, ratios)
    return [table]


def _contenders(plan: Plan, url: str, lines: Lines) -> dict[str, Callable[[], Any]]:
    provider, line_item_type = PAIRS[lines.kind]

    def pulled(build: Callable[[Iterator[Page]], int]) -> int:
        collection = partner_center.line_items(
            INVOICE, provider, line_item_type, currency="USD", size=ROWS, closed=False
        )
        with client_of(url, _folder(plan), cached=False, connections=POOL) as client:
            return pull(client._session, collection, pages_of, build)[0]

    def fetch() -> None:
        assert pulled(lambda pages: sum(page.rows for page in pages)) == lines.count

    def decoded(pages: Iterator[Page]) -> int:
        said = {"invoice_id": INVOICE, "provider": provider, "line_item_type": line_item_type}
        return sum(frame.height for _, frame in decode_batches(pages, **said))

    def fetch_and_decode() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert pulled(decoded) == lines.count

    def sync() -> None:
        opened = client_of(url, _folder(plan), cached=False, connections=POOL)
        with warnings.catch_warnings(), opened as client:
            warnings.simplefilter("ignore")
            assert client.sync(tell=lambda _: None)["lines"].sum() == lines.count

    bare = _by_seek if lines.kind == ONE_TIME else _by_offset
    return {
        "bare": lambda: bare(url, lines.pages),
        "fetch": fetch,
        "fetch + decode": fetch_and_decode,
        "sync": sync,
    }


def _folder(plan: Plan) -> str:
    return str(plan.folder(f"pipeline-{next(_numbers)}"))


class Socket:
    """As little HTTP as will do."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, target: str, header: str = "") -> bytes:
        """The body at `target`."""
        self._socket.sendall(f"GET {target} HTTP/1.1\r\nHost: bare\r\n{header}\r\n".encode())
        answer = bytearray()
        while b"\r\n\r\n" not in answer:
            answer += self._socket.recv(1 << 16)
        head, _, start = bytes(answer).partition(b"\r\n\r\n")
        length = int(re.search(rb"Content-Length: (\d+)", head)[1])
        body = bytearray(length)
        body[: len(start)] = start
        rest = memoryview(body)[len(start) :]
        while rest:
            rest = rest[self._socket.recv_into(rest) :]
        return bytes(body)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def _by_seek(url: str, pages: int) -> None:
    bare, header = Socket(url), ""
    for _ in range(pages):
        body = bare.get(f"/v1/invoices/{INVOICE}/lineitems/OneTime/BillingLineItems", header)
        found = re.search(rb'"continuationToken":"([^"]+)"', body[-1000:])
        header = f"{TOKEN_HEADER}: {found[1].decode()}\r\n" if found else ""
    bare.close()


def _by_offset(url: str, pages: int) -> None:
    numbers, guard = iter(range(pages)), threading.Lock()

    def work() -> None:
        bare = Socket(url)
        while True:
            with guard:
                number = next(numbers, None)
            if number is None:
                break
            path = f"/v1/invoices/{INVOICE}/lineitems/Office/BillingLineItems"
            bare.get(f"{path}?size={ROWS}&offset={number * ROWS}")
        bare.close()

    threads = [threading.Thread(target=work) for _ in range(POOL)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

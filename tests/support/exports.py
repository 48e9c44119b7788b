"""Exports of the sandbox's Graph, and a client that pulls them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import invoicekit as ik
from invoicekit.fetch.pull import pull
from invoicekit.pages import Page, Reading
from invoicekit.sandbox.graph.exports import Prepared, export_of, packed
from invoicekit.sandbox.graph.server import GraphServer
from invoicekit.sandbox.made_up_token import GRAPH_TOKEN
from invoicekit.sources.graph import requests
from invoicekit.sources.graph.source import pages
from support.server import TOKEN

LINES = [json.dumps({"CustomerId": f"c{n}", "Total": n}).encode() for n in range(300)]
EXPORT = export_of(packed(LINES[:100]), packed(LINES[100:200]), packed(LINES[200:]))
EXPORTS = Prepared({("reconciliation", "G1"): EXPORT})


def client_of(graph: GraphServer | str, cache_dir: Path, **given: object) -> ik.Client:
    """A client of a Graph; retries are quick."""
    url = graph if isinstance(graph, str) else graph.url
    settings = {"base_url": "http://127.0.0.1:9", "tenant_id": "t", "client_id": "one-app", **given}
    client = ik.connect(
        token=TOKEN, graph_url=url, graph_token=GRAPH_TOKEN, cache_dir=cache_dir, **settings
    )
    client.retry_policy = ik.RetryPolicy(first=0.01)
    return client


def collection(client: ik.Client, line_item_type: str = "billing", invoice_id: str = "G1"):
    """The lines of an invoice that changes no more."""
    return requests.line_items(
        client.settings.graph_url, invoice_id, "onetime", line_item_type, closed=True, version="1"
    )


def pulled(
    client: ik.Client, line_item_type: str = "billing", invoice_id: str = "G1", **options: bool
) -> tuple[list[bytes], list[Reading]]:
    """The lines, as they came, and how they were read."""
    asked = collection(client, line_item_type, invoice_id)
    return pull(client._session, asked, pages, lines_of, **options)


def lines_of(found: Iterator[Page]) -> list[bytes]:
    """The rows of some pages, each as JSON in one spelling."""
    rows = (row for page in found for piece, _ in page.pieces() for row in json.loads(piece))
    return [json.dumps(row).encode() for row in rows]


def kept_in(cache_dir: Path) -> list[str]:
    """What lies in the folders of pulls, by the ends of its names; nothing of it bears a SAS."""
    files = [path for path in cache_dir.rglob("*") if path.is_file()]
    for path in files:
        content = path.read_bytes()
        assert b"sig=" not in content, path
        assert b"sandbox-exports" not in content, path
        assert GRAPH_TOKEN.encode() not in content, path
    return sorted(path.suffix for path in files if path.parent.name != path.parents[1].name
                  and len(path.parent.name) == 8)  # fmt: skip

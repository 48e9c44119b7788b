"""An invoice of numbered pages, each of which may go wrong as scripted; and what is kept of it."""

from __future__ import annotations

import re
import threading
from decimal import Decimal
from pathlib import Path

import invoicekit as ik
from invoicekit.fetch.manifest import Manifests
from invoicekit.fetch.page_cache import digest
from invoicekit.fetch.pull import Collection
from invoicekit.sources.partner_center import requests as partner_center
from support.partner import OPEN
from support.server import Asked, Reply, Service, invoice, line, page, rows

# What a page answers instead of itself: a list is used up, a single reply or body is for ever.
Faults = dict[int, "list[Reply | bytes] | Reply | bytes"]
SEEK, OFFSET = "onetime", "office"
IN_WORDS = {SEEK: "one_time", OFFSET: "office"}


class Chain:
    """Answers for the invoice G1: per collection `pages` pages of a line each.

    Seek tokens are `<generation>-<page>`; each time page 1 is asked there is a new generation.
    """

    def __init__(
        self,
        pages: int = 5,
        *,
        faults: Faults | None = None,
        kinds: tuple[str, ...] = (SEEK,),
        delay: float = 0.0,
        beyond: Reply | None = None,
        date: str = OPEN,  # a closed invoice is read from the frames on disk, not from its pages
    ) -> None:
        self.pages = pages
        self.faults = faults or {}
        self.kinds = kinds
        self.delay = delay
        self.beyond = beyond or Reply(b"{}", 404)
        self.date = date
        self.dead: set[str] = set()
        self._generation = 0
        self._lock = threading.Lock()

    @property
    def totals(self) -> list[Decimal]:
        """What the lines say, page by page."""
        return [Decimal(f"{number}.10") for number in range(1, self.pages + 1)]

    def __call__(self, asked: Asked) -> Reply | bytes:
        kind, number = place(asked)
        if not number:
            pairs = tuple((IN_WORDS[kind], "billing_line_items") for kind in self.kinds)
            total = str(sum(self.totals) * len(pairs))
            return invoice(total=total, pairs=pairs, date=self.date).encode()
        if asked.token in self.dead:
            return Reply(b'{"code":3000,"description":"the token is not known"}', 400)
        with self._lock:
            fault = self.faults.get(number, [])
            if not isinstance(fault, list):
                return fault
            if fault:
                return fault.pop(0)
            self._generation += number == 1
        if number > self.pages:
            return self.beyond
        return Reply(self.page(number, kind, asked), delay=self.delay)

    def page(self, number: int, kind: str = SEEK, asked: Asked | None = None) -> bytes:
        """Page `number` as it should be."""
        items = rows(line(f"{number}.10", name=f"{kind} {number}"))
        if number == self.pages:
            return page(items)
        path = "/invoices/G1/lineitems/" + {SEEK: "OneTime", OFFSET: "Office"}[kind]
        if kind == OFFSET:
            return page(items, uri=f"{path}/BillingLineItems?size=2000&offset={number}")
        generation = asked.token.split("-")[0] if asked and asked.token else self._generation
        token = f"{generation}-{number + 1}"
        return page(items, uri=f"{path}/BillingLineItems?seekOperation=Next", token=token)


def place(asked: Asked) -> tuple[str, int]:
    """Which page of which collection was asked for; page 0 is none."""
    if "lineitems" not in asked.target:
        return "", 0
    kind = SEEK if "OneTime" in asked.target else OFFSET
    if asked.token:
        return kind, int(asked.token.split("-")[1])
    return kind, int(re.search(r"offset=(\d+)", asked.target)[1]) + 1


def numbers(service: Service, since: int = 0) -> list[int]:
    """The numbers of the pages of line items that were asked for, in order."""
    return [number for _, number in map(place, service.asked[since:]) if number]


def read_whole(client: ik.Client, chain: Chain) -> ik.LineItems:
    """Read the invoice, and check that it is all there: every page, once, in order, exactly."""
    found = client.invoice("G1")
    charges = found.charges()
    for kind in chain.kinds:
        lines = charges.filter(charges["provider"] == kind)
        assert lines["total"].to_list() == chain.totals
    assert found.reconcile().ties
    pages = range(1, chain.pages + 1)
    assert found.line_items().ledger["page"].to_list() == list(pages) * len(chain.kinds)
    return found.line_items()


def collection_of(client: ik.Client, kind: str = SEEK) -> Collection:
    """The line items of G1 as a client asks for them."""
    return partner_center.line_items(
        "G1",
        kind,
        "billing",
        currency="USD",
        size=client.settings.page_size,
        closed=False,
    )


def manifests_of(client: ik.Client, kind: str = SEEK) -> Manifests:
    """Where they are kept."""
    first = collection_of(client, kind).first
    return Manifests(client._session.root, digest(client._session.address_of(first)))


def kept(client: ik.Client, kind: str = SEEK) -> tuple[str, int]:
    """How they are kept, and how many of their pages."""
    manifests = manifests_of(client, kind)
    files = len(pages_in(manifests.folder))
    if manifests.committed():
        return "committed", files
    return ("pending" if manifests.pending() else "nothing"), files


def pages_in(folder: Path) -> list[Path]:
    """The pages on disk."""
    return sorted(folder.rglob("*.page"))

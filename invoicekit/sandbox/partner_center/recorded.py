"""A partner made of recorded responses, each served as it is, character for character.

To record another response, add a file to the folder; its name says what it answers, see
`data/README.md`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from invoicekit.sandbox.partner_center.protocol import Ask, Collection
from invoicekit.sandbox.wire import encoded

LIST = "invoices.json"
INVOICE = re.compile(r"invoice-(?P<id>\w+)\.json")
PAGE = re.compile(r"(?P<id>\w+)-(?P<provider>[a-z]+)-(?P<type>billing|usage)-(?P<page>\d+)\.json")
IN_JSON = {
    "onetime": "one_time",
    "billing": "billing_line_items",
    "usage": "usage_line_items",
}
BY_OFFSET = ("office", "azure")


class Recorded:
    """The responses in `folder`; whatever they do not answer does not exist."""

    made_up = False  # whoever records may have recorded a real partner

    def __init__(self, folder: Path | str) -> None:
        self._folder = Path(folder)
        self._list = (self._folder / LIST).read_bytes()
        self._invoices = dict(_slices(self._list.decode()))
        self._pages: dict[tuple[str, Collection, str | None], bytes] = {}
        for path in sorted(self._folder.glob("*.json")):
            if match := INVOICE.fullmatch(path.name):
                self._invoices[match["id"]] = path.read_bytes()
            elif match := PAGE.fullmatch(path.name):
                provider = IN_JSON.get(match["provider"], match["provider"])
                self._keep(match["id"], (provider, IN_JSON[match["type"]]), path)

    def __repr__(self) -> str:
        return f"<Recorded: {self._folder}>"

    def _keep(self, invoice_id: str, collection: Collection, path: Path) -> None:
        """Remember a page under the token that the page before it ends with."""
        first = collection[0] in BY_OFFSET or path.stem.endswith("-1")
        before = path.with_name(re.sub(r"\d+$", _one_less, path.stem) + path.suffix)
        leads_here = None if first else json.loads(before.read_bytes())["continuationToken"]
        self._pages[invoice_id, collection, leads_here] = path.read_bytes()

    def invoices(self) -> Mapping[str, bytes]:
        """Id to invoice; more than the recorded list has."""
        return self._invoices

    def invoice(self, invoice_id: str) -> bytes | None:
        """One invoice: recorded, or cut out of the recorded list."""
        return self._invoices.get(invoice_id)

    def collection(self, invoice_id: str, collection: Collection) -> Sequence[bytes] | None:  # noqa: ARG002
        """None: only whole pages are recorded."""
        return None

    def unbilled(self, line_item_type: str, period: str) -> None:
        """None: no such page is recorded."""

    def summaries(self) -> None:
        """None: nor a summary."""

    def statement(self, invoice_id: str) -> bytes | None:  # noqa: ARG002 - none is recorded
        """None: no PDF is recorded."""
        return None

    def receipt(self, invoice_id: str, receipt_id: str) -> bytes | None:  # noqa: ARG002
        """None: no PDF is recorded."""
        return None

    def page(self, ask: Ask) -> bytes | None:
        """The recorded response; an empty page past the end of what is paged by offset."""
        if ask.collection is None:
            return self._list if not ask.offset else _empty("/invoices")
        key = (ask.invoice_id or "", ask.collection, ask.continuation)
        if key in self._pages and ask.offset and ask.collection[0] in BY_OFFSET:
            return _empty(f"/invoices/{ask.invoice_id}/lineitems")
        return self._pages.get(key)


def _one_less(number: re.Match[str]) -> str:
    return str(int(number[0]) - 1)


def _slices(text: str) -> list[tuple[str, bytes]]:
    """Every invoice of a list with the very characters it has there."""
    decoder, slices = json.JSONDecoder(), []
    at = text.index("[", text.index('"items"'))
    while text[at] in "[,":
        start = text.index("{", at)
        invoice, end = decoder.raw_decode(text, start)
        slices.append((invoice["id"], text[start:end].encode()))
        at = end + len(text[end:]) - len(text[end:].lstrip())
    return slices


def _empty(uri: str) -> bytes:
    """The end of a collection, which no seed shows: ours."""
    return encoded(
        {
            "totalCount": 0,
            "items": [],
            "links": {"self": {"uri": uri, "method": "GET", "headers": []}},
            "attributes": {"objectType": "Collection"},
        }
    ).encode()

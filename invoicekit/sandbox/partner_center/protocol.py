"""What the server asks of a partner: the seam between the generated and the recorded one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Collection = tuple[str, str]
"""(provider, line item type) as the service's JSON spells them."""


@dataclass(frozen=True)
class Ask:
    """What is asked, in the service's own spelling, whichever style the address had."""

    invoice_id: str | None = None
    collection: Collection | None = None
    offset: int = 0
    continuation: str | None = None


class Partner(Protocol):
    """A partner's invoices. Every `bytes` is finished JSON (or PDF), never built anew."""

    @property
    def made_up(self) -> bool:
        """Whether it is nobody's data, so that its token may be known to all."""
        ...

    def invoices(self) -> Mapping[str, bytes]:
        """Id to invoice, in the order of the list."""
        ...

    def invoice(self, invoice_id: str) -> bytes | None:
        """One invoice; None if there is no such."""
        ...

    def collection(self, invoice_id: str, collection: Collection) -> Sequence[bytes] | None:
        """All line items of one collection; None if the invoice has no such."""
        ...

    def unbilled(self, line_item_type: str, period: str) -> Sequence[bytes] | None:
        """All line items of a month not billed (`current`, `previous`) in US dollars, if any."""
        ...

    def summaries(self) -> Sequence[bytes] | None:
        """An InvoiceSummary per currency; None if none is known."""
        ...

    def statement(self, invoice_id: str) -> bytes | None:
        """The invoice as PDF."""
        ...

    def receipt(self, invoice_id: str, receipt_id: str) -> bytes | None:
        """One tax receipt as PDF."""
        ...

    def page(self, ask: Ask) -> bytes | None:
        """A whole response that was recorded; None leaves the answer to the server."""
        ...

"""A partner with one invoice of any number of lines, all of them on Graph, for benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from invoicekit.sandbox.graph import rows
from invoicekit.sandbox.graph.exports import Asked, Export, Unknown, export_of, repeated
from invoicekit.sandbox.partner.ids import digest
from invoicekit.sandbox.partner.invoices import MONTHS, modern_spec, month
from invoicekit.sandbox.partner.lines import lines_of
from invoicekit.sandbox.partner.modern import charges
from invoicekit.sandbox.partner_center.headers import detail
from invoicekit.sandbox.partner_center.headers import invoice as header
from invoicekit.sandbox.partner_center.protocol import Ask, Collection
from invoicekit.sandbox.wire import encoded


class Volume:
    """The demo partner's newest invoice, its billing lines over and over.

    No more than one round of them, some eight megabytes, is in memory.

    Args:
        lines: how many.
        blobs: in how many blobs of about the same size.
    """

    made_up = True
    invoice_id = "G012399999"

    def __init__(self, lines: int, blobs: int) -> None:
        spec = modern_spec(month(MONTHS - 1))._replace(id=self.invoice_id, receipts=())
        found = list(lines_of(spec, charges(spec)))
        texts = list(rows.reconciliation(spec, found, "full"))
        shares = [lines * (n + 1) // blobs - lines * n // blobs for n in range(blobs)]
        version = digest("volume", lines, blobs).hex()[:17]
        self._export = export_of(*(repeated(texts, share) for share in shares), etag=version)
        cents = sum(
            sum(line.charge.total for line in found) * (share // len(found))
            + sum(line.charge.total for line in found[: share % len(found)])
            for share in shares
        )
        self.total = Decimal(cents).scaleb(-spec.currency.places)
        values = header(spec, cents)
        values["invoiceDetails"] = [detail(spec, "one_time", "billing_line_items")]
        self._header = encoded(values).encode()

    def __repr__(self) -> str:
        return f"<Volume: {self.invoice_id}, {len(self._export.blobs)} blobs>"

    def export(self, asked: Asked) -> Export | None:
        """The billing lines; there is nothing else.

        Raises:
            Unknown: another invoice.
        """
        if asked.billed and asked.invoice_id != self.invoice_id:
            raise Unknown
        return self._export if asked.billed and asked.dataset == "reconciliation" else None

    def invoices(self) -> Mapping[str, bytes]:
        """The one invoice."""
        return {self.invoice_id: self._header}

    def invoice(self, invoice_id: str) -> bytes | None:
        """The invoice; None for any other."""
        return self.invoices().get(invoice_id)

    def collection(self, invoice_id: str, collection: Collection) -> None:
        """None: Partner Center has no lines of it."""

    def unbilled(self, line_item_type: str, period: str) -> None:
        """None: what there is is billed."""

    def summaries(self) -> None:
        """None: nor has it a balance."""

    def statement(self, invoice_id: str) -> None:
        """None: it has no PDF."""

    def receipt(self, invoice_id: str, receipt_id: str) -> None:
        """None: nor any tax receipt."""

    def page(self, ask: Ask) -> None:
        """None: nothing is recorded."""

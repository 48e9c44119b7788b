"""The demo partner: twelve months of invoices that exist nowhere, the same on every machine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cached_property, lru_cache
from threading import RLock

from invoicekit.sandbox.faults import planted
from invoicekit.sandbox.graph.demo_exports import DemoExports
from invoicekit.sandbox.partner import invoices
from invoicekit.sandbox.partner.balances import balances
from invoicekit.sandbox.partner.customers import PARTNER_NAME
from invoicekit.sandbox.partner.invoices import Spec
from invoicekit.sandbox.partner.legacy import Licence, Metered, licences, metered
from invoicekit.sandbox.partner.modern import Charge, charges
from invoicekit.sandbox.partner.unbilled import unbilled
from invoicekit.sandbox.partner_center.balances import summary
from invoicekit.sandbox.partner_center.daily_rated_rows import daily_rated_rows
from invoicekit.sandbox.partner_center.headers import amendment
from invoicekit.sandbox.partner_center.headers import invoice as header
from invoicekit.sandbox.partner_center.legacy_rows import (
    daily_usage_rows,
    license_based_rows,
    usage_based_rows,
)
from invoicekit.sandbox.partner_center.onetime_rows import onetime_rows
from invoicekit.sandbox.partner_center.pdf import pdf
from invoicekit.sandbox.partner_center.protocol import Ask, Collection
from invoicekit.sandbox.wire import encoded, plain

USAGE = "usage_line_items"


class DemoPartner:
    """The generated partner.

    Billing lines are integers first; an invoice's total is their sum. Their JSON, and all daily
    usage, is made when somebody asks for it, once.

    Args:
        graph: whether Microsoft Graph has what it has in reality: then Partner Center has no lines
            of new commerce from 2024-02 on, and there are three older invoices whose lines it has.
        faults: names of what is planted in the newest invoice, of `FAULTS`.
    """

    made_up = True
    newest_invoice_id = invoices.NEWEST_ID
    planted_invoice_id = invoices.PLANTED_ID
    euro_invoice_id = invoices.EUR_ID
    yen_invoice_id = invoices.JPY_ID

    def __init__(self, *, graph: bool = False, faults: Sequence[str] = ()) -> None:
        specs = (*invoices.specs(), *invoices.archive()) if graph else invoices.specs()
        self._specs = {spec.id: spec for spec in specs}
        self._graph, self._faults = graph, faults
        self._lines: dict[str, _Lines] = {}
        self._rows: dict[tuple[str, Collection], list[bytes]] = {}
        self._lock = RLock()

    def __repr__(self) -> str:
        return f"<DemoPartner: {len(self._specs)} invoices>"

    # What the server asks.

    def invoices(self) -> Mapping[str, bytes]:
        """Id to invoice, in the order of the list."""
        listed = (spec for spec in self._specs.values() if not spec.amends)
        return {spec.id: self._invoice(spec) for spec in listed}

    def invoice(self, invoice_id: str) -> bytes | None:
        """One invoice; None if there is no such."""
        spec = self._specs.get(invoice_id)
        return None if spec is None else self._invoice(spec)

    def collection(self, invoice_id: str, collection: Collection) -> Sequence[bytes] | None:
        """All line items of one collection; None if Partner Center has no such."""
        spec = self._specs.get(invoice_id)
        if spec is None or collection not in spec.pairs or (self._graph and spec.on_graph):
            return None
        return self._rows_of(spec, collection)

    def _rows_of(self, spec: Spec, collection: Collection) -> list[bytes]:
        with self._lock:
            key = spec.id, collection
            if key not in self._rows:
                self._rows[key] = self._lines_of(spec).rows(collection)
            return self._rows[key]

    def unbilled(self, line_item_type: str, period: str) -> Sequence[bytes] | None:
        """The lines of a month not billed yet; None where they are Graph's to give."""
        if self._graph:
            return None
        with self._lock:
            key = f"unbilled {period}", ("one_time", line_item_type)
            if key not in self._rows:
                make = daily_rated_rows if line_item_type == USAGE else onetime_rows
                self._rows[key] = make(*unbilled("last" if period == "previous" else period))
            return self._rows[key]

    def summaries(self) -> Sequence[bytes]:
        """An InvoiceSummary per currency."""
        return [summary(each) for each in balances(self._specs.values(), self._total)]

    @cached_property
    def exports(self) -> DemoExports:
        """What Graph exports: the same lines as Partner Center's, whoever of the two has them."""
        return DemoExports(self._specs, self._charges_of, self._used_of, self._faults)

    def _charges_of(self, spec: Spec) -> Sequence[Charge]:
        lines = self._lines_of(spec)
        return lines.charges if isinstance(lines, _ModernLines) else ()

    def _used_of(self, spec: Spec) -> Sequence[Charge]:
        lines = self._lines_of(spec)
        return lines.used if isinstance(lines, _ModernLines) else ()

    def statement(self, invoice_id: str) -> bytes | None:
        """The invoice as PDF."""
        spec = self._specs.get(invoice_id)
        if spec is None:
            return None
        return pdf(
            [
                "Sandbox statement: nobody owes this.",
                f"Invoice {spec.id}, {spec.issued.isoformat()}",
                f"{PARTNER_NAME}: {self.total(spec.id)} {spec.currency.code}",
            ]
        )

    def receipt(self, invoice_id: str, receipt_id: str) -> bytes | None:
        """One tax receipt as PDF."""
        spec = self._specs.get(invoice_id)
        if spec is None or receipt_id not in spec.receipts:
            return None
        return pdf(["Sandbox tax receipt: of no value.", f"Receipt {receipt_id} for {spec.id}"])

    def page(self, ask: Ask) -> bytes | None:  # noqa: ARG002 - nothing here is recorded
        """None: every page is the server's to build."""
        return None

    # What tests may know, counted apart from any JSON.

    @property
    def planted_credit(self) -> Decimal:
        """The credit (negative) that is in one invoice's header and in none of its lines."""
        spec = self._specs[self.planted_invoice_id]
        return _amount(spec, spec.credit)

    def counts(self, invoice_id: str) -> dict[Collection, int]:
        """(provider, line item type) to number of lines."""
        spec = self._specs[invoice_id]
        return {pair: len(self._rows_of(spec, pair)) for pair in spec.pairs}

    def total(self, invoice_id: str) -> Decimal:
        """The invoice's total as its header has it."""
        spec = self._specs[invoice_id]
        return _amount(spec, self._total(spec))

    def customer_totals(self, invoice_id: str) -> dict[str | None, Decimal]:
        """Bare lower-case customer id (None for nobody's lines) to the sum of its billing lines."""
        spec = self._specs[invoice_id]
        sums: defaultdict[str | None, int] = defaultdict(int)
        for line in self._lines_of(spec).billing:
            sums[line.customer.id if line.customer else None] += line.total
        return {customer: _amount(spec, minor) for customer, minor in sums.items()}

    def _lines_of(self, spec: Spec) -> _Lines:
        with self._lock:
            if spec.id not in self._lines:
                faults = self._faults if spec.id == self.newest_invoice_id else ()
                self._lines[spec.id] = (
                    _ModernLines(spec, faults) if spec.modern else _LegacyLines(spec)
                )
            return self._lines[spec.id]

    def _total(self, spec: Spec) -> int:
        lines = self._lines_of(spec)
        return sum(line.total for line in lines.billing) + lines.header + spec.credit

    def _invoice(self, spec: Spec) -> bytes:
        notes = [note for note in self._specs.values() if note.amends == spec.id]
        nested = [amendment(note, self._total(note)) for note in notes]
        return encoded(header(spec, self._total(spec), nested)).encode()


class _ModernLines:
    """The lines of an invoice of new commerce, with these faults."""

    def __init__(self, spec: Spec, faults: Sequence[str]) -> None:
        self._spec = spec
        self.charges, self.used, self.header = planted(charges(spec), faults)
        self.billing: Sequence[Charge | Licence | Metered] = self.charges

    def rows(self, collection: Collection) -> list[bytes]:
        """The lines of that collection as JSON."""
        if collection[1] == USAGE:
            return daily_rated_rows(self._spec, self.used)
        return onetime_rows(self._spec, self.charges)


class _LegacyLines:
    """The lines of a legacy invoice."""

    header = 0

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._licences, self._metered = licences(spec), metered(spec)
        self.billing: Sequence[Charge | Licence | Metered] = (*self._licences, *self._metered)

    def rows(self, collection: Collection) -> list[bytes]:
        """The lines of that collection as JSON."""
        if collection == ("office", "billing_line_items"):
            return license_based_rows(self._spec, self._licences)
        usage = collection[1] == USAGE
        make = daily_usage_rows if usage else usage_based_rows
        return make(self._spec, self._metered)


_Lines = _ModernLines | _LegacyLines


def _amount(spec: Spec, minor: int) -> Decimal:
    return Decimal(plain(minor, spec.currency.places, keep=spec.currency.places))


@lru_cache(maxsize=2)
def demo_partner(*, graph: bool = False) -> DemoPartner:
    """The demo partner; one for the process, since it never changes."""
    return DemoPartner(graph=graph)

"""Billing lines of new commerce as every source tells them: a charge, and what goes with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from random import Random
from typing import NamedTuple

from invoicekit.sandbox.partner.customers import RESELLER_MPN, name_on
from invoicekit.sandbox.partner.ids import guid
from invoicekit.sandbox.partner.invoices import DAY_OF_TICKS, Spec
from invoicekit.sandbox.partner.modern import Charge

ODD_KINDS = {"new": "New"}  # the case is not to be relied on
QUOTED_EVERY = 3  # of the lines, every third has its numbers as text
RESELLER_EVERY = 5


class Line(NamedTuple):
    """One billing line; `place` is its number, from which its oddities follow."""

    charge: Charge
    place: int
    ticks: int  # of the order, after midnight, of 100 ns

    @property
    def quoted(self) -> bool:
        """Whether its numbers are written as text."""
        return self.place % QUOTED_EVERY == 0

    @property
    def odd(self) -> bool:
        """Whether its place is odd: half of the lines have what the others lack."""
        return self.place % 2 == 1

    @property
    def kind(self) -> str:
        """The charge type, its case as it happens to be."""
        kind = self.charge.kind
        return kind if self.quoted else ODD_KINDS.get(kind, kind)

    def currency(self, spec: Spec) -> str:
        """The invoice's, unless a fault was planted."""
        return self.charge.odd.currency or spec.currency.code

    @property
    def customer_name(self) -> str:
        """What the customer was called when the charge began; empty where there is none."""
        customer = self.charge.customer
        return name_on(customer, self.charge.start) if customer else ""

    @property
    def reseller(self) -> str:
        """The reseller's MPN id; empty for none."""
        return str(RESELLER_MPN) if self.place % RESELLER_EVERY == RESELLER_EVERY - 1 else ""

    @property
    def publisher_id(self) -> str:
        """Empty on every other line."""
        return "" if self.odd else guid("publisher", self.charge.product.publisher)[:8]

    @property
    def description(self) -> str:
        """The subscription's, on every other line that has one."""
        return self.charge.product.sku if self.charge.subscription and self.odd else ""

    @property
    def term_end(self) -> date:
        """The last day of the subscription's term."""
        return self.charge.start + timedelta(days=364)

    @property
    def quote(self) -> str:
        """The id of a quote, on every other line."""
        return f"QUOTE-{self.charge.order}" if self.odd else ""

    @property
    def adjustment(self) -> str:
        """Why the price is not the list's: a JSON array of texts, in a text."""
        earned = self.charge.reason.startswith("Partner")
        return '["15.0% Partner earned credit for services managed"]' if earned else ""

    @property
    def meter(self) -> str:
        """The meter's description, of usage."""
        return "Azure plan usage" if self.charge.product.unit else ""

    @property
    def reservation(self) -> str:
        """The reservation's order, of a reservation."""
        reserved = self.charge.product.name.startswith("Reserved")
        return guid("reservation", self.charge.order) if reserved else ""

    @property
    def promotion(self) -> str:
        """The id of a promotion, on a few lines."""
        return guid("promotion") if self.place % 11 == 0 else ""

    @property
    def list_price(self) -> int:
        """For one unit, in millionths of a dollar."""
        return self.charge.product.price * 10_000 or abs(self.charge.unit)


def lines_of(spec: Spec, charges: Sequence[Charge]) -> Iterator[Line]:
    """A line for each charge, in order; equal charges are equal lines: they have no key."""
    rng = Random(f"rows {spec.id}")
    made: dict[Charge, Line] = {}
    for place, charge in enumerate(charges):
        if charge not in made:
            made[charge] = Line(charge, place, rng.randrange(DAY_OF_TICKS))
        yield made[charge]

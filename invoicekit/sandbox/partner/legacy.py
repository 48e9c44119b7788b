"""The legacy programme: licences and Azure usage, billed on `D…` invoices."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from random import Random
from typing import NamedTuple

from invoicekit.sandbox.partner.catalogue import OFFERS, RESOURCES, Offer, Resource
from invoicekit.sandbox.partner.customers import CUSTOMERS, Customer, taxed
from invoicekit.sandbox.partner.ids import digest
from invoicekit.sandbox.partner.invoices import Spec

LICENSED = CUSTOMERS[:22]
METERED = CUSTOMERS[:12]
CYCLE = ("PURCHASE FEE", "CYCLE FEE", "CYCLE FEE", "CYCLE FEE", "RENEWAL FEE")
CONSUMED_PLACES = 6  # of a billed quantity
PRICE_PLACES = 4
MOVED = 40  # a month, one licence in so many moves to new commerce


class Licence(NamedTuple):
    """One billed licence; amounts in minor units."""

    customer: Customer
    offer: Offer
    number: int
    kind: str
    start: date
    end: date
    quantity: int
    unit: int
    discount: int
    subtotal: int
    tax: int

    @property
    def total(self) -> int:
        """What the line adds to the invoice, in minor units."""
        return self.subtotal + self.tax


class Metered(NamedTuple):
    """One billed Azure resource; amounts in minor units, `consumed` in 10**-6 units."""

    customer: Customer
    resource: Resource
    number: int
    consumed: int
    included: int
    discount: int
    subtotal: int
    tax: int

    @property
    def total(self) -> int:
        """What the line adds to the invoice, in minor units."""
        return self.subtotal + self.tax


def licences(spec: Spec) -> tuple[Licence, ...]:
    """Every licence line of the invoice."""
    return tuple(_licences(spec, Random(f"licences {spec.id}")))


def _licences(spec: Spec, rng: Random) -> Iterator[Licence]:
    of = spec.month
    for customer in LICENSED:
        for number, offer in enumerate(OFFERS):
            if digest(customer.number, number)[0] % MOVED < of.number:
                continue  # moved to new commerce by now
            quantity = 1 + digest(customer.number, number, "seats")[0] % 30
            amount = offer.price * quantity
            discount = amount // 10 if number == 1 else 0
            subtotal = amount - discount
            yield Licence(
                customer, offer, number, rng.choice(CYCLE), of.start, of.end,
                quantity, offer.price, discount, subtotal, taxed(subtotal, customer),
            )  # fmt: skip
            if rng.randrange(9) == 0:  # seats given back: the rest of the month is credited
                since = of.day(2 + rng.randrange(of.days - 2))
                unit = offer.price * ((of.end - since).days + 1) // of.days
                yield Licence(
                    customer, offer, number, "PRORATE FEE WHEN CANCEL", since, of.end,
                    -1, unit, 0, -unit, taxed(-unit, customer),
                )  # fmt: skip


def metered(spec: Spec) -> tuple[Metered, ...]:
    """Every Azure line of the invoice."""
    rng = Random(f"metered {spec.id}")
    lines = []
    for customer in METERED:
        for number, resource in enumerate(RESOURCES):
            consumed = rng.randrange(5_000_000, 900_000_000)
            included = 5_000_000 if resource.name.startswith("Data") else 0
            charged = consumed - included
            price = charged * resource.price // 10 ** (CONSUMED_PLACES + PRICE_PLACES - 2)
            discount = price // 20 if number == 0 else 0
            subtotal = price - discount
            lines.append(
                Metered(
                    customer,
                    resource,
                    number,
                    consumed,
                    included,
                    discount,
                    subtotal,
                    taxed(subtotal, customer),
                )
            )
    return tuple(lines)

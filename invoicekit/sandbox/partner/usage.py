"""Daily rated usage: the Azure charges of an invoice, day by day and meter by meter.

The days of a subscription add up to its billing line: rounded down to minor units they are its
subtotal. Amounts are integers of 10**-15, so that every digit is meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from random import Random
from typing import NamedTuple

from invoicekit.sandbox.partner.catalogue import METERS, REGIONS, Meter
from invoicekit.sandbox.partner.customers import name_on
from invoicekit.sandbox.partner.ids import guid
from invoicekit.sandbox.partner.invoices import Spec
from invoicekit.sandbox.partner.modern import Charge

AMOUNT_PLACES = 15
RATE_PLACES = 22
PRICE_PLACES = 10
EARNED = 15  # percent of partner earned credit
CREDITS = {True: "Partner Earned Credit Applied", False: "Credit Not Applied"}
TAGS = ("", '{"env":"production","owner":"nobody"}', '{"env":"test; 100%"}')


class Metering(NamedTuple):
    """One meter of one subscription, on all its days; `number` counts the subscriptions."""

    charge: Charge
    number: int
    meter: Meter

    @property
    def region(self) -> tuple[str, str]:
        """Where the resource is: the meter's word for it, and Azure's."""
        return REGIONS[self.number % len(REGIONS)]

    @property
    def group(self) -> str:
        """The resource group."""
        return f"rg-sandbox-{self.number % 9}"

    @property
    def entitlement(self) -> str:
        """The Azure subscription's id."""
        return guid("entitlement", self.charge.subscription)

    @property
    def uri(self) -> str:
        """The resource's address in Azure."""
        resource = f"{self.meter.category.lower().replace(' ', '-')}-{self.number:03}"
        return (
            f"/subscriptions/{self.entitlement}/resourceGroups/{self.group}"
            f"/providers/{self.meter.service}/{resource}"
        )

    @property
    def earned(self) -> int:
        """The partner earned credit, in percent."""
        return EARNED if self.charge.reason else 0


class Day(NamedTuple):
    """What a meter counted on one day, and what that cost."""

    metering: Metering
    day: date
    quantity: int  # of 10**-15
    billed: int  # of 10**-15 in the billing currency, before tax
    priced: int  # of 10**-15 in US dollars
    effective: int  # the rate, of 10**-22 US dollars

    @property
    def customer_name(self) -> str:
        """What the customer was called on that day."""
        customer = self.metering.charge.customer
        return name_on(customer, self.day) if customer else ""


def usage(spec: Spec, charges: Sequence[Charge]) -> Iterator[Day]:
    """Every day's usage behind the charges, in the order the service gives it."""
    rng = Random(f"daily rated {spec.id}")
    used = [line for line in charges if line.product.unit and line.kind == "new"]
    for number, line in enumerate(used):
        yield from _days(spec, line, number, rng)


def split(amount: int, parts: int, rng: Random) -> list[int]:
    """`amount` in that many uneven parts that add up to it exactly."""
    weights = [50 + rng.randrange(100) for _ in range(parts)]
    whole = sum(weights)
    shares = [amount * weight // whole for weight in weights]
    shares[-1] += amount - sum(shares)
    return shares


def _days(spec: Spec, line: Charge, number: int, rng: Random) -> Iterator[Day]:
    of, places = spec.month, spec.currency.places
    days = range(1, line.end.day + 1, spec.usage_step)
    meters = [METERS[(number + n) % len(METERS)] for n in range(spec.meters)]
    # Less than one minor unit more than was billed: the service rounds down.
    minor_unit = 10 ** (AMOUNT_PLACES - places)
    amount = line.subtotal * minor_unit + rng.randrange(minor_unit)
    shares = iter(split(amount, len(days) * len(meters), rng))
    for meter in meters:
        metering = Metering(line, number, meter)
        list_price = meter.price * 10 ** (RATE_PLACES - PRICE_PLACES)
        price = list_price * (100 - metering.earned) // 100
        for day in days:
            share = next(shares)
            # The rate wobbles in its last digits, down to the 22nd decimal, as a sample's does.
            effective = price - rng.randrange(1, 10 ** (RATE_PLACES - 8))
            dollars = share * 1_000_000 // spec.currency.rate
            quantity = dollars * 10**RATE_PLACES // effective
            yield Day(metering, of.day(day), quantity, share, dollars, effective)

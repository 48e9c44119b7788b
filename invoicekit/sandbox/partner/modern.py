"""Billing of new commerce: the charges as integers, then as OneTimeInvoiceLineItem rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import lru_cache
from random import Random
from typing import NamedTuple

from invoicekit.sandbox.partner.catalogue import ADJUSTMENT, AZURE_PLAN, ONE_OFF, SEATS, Product
from invoicekit.sandbox.partner.customers import CUSTOMERS, RENAMED, RENAMED_ON, Customer, taxed
from invoicekit.sandbox.partner.ids import guid
from invoicekit.sandbox.partner.invoices import Spec, order_id

AZURE_CUSTOMERS = (*CUSTOMERS[:10], *CUSTOMERS[-10:])  # half of them use Azure,
AZURE_SUBSCRIPTIONS = 3  # in so many subscriptions each
CENT = 10_000  # in millionths of a dollar
REPEATED = 3  # how often the repeated line is there


class Oddity(NamedTuple):
    """What a planted fault makes of a line; a clean one has none of it."""

    total: int = 0  # that the row's total has beyond subtotal and tax, in minor units
    currency: str = ""  # where it is not the invoice's
    extra: tuple[tuple[str, str], ...] = ()  # fields that are not documented, and their texts


class Charge(NamedTuple):
    """One billing line: `unit` in millionths of a dollar, `subtotal` and `tax` in minor units."""

    customer: Customer | None
    product: Product
    kind: str
    order: str
    subscription: str
    start: date
    end: date
    unit: int
    quantity: int
    subtotal: int
    tax: int
    reason: str = ""
    odd: Oddity = Oddity()

    @property
    def total(self) -> int:
        """What the line adds to the invoice, in minor units."""
        return self.subtotal + self.tax + self.odd.total


class Subscription(NamedTuple):
    """Seats of one product for one customer, from the month `first` to the month `last`."""

    id: str
    order: str
    customer: Customer
    product: Product
    seats: int
    growth: int  # seats gained each quarter
    first: int
    last: int
    day: int  # on which it began, and is cancelled

    def seats_in(self, number: int) -> int:
        """The seats in that month; never fewer than one."""
        return max(1, self.seats + self.growth * (number // 3))


@lru_cache(maxsize=1)
def book() -> tuple[Subscription, ...]:
    """Every subscription of seats that the partner has sold."""
    rng = Random("book")
    sold = []
    for customer in CUSTOMERS[:-1]:  # the last one buys nothing but Azure
        for number in range(5 + rng.randrange(7)):
            product = rng.choice(SEATS)
            starts, ends = rng.randrange(4) == 0, rng.randrange(8) == 0
            first = rng.randrange(1, 12) if starts else -rng.randrange(1, 12)
            sold.append(
                Subscription(
                    guid("subscription", customer.number, number),
                    order_id(customer.number, number),
                    customer,
                    product,
                    seats=1 + rng.randrange(40),
                    growth=rng.choice((-1, 0, 0, 1, 2)),
                    first=first,
                    last=max(first, 0) + rng.randrange(1, 12) if ends else 99,
                    day=2 + rng.randrange(26),
                )
            )
    return tuple(sold)


def charges(spec: Spec) -> tuple[Charge, ...]:
    """Every billing line of the invoice, in the order the service gives them."""
    if spec.amends:
        first, *_ = charges(spec._replace(id=spec.amends, amends=""))
        return (credited(first),)
    rng = Random(f"charges {spec.id}")
    if spec.countries:
        buyers = [customer for customer in CUSTOMERS if customer.country in spec.countries]
        return (*one_off(spec, rng, buyers, 24), *azure(spec, rng, buyers))
    return (
        *seats(spec),
        *azure(spec, rng, AZURE_CUSTOMERS),
        *one_off(spec, rng, CUSTOMERS[:20], 6),
        *seat_changes(spec, rng),
        *unassigned(spec, rng),
    )


def credited(line: Charge) -> Charge:
    """The charge given back."""
    return line._replace(
        kind="customerCredit",
        quantity=-line.quantity,
        subtotal=-line.subtotal,
        tax=-line.tax,
    )


def seat_charge(spec: Spec, sold: Subscription, kind: str, quantity: int, since: date) -> Charge:
    """`quantity` seats from `since` to the end of the month; negative gives them back."""
    until = spec.month.end
    days = (until - since).days + 1
    unit = sold.product.price * CENT * days // spec.month.days
    subtotal = spec.currency.minor(unit) * quantity
    return Charge(
        sold.customer, sold.product, kind, sold.order, sold.id, since, until,
        unit, quantity, subtotal, taxed(subtotal, sold.customer),
    )  # fmt: skip


def seats(spec: Spec) -> Iterator[Charge]:
    """The month's fee of every subscription, prorated where it begins or is cancelled."""
    of = spec.month
    for sold in book():
        if not sold.first <= of.number <= sold.last:
            continue
        quantity = sold.seats_in(of.number)
        since = of.day(sold.day) if sold.first == of.number else of.start
        kind = "cycleFee"
        if sold.first == of.number:
            kind = "new"
        elif (of.number - sold.first) % 12 == 0:
            kind = "renew"
        yield seat_charge(spec, sold, kind, quantity, since)
        if sold.last == of.number and sold.first != of.number:
            stop = of.day(sold.day)
            yield seat_charge(spec, sold, "cancelImmediate", -quantity, stop)


def seat_changes(spec: Spec, rng: Random) -> Iterator[Charge]:
    """Seats changed within the month: each change credits the old number and charges the new."""
    of = spec.month
    running = [sold for sold in book() if sold.first < of.number < sold.last]
    for number in range(spec.seat_changes):
        # The renamed customer always has one, so that both of its names are on the invoice.
        renamed = [sold for sold in running if sold.customer is RENAMED] if number == 0 else []
        sold = renamed[0] if renamed else rng.choice(running)
        day = RENAMED_ON.day if renamed else rng.randrange(2, of.days + 1)
        old = sold.seats_in(of.number) + rng.randrange(3)
        new = old + rng.choice((-2, -1, 1, 1, 2, 3))
        since = of.day(day)
        kind = "addQuantity" if new > old else "removeQuantity"
        yield seat_charge(spec, sold, kind, -old, since)
        yield seat_charge(spec, sold, kind, max(new, 1), since)


def azure(spec: Spec, rng: Random, buyers: Sequence[Customer]) -> Iterator[Charge]:
    """What each Azure subscription used; the daily rated usage restates these very lines."""
    of = spec.month
    for customer in buyers:
        for number in range(AZURE_SUBSCRIPTIONS):
            unit = (18_000 + rng.randrange(60_000) + 900 * max(of.number, 0)) * CENT
            subtotal = spec.currency.minor(unit)
            order = order_id("azure", spec.currency.code, customer.number)
            subscription = guid("azure", spec.currency.code, customer.number, number)
            yield Charge(
                customer, AZURE_PLAN, "new", order, subscription, of.start, of.end,
                unit, 1, subtotal, taxed(subtotal, customer),
                "" if number else "Partner Earned Credit Applied",
            )  # fmt: skip
        if customer.number % 6 == 1:
            unit = -(1_000 + rng.randrange(5_000)) * CENT
            subtotal = -spec.currency.minor(-unit)
            yield Charge(
                customer, AZURE_PLAN, "customerCredit", order, subscription, of.start, of.end,
                unit, 1, subtotal, taxed(subtotal, customer), "Azure Credit Applied",
            )  # fmt: skip


def one_off(spec: Spec, rng: Random, buyers: Sequence[Customer], count: int) -> Iterator[Charge]:
    """Reservations, software and SaaS; the first purchase is billed several times, rightly so."""
    of = spec.month
    for number in range(count):
        customer, product = rng.choice(buyers), rng.choice(ONE_OFF)
        quantity, start = 1 + rng.randrange(12), of.day(1 + rng.randrange(of.days))
        unit = product.price * CENT + (rng.randrange(CENT) if number % 2 else 0)
        subtotal = spec.currency.minor(unit) * quantity
        line = Charge(
            customer, product, "new", order_id(spec.id, number),
            guid("purchase", spec.id, number), start, start + timedelta(days=364),
            unit, quantity, subtotal, taxed(subtotal, customer),
        )  # fmt: skip
        yield from (line,) * (REPEATED if number == 0 else 1)


def unassigned(spec: Spec, rng: Random) -> Iterator[Charge]:
    """Adjustments that belong to the partner, not to a customer."""
    of = spec.month
    for number, sign in enumerate((1, -1, 1)):
        cents = sign * (500 + rng.randrange(9_000))
        yield Charge(
            None, ADJUSTMENT, "customerCredit" if sign < 0 else "new",
            order_id(spec.id, "adjustment", number), "", of.start, of.end,
            cents * CENT, 1, cents, 0,
        )  # fmt: skip

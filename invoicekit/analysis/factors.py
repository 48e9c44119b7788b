"""What one key's change is made of: quantity, price, exchange rate, proration, and what is left.

In Python integers, 24 decimals to the unit of 1: polars' products of Decimal can overflow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

DECIMALS = 24
ONE: int = 10**DECIMALS
LIMIT: int = 10**37  # a tenth of what a column of amounts holds: steps and what is left fit
CLOSE = 10_000
QUANTITY, PRICE, RATE = "quantity", "price", "exchange rate"
PRORATION, REST = "proration", "rest"


@dataclass(frozen=True, slots=True)
class Side:
    """The lines of one key on one side, summed; what is not one and the same in all is `None`."""

    subtotal: int
    quantity: int | None
    price: int | None
    rate: int | None
    days: int | None  # from the first to the last, the last not counted


# A step of a change: the part, and the difference.
Step = tuple[str, int]


def steps(before: Side | None, after: Side | None, unit: int) -> Iterator[Step]:
    """The steps from one side's subtotal to the other's; they add up to the difference exactly.

    `unit` is the currency's smallest.

    >>> list(steps(Side(11 * ONE, 2 * ONE, 5 * ONE, ONE, 30), None, ONE // 100)) == [
    ...     ("quantity", -10 * ONE), ("rest", -ONE)]
    True
    """
    if before is None or after is None:
        before, after = _one_sided(before, after)
    left = after.subtotal - before.subtotal
    found = _factors(before, after)
    if found and _other_days(before, after) and _same_amount_a_day(before, after, unit):
        found = [(PRORATION, left)]
    for part, difference in found:
        if difference:
            yield part, difference
            left -= difference
    if left:
        yield REST, left


def product(one: int, two: int, three: int) -> int:
    """The product of three numbers of 24 decimals, rounded half-even to 24.

    >>> product(3 * ONE, 1, ONE // 2), product(-3 * ONE, 1, ONE // 2), product(ONE, 5, ONE // 2)
    (2, -2, 2)
    """
    whole, left = divmod(one * two * three, ONE * ONE)
    half = ONE * ONE // 2
    return whole + int(left > half or (left == half and whole % 2 == 1))


def _one_sided(before: Side | None, after: Side | None) -> tuple[Side, Side]:
    """A subscription that is on one side alone was, or will be, none at the price that it has."""
    there = before or after
    if there is None:
        raise ValueError("a key is on one side at least")
    none = Side(0, 0, there.price, there.rate, None)
    return before or none, after or none


def _factors(before: Side, after: Side) -> list[Step]:
    """The change of the quantity, then the price, then the rate; none where one is not known."""
    numbers = (before.quantity, before.price, before.rate, after.quantity, after.price, after.rate)
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers):
        return []
    quantity, price, rate, quantity_after, price_after, rate_after = known
    prorated = _other_days(before, after) and _same_price_a_day(before, after)
    found = [
        (QUANTITY, product(quantity_after - quantity, price, rate)),
        (PRORATION if prorated else PRICE, product(quantity_after, price_after - price, rate)),
        (RATE, product(quantity_after, price_after, rate_after - rate)),
    ]
    fits = sum(abs(difference) for _, difference in found) < LIMIT
    return found if fits else []


def _other_days(before: Side, after: Side) -> bool:
    return before.days is not None and after.days is not None and before.days != after.days


def _same_amount_a_day(before: Side, after: Side, unit: int) -> bool:
    """To the currency's smallest unit: one of the two amounts may be rounded to it."""
    return any(
        2 * abs(after.subtotal * days - before.subtotal * days_after)
        <= unit * max(days, days_after)
        for days, days_after in _days(before, after)
    )


def _same_price_a_day(before: Side, after: Side) -> bool:
    """To one in ten thousand: a price for some days of a term is written rounded."""
    return any(
        CLOSE * abs(one - two) <= max(abs(one), abs(two))
        for days, days_after in _days(before, after)
        for one, two in [((after.price or 0) * days, (before.price or 0) * days_after)]
    )


def _days(before: Side, after: Side) -> Iterator[tuple[int, int]]:
    """Microsoft bills the last day with some charges, and not with others: either will do."""
    for last in (0, 1):
        days, days_after = (before.days or 0) + last, (after.days or 0) + last
        if min(days, days_after) > 0:
            yield days, days_after

"""The published rules by which Microsoft rounds an amount, in Python integers.

Numbers have 24 decimals to the unit of 1, as a Decimal column holds them: polars' own products of
Decimal can overflow, and are rounded to the column's scale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from invoicekit.analysis.factors import ONE, product


class Line(NamedTuple):
    """What an amount is made from: the price of `of` days, of which `days` are billed.

    `unit` is the smallest of the billing currency, `priced_in` that of the price's.
    """

    price: int
    quantity: int
    rate: int
    days: int
    of: int
    unit: int
    priced_in: int


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, what it makes of a line, and whether it is one for the days of a term."""

    name: str
    amount: Callable[[Line], int]
    prorates: bool = True


def rounded_down(number: int, of: int, unit: int) -> int:
    """`number / of`, cut to whole `unit`s: towards zero, as ROUNDDOWN of a spreadsheet.

    >>> rounded_down(799, 2, 100), rounded_down(-799, 2, 100)
    (300, -300)
    """
    whole = abs(number) // (of * unit) * unit
    return whole if number >= 0 else -whole


def half_up(number: int, of: int, unit: int) -> int:
    """`number / of` in whole `unit`s, a half away from zero.

    >>> half_up(500, 2, 100), half_up(-500, 2, 100), half_up(499, 2, 100)
    (300, -300, 200)
    """
    whole = (2 * abs(number) + of * unit) // (2 * of * unit) * unit
    return whole if number >= 0 else -whole


def _seats(line: Line) -> int:
    price = rounded_down(line.price * line.rate * line.days, ONE * line.of, line.unit)
    return product(price, line.quantity, ONE)


def _usage(line: Line) -> int:
    priced = rounded_down(line.price * line.quantity, ONE, line.priced_in)
    return rounded_down(priced * line.rate, ONE, line.unit)


def _price_half_up(line: Line) -> int:
    return product(half_up(line.price * line.days, line.of, line.unit), line.quantity, ONE)


def _amount_half_up(line: Line) -> int:
    return half_up(line.price * line.quantity * line.days, ONE * line.of, line.unit)


# The first two are those of "Use the reconciliation file (new commerce)"; what they do with amounts
# below zero, and in currencies without decimals, it does not say: they are cut towards zero, to the
# currency's own decimals. The third is what gives the amounts printed in "Common billing scenarios"
# of 2019. The last is legacy commerce's, as its resellers describe it: the price is printed cut to
# two decimals, and the amount made from the whole one; of usage Microsoft says it too, in the
# page on usage-based reconciliation files: the list price times the overage, to the nearest cent.
SEATS = Rule("price rounded down", _seats)
USAGE = Rule("amount rounded down twice", _usage, prorates=False)
PRICE_HALF_UP = Rule("price rounded half up", _price_half_up)
AMOUNT_HALF_UP = Rule("amount rounded half up", _amount_half_up)

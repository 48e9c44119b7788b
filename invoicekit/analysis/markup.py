"""What each customer is asked for: what the lines cost, a markup on their sum, rounded once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from functools import reduce
from typing import Any, Final

from invoicekit.analysis.money import EXACT, decimals_of, plain
from invoicekit.analysis.totals import totals
from invoicekit.visible import first_few, visible

Rate = int | str | Decimal
Markup = int | str | Mapping[str | None, Rate]

OTHERS: Final = "*"  # the customers that a mapping does not name
PERCENT: Final = re.compile(r"\s*([+-]?\d{1,6}(?:\.\d{1,12})?)\s*%?\s*")
MOST_NAMED: Final = 5
AT_COST: Final = "at cost"
HOW: Final = (
    "say it as a percent (10, '7.5%'), or per customer: {customer_id: '7.5%'} or, as an amount, "
    "{customer_id: Decimal('12.50')}; '*' stands for all others"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a customer is asked for in one currency; `cost + markup == total + rest`, exactly."""

    customer_id: str | None
    customer_name: str
    currency: str | None
    lines: int
    cost: Decimal  # what the lines come to
    markup: Decimal
    total: Decimal  # rounded once, at the currency's decimals, halves to even
    rest: Decimal  # what rounding left
    rate: Decimal | None = None  # percents; none where the markup is an amount, or there is none
    words: str = AT_COST  # the markup, for people

    @property
    def is_at_cost(self) -> bool:
        """Whether there is no markup, not even one of nothing."""
        return self.words == AT_COST


def asked_of(charges: Any, markup: Markup | None = None) -> list[Asked]:  # noqa: ANN401
    """A row for each customer and currency, the dearest of each currency first.

    Without a markup customers are asked for what their lines cost. A markup is of sums, never of
    unit prices: Microsoft bills with more decimals than it prints in a price.

    >>> asked_of(invoice.charges(), "7.5%")[0].words
    '+7.5%'
    >>> both = [one.total + one.rest - one.markup for one in asked_of(invoice.charges(), 10)]
    >>> sum(both) == invoice.reconcile().lines_total
    True

    Args:
        charges: a frame of charges, of any engine.
        markup: percents for all (`10`, `"7.5%"`), or by `customer_id` percents, or an amount of
            money as a `Decimal`; `"*"` stands for the customers that are not named, `None` for
            lines without a customer. A customer that is not asked for at all is said with `0`.

    Raises:
        ValueError: it is a float or no markup at all; it names customers that the lines have not,
            or leaves some out; or an amount is for a customer with lines in several currencies.
        FrameError: the amounts are too large to be added.
    """
    sums = totals(charges, "customer")
    rows = sums.select("customer_id", "customer_name", "currency", "lines", "total").rows()
    rates = _rates(markup, [row[0] for row in rows])
    return [_asked(row, rates[row[0]]) for row in rows]


def shares(amounts: Sequence[Decimal | None], asked: Asked) -> Iterator[Decimal | None]:
    """What of a customer's rounded total falls on each line: they add up to it.

    Each is rounded so that the lines so far come to their rounded sum.

    >>> asked = Asked("c", "C", "USD", 3, Decimal("0.99"), Decimal(0), Decimal("0.99"), Decimal(0))
    >>> [f"{share}" for share in shares([Decimal("0.333")] * 3, asked)]
    ['0.33', '0.34', '0.33']
    """
    factor = EXACT.add(Decimal(1), EXACT.scaleb(asked.rate or Decimal(0), -2))
    sofar, said = Decimal(0), Decimal(0)
    for amount in amounts:
        if amount is None:
            yield None
            continue
        sofar = EXACT.add(sofar, EXACT.multiply(amount, factor))
        now = _rounded(sofar, asked.currency)
        yield EXACT.subtract(now, said)
        said = now


def _asked(row: tuple[Any, ...], rate: Rate | None) -> Asked:
    customer_id, customer_name, currency, lines, total = row
    cost = total or Decimal(0)
    percents = _percents(rate) if isinstance(rate, int | str) else None
    if percents is not None:
        added, words = EXACT.scaleb(EXACT.multiply(cost, percents), -2), f"{percents:+f}%"
    elif isinstance(rate, Decimal):
        added, words = rate, f"{plain(rate, currency):+,f}"
    else:
        added, words = Decimal(0), AT_COST
    exact = EXACT.add(cost, added)
    rounded = _rounded(exact, currency)
    rest = EXACT.subtract(exact, rounded)
    name = customer_name or customer_id or ""
    added = EXACT.add(added, 0)
    return Asked(customer_id, name, currency, lines, cost, added, rounded, rest, percents, words)


def _rounded(amount: Decimal, currency: str | None) -> Decimal:
    unit = Decimal(1).scaleb(-decimals_of(currency))
    near = amount.quantize(unit, rounding=ROUND_HALF_EVEN, context=EXACT)
    return EXACT.add(near, 0)  # of -0 makes 0


def _rates(markup: Markup | None, ids: Sequence[str | None]) -> Mapping[str | None, Rate | None]:
    """The rate of each customer, all of them checked."""
    if markup is None:
        return dict.fromkeys(ids)
    if not isinstance(markup, Mapping):
        if isinstance(markup, Decimal):
            raise ValueError(f"a Decimal is an amount of money, and not for all customers: {HOW}")  # noqa: TRY004
        check_rate(markup)
        return dict.fromkeys(ids, markup)
    given = {_normal(key): rate for key, rate in markup.items()}
    if len(given) < len(markup):
        raise ValueError(f"the markup names a customer twice: {_named(markup)}")
    for rate in given.values():
        check_rate(rate)
    if strange := [key for key in given if key not in {*ids, OTHERS}]:
        raise ValueError(f"the invoice has no lines of the customers {_named(strange)}")
    if OTHERS not in given and (left := set(ids) - set(given)):
        raise ValueError(
            f"the markup leaves out {len(left):,} customers of the invoice (its totals by customer "
            "list them all): 0 is no markup, '*' stands for all others"
        )
    found = {one: given.get(one, given.get(OTHERS)) for one in ids}
    for one, mine in found.items():
        if isinstance(mine, Decimal) and list(ids).count(one) > 1:
            raise ValueError(
                f"{_named([one])} has lines in several currencies, so an amount could be of any of "
                "them: give percents"
            )
    return found


def check_rate(rate: object) -> None:
    """That it is a markup of one customer, and exact.

    Raises:
        ValueError: it is not; says what would be.
    """
    if isinstance(rate, float):
        raise ValueError(f"a markup of {rate!r} is a binary float, which is not exact: {HOW}")  # noqa: TRY004
    if isinstance(rate, Decimal):
        if not rate.is_finite() or abs(rate) >= Decimal(10) ** 14:
            raise ValueError(f"{rate} is no amount: {HOW}")
    elif isinstance(rate, bool) or not isinstance(rate, int | str):
        raise ValueError(f"a markup is not a {type(rate).__name__}: {HOW}")  # noqa: TRY004
    elif not PERCENT.fullmatch(f"{rate}"):
        raise ValueError(f"{visible(str(rate))!r} are no percents: write 10, 7.5% or -5%")


def _percents(rate: int | str) -> Decimal:
    found = PERCENT.fullmatch(f"{rate}")
    return EXACT.add(EXACT.normalize(Decimal(found[1])), 0) if found else Decimal(0)


def _normal(key: object) -> str | None:
    """A customer's id as the charges have it."""
    return None if key is None else str(key).strip().lower().removeprefix("org:")


def _named(ids: Sequence[object] | Mapping[Any, Any]) -> str:
    names = ["(no customer)" if one is None else visible(str(one)) for one in ids]
    return first_few(names, MOST_NAMED)


def summed(amounts: Iterator[Decimal] | Sequence[Decimal]) -> Decimal:
    """Amounts added up exactly."""
    return reduce(EXACT.add, amounts, Decimal(0))

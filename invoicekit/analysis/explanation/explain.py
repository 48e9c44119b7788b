"""Why each line costs what it costs: the rule, the days, the line it takes back, and in words."""

from __future__ import annotations

from calendar import isleap, monthrange
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import polars as pl

from invoicekit.analysis.explanation.explain_words import sentences
from invoicekit.analysis.explanation.mates import mates
from invoicekit.analysis.explanation.rounding import (
    AMOUNT_HALF_UP,
    PRICE_HALF_UP,
    SEATS,
    USAGE,
    Line,
    Rule,
)
from invoicekit.analysis.factors import DECIMALS, ONE
from invoicekit.analysis.money import EXACT, decimals_of
from invoicekit.frames.charges import CHARGES, charges, check_frames
from invoicekit.frames.schema import BY_OBJECT_TYPE, LICENSE, NUMBER
from invoicekit.frames.schema import USAGE as LEGACY_AZURE

# The rules in the order in which they are tried: those of legacy commerce first, or those of new
# commerce. There, what is billed in whole numbers is seats, and usage otherwise.
LEGACY = (AMOUNT_HALF_UP, PRICE_HALF_UP, SEATS, USAGE)
WHOLE = (SEATS, USAGE, PRICE_HALF_UP, AMOUNT_HALF_UP)
PARTS = (USAGE, SEATS, PRICE_HALF_UP, AMOUNT_HALF_UP)
# How many days are counted of a charge, beyond those from its first to its last: with the last one;
# without it; and one more, as Microsoft's example of 2019 (29 days for 12 June to 9 July).
COUNTED = (1, 0, 2)
DISCOUNT = "total_other_discount"  # of legacy licences: the subtotal is less by it
LEGACY_USAGE = LEGACY_AZURE.object_type
LEGACY_TYPES = frozenset({LICENSE.object_type, LEGACY_USAGE})
MONTH, YEAR = "month", "year"
CYCLES = {MONTH: ("month",), YEAR: ("year", "annual")}  # as a term's text spells them
LIMIT = 10**38  # what a column of numbers holds
EXPLAINED = {
    "rule": pl.String(),
    "nearest": NUMBER,  # where no rule gives the amount
    "price": NUMBER,
    "days": pl.Int64(),
    "of": pl.Int64(),
}
NUMBERS = (
    "subtotal", "effective_unit_price", "unit_price", "billable_quantity", "quantity",
    "exchange_rate",
)  # fmt: skip
WORDS = ("object_type", "currency", "pricing_currency", "term", "charge_start", "charge_end")


class Row(NamedTuple):
    """Of a line, what its amount is made from; numbers as integers."""

    subtotal: int | None
    effective: int | None
    listed: int | None
    billable: int | None
    quantity: int | None
    rate: int | None
    discount: int | None
    full: int | None
    object_type: str | None
    currency: str | None
    pricing_currency: str | None
    term: str | None
    start: date | None
    end: date | None


class Found(NamedTuple):
    """What comes nearest to a line's amount: the rule where it is the amount, and the days billed.

    `price` is the one that the amount was made from, where that is another than the line's own.
    """

    rule: str | None = None
    recomputed: int | None = None
    price: int | None = None
    days: int | None = None
    of: int | None = None


def explain(line_items: Mapping[str, Any]) -> pl.DataFrame:
    """The charges, and why each costs what it costs.

    Columns: those of `ik.charges()`, then `rule, recomputed, residual, mate, sentence`.

    `rule` is the published rule that gives the subtotal exactly: `price rounded down` (the price
    times the exchange rate cut to the currency's decimals, times the billable quantity) and `amount
    rounded down twice` (price times quantity, cut; times the rate, cut) of new commerce
    (https://learn.microsoft.com/partner-center/billing/modern-invoice-reconciliation-file), `price
    rounded half up` (its billing scenarios of 2019), `amount rounded half up` (legacy commerce; of
    usage it is the list price times the overage quantity, for the effective rate is that amount
    divided: https://learn.microsoft.com/partner-center/billing/usage-based-recon-files).
    Null where none does: `recomputed` is then what comes nearest. `residual` is the subtotal less
    `recomputed`, both in the line's own currency. Where the line's own price does not give it, the
    full price of the same customer, offer and term is tried for its days of a month or year: with
    the last one, without it, and with one more, for Microsoft counts each way. `mate` is the row,
    from 0, of the line that this one takes back in whole or part; `sentence` says it all in words.

    >>> found = ik.explain(invoice.line_items())
    >>> found["rule"].value_counts(sort=True, name="lines").rows()
    [('price rounded down', 369)]
    >>> print(found.filter(charge_type="addQuantity")["sentence"][1])  # doctest: +ELLIPSIS
    Harbour ...: ... (addQuantity), 2026-09-16 to 2026-09-30, 15 of 30 days of the term ...: 5 x ...
    >>> found["rule"].null_count()  # lines that no published rule explains
    0

    Args:
        line_items: objectType -> frame of its lines, as `Invoice.line_items()` and `ik.read()` give
            it. Daily usage restates charges, and is left out.

    Raises:
        TypeError: it is no mapping of frames.
    """
    lines = _lines(line_items)
    found = pl.DataFrame(_found(lines), schema=EXPLAINED, orient="row")
    explained = lines.hstack([*found, mates(lines)]).with_columns(
        recomputed=pl.when(pl.col("rule").is_null()).then("nearest").otherwise("subtotal")
    )
    explained = explained.with_columns(residual=pl.col("subtotal") - pl.col("recomputed"))
    return explained.select(
        *CHARGES, "rule", "recomputed", "residual", "mate", sentences(explained)
    )


def _lines(line_items: Mapping[str, Any]) -> pl.DataFrame:
    """The charges with the discount of legacy licences, and the full price of their offer."""
    check_frames(line_items, "explain")
    billed: dict[str, pl.DataFrame] = {
        name: frame.lazy().collect()
        for name, frame in line_items.items()
        if (kind := BY_OBJECT_TYPE.get(name)) and not kind.usage
    }
    found = charges(billed)
    discounts = [frame.select(_discount(frame).alias(DISCOUNT)) for frame in billed.values()]
    discount = pl.concat(discounts) if discounts else pl.DataFrame(schema={DISCOUNT: NUMBER})
    same = ("object_type", "customer_id", "offer_id", "currency", "pricing_currency", "term")
    return found.hstack(discount).with_columns(
        pl.col("unit_price").max().over(same).alias("full_price")
    )


def _discount(frame: pl.DataFrame) -> pl.Expr:
    return (
        pl.col(DISCOUNT) if DISCOUNT in frame.columns else pl.repeat(None, pl.len(), dtype=NUMBER)
    )


def _found(lines: pl.DataFrame) -> Iterator[tuple[Any, ...]]:
    """A row as in `EXPLAINED` for each line. A Decimal column is integers underneath."""
    numbers = [lines[name].to_physical().to_list() for name in (*NUMBERS, DISCOUNT, "full_price")]
    words = [lines[name].to_list() for name in WORDS]
    for row in zip(*numbers, *words, strict=True):
        rule, recomputed, price, days, of = _explained(Row(*row))
        nearest = None if rule or recomputed is None else _number(recomputed)
        yield rule, nearest, None if price is None else _number(price), days, of


def _explained(row: Row) -> Found:
    """What gives the subtotal; else what comes nearest to it."""
    price = row.listed if row.effective is None else row.effective
    quantity = row.quantity if row.billable is None else row.billable
    if row.subtotal is None or price is None or quantity is None:
        return Found()
    rate, unit = ONE if row.rate is None else row.rate, _unit(row.currency)
    own = Line(price, quantity, rate, 1, 1, unit, _unit(row.pricing_currency or row.currency))
    # Usage is not billed by the days of a term.
    full = None if row.object_type == LEGACY_USAGE or quantity % ONE else row.full
    periods = _periods(row.term, row.start, row.end)
    best: tuple[str | None, int, Line] | None = None
    rules = _rules(row.object_type, quantity)
    lines = _tried(own, full, periods, rules)
    if row.object_type == LEGACY_USAGE and row.listed not in {None, price}:
        listed = own._replace(price=row.listed or 0)
        first, *others = ((rule, listed) for rule in rules)
        lines = chain([first], lines, others)
    for rule, line in lines:
        amount = rule.amount(line) - (row.discount or 0)
        if amount == row.subtotal:
            best = rule.name, amount, line
            break
        left = abs(row.subtotal - amount)
        if max(abs(amount), left) < LIMIT and (best is None or left < abs(row.subtotal - best[1])):
            best = None, amount, line
    if best is None:
        return Found()
    name, amount, line = best
    if line is own:
        return Found(name, amount, None, *_days_of(own, full, periods))
    if line.days == line.of:
        return Found(name, amount, line.price)
    return Found(name, amount, line.price, line.days, line.of)


def _tried(
    own: Line,
    full: int | None,
    periods: Sequence[tuple[int, int]],
    rules: Sequence[Rule],
) -> Iterator[tuple[Rule, Line]]:
    """Its own price first; then the full one, or its own as the full one, for the days."""
    for rule in rules:
        yield rule, own
    if full is None:
        return
    for price in dict.fromkeys((full, own.price)):
        for days, of in periods:
            prorated = own._replace(price=price, days=days, of=of)
            for rule in rules:
                if rule.prorates and days < of:
                    yield rule, prorated


def _rules(object_type: str | None, quantity: int) -> tuple[Rule, ...]:
    if object_type in LEGACY_TYPES:
        return LEGACY
    return PARTS if quantity % ONE else WHOLE


def _days_of(
    line: Line, full: int | None, periods: Sequence[tuple[int, int]]
) -> tuple[int, int] | tuple[None, None]:
    """The days that make the line's price of the full one, to the smallest unit it is written in.

    >>> unit = ONE // 100
    >>> line = Line(320 * unit, 29 * ONE, ONE, 1, 1, unit, unit)
    >>> _days_of(line, 800 * unit, [(12, 30), (11, 30)])
    (12, 30)
    """
    if not full or line.price == full:
        return None, None
    off = {(days, of): abs(full * days - line.price * of) // of for days, of in periods}
    best = min(off, key=lambda period: off[period], default=None)
    return best if best and off[best] < line.priced_in else (None, None)


@lru_cache(maxsize=10_000)
def _periods(term: str | None, start: date | None, end: date | None) -> tuple[tuple[int, int], ...]:
    """How many days are billed, of how many: as in `COUNTED`, of a month or a year.

    >>> _periods("1 Month, Monthly", date(2019, 6, 12), date(2019, 7, 9))
    ((28, 30), (27, 30), (29, 30))
    >>> _periods("Annual", date(2024, 1, 1), date(2024, 12, 31))
    ((366, 366), (365, 366))
    """
    if start is None or end is None:
        return ()
    words = (term or "").lower()
    said = [cycle for cycle, spelt in CYCLES.items() if any(one in words for one in spelt)]
    days = (end - start).days
    return tuple(
        (counted, of)
        for cycle in said or CYCLES
        for counted in (days + more for more in COUNTED)
        for of in [_days_in(cycle, start)]
        if 0 < counted <= of
    )


def _days_in(cycle: str, start: date) -> int:
    if cycle == MONTH:
        return monthrange(start.year, start.month)[1]
    before_march = start.month <= 2  # noqa: PLR2004 (until its 28th or 29th)
    return 365 + isleap(start.year if before_march else start.year + 1)


@lru_cache(maxsize=1_000)
def _unit(currency: str | None) -> int:
    return ONE // int(10 ** decimals_of(currency))


def _number(scaled: int) -> Decimal:
    return EXACT.scaleb(Decimal(scaled), -DECIMALS)

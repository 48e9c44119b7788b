"""Markups: what customers are asked for adds up to the invoice, to the last digit."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invoicekit.analysis.markup import asked_of, shares, summed
from invoicekit.analysis.money import EXACT, decimals_of
from support.charges import charge, frame

CUSTOMERS = st.sampled_from(["c1", "c2", "c3", None])
CURRENCIES = st.sampled_from(["USD", "JPY", "KWD", None])
AMOUNTS = st.none() | st.decimals(-(10**9), 10**9, places=2) | st.decimals(-9, 9, places=24)
LINES = st.lists(st.tuples(CUSTOMERS, CURRENCIES, AMOUNTS), min_size=1, max_size=12)
PERCENTS = st.integers(-100, 300) | st.decimals(-100, 300, places=3).map("{}%".format)
USD = st.tuples(CUSTOMERS, st.just("USD"), AMOUNTS)


def charges(lines):
    return frame(
        *(
            charge(customer_id=customer, customer_name=customer, currency=currency, total=total)
            for customer, currency, total in lines
        )
    )


def added(lines, currency):
    return summed([total for _, code, total in lines if code == currency and total is not None])


@settings(deadline=None)
@given(LINES, PERCENTS | st.none())
def test_statements_add_up_to_the_invoice(lines, percents):
    """In each currency what is asked and what rounding left come to the costs and the markup."""
    asked = asked_of(charges(lines), percents)
    pairs = [(row.customer_id, row.currency) for row in asked]
    assert sorted(pairs, key=str) == sorted({(one, code) for one, code, _ in lines}, key=str)
    assert sum(row.lines for row in asked) == len(lines)
    for currency in {code for _, code, _ in lines}:
        mine = [row for row in asked if row.currency == currency]
        unit = Decimal(1).scaleb(-decimals_of(currency))
        totals, rests = summed([r.total for r in mine]), summed([r.rest for r in mine])
        assert summed([row.cost for row in mine]) == added(lines, currency)
        markups = EXACT.minus(summed([r.markup for r in mine]))
        assert summed([totals, rests, markups]) == added(lines, currency)
        for row in mine:
            assert abs(row.rest) <= unit / 2
            assert row.total == row.total.quantize(unit)
            rate = Decimal(str(percents or 0).strip("%"))
            assert EXACT.multiply(row.markup, Decimal(100)) == EXACT.multiply(row.cost, rate)


@settings(deadline=None)
@given(st.lists(AMOUNTS, max_size=30), PERCENTS)
def test_shares_add_up_to_the_rounded_total(amounts, percents):
    lines = charges([("c1", "USD", amount) for amount in [*amounts, Decimal(1)]])
    (asked,) = asked_of(lines, percents)
    found = list(shares(lines["total"].to_list(), asked))
    assert [share is None for share in found] == [amount is None for amount in lines["total"]]
    said = [share for share in found if share is not None]
    assert summed(said) == asked.total
    assert all(share == share.quantize(Decimal("0.01")) for share in said)


@settings(deadline=None)
@given(st.lists(USD, min_size=1, max_size=8), st.decimals(-(10**6), 10**6, places=4))
def test_an_amount_is_added_once_to_each_customer(lines, amount):
    for row in asked_of(charges(lines), {"*": amount}):
        assert row.markup == amount
        assert summed([row.cost, amount]) == summed([row.total, row.rest])
        assert row.rate is None


def test_a_mapping_says_each_customers_own():
    lines = [("c1", "USD", Decimal(100)), ("c2", "USD", Decimal(50)), (None, "USD", Decimal(1))]
    given_ = {" ORG:C1 ": "7.5", "c2": Decimal("12.50"), None: 0}
    assert {
        row.customer_id: (row.total, row.words) for row in asked_of(charges(lines), given_)
    } == {
        "c1": (Decimal("107.50"), "+7.5%"),
        "c2": (Decimal("62.50"), "+12.50"),
        None: (Decimal("1.00"), "+0%"),
    }
    others = asked_of(charges(lines), {"c1": 10, "*": "-50%"})
    assert [row.total for row in others] == [Decimal(110), Decimal(25), Decimal("0.50")]


def test_halves_go_to_the_even():
    lines = [("c1", "USD", Decimal("0.125")), ("c2", "USD", Decimal("0.135"))]
    asked = asked_of(charges(lines))
    assert {row.customer_id: (row.total, row.rest) for row in asked} == {
        "c1": (Decimal("0.12"), Decimal("0.005")),
        "c2": (Decimal("0.14"), Decimal("-0.005")),
    }
    assert all(row.is_at_cost for row in asked)
    assert not asked_of(charges(lines), 0)[0].is_at_cost


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        (0.1, "binary float"),
        ({"c1": 7.5}, "binary float"),
        (Decimal(10), "a Decimal is an amount of money"),
        ("ten", "'ten' are no percents"),
        ("1e3", "no percents"),
        ("nan", "no percents"),
        ("10%%", "no percents"),
        ({"c1": Decimal("NaN"), "*": 0}, "no amount"),
        ({"c1": Decimal("Infinity"), "*": 0}, "no amount"),
        (True, "not a bool"),
        ([10], "not a list"),
        ({"c1": None, "*": 0}, "not a NoneType"),
        ({"c9": 1, "*": 1}, "no lines of the customers c9"),
        ({"c1": 1}, "leaves out 2 customers"),
        ({"c1": 1, "C1": 2, "*": 0}, "names a customer twice"),
        ({"c2": Decimal(1), "*": 0}, "c2 has lines in several currencies"),
        ({"*": Decimal(1)}, "several currencies"),
    ],
    ids=str,
)
def test_what_is_no_markup_is_refused_in_words(markup, words):
    lines = charges(
        [
            ("c1", "USD", Decimal(1)),
            ("c2", "USD", Decimal(1)),
            ("c2", "EUR", Decimal(1)),
            (None, "USD", Decimal(1)),
        ]
    )
    with pytest.raises(ValueError, match=words):
        asked_of(lines, markup)

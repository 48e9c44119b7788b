"""Comparisons: parts that add up exactly, each change under its name, the same in any order."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal

import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import invoicekit as ik
from invoicekit.analysis.comparison.changes import PARTS
from invoicekit.analysis.factors import ONE, product
from support.charges import charge, frame

EXACT = Context(prec=200)
SUMS = ["before", "after", "difference", "lines"]
SEPTEMBER = {"charge_start": date(2026, 9, 1), "charge_end": date(2026, 9, 30)}


def line(quantity="2", price="10", rate="1", **fields):
    """One recurring charge; its subtotal is the product, its tax nothing, if not given."""
    q, p, r = (None if one is None else Decimal(one) for one in (quantity, price, rate))
    subtotal = Decimal(1) if q is None or p is None else q * p * (1 if r is None else r)
    subtotal = subtotal.quantize(Decimal(1).scaleb(-24), context=EXACT)
    money = {"subtotal": subtotal, "tax": Decimal(0), **fields}
    return charge(
        **{
            "charge_family": "recurring",
            "subscription_id": "s1",
            "billable_quantity": q,
            "effective_unit_price": p,
            "exchange_rate": r,
            "total": money["subtotal"] + money["tax"],
            **SEPTEMBER,
            **money,
        }
    )


STAYS = [line(customer_id="stays", customer_name="Stays"), line(offer_id="stays")]


def moved(before, after):
    """The parts in which anything moved, and by how much."""
    parts = ik.compare(frame(*before), frame(*after)).parts
    return {row[1]: row[4] for row in parts.rows() if row[4]}


# A name -> the lines before and after, and by how much the part moves. All else stays as it is.
PLANTED = {
    "new customers": ([], [line(customer_id="new")], 20),
    "lost customers": ([line(customer_id="lost")], [], -20),
    "new offers": ([], [line()], 20),  # of this customer: another has it
    "lost offers": ([line()], [], -20),
    "quantity": ([line("2")], [line("5")], 30),
    "price": ([line(price="10")], [line(price="12")], 4),
    "exchange rate": ([line(rate="1")], [line(rate="1.5")], 10),
    "proration": (
        [line(price="30")],
        [line(price="15", charge_start=date(2026, 9, 16))],
        -30,
    ),
    "credits": (
        [],
        [line("-1", "5", charge_family="credit", customer_id="gets it")],
        -5,
    ),
    "rest": ([line(subtotal=Decimal("19.99"))], [line()], Decimal("0.01")),
    "tax": ([line(tax=Decimal("1.11"))], [line(tax=Decimal("2.22"))], Decimal("1.11")),
}


def test_every_part_has_a_planted_change():
    assert set(PLANTED) == set(PARTS)


@pytest.mark.parametrize("part", PARTS)
def test_a_planted_change_is_found_under_its_name(part):
    before, after, by = PLANTED[part]
    assert moved([*STAYS, *before], [*STAYS, *after]) == {part: by}
    assert moved([*STAYS, *after], [*STAYS, *before]) == {
        {"new": "lost", "lost": "new"}.get(part[:4].strip(), part[:4].strip()) + part[4:]
        if part.startswith(("new", "lost"))
        else part: -by
    } or part.startswith(("new", "lost"))


def test_nothing_moved_is_a_row_of_zeros_for_each_part():
    found = ik.compare(frame(*STAYS), frame(*STAYS))
    assert found.parts.columns == ["currency", "part", *SUMS]
    assert found.parts["part"].to_list() == list(PARTS)
    assert set(found.parts["difference"]) == {Decimal(0)}
    assert found.details.is_empty()
    assert found.details.columns == [
        "currency", "part", "customer_id", "customer_name", "offer_id", "offer_name",
        "subscription_id", *SUMS,
    ]  # fmt: skip
    assert ik.compare(frame(), frame()).parts.is_empty()


def test_each_step_is_at_the_others_value_so_far():
    """2 x 10 x 1 to 3 x 12 x 1.5: quantity at the old price, price at the new quantity, …"""
    assert moved([line("2", "10", "1")], [line("3", "12", "1.5")]) == {
        "quantity": 10,
        "price": 6,
        "exchange rate": 18,
    }


def test_what_rounding_leaves_is_in_the_rest():
    before = [line("3", "0.3333", subtotal=Decimal("1.00"))]
    after = [line("6", "0.3333", subtotal=Decimal("2.00"))]
    assert moved(before, after) == {"quantity": Decimal("0.9999"), "rest": Decimal("0.0001")}


def test_what_a_total_has_beyond_subtotal_and_tax_is_in_the_rest():
    found = ik.compare(frame(line()), frame(line(total=Decimal("20.05"))))
    assert found.details.select("part", *SUMS).rows() == [
        ("rest", Decimal(20), Decimal("20.05"), Decimal("0.05"), 2)
    ]
    assert moved([line(total=None)], [line()]) == {"rest": 20}


@pytest.mark.parametrize(
    "several",
    [
        [line(price="10"), line(price="11")],
        [line(rate="1"), line(rate="2")],
        [line(price=None)],
        [line(quantity=None), line()],
        [line(price=None), line()],
    ],
)
def test_several_prices_or_rates_or_none_go_to_the_rest(several):
    assert set(moved(several, [line(price="7", subtotal=Decimal(140))])) == {"rest"}
    assert set(moved([line(price="7", subtotal=Decimal(140))], several)) == {"rest"}


def test_a_line_without_an_exchange_rate_has_a_rate_of_1():
    assert moved([line(rate=None)], [line(rate="1.5")]) == {"exchange rate": 10}
    assert moved([line(rate=None), line(rate="1")], [line("3", rate=None)]) == {"quantity": -10}


def test_a_subscription_on_one_side_alone_is_a_change_of_quantity():
    assert moved([line()], [line(), line("3", subscription_id="s2")]) == {"quantity": 30}
    assert moved([line(), line("3", subscription_id="s2")], [line()]) == {"quantity": -30}


@pytest.mark.parametrize(
    ("start", "end", "after", "part"),
    [
        (date(2026, 9, 16), date(2026, 9, 30), "30", "proration"),  # 15 of 30, the last counted
        (date(2026, 9, 1), date(2026, 9, 11), "20.69", "proration"),  # 10 of 29, it is not
        (date(2026, 9, 1), date(2026, 9, 7), "14", "proration"),
        (date(2026, 9, 1), date(2026, 9, 7), "14.02", "price"),
        (date(2026, 9, 1), date(2026, 9, 30), "30", "price"),  # the same days
        (None, date(2026, 9, 7), "14", "price"),
    ],
)
def test_proration_is_other_days_at_the_same_amount_a_day(start, end, after, part):
    amount = Decimal(after)
    now = line(price=str(amount / 2), charge_start=start, charge_end=end)
    assert moved([line(price="30")], [now]) == {part: amount - 60}
    assert moved([now], [line(price="30")]) == {part: 60 - amount}


@pytest.mark.parametrize(
    ("amount", "part"), [("0.05", "proration"), ("0.06", "price"), ("0.055", "proration")]
)
def test_an_amount_a_day_is_the_same_to_half_of_the_smallest_unit(amount, part):
    """0.10 for 30 days is 0.05 for 15, and what may be 0.05 unrounded."""
    now = line("1", amount, charge_start=date(2026, 9, 16))
    assert moved([line("1", "0.10")], [now]) == {part: Decimal(amount) - Decimal("0.10")}
    yen = [line("1", price, currency="JPY") for price in ("5", "2")]
    now = {**yen[1], "charge_start": date(2026, 9, 16)}
    assert moved(yen[:1], [now]) == {"proration": -3}


def test_several_prices_are_in_the_rest_whatever_the_days():
    several = [line("1", "10"), line("1", "20")]
    now = [line("1", "15", charge_start=date(2026, 9, 16))]
    assert set(moved(several, now)) == {"rest"}


def test_lines_of_several_periods_are_not_prorated():
    half = {"charge_start": date(2026, 9, 16)}
    before = [line("1", "30"), line("1", "30", charge_end=date(2026, 9, 15))]
    assert set(moved(before, [line("2", "15", **half)])) == {"price"}
    # A price a day as of the shorter of them is chance.
    for twice in (before, before[::-1]):
        assert set(moved(twice, [line("2", "60")])) == {"price"}
    before[1] = line("1", "30", charge_start=None)
    assert set(moved(before, [line("2", "15", **half)])) == {"price"}


def test_a_price_for_other_days_is_proration_where_the_quantity_moved_too():
    """Its last decimal is rounded: 95.00 for 30 days, 31.666667 for 10."""
    now = line("3", "31.666667", charge_end=date(2026, 9, 10), subtotal=Decimal("94.98"))
    assert moved([line("2", "95")], [now]) == {
        "quantity": 95,
        "proration": Decimal("-189.999999"),
        "rest": Decimal("-0.020001"),
    }


def test_credits_make_no_customer_and_no_offer():
    """They are taken first: who had but credits is new with the first other line."""
    credit = line("-1", "5", charge_family="credit")
    assert moved([credit], [credit, line()]) == {"new customers": 20}
    assert moved([line(charge_family=None)], []) == {"lost customers": -20}


def test_a_line_of_no_family_meets_one_of_another():
    assert moved([line(charge_family=None)], [line("3")]) == {"quantity": 10}


def test_a_period_that_ends_before_it_begins_has_no_days():
    backwards = line(price="-30", charge_start=date(2026, 9, 30), charge_end=date(2026, 9, 1))
    assert moved([line(price="30")], [backwards]) == {"price": -120}


def test_no_id_is_one_key_like_any():
    nobody = {"customer_id": None, "offer_id": None, "subscription_id": None}
    assert moved([line("2", **nobody)], [line("3", **nobody)]) == {"quantity": 10}
    found = ik.compare(frame(line(**nobody)), frame(line("3", **nobody)))
    assert found.details["customer_name"].to_list() == ["(no customer)"]


@pytest.mark.parametrize("name", ["customer_id", "offer_id", "subscription_id"])
def test_a_guid_is_one_key_however_it_is_spelled(name):
    """Partner Center's usage has the same `resourceGuid` in upper and in lower case."""
    upper, lower = (
        line(number, **{name: spelt})
        for number, spelt in (
            ("2", "9A1B2C3D-4E5F-4071-8293-A4B5C6D7E8F9"),
            ("3", "9a1b2c3d-4e5f-4071-8293-a4b5c6d7e8f9"),
        )
    )
    assert moved([upper], [lower]) == {"quantity": 10}
    both = ik.compare(frame(upper, lower), frame(lower))
    assert both.details.select(name, "lines").rows() == [
        ("9a1b2c3d-4e5f-4071-8293-a4b5c6d7e8f9", 3)
    ]
    words = [line(number, **{name: spelt}) for number, spelt in (("2", "CFQ7:X"), ("3", "cfq7:x"))]
    details = ik.compare(frame(words[0]), frame(words[1])).details
    assert set(details[name]) == {"CFQ7:X", "cfq7:x"}  # other ids say what they say


def test_usage_that_restates_is_not_compared():
    usage = [line(object_type=name) for name in ("DailyRatedUsageLineItem", "DailyUsageLineItem")]
    assert moved(STAYS, [*STAYS, *usage]) == {}
    assert moved(STAYS, [*STAYS, line(object_type=None, offer_id="o9")]) == {"new offers": 20}


def test_currencies_are_kept_apart():
    before = [line(), line(currency="EUR"), line(currency=None)]
    after = [line("3"), line("4", currency="EUR"), line("5", currency=None)]
    found = ik.compare(frame(*before), frame(*after))
    parts = found.parts.filter(pl.col("difference") != 0)
    assert parts.select("currency", "part", "difference").rows() == [
        ("EUR", "quantity", 20),
        ("USD", "quantity", 10),
        (None, "quantity", 30),
    ]
    assert found.totals.select("currency", "difference").rows() == [
        ("EUR", 20), ("USD", 10), (None, 30),
    ]  # fmt: skip
    assert moved([line()], [line(currency="EUR")]) == {"new customers": 20, "lost customers": -20}


def test_before_after_and_lines_are_those_of_the_parts_lines():
    before = [line(tax=Decimal(1)), line("1", charge_family="credit", tax=Decimal(1))]
    after = [line("3", tax=Decimal(2)), line("3", tax=Decimal(2)), line(customer_id="c2")]
    parts = ik.compare(frame(*before), frame(*after)).parts
    rows = {row[0]: row[1:] for row in parts.select("part", *SUMS).rows() if row[4]}
    assert rows == {
        "new customers": (0, 20, 20, 1),
        "quantity": (20, 60, 40, 3),
        "credits": (10, 0, -10, 1),
        "tax": (2, 4, 2, 5),
    }


def test_credits_and_other_lines_of_a_key_have_one_row_of_tax_and_of_rest():
    before = [line(), line("-1", charge_family="credit")]
    after = [{**one, "tax": Decimal(1), "total": one["subtotal"] + 3} for one in before]
    details = ik.compare(frame(*before), frame(*after)).details
    assert details.select("part", *SUMS).rows() == [
        ("rest", 10, 14, 4, 4),
        ("tax", 0, 2, 2, 4),
        ("credits", -10, -10, 0, 2),
    ]


def test_details_are_the_greatest_changes_first_under_the_latest_names():
    before = [line(customer_name="Old"), line(customer_id="c2"), line(customer_id="c3")]
    after = [
        line("3", customer_name="New", charge_end=date(2026, 10, 31), charge_start=None),
        line("9", customer_id="c2"),
        line("-3", customer_id="c3"),
    ]
    details = ik.compare(frame(*before), frame(*after)).details
    assert details.select("customer_id", "customer_name", "difference").rows() == [
        ("c2", "One", 70),
        ("c3", "One", -50),
        ("c1", "New", 10),
    ]


IDS = st.sampled_from([None, "a", "b"])
NUMBERS = st.sampled_from(["1", "3", "-2", "0.333333333333333333333333", "7.5", "0"])
MONEY = st.decimals(-(10**6), 10**6, places=6)


@st.composite
def generated(draw):
    """A charge of any kind, few keys to meet at, few values to be the same."""
    drawn = draw(
        st.fixed_dictionaries(
            {
                "customer_id": IDS,
                "offer_id": IDS,
                "subscription_id": IDS,
                "customer_name": st.sampled_from([None, "A", "B"]),
                "currency": st.sampled_from(["USD", "USD", "JPY", None]),
                "charge_family": st.sampled_from(["recurring", "recurring", "credit", None]),
                "charge_start": st.sampled_from([None, date(2026, 9, 1), date(2026, 9, 16)]),
                "tax": st.none() | MONEY,
            }
        )
    )
    factors = [draw(st.none() | NUMBERS) for _ in range(3)]
    usual = line(*factors, **drawn | {"tax": drawn["tax"] or Decimal(0)})
    odd = {"subtotal": draw(st.none() | MONEY), "total": draw(st.none() | MONEY)}
    return {**usual, **drawn, **(odd if draw(st.booleans()) else {})}


LINES = st.lists(generated(), max_size=12)


def added(values):
    total = Decimal(0)
    for value in values:
        total = EXACT.add(total, value or Decimal(0))
    return total


@given(LINES, LINES)
@settings(max_examples=60, deadline=None, phases=[Phase.generate])
def test_each_part_opens_the_lines_that_it_counts(before, after):
    found = ik.compare(frame(*before), frame(*after))
    rest_and_tax = {"rest", "tax"}
    for part in PARTS:
        lines = found.lines(part)
        rows = found.parts.filter(part=part)
        assert lines.height == rows["lines"].sum()
        for side in ("before", "after") if part not in rest_and_tax else ():
            mine = lines.filter(side=side)["subtotal"]
            assert added(mine) == added(rows[side])
    assert (
        found.lines("tax").drop("side").sort(pl.all()).equals(frame(*before, *after).sort(pl.all()))
    )


def test_lines_of_a_part_are_in_their_order_with_all_their_columns():
    before = frame(*STAYS, line(), line("3"))
    after = frame(line("7", customer_id="new"), line("6"), *STAYS).with_columns(more=pl.lit(1))
    found = ik.compare(before, after)
    assert found.lines("quantity").select("side", "billable_quantity", "more").rows() == [
        ("before", 2, None), ("before", 3, None), ("after", 6, 1),
    ]  # fmt: skip
    assert found.lines("new customers").select("side", "customer_id").rows() == [("after", "new")]
    assert ik.compare(before.to_arrow(), after).lines("quantity").height == 3
    with pytest.raises(ValueError, match="no part 'seats'; the parts are new customers, lost"):
        found.lines("seats")


@given(LINES, LINES, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None, phases=[Phase.generate])
def test_parts_and_details_add_up_both_ways_in_any_order(before, after, random):
    found = ik.compare(frame(*before), frame(*after))
    back = ik.compare(frame(*after), frame(*before))
    for currency in {one["currency"] for one in [*before, *after]}:
        mine = pl.col("currency").eq_missing(pl.lit(currency))
        was, now = (
            added(one["total"] for one in side if one["currency"] == currency)
            for side in (before, after)
        )
        by = EXACT.subtract(now, was)
        assert added(found.parts.filter(mine)["difference"]) == by
        assert added(found.details.filter(mine)["difference"]) == by
        assert added(back.parts.filter(mine)["difference"]) == by.copy_negate()
        assert found.totals.filter(mine).row(0) == (currency, was, now, by)
    for what in ("customers", "offers"):
        for name, turned in [("new", "lost"), ("lost", "new")]:
            there = found.parts.filter(pl.col("part") == f"{name} {what}")
            here = back.parts.filter(pl.col("part") == f"{turned} {what}")
            assert there["difference"].to_list() == [
                one.copy_negate() for one in here["difference"]
            ]
            assert there["lines"].to_list() == here["lines"].to_list()
    random.shuffle(before)
    random.shuffle(after)
    again = ik.compare(frame(*before).lazy(), frame(*after).lazy())
    assert again.parts.equals(found.parts)
    assert again.details.equals(found.details)
    assert again.sentences() == found.sentences()


FACTOR = st.decimals(-(10**4), 10**4, places=24)


@given(FACTOR, FACTOR, FACTOR, FACTOR, st.sampled_from(["quantity", "price", "exchange rate"]))
@settings(max_examples=60, deadline=None, phases=[Phase.generate])
def test_a_part_is_negated_backwards_where_one_factor_moved(q, p, r, other, part):
    one = {"quantity": q, "price": p, "rate": r, "subtotal": Decimal(10)}
    two = {**one, part.removeprefix("exchange "): other, "subtotal": Decimal(20)}
    there, back = moved([line(**one)], [line(**two)]), moved([line(**two)], [line(**one)])
    assert set(there) <= {part, "rest"}
    assert back == {name: amount.copy_negate() for name, amount in there.items()}


@given(*[st.integers(-(10**32), 10**32)] * 3)
@settings(max_examples=300, deadline=None)
def test_products_are_rounded_once_half_even(one, two, three):
    found = product(one, two, three)
    exact = EXACT.scaleb(Decimal(one * two * three), -48)
    assert found == int(exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN, context=EXACT))


@pytest.mark.parametrize(("half", "even"), [(1, 0), (3, 2), (5, 2), (-1, 0), (-3, -2), (-5, -2)])
def test_a_half_goes_to_the_even_neighbour(half, even):
    assert product(half, ONE // 2, ONE) == even
    assert product(ONE, half, ONE // 2) == even


def test_products_of_polars_would_not_fit():
    """Why they are made in Python integers: three factors that are fine, and one that is not."""
    numbers = pl.DataFrame({"n": [Decimal("4e7")]}, schema={"n": pl.Decimal(38, 24)})
    with pytest.raises(pl.exceptions.PolarsError):
        numbers.select(pl.col("n") * pl.col("n"))
    assert moved([line("1", "4e7", "1e-7", subtotal=Decimal(4))], [line("4e7", "1", "1")]) == {
        "quantity": Decimal(159999996),
        "price": Decimal(-159999996),
        "exchange rate": Decimal(39999996),
    }
    assert product(40_000_000 * ONE, 40_000_000 * ONE, ONE) == 1_600_000_000_000_000 * ONE


@pytest.mark.parametrize(
    "after",
    [
        line("4e13", "4e13", "1", subtotal=Decimal(25)),  # steps that no column holds
        line("99999999999999", "1", "1", subtotal=Decimal(25)),
    ],
)
def test_steps_that_are_too_large_go_to_the_rest(after):
    assert set(moved([line(subtotal=Decimal(20))], [after])) == {"rest"}


@pytest.mark.parametrize("count", [2, 3, 200])
def test_quantities_whose_sum_does_not_fit_go_to_the_rest(count):
    """Group sums of Decimal wrap silently, or raise."""
    many = [line("9e13", "1", "1e-13", subtotal=Decimal(9))] * count
    by = 9 * count - 1
    assert moved([line("1", "1", "1e-13", subtotal=Decimal(1))], many) == {"rest": by}
    turns = [line("9e13", "1", "0"), line("-89999999999999.5", "1", "0")] * 20
    assert moved([line("1", rate="0")], [line("2", rate="0")]) == {}
    one = [line("1", "3", subtotal=Decimal(3))]
    ten = [{**half, "exchange_rate": 1, "effective_unit_price": 3} for half in turns]
    assert moved(one, ten) == {"quantity": 27, "rest": -30}


@pytest.mark.parametrize("field", ["subtotal", "tax", "total"])
def test_amounts_whose_sum_would_wrap_are_refused(field):
    large = [line(**{"total": Decimal(1), field: Decimal("4e13")})] * 2
    with pytest.raises(ik.FrameError, match="too large to be compared"):
        ik.compare(frame(), frame(*large))
    with pytest.raises(ik.FrameError, match="too large to be compared"):
        ik.compare(frame(*large * 30), frame())
    fits = [line(subtotal=Decimal("1e13")), *[line(subtotal=Decimal("1.10"))] * 9]
    assert moved([], fits) == {"new customers": Decimal("10000000000009.90")}


def test_steps_whose_sum_would_wrap_are_refused():
    """Each key's steps fit, and those of a key add up to nothing; but a part's do not fit."""
    ids = [f"s{n}" for n in range(40)]
    before = [line("1", "1", subscription_id=one) for one in ids]
    after = [line("4e12", "25e-14", subscription_id=one) for one in ids]
    assert moved(before[:2], after[:2]) == {
        "quantity": 2 * (Decimal("4e12") - 1),
        "price": -2 * (Decimal("4e12") - 1),
    }
    with pytest.raises(ik.FrameError, match="too large to be compared"):
        ik.compare(frame(*before), frame(*after))
    none = [line("0", "1", subtotal=Decimal(1), subscription_id=one) for one in ids]
    just = [line("25e11", "4e-13", subscription_id=one) for one in ids]  # 39 digits all together
    with pytest.raises(ik.FrameError, match="too large to be compared"):
        ik.compare(frame(*none), frame(*just))


def test_what_are_no_charges_is_refused():
    with pytest.raises(TypeError, match="cannot compare a int: give invoices, or charges"):
        ik.compare(frame(), 5)
    with pytest.raises(ValueError, match="no column billable_quantity, effective_unit_price"):
        ik.compare(frame(), frame().drop("billable_quantity", "effective_unit_price"))
    floats = frame(line()).with_columns(pl.col("total").cast(pl.Float64))
    with pytest.raises(TypeError, match="total: floats, text"):
        ik.compare(floats, frame())


@pytest.mark.parametrize("field", ["subtotal", "billable_quantity"])
@pytest.mark.parametrize("value", ["1.10", 1.1, Decimal("0.1234567890123456789012345")])
def test_numbers_that_would_be_rounded_are_refused(field, value):
    """polars' cast rounds what has more decimals than the column, and says nothing."""
    charges = frame(line()).with_columns(pl.lit(value).alias(field))
    with pytest.raises(TypeError, match=rf"{field}: floats, text and Decimals of more than 24"):
        ik.compare(charges, frame(line()))


def test_whole_numbers_are_exact_and_what_is_too_large_is_refused():
    whole = frame(line()).with_columns(tax=pl.lit(7), exchange_rate=pl.lit(None))
    found = ik.compare(whole, frame(line(tax=Decimal(8)))).parts.filter(part="tax")
    assert found.select("before", "difference").row(0) == (7, 1)
    large = pl.lit(Decimal(10) ** 30).cast(pl.Decimal(38, 2))
    with pytest.raises(ik.FrameError, match="too large to be compared"):
        ik.compare(frame(line()).with_columns(tax=large), frame(line()))


def test_charges_of_another_engine_are_the_same():
    before, after = frame(*STAYS, line()), frame(*STAYS, line("5"))
    assert ik.compare(before.to_arrow(), after).details.equals(ik.compare(before, after).details)


def test_an_estimate_is_compared_with_its_invoice(demo):
    """The snapshot is incomplete, and the comparison says so wherever it is shown."""
    estimate, invoice = demo.unbilled(currency="USD"), demo.invoice("G012345611")
    found = ik.compare(estimate, invoice)
    assert dict(found.states) == {"before": "incomplete", "after": "ties"}
    assert dict(ik.compare(estimate.charges(), invoice).states)["before"] == "not proven"
    assert any("Before: ⚠ incomplete" in text for text in found.sentences())
    assert "Before: ⚠ incomplete" in repr(found)
    total = estimate.totals().filter(currency="USD")["total"].item()
    assert added(found.parts["difference"]) == invoice.total - total
    snapshot = ik.Unbilled([], period="current", currency="USD", taken_at=datetime.now(UTC))
    assert ik.compare(snapshot, invoice).totals.row(0)[2] == invoice.total


def test_an_invoice_that_differs_is_said_to(demo):
    found = ik.compare(demo.invoice("G012345611"), demo.invoice("G012345607"))
    assert dict(found.states) == {"before": "ties", "after": "differs"}
    assert [text for text in found.sentences() if text.startswith("After: ✘ differs")]


def test_sentences_say_what_for_whom_and_by_how_much():
    names = {"customer_name": "Contoso", "offer_name": "Microsoft 365 E3"}
    before = [line("2", "36", offer_id="e3", **names), line(customer_id="c2", customer_name="Gone")]
    after = [
        line("14", "36", tax=Decimal("0.004"), offer_id="e3", **names),
        *(line(customer_id="c3", customer_name="<b>", offer_id=f"{n}") for n in range(3)),
    ]
    found = ik.compare(frame(*before), frame(*after))
    assert found.sentences() == [
        "USD: +472.00, from 92.00 to 564.00",
        "Contoso: 12 more of Microsoft 365 E3, +432.00",
        "<b>: new, 3 offers, +60.00",
        "Gone: gone, Offer, -20.00",
        "Tax: +0.004",
    ]
    assert len(found.sentences(most=1)) == 2
    assert repr(found).splitlines()[:2] == [
        "USD: +472.00, from 92.00 to 564.00", "  new customers: +60.00",
    ]  # fmt: skip
    assert "<pre>USD: +472.00" in found._repr_html_()
    assert repr(ik.compare(frame(), frame())) == "Nothing to compare"


def test_sentences_are_of_each_currency_in_turn():
    """The great change of USD is told, however many EUR has that come before it."""
    ids = [f"c{n}" for n in range(9)]
    before = [line(customer_id=one, currency="EUR") for one in ids]
    after = [line("3", customer_id=one, currency="EUR") for one in ids]
    before += [line(customer_id=one) for one in ids[:2]]
    after += [line("9", customer_id="c0"), line("99", customer_id="c1")]
    told = ik.compare(frame(*before), frame(*after)).sentences
    assert told(most=3)[2:] == [
        "One: 1 more of Offer, +10.00 EUR",
        "One: 1 more of Offer, +10.00 EUR",
        "One: 97 more of Offer, +970.00 USD",
    ]
    assert [text[-3:] for text in told(most=6)[2:]] == ["EUR"] * 4 + ["USD"] * 2
    assert len(told(most=0)) == len(told(most=-1)) == 2


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ("lost offers", "One: no more Offer, -20.00"),
        ("price", "One: Offer costs 12.00 instead of 10.00, +4.00"),
        ("exchange rate", "One: Offer at a rate of 1.5 instead of 1, +10.00"),
        ("proration", "One: Offer for 15 days instead of 30, -30.00"),
        ("credits", "One: credits for Offer, -5.00"),
    ],
)
def test_each_part_has_its_words(part, sentence):
    before, after, _ = PLANTED[part]
    found = ik.compare(frame(*STAYS, *before), frame(*STAYS, *after))
    assert found.sentences()[1:] == [sentence]


def test_words_from_outside_cannot_steer_a_terminal_or_a_page():
    evil = line(customer_id="c9", customer_name="\x1b[31m<script>{tax}", offer_name="\u202e{0}")
    found = ik.compare(frame(), frame(evil))
    shown = "\n".join([*found.sentences(), repr(found)])
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "{tax}" in shown
    assert "<script" not in found._repr_html_()


def test_months_are_compared_with_all_their_invoices(demo):
    found = demo.compare("2026-08", "2026-09")
    for side, month in ((1, "2026-08"), (2, "2026-09")):
        headers = demo.invoices().filter(
            pl.col("billing_period_start").dt.strftime("%Y-%m") == month
        )
        assert found.totals.row(0)[side] == headers["total_charges"].sum()
        assert headers.height == 2
    assert dict(found.states) == {"before": "ties", "after": "ties"}
    one = demo.compare("G012345610", "G012345611")
    assert one.parts.equals(
        ik.compare(demo.invoice("G012345610"), demo.invoice("G012345611")).parts
    )


def test_a_month_is_as_good_as_its_worst_invoice(demo):
    found = demo.compare("2026-05", "2026-06")  # an invoice of May has a credit in its header
    assert dict(found.states) == {"before": "differs", "after": "ties"}
    said = [text for text in found.sentences() if text.startswith("Before: ")]
    assert [text[:53] for text in said] == ["Before: G012345607 ✘ differs: 204,234.51 USD, 383 lin"]
    assert "D070001007" not in repr(found)


def test_invoices_are_compared_elsewhere(demo):
    with pytest.raises(TypeError, match=r"id or a month is a text.*ik\.compare\(\) takes invoices"):
        demo.compare(demo.latest, "2026-09")


def test_a_month_without_invoices_is_said(demo):
    with pytest.raises(ik.NotFoundError, match=r"no invoice of 2025-01; there are some of 2023-11"):
        demo.compare("2025-01", "2026-09")
    with pytest.raises(ik.NotFoundError):
        demo.compare("2026-09", "G999999999")


def test_lines_are_opened_with_their_own_spelling_of_an_id():
    name = "4B3D9E0C-0000-4000-8000-00000000ABCD"
    found = ik.compare(frame(line("2", offer_id=name)), frame(line("5", offer_id=name.lower())))
    assert found.lines("quantity").select("side", "offer_id").rows() == [
        ("before", name), ("after", name.lower()),
    ]  # fmt: skip

"""Explanations: the published rounding rules, days counted both ways, mates, and sentences."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from itertools import permutations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import invoicekit as ik
from invoicekit.analysis.explanation.rounding import (
    AMOUNT_HALF_UP,
    PRICE_HALF_UP,
    SEATS,
    USAGE,
    Line,
    half_up,
    rounded_down,
)
from invoicekit.analysis.factors import ONE
from invoicekit.frames.decode import OURS
from invoicekit.frames.schema import BY_OBJECT_TYPE

CENT = ONE // 100


def line_items(*rows, object_type="OneTimeInvoiceLineItem"):
    """Lines of one objectType; what is not given is null."""
    columns = BY_OBJECT_TYPE[object_type].columns
    schema = {**OURS, **{column.name: column.type.dtype for column in columns}}
    usual = {"object_type": object_type, "currency": "USD", "customer_id": "c1",
             "customer_name": "Contoso", "subscription_id": "s1"}  # fmt: skip
    money = {name for name, dtype in schema.items() if isinstance(dtype, pl.Decimal)}
    days = {name for name, dtype in schema.items() if isinstance(dtype, pl.Datetime)}

    def typed(name, value):
        if name in money and value is not None:
            return Decimal(value)
        if name in days and value is not None:
            return datetime(value.year, value.month, value.day, tzinfo=UTC)
        return value

    made = [{k: typed(k, v) for k, v in {**usual, **row}.items()} for row in rows]
    return {object_type: pl.DataFrame(made, schema=schema)}


def licence(price, quantity, subtotal, **more):
    """A line of legacy licences."""
    return {"offer_id": "o1", "offer_name": "Office", "unit_price": price, "quantity": quantity,
            "subtotal": subtotal, "billing_cycle_type": "MONTHLY", **more}  # fmt: skip


def seats(price, quantity, subtotal, **more):
    """A line of new commerce."""
    return {"product_id": "P", "sku_id": "1", "product_name": "E3", "unit_price": price,
            "effective_unit_price": price, "billable_quantity": quantity, "quantity": quantity,
            "subtotal": subtotal, **more}  # fmt: skip


def from_to(first, last):
    return {"charge_start_date": first, "charge_end_date": last}


def explained(items, *columns):
    found = ik.explain(items)
    return found.select(*columns).rows() if columns else found


# What Microsoft and its resellers print: price, quantity, days, of how many, and the amount.
PRINTED = [
    (AMOUNT_HALF_UP, "51.93", "500", 27, 31, "22614.68"),
    (AMOUNT_HALF_UP, "51.93", "5", 4, 31, "33.50"),
    (PRICE_HALF_UP, "4", "2", 29, 30, "7.74"),
    (AMOUNT_HALF_UP, "4", "2", 29, 30, "7.73"),
    (SEATS, "4", "2", 29, 30, "7.72"),
]


@pytest.mark.parametrize(("rule", "price", "quantity", "days", "of", "amount"), PRINTED)
def test_each_rule_gives_the_amounts_printed(rule, price, quantity, days, of, amount):
    numbers = (int(Decimal(one) * ONE) for one in (price, quantity, "1"))
    line = Line(*numbers, days, of, CENT, CENT)
    assert Decimal(rule.amount(line)) / ONE == Decimal(amount)


def test_usage_is_cut_twice():
    """In its own currency first: 0.4999 x 3 is 1.49, times 1.1 is 1.63 (at once, it were 1.64)."""
    numbers = (int(Decimal(one) * ONE) for one in ("0.4999", "3", "1.1"))
    assert USAGE.amount(Line(*numbers, 1, 1, CENT, CENT)) == 163 * CENT
    numbers = (int(Decimal(one) * ONE) for one in ("1.999", "1", "150"))
    assert USAGE.amount(Line(*numbers, 1, 1, ONE, CENT)) == 298 * ONE  # 1.99 USD in yen


@given(st.integers(-(10**40), 10**40), st.integers(1, 400), st.sampled_from([1, 100, CENT, ONE]))
def test_rounding_is_that_of_decimals(number, of, unit):
    exact = Context(prec=200).divide(Decimal(number), Decimal(of * unit))
    for function, mode in ((rounded_down, ROUND_DOWN), (half_up, ROUND_HALF_UP)):
        wanted = exact.quantize(Decimal(1), rounding=mode, context=Context(prec=200))
        assert function(number, of, unit) == int(wanted) * unit


PRICES = st.decimals(0, 10**4, places=6)
COUNTS = st.integers(-500, 500)


@given(PRICES, COUNTS, st.decimals("0.5", 200, places=6), st.decimals(0, 5, places=4))
@settings(max_examples=60, deadline=None)
def test_what_a_rule_makes_is_explained_and_the_residual_adds_up(price, number, rate, part):
    """In Decimals, as the page has it, of whole and of broken quantities."""
    down = Context(prec=80, rounding=ROUND_DOWN)
    cent = Decimal("0.01")
    whole = (price * rate).quantize(cent, context=down) * number
    used = down.multiply((price * part).quantize(cent, context=down), rate)
    lines = [(number, whole), (part, used.quantize(cent, context=down)), (number, Decimal(7))]
    rows = [seats(str(price), str(quantity), str(amount), pc_to_bc_exchange_rate=str(rate))
            for quantity, amount in lines]  # fmt: skip
    found = explained(line_items(*rows))
    assert found["rule"][:2].null_count() == 0
    assert (found["subtotal"] - found["recomputed"]).to_list() == found["residual"].to_list()
    assert found.filter(pl.col("rule").is_not_null())["residual"].unique().to_list() == [0]


def test_a_price_printed_cut_is_not_what_the_amount_is_made_of():
    """The whole price stands with the customer's other line of that offer."""
    days = from_to(date(2019, 1, 5), date(2019, 1, 31))
    full = licence("51.93", "1", "51.93", **from_to(date(2019, 1, 1), date(2019, 1, 31)))
    items = line_items(full, licence("45.22", "500", "22614.68", **days),
                       object_type="LicenseBasedLineItem")  # fmt: skip
    found = explained(items)
    assert found["rule"].to_list() == ["amount rounded half up"] * 2
    assert found["residual"].to_list() == [0, 0]
    assert found["sentence"][1] == (
        "Contoso: Office, 2019-01-05 to 2019-01-31, 27 of 31 days of the term MONTHLY: "
        "500 x 51.93 x 27/31 = 22614.68 USD, amount rounded half up"
    )
    alone = explained({"LicenseBasedLineItem": items["LicenseBasedLineItem"][1:]})
    assert alone.select("rule", "recomputed", "residual").row(0) == (
        None, Decimal("22610.00"), Decimal("4.68"),
    )  # fmt: skip
    assert "no published rule explains the 4.68 left" in alone["sentence"][0]


@pytest.mark.parametrize(
    ("last", "subtotal", "days"),
    [
        (date(2026, 6, 29), "7.74", "29/30"),  # the last one counted: 1 to 29 June
        (date(2026, 6, 30), "7.74", "29/30"),  # and not
        (date(2026, 6, 28), "7.46", "28/30"),
    ],
)
def test_days_are_counted_both_ways(last, subtotal, days):
    line = licence("4", "1", "4", **from_to(date(2026, 6, 1), date(2026, 6, 30)))
    part = licence("3", "2", subtotal, **from_to(date(2026, 6, 1), last))
    found = explained(line_items(line, part, object_type="LicenseBasedLineItem"))
    assert found["rule"][1] == "price rounded half up"
    assert f"2 x 4.00 x {days} = {subtotal} USD" in found["sentence"][1]


def test_microsofts_example_counts_a_day_more():
    """29 of 30 days for 12 June to 9 July, which are 28: 3.87 twice."""
    line = seats("4", "2", "7.74", **from_to(date(2019, 6, 12), date(2019, 7, 9)))
    found = explained(line_items(line))
    assert found["rule"].to_list() == ["price rounded half up"]
    assert "2 x 4.00 x 29/30 = 7.74 USD" in found["sentence"][0]
    (other,) = explained(line_items({**line, "subtotal": "7.72"}), "rule")
    assert other == ("price rounded down",)
    (other,) = explained(line_items({**line, "subtotal": "7.73"}), "rule")
    assert other == ("amount rounded half up",)


def test_days_that_no_count_gives_leave_a_residual():
    line = seats("4", "2", "7.00", **from_to(date(2019, 6, 12), date(2019, 7, 9)))
    (found,) = explained(line_items(line), "rule", "recomputed", "residual")
    assert found == (None, Decimal("7.20"), Decimal("-0.20"))  # 27 of 30


def test_a_full_price_may_be_the_lines_own():
    """51.93 x 27/31 x 500, and 51.93 x 4/31 x 5."""
    first, last = date(2019, 1, 5), date(2019, 1, 31)
    many = licence("51.93", "500", "22614.68", **from_to(first, last))
    few = licence("51.93", "5", "33.50", **from_to(date(2019, 1, 28), last))
    found = explained(line_items(many, few, object_type="LicenseBasedLineItem"))
    assert found["rule"].to_list() == ["amount rounded half up"] * 2
    assert found["residual"].to_list() == [0, 0]


def test_a_dearer_line_of_the_offer_does_not_hide_a_lines_own_price():
    month = from_to(date(2026, 9, 1), date(2026, 9, 30))
    dearer = licence("60", "1", "60", **month)
    part = licence("30", "2", "30", **from_to(date(2026, 9, 1), date(2026, 9, 15)))  # of its own
    whole = licence("30", "1", "60", **month)  # at another's price, for no fewer days
    found = explained(line_items(dearer, part, whole, object_type="LicenseBasedLineItem"))
    assert found["rule"].to_list() == ["amount rounded half up"] * 2 + [None]
    assert "2 x 30.00 x 15/30 = 30.00 USD" in found["sentence"][1]
    assert found["residual"][2] == 2  # of 60 for 29 days


def test_usage_is_not_billed_by_the_days_of_a_term():
    month = {**from_to(date(2026, 9, 1), date(2026, 9, 15)), "resource_guid": "r1",
             "billing_cycle_type": "MONTHLY", "overage_quantity": "4"}  # fmt: skip
    line = {**month, "list_price": "2", "pretax_effective_rate": "1.9", "pretax_charges": "4"}
    usage = line_items(line, object_type="UsageBasedLineItem")  # 2 x 4 x 15/30 it is not
    (found,) = explained(usage, "rule", "recomputed")
    assert found == (None, Decimal("7.60"))
    part = seats("8", "2.5", "10", **from_to(date(2026, 9, 1), date(2026, 9, 15)))
    (found,) = explained(line_items({**part, "effective_unit_price": "7"}), "rule", "recomputed")
    assert found == (None, Decimal("17.50"))


@pytest.mark.parametrize(
    ("listed", "overage", "charges", "rate"),
    [
        ("0.085", "745", "63.33", "0.08500671"),  # Microsoft's sample of Partner Center's API
        ("0.0123", "9000000.5", "110700.01", "0.01230001"),  # which makes 110790.01
        ("0.087", "694.289279", "60.40", "0.08637341"),  # of the consumed quantity
    ],
)
def test_legacy_usage_is_the_list_price_times_the_overage(listed, overage, charges, rate):
    """Its effective rate is the amount divided, and rounded: it explains nothing."""
    line = {"resource_guid": "r1", "overage_quantity": overage, "list_price": listed,
            "pretax_effective_rate": rate, "pretax_charges": charges}  # fmt: skip
    (found,) = explained(line_items(line, object_type="UsageBasedLineItem"), "rule", "sentence")
    assert found == (
        "amount rounded half up",
        f"c1: r1: {overage} x {listed} = {charges} USD, amount rounded half up",
    )
    line |= {"list_price": "99", "pretax_effective_rate": listed}  # a discount
    (found,) = explained(line_items(line, object_type="UsageBasedLineItem"), "sentence")
    assert f"{overage} x {listed} = " in found[0]


def test_a_year_has_its_own_days():
    part = {
        "unit_price": "366",
        "effective_unit_price": "20.00",
        "term_and_billing_cycle": "1 Year",
    }
    line = {**seats("20", "1", "20"), **part, **from_to(date(2024, 1, 1), date(2024, 1, 20))}
    (sentence,) = explained(line_items(line))["sentence"]
    assert "20 of 366 days of the term 1 Year: 1 x 20.00 = 20.00 USD" in sentence
    far = {**line, "unit_price": "365", **from_to(date(9999, 2, 1), date(9999, 2, 20))}
    assert "20 of 365 days" in explained(line_items(far))["sentence"][0]


@pytest.mark.parametrize(
    ("price", "quantity", "rate", "subtotal", "rule"),
    [
        ("3.339", "10", "1.1", "36.70", "price rounded down"),  # 3.67 x 10
        ("0.3333", "3.5", "1.1", "1.27", "amount rounded down twice"),  # 1.16 x 1.1
        ("3.339", "10", "1.1", "36.72", "amount rounded down twice"),  # 33.39 x 1.1, cut
        ("3.339", "10", "1.1", "36.73", None),
        ("3.335", "2", None, "6.68", "price rounded half up"),
        ("-3.339", "10", "1", "-33.30", "price rounded down"),  # towards zero
    ],
)
def test_the_rule_is_the_one_that_gives_the_amount(price, quantity, rate, subtotal, rule):
    line = seats(price, quantity, subtotal, pc_to_bc_exchange_rate=rate)
    assert explained(line_items(line), "rule") == [(rule,)]


def test_currencies_have_their_own_decimals():
    line = seats("1.999", "3", "894", pc_to_bc_exchange_rate="149.5", currency="JPY")
    assert explained(line_items(line), "rule", "residual") == [("price rounded down", 0)]


def test_a_discount_of_legacy_licences_is_taken_off():
    line = licence("10", "4", "36", amount="40", total_other_discount="4")
    found = explained(line_items(line, object_type="LicenseBasedLineItem"))
    assert found["rule"].to_list() == ["amount rounded half up"]
    assert "4 x 10.00 less 4.00 = 36.00 USD" in found["sentence"][0]


def test_the_oldest_lines_have_a_price_and_a_quantity_alone():
    line = {**seats("431.8", "1", "431.8"), "effective_unit_price": None, "billable_quantity": None}
    assert explained(line_items(line), "rule") == [("price rounded down",)]


def test_what_cannot_be_computed_is_null():
    nothing = [seats(None, "1", "5"), seats("5", None, "5"), seats("5", "1", None)]
    found = explained(line_items(*nothing))
    assert found.select("rule", "recomputed", "residual", "mate").rows() == [(None,) * 4] * 3
    assert found["sentence"].to_list() == [
        "Contoso: E3: 5.00 USD billed, without a price or quantity",
        "Contoso: E3: 5.00 USD billed, without a price or quantity",
        "Contoso: E3: no amount billed",
    ]
    bare = {"customer_id": None, "customer_name": None, "currency": None}
    assert explained(line_items(bare), "sentence") == [
        ("(no customer): (no offer): no amount billed",)
    ]


def test_numbers_of_any_size_are_recomputed_or_left():
    large = "99999999999999.999999999999999999999999"
    found = explained(line_items(seats(large, large, "1"), seats(large, "1", "1")))
    assert found["rule"].to_list() == [None, None]
    assert found["recomputed"].to_list() == [None, Decimal("99999999999999.99")]


SEPTEMBER = from_to(date(2026, 9, 1), date(2026, 9, 30))
REST = from_to(date(2026, 9, 16), date(2026, 9, 30))
ADDED = {"charge_type": "addQuantity", **REST}


def mates(*lines):
    return explained(line_items(*lines))["mate"].to_list()


def test_each_change_takes_back_the_line_before_it():
    """10 seats, then 12, then 15: each change credits what was billed last."""
    lines = [
        seats("8", "10", "80", charge_type="cycleCharge", **SEPTEMBER),
        seats("4", "-10", "-40", **ADDED),
        seats("4", "12", "48", **ADDED),
        seats("4", "-12", "-48", **ADDED),
        seats("4", "15", "60", **ADDED),
    ]
    assert mates(*lines) == [None, 0, None, 2, None]
    assert "; takes back row 2" in explained(line_items(*lines))["sentence"][3]
    assert mates(*reversed(lines)) == [None, 2, None, 4, None]


def test_a_line_is_taken_back_once_and_the_very_opposite_first():
    once = seats("8", "1", "8", charge_type="cancelImmediate", **SEPTEMBER)
    back = {**once, "billable_quantity": "-1", "quantity": "-1", "subtotal": "-8"}
    less = {**back, "subtotal": "-3", **REST}
    assert mates(once, less, back, back) == [None, None, 0, None]
    assert mates(once, once, less, back) == [None, None, 1, 0]


@pytest.mark.parametrize("refunds", [("-5", "-5.5"), ("-5.5", "-5")])
def test_the_order_of_lines_decides_no_mate(refunds):
    lines = [
        seats("8", "1", "6", charge_type="new", **SEPTEMBER),
        seats("8", "1", "7", **from_to(date(2026, 9, 5), date(2026, 9, 30))),
        seats("4", "-1", refunds[0], **{**ADDED, **from_to(date(2026, 9, 2), date(2026, 9, 30))}),
        seats("4", "-1", refunds[1], **ADDED),
    ]
    for order in permutations(range(len(lines))):
        found = mates(*(lines[place] for place in order))
        told = {order[row]: order[mate] for row, mate in enumerate(found) if mate is not None}
        assert told == {2: 0, 3: 1}


@pytest.mark.parametrize(
    "other",
    [
        {"customer_id": "c2"},
        {"subscription_id": "s2"},
        {"sku_id": "2"},
        {"currency": "EUR"},
        {"billable_quantity": "-9"},
        {"subtotal": "-81"},
        from_to(date(2026, 9, 16), date(2026, 10, 1)),
        {"charge_start_date": None},
        {"charge_type": "customerCredit"},
    ],
)
def test_a_line_of_something_else_is_no_mate(other):
    line = seats("8", "10", "80", charge_type="new", **SEPTEMBER)
    back = seats("4", "-10", "-40", **ADDED)
    assert mates(line, back) == [None, 0]
    assert mates(line, {**back, **other}) == [None, None]


def test_what_has_no_subscription_has_no_change():
    line = {**seats("8", "10", "80", charge_type="new", **SEPTEMBER), "subscription_id": None}
    back = {**seats("4", "-10", "-40", **ADDED), "subscription_id": None}
    assert mates(line, back) == [None, None]
    assert mates(line, {**back, "subtotal": "-80", **SEPTEMBER}) == [None, 0]


def test_a_credit_of_the_very_line_is_its_mate():
    line = seats("8", "10", "80", charge_type="new", **SEPTEMBER)
    credit = {**line, "charge_type": "customerCredit", "billable_quantity": "-10",
              "subtotal": "-80"}  # fmt: skip
    assert mates(line, credit) == [None, 0]


def test_daily_usage_is_not_explained_and_other_things_are_refused():
    usage = line_items({"quantity": "1"}, object_type="DailyRatedUsageLineItem")
    assert explained({**line_items(seats("1", "1", "1")), **usage}).height == 1
    empty = explained({})
    assert empty.columns[-5:] == ["rule", "recomputed", "residual", "mate", "sentence"]
    assert empty.is_empty()
    lazy = {name: frame.lazy() for name, frame in line_items(seats("1", "1", "1")).items()}
    assert explained(lazy, "rule") == [("price rounded down",)]
    with pytest.raises(TypeError, match="give line items, as of invoice"):
        ik.explain(pl.DataFrame())
    unknown = {"NewLineItem": pl.DataFrame({"invoice_id": ["G1"]})}
    assert explained({**unknown, **line_items(seats("1", "1", "1"))}).height == 1


def test_names_from_outside_steer_no_terminal():
    line = seats("1", "1", "1", customer_name="\x1b[31m\u202eEvil", product_name="a\nb")
    (sentence,) = explained(line_items(line))["sentence"]
    assert sentence.startswith("[31mEvil: a b: ")


def test_on_the_demo_partner_all_is_explained(demo):
    for name in ("G012345611", "G012345612", "G012345652"):  # the last one in yen
        found = ik.explain(demo.invoice(name).line_items())
        assert found["rule"].null_count() == 0
        assert found.drop("rule", "recomputed", "residual", "mate", "sentence").equals(
            demo.invoice(name).charges()
        )
    legacy = ik.explain(demo.invoice("D070001012").line_items())
    assert legacy["rule"].null_count() == 0
    assert legacy.filter(pl.col("quantity") != pl.col("billable_quantity")).height == 12

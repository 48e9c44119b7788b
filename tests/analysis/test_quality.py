"""Quality: every planted fault is found under its name, and nothing on a clean invoice."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import invoicekit as ik
from invoicekit.analysis.checks.quality import CHECKS, QUALITY
from support.line_frames import DAILY, DAILY_RATED, LICENSED, METERED, ONE_TIME, lines

NOON = datetime(2026, 9, 1, tzinfo=UTC)


def bought(number=0, **fields):
    """A line of new commerce, as it should be; each number is another one."""
    usual = {
        "customer_id": "c1", "customer_name": "Contoso", "product_id": "P", "sku_id": "0001",
        "product_name": "E3", "charge_type": "cycleCharge", "unit_price": Decimal(10),
        "quantity": Decimal(1), "subtotal": Decimal(10), "tax_total": Decimal(1),
        "total_for_customer": Decimal(11), "currency": "USD", "order_id": str(number),
        "term_and_billing_cycle": "1 Year", "charge_start_date": NOON, "charge_end_date": NOON,
        "customer_country": "US",
    }  # fmt: skip
    return {**usual, **fields}


CLEAN = [bought(number) for number in range(5)]


def found(*rows, name=ONE_TIME, **more):
    """The checks that found something, by line and currency."""
    return ik.quality({name: lines(name, *rows)}, **more)


def told(*rows, name=ONE_TIME, **more):
    return found(*rows, name=name, **more).select(
        "check", "severity", "column", "lines", "amount"
    ).rows()  # fmt: skip


def test_nothing_is_found_on_clean_lines():
    clean = found(*CLEAN, before={ONE_TIME: lines(ONE_TIME, *CLEAN)})
    assert clean.is_empty()
    assert dict(clean.schema) == QUALITY
    assert ik.quality({}).schema == clean.schema
    assert ik.quality({ONE_TIME: lines(ONE_TIME)}).is_empty()


# A check -> the planted line, and what is told of it.
PLANTED = {
    "null": (bought(currency=None), ("error", "currency", 1, 11)),
    "no customer": (bought(customer_id=None), ("note", "customer_id", 1, 11)),
    "unknown type": (bought(charge_type="surcharge"), ("warning", "charge_type", 1, 11)),
    "unknown field": (bought(carbon="7"), ("note", "carbon", 1, None)),
    "doubled rows": (bought(4, page=2), ("note", None, 1, 11)),
    "price moved": (bought(unit_price=Decimal(12)), ("warning", "unit_price", 1, 11)),
    "negative": (
        bought(subtotal=Decimal(-10), tax_total=Decimal(-1), total_for_customer=Decimal(-11)),
        ("warning", "total_for_customer", 1, -11),
    ),
    "zero": (
        bought(total_for_customer=Decimal(0)), ("warning", "total_for_customer", 1, 0)
    ),
    "tax rate": (bought(tax_total=Decimal(3)), ("warning", "tax_total", 1, 11)),
    "rounded": (bought(quantity_as_sent="1.0000000000000000000000001"),
                ("warning", "quantity", 1, None)),
    "drift": (bought(publisher_name="Fabrikam"), ("note", "publisher_name", 1, None)),
}  # fmt: skip


def test_every_check_is_planted():
    assert list(PLANTED) == list(CHECKS)


@pytest.mark.parametrize("check", CHECKS)
def test_a_planted_fault_is_found_under_its_name_and_no_other(check):
    line, what = PLANTED[check]
    before = {ONE_TIME: lines(ONE_TIME, *CLEAN)} if check == "drift" else None
    assert told(*CLEAN, {"order_id": "planted", **line}, before=before) == [(check, *what)]


@pytest.mark.parametrize(
    ("field", "severity"),
    [("total_for_customer", "error"), ("subtotal", "warning"), ("tax_total", "note"),
     ("charge_type", "warning"), ("quantity", "note"), ("unit_price", "note"),
     ("charge_start_date", "note"), ("charge_end_date", "note")],
)  # fmt: skip
def test_what_a_charge_cannot_be_understood_without_is_missed(field, severity):
    rows = told(*CLEAN, bought("missing", **{field: None}))
    assert [row[:4] for row in rows] == [("null", severity, field, 1)]


def test_an_offer_has_two_fields():
    rows = told(*CLEAN, bought("missing", product_id=None, sku_id=None))
    assert [row[:4] for row in rows] == [("null", "warning", "product_id:sku_id", 1)]


def test_columns_are_called_as_in_their_frame_and_what_a_type_has_not_is_not_missed():
    usage = {"currency": "USD", "charge_type": "Assess usage fee for current cycle"}
    rows = told({**usage, "customer_id": "c1"}, name=METERED)
    assert [row[2] for row in rows if row[0] == "null"] == [
        "post_tax_total", "pretax_charges", "resource_guid", "tax_amount", "consumed_quantity",
        "list_price", "charge_start_date", "charge_end_date",
    ]  # fmt: skip
    assert told({"customer_id": None}, name=DAILY) == []
    assert told({"customer_id": None}, name=DAILY_RATED) == []


def test_an_unknown_object_type_is_an_error():
    unknown = pl.DataFrame({"invoice_id": ["G1", "G1"], "amount": ["1", "2"]})
    assert ik.quality({"NewLineItem": unknown}).select("check", "severity", "lines").rows() == [
        ("unknown type", "error", 2)
    ]


def test_usage_that_is_there_twice_is_told_without_an_amount():
    rows = [{"quantity": Decimal(1), "resource_uri": "vm"}] * 3
    assert told(*rows, name=DAILY_RATED) == [("doubled rows", "note", None, 2, None)]


def test_prices_are_told_by_offer_and_term():
    other = bought(sku_id="0002", unit_price=Decimal(5))
    longer = bought(unit_price=Decimal(9), term_and_billing_cycle="3 Years")
    usage = [bought(sku_id="u", unit_price=Decimal(n), term_and_billing_cycle=None) for n in (1, 2)]
    assert told(*CLEAN, other, longer, *usage) == []
    moved = bought(currency="EUR", pricing_currency="USD", unit_price=Decimal("12.5"))
    assert found(*CLEAN, moved).select("currency", "lines", "detail").rows() == [
        ("EUR", 1, "E3 (1 Year): list prices from 10.00 to 12.50 USD")
    ]


def test_what_is_below_zero_by_its_nature_is_noted():
    back = {"subtotal": Decimal(-10), "tax_total": Decimal(-1), "total_for_customer": Decimal(-11)}
    words = ["customerCredit", "addQuantity", "cancelImmediate"]
    rows = told(*CLEAN, *(bought(word, charge_type=word, **back) for word in words))
    assert rows == [("negative", "note", "total_for_customer", 3, -33)]
    (detail,) = found(bought(charge_type="renew", **back))["detail"]
    assert detail == "below zero, of charge types that bill: 'renew'"


def test_what_costs_nothing_is_noted():
    free = bought(subtotal=Decimal(0), tax_total=Decimal(0), total_for_customer=Decimal(0))
    assert told(*CLEAN, free) == [("zero", "note", "total_for_customer", 1, 0)]


def test_numbers_that_were_too_large_are_said_to_be_null():
    large = bought(quantity=None, quantity_as_sent="1E30")
    (row,) = found(*CLEAN, large).filter(check="rounded").rows(named=True)
    assert row["detail"] == (
        "numbers that do not fit the column, rounded; 1 of them are null, too large for it; as "
        "sent in quantity_as_sent"
    )


def test_a_field_that_is_only_called_so_is_no_rounded_number():
    assert [row[0] for row in told(*CLEAN, bought("x", carbon_as_sent="1"))] == ["unknown field"]


def test_drift_says_whether_all_lines_had_it():
    before = [bought(publisher_name="Fabrikam", promotion_id=None) for _ in range(4)]
    before[0]["promotion_id"] = "p1"
    now = [bought(n, unit_type="Seats") for n in range(4)]
    drift = found(*now, before={ONE_TIME: lines(ONE_TIME, *before)}).filter(check="drift")
    assert drift.select("severity", "column", "detail").rows() == [
        ("warning", "unit_type", "has values in 4 lines, and had none before"),
        ("warning", "publisher_name", "had values in 4 lines before, and has none now"),
        ("note", "promotion_id", "had values in 1 lines before, and has none now"),
    ]
    assert found(*now, before={LICENSED: lines(LICENSED, {})}).is_empty()
    assert found(*now, before={ONE_TIME: lines(ONE_TIME)}).is_empty()
    source = [{**one, "billing_provider": "one_time", "attributes": "{}"} for one in CLEAN]
    assert told(*source, before={ONE_TIME: lines(ONE_TIME, *CLEAN)}) == []


def test_currencies_are_apart_and_errors_first():
    rows = [bought(1, customer_id=None), bought(2, customer_id=None, currency="EUR"),
            bought(3, total_for_customer=None)]  # fmt: skip
    assert found(*CLEAN, *rows).select("check", "currency", "lines").rows() == [
        ("null", "USD", 1), ("no customer", "EUR", 1), ("no customer", "USD", 1),
    ]  # fmt: skip


def test_lazy_frames_do_as_well_and_other_things_are_refused():
    frame = lines(ONE_TIME, *CLEAN, bought("x", customer_id=None))
    assert ik.quality({ONE_TIME: frame.lazy()}).equals(ik.quality({ONE_TIME: frame}))
    with pytest.raises(TypeError, match="cannot look at a DataFrame: give line items"):
        ik.quality(frame)
    with pytest.raises(TypeError, match="give line items"):
        ik.quality({}, before=frame)


@pytest.mark.parametrize("object_type", [None, "Another"])
def test_lines_that_name_no_type_that_is_known_are_told_too(object_type):
    line = bought(object_type=object_type, customer_id=None)
    assert told(line) == [("no customer", "note", "customer_id", 1, Decimal(11))]


def test_words_from_outside_steer_no_terminal():
    (detail,) = found(bought(charge_type="\x1b[2Jnew\u202e"))["detail"]
    assert "\x1b" not in detail
    assert "\u202e" not in detail


def test_amounts_that_cannot_be_added_are_refused():
    large = bought(customer_id=None, total_for_customer=Decimal("9e13"))
    with pytest.raises(ik.FrameError, match="too large"):
        found(large, large)


ODD = st.fixed_dictionaries(
    {
        "customer_id": st.sampled_from([None, "c1", "c2"]),
        "currency": st.sampled_from([None, "USD", "JPY"]),
        "charge_type": st.sampled_from([None, "new", "odd", "customerCredit"]),
        "unit_price": st.sampled_from([None, Decimal(10), Decimal(11)]),
        "total_for_customer": st.none() | st.decimals(-(10**4), 10**4, places=2),
        "tax_total": st.none() | st.decimals(-(10**4), 10**4, places=2),
    }
)


@given(st.lists(ODD, max_size=10), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_the_order_of_lines_changes_nothing(rows, random):
    made = [bought(number, **row) for number, row in enumerate(rows)]
    shuffled = random.sample(made, len(made))
    assert found(*made).equals(found(*shuffled))


def test_the_demo_partners_invoices_have_notes_alone(demo):
    before = None
    for name in ("G012345610", "G012345611", "G012345612"):
        items = demo.invoice(name).line_items()
        quality = ik.quality(items, before=before)
        assert quality["severity"].unique().to_list() == ["note"]
        before = items


def test_the_faults_of_the_demo_are_found():
    planted = {"price moved": "price moved", "odd tax rate": "tax rate",
               "missing customer": "no customer", "drifted column": "unknown field",
               "doubled rows": "doubled rows"}  # fmt: skip
    with (
        ik.demo() as clean,
        ik.demo(faults=list(planted)) as spoiled,
        pytest.warns(UserWarning, match="does not document"),
    ):
        was, now = (
            dict(ik.quality(one.latest.line_items()).group_by("check").agg(pl.col("lines").sum())
                 .iter_rows()) for one in (clean, spoiled)
        )  # fmt: skip
    assert {check for check in now if now[check] > was.get(check, 0)} == set(planted.values())

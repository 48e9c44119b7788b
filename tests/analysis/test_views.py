"""Views: small frames that add up to the charges, currencies apart, the same in any order."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import invoicekit as ik
from invoicekit.analysis.views.table import VIEWS, view_named
from invoicekit.frames.charges import CHARGES
from invoicekit.sources.partner_center.header import BILLED
from support.charges import charge

DATED = {**CHARGES, "invoice_date": pl.Date(), "month": pl.String()}
NAMES = [
    "customers", "products", "families by month", "changes by month", "price movers", "seats",
    "renewals", "tax by country", "credits", "partner earned credit", "open balance",
]  # fmt: skip


def line(total="1", month="2026-09", **fields):
    """A charge of a month's invoice, which is made on the fifth of the next."""
    year, number = int(month[:4]), int(month[5:])
    amount = None if total is None else Decimal(total)
    usual = {"charge_family": "recurring", "month": month, "subtotal": amount, "total": amount,
             "invoice_date": date(year + number // 12, number % 12 + 1, 5)}  # fmt: skip
    return charge(**{**usual, **fields})


def seat(number="1", month="2026-09", **fields):
    """A charge of seats of a subscription."""
    quantity = Decimal(number)
    usual = {"subscription_id": "s1", "term": "1 Year", "billable_quantity": quantity}
    return line(month=month, **{**usual, **fields})


def lines_of(*rows):
    return pl.DataFrame(list(rows), schema=DATED).lazy()


def view(name, *rows):
    return view_named(name).make(lines_of(*rows))


def test_there_is_a_view_for_each_question():
    assert [one.name for one in VIEWS] == NAMES


def test_an_unknown_view_is_named_with_what_is_meant(demo):
    with pytest.raises(ValueError, match=r"no view 'seat'; the views are .* mean 'seats'\?"):
        demo.latest.view("seat")
    with pytest.raises(ValueError, match=r"no view 'xyz'; the views are customers, products"):
        demo.view("xyz")


@pytest.mark.parametrize("name", NAMES[:-1])
def test_nothing_gives_no_rows_but_the_columns(name):
    empty = view(name)
    assert empty.is_empty()
    nulls = view(name, dict.fromkeys(DATED), line(None))
    assert nulls.schema == empty.schema
    assert view(name, seat(), line("-5", credit_reason="PEC Applied")).schema == empty.schema


def test_customers_have_rank_share_and_change():
    found = view(
        "customers",
        line("10", "2026-07"),
        line("30", "2026-08"),
        line("50", "2026-09"),
        line("5", "2026-08", customer_id="c2", customer_name="Two"),
        line("5", "2026-09", customer_id="c3", customer_name="Three"),
        line("7", "2026-09", currency="EUR"),
        line("-7", "2026-09", currency="JPY"),
    )
    assert found.columns == [
        "currency", "rank", "customer_id", "customer_name", "lines", "total", "share", "latest",
        "before", "change",
    ]  # fmt: skip
    assert found.drop("customer_name", "lines").rows() == [
        ("EUR", 1, "c1", 7, 1, 7, None, None),
        ("JPY", 1, "c1", -7, None, -7, None, None),
        ("USD", 1, "c1", 90, Decimal("0.9"), 50, 30, 20),
        ("USD", 2, "c2", 5, Decimal("0.05"), 0, 5, -5),
        ("USD", 3, "c3", 5, Decimal("0.05"), 5, 0, 5),
    ]


def test_products_have_their_skus_below_them():
    found = view(
        "products",
        line("10", offer_id="P1:0001", offer_name="Plan"),
        line("20", offer_id="P1:0002", offer_name="Plan", customer_id="c2"),
        line("1", offer_id="P1:0002", offer_name="Plan", customer_id=None),
        line("25", offer_id="legacy", offer_name="Office"),
    )
    assert found.drop("share", "product_name").rows() == [
        ("USD", "P1", 31, "0002", 2, 2, 21),
        ("USD", "P1", 31, "0001", 1, 1, 10),
        ("USD", "legacy", 25, None, 1, 1, 25),
    ]
    assert found["product_name"].to_list() == ["Plan", "Plan", "Office"]


def test_families_stand_in_their_own_order_month_by_month():
    rows = [line("1", month, charge_family=family) for month in ("2026-08", "2026-07")
            for family in ("credit", "recurring", "usage", None)]  # fmt: skip
    found = view("families by month", *rows)
    assert found.select("month", "charge_family").rows() == [
        (month, family) for month in ("2026-07", "2026-08")
        for family in ("recurring", "usage", "credit", None)
    ]  # fmt: skip


def test_changes_by_month_add_up_along_a_row():
    found = view(
        "changes by month",
        seat("2", "2026-07", effective_unit_price=Decimal(5), subtotal=Decimal(10)),
        seat("3", "2026-09", effective_unit_price=Decimal(5), subtotal=Decimal(15), tax=Decimal(1)),
        line("7", "2026-10", customer_id="c2", customer_name="Two"),
        line("4", "2026-10", currency="EUR"),
    )
    moved = [{k: v for k, v in row.items() if v} for row in found.to_dicts()]
    assert moved == [
        {"currency": "EUR", "since": "2026-09", "month": "2026-10", "new customers": 4, "after": 4},
        {"currency": "USD", "since": "2026-07", "month": "2026-09", "before": 1, "quantity": 5,
         "rest": -6, "tax": 1, "after": 1},
        {"currency": "USD", "since": "2026-09", "month": "2026-10", "before": 1,
         "new customers": 7, "lost customers": -15, "tax": -1, "rest": 15, "after": 7},
    ]  # fmt: skip


def test_a_country_has_the_rate_that_its_tax_is():
    found = view(
        "tax by country",
        line("30", country="DE", tax=Decimal("5.70")),
        line("300", country="US"),
        line("0", country="NL", tax=Decimal(1)),
    )
    assert found.select("country", "tax", "rate", "odd").rows() == [
        ("DE", Decimal("5.70"), Decimal("0.19"), 0), ("NL", 1, None, 1), ("US", 0, 0, 0),
    ]  # fmt: skip


def test_credits_are_what_is_given_back_and_not_billed_anew():
    back = {"charge_family": "credit", "credit_reason": "Azure Credit Applied"}
    found = view(
        "credits",
        line("-1", **back),
        line("-5", **back, customer_id="c2", customer_name="Two"),
        line("2", charge_family="tax"),
        line("-3"),
        line("-4", charge_family=None, offer_id="o2"),
        line("-6", charge_family="change"),
        line("7", credit_reason="Azure Credit Applied"),
    )
    assert found.select("credit_reason", "customer_name", "total").rows() == [
        ("Azure Credit Applied", "Two", -5),
        (None, "One", -4),
        ("Azure Credit Applied", "One", -1),
        (None, "One", -1),  # refunded tax, and a line below zero, of one offer
    ]


def test_earned_credit_is_got_or_missed():
    with_it = {"credit_reason": "Partner Earned Credit Applied", "subscription_id": "s1"}
    found = view(
        "partner earned credit",
        line("85", **with_it),
        line("100", subscription_id="s2"),
        line("0.10", **with_it | {"credit_reason": "PEC Applied"}),
        line("-9", subscription_id="s2", charge_family="credit"),
        line("1000", offer_id="never has it"),
    )
    assert found.drop("currency", "customer_id", "customer_name", "subscription_name").rows() == [
        ("s2", 1, 100, 0, 100, 0, 15),
        ("s1", 2, Decimal("85.10"), Decimal("85.10"), 0, Decimal("15.02"), 0),
    ]


def test_the_balance_is_what_is_not_paid():
    rows = [("G1", date(2026, 9, 5), "2026-08", "USD", Decimal(10), Decimal(4)),
            ("G2", date(2026, 10, 5), "2026-09", "USD", Decimal(10), None),
            ("G3", None, None, "USD", Decimal(1), Decimal(0)),
            ("G4", date(2026, 9, 5), "2026-08", None, Decimal(2), Decimal(0))]  # fmt: skip
    headers = pl.DataFrame(rows, schema=BILLED, orient="row")
    found = view_named("open balance").make(headers.lazy())
    assert found.select("invoice_id", "open").rows() == [
        ("G2", None), ("G1", 6), ("G3", 1), ("G4", 2),
    ]  # fmt: skip


def priced(price, start=date(2026, 9, 1), **fields):
    return seat(unit_price=Decimal(price), charge_start=start, **fields)


def test_a_price_that_moved_is_told_with_its_days():
    found = view(
        "price movers",
        priced("10"),
        priced("12", date(2026, 10, 1)),
        priced("10", date(2026, 9, 2), term="3 Years"),
        priced("10", offer_id="o2"),
        priced("13", date(2026, 9, 2), offer_id="o2"),
        priced("10", date(2026, 9, 3), offer_id="o2"),
        priced("10", term=None, offer_id="usage"),
        priced("99", term=None, offer_id="usage"),
        priced("99", charge_family="credit"),
    )
    assert found.drop("currency", "offer_name", "term").rows() == [
        ("o2", 3, 10, 13, date(2026, 9, 1), 10, date(2026, 9, 3), 10, 0, 0),
        ("o1", 2, 10, 12, date(2026, 9, 1), 10, date(2026, 10, 1), 12, 2, Decimal("0.2")),
    ]


def test_a_price_that_was_nothing_is_the_furthest_moved():
    prices = [("a", "1"), ("a", "99"), ("b", "0"), ("b", "1"), (None, "1"), (None, "2")]
    moved = [priced(price, offer_id=name) for name, price in prices]
    assert view("price movers", *moved)["offer_id"].to_list() == ["b", "a", None]


def test_an_offer_whose_price_moved_goes_by_its_latest_name():
    old = priced("10", offer_name="Zoom", charge_end=date(2026, 9, 30))
    new = priced("12", offer_name="Amber", charge_end=date(2026, 10, 31))
    for lines in ((old, new), (new, old)):
        assert view("price movers", *lines)["offer_name"].to_list() == ["Amber"]


def test_prices_of_legacy_licences_for_some_days_are_no_moves():
    legacy = {"object_type": "LicenseBasedLineItem"}
    part = priced("3", **legacy, charge_family="change")
    assert view("price movers", priced("10", **legacy), part).is_empty()
    assert view("price movers", priced("10", **legacy), priced("3", **legacy)).height == 1


def test_prices_are_in_their_own_currency():
    moved = [priced("10", pricing_currency="USD", currency="EUR"), priced("11", currency="USD")]
    assert view("price movers", *moved)["currency"].to_list() == ["USD"]


def test_seats_are_counted_month_by_month():
    found = view(
        "seats",
        seat("10", "2026-07"),
        seat("10", "2026-08"),
        seat("-10", "2026-08", charge_family="change"),
        seat("12", "2026-08", charge_family="change"),
        seat("3", "2026-08", customer_id="c2", subscription_id="s2"),
        seat("5", "2026-09", offer_id="o2"),
        seat("5", "2026-10", offer_id="o2"),
        seat("0.5", "2026-07"),
        seat("9", "2026-07", term=None),
        seat("9", "2026-07", charge_family="credit"),
        seat("9", "2026-07", subscription_id=None),
    )
    assert found.drop("currency", "offer_name").rows() == [
        ("o1", "2026-07", 1, 1, 10, None),
        ("o1", "2026-08", 2, 2, 15, 5),
        ("o1", "2026-09", 0, 0, 0, -15),
        ("o2", "2026-09", 1, 1, 5, 5),
        ("o2", "2026-10", 1, 1, 5, 0),
    ]


def test_renewals_are_those_of_90_days_from_the_newest_invoice():
    def ends(end, name, **fields):
        return seat("2", subscription_end=end, subscription_id=name, **fields)

    found = view(
        "renewals",  # the invoice of September is made on 5 October
        ends(date(2026, 10, 5), "today"),
        ends(date(2027, 1, 3), "in 90 days", month="2026-09"),
        ends(date(2027, 1, 4), "in 91 days"),
        ends(date(2026, 10, 4), "yesterday"),
        ends(date(2026, 12, 1), "cancelled"),
        seat("-2", subscription_end=date(2026, 12, 1), subscription_id="cancelled"),
        ends(date(2026, 12, 31), "longer", month="2026-08"),
        ends(date(2027, 12, 31), "longer", month="2026-09"),
        ends(date(2026, 12, 31), "stays", month="2026-08"),
        ends(date(2026, 12, 31), "stays", month="2026-09"),
        ends(None, "no end"),
    )
    assert found.select("subscription_id", "days", "seats", "total").rows() == [
        ("today", 0, 2, 1),
        ("stays", 87, 2, 1),
        ("in 90 days", 90, 2, 1),
    ]


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "total": st.none() | st.decimals(-(10**6), 10**6, places=6),
            "month": st.sampled_from(["2026-07", "2026-08", "2026-09"]),
            "customer_id": st.sampled_from([None, "a", "b"]),
            "offer_id": st.sampled_from([None, "P:1", "P:2", "Q"]),
            "currency": st.sampled_from(["USD", "JPY", None]),
            "country": st.sampled_from([None, "DE", "US"]),
            "charge_family": st.sampled_from([None, "recurring", "credit", "change"]),
            "credit_reason": st.sampled_from([None, "PEC Applied"]),
        }
    ),
    max_size=12,
)


@given(ROWS, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_views_of_all_charges_add_up_to_them_in_any_order(rows, random):
    lines = [seat(**row) for row in rows]
    whole = {row[0]: row[4] for row in ik.totals(lines_of(*lines)).rows()}
    shuffled = random.sample(lines, len(lines))
    for name in NAMES[:-1]:
        found = view(name, *lines)
        assert found.equals(view(name, *shuffled)), name
        if name in {"customers", "products", "families by month", "tax by country"}:
            for currency, total in whole.items():
                mine = found.filter(pl.col("currency").eq_missing(pl.lit(currency)))
                assert sum(mine["total"].drop_nulls()) == (total or 0)
    for row in view("changes by month", *lines).rows():
        assert sum(row[3:-1]) == row[-1]
    shares = view("customers", *lines).group_by("currency").agg(pl.col("share").sum())["share"]
    assert all(abs(share - 1) < Decimal("0.0001") for share in shares if share)


@pytest.mark.parametrize("name", NAMES)
def test_one_invoice_and_many_have_each_view(demo, name):
    demo.sync(since="2026-11", tell=lambda _: None)
    many = demo.view(name, since="2026-11")
    one = demo.invoice("G012345612").view(name)
    assert many.schema == one.schema
    assert many.height >= one.height > 0 or name in {"changes by month", "price movers", "renewals"}


def test_the_balance_asks_for_no_lines(demo):
    found = demo.view("open balance")
    assert found.height == demo.invoices().height
    assert found.filter(invoice_id="G012345611")["open"].to_list() == [Decimal("221438.34")]


def test_amounts_that_cannot_be_added_are_refused():
    large = [line("9e13"), line("9e13")]
    for name in ("customers", "products", "families by month", "tax by country"):
        with pytest.raises(ik.FrameError, match="too large"):
            view(name, *large)
    with pytest.raises(pl.exceptions.PolarsError):
        view("seats", *[seat("99999999999999")] * 100_000)

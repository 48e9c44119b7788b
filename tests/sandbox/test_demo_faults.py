"""Each fault of the demo shows in its newest invoice as it was planted, and nowhere else."""

from __future__ import annotations

import json
import re
import warnings
from decimal import Decimal
from functools import cache

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import invoicekit as ik
from invoicekit.sandbox.demo import DemoPartner, demo_partner
from invoicekit.sandbox.faults import FAULTS, faults_named, planted
from invoicekit.sandbox.partner.invoices import MONTHS, NEWEST_ID, modern_spec, month
from invoicekit.sandbox.partner.modern import charges

BILLING, USAGE = ("one_time", "billing_line_items"), ("one_time", "usage_line_items")
AMOUNTS = ["subtotal", "tax", "total"]
# By how much the invoice then differs from its lines, and how many lines are other ones.
EXPECTED = {
    "header credit": ("-1250.50", 0),
    "one cent": ("0.01", 0),
    "price moved": ("0.00", 11),
    "odd tax rate": ("0.00", 2),
    "missing customer": ("0.00", 3),
    "wrong row total": ("-5.00", 1),
    "other currency": ("86.60", 1),
    "drifted column": ("0.00", 0),
    "usage restated": ("0.00", 0),
    "doubled rows": ("-4050.39", 0),
}


@pytest.fixture(scope="module")
def clean():
    with ik.demo() as client:
        yield client.latest.charges()


@cache
def spoilt(*names):
    with ik.demo(faults=names) as client, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        invoice = client.latest
        return invoice.charges(), invoice.reconcile(), invoice.line_items(), told


def changed(clean, charges):
    """The rows that are other ones than in the clean invoice, as (before, after)."""
    pairs = zip(clean.iter_rows(named=True), charges.iter_rows(named=True), strict=False)
    return [(before, after) for before, after in pairs if before != after]


def test_each_has_its_row_here():
    assert list(EXPECTED) == list(FAULTS)


@pytest.mark.parametrize("name", FAULTS)
def test_it_changes_so_much_of_the_invoice_and_so_many_of_its_lines(clean, name):
    charges, proof, _, _ = spoilt(name)
    difference, lines = EXPECTED[name]
    assert str(proof.difference) == difference
    assert len(changed(clean, charges)) == lines
    ties = difference == "0.00"
    assert proof.state == ("ties" if ties else "differs")


def named(items, proof):
    """Findings and checks, and of how many lines each is."""
    found = proof.findings.select("finding", "lines").rows()
    return {*found, *ik.quality(items).select("check", "lines").rows()}


@pytest.mark.parametrize("name", FAULTS)
def test_it_is_found_under_the_name_that_the_table_has_and_nothing_else_is(name):
    _, proof, items, _ = spoilt()
    clean = named(items, proof)
    _, proof, items, _ = spoilt(name)
    words = {word for word, _ in named(items, proof) - clean}
    same = {"drifted column": {"unknown field"}}  # a finding and a check of one thing
    assert words - same.get(name, set()) == {FAULTS[name].finding}


def test_a_header_credit_is_in_no_line(clean):
    charges, proof, _, _ = spoilt("header credit")
    assert charges.equals(clean)
    assert proof.invoice_total - proof.lines_total == Decimal("-1250.50")


def test_a_price_that_moved_is_two_prices_of_one_sku_and_the_sums_of_each_line_are_right(clean):
    charges, _, _, _ = spoilt("price moved")
    pairs = changed(clean, charges)
    assert {before["offer_name"] for before, _ in pairs} == {"Exchange Online (Plan 1)"}
    for before, after in pairs:
        assert (before["unit_price"], after["unit_price"]) == (Decimal(4), Decimal("4.4"))
        assert after["effective_unit_price"] == Decimal("4.4")
        assert after["subtotal"] == after["quantity"] * Decimal("4.4")
        assert after["subtotal"] + after["tax"] == after["total"]
    left = charges.filter(pl.col("offer_name") == "Exchange Online (Plan 1)")
    assert set(left["unit_price"]) == {Decimal(4), Decimal("4.4")}


def test_an_odd_tax_rate_is_a_quarter_of_the_subtotal(clean):
    charges, _, _, _ = spoilt("odd tax rate")
    for before, after in changed(clean, charges):
        assert after["tax"] == after["subtotal"] / 4 != before["tax"]
        assert after["subtotal"] + after["tax"] == after["total"]


def test_a_missing_customer_leaves_the_rest_of_the_line(clean):
    charges, _, _, _ = spoilt("missing customer")
    for before, after in changed(clean, charges):
        assert (after["customer_id"], after["customer_name"]) == (None, None)
        assert before["customer_id"] is not None
        assert {name for name in after if after[name] != before[name]} <= {
            "customer_id",
            "customer_name",
            "country",
        }


def test_a_wrong_row_total_is_five_more_than_its_parts(clean):
    charges, _, _, _ = spoilt("wrong row total")
    [(before, after)] = changed(clean, charges)
    assert after["total"] - after["subtotal"] - after["tax"] == 5
    assert before["subtotal"] == after["subtotal"]


def test_a_line_in_another_currency_has_the_amounts_that_it_had(clean):
    charges, proof, _, _ = spoilt("other currency")
    [(before, after)] = changed(clean, charges)
    assert (before["currency"], after["currency"]) == ("USD", "EUR")
    assert [before[name] for name in AMOUNTS] == [after[name] for name in AMOUNTS]
    assert set(proof.parts["currency"].drop_nulls()) == {"USD", "EUR"}
    assert proof.difference == after["total"]


def test_a_drifted_column_is_on_every_line_and_is_told(clean):
    charges, _, items, told = spoilt("drifted column")
    assert charges.equals(clean)
    frame = items["OneTimeInvoiceLineItem"]
    assert set(frame["migration_batch_id"]) == {"batch-7"}
    assert any("migration_batch_id" in str(one.message) for one in told)


def test_usage_restated_is_of_one_subscription_and_no_matter_for_the_proof(clean):
    charges, proof, items, _ = spoilt("usage restated")
    assert charges.equals(clean)
    assert proof.ties
    key, amount = "subscription_id", "billing_pre_tax_total"
    usage = items["DailyRatedUsageLineItem"].group_by(key).agg(pl.col(amount).sum())
    azure = (pl.col("offer_name") == "Azure plan") & (
        pl.col("charge_type").str.to_lowercase() == "new"
    )
    billed = clean.filter(azure).group_by(key).agg(pl.col("subtotal").sum())
    both = usage.join(billed, on=key, how="full", coalesce=True)
    off = both.select((pl.col(amount) - pl.col("subtotal")).alias("off"))["off"].to_list()
    over = [one for one in off if not 0 <= one < Decimal("0.01")]  # whole cents are billed
    assert len(over) == 1
    assert Decimal("12.34") <= over[0] < Decimal("12.35")


def test_doubled_rows_are_the_same_in_every_field_but_the_page_s(clean):
    charges, _, items, _ = spoilt("doubled rows")
    assert charges.head(clean.height).equals(clean)
    assert charges.height == clean.height + 7
    frame = items["OneTimeInvoiceLineItem"].drop("page")
    last = frame.tail(7)
    assert last.height == last.unique().height
    for row in last.rows():
        assert frame.head(clean.height).rows().count(row) == 1


def test_all_of_them_at_once_add_up_to_the_differences_of_each():
    charges, proof, _, _ = spoilt(*FAULTS)
    alone = sum(Decimal(difference) for difference, _ in EXPECTED.values())
    assert proof.difference == alone
    doubled = charges.tail(7).rows()
    assert all(charges.rows().count(row) >= 2 for row in doubled)


def test_other_invoices_are_the_clean_ones():
    partner, other = demo_partner(graph=True), DemoPartner(graph=True, faults=tuple(FAULTS))
    bodies, others = partner.invoices(), other.invoices()
    assert {key for key in bodies if bodies[key] != others[key]} == {NEWEST_ID}
    for spec_id, pair in (
        ("D070001012", ("office", "billing_line_items")),
        ("G012340003", BILLING),
    ):
        assert partner.collection(spec_id, pair) == other.collection(spec_id, pair)


@pytest.mark.parametrize("name", FAULTS)
def test_partner_center_and_graph_have_the_same_fault(name):
    """The lines of v1, field by field where both have it, differ where Graph's do."""
    clean, other = demo_partner(), DemoPartner(faults=(name,))
    difference, lines = EXPECTED[name]
    assert other.total(NEWEST_ID) - sum(
        (
            Decimal(row["totalForCustomer"])
            for row in map(read, other.collection(NEWEST_ID, BILLING))
            if row["currency"] == "USD"
        ),
        Decimal(0),
    ) == Decimal(difference)
    rows = zip(
        clean.collection(NEWEST_ID, BILLING), other.collection(NEWEST_ID, BILLING), strict=False
    )
    changed = [one for one in rows if one[0] != one[1]]
    assert len(changed) == (5_157 if name == "drifted column" else lines)
    usage = [p.collection(NEWEST_ID, USAGE) for p in (clean, other)]
    assert (usage[0] != usage[1]) == (name == "usage restated")


def read(row):
    return json.loads(row, parse_float=Decimal)


def test_an_export_with_faults_is_another_version():
    """Else a cache that knows the clean one would go on giving it."""
    from invoicekit.sandbox.graph.exports import Asked

    asked = Asked("reconciliation", True, NEWEST_ID)
    etags = {
        DemoPartner(graph=True, faults=faults).exports.export(asked).etag
        for faults in ((), ("one cent",), ("doubled rows",))
    }
    assert len(etags) == 3


@given(st.lists(st.sampled_from(list(FAULTS))))
def test_the_order_of_asking_and_asking_twice_change_nothing(names):
    assert faults_named(names) == faults_named([*reversed(names), *names])
    assert set(faults_named(names)) == set(names)


LINES = charges(modern_spec(month(MONTHS - 1)))


@given(st.sets(st.sampled_from(list(FAULTS))))
@settings(max_examples=40, deadline=None)
def test_of_any_of_them_together_the_differences_add_up(names):
    """No two are planted in one line, and the line in euros is none that is sent twice."""
    found = planted(LINES, faults_named(names))
    off = sum(Decimal(EXPECTED[name][0]) for name in names)
    euros = sum(line.total for line in found.lines if line.odd.currency)
    assert found.header + euros == off * 100
    assert len(found.lines) == len(LINES) + 7 * ("doubled rows" in names)
    assert (found.used != LINES) == ("usage restated" in names)


def test_one_name_may_be_given_alone():
    assert faults_named("one cent") == ("one cent",)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("doubled row", "doubled rows"),
        ("Header Credit", "header credit"),
        ("nothing of the kind", ""),
    ],
)
def test_an_unknown_name_is_told_with_those_that_there_are(name, meant):
    with pytest.raises(ValueError, match="is no fault of the demo") as told:
        ik.demo(faults=["one cent", name])
    text = str(told.value)
    assert all(repr(known) in text for known in FAULTS)
    assert ("did you mean" in text) == bool(meant)
    assert not meant or f"did you mean {meant!r}?" in text


def test_the_docstring_of_demo_lists_them_all():
    named = re.findall(r'`"([a-z ]+)"`', ik.demo.__doc__ or "")
    assert sorted(named) == sorted(FAULTS)

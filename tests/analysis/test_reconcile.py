"""The proof of an invoice's total, and its three states."""

from __future__ import annotations

import re
from decimal import Decimal

import polars as pl
import pytest

import invoicekit as ik
from invoicekit.frames.charges import CHARGES
from support.charges import charge, frame

DETAILS = {"provider": pl.String, "line_item_type": pl.String}


def details(*pairs: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(list(pairs), schema=DETAILS, orient="row")


def test_ties_only_where_the_difference_is_exactly_nothing():
    lines = frame(charge(total=Decimal("470.67")), charge(total=Decimal("1605.96")))
    found = ik.reconcile(lines, Decimal("2076.63"), currency="USD")
    assert (found.state, found.ties, str(found.difference)) == ("ties", True, "0.00")
    assert str(found) == "✔ ties: 2,076.63 USD, 2 lines, difference 0.00"
    near = ik.reconcile(lines, Decimal("2076.630000000000000000000001"), currency="USD")
    assert (near.state, near.difference) == ("differs", Decimal("1e-24"))


def test_the_currency_of_the_total_may_be_written_in_any_case():
    found = ik.reconcile(frame(charge(total=Decimal("1.50"))), Decimal("1.50"), currency=" usd")
    assert (found.state, found.currency) == ("ties", "USD")


def test_the_difference_is_what_the_header_has_and_the_lines_have_not():
    found = ik.reconcile(frame(charge(total=Decimal(100))), Decimal("87.50"), currency="USD")
    assert (found.state, found.difference) == ("differs", Decimal("-12.50"))
    assert "difference -12.50" in str(found)


@pytest.mark.parametrize("total", ["1e400", "1e14", "-1e14", "1e-25", "1." + "0" * 90 + "1"])
def test_a_total_that_no_column_of_amounts_holds_is_refused(total):
    with pytest.raises(ik.FrameError, match="does not fit a column of amounts"):
        ik.reconcile(frame(charge(total=Decimal(1))), Decimal(total), currency="USD")


def test_a_difference_that_no_column_of_amounts_holds_is_refused():
    lines = frame(charge(total=Decimal(1)))
    with pytest.raises(ik.FrameError, match="does not fit a column of amounts"):
        ik.reconcile(lines, Decimal("-99999999999999.5"), currency="USD")


def test_the_difference_is_told_with_all_its_digits():
    proof = ik.reconcile(frame(), Decimal("-99999999999999.00000000000000000009"), currency="USD")
    with pytest.raises(AssertionError, match=r"^the lines are 99,999,999,999,999\.0{19}9 USD more"):
        proof.assert_ties()


def test_lines_in_another_currency_make_it_differ_and_have_a_row_of_their_own():
    lines = frame(charge(total=Decimal(10)), charge(total=Decimal(7), currency="EUR"))
    found = ik.reconcile(lines, Decimal(10), currency="USD")
    assert (found.state, found.difference, found.lines_total) == ("differs", 0, Decimal(10))
    assert found.parts.select("currency", "total", "state").rows() == [
        ("EUR", Decimal(7), "another currency"),
        ("USD", Decimal(10), "added"),
    ]
    assert "other currencies: EUR" in str(found)


def test_a_line_without_a_currency_is_not_taken_for_the_invoice_s():
    found = ik.reconcile(frame(charge(currency=None)), Decimal(1), currency="USD")
    assert (found.state, found.lines_total) == ("differs", 0)
    assert str(found).endswith("other currencies: none")


def test_a_line_without_a_total_makes_it_incomplete_whatever_the_sum():
    found = ik.reconcile(frame(charge(), charge(total=None)), Decimal(1), currency="USD")
    assert (found.state, found.difference) == ("incomplete", 0)
    assert found.missing == ["onetime/billing (has lines without a total)"]


def test_a_billing_collection_without_a_charge_is_missing():
    named = details(("onetime", "billing"), ("onetime", "usage"), ("azure", "billing"))
    found = ik.reconcile(frame(charge()), Decimal(1), currency="USD", details=named)
    assert (found.state, found.missing) == ("incomplete", ["azure/billing (missing)"])
    found = ik.reconcile(frame(charge()), Decimal(1), currency="USD", details=named.head(2))
    assert found.state == "ties"


def test_incomplete_wins_over_differs():
    named = details(("onetime", "billing"), ("azure", "billing"))
    assert ik.reconcile(frame(charge()), Decimal(5), currency="USD", details=named).state == (
        "incomplete"
    )


def test_lines_that_were_read_and_are_not_among_the_charges_are_missing():
    named = details(("onetime", "billing")).with_columns(
        object_type=pl.lit("OneTimeInvoiceLineItem"), lines=pl.lit(2), state=pl.lit("read")
    )
    charges = frame(charge(), charge())
    assert ik.reconcile(charges, Decimal(2), currency="USD", details=named).ties
    found = ik.reconcile(charges.head(1), Decimal(1), currency="USD", details=named)
    assert found.state == "incomplete"


def test_a_short_collection_counts_each_line_once():
    named = details(("onetime", "billing")).with_columns(
        object_type=pl.lit("OneTimeInvoiceLineItem"), lines=2, state=pl.lit("read")
    )
    charges = frame(charge(), charge())
    assert ik.reconcile(charges, Decimal(2), currency="USD", details=named).lines == 2
    short = ik.reconcile(charges.head(1), Decimal(1), currency="USD", details=named)
    assert (short.state, short.lines) == ("incomplete", 2)
    assert short.parts.select("lines", "state").rows() == [(1, "added"), (1, "missing")]
    long = ik.reconcile(pl.concat([charges, charges]), Decimal(4), currency="USD", details=named)
    assert (long.state, long.lines) == ("incomplete", 4)
    assert long.missing == ["onetime/billing (has more charges than lines)"]


def test_amounts_of_more_digits_than_python_keeps_by_default_stay_exact():
    amounts = ["12345678901234.000000000000000000000001", "0.000000000000000000000002"]
    lines = frame(*[charge(total=Decimal(text), provider=text[:1]) for text in amounts])
    found = ik.reconcile(lines, Decimal("12345678901234.000000000000000000000003"), currency="USD")
    assert found.ties


@pytest.mark.parametrize(
    ("currency", "amount", "shown"),
    [
        ("USD", "5.5", "5.50"),
        ("JPY", "5.000", "5"),
        ("KWD", "5", "5.000"),
        ("USD", "1E+3", "1000.00"),
    ],
)
def test_amounts_bear_the_decimals_of_their_currency(currency, amount, shown):
    lines = frame(charge(total=Decimal(amount), currency=currency))
    found = ik.reconcile(lines, Decimal(amount), currency=currency)
    assert str(found.invoice_total) == str(found.lines_total) == shown


def test_what_came_from_outside_is_escaped_in_html():
    lines = frame(charge(provider="<script>", total=None))
    html = ik.reconcile(lines, Decimal(1), currency="USD")._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_details_that_name_nothing_make_no_whole_invoice():
    nothing = pl.DataFrame(schema={"provider": pl.String(), "line_item_type": pl.String()})
    charges = pl.DataFrame(schema=CHARGES)
    proof = ik.reconcile(charges, Decimal(0), currency="USD", details=nothing)
    assert proof.state == "incomplete"
    assert proof.missing == ["invoice (names no collections)"]


@pytest.mark.parametrize("total", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_a_total_that_is_no_amount_is_refused(total):
    with pytest.raises(ValueError, match="not an amount"):
        ik.reconcile(frame(), Decimal(total), currency="USD")


def test_yes_is_no_amount():
    with pytest.raises(TypeError, match="the total is exact"):
        ik.reconcile(frame(), True, currency="USD")


def brightness(colour):
    """How bright a colour is to the eye, 0 to 1: relative luminance, as WCAG has it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(("total", "state"), [("60", "ties"), ("1", "differs")])
def test_in_a_notebook_it_can_be_read_on_a_dark_page_too(total, state):
    """Its ink has a paper of its own, and stands out from it."""
    proof = ik.reconcile(frame(charge(total=Decimal(60))), Decimal(total), currency="USD")
    style = re.search('style="(.*?)"', proof._repr_html_())[1]
    look = dict(part.split(":") for part in style.split(";"))
    assert proof.state == state
    assert (brightness(look["background"]) + 0.05) / (brightness(look["color"]) + 0.05) > 5

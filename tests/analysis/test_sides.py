"""Charges and credits by charge type: exact, never netted, one row a type however it is spelled."""

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoicekit.analysis.sides import charges_and_credits
from invoicekit.analysis.totals import totals
from invoicekit.errors import FrameError
from support.charges import frame
from support.show_samples import charge

WORDS = st.sampled_from(["new", "New", "NEW", "Cycle fee", "cycle fees", "odd", "Odd", "新", None])
AMOUNTS = st.none() | st.decimals(-(10**9), 10**9, places=2)
LINES = st.lists(st.tuples(WORDS, AMOUNTS, st.sampled_from(["USD", "EUR", None])), max_size=25)


def rows(sums):
    return sums.select("charge_type", "lines", "charges", "credits", "total").rows()


def test_a_charge_type_is_not_netted_and_its_spellings_are_one():
    lines = [("new", "10"), ("New", "-4"), ("new", "-1.5"), ("renew", "3"), ("n e w 2!", None)]
    sums = charges_and_credits(frame(*(charge(total=t, charge_type=w) for w, t in lines)))

    assert sums.columns == ["charge_type", "currency", "lines", "charges", "credits", "total"]
    assert rows(sums) == [
        ("new", 4, Decimal(10), Decimal("-5.5"), Decimal("4.5")),
        ("renew", 1, Decimal(3), None, Decimal(3)),
    ]


def test_words_that_the_table_has_not_stay_apart():
    """Of letters that we do not read nothing would be left to compare."""
    lines = (charge(charge_type=word) for word in ("新規", "更新", "odd", "Odd", None))

    assert [row[0] for row in rows(charges_and_credits(frame(*lines)))] == [
        "Odd", "odd", "新規", "更新", None,
    ]  # fmt: skip


@given(LINES)
def test_the_sides_add_up_to_the_totals(lines):
    charges = frame(*(charge(total=t, charge_type=w, currency=c) for w, t, c in lines))
    sums = charges_and_credits(charges)

    for currency, count, _, _, total in totals(charges).rows():
        mine = sums.filter(pl.col("currency").eq_missing(currency))
        both = [*mine["charges"].drop_nulls(), *mine["credits"].drop_nulls()]
        assert mine["lines"].sum() == count
        assert (sum(both) if both else None) == total
        assert all(amount >= 0 for amount in mine["charges"].drop_nulls())
        assert all(amount < 0 for amount in mine["credits"].drop_nulls())


def test_any_engine_gives_the_same():
    charges = frame(charge(), charge(total="-2", charge_type="New"), charge(charge_type=None))

    assert charges_and_credits(charges.to_arrow()).equals(charges_and_credits(charges))
    assert charges_and_credits(charges.lazy()).equals(charges_and_credits(charges))


def test_sums_that_do_not_fit_are_an_error():
    most = "9" * 14
    with pytest.raises(FrameError, match="too large"):
        charges_and_credits(frame(charge(total=most), charge(total=f"-{most}")))

"""Totals of charges: exact, one row an id, the same on every run and engine."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import reduce

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import invoicekit as ik
from invoicekit.analysis.money import EXACT
from support.charges import charge, frame


@pytest.mark.parametrize("dtype", [pl.Float64, pl.Float32, pl.String, pl.Decimal(38, 25)])
def test_amounts_that_are_not_exact_are_refused(dtype):
    lines = frame(charge()).with_columns(pl.col("tax", "total").cast(dtype))
    with pytest.raises(TypeError, match=r"^tax, total: floats, text and Decimals .* are not exact"):
        ik.totals(lines, "customer")
    with pytest.raises(TypeError, match=r"^tax, total: floats, text and Decimals .* are not exact"):
        ik.reconcile(lines, Decimal(1), currency="USD")


@pytest.mark.parametrize(("amount", "dtype"), [(2**62, pl.Int64), (2**63, pl.UInt64)])
def test_whole_numbers_that_would_wrap_are_refused(amount, dtype):
    lines = frame(charge(), charge()).with_columns(pl.lit(amount, dtype).alias("total"))
    with pytest.raises(ik.FrameError, match="too large"):
        ik.totals(lines)
    small = lines.with_columns(pl.lit(100, pl.Int8).alias("total"))
    assert ik.totals(small)["total"].to_list() == [200]


@pytest.mark.parametrize("name", ["total", "currency"])
def test_a_frame_without_amounts_or_currencies_is_told_to_be_no_charges(name):
    lines = frame(charge()).drop(name)
    with pytest.raises(ValueError, match=f"no column {name}$"):
        ik.totals(lines)
    with pytest.raises(ValueError, match=f"no column {name}$"):
        ik.reconcile(lines, Decimal(1), currency="USD")


@pytest.mark.parametrize(
    ("key", "written"),
    [(["offer", "term"], '"offer", "term"'), (("term",), '"term"'), (5, '"customer", "offer"')],
)
def test_keys_in_a_list_are_told_to_be_arguments(key, written):
    with pytest.raises(TypeError, match=rf"an argument of its own: totals\({written}\)$"):
        ik.totals(frame(charge()), key)


def test_columns_and_order():
    found = ik.totals(
        frame(
            charge(total=Decimal(5), customer_id="b", customer_name="B"),
            charge(total=Decimal(5), customer_id="a", customer_name="A"),
            charge(total=Decimal(9), customer_id=None, customer_name="x"),
            charge(total=Decimal(99), currency="EUR", customer_id="z"),
            charge(total=None, subtotal=None, tax=None, customer_id="n", customer_name=None),
        ),
        "customer",
    )
    assert found.columns == [
        "customer_id", "customer_name", "currency", "lines", "subtotal", "tax", "total",
    ]  # fmt: skip
    assert found.select("currency", "total", "customer_id", "customer_name").rows() == [
        ("EUR", Decimal(99), "z", "One"),
        ("USD", Decimal(9), None, "(no customer)"),
        ("USD", Decimal(5), "a", "A"),
        ("USD", Decimal(5), "b", "B"),
        ("USD", None, "n", None),
    ]


def test_no_keys_give_one_row_a_currency_and_no_charges_none():
    found = ik.totals(frame(charge(), charge(currency="EUR")))
    assert found["currency"].to_list() == ["EUR", "USD"]
    assert ik.totals(frame()).height == 0
    assert ik.totals(frame(), "customer").columns[0] == "customer_id"


def test_one_row_an_id_under_the_name_of_its_latest_line():
    day = date(2026, 1, 31)
    found = ik.totals(
        frame(
            charge(customer_name="Z old", charge_end=date(2025, 1, 1)),
            charge(customer_name="B start", charge_end=day, charge_start=date(2026, 1, 2)),
            charge(customer_name="A start", charge_end=day, charge_start=date(2026, 1, 2)),
            charge(customer_name="C early", charge_end=day, charge_start=date(2026, 1, 1)),
            charge(customer_name="no date"),
        ),
        "customer",
    )
    assert found.select("customer_name", "lines").row(0) == ("B start", 5)


def test_several_keys_and_any_column():
    found = ik.totals(
        frame(charge(charge_type="New"), charge(charge_type=None), charge(offer_id="o2")),
        "offer", "charge_type", "provider",
    )  # fmt: skip
    assert found.columns[:4] == ["offer_id", "offer_name", "charge_type", "provider"]
    assert found["lines"].sum() == 3


def test_a_key_that_is_none_is_told_with_those_that_are():
    with pytest.raises(ValueError, match="cannot total by 'custmer'; possible are customer, offer"):
        ik.totals(frame(charge()), "custmer")
    with pytest.raises(ValueError, match="each key once"):
        ik.totals(frame(charge()), "customer", "customer")
    for money in ("total", "currency"):
        with pytest.raises(ValueError, match="cannot total by"):
            ik.totals(frame(charge()), money)


@pytest.mark.parametrize("lazy", [False, True])
def test_sums_that_would_wrap_are_refused(lazy):
    """Group sums of Decimal wrap silently in polars 2.1; an ungrouped one raises."""
    large = frame(*[charge(total=Decimal("9e13"))] * 2)
    assert large.group_by("customer_id").agg(pl.col("total").sum())["total"].item() < 0
    with pytest.raises(ik.FrameError, match="too large"):
        ik.totals(large.lazy() if lazy else large, "customer")


def test_sums_that_would_wrap_by_turns_are_refused_too():
    """+9e13 and -9e13 add up to nothing, but not in every order of adding."""
    large = frame(*[charge(total=Decimal("9e13")), charge(total=Decimal("-9e13"))] * 30)
    with pytest.raises(ik.FrameError, match="too large"):
        ik.totals(large, "customer")


CHARGE = st.builds(
    charge,
    customer_id=st.sampled_from([None, "a", "b", "c"]),
    customer_name=st.sampled_from([None, "A", "B", "<b>"]),
    offer_id=st.sampled_from([None, "x", "y"]),
    charge_type=st.sampled_from([None, "New", "Cancel"]),
    currency=st.sampled_from(["USD", "EUR", None]),
    charge_end=st.sampled_from([None, date(2026, 1, 1), date(2026, 2, 1)]),
    total=st.none() | st.decimals(-(10**12), 10**12, places=15),
)
KEYS = st.lists(st.sampled_from(["customer", "offer", "charge_type", "provider"]), unique=True)


@given(st.lists(CHARGE, max_size=30), KEYS, st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_totals_of_any_keys_add_up_to_the_charges_in_any_order(charges, keys, random):
    found = ik.totals(frame(*charges), *keys)
    random.shuffle(charges)
    assert ik.totals(frame(*charges).lazy(), *keys).equals(found)
    assert found["lines"].sum() == len(charges)
    for currency in {one["currency"] for one in charges}:
        mine = found.filter(pl.col("currency").eq_missing(pl.lit(currency)))["total"].drop_nulls()
        amounts = [one["total"] for one in charges if one["currency"] == currency]
        assert sum(mine, Decimal(0)) == sum((one for one in amounts if one is not None), Decimal(0))


@pytest.mark.parametrize("engine", ["arrow", "duckdb"])
def test_sums_that_would_wrap_elsewhere_are_refused_too(engine):
    """Arrow wraps even an ungrouped sum; DuckDB has an error of its own."""
    large = frame(*[charge(total=Decimal("9e13"))] * 30)
    small = frame(*[charge(total=Decimal("1.10"))] * 30)

    def there(charges: pl.DataFrame) -> object:
        if engine == "arrow":
            return charges.to_arrow()
        return duckdb.from_arrow(charges.to_arrow())

    with pytest.raises(ik.FrameError, match="too large"):
        ik.totals(there(large), "customer")
    assert ik.totals(there(small), "customer").equals(ik.totals(small, "customer"))


def test_large_amounts_that_fit_are_added():
    large = frame(*[charge(total=Decimal("9e13")), *[charge(total=Decimal("1.10"))] * 9])
    assert ik.totals(large)["total"].item() == Decimal("90000000000009.90")


BOUND = Decimal(10**14)
AT_THE_BOUND = st.one_of(
    st.decimals(-BOUND, BOUND, places=24).filter(lambda amount: amount.copy_abs() < BOUND),
    st.sampled_from([Decimal("99999999999999.999999999999999999999999"), Decimal("5e13")]).flatmap(
        lambda amount: st.sampled_from([amount, amount.copy_negate()])
    ),
    st.sampled_from([Decimal("1E-24"), Decimal("-1E-24"), None]),
)


@given(
    st.lists(st.tuples(AT_THE_BOUND, st.sampled_from("ab")), max_size=40),
    st.sampled_from([pl.DataFrame.lazy, pl.DataFrame.clone, pl.DataFrame.to_arrow]),
    st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_totals_at_the_bounds_of_their_column_are_right_or_refused(amounts, engine, several):
    """A sum of no more than 14 digits before the point comes out exactly; any other raises."""
    charges = frame(*[charge(total=amount, customer_id=who) for amount, who in amounts])
    said = [amount for amount, _ in amounts if amount is not None]
    try:
        found = ik.totals(engine(charges), *(["customer"] if several else []))
    except ik.FrameError:
        assert reduce(EXACT.add, map(Decimal.copy_abs, said)) >= BOUND
        return
    mine: dict[str, Decimal] = {}
    for amount, who in amounts:
        if amount is not None:
            key = who if several else ""
            mine[key] = EXACT.add(mine.get(key, Decimal(0)), amount)
    keys = found["customer_id"] if several else [""] * found.height
    theirs = dict(zip(keys, found["total"], strict=True))
    assert {key: total for key, total in theirs.items() if total is not None} == mine

"""Charges and totals over many invoices: what they are made of, and what is said to be missing."""

from __future__ import annotations

import datetime as dt
import warnings
from decimal import Decimal

import polars as pl
import pytest

import invoicekit as ik
from invoicekit.frames.charges import CHARGES
from support.partner import CLOSED, Partner, refused, whose
from support.server import invoice, line, page, rows


def quiet(_: str) -> None:
    """Tell nobody."""


@pytest.fixture(scope="module")
def synced(v1_demo):
    v1_demo.sync(tell=quiet)
    return v1_demo


def of_each(*headers: str, **amounts: str) -> Partner:
    """A partner whose invoices have a line each, of the amount given."""
    partner = Partner(*headers)
    partner.lines = lambda asked: page(
        rows(line(amounts[whose(asked)[0]], name=whose(asked)[0]))
        if whose(asked)[0] in amounts
        else ()
    )
    return partner


def two_invoices() -> Partner:
    headers = invoice("G2", total="2.20", date="2020-02-05T00:00:00Z"), invoice("G1", date=CLOSED)
    return of_each(*headers, G1="1.10", G2="2.20")


def test_the_charges_of_all_are_those_of_each(synced):
    found = synced.charges()
    assert isinstance(found, pl.LazyFrame)
    assert found.collect_schema().names() == [*CHARGES, "invoice_date", "month"]
    assert found.collect_schema()["invoice_date"] == pl.Date()
    together = found.collect()
    for one in synced:
        mine = together.filter(pl.col("invoice_id") == one.id)
        same = mine.drop("invoice_date", "month").sort(pl.all())
        assert same.equals(one.charges().sort(pl.all())), one.id
        assert mine["invoice_date"].unique().to_list() == [one.date]


def test_month_is_that_of_the_billing_period_or_else_the_one_before_the_invoice(synced):
    months = dict(synced.charges().select("invoice_id", "month").unique().collect().iter_rows())
    periods = synced.invoices().select("invoice_id", "billing_period_start").rows()
    named = {name: f"{start:%Y-%m}" for name, start in periods if start}
    assert months == {
        **named, "D070001001": "2025-11", "D070001002": "2025-12", "D070001003": "2026-01",
    }  # fmt: skip


@pytest.mark.parametrize("keys", [(), ("customer",), ("month",), ("month", "offer"),
                                  ("invoice_date", "charge_type"), ("invoice_id",)])  # fmt: skip
def test_totals_of_all_are_those_of_their_charges(synced, keys):
    found = synced.totals(*keys)
    assert found.equals(ik.totals(synced.charges().collect(), *keys))
    billed = synced.sync(tell=quiet).group_by("currency").agg(pl.col("lines_total").sum())
    assert dict(found.group_by("currency").agg(pl.col("total").sum()).iter_rows()) == dict(
        billed.iter_rows()
    )


def test_since_is_the_month_of_the_invoices_as_for_sync(synced):
    found = synced.charges(since="2026-10").select("invoice_id").unique().collect()
    assert sorted(found["invoice_id"]) == ["D070001011", "D070001012", "G012345611", "G012345612"]
    assert synced.totals("month", since="2026-10")["month"].to_list() == ["2026-09", "2026-10"]
    assert synced.totals("month", since="2027-01").is_empty()
    assert synced.charges(since="2027-01").collect_schema() == synced.charges().collect_schema()


@pytest.mark.parametrize("wrong", [dt.date(2026, 1, 5), 202601])
def test_since_is_a_text(synced, wrong):
    for ask in (synced.sync, synced.charges, synced.totals):
        with pytest.raises(TypeError, match='since="2026-01"'):
            ask(since=wrong)
        with pytest.raises(ValueError, match="'' is no month; say it as 2026-01"):
            ask(since="")


def test_invoices_that_are_not_stored_are_named_each_time(serve, open_client):
    client = open_client(serve(two_invoices()))
    with pytest.raises(ValueError, match=r"no lines are in the store yet; client.sync\(\)"):
        client.scan()
    with pytest.raises(ik.NotFoundError, match=r"in the store: G2, G1. client.sync\(\) brings"):
        client.charges()
    client.sync(since="2020-02", tell=quiet)
    for _ in range(2):  # a cell that is run again
        with pytest.warns(UserWarning, match=r"1 invoice: G1. client.sync\(\)") as told:
            assert client.totals()["total"].to_list() == [Decimal("2.20")]
        assert [one.filename for one in told] == [__file__]
    with warnings.catch_warnings():  # each warning is an error
        client.totals(since="2020-02")
    client.sync(tell=quiet)
    assert client.totals()["total"].to_list() == [Decimal("3.30")]


def test_lines_of_another_header_are_not_summed(serve, open_client):
    """The list has another total now: what was stored before is not of this invoice."""
    partner = two_invoices()
    service = serve(partner)
    open_client(service).sync(tell=quiet)
    partner.headers["G1"] = invoice("G1", total="9.90", date=CLOSED)
    client = open_client(service)
    client.invoices(refresh=True)
    with pytest.warns(UserWarning, match="1 invoice: G1"):
        assert client.totals()["total"].to_list() == [Decimal("2.20")]


def test_an_invoice_that_lacks_a_collection_is_named(serve, open_client):
    client = open_client(serve(refused("Azure", date=CLOSED)))
    with pytest.warns(UserWarning, match="refused"):
        client.sync(tell=quiet)
    with pytest.warns(UserWarning, match=r"not to be had.* of G1; client.sync\(\)"):
        assert client.totals()["total"].to_list() == [Decimal("1.10")]


def test_lines_that_nobody_knows_are_named(serve, open_client):
    lines = page(rows(line(), line("5", object_type="New<Thing>")))
    client = open_client(serve(Partner(invoice(date=CLOSED), lines=lines)))
    with pytest.warns(UserWarning, match="not known"):
        client.sync(tell=quiet)
    with pytest.warns(UserWarning, match=r"New<Thing> are not among.* incomplete is G1"):
        assert client.totals()["total"].to_list() == [Decimal("1.10")]
    with pytest.raises(ValueError, match=r"subtotal.*Name the objectType, one of New<T"):
        client.scan()


def test_an_invoice_that_cannot_be_synced_is_named(serve, open_client):
    partner = two_invoices()
    partner.headers["G1"] = partner.headers["G1"].replace('"currencyCode"', '"other"')
    client = open_client(serve(partner))
    with pytest.raises(ik.FrameError, match="without its currency"):
        client.sync(tell=quiet)
    with pytest.warns(UserWarning, match="1 invoice: G1"):
        assert client.charges().collect().height == 1


@pytest.mark.parametrize("wrong", [("custmer",), ("month", "month"), ("total",)])
def test_a_wrong_key_is_refused_before_anything_is_asked(serve, open_client, wrong):
    service = serve(two_invoices())
    client = open_client(service)
    with pytest.raises(ValueError, match=r"each key once|cannot total by"):
        client.totals(*wrong)
    assert service.asked == []


def test_amounts_of_many_invoices_that_cannot_be_added_exactly_are_refused(serve, open_client):
    """Each alone fits 38 digits; the sum of a group would wrap in polars."""
    names = [f"G{number}" for number in range(3)]
    most = "60000000000000"
    headers = [invoice(name, total=most, date=CLOSED) for name in names]
    client = open_client(serve(of_each(*headers, **dict.fromkeys(names, most))))
    client.sync(tell=quiet)
    with pytest.raises(ik.FrameError, match="too large to be added"):
        client.totals("month")


def test_lines_that_go_while_they_are_added_are_told(serve, open_client, tmp_path):
    client = open_client(serve(two_invoices()))
    client.sync(tell=quiet)
    found = client._charges(None)
    for path in tmp_path.rglob("*.lines"):
        path.unlink()
    with pytest.raises(ik.FrameError, match=r"removed while they were read.*client.sync\(\)"):
        found.totals("customer")
    with pytest.raises(ik.FrameError, match="gone or damaged, of G2, G1"):
        client.totals("customer")


def test_a_scan_of_all_has_each_line_once(synced):
    found = synced.scan()
    lines = found.collect()
    kinds = [name for name, _ in lines.group_by("object_type").len().iter_rows()]
    assert len(kinds) == 5
    for kind in kinds:
        one = synced.scan(kind)
        same = lines.filter(pl.col("object_type") == kind).select(one.collect_schema().names())
        assert same.cast(one.collect_schema()).equals(one.collect())


def test_a_scan_has_the_names_of_charges_when_asked(synced):
    kind = "OneTimeInvoiceLineItem"
    found = ik.charges({kind: synced.scan(kind)}).collect()
    of_all = synced.charges().filter(pl.col("object_type") == kind).collect()
    assert found.sort(pl.all()).equals(of_all.drop("invoice_date", "month").sort(pl.all()))


def test_a_list_of_no_invoices_gives_no_charges(serve, open_client):
    client = open_client(serve(lambda _: page(())))
    assert client.charges().collect().is_empty()
    assert client.totals("month").columns[0] == "month"
    assert list(client) == []

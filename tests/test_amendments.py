"""Void notes and adjustment notes: told from invoices, rows of their own, found where they are."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest

import invoicekit as ik
from support.server import Reply, invoice, line, page, rows


def note(invoice_id: str, total: str, kind: str, day: str, **more: object) -> dict[str, object]:
    """An amendment as it stands within an invoice: without links, PDF and receipts."""
    text = invoice(invoice_id, total, date=f"{day}T00:00:00Z", documentType=kind, **more)
    return json.loads(text)


def listed(serve, *headers: str):
    """A service that has a list, gives no invoice by its id, and lines of every id."""

    def answer(asked):
        if asked.target == "/v1/invoices":
            return page(rows(*headers))
        return page(rows(line("-1.00"))) if "lineitems" in asked.target else Reply(b"{}", 403)

    return serve(answer)


def test_amendments_within_an_invoice_are_rows_chained_to_it(serve, open_client):
    inner = note("N2", "0.25", "adjustment_note", "2020-03-01")
    outer = note("N1", "-5.00", "void_note", "2020-02-01", amendments=[inner], amendsOf="G1")
    first = invoice("G1", "5.00", date="2020-01-05T00:00:00Z", documentType="invoice",
                    amendments=[outer])  # fmt: skip
    second = invoice("G2", "7.00", date="2020-02-05T00:00:00Z", amendments=[])
    client = open_client(listed(serve, first, second))
    found = client.invoices()
    assert found.select(
        "invoice_id", "invoice_date", "total_charges", "document_type", "amends_of"
    ).rows() == [
        ("N2", date(2020, 3, 1), Decimal("0.25"), "adjustment_note", "N1"),
        ("G2", date(2020, 2, 5), Decimal("7.00"), None, None),
        ("N1", date(2020, 2, 1), Decimal("-5.00"), "void_note", "G1"),
        ("G1", date(2020, 1, 5), Decimal("5.00"), "invoice", None),
    ]
    assert client.latest.id == "G2"  # the note is newer, and no invoice


def test_an_amendment_is_found_where_asking_by_id_is_refused(serve, open_client):
    outer = note("N1", "-1.00", "void_note", "2020-02-01")
    service = listed(serve, invoice("G1", amendments=[outer]))
    found = open_client(service).invoice("n1")
    assert (found.id, found.total) == ("N1", Decimal("-1.00"))
    assert found.reconcile().ties
    assert service.asked[-1].target.startswith("/v1/invoices/N1/lineitems/OneTime/")


def test_an_invoice_by_its_id_is_itself_whatever_amends_it(serve, open_client):
    outer = note("N1", "-1.00", "void_note", "2020-02-01")
    service = serve(lambda _: invoice("G1", "5.00", amendments=[outer]).encode())
    assert open_client(service).invoice("G1").total == Decimal("5.00")


def test_an_amendment_that_the_list_has_too_is_one_row(serve, open_client):
    within = note("N1", "-5.00", "void_note", "2020-02-01")
    own = invoice("N1", "-5.00", date="2020-02-01T00:00:00Z", pdfDownloadLink="/x", state="active")
    first = invoice("G1", "5.00", date="2020-01-05T00:00:00Z", amendments=[within, within])
    for headers in ((own, first), (first, own)):
        found = open_client(listed(serve, *headers)).invoices(refresh=True)
        assert found.select("invoice_id", "document_type", "amends_of", "state").rows() == [
            ("N1", "void_note", "G1", "active"),
            ("G1", None, None, None),
        ]


@pytest.mark.parametrize(
    "other", [{"total": "-4.00"}, {"currency": "EUR"}, {"amendsOf": "G9"}, {"paidAmount": 1}]
)
def test_an_amendment_said_twice_and_differently_is_refused(serve, open_client, other):
    said = {"total": "-5.00", "amendsOf": "G1", **other}
    own = invoice("N1", said.pop("total"), date="2020-02-01T00:00:00Z", **said)
    within = note("N1", "-5.00", "void_note", "2020-02-01")
    client = open_client(listed(serve, own, invoice("G1", amendments=[within])))
    with pytest.raises(ik.PageError, match="names N1 more than once"):
        client.invoices()


@pytest.mark.parametrize("amendments", [{"id": "N1"}, "N1", 7, [7], [{"totalCharges": "x"}]])
def test_amendments_that_cannot_be_read_are_not_dropped(serve, open_client, amendments):
    client = open_client(listed(serve, invoice("G1", amendments=amendments)))
    with pytest.raises((ik.PageError, ik.FrameError), match="the amendments of G1"):
        client.invoices()


def test_what_amends_another_is_no_invoice_whatever_it_calls_itself(serve, open_client):
    outer = note("N1", "-1.00", "invoice", "2020-02-01")
    client = open_client(listed(serve, invoice("G1", date="2020-01-05", amendments=[outer])))
    assert client.invoices()["invoice_id"].to_list() == ["N1", "G1"]
    assert client.latest.id == "G1"


@pytest.mark.parametrize("kind", ["void_note", "VoidNote", "adjustment_note", "Credit Note"])
def test_a_list_of_amendments_alone_has_no_latest_invoice(serve, open_client, kind):
    client = open_client(listed(serve, invoice("N1", documentType=kind)))
    assert client.invoices()["document_type"].to_list() == [kind]
    with pytest.raises(ik.NotFoundError, match="no invoice yet"):
        _ = client.latest

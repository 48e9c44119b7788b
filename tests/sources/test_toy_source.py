"""A further billing API is one room and its rows in tables: tried with one that exists nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal

import pytest

import invoicekit as ik
from invoicekit.frames import wire_names
from invoicekit.sources import choose, periods
from support import toy_source
from support.partner import CLOSED, Partner
from support.server import Reply, invoice

WHO = ("Käse & Co", "<b>Zwei</b>", "Drei")


@pytest.fixture(autouse=True)
def rows_of_tables(monkeypatch) -> Iterator[None]:
    """What a new API adds outside its room: a source, its periods, its names."""
    monkeypatch.setitem(choose.SOURCES, toy_source.SOURCE, toy_source)
    monkeypatch.setattr(periods, "PERIODS", (toy_source.PERIODS_ROW, *periods.PERIODS))
    monkeypatch.setitem(wire_names.NAMES, toy_source.SOURCE, toy_source.NAMES_ROW)
    wire_names._folded.cache_clear()
    yield
    wire_names._folded.cache_clear()


def chosen(provider: str, source: str) -> str:
    return periods.choose_source(
        provider, period_start=None, invoice_date=None, cloud="global", source=source
    )


def lines(number: int) -> bytes:
    """A page of the API: one line a customer, amounts as numbers with all their digits."""
    found = [
        f'{{"who_id":"c{at}","who":{json.dumps(name)},"what_id":"P{at}","what":"Seats",'
        f'"net":{number}.{at}0,"vat":0.0{at},"gross":{number}.{at}{at},"money":"EUR"}}'
        for at, name in enumerate(WHO, 1)
    ]
    after = "null" if number == 2 else str(number + 1)
    return f'{{"page":{number},"next":{after},"lines":[{",".join(found)}]}}'.encode()


@pytest.fixture
def partner():
    header = invoice(total="9.99", currency="EUR", date=CLOSED)
    known = Partner(header)

    def answer(asked):
        if not asked.target.startswith("/toy/"):
            return known(asked)
        asked_for = int(asked.target.rpartition("=")[2])
        return lines(asked_for) if asked_for in {1, 2} else Reply(b"{}", 404)

    return answer


def test_an_invoice_of_a_further_api_goes_all_the_way(serve, open_client, partner, tmp_path):
    """Frames, totals, proof, store, report and explorer: nothing above `sources/` knows of it."""
    service = serve(partner)
    client = open_client(service)
    found = client.invoice("G1")
    charges = found.charges()
    assert charges["customer_name"].to_list() == list(WHO) * 2
    assert charges["offer_id"][0].startswith("P1")
    assert charges["total"].to_list() == [
        Decimal(text) for text in ("1.11", "1.22", "1.33", "2.11", "2.22", "2.33")
    ]
    assert found.totals("customer")["total"].to_list() == [
        Decimal("3.66"), Decimal("3.44"), Decimal("3.22")
    ]  # fmt: skip
    proof = found.reconcile()
    assert (proof.state, proof.difference) == ("differs", Decimal("-0.33"))
    assert proof.findings["finding"].to_list() == ["header only"]
    assert found.line_items().ledger["rows"].to_list() == [3, 3]
    html = found.report(tmp_path / "toy.html").read_text(encoding="utf-8")
    assert "Käse &amp; Co" in html
    assert "<b>Zwei" not in html
    explorer = ik.explore(client)
    assert explorer.selection.invoice_id == "G1"
    assert explorer.totals.equals(found.totals("customer"))
    asked = len(service.asked)
    again = open_client(service).invoice("G1")  # from the store
    assert again.reconcile() == proof
    assert len([one for one in service.asked[asked:] if "/toy/" in one.target]) == 0


def test_a_further_api_can_be_named_and_stands_in_no_other_ones_way(serve, open_client, partner):
    client = open_client(serve(partner))
    assert client.invoice("G1").line_items(source="toy").ledger["source"].unique().to_list() == [
        "toy"
    ]
    with pytest.raises(ValueError, match=r"'toy' does not hold office .*: it has .* onetime of"):
        chosen("office", source="toy")
    assert chosen("marketplace", source="graph") == "graph"


def test_what_a_further_api_does_not_have_is_left_out(serve, open_client, partner):
    found = open_client(
        serve(lambda asked: Reply(b"{}", 404) if "/toy/" in asked.target else partner(asked))
    ).invoice("G1")
    with pytest.warns(UserWarning, match=r"onetime/billing of G1 is left out, not found \(404\)"):
        assert found.reconcile().state == "incomplete"

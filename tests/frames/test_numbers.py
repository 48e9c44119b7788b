"""Numbers that do not fit their column keep the invoice, and their text beside them, everywhere."""

from __future__ import annotations

import warnings
from decimal import Decimal

import polars as pl
import pytest

import invoicekit as ik
from support.partner import CLOSED, SEEK_LINK, Partner
from support.server import invoice, line, page, rows

ONE_TIME = "OneTimeInvoiceLineItem"
FINE, HALF = Decimal("0.2500"), "0.0000000000000000000000025"
# Of the two pages the second alone has a price that does not fit.
PARTNER = Partner(
    invoice(total="2.00", date=CLOSED),
    lines=[
        page(rows(line("1.00", unitPrice="0.2500")), uri=SEEK_LINK, token="1"),
        page(rows(line("1.00", unitPrice=HALF))),
    ],
)


def prices(frame: pl.DataFrame) -> list[tuple[object, ...]]:
    return frame.select("unit_price", "unit_price_as_sent").rows()


EXPECTED = [(FINE, None), (Decimal("2E-24"), HALF)]


def test_an_invoice_with_such_a_price_is_read_proven_and_stored(serve, open_client):
    service = serve(PARTNER)
    with pytest.warns(UserWarning, match="1 number did not fit") as told:
        items = open_client(service).invoice("G1").line_items()
    assert len(told) == 1
    assert prices(items[ONE_TIME]) == EXPECTED
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it was said, once
        stored = open_client(service).invoice("G1")
        assert stored.reconcile().ties
        assert prices(stored.line_items()[ONE_TIME]) == EXPECTED
    assert stored.charges()["unit_price"].to_list() == [FINE, Decimal("2E-24")]


def test_a_count_beyond_64_bits_breaks_nothing(serve, open_client):
    """It came into the ledger, and no proof of the invoice was to be had ever after."""
    service = serve(Partner(lines=page(rows(line()), totalCount=2**70)))
    for _ in range(2):  # as it is read, and as it is kept
        found = open_client(service).invoice("G1")
        assert found.reconcile().ties
        assert found.ledger["total"].to_list() == [None]


def test_a_sync_keeps_the_text_too(serve, open_client):
    client = open_client(serve(PARTNER))
    with pytest.warns(UserWarning, match="1 number did not fit"):
        assert client.sync(tell=lambda _: None)["state"].to_list() == ["ties"]
    assert prices(client.scan(ONE_TIME).collect()) == EXPECTED


def test_some_collections_have_the_text_and_some_have_not(serve, open_client):
    pairs = (("one_time", "billing_line_items"), ("marketplace", "billing_line_items"))

    lines = {
        "OneTime": page(rows(line(unitPrice="0.2500"))),
        "Marketplace": page(rows(line(unitPrice=HALF))),
    }
    two = Partner(invoice(total="2.00", pairs=pairs), lines=lines)
    with pytest.warns(UserWarning, match="did not fit"):
        items = open_client(serve(two)).invoice("G1").line_items()
    assert prices(items[ONE_TIME]) == EXPECTED
    assert ik.charges(items).columns == list(ik.charges({}).columns)

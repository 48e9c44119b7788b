"""Manifests of the store that are lost, or lie where another's should: told, never passed over."""

from __future__ import annotations

import shutil

import pytest

import invoicekit as ik
from invoicekit.store.parts import SUPERSEDED
from support.partner import CLOSED, Partner, whose
from support.server import invoice, line, page, rows

KIND = "OneTimeInvoiceLineItem"


@pytest.fixture
def client(serve, open_client):
    """Two invoices of a line each, synced."""
    headers = [invoice(name, date=CLOSED) for name in ("G1", "G2")]

    def lines(asked):
        return page(rows(line(name=f"of {whose(asked)[0]}")))

    client = open_client(serve(Partner(*headers, lines=lines)))
    client.sync(tell=lambda _: None)
    assert customers(client) == ["of G1", "of G2"]
    return client


def customers(client):
    return client.scan(KIND).collect()["customer_name"].sort().to_list()


def manifest(client, name):
    return client._session.root / "lines" / "_invoices" / f"{name}.json"


def test_a_copy_of_another_manifest_counts_no_line_twice(client):
    shutil.copy(manifest(client, "G1"), manifest(client, "G2"))
    with pytest.raises(ik.FrameError, match=r"G2 \(of another invoice\)"):
        client.scan(KIND)
    assert client.invoice("G2").charges()["customer_name"].to_list() == ["of G2"]
    assert customers(client) == ["of G1", "of G2"]


def test_a_scan_says_what_has_no_manifest_any_more(client):
    manifest(client, "G2").unlink()
    with pytest.raises(ik.FrameError, match=r"G2 \(gone\)"):
        client.scan(KIND)
    client.sync(tell=lambda _: None)
    assert customers(client) == ["of G1", "of G2"]


def test_what_was_cleared_or_superseded_is_not_missed(client):
    (commit,) = (client._session.root / "lines" / "_parts" / "G2").iterdir()
    (commit / SUPERSEDED).touch()  # so a killed `clear` may leave it
    manifest(client, "G2").unlink()
    assert customers(client) == ["of G1"]
    client.sync(tell=lambda _: None)
    client.cache.clear(invoice="g2")
    assert customers(client) == ["of G1"]

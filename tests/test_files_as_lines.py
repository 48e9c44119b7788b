"""`ik.read`: lines of files are `LineItems` like any."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

import invoicekit as ik
from invoicekit.show.export import write_lines
from support.portal_files import SAMPLES, csv_of, json_lines_of, rows_of

EURO, LEGACY = "G012345651", "D070001012"


def test_they_total_and_are_proven_like_those_of_the_api(v1_demo):
    items = ik.read(SAMPLES / "2025")
    invoice = v1_demo.invoice(EURO)
    charges = ik.charges(items)
    assert charges.equals(invoice.charges())
    assert ik.totals(charges, "customer", "offer").equals(invoice.totals("customer", "offer"))
    proof = ik.reconcile(charges, invoice.total, currency="EUR", details=items.collections, pages=2)
    assert proof.ties
    assert proof.parts.equals(invoice.reconcile().parts)


def test_several_files_of_a_pair_are_one_collection(tmp_path):
    rows = rows_of(EURO, "onetime/billing")
    (tmp_path / "a.csv").write_bytes(csv_of(rows[:20], "2025", "onetime/billing"))
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(json_lines_of(rows[20:])))
    with pytest.warns(UserWarning, match="comes from several files"):
        items = ik.read(tmp_path / "a.csv", tmp_path / "b.json.gz")
    assert items.collections.rows() == [
        ("onetime", "billing", "OneTimeInvoiceLineItem", 38, "read")
    ]
    assert items.missing == []
    ledger = items.ledger
    assert set(ledger["source"]) == {"files"}
    assert ledger.select("collection", "page", "rows", "from_cache", "status").rows() == [
        ("a.csv", 1, 20, False, None),
        ("b.json.gz", 2, 18, False, None),
    ]
    charges = ik.charges(items)
    proof = ik.reconcile(charges, Decimal("22471.94"), currency="EUR", details=items.collections)
    assert proof.ties


def test_they_say_of_which_invoices_they_are():
    assert repr(ik.read(SAMPLES / "2025")).startswith("LineItems of G012345651, from files\n")
    licence = ik.read(SAMPLES / "legacy" / f"{LEGACY}-office-billing.csv")
    assert f"LineItems of {LEGACY}-office-billing.csv" in repr(licence)
    assert ik.charges(licence)["invoice_id"].null_count() == 118
    with pytest.raises(KeyError, match="is not in G012345651"):
        ik.read(SAMPLES / "export")["LicenseBasedLineItem"]


def test_legacy_files_are_proven_together(demo):
    items = ik.read(SAMPLES / "legacy")
    total = demo.invoice(LEGACY).total
    assert ik.reconcile(ik.charges(items), total, currency="USD").ties
    assert items.collections.select("provider", "line_item_type").rows() == [
        ("azure", "billing"),
        ("office", "billing"),
    ]


def test_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("INVOICEKIT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    ik.read(SAMPLES / "2025")
    assert list(Path.iterdir(tmp_path)) == []


@pytest.mark.filterwarnings("ignore:.*does not document.*'wire_invoice_id'")
def test_the_csv_that_lines_are_written_as_is_read_back(tmp_path):
    for folder in ("2025", "legacy"):
        items = ik.read(SAMPLES / folder)
        write_lines(items, tmp_path / folder, invoice_id="G1", format="csv", safe=False)
        again = ik.read(tmp_path / folder)
        for usage in (False, True):
            found, expected = (ik.charges(one, usage=usage) for one in (again, items))
            assert_frame_equal(found, expected, check_row_order=False)

"""Statements and tax receipts: PDFs, whole, under a name of ours."""

from __future__ import annotations

import pytest

import invoicekit as ik
from invoicekit.sandbox.demo import demo_partner
from support.server import Reply, invoice


def test_the_statement_is_written_and_never_over_another_file(demo, tmp_path):
    found = demo.latest
    path = found.statement(tmp_path / "new" / "mine.pdf")
    assert path.read_bytes() == demo_partner().statement(found.id)
    assert found.statement(tmp_path).name == f"{found.id}-statement.pdf"
    path.write_text("kept")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        found.statement(path)
    assert path.read_text() == "kept"
    found.statement(path, overwrite=True)
    assert path.read_bytes().startswith(b"%PDF-")


def test_tax_receipts_are_written_each_under_its_id(demo, tmp_path):
    paths = demo.invoice(demo_partner().newest_invoice_id).tax_receipts(tmp_path / "receipts")
    assert [path.name for path in paths] == [
        "G012345612-tax-receipt-261105001.pdf",
        "G012345612-tax-receipt-261105002.pdf",
    ]
    assert all(path.read_bytes().startswith(b"%PDF-") for path in paths)
    assert demo.invoice(demo_partner().planted_invoice_id).tax_receipts(tmp_path) == []


def test_documents_are_not_kept_in_the_cache(demo, tmp_path):
    found = demo.latest
    before = demo.cache.info().entries
    found.statement(tmp_path / "statement.pdf")
    assert demo.cache.info().entries == before


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (Reply(b'{"code":900329}', 403), ik.AccessError, "no app-only token"),
        (Reply(b'{"items":[]}'), ik.PageError, "is no PDF"),
        (Reply(b"<html>"), ik.FetchError, "web page"),
        (Reply(b"", 404), ik.NotFoundError, "404"),
    ],
)
def test_what_is_no_pdf_is_not_written(serve, open_client, tmp_path, answer, error, words):
    service = serve(lambda asked: answer if "documents" in asked.target else invoice().encode())
    found = open_client(service).invoice("G1")
    with pytest.raises(error, match=words):
        found.statement(tmp_path / "statement.pdf")
    assert not (tmp_path / "statement.pdf").exists()
    assert service.asked[-1].headers["accept"] == "application/pdf"


@pytest.mark.parametrize("receipt", ["../../x", "a/b", "..", "a\nb"])
def test_a_receipt_s_id_cannot_lead_elsewhere(serve, open_client, tmp_path, receipt):
    header = invoice(taxReceipts=[{"id": receipt}]).encode()
    service = serve(lambda asked: b"%PDF-1.4" if "receipts" in asked.target else header)
    with pytest.raises(ik.PageError, match=r"taxReceipts.*is no id"):
        open_client(service).invoice("G1").tax_receipts(tmp_path / "in")
    assert len(service.asked) == 1
    assert list(tmp_path.rglob("*.pdf")) == []


@pytest.mark.parametrize(
    "receipts",
    ["none", {"id": "1"}, 7, [None], ["1"], [{}], [{"id": None}], [{"id": 5}], [{"id": ""}]],
)
def test_receipts_that_are_not_as_documented_are_no_receipts(
    serve, open_client, tmp_path, receipts
):
    service = serve(lambda _: invoice(taxReceipts=receipts).encode())
    with pytest.raises(ik.PageError, match=r"invoice G1 names its tax receipts \(taxReceipts\)"):
        open_client(service).invoice("G1").tax_receipts(tmp_path)
    assert len(service.asked) == 1


def test_a_receipt_s_file_has_a_name_that_every_system_takes(serve, open_client, tmp_path):
    header = invoice(taxReceipts=[{"id": "NUL:"}]).encode()
    service = serve(lambda asked: b"%PDF-1.4" if "receipts" in asked.target else header)
    (path,) = open_client(service).invoice("G1").tax_receipts(tmp_path / "in")
    assert path.name == "G1-tax-receipt-NUL%3A.pdf"

"""Evidence: pages as they came, lines, proof, and a digest of each; what is missing is named."""

from __future__ import annotations

import gc
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from decimal import Decimal
from itertools import islice
from unicodedata import category

import polars as pl
import pytest

import invoicekit as ik
from invoicekit.fetch.asking import MissError
from invoicekit.fetch.kept import read_back
from invoicekit.sandbox.demo import demo_partner
from invoicekit.sources.partner_center.source import pages
from invoicekit.visible import INVISIBLE
from support.partner import CLOSED, ONE_TIME_AND_AZURE, OPEN, Partner, two_page_invoice, two_pages
from support.server import TOKEN, Reply, invoice, line, page, rows


def read(path):
    """Name -> bytes of every file in the zip."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def manifest_of(path):
    return json.loads(read(path)["manifest.json"])


def pages_of(manifest, of):
    return next(one for one in manifest["pages"] if one["of"] == of)


def cached(folder, *suffixes):
    """The files of committed pulls."""
    return [path for path in folder.rglob("*") if path.suffix in suffixes]


def run(command, cwd):
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture
def two(serve, open_client):
    """A client of G1: two pages, 3.30 USD, closed."""
    return open_client(serve(two_page_invoice()))


def test_nothing_that_steers_is_in_what_is_read_as_text(serve, open_client, tmp_path):
    evil = "U\u202e\u2066\x9b2J\x7f\u200b"
    lines = page(rows(line("1.10"), line("2.20", currency=json.dumps(evil))))
    headers = page(rows(invoice(f"G1{evil[1]}", "1.10", date=CLOSED)))
    client = open_client(serve(lambda asked: lines if "lineitems" in asked.target else headers))
    held = read(client.latest.evidence(tmp_path / "e.zip"))
    texts = {
        name: content.decode()
        for name, content in held.items()
        if name.startswith("proof/") or "/" not in name
    }
    assert len(texts) == 8
    for name, text in texts.items():
        assert not [one for one in text if one != "\n" and category(one) in INVISIBLE], name
    parts = json.loads(texts["proof/parts.json"])
    assert evil in {part["currency"] for part in parts}


class TestWhatIsInIt:
    def test_the_pages_are_what_the_service_sent_in_its_order(self, two, tmp_path):
        held = read(two.invoice("G1").evidence(tmp_path / "e.zip"))
        sent = two_pages()
        names = [name for name in held if name.startswith("pages/onetime")]
        assert names == [f"pages/onetime-billing/0000{n}.json" for n in (1, 2)]
        assert [held[name] for name in names] == sent
        assert json.loads(held["pages/header/00001.json"])["id"] == "G1"

    def test_the_files_of_an_export_are_there_as_they_were_downloaded(self, demo, tmp_path):
        held = read(demo.invoice("G012345611").evidence(tmp_path / "e.zip"))
        lines = gzip.decompress(held["pages/onetime-billing/00001.json.gz"]).splitlines()
        theirs = demo_partner().collection("G012345611", ("one_time", "billing_line_items"))
        ids = [json.loads(row)["orderId"] for row in theirs]
        assert [json.loads(row)["OrderId"] for row in lines] == ids

    @pytest.mark.parametrize("invoice_id", ["G012345607", "D070001012"])
    def test_the_frames_are_the_line_items(self, demo, tmp_path, invoice_id):
        found = demo.invoice(invoice_id)
        held = read(found.evidence(tmp_path / "e.zip"))
        items = found.line_items()
        names = [f"frames/{name}.parquet" for name in items]
        assert [name for name in held if name.startswith("frames/")] == names
        for name, frame in items.items():
            assert pl.read_parquet(io.BytesIO(held[f"frames/{name}.parquet"])).equals(frame)
        manifest = json.loads(held["manifest.json"])
        assert {one["object_type"]: one["lines"] for one in manifest["frames"]} == {
            name: frame.height for name, frame in items.items()
        }

    def test_the_proof_is_that_of_reconcile(self, demo, tmp_path):
        found = demo.invoice("G012345607")
        held = read(found.evidence(tmp_path / "e.zip"))
        proof = found.reconcile()
        told = json.loads(held["proof/reconciliation.json"])
        assert told["state"] == proof.state == "differs"
        assert Decimal(told["difference"]) == proof.difference
        for name in ("parts", "findings", "suspects"):
            frame = getattr(proof, name)
            assert len(json.loads(held[f"proof/{name}.json"])) == frame.height
        assert "header only" in held["proof/findings.json"].decode()
        assert len(json.loads(held["proof/ledger.json"])) == found.ledger.height
        manifest = json.loads(held["manifest.json"])
        assert manifest["proof"] == str(proof)
        assert manifest["invoice"]["total"] == str(found.total)
        assert manifest["versions"].keys() >= {"invoicekit", "python", "polars"}
        assert str(proof) in held["README.txt"].decode()

    def test_nothing_is_missing_where_all_was_read(self, demo, two, tmp_path):
        for found in (demo.invoice("D070001012"), two.invoice("G1")):
            manifest = manifest_of(found.evidence(tmp_path / "e.zip"))
            assert manifest["missing"] == []
            for one in manifest["pages"]:
                assert one["read"] in {None, len(one["files"])}
                assert one["pulled"].endswith("+00:00")


class TestTheDigests:
    def test_every_file_has_one_and_it_is_right(self, demo, tmp_path):
        held = read(demo.invoice("G012345611").evidence(tmp_path / "e.zip"))
        sums = dict(
            reversed(row.split("  ", 1)) for row in held["SHA256SUMS"].decode().splitlines()
        )
        assert sums.keys() == held.keys() - {"SHA256SUMS"}
        assert sums == {name: hashlib.sha256(held[name]).hexdigest() for name in sums}
        listed = json.loads(held["manifest.json"])["files"]
        assert {one["file"] for one in listed} == sums.keys() - {"manifest.json"}
        assert all((one["sha256"], one["bytes"]) == (sums[one["file"]], len(held[one["file"]]))
                   for one in listed)  # fmt: skip

    @pytest.mark.skipif(not shutil.which("sha256sum"), reason="no sha256sum")
    def test_sha256sum_checks_them_as_the_readme_says(self, two, tmp_path):
        path = two.invoice("G1").evidence(tmp_path / "e.zip")
        folder = tmp_path / "unpacked"
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
        command = "sha256sum -c SHA256SUMS"
        assert command in (folder / "README.txt").read_text(encoding="utf-8")
        assert run(command.split(), cwd=folder).returncode == 0
        changed = folder / "pages" / "onetime-billing" / "00001.json"
        changed.write_bytes(changed.read_bytes().replace(b"1.10", b"9.10"))
        ran = run(command.split(), cwd=folder)
        assert ran.returncode == 1
        assert "00001.json: FAILED" in ran.stdout

    def test_the_same_cache_gives_the_same_bytes_from_memory_and_from_the_store(self, tmp_path):
        """Of pages and of exports; the second client reads what the first one stored."""
        digests = []
        with ik.demo() as client:
            for invoice_id in ("G012345612", "D070001012"):
                first = client.invoice(invoice_id)
                first.line_items()
                for found in (first, first, client.invoice(invoice_id)):
                    path = found.evidence(tmp_path / "e.zip")
                    digests.append(hashlib.sha256(path.read_bytes()).hexdigest())
                assert len(set(digests)) == 1
                digests.clear()

    def test_of_an_open_invoice_too_read_anew_from_the_pages(self, serve, open_client, tmp_path):
        client = open_client(serve(two_page_invoice(date=OPEN)))
        files = [
            client.invoice("G1").evidence(tmp_path / f"{n}.zip").read_bytes() for n in range(3)
        ]
        assert files[0] == files[1] == files[2]


class TestWhatIsNotInTheCache:
    def test_a_pull_that_ends_before_its_last_page_is_not_whole(self, two):
        """As pages do whose links were changed on disk."""
        found = two.invoice("G1")
        found.line_items()
        [collection] = found._collections()

        take = [].append

        def first_page_alone(collection, ask):
            return islice(pages(collection, ask), 1)

        assert len(read_back(found._session, collection, pages, take).readings) == 2
        with pytest.raises(MissError):
            read_back(found._session, collection, first_page_alone, take)

    def test_pages_that_are_gone_are_named_and_the_lines_are_there(self, two, tmp_path):
        found = two.invoice("G1")
        found.sync()
        for path in cached(tmp_path / "cache", ".page"):
            path.unlink()
        held = read(found.evidence(tmp_path / "e.zip"))
        manifest = json.loads(held["manifest.json"])
        assert pages_of(manifest, "onetime/billing") == {
            "of": "onetime/billing", "read": 2, "files": [], "pulled": None,
            "why": "not whole in the cache any more; 0 of its files are here",
        }  # fmt: skip
        assert [one.partition(":")[0] for one in manifest["missing"]] == [
            "header", "onetime/billing",
        ]  # fmt: skip
        assert not [name for name in held if name.startswith("pages/")]
        assert (
            pl.read_parquet(io.BytesIO(held["frames/OneTimeInvoiceLineItem.parquet"])).height == 2
        )

    def test_one_page_that_is_gone_is_said_and_what_there_is_goes_with_it(self, two, tmp_path):
        found = two.invoice("G1")
        found.sync()
        bodies = {body: index for index, body in enumerate(two_pages())}
        before = read(found.evidence(tmp_path / "e.zip"))
        assert [bodies[before[f"pages/onetime-billing/0000{n}.json"]] for n in (1, 2)] == [0, 1]
        gone = []
        for path in cached(tmp_path / "cache", ".page"):
            content = path.read_bytes()
            path.unlink()
            manifest = manifest_of(found.evidence(tmp_path / "e.zip"))
            gone.append(len(manifest["missing"]))
            path.write_bytes(content)
        assert gone == [1, 1, 1]
        assert manifest_of(found.evidence(tmp_path / "e.zip"))["missing"] == []

    def test_a_damaged_file_of_an_export_is_none(self, tmp_path):
        with ik.demo() as client:
            found = client.invoice("G012345611")
            found.sync()
            blob = max(cached(client.settings.cache_dir, ".blob"), key=lambda p: p.stat().st_size)
            content = bytearray(blob.read_bytes())
            content[len(content) // 2] ^= 1
            blob.write_bytes(content)
            manifest = manifest_of(found.evidence(tmp_path / "e.zip"))
            [missing] = manifest["missing"]
            assert missing.startswith(("onetime/billing: not whole", "onetime/usage: not whole"))

    def test_pages_of_another_pull_than_the_lines_are_told(self, serve, open_client, tmp_path):
        """The lines lie in the store; somebody else asked the pages again, and they were others."""
        service = serve(two_page_invoice())
        client = open_client(service)
        stored = client.invoice("G1")
        stored.line_items()
        service.answer.lines = page(rows(line("3.30", name="A")))
        other = client.invoice("G1")
        other._loaded(
            other._read, other._pairs(), refresh=True
        )  # as a process does that stores nothing
        held = read(stored.evidence(tmp_path / "e.zip"))
        assert json.loads(held["manifest.json"])["missing"] == [
            "onetime/billing: the pages here are of another pull than the lines"
        ]

    def test_a_header_that_says_another_total_is_none_of_this_invoice(
        self, serve, open_client, tmp_path
    ):
        service = serve(two_page_invoice())
        client = open_client(service)
        found = client.invoice("G1")
        service.answer.headers["G1"] = invoice(total="4.40", date=CLOSED)
        client.invoice("G1", refresh=True)
        manifest = manifest_of(found.evidence(tmp_path / "e.zip"))
        assert pages_of(manifest, "header")["files"] == []
        assert manifest["missing"][0].startswith("header: ")

    def test_of_the_newest_invoice_it_says_how_its_header_gets_there(
        self, serve, open_client, tmp_path
    ):
        """It is known from the list of all invoices, which is nothing to hand on."""
        client = open_client(serve(two_page_invoice()))
        found = client.latest
        (missing,) = manifest_of(found.evidence(tmp_path / "e.zip"))["missing"]
        assert missing == (
            "header: not whole in the cache any more; 0 of its files are here; client.invoice(id) "
            "asks for it, where the invoice came from the list of all"
        )
        again = client.invoice(found.id).evidence(tmp_path / "e.zip")
        assert manifest_of(again)["missing"] == []

    def test_a_header_in_another_case_is_there_as_it_was_sent(self, serve, open_client, tmp_path):
        partner = two_page_invoice()
        partner.headers["G1"] = partner.headers["G1"].replace("totalCharges", "TotalCharges")
        held = read(open_client(serve(partner)).invoice("G1").evidence(tmp_path / "e.zip"))
        assert b'"TotalCharges":3.30' in held["pages/header/00001.json"]

    def test_offline_it_is_made_of_what_is_there(self, serve, open_client, tmp_path):
        service = serve(two_page_invoice())
        online = open_client(service)
        first = online.invoice("G1").evidence(tmp_path / "e.zip").read_bytes()
        asked = len(service.asked)
        offline = open_client(service, offline=True)
        assert offline.invoice("G1").evidence(tmp_path / "f.zip").read_bytes() == first
        assert len(service.asked) == asked

    def test_a_collection_that_was_refused_is_named(self, serve, open_client, tmp_path):
        partner = Partner(
            invoice(pairs=ONE_TIME_AND_AZURE),
            lines={"OneTime": page(rows(line())), "Azure": Reply(b"{}", 403)},
        )
        found = open_client(serve(partner)).invoice("G1")
        with pytest.warns(UserWarning, match="left out"):
            manifest = manifest_of(found.evidence(tmp_path / "e.zip"))
        assert manifest["missing"] == ["lines of azure/billing: refused (403)"]
        assert "incomplete" in manifest["proof"]

    def test_an_invoice_without_lines_has_its_empty_page(self, serve, open_client, tmp_path):
        partner = Partner(invoice(total="0"), lines=page([]))
        held = read(open_client(serve(partner)).invoice("G1").evidence(tmp_path / "e.zip"))
        assert held["pages/onetime-billing/00001.json"] == page([])


class TestSecrets:
    def test_no_token_and_no_header_beyond_the_ids_is_in_it(self, serve, open_client, tmp_path):
        partner = two_page_invoice()
        secret = {"Set-Cookie": "session=s3cret-cookie", "X-Secret": "s3cret-header"}
        partner.lines = [Reply(body, headers={**secret, "MS-RequestId": "seen-1"})
                         for body in two_pages()]  # fmt: skip
        held = read(open_client(serve(partner)).invoice("G1").evidence(tmp_path / "e.zip"))
        everything = b"\n".join(held.values())
        for word in (TOKEN, "s3cret", "Bearer", "Authorization", "Set-Cookie"):
            assert word.encode() not in everything
        assert "seen-1" in held["proof/ledger.json"].decode()

    def test_lines_that_repeat_the_token_are_not_handed_on(self, serve, open_client, tmp_path):
        found = open_client(serve(Partner(lines=page(rows(line(name=TOKEN)))))).invoice("G1")
        with pytest.raises(ik.PageError, match="repeat a secret") as told:
            found.evidence(tmp_path / "e.zip")
        assert TOKEN not in str(told.value)
        assert [one.name for one in tmp_path.glob("*") if one.is_file()] == []

    def test_no_sas_and_no_token_of_an_export_is_in_it(self, demo, tmp_path):
        held = read(demo.invoice("G012345611").evidence(tmp_path / "e.zip"))
        everything = b"\n".join(
            gzip.decompress(body) if name.endswith(".gz") else body for name, body in held.items()
        )
        for word in (b"sig=", b"sasToken", b"invoicekit-sandbox.", b"rootDirectory", b"127.0.0.1"):
            assert word not in everything

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
    def test_it_is_for_the_user_s_eyes_alone(self, two, tmp_path):
        path = two.invoice("G1").evidence(tmp_path / "e.zip")
        assert path.stat().st_mode & 0o777 == 0o600
        with zipfile.ZipFile(path) as archive:
            assert {one.external_attr >> 16 & 0o777 for one in archive.infolist()} == {0o600}


class TestTheFile:
    def test_one_that_is_there_stays_where_the_new_one_fails(self, serve, open_client, tmp_path):
        path = tmp_path / "e.zip"
        path.write_bytes(b"before")
        found = open_client(serve(Partner(lines=Reply(b"{}", 400)))).invoice("G1")
        with pytest.raises(ik.FetchError):
            found.evidence(path)
        assert path.read_bytes() == b"before"
        assert [one.name for one in tmp_path.glob("*.part")] == []

    def test_a_disk_that_is_full_is_an_error_and_not_a_page_that_is_missing(self, two):
        if not os.path.exists("/dev/full"):  # noqa: PTH110
            pytest.skip("no /dev/full")
        with pytest.raises(OSError, match="No space left"):
            two.invoice("G1").evidence("/dev/full")

    def test_an_interrupt_is_one_wherever_it_hits(self, two, tmp_path, monkeypatch):
        """It may come when a file of the zip is written and before it is closed."""
        path, told = tmp_path / "e.zip", []
        path.write_bytes(b"before")
        found = two.invoice("G1")
        found.reconcile()

        def interrupt(frame, event, _):
            held = getattr(frame.f_locals.get("self"), "gen", None)
            leaves = event == "call" and frame.f_code.co_name == "__exit__"
            if leaves and getattr(held, "__name__", "") == "member":
                sys.setprofile(None)
                raise KeyboardInterrupt

        monkeypatch.setattr(sys, "unraisablehook", told.append)
        sys.setprofile(interrupt)
        try:
            with pytest.raises(KeyboardInterrupt):
                found.evidence(path)
        finally:
            sys.setprofile(None)
        gc.collect()
        assert told == []
        assert path.read_bytes() == b"before"
        assert [one.name for one in tmp_path.iterdir() if one.suffix == ".part"] == []

    def test_a_folder_is_refused(self, two, tmp_path):
        with pytest.raises(ValueError, match="is a folder"):
            two.invoice("G1").evidence(tmp_path)

    def test_names_from_outside_are_no_paths(self, serve, open_client, tmp_path):
        odd = line("1.10", object_type="../../evil")
        found = open_client(serve(Partner(lines=page(rows(odd))))).invoice("G1")
        with pytest.warns(UserWarning, match="objectType"):
            held = read(found.evidence(tmp_path / "e.zip"))
        assert [name for name in held if ".." in name.split("/")] == []
        assert json.loads(held["manifest.json"])["frames"][0]["object_type"] == "../../evil"

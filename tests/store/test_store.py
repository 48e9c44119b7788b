"""The store of typed frames: the same frames, sooner; disposable, and never believed too far."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from decimal import Decimal

import polars as pl
import pytest

import invoicekit as ik
from invoicekit.store import dataset as stores
from support.partner import CLOSED, OPEN, Partner, refused, two_page_invoice
from support.server import Reply, invoice, line, page, rows


def test_a_closed_invoice_is_read_from_the_store_and_is_the_same(serve, open_client, tmp_path):
    service = serve(two_page_invoice())
    first = open_client(service).invoice("G1")
    items = first.line_items()
    for answers in (tmp_path / "cache").glob("*/*/*.json"):
        answers.unlink()  # no answer of the lines is left, the header's included
    asked = len(service.asked)
    again = open_client(service).invoice("G1")
    found = again.line_items()
    assert len(service.asked) == asked + 1  # the header
    assert list(found) == list(items)
    assert all(found[name].equals(items[name]) for name in items)
    assert all(found[name].schema == items[name].schema for name in items)
    assert again.reconcile() == first.reconcile()
    assert found.ledger.select("page", "rows", "from_cache").rows() == [(1, 1, True), (2, 1, True)]


def test_every_demo_frame_comes_back_as_it_was(fresh_demo):
    for found in fresh_demo.invoices()["invoice_id"][:4]:
        decoded = fresh_demo.invoice(found).line_items()
        stored = fresh_demo.invoice(found).line_items()
        for name in decoded:
            assert stored[name].equals(decoded[name])
            assert stored[name].schema == decoded[name].schema


def test_what_lies_in_the_store_gives_the_same_report_byte_for_byte(fresh_demo, tmp_path):
    for found in fresh_demo.invoices()["invoice_id"][:4]:
        loaded, stored = fresh_demo.invoice(found), fresh_demo.invoice(found)
        loaded.line_items()
        by = ("customer", "offer")
        assert stored.totals(*by).equals(loaded.totals(*by))
        assert stored.reconcile().parts.equals(loaded.reconcile().parts)
        assert stored.first_charges(7).equals(loaded.charges().head(7))
        pages = [one.report(tmp_path / "a.html").read_bytes() for one in (loaded, stored)]
        assert pages[0] == pages[1]


@pytest.mark.parametrize(
    "header",
    [invoice(total="3.31", date=CLOSED), invoice(total="3.30", date="2020-01-06T00:00:00Z")],
)
def test_an_invoice_that_changed_is_asked_again(serve, open_client, header):
    partner = two_page_invoice()
    service = serve(partner)
    open_client(service).invoice("G1").line_items()
    partner.headers["G1"] = header
    partner.lines[1] = page(rows(line("2.21", name="B")))
    client = open_client(service)
    client.cache.clear()
    assert client.invoice("G1").charges()["total"].to_list() == [Decimal("1.10"), Decimal("2.21")]


def test_frames_of_an_older_decoder_are_not_read(serve, open_client, tmp_path):
    service = serve(two_page_invoice())
    open_client(service).invoice("G1").line_items()
    (root,) = (tmp_path / "cache").iterdir()
    store = stores.Store(root)
    key = stores.Key("G1", "2020-01-05", "3.30")
    assert store.find(key) is not None
    older = stores.Key(key.invoice_id, key.invoice_date, key.total, version=stores.VERSION - 1)
    assert store.find(older) is None


def test_an_open_invoice_is_not_stored(serve, open_client, tmp_path):
    service = serve(two_page_invoice(date=OPEN))
    open_client(service).invoice("G1").line_items()
    assert list(tmp_path.rglob("*.parquet")) == []


def test_an_incomplete_invoice_is_not_stored(serve, open_client, tmp_path):
    with pytest.warns(UserWarning, match="refused"):
        open_client(serve(refused("Azure", date=CLOSED))).invoice("G1").line_items()
    assert list(tmp_path.rglob("*.parquet")) == []


DAMAGE = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "empty": lambda path: path.write_bytes(b""),
    "foreign": lambda path: path.write_bytes(b"PAR1 and no more"),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("suffix", ["lines", "json"])
@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_costs_time_alone(serve, open_client, tmp_path, kind, suffix):
    service = serve(two_page_invoice())
    right = open_client(service).invoice("G1").charges()
    for path in (tmp_path / "cache").glob(f"*/lines/**/*.{suffix}"):
        DAMAGE[kind](path)
    assert open_client(service).invoice("G1").charges().equals(right)
    assert open_client(service).invoice("G1").charges().equals(right)
    assert len(service.asked) == 3  # the answers are still there


def with_other_rows(path):
    pl.read_parquet(path).head(1).write_parquet(path)


def with_a_wrong_page(path):
    path.write_bytes(path.read_bytes().replace(b"PAR1", b"PAR1" + b"!" * 40, 1))


ASKED = {
    "totals": lambda invoice: invoice.totals("customer", "offer"),
    "proof": lambda invoice: invoice.reconcile().parts,
    "first charges": lambda invoice: invoice.first_charges(5),
    "frames": lambda invoice: invoice.line_items()["OneTimeInvoiceLineItem"],
}


@pytest.mark.parametrize("damage", [*DAMAGE.values(), with_other_rows, with_a_wrong_page])
@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_what_is_asked_of_the_store_is_right_or_asked_elsewhere(
    serve, open_client, tmp_path, damage, ask
):
    """Totals and proof read the few columns that they need, where these lie."""
    service = serve(two_page_invoice())
    first = open_client(service).invoice("G1")
    first.line_items()
    right = ask(first)
    assert ask(open_client(service).invoice("G1")).equals(right)
    (path,) = tmp_path.rglob("*.lines")
    damage(path)
    assert ask(open_client(service).invoice("G1")).equals(right)
    assert len(service.asked) == 3  # the answers are still there


def test_either_may_be_deleted(serve, open_client, tmp_path):
    service = serve(two_page_invoice())
    right = open_client(service).invoice("G1").charges()
    (root,) = (tmp_path / "cache").iterdir()
    shutil.rmtree(root / "lines")
    assert open_client(service).invoice("G1").charges().equals(right)
    for answers in root.glob("[0-9a-f]*"):
        shutil.rmtree(answers)
    assert open_client(service).invoice("G1").charges().equals(right)


def test_refresh_writes_the_store_anew(serve, open_client):
    partner = two_page_invoice()
    service = serve(partner)
    found = open_client(service).invoice("G1")
    found.line_items()
    partner.lines[1] = page(rows(line("2.20", name="C")))
    found.line_items(refresh=True)
    names = open_client(service).invoice("G1").charges()["customer_name"].to_list()
    assert names == ["A", "C"]


def test_sync_brings_all_in_once_and_proves_them(fresh_demo, capsys):
    told: list[str] = []
    first = fresh_demo.sync(tell=told.append)
    assert first["invoice_id"].to_list() == fresh_demo.invoices()["invoice_id"].to_list()
    assert dict(first["state"].value_counts().iter_rows()) == {"ties": 29, "differs": 1}
    assert first["new"].all()
    assert len(told) == 30
    again = fresh_demo.sync(tell=told.append)
    assert not again["new"].any()
    assert again.drop("new").equals(first.drop("new"))
    part = fresh_demo.sync(since="2026-10", tell=told.append)
    assert part.height == 4
    with pytest.raises(ValueError, match="is no month"):
        fresh_demo.sync(since="October")
    assert capsys.readouterr().out == ""


def test_a_scan_has_all_lines_of_all_invoices_as_they_are(demo):
    demo.sync(tell=lambda _: None)
    lines = demo.scan("OneTimeInvoiceLineItem")
    totals = dict(
        lines.group_by("invoice_id").agg(pl.col("total_for_customer").sum()).collect().iter_rows()
    )
    for found in [demo.latest, demo.invoice("G012345651")]:
        assert totals[found.id] == found.total
    assert lines.collect_schema()["unit_price"] == pl.Decimal(38, 24)
    with pytest.raises(ValueError, match="there is DailyRatedUsageLineItem"):
        demo.scan("Nonsense")


def test_a_scan_names_the_invoices_that_are_not_whole(serve, open_client):
    client = open_client(serve(refused("Azure", date=CLOSED)))
    with pytest.warns(UserWarning, match="refused"):
        client.sync(tell=lambda _: None)
    with pytest.warns(UserWarning, match=r"not to be had.* of G1; client.sync\(\)"):
        assert client.scan("OneTimeInvoiceLineItem").collect().height == 1


def test_a_scan_is_refused_where_lines_are_gone(serve, open_client, tmp_path):
    client = open_client(serve(two_page_invoice()))
    client.sync(tell=lambda _: None)
    (path,) = tmp_path.rglob("*.lines")
    path.unlink()
    with pytest.raises(ik.FrameError, match=r"gone or damaged, of G1. client.sync\(\)"):
        client.scan("OneTimeInvoiceLineItem")
    client.sync(tell=lambda _: None)
    assert client.scan("OneTimeInvoiceLineItem").collect().height == 2


def test_sync_goes_on_where_it_stopped(serve, open_client):
    partner = two_page_invoice()
    partner.lines[1] = Reply(b"{}", 500)
    service = serve(partner)
    with pytest.raises(ik.FetchError):
        open_client(service).sync(tell=lambda _: None)
    partner.lines[1] = page(rows(line("2.20", name="B")))
    asked = len(service.asked)
    done = open_client(service).sync(tell=lambda _: None)
    assert done["state"].to_list() == ["ties"]
    assert [one.token for one in service.asked[asked:]] == [None, "1"]  # the list, and page 2


def test_an_incomplete_invoice_is_tried_again_by_the_next_sync(serve, open_client):
    partner = two_page_invoice()
    partner.lines[0] = Reply(b"{}", 404)
    service = serve(partner)
    with pytest.warns(UserWarning, match="not found"):
        done = open_client(service).sync(tell=lambda _: None)
    assert done["state"].to_list() == ["incomplete"]
    partner.lines[0] = page(rows(line("3.30")))
    assert open_client(service).sync(tell=lambda _: None)["state"].to_list() == ["ties"]


def test_fields_beyond_the_documented_survive_the_store(serve, open_client):
    partner = two_page_invoice()
    partner.lines[1] = page(rows(line("2.20", name="B", newField='"x"')))
    service = serve(partner)
    with pytest.warns(UserWarning, match="new_field"):
        decoded = open_client(service).invoice("G1").line_items()["OneTimeInvoiceLineItem"]
    stored = open_client(service).invoice("G1").line_items()["OneTimeInvoiceLineItem"]
    assert stored.equals(decoded)
    assert stored["new_field"].to_list() == [None, "x"]


def test_sync_asks_again_when_the_invoice_names_other_collections(serve, open_client):
    partner = two_page_invoice()
    client = open_client(serve(partner))
    assert client.sync(tell=lambda _: None)["new"].to_list() == [True]
    pairs = (("one_time", "billing_line_items"), ("marketplace", "billing_line_items"))
    partner.headers["G1"] = invoice(total="3.30", date=CLOSED, pairs=pairs)
    found = client.sync(tell=lambda _: None)
    assert found.select("new", "lines").rows() == [(True, 4)]


def test_totals_of_the_store_are_of_the_collections_that_the_invoice_names_now(serve, open_client):
    partner = two_page_invoice()
    service = serve(partner)
    open_client(service).invoice("G1").line_items()
    pairs = (("one_time", "billing_line_items"), ("marketplace", "billing_line_items"))
    partner.headers["G1"] = invoice(total="3.30", date=CLOSED, pairs=pairs)
    client = open_client(service)
    assert client.invoice("G1", refresh=True).totals()["lines"].item() == 4
    assert client.invoice("G1").reconcile().lines == 4


def test_sync_calls_an_invoice_that_names_no_collections_incomplete(serve, open_client):
    service = serve(Partner(invoice(total="0.00", date=CLOSED, pairs=())))
    assert open_client(service).sync(tell=lambda _: None)["state"].to_list() == ["incomplete"]


@pytest.mark.parametrize("name", [".", "..", "x" * 200, "NUL", "foo."])
def test_an_object_type_of_any_name_is_stored_under_one_of_ours(tmp_path, name):
    place = stores.Store(tmp_path)
    writer = place.write(stores.Key("G1", "", "1"))
    names = [name, f"{name}2"]  # alike in their first 180 letters
    for one in names:
        ours = {"invoice_id": "G1", "object_type": one}
        writer.add(one, pl.DataFrame([{**ours, "amount": one}]))
    frames = place.frames(writer.commit())
    assert frames is not None
    assert [frames[one]["amount"].to_list() for one in names] == [[one] for one in names]
    folders = {path.name.removeprefix("object_type=") for path in (tmp_path / "lines").iterdir()}
    assert len({name for name in folders if not name.startswith("_")}) == 2
    assert not folders & {".", "..", "NUL", "foo."}


def test_a_frame_that_is_changed_in_place_changes_no_total(serve, open_client):
    found = open_client(serve(two_page_invoice())).invoice("G1")
    frame = found.line_items()["OneTimeInvoiceLineItem"]
    frame.extend(frame.clone())
    assert found.reconcile().lines == 2
    assert found.reconcile().ties


@pytest.mark.parametrize("damage", [DAMAGE["foreign"], with_other_rows, with_a_wrong_page])
def test_sync_brings_in_again_what_is_damaged(serve, open_client, tmp_path, damage):
    client = open_client(serve(two_page_invoice()))
    whole = client.sync(tell=lambda _: None)
    (path,) = tmp_path.rglob("*.lines")
    damage(path)
    again = client.sync(tell=lambda _: None)
    assert again["new"].item()
    assert again.drop("new").equals(whole.drop("new"))
    assert client.scan("OneTimeInvoiceLineItem").collect().height == 2


def test_lines_without_a_note_are_forgotten_too(serve, open_client, tmp_path):
    client = open_client(serve(two_page_invoice()))
    client.sync(tell=lambda _: None)
    for note in tmp_path.glob("**/_invoices/*.json"):
        note.unlink()
    client.cache.clear(invoice="g1")
    assert not [*tmp_path.rglob("*.parquet"), *tmp_path.rglob("*.lines")]


def test_two_writers_at_once_leave_one_whole_invoice(tmp_path):
    """Each puts its own files in place, one after the other; a note never means another's."""
    store = stores.Store(tmp_path)
    key = stores.Key("G1", "2020-01-05", "3.30")
    failed: list[Exception] = []

    def write(number: int) -> None:
        try:
            for _ in range(15):
                writer = store.write(key)
                for name in ("A", "B"):
                    writer.add(
                        name,
                        pl.DataFrame({"invoice_id": "G1", "object_type": name, "n": str(number)}),
                    )
                writer.commit(number)
        except Exception as error:  # noqa: BLE001 (it is what the test is about)
            failed.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    stored = store.find(key)
    frames = store.frames(stored)
    assert {frame["n"].item() for frame in frames.values()} == {str(stored.about)}
    assert len(list(tmp_path.rglob("*.parquet"))) == 2


FULL_DISK = """
import resource, signal, sys, warnings
import invoicekit as ik
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    url, cache = sys.argv[1:]
    with ik.connect(token="t.t", base_url=url, cache_dir=cache, tenant_id="t") as client:
        ties = client.invoice("G1").reconcile().ties
        print(ties, *(str(one.message)[:40] for one in told), sep="|")
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_a_full_disk_costs_the_store_and_not_the_result(serve, tmp_path):
    service = serve(two_page_invoice())
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, service.url, str(tmp_path / "cache")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("True|"), done.stderr
    assert "the lines of G1 cannot be stored" in done.stdout
    assert list(tmp_path.rglob("*.parquet")) == []

"""All invoices into the store: what is asked again and when, and what goes wrong with some."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

import invoicekit as ik
from invoicekit.client import Client
from invoicekit.files.private import read_note, write_note
from support.partner import CLOSED, ONE_TIME, SEEK_LINK, Partner, two_page_invoice, whose
from support.server import TOKEN, Reply, invoice, line, page, rows

posix = pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
TWO = (("one_time", "billing_line_items"), ("office", "billing_line_items"))


def quiet(_: str) -> None:
    """Tell nobody."""


def ago(days: float) -> str:
    """An instant so many days ago, as the service writes it."""
    return f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"


def as_if_ago(root: Path, seconds: float) -> None:
    """The notes of the cache and the store as if they had been written so long ago."""
    for path in root.rglob("*.json"):
        note = read_note(path)
        for place in (note, note.get("about")):
            for name in ("made", "until"):
                if isinstance(place, dict) and place.get(name) is not None:
                    place[name] -= seconds
        write_note(path, note)


def customers(client: ik.Client) -> list[str]:
    return client.invoice("G1").charges()["customer_name"].to_list()


# What is asked again


@pytest.mark.parametrize(("days", "closed"), [(14, False), (15, True), (16, True)])
def test_an_invoice_is_closed_after_fifteen_days(serve, open_client, tmp_path, days, closed):
    partner = two_page_invoice(date=ago(days))
    service = serve(partner)
    assert customers(open_client(service)) == ["A", "B"]
    assert bool(list(tmp_path.rglob("*.parquet"))) == closed
    partner.lines[1] = page(rows(line("2.20", name="C")))
    as_if_ago(tmp_path, 3 * 3600)
    assert customers(open_client(service)) == (["A", "B"] if closed else ["A", "C"])


@pytest.mark.parametrize(("days", "closed"), [(14, False), (16, True)])
def test_sync_keeps_an_open_invoice_for_an_hour_and_a_closed_one_for_ever(
    serve, open_client, tmp_path, days, closed
):
    partner = two_page_invoice(date=ago(days))
    service = serve(partner)
    client = open_client(service)
    client.sync(tell=quiet)
    partner.lines[1] = page(rows(line("2.20", name="C")))
    as_if_ago(tmp_path, 3500)
    assert client.sync(tell=quiet)["new"].to_list() == [False]
    as_if_ago(tmp_path, 200)
    assert client.sync(tell=quiet)["new"].to_list() == [not closed]
    names = client.scan(ONE_TIME).collect()["customer_name"].to_list()
    assert names == (["A", "B"] if closed else ["A", "C"])


@pytest.mark.parametrize(
    "header",
    [invoice(total="3.31", date=CLOSED), invoice(total="3.30", date="2020-01-06T00:00:00Z")],
    ids=["another total", "another date"],
)
@pytest.mark.parametrize("way", ["sync", "invoice"])
def test_a_closed_invoice_whose_header_changed_is_asked_again_by_itself(
    serve, open_client, header, way
):
    partner = two_page_invoice()
    service = serve(partner)
    assert customers(open_client(service)) == ["A", "B"]
    partner.headers["G1"] = header
    partner.lines[1] = page(rows(line("2.21", name="C")))
    if way == "sync":
        (found,) = open_client(service).sync(tell=quiet)["lines_total"]
        assert found == Decimal("3.31")
    client = open_client(service)
    client.invoice("G1", refresh=True)
    assert customers(client) == ["A", "C"]
    asked = len(service.asked)
    assert customers(open_client(service)) == ["A", "C"]
    assert [one.target for one in service.asked[asked:] if "lineitems" in one.target] == []


def test_an_interrupted_pull_is_not_resumed_for_another_header(serve, open_client):
    partner = two_page_invoice()
    partner.lines[1] = Reply(b"{}", 500)
    service = serve(partner)
    with pytest.raises(ik.FetchError):
        open_client(service).invoice("G1").charges()
    partner.headers["G1"] = invoice(total="4.40", date=CLOSED)
    partner.lines[0] = page(rows(line("2.20", name="new")), uri=SEEK_LINK, token="1")
    partner.lines[1] = page(rows(line("2.20", name="B")))
    client = open_client(service)
    client.invoice("G1", refresh=True)
    assert customers(client) == ["new", "B"]


def test_pages_of_the_first_release_which_name_no_header_are_read(serve, open_client, tmp_path):
    service = serve(two_page_invoice())
    open_client(service).invoice("G1").line_items()
    for path in tmp_path.rglob("commit.json"):
        note = read_note(path)
        del note["version"]
        write_note(path, note)
    for path in tmp_path.rglob("_invoices/*.json"):
        path.unlink()
    asked = len(service.asked)
    assert customers(open_client(service)) == ["A", "B"]
    assert len(service.asked) == asked


@pytest.mark.parametrize("days", [3000, 3], ids=["closed", "open"])
@pytest.mark.parametrize("begun", ["read", "synced", "nothing"])
def test_what_one_process_asks_again_the_next_one_sees(serve, open_client, days, begun):
    """Of one collection of two."""
    name = {"OneTime": "A", "Office": "O"}

    header = invoice(total="3.30", date=ago(days), pairs=TWO)

    def lines(asked):
        return page(rows(line("1.65", name=name[whose(asked)[1]])))

    service = serve(Partner(header, lines=lines))
    if begun == "read":
        open_client(service).invoice("G1").line_items()
    elif begun == "synced":
        open_client(service).sync(tell=quiet)
    name.update({"OneTime": "B", "Office": "P"})
    again = open_client(service).invoice("G1").line_items(provider="onetime", refresh=True)
    assert again[ONE_TIME]["customer_name"].to_list() == ["B"]
    office = "P" if begun == "nothing" else "O"
    if begun == "synced" and days < 15:  # the store of an open invoice is for scans alone
        with pytest.warns(UserWarning, match="may have changed since, of G1"):
            assert open_client(service).scan(ONE_TIME).collect().height == 2
    assert customers(open_client(service)) == ["B", office]
    client = open_client(service)
    client.sync(tell=quiet)
    assert client.scan(ONE_TIME).collect()["customer_name"].to_list() == ["B", office]


def test_an_open_invoice_that_is_asked_again_whole_is_stored_again(serve, open_client):
    partner = two_page_invoice(date=ago(3))
    service = serve(partner)
    client = open_client(service)
    client.sync(tell=quiet)
    partner.lines[1] = page(rows(line("2.20", name="C")))
    open_client(service).invoice("G1").line_items(refresh=True)
    assert client.scan(ONE_TIME).collect()["customer_name"].to_list() == ["A", "C"]
    assert client.sync(tell=quiet)["new"].to_list() == [False]


def test_sync_refresh_asks_for_all_lines_again(serve, open_client):
    partner = two_page_invoice()
    service = serve(partner)
    client = open_client(service)
    client.sync(tell=quiet)
    partner.lines[1] = page(rows(line("2.20", name="C")))
    assert client.sync(tell=quiet)["new"].to_list() == [False]
    assert client.sync(refresh=True, tell=quiet)["new"].to_list() == [True]
    assert customers(open_client(service)) == ["A", "C"]


def test_the_store_gives_the_very_frames_that_were_decoded(demo, tmp_path):
    """Decoded in one place, stored and read in another: no other test has been there before."""
    with Client(replace(demo.settings, cache_dir=tmp_path)) as client:
        for found in client.invoices()["invoice_id"][:4]:
            decoded, stored = (client.invoice(found).line_items() for _ in range(2))
            assert not decoded.ledger["from_cache"].any()
            assert stored.ledger["from_cache"].all()
            assert list(stored) == list(decoded)
            for name in decoded:
                assert stored[name].schema == decoded[name].schema
                assert stored[name].equals(decoded[name])


def test_a_day_stays_the_day_that_it_was(serve, open_client):
    partner = two_page_invoice()
    partner.lines[1] = page(rows(line("2.20", chargeStartDate='"2020-01-31T00:00:00Z"')))
    service = serve(partner)
    for _ in range(2):
        charges = open_client(service).invoice("G1").charges()
        assert charges["charge_start"].to_list() == [None, date(2020, 1, 31)]


# What goes wrong with some


class Many(Partner):
    """Invoices of one line each, newest first; of some the lines are answered otherwise."""

    def __init__(self, count: int, **wrong: Reply | bytes) -> None:
        self.wrong = wrong
        dates = {f"G{n}": f"2020-01-{28 - n:02}T00:00:00Z" for n in range(1, count + 1)}
        headers = (invoice(name, date=date) for name, date in dates.items())
        super().__init__(*headers, lines=self.lines_of)

    def lines_of(self, asked):
        name = whose(asked)[0]
        return self.wrong.get(name) or page(rows(line("1.10", name=name)))


def of(service, since: int = 0) -> list[str]:
    """Whose lines were asked for."""
    asked = [one.target for one in service.asked[since:] if "lineitems" in one.target]
    return list(dict.fromkeys(target.split("/")[3] for target in asked))


def test_sync_goes_on_past_a_bad_invoice_and_names_it(serve, open_client):
    partner = Many(5, G2=b'{"items": [', G4=page(rows(line('"dear"'))))
    client = open_client(serve(partner))
    told: list[str] = []
    with pytest.raises(
        ik.InvoiceKitError, match=r"^2 of 5 .*G2: .*; G4: .*row 1.*others are"
    ) as no:
        client.sync(tell=told.append)
    assert not isinstance(no.value, ik.FetchError)
    assert [words.split()[0] for words in told] == list(partner.headers)
    assert [words for words in told if "not synced" in words] == [told[1], told[3]]
    stored = client.scan(ONE_TIME).collect()["invoice_id"].to_list()
    assert stored == ["G1", "G3", "G5"]
    partner.wrong.clear()
    assert client.sync(tell=quiet)["new"].to_list() == [False, True, False, True, False]


@pytest.mark.parametrize("name", ["../../x", "a/b", "G\\u00002"])
def test_an_id_that_nobody_can_ask_for_costs_that_invoice_alone(serve, open_client, name):
    """It is the service's word: an error of ours, and no ValueError, which is for a user's."""
    partner = Many(3)

    def answer(asked):
        said = partner(asked)
        return said.replace(b'"G2"', f'"{name}"'.encode()) if asked.target.endswith("s") else said

    client = open_client(serve(answer))
    assert client.invoices().height == 3
    with pytest.raises(ik.PageError, match=r"^1 of 3 .*nobody can ask for.*others are stored"):
        client.sync(tell=quiet)
    assert client.scan(ONE_TIME).collect()["invoice_id"].to_list() == ["G1", "G3"]


def test_the_error_of_failures_of_one_kind_is_of_that_kind(serve, open_client):
    partner = Many(3, G2=Reply(b'{"code":77,"description":"no"}', 500))
    with pytest.raises(ik.FetchError, match="1 of 3 invoices not synced: G2") as no:
        open_client(serve(partner)).sync(tell=quiet)
    assert (no.value.status, no.value.code) == (500, "77")


def test_an_invoice_without_a_total_is_passed_over_as_well(serve, open_client):
    partner = Many(2)
    partner.headers["G1"] = invoice("G1", "null", date=CLOSED)
    client = open_client(serve(partner))
    with pytest.raises(ik.FrameError, match=r"1 of 2 .*G1: .*total_charges"):
        client.sync(tell=quiet)
    assert client.scan(ONE_TIME).collect()["invoice_id"].to_list() == ["G2"]


def test_a_dead_token_ends_a_sync_at_once(serve, open_client):
    refused = dict.fromkeys(("G2", "G3", "G4"), Reply(b"{}", 401))
    service = serve(Many(4, **refused))
    with pytest.raises(ik.AccessError, match=r"1 of 4 .*were not tried") as no:
        open_client(service).sync(tell=quiet)
    assert no.value.status == 401
    assert of(service) == ["G1", "G2"]


def test_a_service_that_is_not_there_is_not_asked_for_every_invoice(serve, open_client):
    names = ("G1", "G3", "G4", "G5", "G6")
    service = serve(Many(8, **dict.fromkeys(names, Reply(b"{}", 503))))
    with pytest.raises(ik.FetchError, match=r"4 of 8 .*were not tried"):
        open_client(service).sync(tell=quiet)
    assert of(service) == ["G1", "G2", "G3", "G4", "G5"]


@pytest.mark.parametrize("way", ["sync", "line_items"])
def test_lines_that_repeat_the_token_are_kept_nowhere(serve, open_client, tmp_path, way):
    service = serve(Many(3, G2=page(rows(line("1.10", name=f"Bearer {TOKEN}")))))
    client = open_client(service)
    if way == "sync":
        with pytest.raises(ik.PageError, match=r"1 of 3 .*G2: .*repeats a secret") as no:
            client.sync(tell=quiet)
        assert TOKEN not in str(no.value)
        assert client.scan(ONE_TIME).collect()["invoice_id"].to_list() == ["G1", "G3"]
    else:
        with pytest.warns(UserWarning, match="G2 repeat a secret"):
            assert client.invoice("G2").line_items()[ONE_TIME].height == 1
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    frames = [pl.read_parquet(path) for path in files if path.suffix in {".lines", ".parquet"}]
    assert all(TOKEN.encode() not in path.read_bytes() for path in files)
    assert all(TOKEN not in str(frame.rows()) for frame in frames)
    assert [path for path in files if path.suffix == ".lines" and "G2" in str(path)] == []


def test_ctrl_c_ends_a_sync_at_once(serve, open_client):
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    service = serve(Many(3, G1=b"{"))
    with pytest.raises(KeyboardInterrupt):
        open_client(service).sync(tell=interrupt)
    assert of(service) == ["G1"]


def test_offline_a_sync_names_all_that_are_not_in_the_cache(serve, open_client):
    service = serve(Many(6))
    client = open_client(service)
    client.invoices()
    client.invoice("G5").line_items()
    with pytest.raises(ik.FetchError, match=r"5 of 6 .*G1: .*G2: .*G3: .*G4: .*G6: "):
        open_client(service, offline=True).sync(tell=quiet)


FULL_DISK = """
import resource, signal, sys, warnings
import invoicekit as ik
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
most = int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
warnings.simplefilter("ignore")
url, cache = sys.argv[1:3]
given = {"token": "s3cret-token-of-the-tests", "tenant_id": "t", "client_id": "one-app"}
with ik.connect(base_url=url, cache_dir=cache, **given) as client:
    try:
        client.sync(refresh=True, tell=lambda _: None)
    except ik.SettingsError as error:
        print(error)
"""


@posix
@pytest.mark.parametrize("most", [200, 3000])
def test_a_full_disk_ends_a_sync_with_a_clear_error_and_loses_nothing(
    serve, open_client, tmp_path, most
):
    service = serve(two_page_invoice())
    client = open_client(service)
    client.sync(tell=quiet)
    client.invoice("G1")
    words = [sys.executable, "-c", FULL_DISK, service.url, str(tmp_path / "cache"), str(most)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert re.search(r"G1: .*cannot be stored in .*lines \(.+\)\. Make room", done.stdout), done
    assert client.scan(ONE_TIME).collect().height == 2
    assert len(list(tmp_path.rglob("*.lines"))) == 1  # nothing is left of what was half written
    assert open_client(service, offline=True).invoice("G1").reconcile().ties


@posix
def test_a_disk_that_is_really_full(serve, open_client, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=128k,mode=0700", "none", str(disk)]
    if os.geteuid() or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be mounted")
    try:
        service = serve(Many(3))
        client = open_client(service, cache_dir=disk)
        client.invoice("G1").sync()
        client.invoices()
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 512)
        with (
            pytest.warns(UserWarning, match="cannot be written"),
            pytest.raises(ik.SettingsError, match=r"G2: .*No space left"),
        ):
            client.sync(tell=quiet)
        assert client.scan(ONE_TIME).collect()["invoice_id"].to_list() == ["G1"]
        filler.unlink()
        assert client.sync(tell=quiet)["new"].to_list() == [False, True, True]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_cannot_be_written_ends_a_sync_with_a_clear_error(serve, open_client, tmp_path):
    service = serve(two_page_invoice())
    client = open_client(service)
    client.invoice("G1")
    (root,) = (tmp_path / "cache").iterdir()
    (root / "lines").write_bytes(b"")  # as root, a mode keeps nobody out
    with pytest.raises(ik.SettingsError, match="cannot be stored in"):
        client.sync(tell=quiet)
    (root / "lines").unlink()
    assert client.sync(tell=quiet)["state"].to_list() == ["ties"]

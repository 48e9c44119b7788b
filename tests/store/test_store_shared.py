"""One store and many: processes that sync, threads that read, other engines, disks of all kinds."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

import invoicekit as ik
from invoicekit.fetch import lifetimes
from invoicekit.store import dataset as stores
from invoicekit.store import hive, parts
from support.partner import CLOSED, ONE_TIME, Partner, two_page_invoice, two_pages, whose
from support.server import invoice, line, page, rows

posix = pytest.mark.skipif(os.name != "posix", reason="kill -9")


def age(path, seconds: float) -> None:
    """As if it had last been changed so long ago."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def quiet(_: str) -> None:
    """Tell nobody."""


def published(folder: Path) -> list[str]:
    """Whose lines other engines find."""
    files = [*folder.rglob("*.parquet")]
    return sorted(name for file in files for name in pl.read_parquet(file)["customer_name"])


def test_a_frame_that_was_made_before_a_sync_is_collected_after_it(serve, open_client, tmp_path):
    partner = two_page_invoice()
    client = open_client(serve(partner))
    client.sync(tell=quiet)
    before = client.scan(ONE_TIME)
    partner.lines[1] = page(rows(line("2.20", name="C")))
    client.sync(refresh=True, tell=quiet)
    assert before.collect()["customer_name"].to_list() == ["A", "B"]
    assert client.scan(ONE_TIME).collect()["customer_name"].to_list() == ["A", "C"]
    assert published(tmp_path) == ["A", "C"]


def test_what_was_superseded_goes_after_an_hour_and_what_was_never_committed_after_a_day(
    serve, open_client, tmp_path
):
    partner = two_page_invoice()
    client = open_client(serve(partner))
    client.sync(tell=quiet)
    partner.lines[1] = page(rows(line("2.20", name="C")))
    client.sync(refresh=True, tell=quiet)
    (superseded,) = tmp_path.rglob(parts.SUPERSEDED)
    place = superseded.parents[1]
    (place / "0123456789ab").mkdir()
    killed = place / "0123456789ab" / parts.WRITING
    killed.touch()
    age(superseded, lifetimes.SUPERSEDED - 60)
    age(killed, lifetimes.UNCOMMITTED - 60)
    client.sync(tell=quiet)
    assert len(list(place.iterdir())) == 3
    age(superseded, lifetimes.SUPERSEDED + 60)
    age(killed, lifetimes.UNCOMMITTED + 60)
    client.sync(tell=quiet)
    assert len(list(place.iterdir())) == 1
    assert client.scan(ONE_TIME).collect()["customer_name"].to_list() == ["A", "C"]


def test_an_invoice_is_always_there_while_it_is_stored_again(tmp_path):
    store = stores.Store(tmp_path)
    key = stores.Key("G1", "2020-01-05", "3.30")
    done, found = threading.Event(), []

    def write(number: int) -> None:
        writer = store.write(key)
        said = {"invoice_id": "G1", "object_type": ONE_TIME, "customer_name": str(number)}
        writer.add(ONE_TIME, pl.DataFrame([said]))
        writer.commit(number)

    def read() -> None:
        while not done.is_set():
            stored = store.find(key)
            frames = store.frames(stored) if stored else None
            name = frames[ONE_TIME]["customer_name"].item() if frames else None
            found.append(name == str(stored.about) if stored else False)

    write(0)
    thread = threading.Thread(target=read)
    thread.start()
    for number in range(60):
        write(number)
    done.set()
    thread.join()
    assert len(found) > 20
    assert all(found)
    assert published(tmp_path) == ["59"]


SYNC = """
import sys, warnings
import invoicekit as ik
from invoicekit.fetch import lifetimes
url, cache, rounds = sys.argv[1:]
given = {"token": "s3cret-token-of-the-tests", "tenant_id": "t", "client_id": "one-app"}
for _ in range(int(rounds)):
    with ik.connect(base_url=url, cache_dir=cache, **given) as client:
        found = client.sync(refresh=True, tell=lambda _: None)
        assert found["state"].to_list() == ["ties"] * 3, found
print("done")
"""


@posix
def test_processes_that_sync_and_are_killed_disturb_no_reader(serve, open_client, tmp_path):
    """3 processes sync all again and again, 16 threads prove; one process after another dies."""
    names = ("G1", "G2", "G3")
    headers = [invoice(name, total="3.30", date=CLOSED) for name in names]
    pages = {name: two_pages(name) for name in names}
    service = serve(
        Partner(*headers, lines=lambda asked: pages[whose(asked)[0]][int(asked.token or 0)])
    )
    chance = random.Random(5)

    def start(rounds: int) -> subprocess.Popen[str]:
        words = [sys.executable, "-c", SYNC, service.url, str(tmp_path / "cache"), str(rounds)]
        pipe = subprocess.PIPE
        return subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True)

    open_client(service).sync(tell=quiet)
    done, wrong, proven = threading.Event(), [], []

    def prove(number: int) -> None:
        try:
            while not done.is_set():
                for name in names:
                    found = open_client(service).invoice(name)
                    proof = found.reconcile()
                    assert (proof.state, proof.lines) == ("ties", 2), proof
                    assert found.totals("customer")["total"].to_list() == [
                        Decimal("2.20"),
                        Decimal("1.10"),
                    ]
                    proven.append(number)
        except BaseException as error:  # noqa: BLE001 (whatever it is, it is a finding)
            wrong.append(error)

    threads = [threading.Thread(target=prove, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    try:
        killed = [start(1000) for _ in range(3)]
        for number in range(9):
            time.sleep(chance.uniform(0.5, 1.5))
            killed[number % 3].send_signal(signal.SIGKILL)
            killed[number % 3].communicate()
            killed[number % 3] = start(1000 if number < 6 else 3)
        ends = [process.communicate(timeout=120) for process in killed]
    finally:
        done.set()
        for process in killed:
            process.kill()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert set(proven) == set(range(16))
    assert ends == [("done\n", "")] * 3
    client = open_client(service)
    client.sync(tell=quiet)
    assert published(tmp_path) == ["A"] * 3 + ["B"] * 3
    assert client.scan(ONE_TIME).collect().height == 6


def test_other_engines_see_after_the_next_sync_what_a_killed_process_did_not_show(
    serve, open_client, tmp_path
):
    client = open_client(serve(two_page_invoice()))
    client.sync(tell=quiet)
    (file,) = tmp_path.rglob("*.parquet")
    file.rename(file.with_name("part-0123456789ab-00000.parquet"))
    left = file.parents[2] / hive.MOVING / "0123456789ab"
    left.mkdir()
    age(left, lifetimes.MOVING + 60)
    client.sync(tell=quiet)
    assert [found.name for found in tmp_path.rglob("*.parquet")] == [file.name]
    assert not left.exists()


def test_what_a_killed_process_left_on_its_way_goes_with_the_next_sync(
    serve, open_client, tmp_path, monkeypatch
):
    """Killed before its new folder was renamed into place, as `os._exit` would."""
    partner = two_page_invoice()
    client = open_client(serve(partner))
    client.sync(tell=quiet)
    partner.lines[1] = page(rows(line("2.20", name="C")))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(hive, "_renamed", killed)
        dying.setattr(hive, "remove_folder", killed)
        with pytest.raises(KeyboardInterrupt):
            client.sync(refresh=True, tell=quiet)
    assert published(tmp_path) == ["A", "A", "B", "C"]  # of one name in sight, and one not
    client.sync(tell=quiet)
    assert published(tmp_path) == ["A", "C"]


@pytest.mark.parametrize("synced_before", [True, False])
def test_ctrl_c_right_after_a_commit_takes_nothing_away(
    serve, open_client, monkeypatch, synced_before
):
    """It counts already, and is not yet shown to other engines."""
    partner = two_page_invoice()
    client = open_client(serve(partner))
    if synced_before:
        client.sync(tell=quiet)
    partner.lines[1] = page(rows(line("2.20", name="C")))

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as unlucky:
        unlucky.setattr(hive, "publish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            client.sync(refresh=True, tell=quiet)
    assert client.scan(ONE_TIME).collect()["customer_name"].to_list() == ["A", "C"]
    assert client.sync(tell=quiet)["new"].to_list() == [False]


def test_the_size_of_the_cache_counts_a_file_of_two_names_once(serve, open_client, tmp_path):
    client = open_client(serve(two_page_invoice()))
    client.sync(tell=quiet)
    found = [path.stat() for path in tmp_path.rglob("*") if path.is_file()]
    assert len({one.st_ino for one in found}) == len(found) - 1
    assert client.cache.info().size == sum({one.st_ino: one.st_size for one in found}.values())


def test_a_disk_without_hard_links_has_copies(serve, open_client, tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    client = open_client(serve(two_page_invoice()))
    client.sync(tell=quiet)
    assert published(tmp_path) == ["A", "B"]
    assert client.invoice("G1").reconcile().ties


def test_ordinary_names_are_as_they_were_and_no_two_differ_in_case_alone(tmp_path):
    """On a disk that ignores case such files would be one."""
    store = stores.Store(tmp_path)
    names = ("G1", "g1", "G1-ABC", "g1-abc")
    kinds = (ONE_TIME, ONE_TIME.lower(), "NewLineItem", "NEWLINEITEM", "newLineItem")
    kept = {}
    for name in names:
        writer = store.write(stores.Key(name, "", "1"))
        for kind in kinds:
            said = {"invoice_id": name, "object_type": kind, "customer_name": f"{name} {kind}"}
            writer.add(kind, pl.DataFrame([said]))
        kept[name] = writer.commit()
    for name in names:
        frames = store.frames(kept[name])
        assert [frames[kind]["customer_name"].item() for kind in kinds] == [
            f"{name} {kind}" for kind in kinds
        ]
    paths = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")]
    assert len({path.casefold() for path in paths}) == len(paths)
    assert f"lines/object_type={ONE_TIME}/invoice_id=G1" in {Path(p).as_posix() for p in paths}
    assert len(published(tmp_path)) == len(names) * len(kinds)
    store.forget("G1")
    assert len(published(tmp_path)) == (len(names) - 1) * len(kinds)  # that very one
    store.forget("G1")
    assert len(published(tmp_path)) == (len(names) - 2) * len(kinds)  # whatever the case


@posix
def test_what_is_stored_is_for_the_users_eyes_only(serve, open_client, tmp_path):
    open_client(serve(two_page_invoice())).sync(tell=quiet)
    (root,) = tmp_path.rglob("lines")
    for path in root.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


@posix
def test_a_manifest_cannot_name_a_file_elsewhere(serve, open_client, tmp_path):
    """The store of somebody else, put in place of ours, reads and removes nothing beyond it."""
    client = open_client(serve(two_page_invoice()))
    client.sync(tell=quiet)
    (note,) = tmp_path.rglob("_invoices/*.json")
    (part,) = tmp_path.rglob("*.lines")
    elsewhere = tmp_path / "elsewhere.lines"
    elsewhere.write_bytes(part.read_bytes())
    from invoicekit.files.private import read_note, write_note

    said = read_note(note)
    said["files"][ONE_TIME][0]["path"] = "../../../elsewhere.lines"
    write_note(note, said)
    with pytest.raises(ik.FrameError, match=r"G1 \(damaged"):
        client.scan(ONE_TIME)
    assert client.invoice("G1").reconcile().ties
    assert elsewhere.exists()

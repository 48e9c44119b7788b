"""Pulls that end too early or do not have the disk to themselves: kills, Ctrl-C, a full disk."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
from decimal import Decimal
from pathlib import Path

import pytest

import invoicekit as ik
from invoicekit.fetch import lifetimes, manifest
from invoicekit.fetch.eviction import trim
from invoicekit.files.private import MARKER, private_folder
from support.chains import (
    OFFSET,
    SEEK,
    Chain,
    kept,
    manifests_of,
    numbers,
    pages_in,
    place,
    read_whole,
)
from support.partner import CLOSED, SEEK_LINK, Partner, seek_link, whose
from support.paths import PULLER
from support.server import Reply, invoice, line, page, rows

posix = pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")


def start(*words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, PULLER, *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def check(result: str, chain: Chain) -> list[str]:
    """That a puller read it all; returns its warnings."""
    found = json.loads(result)
    totals = {kind: [Decimal(text) for text in texts] for kind, texts in found["totals"].items()}
    assert totals == dict.fromkeys(chain.kinds, chain.totals)
    assert found["ties"]
    return found["told"]


class Nursery:
    """A process that forks readers, to be killed one by one."""

    def __init__(self, url: str) -> None:
        self._process = start(url)
        self._watch = threading.Timer(900, self._process.kill)  # whatever hangs, hangs not for ever
        self._watch.start()
        assert self._process.stdout.readline() == "ready\n"

    def __enter__(self):
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        out, told = self._process.communicate()
        self._watch.cancel()
        assert kind or (out, told, self._process.returncode) == ("", "", 0)

    def read(self, cache: Path, *, kill_after: float | None = None) -> str:
        """What a reader prints; nothing where it was killed before."""
        self._say(cache)
        said = [self._heard()]
        while not said[-1].startswith("pid"):
            said.append(self._heard())
        if kill_after is not None:
            time.sleep(kill_after)
            os.kill(int(said[-1].split()[1]), signal.SIGKILL)
        self._say("wait")
        # Who is killed while it prints leaves half a line, and what comes next stands behind it.
        while not said[-1].endswith("end\n"):
            said.append(self._heard())
        return "".join(line for line in said if line.startswith("{") and line.endswith("}\n"))

    def _heard(self) -> str:
        """A line; a process that is gone is an error, not an endless wait."""
        line = self._process.stdout.readline()
        assert line, "the process that forks readers is gone"
        return line

    def _say(self, word: object) -> None:
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()


@posix
def test_kill_9_at_any_moment_costs_nothing_but_the_page_in_flight(serve, open_client, tmp_path):
    """50 kills or more; after each the next pull is right, and asks for no page that was kept."""
    chain = Chain(15, kinds=(SEEK, OFFSET), delay=0.006)
    service = serve(chain)
    chance = random.Random(3)
    killed = resumed = 0
    with Nursery(service.url) as nursery:
        began = time.perf_counter()
        check(nursery.read(tmp_path / "cache-0"), chain)
        whole = time.perf_counter() - began
        # Where the machine is busy most come too early or too late to leave something to resume.
        while killed < 50 or (resumed < 10 and killed < 200):
            cache = tmp_path / f"cache-{killed}-"
            client = open_client(service, cache_dir=cache)
            for _ in range(chance.choice([1, 1, 2])):  # now and then twice in a row
                if nursery.read(cache, kill_after=chance.uniform(0, whole)):
                    break  # it was quicker
                killed += 1
            states = [kept(client, kind) for kind in chain.kinds]
            asked = len(service.asked)
            check(nursery.read(cache), chain)
            # Of a page in flight the service may hear from the killed one after it was killed.
            made = {place(one) for one in service.asked[asked:]}
            made = {(kind, number) for kind, number in made if 0 < number <= chain.pages}
            assert len(made) == 2 * chain.pages - sum(pages for _, pages in states)
            resumed += any(state == "pending" and pages for state, pages in states)
            asked = len(service.asked)
            read_whole(client, chain)
            assert len(service.asked) == asked
    assert resumed >= 10


@posix
@pytest.mark.parametrize("delay", [0.15, 20], ids=["between pages", "while nothing comes"])
def test_ctrl_c_ends_at_once_and_the_next_pull_goes_on(serve, open_client, tmp_path, delay):
    chain = Chain(8, delay=0.15)
    chain.faults[4] = [Reply(chain.page(4).replace(b"0-5", b"1-5"), delay=delay)]
    service = serve(chain)
    process = start(service.url, tmp_path / "cache")
    while 4 not in numbers(service):
        time.sleep(0.01)
    began = time.perf_counter()
    process.send_signal(signal.SIGINT)
    out, told = process.communicate()
    assert time.perf_counter() - began < 3
    assert (out, told.splitlines()[-1]) == ("", "KeyboardInterrupt")
    client = open_client(service)
    state, pages = kept(client)
    assert state == "pending"
    assert pages in {3, 4}
    asked = len(service.asked)
    read_whole(client, chain)
    assert numbers(service, asked) == list(range(pages + 1, 9))


@posix
def test_a_full_disk_costs_the_cache_and_not_the_result(serve, open_client, tmp_path):
    """No file may grow beyond 100 bytes: the disk of this process is full in the middle of each."""
    service = serve(chain := Chain())
    process = start(service.url, tmp_path / "cache", 100)
    out, told = process.communicate()
    assert told == ""
    assert len(check(out, chain)) == 1
    assert "cannot be written" in out
    assert numbers(service) == [1, 2, 3, 4, 5]
    client = open_client(service)
    assert kept(client) == ("nothing", 0)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
    read_whole(client, chain)
    assert numbers(service)[5:] == [1, 2, 3, 4, 5]


def test_two_processes_at_once_neither_wait_nor_spoil(serve, open_client, tmp_path):
    service = serve(chain := Chain(20, kinds=(SEEK, OFFSET), delay=0.02))
    both = [start(service.url, tmp_path / "cache") for _ in range(2)]
    for process in both:
        out, told = process.communicate()
        assert (check(out, chain), told) == ([], "")
    client = open_client(service)
    assert kept(client)[0] == "committed"
    asked = len(service.asked)
    read_whole(client, chain)
    assert len(service.asked) == asked


def test_a_slow_pull_loses_nothing_to_a_quick_one(serve, open_client):
    """The quick one commits while the slow one is on its way: both are whole, the later counts."""
    chain, arrived, go = Chain(), threading.Event(), threading.Event()

    def answer(asked):
        if asked.headers["authorization"] == "Bearer slow" and asked.token == "1-3":
            arrived.set()
            assert go.wait(10)
        return chain(asked)

    service = serve(answer)
    slow, quick = (open_client(service, token=token) for token in ("slow", "quick"))
    failed = []

    def pull_slowly():
        try:
            slow.invoice("G1").line_items(refresh=True)
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    thread = threading.Thread(target=pull_slowly)
    thread.start()
    assert arrived.wait(10)
    quick.invoice("G1").line_items(refresh=True)
    asked = len(service.asked)
    read_whole(open_client(service), chain)
    assert len(service.asked) == asked
    go.set()
    thread.join()
    assert failed == []
    assert kept(slow) == ("committed", 5)
    asked = len(service.asked)
    read_whole(open_client(service), chain)
    assert len(service.asked) == asked


@posix
def test_a_file_that_vanishes_does_not_cost_the_commit(serve, open_client):
    """A page that was asked ahead may be on its way to the disk when the last one is in."""
    chain = Chain()

    def answer(asked):
        if asked.token == "1-5":
            folder = pages_in(manifests_of(client).folder)[0].parent
            (folder / ".0.part").symlink_to("gone")
        return chain(asked)

    service = serve(answer)
    client = open_client(service)
    read_whole(client, chain)
    assert kept(client) == ("committed", 5)


def test_what_a_killed_process_left_is_swept_up_after_a_while(serve, open_client):
    service = serve(chain := Chain())
    client = open_client(service)
    read_whole(client, chain)
    here = manifests_of(client)
    part = f".{'0' * 16}.part"
    left = [here.folder / part, here.folder / "0badcafe" / f"{'0' * 32}.page"]
    room = client.settings.cache_dir / f".{'0' * 16}.new"  # of a partner, begun and never finished
    left.append(room / MARKER)
    for path in left:
        private_folder(path.parent)
        path.write_bytes(b"x")
    trim(client.settings.cache_dir, 1, here.folder)
    assert all(path.exists() for path in left)  # somebody may be at work on them
    for path in (left[0], left[1].parent, room):
        os.utime(path, (0, time.time() - lifetimes.IDLE - 60))
    trim(client.settings.cache_dir, 1, here.folder)
    assert not any(path.exists() for path in (*left, room))
    asked = len(service.asked)
    read_whole(open_client(service), chain)
    assert len(service.asked) == asked


def test_refresh_on_a_disk_that_takes_no_note_never_gives_the_old(serve, open_client):
    """Where the new pull cannot be noted as pending it still has a folder of its own."""
    service = serve(chain := Chain())
    client = open_client(service)
    for _ in range(2):
        (manifests_of(client).folder / manifest.PENDING).mkdir(parents=True, exist_ok=True)
        asked = len(service.asked)
        client.invoice("G1").line_items(refresh=True)
        assert numbers(service, asked) == [1, 2, 3, 4, 5]
    assert len(pages_in(manifests_of(client).folder)) == 5
    read_whole(client, chain)


def test_what_was_interrupted_long_ago_is_not_resumed(serve, open_client, monkeypatch):
    service = serve(
        chain := Chain(faults={3: Reply(b"", 503, {"Retry-After": "999"})}, date=CLOSED)
    )
    client = open_client(service)
    with pytest.raises(ik.FetchError):
        client.invoice("G1").charges()
    note = manifests_of(client).interrupted()
    assert note.until - note.made == lifetimes.INTERRUPTED
    assert client.cache.clear(invoice="G1") == 2
    assert kept(client) == ("nothing", 0)
    monkeypatch.setattr(manifest, "INTERRUPTED", -1)
    with pytest.raises(ik.FetchError):
        client.invoice("G1").charges()
    chain.faults.clear()
    asked = len(service.asked)
    read_whole(client, chain)
    assert numbers(service, asked) == [1, 2, 3, 4, 5]


def test_the_oldest_go_first_when_the_cache_is_full(serve, open_client):
    filling = random.Random(1)

    def answer(asked):
        name = asked.target.rsplit("/", 1)[1]
        return invoice(name, padding=filling.randbytes(2_000).hex()).encode()

    service = serve(answer)
    client = open_client(service, cache_gb=0.000_006)  # 6 kB: room for two
    for name in ("G1", "G2", "G3"):
        client.invoice(name)
    info = client.cache.info()
    assert info.collections == info.entries == 2
    assert info.size < 6_000
    assert len(service.asked) == 3
    for name in ("G2", "G3", "G1"):
        client.invoice(name)
    assert len(service.asked) == 4


def test_pending_pages_count_and_go_before_what_was_committed(serve, open_client):
    """Of two pulls that were interrupted, the one left alone for an hour goes; then commits go."""
    filling = random.Random(1)

    def lines(asked):
        if asked.token:
            return Reply(b"", 503, {"Retry-After": "999"})
        return page(padded(filling), uri=seek_link(whose(asked)[0]), token="1")

    names = ("G1", "G2", "G3", "G4")
    service = serve(Partner(*map(invoice, names), lines=lines))
    client = open_client(service, cache_gb=0.000_007)

    def interrupt(name: str) -> Path:
        with pytest.raises(ik.FetchError):
            client.invoice(name).line_items()
        pages = pages_in(client._session.root)
        return max(pages, key=lambda path: (path.stat().st_size > 2000, path.stat().st_mtime))

    first, second = interrupt("G1"), interrupt("G2")
    os.utime(first.parent, (0, time.time() - lifetimes.IDLE - 60))
    third = interrupt("G3")
    assert [path.exists() for path in (first, second, third)] == [False, True, True]
    assert client.cache.info().collections == 3  # the headers, which were committed
    fourth = interrupt("G4")
    assert all(path.exists() for path in (second, third, fourth))  # somebody is at work on them
    assert client.cache.info().collections == 0


def padded(filling: random.Random) -> str:
    """A line that takes 2 kB on disk, for nothing can be packed in it."""
    return rows(line(memo=json.dumps(filling.randbytes(2_000).hex())))


@pytest.mark.filterwarnings("ignore:.*does not document")
def test_a_pull_larger_than_the_cache_is_not_kept(serve, open_client):
    filling = random.Random(1)

    links = [{"uri": SEEK_LINK, "token": str(number)} for number in range(1, 10)]
    pages = [page(padded(filling), **link) for link in (*links, {})]
    partner = Partner(invoice(total="11.00"), lines=pages)
    client = open_client(serve(partner), cache_gb=0.000_010)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert client.invoice("G1").line_items()["OneTimeInvoiceLineItem"].height == 10
    assert len([one for one in told if "larger than cache_gb allows" in str(one.message)]) == 1
    assert pages_in(manifests_of(client).folder) == []
    assert client.cache.info().collections == 1  # the header

"""Exports that are interrupted: kill -9 in each state, a full disk, several processes at once."""

from __future__ import annotations

import itertools
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import invoicekit as ik
from invoicekit.fetch.pull import pull
from invoicekit.sandbox.graph.exports import Prepared, export_of, packed
from invoicekit.sandbox.graph.script import ALWAYS, Fault, Script
from invoicekit.sandbox.graph.server import GraphServer
from invoicekit.sources.graph.source import pages
from support import export_puller
from support.exports import EXPORT, EXPORTS, LINES, client_of, collection, kept_in, lines_of, pulled
from support.leaks import leaks_of
from support.server import Reply

PULLER = Path(export_puller.__file__)
BLOBS = [b"".join(blob.parts()) for blob in EXPORT.blobs]
BILLING = "/v1.0/reports/partners/billing"


class Slow:
    """A Graph with its blobs on one host, that stands still in one of its states."""

    def __init__(self, state: str) -> None:
        self.state = state
        self.seconds = 20.0
        self.url = ""
        self.asked: list[str] = []

    def __call__(self, asked):
        place = asked.target.partition("?")[0].rpartition("/")[2]
        self.asked.append(place)
        if asked.method == "POST":
            where = f"{self.url}{BILLING}/operations/one"
            return Reply(b"", 202, {"Location": where}, delay=self.wait("submit"))
        if place == "one":
            said = {"status": "running"}
            if self.state != "running":
                said = {"status": "succeeded", "resourceLocation": f"{BILLING}/manifests/two"}
            return Reply(json.dumps(said).encode(), headers={"Retry-After": "1"})
        if place == "two":
            return Reply(json.dumps(self.manifest()).encode(), delay=self.wait("manifest"))
        number = int(place[1])
        if self.state == "first spoilt" and number != 1:
            return Reply(BLOBS[number][:-9]) if number == 0 else Reply(BLOBS[2], stall=2.0)
        return Reply(BLOBS[number], stall=self.wait(f"blob {number}"))

    def wait(self, state: str) -> float:
        return self.seconds if self.state == state else 0.0

    def manifest(self):
        return {
            "eTag": EXPORT.etag,
            "rootDirectory": f"{self.url}/container/v1",
            "sasToken": "se=2999-01-01&sig=S3CR3T",
            "blobCount": len(BLOBS),
            "blobs": [{"name": f"b{number}"} for number in range(len(BLOBS))],
        }


@pytest.fixture
def slow(serve):
    def start(state):
        graph = Slow(state)
        graph.url = serve(graph).url
        return graph

    return start


def start(url, cache, *words):
    tests = PULLER.parents[1]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent)])}
    return subprocess.Popen(
        [sys.executable, PULLER, url, cache, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environ,
    )


def until(true):
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def blobs_in(cache):
    return len(list(cache.rglob("*.blob")))


# Where it is killed, what has happened then, and what is asked after that.
KILLED = {
    "submit": (lambda graph, _: graph.asked == ["export"], ["export", "one", "two"], 3),
    "running": (lambda graph, _: graph.asked.count("one") == 2, ["one", "two"], 3),
    "manifest": (lambda graph, _: graph.asked[-1:] == ["two"], ["one", "two"], 3),
    "blob 0": (lambda _, cache: blobs_in(cache) == 2, ["one", "two"], 1),
    "blob 1": (lambda _, cache: blobs_in(cache) == 2, ["one", "two"], 1),
    "blob 2": (lambda _, cache: blobs_in(cache) == 2, ["one", "two"], 1),
}


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("state", KILLED)
def test_after_a_kill_it_goes_on_where_it_was(slow, tmp_path, state):
    graph, cache = slow(state), tmp_path / "cache"
    reached, then, downloads = KILLED[state]
    with start(graph.url, cache) as process:
        until(lambda: reached(graph, cache))
        process.send_signal(signal.SIGKILL)
    graph.state, before = "", len(graph.asked)
    with client_of(graph.url, cache) as client:
        lines, readings = pulled(client)
    assert lines == LINES
    asked = graph.asked[before:]
    assert [one for one in asked if one[0] != "b"] == then
    assert len([one for one in asked if one[0] == "b"]) == downloads
    assert [one.from_cache for one in readings].count(False) == downloads
    assert kept_in(cache).count(".blob") == 3


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_killed_while_it_is_read_no_blob_is_fetched_again(slow, tmp_path):
    graph, cache = slow(""), tmp_path / "cache"
    with start(graph.url, cache, "2") as process:
        until(lambda: process.stdout.readline() == "2\n" and blobs_in(cache) == 3)
        process.send_signal(signal.SIGKILL)
    before = len(graph.asked)
    with (
        client_of(graph.url, cache, offline=True) as client,
        pytest.raises(ik.FetchError, match="not in the cache"),
    ):
        pulled(client)  # half of it counts for nothing
    with client_of(graph.url, cache) as client:
        assert pulled(client)[0] == LINES
    assert graph.asked[before:] == []


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_who_is_killed_holds_up_nobody(slow, tmp_path):
    graph, cache = slow("running"), tmp_path / "cache"
    with start(graph.url, cache) as process:
        until(lambda: "one" in graph.asked)
        waiting = client_of(graph.url, cache)
        found = []
        thread = threading.Thread(target=lambda: found.append(pulled(waiting)[0]))
        thread.start()
        time.sleep(1)
        assert found == []
        process.send_signal(signal.SIGKILL)
        graph.state = ""
        thread.join(30)
    waiting.close()
    assert found == [LINES]
    assert graph.asked.count("export") == 1


@pytest.mark.skipif(os.name != "posix", reason="processes as POSIX has them")
def test_several_processes_submit_one_export(tmp_path):
    script = Script(("running", "succeeded"), retry_after="1")
    with GraphServer(EXPORTS, script) as graph:
        processes = [start(graph.url, tmp_path / "cache") for _ in range(3)]
        said = [process.communicate(timeout=60)[0] for process in processes]
        assert said == ["1\n2\n3\nend\n"] * 3
        places = [r.target.split("/")[-2] for r in graph.requests if r.method == "GET"]
        submitted = [r.method for r in graph.requests].count("POST")
        assert 1 <= submitted <= 3
        methods = "".join(r.method[0] for r in graph.requests)
        assert "PP" not in methods.replace("PGG", ""), methods
        assert set(places) == {"operations"}


def test_what_is_still_coming_in_is_not_kept_of_a_pull_that_is_forgotten(slow, tmp_path):
    graph, cache = slow("first spoilt"), tmp_path / "cache"
    with client_of(graph.url, cache) as client:
        with pytest.raises(ik.PageError, match=r"blob b0 of .* stops before its end"):
            pulled(client)
        time.sleep(2.5)
        assert kept_in(cache) == []


def test_a_cache_that_is_cleared_meanwhile_costs_time_and_no_line(slow, tmp_path):
    graph, cache = slow("blob 1"), tmp_path / "cache"
    graph.seconds = 2.0
    thread = threading.Thread(target=clear, args=(graph, cache))
    thread.start()
    with client_of(graph.url, cache) as client:
        assert pulled(client)[0] == LINES
    thread.join()
    assert graph.asked.count("b0") + graph.asked.count("b1") > 2
    assert blobs_in(cache) == 3


def clear(graph, cache):
    until(lambda: blobs_in(cache) == 2)
    with client_of(graph.url, cache) as other:
        other.cache.clear()


def test_a_cache_that_is_cleared_again_and_again_is_an_error(tmp_path):
    cache = tmp_path / "cache"
    export = export_of(*(packed([line]) for line in LINES))  # more than is read ahead
    exports = Prepared({("reconciliation", "G1"): export})

    def build(found):
        for _ in found:
            for blob in cache.rglob("*.blob"):
                blob.unlink()

    with GraphServer(exports, Script(("succeeded",))) as graph, client_of(graph, cache) as client:
        with pytest.raises(ik.PageError, match="cannot be read to its end: its files were taken"):
            pull(client._session, collection(client), pages, build)
        assert pulled(client)[0] == LINES


def test_who_reads_goes_on_when_another_program_commits_a_newer_pull(tmp_path):
    cache, turns = tmp_path / "cache", []
    with GraphServer(EXPORTS, Script(("succeeded",))) as graph:
        with client_of(graph, cache) as other:
            pulled(other)

            def build(found):
                first = next(found)
                turns.append(first.number)
                if len(turns) == 1:
                    pulled(other, refresh=True)
                return lines_of(itertools.chain([first], found))

            with client_of(graph, cache) as client:
                found = pull(client._session, collection(client), pages, build)
        assert (found[0], turns) == (LINES, [1, 1])
        assert len(graph.blob_requests) == 3


def test_a_disk_that_fills_up_is_an_error_that_loses_nothing(slow, tmp_path):
    graph, cache = slow(""), tmp_path / "cache"
    room = (len(BLOBS[0]) + len(BLOBS[1]) + 500) / 1e9
    with (
        client_of(graph.url, cache, cache_gb=room, connections=1) as client,
        pytest.raises(ik.FetchError, match=r"b2 could not be .*more than cache_gb allows"),
    ):
        pulled(client)
    assert blobs_in(cache) == 2
    before = len(graph.asked)
    with client_of(graph.url, cache) as client:
        assert pulled(client)[0] == LINES
    assert sorted(graph.asked[before:]) == ["b2", "one", "two"]


def test_no_word_of_a_sas_is_told_in_any_state(tmp_path, caplog, capfd):
    """Not at DEBUG, not in errors and the variables of their frames, not on disk."""
    caplog.set_level(logging.DEBUG)
    scripts = [
        Script(("running", "succeeded"), manifest=manifest, faults=faults, retry_after="1")
        for manifest in ("inline", "navigation")
        for faults in (
            (),
            (Fault("blob", 403, "AuthenticationFailed", times=ALWAYS),),
            (Fault("blob", 404, "BlobNotFound", times=ALWAYS),),
            (Fault("blob", cut=60, times=ALWAYS),),
        )
    ]
    for number, script in enumerate(scripts):
        cache, wrong = tmp_path / f"cache-{number}", None
        with GraphServer(EXPORTS, script) as graph, client_of(graph, cache) as client:
            try:
                pulled(client)
            except ik.InvoiceKitError as error:
                wrong = error
            assert (wrong is None) == (script.faults == ())
            for text in texts_of(wrong):
                assert "sig=" not in text
                assert "sandbox-exports" not in text
            assert "sig=" in graph.blob_requests[0].target
        kept_in(cache)
    out = caplog.text + "".join(capfd.readouterr())
    assert "connectionpool" in out
    for word in ("sig=", "sandbox-exports", "Bearer"):
        assert word not in out


def texts_of(error):
    """All that a traceback with local variables would show of an error and what led to it."""
    if error is None:
        return
    assert list(leaks_of(error)) == []
    yield f"{error} {error!r} {vars(error)}"
    for one in (error, error.__cause__, error.__context__):
        trace = one.__traceback__ if one else None
        while trace:
            if "tests" not in trace.tb_frame.f_code.co_filename:
                yield repr(trace.tb_frame.f_locals)
            trace = trace.tb_next

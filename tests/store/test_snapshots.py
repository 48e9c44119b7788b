"""What is not billed yet: asked of either source, and kept as history outside of the cache."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import invoicekit as ik
from invoicekit.frames.collection_result import READ, CollectionResult
from invoicekit.line_items import Unbilled
from invoicekit.sandbox.graph.script import Script
from invoicekit.sandbox.server import demo_sandbox
from invoicekit.store import snapshots
from support.partner import ONE_TIME
from support.server import TOKEN, Reply, line, page, rows


@pytest.fixture(scope="module")
def graph():
    with demo_sandbox(graph=True) as sandbox:
        sandbox.graph.script = Script(("succeeded",))
        yield sandbox


@pytest.fixture(scope="module")
def v1():
    with demo_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def open_client(tmp_path, monkeypatch):
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "data"))
    clients = []

    def open_(sandbox, tenant_id="t", **given):
        clients.append(
            ik.connect(
                **sandbox.settings, cache_dir=tmp_path / "cache", tenant_id=tenant_id, **given
            )
        )
        return clients[-1]

    yield open_
    for client in clients:
        client.close()


def files(client):
    return sorted(path for path in client.settings.history.rglob("*") if path.is_file())


@pytest.mark.parametrize("source", ["graph", "v1"])
@pytest.mark.parametrize("period", ["current", "previous"])
def test_it_is_read_proven_incomplete_and_kept(request, open_client, source, period):
    client = open_client(request.getfixturevalue(source))
    before = datetime.now(UTC)
    found = client.unbilled(period=period)
    assert before <= found.taken_at <= datetime.now(UTC)
    items = found.line_items()
    assert set(items) == {"OneTimeInvoiceLineItem", "DailyRatedUsageLineItem"}
    assert set(items.ledger["source"]) == {source}
    assert found.charges()["invoice_id"].null_count() == found.charges().height > 0
    proof = found.reconcile()
    assert (proof.state, proof.difference) == ("incomplete", 0)
    assert "invoice (not billed yet)" in proof.missing
    assert proof.lines_total == found.totals()["total"][0]
    assert found.month in repr(found)
    (row,) = client.unbilled_history().iter_rows(named=True)
    assert row == {
        "taken_at": found.taken_at,
        "month": found.month,
        "period": period,
        "currency": "USD",
        "source": source,
        "lines": proof.lines,
        "total": proof.lines_total,
    }


def test_both_sources_say_the_same(graph, v1, open_client):
    one, two = open_client(graph).unbilled(), open_client(v1).unbilled()
    assert one.month == two.month
    assert_frame_equal(one.charges(), two.charges(), check_row_order=False)


def test_the_month_before_is_called_last_by_graph(graph, open_client):
    found = open_client(graph).unbilled(period="previous")
    first = found.taken_at.replace(day=1) - timedelta(days=1)
    assert found.month == f"{first:%Y-%m}"


def test_a_snapshot_is_read_back_as_it_was(graph, open_client):
    found = open_client(graph).unbilled()
    later = open_client(graph, offline=True)
    again = later.unbilled_snapshot(found.taken_at)
    assert (again.month, again.period, again.currency) == (found.month, "current", "USD")
    for name, frame in found.line_items().items():
        assert_frame_equal(again.line_items()[name], frame)
    assert_frame_equal(again.charges(), found.charges())
    assert again.reconcile() == found.reconcile()
    with pytest.raises(ik.NotFoundError, match="unbilled_history"):
        later.unbilled_snapshot(datetime(2020, 1, 1, tzinfo=UTC))


def test_each_answer_is_a_snapshot_and_none_is_ever_an_answer(graph, open_client):
    client = open_client(graph)
    one = client.unbilled()
    assert client.unbilled() is one
    two = client.unbilled(refresh=True)
    three = open_client(graph).unbilled()
    assert one.taken_at < two.taken_at < three.taken_at
    assert client.unbilled_history()["taken_at"].to_list() == [
        three.taken_at, two.taken_at, one.taken_at
    ]  # fmt: skip
    with pytest.raises(ik.FetchError, match="offline"):
        open_client(graph, offline=True).unbilled()


def test_clearing_the_cache_leaves_the_history(graph, open_client):
    client = open_client(graph)
    client.unbilled()
    there = files(client)
    assert there
    client.cache.clear()
    assert files(client) == there
    if os.name == "posix":
        assert {path.stat().st_mode & 0o777 for path in there} == {0o600}
        assert there[0].parent.stat().st_mode & 0o777 == 0o700
    assert not any(client.settings.cache_dir in path.parents for path in there)


def test_two_partners_have_a_history_each(graph, open_client):
    open_client(graph, "one").unbilled()
    assert open_client(graph, "two").unbilled_history().is_empty()


@pytest.mark.parametrize("damage", ["note", "frame", "no note", "no frame", "another frame"])
def test_a_damaged_snapshot_is_none(graph, open_client, damage):
    client = open_client(graph)
    taken_at = client.unbilled().taken_at
    kind = "snapshot.json" if "note" in damage else "0-0.parquet"
    (path,) = (path for path in files(client) if path.name == kind)
    if damage.startswith("no "):
        path.unlink()
    elif damage == "another frame":  # whole, and not what was written
        pl.read_parquet(path.read_bytes()).with_columns(subtotal=pl.col("tax_total")).write_parquet(
            path
        )
    else:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    with pytest.raises(ik.NotFoundError):
        client.unbilled_snapshot(taken_at)
    assert client.unbilled_history().is_empty() == ("note" in damage)


def test_what_repeats_a_secret_is_no_snapshot(serve, tmp_path, monkeypatch):
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "data"))
    lines = page(rows(line(name=TOKEN)))
    service = serve(lambda asked: lines if "/unbilled/" in asked.target else Reply(status=404))
    with ik.connect(base_url=service.url, token=TOKEN, cache_dir=tmp_path / "cache") as client:
        found = client.unbilled(currency="USD")
        assert TOKEN in found.charges()["customer_name"].to_list()
        assert client.unbilled_history().is_empty()
        assert files(client) == []


def test_a_note_that_names_a_file_elsewhere_is_not_followed(graph, open_client, tmp_path):
    from invoicekit.files.private import read_note, write_note

    client = open_client(graph)
    taken_at = client.unbilled().taken_at
    (path,) = (path for path in files(client) if path.name == "snapshot.json")
    (tmp_path / "other.parquet").write_bytes(b"x")
    note = read_note(path)
    note["frames"][0][0][1] = "../../../../../other.parquet"
    write_note(path, note)
    with pytest.raises(ik.NotFoundError):
        client.unbilled_snapshot(taken_at)


ODD_NOTES = {
    "without a time": {"taken_at": ...},
    "a time that is none": {"taken_at": "soon"},
    "a time before the year 1": {"taken_at": "0001-01-01T00:00:00+14:00"},
    "a number for a time": {"taken_at": 5},
    "another way to say results": {"results": 5},
    "a result of another release": {"results": [{"from": "graph"}]},
    "a count that is none": {"lines": "many"},
    "a count without bounds": {"lines": 10**30},
    "a total that is none": {"total": "NaN"},
    "a total without bounds": {"total": "9" * 40},
    "no total": {"total": ...},
}


@pytest.mark.parametrize("changes", ODD_NOTES.values(), ids=ODD_NOTES)
def test_a_snapshot_of_another_release_does_not_hide_the_others(graph, open_client, changes):
    from invoicekit.files.private import read_note, write_note

    client = open_client(graph)
    kept, odd = client.unbilled().taken_at, client.unbilled(refresh=True).taken_at
    path = next(one for one in files(client) if one.name == "snapshot.json" and
                one.parent.name.startswith(f"{odd:%Y%m%dT%H%M%S%f}"))  # fmt: skip
    note = {**read_note(path), **changes}
    write_note(path, {name: value for name, value in note.items() if value is not ...})
    assert client.unbilled_history()["taken_at"].to_list() == [kept]
    assert client.unbilled_snapshot(kept).charges().height
    if "taken_at" in changes or "results" in changes:
        with pytest.raises(ik.NotFoundError):
            client.unbilled_snapshot(odd)


@pytest.mark.parametrize("fraction", [0, 999_999])
def test_snapshots_of_one_moment_are_kept_apart(graph, open_client, fraction):
    """A clock may stand still for 16 ms, and several processes ask at once."""
    client = open_client(graph)
    found = client.unbilled()
    billing, usage = sorted(found.results, key=lambda one: one.line_item_type)
    at = datetime(2026, 10, 31, 23, 59, 59, fraction, tzinfo=UTC)
    kept = []

    def keep(number: int) -> None:
        lines = {ONE_TIME: billing.frames[ONE_TIME].head(number)}
        mine = CollectionResult("onetime", "billing", READ, frames=lines)
        period = ("current", "previous")[number % 2]
        asked = Unbilled([mine, usage], period=period, currency="USD", taken_at=at)
        kept.append((number, snapshots.keep(client.settings.history, asked)))

    threads = [threading.Thread(target=keep, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.taken_at for _, one in kept}) == 8
    rows = {row["taken_at"]: row for row in client.unbilled_history().iter_rows(named=True)}
    for number, one in kept:
        again = client.unbilled_snapshot(one.taken_at)
        assert again.charges().height == number
        assert again.reconcile().lines_total == rows[one.taken_at]["total"]
        assert again.month == ("2026-10" if again.period == "current" else "2026-09")


def test_a_snapshot_of_very_many_pages_is_kept(graph, open_client):
    client = open_client(graph)
    found = client.unbilled()
    one = replace(found.results[0].readings[0], request_id="i" * 36, correlation_id="c" * 36)
    many = replace(found.results[0], readings=[one] * 10_000)
    at = found.taken_at + timedelta(seconds=1)
    results = [many, *found.results[1:]]
    snapshots.keep(
        client.settings.history,
        Unbilled(results, period=found.period, currency=found.currency, taken_at=at),
    )
    assert client.unbilled_history().height == 2
    assert client.unbilled_snapshot(at).line_items().ledger.height > 10_000


@pytest.mark.skipif(os.name != "posix", reason="bounds the size of files")
def test_a_full_disk_leaves_nothing_of_a_snapshot(graph, open_client):
    import resource

    client = open_client(graph)
    found = client.unbilled()
    before = files(client)
    later = Unbilled(
        found.results,
        period=found.period,
        currency=found.currency,
        taken_at=found.taken_at + timedelta(seconds=1),
    )
    smallest = min(path.stat().st_size for path in before if path.suffix == ".parquet")
    bounds = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (smallest - 1, bounds[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            snapshots.keep(client.settings.history, later)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, bounds)
    assert files(client) == before
    assert len(list(client.settings.history.iterdir())) == 1


def test_an_interrupt_leaves_nothing_of_a_snapshot(graph, open_client, monkeypatch):
    client = open_client(graph)
    client.unbilled()
    before = files(client)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(snapshots, "write_note", interrupted)
    with pytest.raises(KeyboardInterrupt):
        client.unbilled(refresh=True)
    assert files(client) == before
    assert len(list(client.settings.history.iterdir())) == 1


def test_it_says_nothing_of_a_difference(graph, open_client):
    found = open_client(graph).unbilled()
    assert repr(found).endswith("lines, 2 pages; not complete: invoice (not billed yet)")
    assert "difference" not in repr(found)
    assert "difference" not in repr(ik.compare(found, found))


def test_without_data_there_is_no_snapshot(graph, open_client):
    client = open_client(graph)
    with pytest.warns(UserWarning, match="no data yet"):
        found = client.unbilled(currency="eur")
    assert (found.currency, found.charges().height) == ("EUR", 0)
    assert found.reconcile().state == "incomplete"
    assert client.unbilled_history().is_empty()


class WithoutUsage:
    """Of what is not billed yet, as at the beginning of a month."""

    def __init__(self, exports):
        self.exports = exports

    def export(self, asked):
        return None if asked.dataset == "usage" else self.exports.export(asked)


@pytest.mark.parametrize("again", ["refresh", "another client"])
def test_usage_that_has_no_data_yet_is_asked_again_each_time(graph, open_client, again):
    service, client = graph.graph._service, open_client(graph)
    exports, service.exports = service.exports, WithoutUsage(graph.graph._service.exports)
    try:
        with pytest.warns(UserWarning, match="onetime/usage .* no data .*currency alone"):
            assert client.unbilled(currency="USD").charges(usage=True).is_empty()
    finally:
        service.exports = exports
    client = client if again == "refresh" else open_client(graph)
    found = client.unbilled(currency="USD", refresh=again == "refresh")
    assert found.charges(usage=True).height == 300


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"period": "last"}, "one of current, previous"),
        ({"currency": "dollars"}, "three letters"),
        ({"currency": "../"}, "three letters"),
    ],
)
def test_words_that_make_no_sense_are_refused(graph, open_client, given, words):
    with pytest.raises(ValueError, match=words):
        open_client(graph).unbilled(**given)


@pytest.mark.parametrize("source", ["graph", "v1"])
def test_offline_it_says_where_the_snapshots_are(request, open_client, source):
    sandbox = request.getfixturevalue(source)
    taken = open_client(sandbox).unbilled(currency="USD")
    offline = open_client(sandbox, offline=True)
    with pytest.raises(ik.FetchError, match=r"offline=True never asks.*unbilled_snapshot\(\)"):
        offline.unbilled(currency="USD")
    (time,) = offline.unbilled_history()["taken_at"]
    assert_frame_equal(offline.unbilled_snapshot(time).charges(), taken.charges())
    with pytest.raises(ik.FetchError, match=r"is kept in no cache.* Ask it with offline=False"):
        offline.estimate_links(currency="USD")


@pytest.mark.parametrize("time", ["2026-11-26", None, 1])
def test_what_is_no_time_is_no_snapshots(graph, open_client, time):
    with pytest.raises(TypeError, match=r"is no time; client.unbilled_history\(\)"):
        open_client(graph).unbilled_snapshot(time)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_costs_a_warning(graph, open_client, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o500)
    with pytest.warns(UserWarning, match="the snapshot cannot be kept"):
        assert open_client(graph).unbilled().charges().height


def test_a_file_in_the_way_costs_a_warning(graph, open_client):
    client = open_client(graph)
    client.settings.history.parent.mkdir(parents=True)
    client.settings.history.write_bytes(b"")
    with pytest.warns(UserWarning, match="the snapshot cannot be kept"):
        assert client.unbilled().charges().height
    assert client.unbilled_history().is_empty()


def test_what_graph_is_asked(graph, open_client):
    graph.graph.requests.clear()
    open_client(graph).unbilled(period="previous")
    submitted = [one.target for one in graph.graph.requests if one.method == "POST"]
    base = "/v1.0/reports/partners/billing"
    assert submitted == [
        f"{base}/reconciliation/unbilled/export", f"{base}/usage/unbilled/export"
    ]  # fmt: skip
    assert graph.graph.leaked == []


def test_the_demo_keeps_its_history_with_its_cache():
    with ik.demo() as client:
        client.unbilled()
        assert client.settings.cache_dir in client.settings.history.parents
        assert client.unbilled_history().height == 1
        note = json.loads(files(client)[-1].read_bytes())
        assert pl.Series([note["currency"]]).to_list() == ["USD"]

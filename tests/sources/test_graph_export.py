"""Every state of an export, against the sandbox's Graph: nothing lost, and no half result."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace

import pytest

import invoicekit as ik
from invoicekit.fetch.collection import LeftOut
from invoicekit.fetch.pull import pull
from invoicekit.sandbox.graph.exports import Prepared, export_of, packed
from invoicekit.sandbox.graph.script import ALWAYS, FAULTS, Fault, Script
from invoicekit.sandbox.graph.server import GraphServer
from invoicekit.sources.graph import export, requests
from invoicekit.sources.graph.source import pages
from support.entra import jwt
from support.exports import EXPORT, EXPORTS, LINES, client_of, kept_in, lines_of, pulled
from support.server import TOKEN


@pytest.fixture
def graph():
    with GraphServer(EXPORTS, Script(("succeeded",))) as server:
        yield server


@pytest.fixture
def open_client(tmp_path):
    clients = []

    def open_(graph, **given):
        clients.append(client_of(graph, tmp_path / "cache", **given))
        return clients[-1]

    yield open_
    for client in clients:
        client.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The service says `Retry-After: 1`, or nothing; a second is the least that is waited."""
    monkeypatch.setattr(export, "FLOOR", 0.02)
    monkeypatch.setattr(export, "POLL", 0.05)


def quickly(script):
    """The script without a `Retry-After`: its seconds would be waited."""
    return replace(script, retry_after="")


def asked(graph):
    """What Graph was asked, and how often blobs were."""
    words = [
        "submit" if request.method == "POST" else request.target.split("/")[-2]
        for request in graph.requests
    ]
    return words, len(graph.blob_requests)


def mend(graph):
    """From now on nothing goes wrong, also of what was submitted."""
    graph.script = Script(("succeeded",))
    for operation in graph._service._operations.values():
        operation.script = graph.script


WHOLE = {
    "at once": (["submit", "operations"], 3),
    "not started": (["submit", *["operations"] * 3], 3),
    "lower case": (["submit", *["operations"] * 3], 3),
    "completed": (["submit", *["operations"] * 2], 3),
    "pascal case": (["submit", *["operations"] * 3], 3),
    "unknown state": (["submit", *["operations"] * 2], 3),
    "no retry-after": (["submit", *["operations"] * 2], 3),
    "manifest by link": (["submit", *["operations"] * 2, "manifests"], 3),
    "manifest by navigation link": (["submit", *["operations"] * 2, "manifests"], 3),
    "submit unavailable": (["submit", "submit", *["operations"] * 2], 3),
    "operation gone": (["submit", "operations", "submit", *["operations"] * 2], 3),
    "operation unavailable": (["submit", *["operations"] * 3], 3),
    "manifest gone": (
        ["submit", *["operations"] * 2, "manifests", "submit", *["operations"] * 2, "manifests"],
        3,
    ),
    "blob unavailable": (["submit", *["operations"] * 2], 4),
    "download cut": (["submit", *["operations"] * 2], 4),
    "SAS nearly run out": (["submit", *["operations"] * 3], 3),
    "content encoding": (["submit", *["operations"] * 2], 3),
}


@pytest.mark.parametrize("name", WHOLE)
def test_every_state_that_passes_ends_with_all_lines(graph, open_client, tmp_path, name):
    graph.script = quickly(FAULTS[name])
    client = open_client(graph)
    lines, readings = pulled(client)
    assert lines == LINES
    assert [(one.page, one.rows) for one in readings] == [(1, 100), (2, 100), (3, 100)]
    sizes = [blob.length for blob in EXPORT.blobs]
    assert [one.bytes for one in readings] == sizes
    assert asked(graph) == WHOLE[name]
    assert graph.leaked == []
    assert kept_in(tmp_path / "cache") == [".blob"] * 3 + [".record"] * 2
    again, readings = pulled(client)
    assert again == LINES
    assert all(one.from_cache for one in readings)
    assert asked(graph) == WHOLE[name]


@pytest.mark.parametrize("name", ["submit throttled", "operation throttled", "blob throttled"])
def test_throttling_is_waited_out(graph, open_client, name):
    graph.script = quickly(FAULTS[name])
    start = time.monotonic()
    assert pulled(open_client(graph))[0] == LINES
    assert time.monotonic() - start >= 1  # its Retry-After


@pytest.mark.parametrize(("name", "most"), [("SAS run out", 3), ("SAS run out in the download", 5)])
def test_a_sas_that_has_run_out_is_renewed(graph, open_client, name, most):
    graph.script = quickly(FAULTS[name])
    lines, _ = pulled(open_client(graph))
    assert lines == LINES
    words, blobs = asked(graph)
    assert words.count("submit") == 1
    assert words.count("operations") >= 3
    assert 3 <= blobs <= 3 + most


def test_an_operation_that_is_gone_as_well_is_submitted_anew_for_another_sas(graph, open_client):
    """The manifest was had; then the SAS ran out, and the operation lives no more."""
    graph.script = Script(
        ("succeeded",),
        sas_requests=(2, ALWAYS),
        faults=(Fault("operation", 410, "ResourceGone", after=1),),
    )
    assert pulled(open_client(graph))[0] == LINES
    assert asked(graph)[0].count("submit") == 2


def test_an_operation_whose_every_sas_is_refused_is_submitted_anew(graph, open_client):
    scripts = iter([Script(("succeeded",), sas_requests=(0,)), Script(("succeeded",))])
    graph.script = lambda _: next(scripts)
    assert pulled(open_client(graph, connections=1))[0] == LINES
    assert asked(graph)[0].count("submit") == 2


def test_what_is_refused_after_the_manifest_is_an_error_and_never_left_out(graph, open_client):
    refused = Script(faults=(Fault("submit", 403, "Authorization_RequestDenied", times=ALWAYS),))
    scripts = iter([Script(("succeeded",), sas_requests=(0,)), refused])
    graph.script = lambda _: next(scripts)
    with pytest.raises(ik.AccessError, match=r"PartnerBilling\.Read\.All"):
        pulled(open_client(graph, connections=1))


def test_an_operation_of_an_interrupted_call_that_has_failed_since_is_submitted_anew(
    graph, open_client
):
    graph.script = Script(("running",), retry_after="")
    with pytest.raises(ik.FetchError, match="is not ready"):
        pulled(open_client(graph, export_timeout=0.3))
    mend(graph)
    for operation in graph._service._operations.values():
        operation.script = Script(("failed",), error=("1", "Made too long ago"))
    assert pulled(open_client(graph))[0] == LINES
    assert asked(graph)[0].count("submit") == 2


NOT_WHOLE = {
    "a blob missing": "lists 2 blobs, and its blobCount is 3",
    "blobCount too small": "lists 3 blobs, and its blobCount is 2",
    "blobCount too large": "lists 3 blobs, and its blobCount is 4",
    "no blobs": "lists no blobs",
    "no list of blobs": "lists no blobs",
    "no eTag": "names no version",
    "no SAS": "has no SAS token",
    "no manifest": "names no manifest",
    "gzip cut": "blob .* stops before its end",
    "gzip flipped": "blob .* (is damaged|stops before)|line .* of blob",
    "not JSON": "line 51 of blob .* is no JSON object",
    "line without its end": "line 100 of blob .* is no JSON object",
    "empty blob": "is not packed by gzip",
    "not packed": "is not packed by gzip",
}


@pytest.mark.parametrize("name", NOT_WHOLE)
def test_what_makes_no_whole_export_is_an_error_and_forgotten(graph, open_client, tmp_path, name):
    graph.script = quickly(FAULTS[name])
    client = open_client(graph)
    with pytest.raises(ik.PageError, match=NOT_WHOLE[name]):
        pulled(client)
    assert kept_in(tmp_path / "cache") == []
    graph.script = Script(("succeeded",))
    assert pulled(client)[0] == LINES


FAILS = {
    "failed": (ik.FetchError, r"could not export .*The export failed. \(code InternalError\)"),
    "operation always gone": (ik.FetchError, "submitted 3 times, and was gone"),
    "operation redirected": (ik.PageError, "redirects to another host"),
    "operation in HTML": (ik.FetchError, "a web page where JSON should be"),
    "submit unauthorized": (ik.AccessError, "401"),
    "blob not found": (ik.NotFoundError, "404 .*BlobNotFound"),
    "a blob too many": (ik.PageError, "lists 4 blobs, and its blobCount is 3"),
    "blob redirected": (ik.FetchError, "leads elsewhere and is not followed"),
    "blob in HTML": (ik.FetchError, "a web page came where a blob should be"),
    "download always cut": (ik.FetchError, "Given up after 5 tries"),
    "SAS always run out": (ik.AccessError, "403 .*AuthenticationFailed"),
}


@pytest.mark.parametrize("name", FAILS)
def test_what_does_not_pass_is_an_error_and_the_next_call_has_all(graph, open_client, name):
    graph.script = quickly(FAULTS[name])
    client = open_client(graph)
    error, words = FAILS[name]
    with pytest.raises(error, match=words) as caught:
        pulled(client)
    assert "sig=" not in f"{caught.value} {caught.value!r} {vars(caught.value)}"
    assert graph.leaked == []
    mend(graph)
    assert pulled(client)[0] == LINES


def test_a_refused_or_unknown_invoice_is_left_out(graph, open_client, tmp_path):
    graph.script = FAULTS["submit forbidden"]
    client = open_client(graph)
    with pytest.raises(LeftOut, match=r"refused \(403\)"):
        pulled(client)
    graph.script = Script(faults=(Fault("submit", 404, "NotFound"),))
    with pytest.raises(LeftOut, match=r"not found \(404\)"):
        pulled(client)
    assert kept_in(tmp_path / "cache") == []


def test_billing_without_data_is_left_out_and_asked_again_each_time(graph, open_client, tmp_path):
    client = open_client(graph)
    for times in (1, 2):
        with pytest.raises(LeftOut) as caught:
            pulled(client, invoice_id="G2")
        assert (caught.value.state, caught.value.error.code) == ("no data yet", "5000")
        assert asked(graph)[0].count("submit") == times
    assert kept_in(tmp_path / "cache") == []


def test_usage_without_data_is_left_out_and_not_asked_again_for_an_hour(graph, open_client):
    client = open_client(graph)
    for _ in range(2):
        with pytest.raises(LeftOut) as caught:
            pulled(client, "usage")
        assert caught.value.state == "no data yet"
        assert asked(graph)[0].count("submit") == 1
    with pytest.raises(LeftOut):
        pulled(client, "usage", refresh=True)
    assert asked(graph)[0].count("submit") == 2
    offline = open_client(graph, offline=True)
    with pytest.raises(LeftOut, match="no data yet"):
        pulled(offline, "usage")


def test_an_export_that_is_not_ready_in_time_goes_on_with_the_next_call(graph, open_client):
    graph.script = Script(("running",) * 30 + ("succeeded",), retry_after="")
    client = open_client(graph, export_timeout=0.3)
    with pytest.raises(ik.FetchError, match=r"Graph says running, .* beyond the 0.3 s"):
        pulled(client)
    patient = open_client(graph, export_timeout=60)
    assert pulled(patient)[0] == LINES
    assert asked(graph)[0].count("submit") == 1


def test_what_is_not_billed_yet_and_not_ready_in_time_begins_anew(graph, open_client):
    graph.script = FAULTS["never done"]
    client = open_client(graph, export_timeout=0.3)
    asked_for = requests.unbilled(client.settings.graph_url, "billing", "EUR", "current")
    for _ in range(2):
        with pytest.raises(ik.FetchError, match=r"not ready.*it begins anew; a longer export_tim"):
            pull(client._session, asked_for, pages, lines_of)
    assert asked(graph)[0].count("submit") == 2


def test_a_wait_beyond_the_timeout_is_not_begun(graph, open_client):
    graph.script = Script(("running",), retry_after="86400")
    start = time.monotonic()
    with pytest.raises(ik.FetchError, match="look again in 86400 s"):
        pulled(open_client(graph))
    assert time.monotonic() - start < 5


def test_a_secret_that_a_failure_repeats_is_not_shown(graph, open_client):
    graph.script = Script(("failed",), error=("1", f"no use of {graph.token}"))
    with pytest.raises(ik.FetchError, match="could not export") as caught:
        pulled(open_client(graph))
    assert graph.token not in f"{caught.value} {caught.value.description}"


@pytest.mark.parametrize("code", ["1", "5000"])
def test_a_secret_is_removed_from_a_failure_before_its_words_are_cut(
    graph, open_client, tmp_path, code
):
    graph.script = Script(("failed",), error=(code, "x" * 270 + graph.token))
    with pytest.raises((LeftOut, ik.FetchError)) as caught:
        pulled(open_client(graph), "usage")
    told = getattr(caught.value, "error", caught.value)
    assert graph.token[:10] not in f"{told} {vars(told)}"
    assert told.description.endswith("x(secret)")
    graph.script = Script(("failed",), error=(graph.token, "x"))
    with pytest.raises(ik.FetchError, match=r"\(code \(secret\)\)") as caught:
        pulled(open_client(graph))
    assert graph.token[:10] not in f"{caught.value} {caught.value.code}"
    assert not any(
        graph.token[:10].encode() in path.read_bytes() for path in tmp_path.rglob("*.record")
    )


@pytest.mark.parametrize("end", ["{token}", "1?key=S3CR3T"])
def test_an_operation_whose_address_repeats_the_token_is_kept_nowhere(
    graph, open_client, tmp_path, end
):
    """Nor is one that has a query: nobody knows what that is."""
    end = end.format(token=graph.token)
    where = f"{graph.url}/v1.0/reports/partners/billing/operations/{end}"
    away = Fault("submit", 202, headers=(("Location", where),), times=ALWAYS)
    graph.script = Script(faults=(away,))
    with pytest.raises(ik.FetchError, match="was gone"):
        pulled(open_client(graph))
    assert graph.requests[-1].target.endswith(end)
    kept_in(tmp_path / "cache")
    records = [path.read_bytes() for path in tmp_path.rglob("*.record")]
    assert not any(b"S3CR3T" in record for record in records)


def test_a_manifest_whose_blobs_are_called_by_the_token_is_refused(graph, open_client, tmp_path):
    found = {
        "eTag": "e", "rootDirectory": f"{graph.blob_url}/c", "sasToken": "sv=1&sig=S3CR3T",
        "blobCount": 1, "blobs": [{"name": graph.token}],
    }  # fmt: skip
    body = json.dumps({"status": "succeeded", "resourceLocation": found}).encode()
    listed = Fault("operation", 200, body=body, content_type="application/json", times=ALWAYS)
    graph.script = Script(faults=(listed,))
    with pytest.raises(ik.PageError, match="repeats a secret of the sign-in"):
        pulled(open_client(graph))
    assert not graph.blob_requests
    kept_in(tmp_path / "cache")


@pytest.mark.parametrize("line_item_type", ["billing", "usage"])
def test_a_signature_in_a_failures_words_is_nowhere(graph, open_client, tmp_path, line_item_type):
    words = "nothing at https://a.blob.example/c?sv=1&sig=S3CR3T%2B&sp=r, or sig%3DS3CR3T"
    graph.script = Script(("failed",), error=("5000", words))
    with pytest.raises(LeftOut) as caught:
        pulled(open_client(graph), line_item_type)
    assert "sv=1&(secret)&sp=r, or (secret)" in str(caught.value.error)
    assert "S3CR3T" not in f"{caught.value.error} {vars(caught.value.error)}"
    kept_in(tmp_path / "cache")


NO_ADDRESS = {
    "was taken, and leads to": Fault(
        "submit", 202, headers=(("Location", "https://["),), times=ALWAYS
    ),
    "billing of G1 was taken, and leads to": Fault(
        "submit", 202, headers=(("Location", "http://127.0.0.1:99999/"),), times=ALWAYS
    ),
    "the manifest of .* lies on": Fault(
        "operation",
        200,
        body=b'{"status":"succeeded","resourceLocation":"https://["}',
        content_type="application/json",
        times=ALWAYS,
    ),
}


@pytest.mark.parametrize(("words", "fault"), NO_ADDRESS.items())
def test_a_link_that_is_no_address_is_not_asked(graph, open_client, tmp_path, words, fault):
    graph.script = Script(("succeeded",), faults=(fault,))
    with pytest.raises(ik.PageError, match=f"{words} another host, which is never asked"):
        pulled(open_client(graph))
    assert kept_in(tmp_path / "cache") == []


@pytest.mark.parametrize("said", ["by the settings", "by the token"])
def test_an_export_of_another_partner_is_refused_before_a_blob_is_asked(graph, tmp_path, said):
    other = "0f0f0f0f-aaaa-4aaa-8aaa-0123456789ab"
    sign_in = {
        "by the settings": {"token": TOKEN, "tenant_id": other},
        "by the token": {"token": jwt(tid=other), "tenant_id": "partner.example"},
    }
    graph.token = "T0KEN-that-says-no-tenant"
    client = ik.connect(
        **sign_in[said],
        base_url="http://127.0.0.1:9",
        graph_url=graph.url,
        graph_token=graph.token,
        cache_dir=tmp_path / "cache",
    )
    with client, pytest.raises(ik.PageError, match="is of another partner than who signs in"):
        pulled(client)
    assert list(graph.blob_requests) == []
    assert kept_in(tmp_path / "cache") == []


def test_the_wait_is_told_where_it_takes_some_seconds(graph, open_client, capsys):
    graph.script = Script(("queued", "running", "succeeded"), retry_after="3")
    pulled(open_client(graph))
    assert "billing of G1 is queued, 0 s so far; waiting 3 s" in capsys.readouterr().err


def test_retry_after_is_obeyed(graph, open_client):
    graph.script = Script(("running", "succeeded"), retry_after="1")
    start = time.monotonic()
    pulled(open_client(graph))
    assert time.monotonic() - start >= 1


def test_the_least_wait_is_a_second(graph, open_client, monkeypatch):
    monkeypatch.setattr(export, "FLOOR", 1.0)
    graph.script = Script(("running", "succeeded"), retry_after="0")
    start = time.monotonic()
    pulled(open_client(graph))
    assert time.monotonic() - start >= 1


def test_a_closed_client_waits_no_more(graph, open_client):
    graph.script = Script(("running",), retry_after="60")
    client = open_client(graph)
    threading.Timer(0.5, client.close).start()
    start = time.monotonic()
    with pytest.raises(ik.FetchError, match="closed"):
        pulled(client)
    assert time.monotonic() - start < 5


def test_refresh_asks_the_operation_and_fetches_blobs_of_another_etag_alone(graph, open_client):
    client = open_client(graph)
    pulled(client)
    lines, readings = pulled(client, refresh=True)
    assert lines == LINES
    assert all(one.from_cache for one in readings)
    assert asked(graph) == (["submit", "operations"] * 2, 3)
    more = [*LINES, b'{"CustomerId": "new", "Total": 1}']
    other = export_of(packed(more))
    assert other.etag != EXPORT.etag
    with GraphServer(
        Prepared({("reconciliation", "G1"): other}), Script(("succeeded",)), port=port_of(graph)
    ) as later:
        lines, readings = pulled(client, refresh=True)
        assert lines == more
        assert not readings[0].from_cache
        assert len(later.blob_requests) == 1


def port_of(graph):
    """The port of a Graph that is closed, to begin another one there."""
    graph.close()
    return int(graph.url.rpartition(":")[2])


def test_an_export_that_becomes_another_one_while_it_is_read_is_begun_anew(graph, open_client):
    """The SAS runs out, and the operation's blobs have another eTag: none of the old is shown."""
    other = export_of(packed(LINES[:5]), packed(LINES[5:9]), packed(LINES[9:12]))
    exports = graph._service.exports

    class Changing:
        def export(self, asked):
            return other if asked_blobs() else exports.export(asked)

    def asked_blobs():
        return len(graph.blob_requests)

    graph._service.exports = Changing()
    graph.script = Script(
        ("succeeded",),
        sas_requests=(1, ALWAYS),
        faults=(Fault("operation", 410, "ResourceGone", after=1),),
    )
    assert pulled(open_client(graph))[0] == LINES[:12]


def test_one_export_at_a_time_is_in_flight_for_a_key(graph, open_client):
    graph.script = Script(("running",) * 5 + ("succeeded",), retry_after="")
    clients = [open_client(graph) for _ in range(4)]
    found = []
    threads = [
        threading.Thread(target=lambda client=client: found.append(pulled(client)[0]))
        for client in clients
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [LINES] * 4
    words = asked(graph)[0]
    # An operation is polled six times until it is ready; before that no other is submitted. Who
    # finds it ready, as an interrupted pull's, asks it once more.
    polls = " ".join(words).split("submit")[1:]
    assert all(6 <= one.split().count("operations") <= 6 + 3 for one in polls), words
    assert set(words) == {"submit", "operations"}


def test_offline_reads_what_is_committed_and_nothing_else(graph, open_client):
    offline = open_client(graph, offline=True)
    with pytest.raises(ik.FetchError, match="offline"):
        pulled(offline)
    pulled(open_client(graph))
    before = asked(graph)
    assert pulled(open_client(graph, offline=True))[0] == LINES
    assert asked(graph) == before


def test_a_committed_blob_that_is_damaged_is_fetched_again(graph, open_client, tmp_path):
    client = open_client(graph)
    pulled(client)
    path = sorted((tmp_path / "cache").rglob("*.blob"))[1]
    path.write_bytes(path.read_bytes()[:-1])
    lines, readings = pulled(client)
    assert lines == LINES
    assert [one.from_cache for one in readings].count(False) == 1


def test_a_damaged_record_costs_an_export_and_no_blob(graph, open_client, tmp_path):
    client = open_client(graph)
    pulled(client)
    (path,) = (tmp_path / "cache").rglob("manifest.record")
    path.write_bytes(path.read_bytes().replace(b"part-0", b"part-9"))
    lines, readings = pulled(client)
    assert lines == LINES
    assert all(one.from_cache for one in readings)

"""The sandbox's Graph keeps the protocol of the billing exports, its faults included."""

from __future__ import annotations

import gzip
import json
import time
from urllib.parse import parse_qs

import pytest
import requests
from urllib3.exceptions import ProtocolError

from invoicekit.sandbox.graph.exports import Prepared, export_of, packed, repeated
from invoicekit.sandbox.graph.script import FAULTS, Script
from invoicekit.sandbox.graph.server import GraphServer
from invoicekit.sandbox.made_up_token import GRAPH_TOKEN, SANDBOX_TOKEN

BILLING = "/v1.0/reports/partners/billing"
LINES = [json.dumps({"CustomerId": f"c{n}", "Total": n}).encode() for n in range(100)]
EXPORT = export_of(packed(LINES[:60]), packed(LINES[60:]))
EXPORTS = Prepared({("reconciliation", "G1"): EXPORT})


@pytest.fixture
def graph():
    with GraphServer(EXPORTS) as server:
        yield server


def ask(url, method="GET", token=GRAPH_TOKEN, **more):
    signed = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.request(method, url, headers=signed, timeout=10, allow_redirects=False, **more)


def submit(graph, invoice_id="G1", dataset="reconciliation", **more):
    body = {"invoiceId": invoice_id, **more}
    return ask(f"{graph.url}{BILLING}/{dataset}/billed/export", "POST", json=body)


def finish(location):
    """The last answer of the operation, as it no longer runs, and the states until then."""
    states = []
    for _ in range(10):
        got = ask(location).json()
        states.append(got["status"])
        if got["@odata.type"] != "#microsoft.graph.partners.billing.runningOperation":
            break
    return got, states


def urls(manifest):
    root, sas = manifest["rootDirectory"], manifest["sasToken"]
    return [f"{root}/{blob['name']}?{sas}" for blob in manifest["blobs"]]


def manifest_of(graph):
    return finish(submit(graph).headers["Location"])[0]["resourceLocation"]


def download(manifest):
    return [requests.get(url, timeout=10) for url in urls(manifest)]


class TestAnExport:
    def test_goes_from_202_to_blobs_with_nothing_lost(self, graph):
        submitted = submit(graph)
        assert (submitted.status_code, submitted.content) == (202, b"")
        where = submitted.headers["Location"]
        assert where.startswith(f"{graph.url}{BILLING}/operations/")
        running = ask(where)
        assert (running.status_code, running.headers["Retry-After"]) == (200, "1")
        assert "resourceLocation" not in running.json()
        done, states = finish(where)
        assert states == ["succeeded"]
        manifest = done["resourceLocation"]
        assert manifest["eTag"] == EXPORT.etag
        assert manifest["blobCount"] == len(manifest["blobs"]) == 2
        assert manifest["rootDirectory"].startswith(graph.blob_url)
        content = b"".join(gzip.decompress(got.content) for got in download(manifest))
        assert content.splitlines() == LINES
        assert graph.leaked == []

    def test_is_the_same_by_its_qualified_name(self, graph):
        name = "microsoft.graph.partners.billing.export"
        url = f"{graph.url}{BILLING}/reconciliation/billed/{name}"
        assert ask(url, "POST", json={"invoiceId": "G1"}).status_code == 202

    @pytest.mark.parametrize("dataset", ["reconciliation", "usage"])
    def test_of_what_has_no_data_fails_with_5000(self, graph, dataset):
        done, states = finish(submit(graph, "D070001012", dataset).headers["Location"])
        assert states == ["running", "failed"]
        assert done["error"]["code"] == "5000"

    def test_is_signed_anew_whenever_it_is_asked_for(self, graph):
        where = submit(graph).headers["Location"]
        first = finish(where)[0]["resourceLocation"]
        second = finish(where)[0]["resourceLocation"]
        assert first["sasToken"] != second["sasToken"]
        assert {**first, "sasToken": ""} == {**second, "sasToken": ""}
        assert [got.status_code for got in download(first) + download(second)] == [200] * 4

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"{}",
            b'{"invoiceId":""}',
            b'{"invoiceId":7}',
            b'{"invoiceId":"G1","attributeSet":"all"}',
            b'{"invoiceId":"G1","currencyCode":"USD"}',
        ],
    )
    def test_that_makes_no_sense_is_400(self, graph, body):
        url = f"{graph.url}{BILLING}/reconciliation/billed/export"
        assert ask(url, "POST", data=body).status_code == 400

    def test_elsewhere_is_404(self, graph):
        for method, path in (
            ("GET", "/reconciliation/billed/export"),
            ("POST", "/reconciliation/open/export"),
            ("GET", "/operations/1"),
            ("GET", "/manifests/1"),
        ):
            assert ask(f"{graph.url}{BILLING}{path}", method).status_code == 404


class TestTokens:
    @pytest.mark.parametrize("token", ["", SANDBOX_TOKEN, GRAPH_TOKEN + "x"])
    def test_only_graphs_own_opens_it(self, graph, token):
        got = ask(f"{graph.url}{BILLING}/operations/1", token=token)
        assert got.status_code == 401
        assert got.json()["error"]["code"] == "InvalidAuthenticationToken"

    def test_a_bearer_at_the_blob_host_is_refused_and_remembered(self, graph):
        url = urls(manifest_of(graph))[0]
        got = ask(url)
        assert (got.status_code, got.headers["x-ms-error-code"]) == (
            400,
            "InvalidAuthenticationInfo",
        )
        assert graph.leaked == [url.removeprefix(graph.blob_url).partition("?")[0]]
        assert GRAPH_TOKEN not in repr(graph.requests) + repr(graph.blob_requests)

    def test_a_sas_opens_its_directory_alone_until_it_runs_out(self, graph):
        manifest = manifest_of(graph)
        url, sas = urls(manifest)[0], manifest["sasToken"]
        assert parse_qs(sas)["se"][0] > time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        longer = sas.replace("se=2", "se=3")
        for wrong in (
            url.partition("?")[0],
            url.replace(sas, longer),
            url.replace("Fragment=full", "Fragment=basic"),
            url.replace("sig=", "sig=x"),
        ):
            got = requests.get(wrong, timeout=10)
            assert (got.status_code, got.headers["x-ms-error-code"]) == (
                403,
                "AuthenticationFailed",
            )
        assert requests.get(url.replace("part-0", "part-9"), timeout=10).status_code == 404


class TestFaults:
    @pytest.mark.parametrize("name", FAULTS)
    def test_every_one_can_be_met(self, graph, name):
        """A client that does everything right sees something else than without the fault."""
        graph.script = FAULTS[name]
        seen = self.walk(graph)
        graph.script = Script()
        assert seen != self.walk(graph)

    def walk(self, graph):
        """What an export looks like, but for ids and instants."""
        submitted = submit(graph)
        seen = [(submitted.status_code, submitted.headers.get("Retry-After"))]
        entity = {}
        while len(seen) < 5 and "resourceLocation" not in " ".join(entity):
            got = ask(submitted.headers.get("Location", graph.url))
            seen.append((got.status_code, got.headers["Content-Type"], *map(str, got.headers)))
            if got.status_code != 200 or "json" not in got.headers["Content-Type"]:
                return seen
            entity = got.json()
            seen.append((entity["status"], entity.get("error")))
        manifest = entity.get("resourceLocation")
        link = entity.get("resourceLocation@odata.navigationLink") or manifest
        if isinstance(link, str):
            got = ask(link)
            seen.append((link == manifest, got.status_code))
            manifest = got.json()
        return seen + self.contents(manifest) if manifest else seen

    def contents(self, manifest):
        """What a manifest leads to; nothing where it is not whole."""
        seen = [sorted(manifest), manifest.get("blobCount"), len(manifest.get("blobs", ()))]
        if not {"blobs", "sasToken"} <= manifest.keys():
            return seen
        ends = parse_qs(manifest["sasToken"])["se"][0]
        seen.append(ends < time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 300)))
        for url in urls(manifest):
            with requests.get(url, timeout=10, allow_redirects=False, stream=True) as got:
                headers = got.headers.get("Content-Encoding"), got.headers.get("Content-Length")
                try:
                    seen.append((got.status_code, *headers, got.raw.read(decode_content=False)))
                except ProtocolError as cut:
                    seen.append((got.status_code, *headers, type(cut)))
        return seen

    def test_a_state_holds_for_what_was_submitted_under_it(self, graph):
        where = submit(graph).headers["Location"]
        graph.script = FAULTS["failed"]
        assert finish(where)[1] == ["running", "succeeded"]
        assert finish(submit(graph).headers["Location"])[1] == ["running", "failed"]

    def test_a_fault_is_met_as_often_as_it_says(self, graph):
        graph.script = FAULTS["operation gone"]
        first = submit(graph).headers["Location"]
        assert ask(first).status_code == 410
        assert finish(submit(graph).headers["Location"])[1] == ["running", "succeeded"]

    def test_a_sas_may_run_out_between_two_blobs_and_a_new_one_goes_on(self, graph):
        graph.script = FAULTS["SAS run out in the download"]
        where = submit(graph).headers["Location"]
        first = finish(where)[0]["resourceLocation"]
        assert [got.status_code for got in download(first)] == [200, 403]
        again = finish(where)[0]["resourceLocation"]
        assert [got.status_code for got in download(again)] == [200, 200]

    def test_a_script_may_depend_on_what_is_asked(self, graph):
        graph.script = lambda asked: FAULTS["failed" if asked.invoice_id == "G2" else "at once"]
        assert finish(submit(graph).headers["Location"])[1] == ["succeeded"]
        assert finish(submit(graph, "G2").headers["Location"])[1] == ["running", "failed"]


def test_a_large_blob_is_made_as_it_is_sent():
    """Some 30 MB of lines out of a hundred; it is gzip of one member, its checksum right."""
    blob = repeated(LINES, 10_000)
    assert blob.length == sum(map(len, blob.parts()))
    with GraphServer(Prepared({("usage", "G1"): export_of(blob, etag="v1")})) as graph:
        manifest = finish(submit(graph, dataset="usage").headers["Location"])[0]
        with requests.get(urls(manifest["resourceLocation"])[0], stream=True, timeout=10) as got:
            assert int(got.headers["Content-Length"]) == blob.length
            assert sum(1 for _ in gzip.GzipFile(fileobj=got.raw)) == 1_000_000

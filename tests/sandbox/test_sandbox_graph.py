"""The sandbox's Graph keeps the protocol of the billing exports, its faults included."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qs

import pytest
import requests
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from invoicekit.sandbox.demo import demo_partner
from invoicekit.sandbox.graph.exports import Prepared, export_of, packed, repeated
from invoicekit.sandbox.graph.script import ELSEWHERE, FAULTS, Script
from invoicekit.sandbox.graph.server import GraphServer
from invoicekit.sandbox.made_up_token import GRAPH_TOKEN, SANDBOX_TOKEN
from invoicekit.sandbox.partner_center.fields import FIELDS
from invoicekit.sandbox.server import Sandbox, demo_sandbox
from invoicekit.sandbox.volume import Volume

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


class TestOrigins:
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_a_page_that_bound_its_name_to_loopback_is_refused(self, graph, method):
        """DNS rebinding, at Graph and at the blob host; a right token or SAS does not help."""
        for url in (f"{graph.url}{BILLING}/operations/1", urls(manifest_of(graph))[0]):
            headers = {"Authorization": f"Bearer {GRAPH_TOKEN}", "Host": "rebound.example"}
            got = requests.request(method, url, headers=headers, timeout=10)
            assert (got.status_code, got.headers["Connection"]) == (421, "close")
        assert graph.leaked == []

    @pytest.mark.parametrize(
        "headers",
        [
            {"Content-Length": "70000"},
            {"Content-Length": "-1"},
            {"Content-Length": "x"},
            {"Transfer-Encoding": "chunked"},
        ],
        ids=["long", "negative", "no number", "chunked"],
    )
    def test_a_body_that_is_not_read_ends_the_connection(self, graph, headers):
        """What follows is never taken for the next request."""
        host = graph.url.removeprefix("http://")
        with closing(http.client.HTTPConnection(host, timeout=10)) as ours:
            ours.putrequest("POST", f"{BILLING}/reconciliation/billed/export")
            ours.putheader("Authorization", f"Bearer {GRAPH_TOKEN}")
            for name, value in headers.items():
                ours.putheader(name, value)
            ours.endheaders()
            response = ours.getresponse()
            assert (response.status, response.getheader("Connection")) == (413, "close")

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
    def test_nothing_can_be_changed(self, graph, method):
        assert ask(f"{graph.url}{BILLING}/operations/1", method).status_code == 405
        assert ask(urls(manifest_of(graph))[0], method, token="").status_code == 405
        assert ask(urls(manifest_of(graph))[0], "POST", token="").status_code == 405

    def test_two_at_once_get_each_its_own_operation(self, graph):
        with ThreadPoolExecutor(8) as pool:
            places = list(pool.map(lambda _: submit(graph).headers["Location"], range(16)))
            assert len(set(places)) == 16
            states = list(pool.map(lambda place: finish(place)[1], places))
        assert states == [["running", "succeeded"]] * 16


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
        if not submitted.headers.get("Location", graph.url).startswith(graph.url):
            return seen
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
            if link.startswith(ELSEWHERE):
                return [*seen, "elsewhere"]
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
            if url.startswith(ELSEWHERE):
                return [*seen, "elsewhere"]
            with requests.get(url, timeout=(5, 0.5), allow_redirects=False, stream=True) as got:
                headers = got.headers.get("Content-Encoding"), got.headers.get("Content-Length")
                try:
                    seen.append((got.status_code, *headers, got.raw.read(decode_content=False)))
                except (ProtocolError, ReadTimeoutError) as cut:
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

    def test_the_version_may_change_while_it_is_downloaded(self, graph):
        graph.script = FAULTS["another version when it is signed anew"]
        where = submit(graph).headers["Location"]
        first, second = (finish(where)[0]["resourceLocation"] for _ in range(2))
        assert second["eTag"] == first["eTag"] + "b"
        assert first["blobs"] != second["blobs"]
        assert [got.status_code for got in download(second)] == [200, 200]
        assert [asked.invoice_id for asked in graph.submitted] == ["G1"]

    def test_a_script_may_depend_on_what_is_asked(self, graph):
        graph.script = lambda asked: FAULTS["failed" if asked.invoice_id == "G2" else "at once"]
        assert finish(submit(graph).headers["Location"])[1] == ["succeeded"]
        assert finish(submit(graph, "G2").headers["Location"])[1] == ["running", "failed"]


# What Graph calls otherwise than Partner Center; and what only one of the two has.
RENAMED = {"resellerMpnId": "Tier2MpnId", "totalForCustomer": "Total", "unitOfMeasure": "Unit"}
PERCENT = {
    "rateOfCredit": "CreditPercentage",
    "rateOfPartnerEarnedCredit": "PartnerEarnedCreditPercentage",
}
ON_V1_ALONE = {
    "OneTimeInvoiceLineItem": {
        "discountDetails",
        "invoiceLineItemType",
        "billingProvider",
        "attributes",
    },
    "DailyRatedUsageLineItem": {
        "hasPartnerEarnedCredit",
        "invoiceLineItemType",
        "billingProvider",
        "attributes",
    },
}
NO_VALUE = {None, "", "0", 0, "0001-01-01T00:00:00"}
NEWEST, EURO = "G012345612", "G012345651"


@pytest.fixture(scope="module")
def sandbox():
    with demo_sandbox(graph=True) as server:
        yield server


def exported(sandbox, dataset, **body):
    """The rows of an export of the demo partner."""
    kind = "billed" if "invoiceId" in body else "unbilled"
    url = f"{sandbox.graph_url}{BILLING}/{dataset}/{kind}/export"
    submitted = ask(url, "POST", sandbox.graph_token, json=body)
    assert submitted.status_code == 202, submitted.text
    done, _ = finish(submitted.headers["Location"])
    if "error" in done:
        return done["error"]["code"]
    blobs = download(done["resourceLocation"])
    assert {got.status_code for got in blobs} == {200}
    lines = b"".join(gzip.decompress(got.content) for got in blobs).splitlines()
    return [json.loads(line, parse_float=Decimal) for line in lines]


def plain(value):
    """A value without what the two may spell differently: numbers as text, zones, times."""
    if isinstance(value, str) and re.match(r"\d{4}-\d{2}-\d{2}T", value):
        return value[:10]
    if isinstance(value, int | Decimal):
        return value.normalize() if isinstance(value, Decimal) else Decimal(value)
    try:
        return Decimal(value).normalize()
    except (InvalidOperation, TypeError, ValueError):
        return json.dumps(value)


class TestTheDemoPartner:
    @pytest.mark.parametrize("invoice_id", ["G012345610", EURO])
    @pytest.mark.parametrize(
        ("dataset", "kind", "object_type"),
        [
            ("reconciliation", "billing_line_items", "OneTimeInvoiceLineItem"),
            ("usage", "usage_line_items", "DailyRatedUsageLineItem"),
        ],
    )
    def test_graph_has_the_very_lines_of_partner_center(
        self, sandbox, invoice_id, dataset, kind, object_type
    ):
        """Field by field, in Graph's names and scale; the other way round nothing is left over."""
        theirs = demo_partner().collection(invoice_id, ("one_time", kind))
        ours = exported(sandbox, dataset, invoiceId=invoice_id)
        assert len(ours) == len(theirs)
        shared = set(FIELDS[object_type]) - ON_V1_ALONE[object_type]
        names = {name: RENAMED.get(name, PERCENT.get(name, name)).lower() for name in shared}
        assert {name.lower() for row in ours for name in row} == set(names.values())
        for row, got in zip(theirs, ours, strict=True):
            line = json.loads(row, parse_float=Decimal)
            there = {name.lower(): value for name, value in got.items()}
            for name in shared & line.keys():
                value = line[name] * 100 if name in PERCENT else line[name]
                if value in ([], *NO_VALUE):
                    continue
                assert plain(value) == plain(there[names[name]]), name

    @pytest.mark.parametrize("dataset", ["reconciliation", "usage"])
    def test_its_rows_are_in_pascal_case_with_the_documented_names(self, sandbox, dataset):
        full = exported(sandbox, dataset, invoiceId=EURO)
        basic = exported(sandbox, dataset, invoiceId=EURO, attributeSet="basic")
        counts = {"reconciliation": (47, 35), "usage": (55, 30)}
        assert ({len(row) for row in full}, {len(row) for row in basic}) == tuple(
            {count} for count in counts[dataset]
        )
        assert all(name[0].isupper() for name in full[0])
        own = {
            "reconciliation": {"Tier2MpnId", "Total", "ProductCategory", "PCToBCExchangeRate"},
            "usage": {"Tier2MpnId", "Unit", "ResourceURI", "BenefitOrderID", "BenefitID"},
        }
        assert full[0].keys() >= own[dataset]
        assert full[0].keys() > basic[0].keys()
        if dataset == "usage":
            rates = {row["CreditPercentage"] for row in full}
            assert rates == {row["PartnerEarnedCreditPercentage"] for row in full} == {0, 15}

    def test_its_lines_of_today_are_on_graph_alone_and_older_ones_on_partner_center(self, sandbox):
        listed = requests.get(
            f"{sandbox.url}/v1/invoices",
            headers={"Authorization": f"Bearer {sandbox.token}"},
            timeout=10,
        )
        invoices = json.loads(listed.content.decode("utf-8-sig"))["items"]
        assert len(invoices) == 29
        for invoice in invoices:
            modern = invoice["id"].startswith("G")
            today = modern and invoice["billingPeriodStartDate"] >= "2024-02"
            for detail in invoice["invoiceDetails"]:
                words = detail["billingProvider"], detail["invoiceLineItemType"]
                provider, kind = (word.replace("_", "") for word in words)
                lines = ask(
                    f"{sandbox.url}/v1/invoices/{invoice['id']}/lineitems?provider={provider}"
                    f"&invoicelineitemtype={kind}&size=1",
                    token=sandbox.token,
                )
                assert lines.status_code == (404 if today else 200)
            if not today:
                assert exported(sandbox, "reconciliation", invoiceId=invoice["id"]) == "5000"
        assert len([i for i in invoices if i["id"].startswith("G0123400")]) == 3

    def test_an_archived_invoice_is_the_sum_of_its_lines(self):
        partner = demo_partner(graph=True)
        for invoice_id in ("G012340001", "G012340002", "G012340003"):
            rows = partner.collection(invoice_id, ("one_time", "billing_line_items"))
            lines = [json.loads(row, parse_float=Decimal) for row in rows]
            assert sum(line["totalForCustomer"] for line in lines) == partner.total(invoice_id)

    def test_an_unknown_invoice_is_404(self, sandbox):
        url = f"{sandbox.graph_url}{BILLING}/usage/billed/export"
        assert ask(url, "POST", json={"invoiceId": "G9"}).status_code == 404

    def test_its_open_month_and_its_last_are_unbilled(self, sandbox):
        """Without tax; the last month's lines are some fewer than what was billed then."""
        body = {"currencyCode": "USD", "billingPeriod": "current"}
        now = exported(sandbox, "reconciliation", **body)
        assert {row["ChargeStartDate"][:7] for row in now} == {"2026-11"}
        assert {Decimal(row["TaxTotal"]) for row in now} == {0}
        assert {row["InvoiceNumber"] for row in now} == {""}
        last = exported(sandbox, "reconciliation", **body | {"billingPeriod": "last"})
        billed = exported(sandbox, "reconciliation", invoiceId=NEWEST)
        assert 0.9 * len(billed) < len(last) < len(billed)
        usage = exported(sandbox, "usage", **body)
        assert {row["UsageDate"][:7] for row in usage} == {"2026-11"}
        assert not any("InvoiceNumber" in row for row in usage)
        assert exported(sandbox, "usage", **body | {"currencyCode": "EUR"}) == "5000"

    def test_it_has_no_graph_unless_that_is_asked_for(self):
        with demo_sandbox() as alone:
            assert (alone.graph_url, alone.graph_token) == (None, None)

    def test_its_tokens_say_what_they_are_and_open_one_door_each(self, sandbox):
        assert sandbox.token != sandbox.graph_token
        for token in (sandbox.token, sandbox.graph_token):
            assert token.startswith("invoicekit-sandbox.")
            assert token.endswith(".not-a-credential")
        origins = {sandbox.url, sandbox.graph_url, sandbox.graph.blob_url}
        assert len(origins) == 3
        got = ask(f"{sandbox.url}/v1/invoices", token=sandbox.graph_token)
        assert got.status_code == 401


def test_a_large_blob_is_made_as_it_is_sent():
    """Some 30 MB of lines out of a hundred; it is gzip of one member, its checksum right."""
    blob = repeated(LINES, 1_000_007)
    assert blob.length == sum(map(len, blob.parts()))
    with GraphServer(Prepared({("usage", "G1"): export_of(blob, etag="v1")})) as graph:
        manifest = finish(submit(graph, dataset="usage").headers["Location"])[0]
        with requests.get(urls(manifest["resourceLocation"])[0], stream=True, timeout=10) as got:
            assert int(got.headers["Content-Length"]) == blob.length
            assert sum(1 for _ in gzip.GzipFile(fileobj=got.raw)) == 1_000_007


def test_a_partner_of_any_size_has_its_lines_in_as_many_blobs():
    volume = Volume(25_003, 4)
    with Sandbox(volume, exports=volume) as server:
        got = exported(server, "reconciliation", invoiceId=volume.invoice_id)
        headers = {"Authorization": f"Bearer {server.token}"}
        listed = requests.get(f"{server.url}/v1/invoices", headers=headers, timeout=10).content
    assert len(got) == 25_003
    [header] = json.loads(listed.decode("utf-8-sig"), parse_float=Decimal)["items"]
    assert header["totalCharges"] == sum(Decimal(row["Total"]) for row in got) == volume.total
    assert len({row["InvoiceNumber"] for row in got}) == 1

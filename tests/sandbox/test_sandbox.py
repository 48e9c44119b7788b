"""The sandbox keeps its own promises: same bytes everywhere, totals that tie, the real protocol."""

import gzip
import http.client
import json
import re
import socket
import struct
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from invoicekit.jwt import claims_of
from invoicekit.sandbox.demo import DemoPartner, demo_partner
from invoicekit.sandbox.loopback import MOST_REQUESTS, MOST_TEXT
from invoicekit.sandbox.made_up_token import SANDBOX_TOKEN
from invoicekit.sandbox.partner_center.fields import FIELDS
from invoicekit.sandbox.partner_center.recorded import Recorded
from invoicekit.sandbox.partner_center.tokens import offsets
from invoicekit.sandbox.server import Sandbox, demo_sandbox
from support.paths import SEEDS

BILLING, USAGE = ("one_time", "billing_line_items"), ("one_time", "usage_line_items")
OFFICE, AZURE = ("office", "billing_line_items"), ("azure", "billing_line_items")
DAILY = ("azure", "usage_line_items")
# Changes whenever the generator does, and must be the same on every platform and Python.
EVERYTHING = "83b053dbe3faabd44d3610cc4443a3ea6d1959b32c422e53a0c4dc20faa56d1a"
TOTALS = {
    "LicenseBasedLineItem": ("subtotal", "tax", "totalForCustomer"),
    "UsageBasedLineItem": ("pretaxCharges", "taxAmount", "postTaxTotal"),
    "OneTimeInvoiceLineItem": ("subtotal", "taxTotal", "totalForCustomer"),
}


@pytest.fixture(scope="module")
def partner():
    return demo_partner()


@pytest.fixture(scope="module")
def demo(partner):
    with Sandbox(partner) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def seeds():
    with Sandbox(Recorded(SEEDS)) as sandbox:
        yield sandbox


def ask(sandbox, target, **headers):
    """Status, headers and body of a GET."""
    sent = {"Authorization": f"Bearer {sandbox.token}"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urlopen(Request(f"{sandbox.url}/v1{target}", headers=sent), timeout=30) as response:
            return response.status, response.headers, response.read()
    except HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def page(sandbox, target, **headers):
    """A page as JSON, its numbers exact."""
    status, _, body = ask(sandbox, target, **headers)
    assert status == 200, body
    return json.loads(body.decode("utf-8-sig"), parse_float=Decimal)


def walk(sandbox, target):
    """The pages from `target` on, each as its links lead to the next."""
    headers = {}
    while target:
        got = page(sandbox, target, **headers)
        yield got
        following = got["links"].get("next")
        target = following and following["uri"].replace("&amp;", "&")
        sent = following["headers"] if following else []
        headers = {header["key"].replace("-", "_"): header["value"] for header in sent}


def target(invoice_id, collection, size=2000):
    provider, kind = (word.replace("_", "") for word in collection)
    pair = f"provider={provider}&invoicelineitemtype={kind}"
    return f"/invoices/{invoice_id}/lineitems?{pair}&size={size}"


def items(sandbox, invoice_id, collection, size=2000):
    return [
        item for got in walk(sandbox, target(invoice_id, collection, size)) for item in got["items"]
    ]


def port_of(sandbox):
    return int(sandbox.url.rpartition(":")[2])


def fault(body):
    return json.loads(body)["code"]


class TestThePartner:
    def test_is_the_same_bytes_everywhere(self):
        """A platform or a Python that generates anything else shows here."""
        code = (
            "import hashlib; from invoicekit.sandbox.demo import DemoPartner\n"
            "partner, digest = DemoPartner(), hashlib.sha256()\n"
            "for key, body in partner.invoices().items():\n"
            "    digest.update(body)\n"
            "    for pair in partner.counts(key):\n"
            "        for row in partner.collection(key, pair): digest.update(row)\n"
            "print(digest.hexdigest())"
        )
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert ran.stdout.strip() == EVERYTHING

    def test_generates_the_same_twice(self, partner):
        again = DemoPartner()
        assert again.invoices() == partner.invoices()
        for key in (partner.planted_invoice_id, "D070001012"):
            for pair in again.counts(key):
                assert again.collection(key, pair) == partner.collection(key, pair)

    def test_has_a_modern_and_a_legacy_invoice_every_month_and_two_in_other_currencies(self, demo):
        invoices = page(demo, "/invoices")["items"]
        dollars = [i for i in invoices if i["currencyCode"] == "USD"]
        months = {(i["id"][0], i["invoiceDate"][:7]) for i in dollars}
        assert len(months) == len(dollars) == 24
        assert sorted(i["currencyCode"] for i in invoices if i not in dollars) == ["EUR", "JPY"]
        newest = max(invoices, key=lambda i: i["invoiceDate"])
        assert newest["id"] == DemoPartner.newest_invoice_id

    def test_every_header_is_the_sum_of_its_lines_but_the_planted_one(self, demo, partner):
        """Lines are parsed as any client would; only one invoice differs, by its credit alone."""
        for invoice in page(demo, "/invoices")["items"]:
            lines = Decimal(0)
            for detail in invoice["invoiceDetails"]:
                pair = detail["billingProvider"], detail["invoiceLineItemType"]
                if pair[1] == "usage_line_items":
                    continue
                for item in items(demo, invoice["id"], pair):
                    names = TOTALS[item["attributes"]["objectType"]]
                    subtotal, tax, total = (Decimal(item[name]) for name in names)
                    assert subtotal + tax == total
                    assert item["currency"] == invoice["currencyCode"]
                    lines += total
            planted = invoice["id"] == partner.planted_invoice_id
            credit = partner.planted_credit if planted else 0
            assert invoice["totalCharges"] == lines + credit == partner.total(invoice["id"])
        assert partner.planted_credit < 0

    def test_totals_per_customer_agree_with_the_rows(self, demo, partner):
        for key in (partner.newest_invoice_id, partner.yen_invoice_id, "G012345602"):
            sums = defaultdict(Decimal)
            for item in items(demo, key, BILLING):
                bare = item.get("customerId", "").removeprefix("org:").lower()
                sums[bare or None] += Decimal(item["totalForCustomer"])
            assert sums == partner.customer_totals(key)

    def test_the_newest_invoice_is_big(self, demo, partner):
        counts = partner.counts(partner.newest_invoice_id)
        assert counts[BILLING] >= 5_000
        assert counts[USAGE] >= 20_000
        pages = [
            [got["totalCount"] for got in walk(demo, target(partner.newest_invoice_id, pair))]
            for pair in (BILLING, USAGE)
        ]
        assert pages == [[2000, 2000, 1157], [2000] * 10 + [460]]
        assert [sum(page) for page in pages] == list(counts.values())

    def test_daily_usage_restates_its_billing_lines(self, demo, partner):
        """Rounded down to cents, the days of a subscription are its billing line."""
        for key in (partner.newest_invoice_id, partner.euro_invoice_id):
            days = defaultdict(Decimal)
            for item in items(demo, key, USAGE):
                days[item["subscriptionId"]] += Decimal(item["billingPreTaxTotal"])
            billed = {
                item["subscriptionId"]: Decimal(item["subtotal"])
                for item in items(demo, key, BILLING)
                if item["subscriptionId"] in days and Decimal(item["subtotal"]) > 0
            }
            cent = Decimal("0.01")
            assert {who: total // cent * cent for who, total in days.items()} == billed

    def test_legacy_daily_usage_adds_up_to_the_billed_quantity(self, demo):
        sums, billed = defaultdict(Decimal), {}
        for item in items(demo, "D070001012", DAILY):
            sums[item["customerId"].lower(), item["resourceName"]] += item["consumedQuantity"]
        for item in items(demo, "D070001012", AZURE):
            billed[item["customerId"].lower(), item["resourceName"]] = item["consumedQuantity"]
        assert sums == billed

    def test_every_documented_field_is_on_some_row(self, partner):
        seen = defaultdict(set)
        for key in partner.invoices():
            for pair in partner.counts(key):
                for row in partner.collection(key, pair)[:700]:
                    item = json.loads(row)
                    seen[item["attributes"]["objectType"]] |= item.keys()
        assert seen == {kind: set(names) for kind, names in FIELDS.items()}

    def test_rows_have_the_quirks_of_the_wire(self, demo, partner):
        """Sentinels, both spellings of numbers, four of dates, cases, prefixes, odd names."""
        newest = items(demo, partner.newest_invoice_id, BILLING)
        old, usage = (
            items(demo, "G012345601", BILLING),
            items(demo, partner.newest_invoice_id, USAGE),
        )
        office = items(demo, "D070001001", OFFICE)
        assert {type(item["subtotal"]) for item in newest} >= {str, Decimal}
        assert {0, "0", "", "4649221", None} == {item.get("resellerMpnId") for item in newest}
        assert {-1, 0} == {item["tier2MpnId"] for item in office}
        assert any(Decimal(item["subtotal"]) < 0 for item in newest)
        assert {item["chargeType"].lower() for item in newest} >= {
            "new", "renew", "cyclefee", "addquantity", "removequantity", "customercredit",
        }  # fmt: skip
        starts = " ".join(item["chargeStartDate"] for item in newest)
        assert "T00:00:00Z" in starts
        assert "T00:00:00.0000000-08:00" in starts
        assert "0001-01-01T00:00:00" in {item["pcToBCExchangeRateDate"] for item in newest}
        assert any(item.get("customerId", "").startswith("org:") for item in old)
        assert any(item.get("customerId") == "" for item in newest)
        assert any("customerId" not in item for item in newest)
        assert any(item["customerId"].isupper() for item in office)
        names = {item.get("customerName") for item in newest}
        assert names >= {"<script>alert(1)</script>", "=SUM(1,2)", "株式会社さくら架空商店 02"}
        assert names >= {"Harbour Kites 05", "Harbour Kites & Sails 05"}
        assert ["AddOn", "Trial"] in [item["productQualifiers"] for item in newest]
        assert isinstance(json.loads(usage[0]["additionalInfo"])["VMName"], str)
        assert max(-item["effectiveUnitPrice"].as_tuple().exponent for item in usage) == 22
        assert max(-item["billingPreTaxTotal"].as_tuple().exponent for item in usage) == 15
        assert {item["billingProvider"] for item in usage} == {"marketplace"}
        rows = partner.collection(partner.newest_invoice_id, BILLING)
        assert 3 in Counter(rows).values()  # one purchase, billed three times, rightly

    def test_no_number_ever_was_a_float(self, partner):
        """An exponent, or more digits than were meant, would give one away."""
        for pair in (BILLING, USAGE):
            rows = b"\n".join(partner.collection(partner.newest_invoice_id, pair)[:3000])
            numbers = re.findall(rb'":(-?[0-9][^,}]*)', rows)
            assert numbers
            assert all(re.fullmatch(rb"-?\d+(\.\d{1,22})?", number) for number in numbers)


class TestPaging:
    @pytest.mark.parametrize("size", [7, 100, 2000])
    def test_every_collection_can_be_walked_to_its_end(self, demo, partner, size):
        for key in (partner.planted_invoice_id, "D070001012"):
            for pair, count in partner.counts(key).items():
                pages = [got["totalCount"] for got in walk(demo, target(key, pair, size))]
                assert sum(pages) == count
                assert max(pages) <= size

    def test_path_style_walks_too_though_its_next_link_drops_the_size(self, demo, partner):
        key = partner.planted_invoice_id
        first = f"/invoices/{key}/lineitems/OneTime/BillingLineItems?size=150"
        pages = list(walk(demo, first))
        assert [got["totalCount"] for got in pages] == [
            150,
            150,
            partner.counts(key)[BILLING] - 300,
        ]
        assert pages[0]["links"]["next"]["uri"].endswith("/BillingLineItems?seekOperation=Next")
        assert pages[0]["continuationToken"] == pages[0]["links"]["next"]["headers"][0]["value"]
        assert "continuationToken" not in pages[-1]

    def test_query_style_keeps_its_parameters_in_the_next_link(self, demo, partner):
        asked = target(partner.newest_invoice_id, USAGE) + "&currencycode=USD&period=current"
        got = page(demo, asked)
        assert got["links"]["next"]["uri"] == asked + "&seekOperation=Next"
        assert "continuationToken" not in got  # usage has it in the link only

    def test_path_style_of_onetime_usage_is_an_empty_list(self, demo, partner):
        got = page(demo, f"/invoices/{partner.newest_invoice_id}/lineitems/OneTime/UsageLineItems")
        assert (got["items"], got["totalCount"]) == ([], 0)
        assert "next" not in got["links"]

    def test_marketplace_is_an_old_word_for_onetime_usage(self, demo, partner):
        key = partner.planted_invoice_id
        path = f"/invoices/{key}/lineitems?Provider=Marketplace&InvoiceLineItemType=UsageLineItems"
        assert page(demo, path)["items"] == items(demo, key, USAGE)

    def test_links_of_offset_pages_are_written_with_an_entity(self, demo):
        got = page(
            demo, "/invoices/D070001012/lineitems/Azure/BillingLineItems?size=2&amp;offset=2"
        )
        assert got["links"]["next"]["uri"] == (
            "/invoices/D070001012/lineitems/Azure/BillingLineItems?size=2&amp;offset=4"
        )

    def test_tokens_differ_in_case_only_or_in_the_order_of_their_parts_only(self, demo, partner):
        """A cache that lower-cases or sorts the header would mistake one page for another."""
        pages = list(walk(demo, target(partner.newest_invoice_id, USAGE)))
        tokens = [got["links"]["next"]["headers"][0]["value"] for got in pages[:-1]]
        assert len(set(tokens)) == 10
        assert tokens[0].lower() == tokens[1].lower()
        assert sorted(tokens[0].split(",")) == sorted(tokens[2].split(","))
        assert all(mark in token for token in tokens for mark in ",/=_")
        assert len({json.dumps(got["items"], default=str) for got in pages[:3]}) == 3
        assert len(offsets("any", 1, 5000)) == 4999

    def test_a_token_is_bound_to_its_collection_and_size(self, demo, partner):
        key = partner.newest_invoice_id
        held = page(demo, target(key, BILLING))["continuationToken"]
        for wrong in (target(key, USAGE), target(key, BILLING, 100), target("G012345601", BILLING)):
            status, _, body = ask(demo, wrong + "&seekOperation=Next", MS_ContinuationToken=held)
            assert (status, fault(body)) == (400, "3000")

    def test_an_unknown_or_missing_token_is_refused(self, demo, partner):
        path = target(partner.newest_invoice_id, BILLING) + "&seekOperation=Next"
        assert ask(demo, path)[0] == 400
        assert ask(demo, path, MS_ContinuationToken="AQAAAA==")[0] == 400

    def test_the_list_is_whole_unpaged_and_repeats_modern_invoices_when_paged(self, demo):
        """As the service's notes say: size and offset mean nothing to new commerce."""
        whole = page(demo, "/invoices")
        assert whole["totalCount"] == len(whole["items"]) == 26
        assert "next" not in whole["links"]
        paged = list(walk(demo, "/invoices?size=5"))
        assert [got["totalCount"] for got in paged] == [19, 19, 16]
        assert {i["id"] for got in paged for i in got["items"]} == {i["id"] for i in whole["items"]}


class TestTheServer:
    @pytest.mark.parametrize("shown", ["Bearer wrong", "", SANDBOX_TOKEN, "Bearer é"])
    def test_a_wrong_token_is_refused(self, demo, shown):
        status, headers, body = ask(demo, "/invoices", Authorization=shown)
        assert (status, fault(body)) == (401, "400")
        assert headers["WWW-Authenticate"].startswith("OAuth realm=")
        assert SANDBOX_TOKEN.encode() not in body

    def test_its_token_says_what_it_is(self, demo):
        """To a person and a secret scanner in clear, to the doctor in its claims."""
        assert demo.token == SANDBOX_TOKEN
        assert SANDBOX_TOKEN.startswith("invoicekit-sandbox.")
        assert SANDBOX_TOKEN.endswith(".not-a-credential")
        assert not re.search(r"ey[\w-]{10,}\.ey[\w-]{10,}\.", SANDBOX_TOKEN)
        claims = claims_of(SANDBOX_TOKEN)
        assert claims.keys() >= {"aud", "tid", "exp"}
        assert (claims["aud"], claims["note"]) == ("invoicekit sandbox", "not a credential")

    def test_recorded_data_has_a_token_that_nobody_can_know(self, seeds):
        with Sandbox(Recorded(SEEDS)) as another:
            assert len({SANDBOX_TOKEN, seeds.token, another.token}) == 3
            assert min(len(seeds.token), len(another.token)) > 40
            shown = f"Bearer {SANDBOX_TOKEN}"
            assert ask(another, "/invoices", Authorization=shown)[0] == 401
            assert ask(another, "/invoices")[0] == 200
        with Sandbox(Recorded(SEEDS), token="mine") as named:
            assert named.token == "mine"

    @pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LocalHost", "[::1]"])
    def test_it_answers_to_the_names_of_loopback(self, demo, name):
        host = f"{name}:{port_of(demo)}"
        assert ask(demo, "/invoices/G012345612", Host=host)[0] == 200

    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
    @pytest.mark.parametrize(
        "hosts",
        [
            ["rebound.example:{port}"],
            ["127.0.0.1"],
            ["127.0.0.1:1"],
            ["127.0.0.1.rebound.example:{port}"],
            ["rebound.example:{port}", "127.0.0.1:{port}"],
            [""],
            [],
        ],
        ids=["another name", "no port", "another port", "longer", "two", "empty", "none"],
    )
    def test_a_page_that_bound_its_name_to_loopback_is_refused(self, demo, hosts, method):
        """DNS rebinding: the browser sends what its page knows, and its own idea of the host."""
        before = len(demo.requests)
        with closing(http.client.HTTPConnection("127.0.0.1", port_of(demo), timeout=10)) as ours:
            ours.putrequest(method, "/v1/invoices", skip_host=True)
            for host in hosts:
                ours.putheader("Host", host.format(port=port_of(demo)))
            ours.putheader("Authorization", f"Bearer {demo.token}")
            ours.endheaders()
            response = ours.getresponse()
            assert (response.status, response.getheader("Connection")) == (421, "close")
            assert b"G012345612" not in response.read()
        assert len(demo.requests) == before

    @pytest.mark.parametrize(
        "path",
        [
            "/invoices/G999",
            "/invoices/OneTime-G012345612",
            "/invoices/..%2F..%2Fetc%0A",
            "/invoices/G999/lineitems/OneTime/BillingLineItems",
            "/invoices/G012345612/lineitems/Office/BillingLineItems",
            "/invoices/D070001012/lineitems?provider=onetime&invoicelineitemtype=billinglineitems",
            "/invoices/G999/documents/statement",
            "/invoices/G012345612/receipts/1/documents/statement",
            "/nothing",
        ],
    )
    def test_what_does_not_exist_is_404_with_a_fault(self, demo, path):
        status, _, body = ask(demo, path)
        assert (status, fault(body)) == (404, "1000")

    @pytest.mark.parametrize(
        ("path", "code"),
        [
            ("Amazon/BillingLineItems", "900126"),
            ("OneTime/Lines", "900126"),
            ("Office/UsageLineItems", "800002"),
            ("OneTime/BillingLineItems?size=2001", "900126"),
            ("OneTime/BillingLineItems?size=0", "900126"),
            ("OneTime/BillingLineItems?size=many", "900126"),
            ("OneTime/BillingLineItems?seekOperation=Previous", "900126"),
            ("Office/BillingLineItems?offset=-1", "900126"),
        ],
    )
    def test_what_makes_no_sense_is_400_with_a_fault(self, demo, path, code):
        status, _, body = ask(demo, f"/invoices/G012345612/lineitems/{path}")
        assert (status, fault(body)) == (400, code)

    def test_the_spelling_of_the_json_is_no_word_for_an_address(self, demo):
        for path in ("/one_time/BillingLineItems", "?provider=one_time&invoicelineitemtype=x"):
            status, _, body = ask(demo, f"/invoices/G012345612/lineitems{path}")
            assert (status, json.loads(body)) == (400, {"message": "The request is invalid."})

    def test_the_response_headers_are_the_services(self, demo):
        _, headers, body = ask(demo, "/invoices/G012345612", MS_RequestId="r-1")
        assert headers["MS-RequestId"] == "r-1"
        assert all(headers[name] for name in ("MS-CorrelationId", "MS-CV", "MS-ServerId", "Date"))
        assert headers["Content-Type"] == "application/json; charset=utf-8"
        assert int(headers["Content-Length"]) == len(body)

    def test_the_list_begins_with_a_byte_order_mark(self, demo):
        assert ask(demo, "/invoices")[2].startswith(b"\xef\xbb\xbf{")

    def test_bodies_are_packed_for_whoever_asks(self, demo):
        _, plain_headers, plain = ask(demo, "/invoices")
        _, headers, packed = ask(demo, "/invoices", Accept_Encoding="gzip, deflate")
        assert plain_headers["Content-Encoding"] is None
        assert headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed) == plain

    def test_documents_are_pdfs(self, demo):
        invoice = page(demo, "/invoices/G012345612")
        links = [invoice["pdfDownloadLink"]]
        links += [receipt["taxReceiptPdfDownloadLink"] for receipt in invoice["taxReceipts"]]
        for link in links:
            _, headers, body = ask(demo, link)
            assert headers["Content-Type"] == "application/pdf"
            assert headers["Content-Disposition"].startswith("attachment; filename=")
            assert body.startswith(b"%PDF-1.4")
            assert body.endswith(b"%%EOF\n")
            table = int(re.search(rb"startxref\n(\d+)", body)[1])
            assert body[table:].startswith(b"xref")

    def test_requests_are_remembered_without_their_token(self, demo):
        ask(demo, "/invoices/G999?x=1", X_Locale="en-US")
        last = demo.requests[-1]
        assert (last.method, last.target) == ("GET", "/v1/invoices/G999?x=1")
        assert {name.lower(): text for name, text in last.headers.items()}["x-locale"] == "en-US"
        assert SANDBOX_TOKEN not in repr(demo.requests) + repr(demo)

    def test_what_is_remembered_is_bounded(self, demo):
        assert demo.requests.maxlen == MOST_REQUESTS
        credentials = {"Cookie": "c00kie", "Proxy_Authorization": "pr0xy"}
        ask(demo, f"/invoices/{'9' * 50_000}", X_Long="9" * 50_000, **credentials)
        last = repr(demo.requests[-1])
        assert len(last) < 3 * MOST_TEXT
        assert "c00kie" not in last
        assert "pr0xy" not in last

    def test_a_connection_is_kept_and_nothing_but_get_is_served(self, demo):
        connection = http.client.HTTPConnection(demo.url.removeprefix("http://"), timeout=10)
        signed = {"Authorization": f"Bearer {demo.token}"}
        for _ in range(2):
            connection.request("GET", "/v1/invoices/G012345612", headers=signed)
            kept = connection.sock
            assert connection.getresponse().read()
        assert connection.sock is kept
        connection.request("POST", "/v1/invoices", body=b"{}", headers=signed)
        response = connection.getresponse()
        assert (response.status, response.getheader("Connection")) == (405, "close")
        response.read()
        connection.close()

    def test_a_client_that_hangs_up_is_not_mourned(self, partner, capfd):
        with Sandbox(partner) as sandbox:
            host, port = sandbox.url.removeprefix("http://").split(":")
            for _ in range(3):
                with socket.create_connection((host, int(port))) as hasty:
                    path = target(partner.newest_invoice_id, BILLING)
                    signed = f"Authorization: Bearer {sandbox.token}"
                    hasty.sendall(f"GET /v1{path} HTTP/1.1\r\n{signed}\r\n\r\n".encode())
                    # Closing with a reset, while megabytes are still under way.
                    linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
                    hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            assert ask(sandbox, "/invoices/G012345612")[0] == 200
        assert capfd.readouterr() == ("", "")

    def test_two_at_once_get_the_same_lines(self):
        with Sandbox(DemoPartner()) as sandbox:
            got = []
            threads = [
                threading.Thread(target=lambda: got.append(items(sandbox, "G012345605", BILLING)))
                for _ in range(2)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert got[0] == got[1]
        assert len(got[0]) == demo_partner().counts("G012345605")[BILLING]

    def test_closes_twice_and_without_having_started(self, partner):
        sandbox = Sandbox(partner)
        sandbox.close()
        sandbox.close()
        with Sandbox(partner) as started:
            started.close()


class TestWhatIsNotAnInvoice:
    def test_summaries_are_what_the_headers_leave_open_per_currency(self, demo):
        invoices = page(demo, "/invoices")["items"]
        summaries = page(demo, "/invoices/summaries")["items"]
        assert [each["currencyCode"] for each in summaries] == ["EUR", "JPY", "USD"]
        for each in summaries:
            ours = [i for i in invoices if i["currencyCode"] == each["currencyCode"]]
            assert each["balanceAmount"] == sum(i["totalCharges"] - i["paidAmount"] for i in ours)
            latest = max(i["invoiceDate"] for i in ours)
            assert each["latestInvoiceDate"][:10] == latest[:10]
            parts = [part["summary"]["balanceAmount"] for part in each["details"]]
            assert sum(parts) == each["balanceAmount"]
            paid = max(
                (i for i in ours if i["paidAmount"]), key=lambda i: (i["invoiceDate"], i["id"])
            )
            assert each["lastPaymentAmount"] == paid["paidAmount"]
        assert summaries[-1]["balanceAmount"] > 0
        assert page(demo, "/invoices/summary") == summaries[-1]

    def test_estimate_links_lead_to_lines_that_are_not_billed(self, demo):
        """Four: two kinds, two months. The lines name no invoice and have no tax."""
        links = page(demo, "/invoices/estimates/links?currencycode=USD")
        assert "links" not in links
        assert [(row["type"], row["period"]) for row in links["items"]] == [
            ("daily_rated_usage", "Current"), ("daily_rated_usage", "Previous"),
            ("non_consumption", "Current"), ("non_consumption", "Previous"),
        ]  # fmt: skip
        for row in links["items"]:
            lines = [item for got in walk(demo, row["link"]["uri"]) for item in got["items"]]
            assert {line["invoiceNumber"] for line in lines} == {""}
            month = "2026-11" if row["period"] == "Current" else "2026-10"
            usage = row["type"] == "daily_rated_usage"
            days = [line["usageDate" if usage else "chargeStartDate"] for line in lines]
            assert {day[:7] for day in days} == {month}
            if not usage:
                assert {Decimal(line["taxTotal"]) for line in lines} == {0}

    def test_lines_not_billed_want_a_currency_and_a_period(self, demo):
        path = "/invoices/unbilled/lineitems?provider=all&invoicelineitemtype=billinglineitems"
        for query in ("", "&currencycode=USD", "&period=current", "&currencycode=USD&period=last"):
            assert ask(demo, path + query)[0] == 400
        assert ask(demo, "/invoices/estimates/links")[0] == 400
        assert page(demo, f"{path}&currencycode=EUR&period=current")["items"] == []

    def test_of_the_legacy_programme_nothing_is_unbilled(self, demo):
        path = "/invoices/unbilled/lineitems?provider=office&invoicelineitemtype=billinglineitems"
        assert ask(demo, f"{path}&currencycode=USD&period=current")[0] == 400

    def test_with_graph_beside_it_partner_center_has_nothing_unbilled(self):
        path = "/invoices/unbilled/lineitems?provider=all&invoicelineitemtype=billinglineitems"
        with demo_sandbox(graph=True) as both:
            assert ask(both, f"{path}&currencycode=USD&period=current")[0] == 404

    def test_an_adjustment_note_is_chained_to_what_it_corrects(self):
        with demo_sandbox(graph=True) as both:
            listed = {i["id"]: i for i in page(both, "/invoices")["items"]}
            note = page(both, "/invoices/G012340102")
            assert "G012340102" not in listed
            [nested] = listed["G012340002"]["amendments"]
            assert (note["documentType"], note["amendsOf"]) == ("adjustment_note", "G012340002")
            assert not {"links", "pdfDownloadLink", "taxReceipts"} & nested.keys()
            assert not any("links" in detail for detail in nested["invoiceDetails"])
            del nested["invoiceDetails"]
            assert nested.items() <= note.items()
            [line] = items(both, "G012340102", BILLING)
            assert line["totalForCustomer"] == note["totalCharges"] < 0

    def test_recorded_data_has_none_of_it(self, seeds):
        for path in (
            "/invoices/summary",
            "/invoices/summaries",
            "/invoices/estimates/links?currencycode=USD",
        ):
            assert ask(seeds, path)[0] == 404


class TestTheSeeds:
    LIST = ("/invoices", "/invoices?size=200&amp;offset=0", "/invoices?size=2&offset=0")
    OFFICE = "/invoices/D070002ISK/lineitems/Office/BillingLineItems"
    ONETIME = "/invoices/G000024135/lineitems/OneTime/BillingLineItems"

    def served(self, seeds, path, name, **headers):
        assert ask(seeds, path, **headers)[2] == (SEEDS / name).read_bytes()

    def test_every_request_gets_its_recorded_response_byte_for_byte(self, seeds):
        for path in self.LIST:
            self.served(seeds, path, "invoices.json")
        self.served(seeds, "/invoices/G000024135", "invoice-G000024135.json")
        for query in ("", "?size=2&amp;offset=0", "?size=2000"):
            self.served(seeds, self.OFFICE + query, "D070002ISK-office-billing-0.json")
            self.served(seeds, self.ONETIME + query, "G000024135-onetime-billing-1.json")
        first = json.loads((SEEDS / "G000024135-onetime-billing-1.json").read_bytes())
        self.served(
            seeds,
            self.ONETIME + "?seekOperation=Next",
            "G000024135-onetime-billing-2.json",
            MS_ContinuationToken=first["continuationToken"],
        )

    def test_the_three_lines_add_up_to_the_header(self, seeds):
        lines = [item for got in walk(seeds, self.ONETIME) for item in got["items"]]
        total = sum(Decimal(item["totalForCustomer"]) for item in lines)
        assert page(seeds, "/invoices/G000024135")["totalCharges"] == total == Decimal("2076.63")

    def test_what_next_links_lead_to_is_an_empty_page(self, seeds):
        for path, pages in ((self.OFFICE, [2, 0]), ("/invoices", [2, 0])):
            assert [got["totalCount"] for got in walk(seeds, path)] == pages

    def test_listed_invoices_are_served_by_id_in_the_lists_own_text(self, seeds):
        whole = (SEEDS / "invoices.json").read_bytes()
        for key in ("D070002ISK", "D070002J8C"):
            body = ask(seeds, f"/invoices/{key}")[2]
            assert body in whole
            assert json.loads(body)["id"] == key

    @pytest.mark.parametrize(
        "path",
        [
            "/invoices/D070002ISK/lineitems/Azure/BillingLineItems",
            "/invoices/D070002ISK/lineitems/Azure/UsageLineItems",
            "/invoices/D070002J8C/lineitems/Office/BillingLineItems",
            "/invoices/G000024135/lineitems/OneTime/UsageLineItems",
            "/invoices/G000024135/documents/statement",
            "/invoices/G000024136",
        ],
    )
    def test_nothing_else_was_recorded(self, seeds, path):
        status, _, body = ask(seeds, path)
        assert (status, fault(body)) == (404, "1000")

    def test_a_token_that_was_not_given_is_refused(self, seeds):
        path = self.ONETIME + "?seekOperation=Next"
        assert ask(seeds, path, MS_ContinuationToken="another")[0] == 400
        assert ask(seeds, path)[0] == 400


def test_the_demos_folder_goes_at_exit_whatever_a_thread_wrote_after_it_was_closed():
    code = (
        "import invoicekit as ik\n"
        "with ik.demo() as client:\n"
        "    client.latest.reconcile()\n"
        "folder = client.settings.cache_dir\n"
        "print(folder, folder.exists())\n"
        "folder.joinpath('late').mkdir(parents=True)\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    folder, _, there = done.stdout.strip().rpartition(" ")
    assert there == "False"
    assert not Path(folder).exists()

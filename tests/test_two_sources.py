"""Invoices whose lines Microsoft Graph has, through the public objects: charges, proof, store."""

from __future__ import annotations

import json
import threading
import warnings
from dataclasses import replace
from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import invoicekit as ik
from invoicekit.frames.collection_result import CollectionResult
from invoicekit.sandbox.demo import demo_partner
from invoicekit.sandbox.graph.exports import Prepared, export_of, packed
from invoicekit.sandbox.graph.script import Fault, Script
from invoicekit.sandbox.graph.server import GraphServer
from invoicekit.sandbox.server import Sandbox, demo_sandbox
from invoicekit.secret import Secret
from invoicekit.settings import read_settings
from invoicekit.sources.base import InvoiceHeader
from invoicekit.sources.choose import collections_of
from support.server import TOKEN, invoice, line, page, rows

AT_ONCE = Script(("succeeded",))


@pytest.fixture(scope="module")
def both():
    """The demo partner, all of whose new commerce lines are at both services."""
    partner = demo_partner()
    with Sandbox(partner, exports=partner.exports) as sandbox:
        sandbox.graph.script = AT_ONCE
        yield sandbox


@pytest.fixture
def open_client(tmp_path):
    clients = []

    def open_(sandbox, cache="cache", **given):
        settings = {**sandbox.settings, "cache_dir": tmp_path / cache, "tenant_id": "t", **given}
        clients.append(ik.connect(**{"client_id": "one-app", **settings}))
        clients[-1].retry_policy = ik.RetryPolicy(first=0.01)
        return clients[-1]

    yield open_
    for client in clients:
        client.close()


def test_the_same_invoice_has_the_same_charges_from_either_source(both, open_client):
    ours = open_client(both)
    ids = [one for one in ours.invoices()["invoice_id"] if one.startswith("G")][:3]
    assert len(ids) == 3
    for invoice_id in ids:
        one, two = ours.invoice(invoice_id), ours.invoice(invoice_id)
        old, new = one.line_items(source="v1"), two.line_items(source="graph")
        assert set(old.ledger["source"]) == {"v1"}
        assert set(new.ledger["source"]) == {"graph"}
        assert "from Partner Center" in repr(old)
        assert "from Microsoft Graph" in repr(new)
        for usage in (False, True):
            assert_frame_equal(ik.charges(new, usage=usage), ik.charges(old, usage=usage))
        assert replace(one.reconcile(), pages=None) == replace(two.reconcile(), pages=None)


def test_without_a_token_for_graph_sync_brings_in_what_partner_center_has(open_client):
    with demo_sandbox(graph=True) as sandbox:
        settings = {"graph_token": None, "graph_url": sandbox.graph_url}
        client = open_client(sandbox, **settings)
        with pytest.raises(ik.SettingsError, match="graph_token") as told:
            client.sync(tell=lambda _: None)
        synced = told.value.synced
        assert set(synced["source"]) == {"v1"}
        assert set(synced["state"]) == {"ties"}
        listed = client.invoices()["invoice_id"].to_list()
        assert 0 < synced.height < len(listed)
        assert {one for one in listed if one.startswith("D")} <= set(synced["invoice_id"])


def test_the_source_goes_by_the_period(open_client):
    with demo_sandbox(graph=True) as sandbox:
        sandbox.graph.script = AT_ONCE
        client = open_client(sandbox)
        found = client.invoices().filter(pl.col("amends_of").is_null())
        synced = client.sync(tell=lambda _: None)
        by_id = dict(synced.select("invoice_id", "source").iter_rows())
        for row in found.iter_rows(named=True):
            month = (row["billing_period_start"] or row["invoice_date"]).strftime("%Y-%m")
            new = row["invoice_id"].startswith("G") and month >= "2024-02"
            assert by_id[row["invoice_id"]] == ("graph" if new else "v1"), row["invoice_id"]
        assert set(by_id.values()) == {"v1", "graph"}
        assert set(synced["state"]) <= {"ties", "differs"}
        assert sandbox.graph.leaked == []


def test_nobody_waits_for_the_demos_exports(open_client):
    with demo_sandbox(graph=True) as sandbox:
        open_client(sandbox).invoice("G012345611").line_items()
        asked = [one.method for one in sandbox.graph.requests]
    assert sorted(asked) == ["GET", "GET", "POST", "POST"]  # one poll for each export


def test_stored_lines_of_graph_are_those_in_memory(both, open_client):
    client = open_client(both)
    invoice_id = client.latest.id
    assert client.invoice(invoice_id).sync().source == "graph"
    before = len(both.graph.requests)
    again = open_client(both).invoice(invoice_id)
    assert again.reconcile().ties
    assert set(again.ledger["source"]) == {"graph"}
    assert again.ledger["from_cache"].all()
    assert len(both.graph.requests) == before
    fresh = open_client(both, "other").invoice(invoice_id)
    assert_frame_equal(fresh.charges(), again.charges())


def test_another_source_replaces_all_that_was_read(both, open_client):
    invoice = open_client(both).latest
    assert set(invoice.line_items().ledger["source"]) == {"graph"}
    assert set(invoice.line_items(source="v1").ledger["source"]) == {"v1"}
    assert set(invoice.line_items(line_item_type="usage").ledger["source"]) == {"v1"}
    assert set(invoice.line_items(source="graph").ledger["source"]) == {"graph"}
    with pytest.raises(ValueError, match="one of v1, graph"):
        invoice.line_items(source="v2")


def test_two_threads_that_ask_two_sources_mix_no_lines(both, open_client):
    """The answer of the one comes while the other has asked another source meanwhile."""
    at_work, done = threading.Event(), threading.Event()

    def hold(_name: str, _lines: int) -> None:
        if not at_work.is_set():
            at_work.set()
            done.wait(20)

    invoice = open_client(both, progress=hold).latest
    found = []
    slow = threading.Thread(target=lambda: found.append(invoice.line_items(source="graph")))
    slow.start()
    assert at_work.wait(20)
    invoice.line_items(source="v1", line_item_type="billing")
    done.set()
    slow.join()
    assert set(found[0].ledger["source"]) == {"graph"}
    assert set(invoice.line_items().ledger["source"]) == {"v1"}
    assert invoice.reconcile().ties


def test_legacy_lines_are_not_at_graph(both, open_client):
    client = open_client(both)
    legacy = next(one for one in client.invoices()["invoice_id"] if one.startswith("D"))
    assert set(client.invoice(legacy).line_items().ledger["source"]) == {"v1"}
    with pytest.raises(ValueError, match="'graph' does not hold"):
        client.invoice(legacy).line_items(source="graph")


def test_a_host_of_ones_own_without_a_graph_has_all_lines(both, open_client):
    given = {"graph_url": None, "graph_token": None}
    client = open_client(both, **given)
    assert set(client.latest.line_items().ledger["source"]) == {"v1"}
    with pytest.raises(ik.SettingsError, match="graph_url"):
        client.latest.line_items(source="graph")


def test_without_a_token_for_graph_the_error_names_it(both, open_client):
    client = open_client(both, graph_token=None)
    before = len(both.graph.requests)
    with pytest.raises(ik.SettingsError, match="graph_token"):
        client.latest.line_items()
    assert len(both.graph.requests) == before
    assert client.latest.line_items(source="v1")


def test_the_report_says_the_source(both, open_client, tmp_path):
    invoice = open_client(both).latest
    text = invoice.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert ">graph<" in text


HEADER = InvoiceHeader(
    "G1", date(2026, 10, 5), "USD", Decimal(1), period_start=date(2026, 9, 1), closed=True
)


def settings_of(**given):
    return read_settings({"token": Secret("t"), "tenant_id": "t", **given}, environ={})


def test_what_providers_share_is_read_once():
    pairs = [("marketplace", "billing"), ("onetime", "usage"), ("onetime", "billing"),
             ("marketplace", "usage"), ("office", "billing")]  # fmt: skip
    found = collections_of(HEADER, pairs, settings_of())
    assert [one.pair for one in found] == pairs
    assert [one.held_by for one in found] == ["onetime", "", "", "onetime", ""]
    assert [one.source for one in found] == ["graph"] * 4 + ["v1"]
    old = collections_of(replace(HEADER, period_start=date(2024, 1, 1)), pairs, settings_of())
    assert {(one.source, one.held_by) for one in old} == {("v1", "")}


def test_a_type_that_graph_does_not_export_is_asked_of_v1_which_refuses_by_name():
    (found,) = collections_of(HEADER, [("onetime", "credits")], settings_of())
    assert found.source == "v1"
    with pytest.raises(ValueError, match="Graph exports no 'credits'"):
        collections_of(HEADER, [("onetime", "credits")], settings_of(), "graph")


GRAPH_LINE = b'{"CustomerId":"a","Subtotal":1.10,"TaxTotal":0,"Total":1.10,"Currency":"USD"}'
PAIRS = (
    ("marketplace", "billing_line_items"),
    ("one_time", "billing_line_items"),
    ("one_time", "usage_line_items"),
)


@pytest.fixture
def shared(serve):
    """An invoice of two providers, its lines at a Graph without usage."""
    header = invoice(total="1.10", pairs=PAIRS, date="2026-10-05T00:00:00Z")
    service = serve(
        lambda asked: page(f"[{header}]") if asked.target == "/v1/invoices" else header.encode()
    )
    exports = Prepared({("reconciliation", "G1"): export_of(packed([GRAPH_LINE]))})
    with GraphServer(exports, AT_ONCE) as graph:
        yield service, graph


@pytest.fixture
def shared_client(shared, tmp_path):
    service, graph = shared
    with ik.connect(
        token=TOKEN, base_url=service.url, graph_url=graph.url, graph_token=graph.token,
        cache_dir=tmp_path / "cache", tenant_id="t", client_id="one-app",
    ) as client:  # fmt: skip
        client.retry_policy = ik.RetryPolicy(first=0.01)
        yield client


def test_lines_of_two_providers_count_once_and_usage_may_wait(shared_client):
    found = shared_client.invoice("G1")
    with pytest.warns(UserWarning, match="onetime/usage of G1 is left out, no data yet"):
        proof = found.reconcile()
    assert proof.ties
    assert (proof.lines, proof.lines_total) == (1, Decimal("1.10"))
    states = dict(proof.parts.select("part", "state").iter_rows())
    assert states == {
        "marketplace/billing": "read with another provider's",
        "onetime/billing": "added",
        "onetime/usage": "no data yet",
    }
    for refresh in (False, True):
        with pytest.raises(ValueError, match="do not tell providers apart"):
            found.line_items(provider="marketplace", line_item_type="billing", refresh=refresh)
    assert found.line_items(line_item_type="billing").collections.height == 3


def test_one_provider_first_and_all_of_them_then(shared_client):
    found = shared_client.invoice("G1")
    assert found.line_items(provider="onetime", line_item_type="billing")
    with pytest.warns(UserWarning, match="no data yet"):
        assert ik.charges(found.line_items()).height == 1


def test_such_an_invoice_is_stored_for_an_hour(shared, shared_client):
    with pytest.warns(UserWarning, match="no data yet"):
        assert shared_client.invoice("G1").sync().proof.ties
    _, graph = shared
    before = len(graph.requests)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        synced = shared_client.invoice("G1").sync()
    assert (synced.new, synced.proof.ties) == (False, True)
    assert len(graph.requests) == before


def test_billing_without_data_makes_it_incomplete_and_is_asked_again(shared, shared_client):
    _, graph = shared
    graph._service.exports = Prepared({})
    with pytest.warns(UserWarning, match="no data yet"):
        proof = shared_client.invoice("G1").reconcile()
    assert proof.state == "incomplete"
    assert "onetime/billing (no data yet)" in proof.missing
    graph._service.exports = Prepared({("reconciliation", "G1"): export_of(packed([GRAPH_LINE]))})
    with pytest.warns(UserWarning, match="no data yet"):
        assert shared_client.invoice("G1").reconcile().ties


def test_what_graph_refuses_is_left_out_and_named(shared, shared_client):
    _, graph = shared
    fault = Fault("submit", 403, "Authorization_RequestDenied", times=99)
    graph.script = replace(AT_ONCE, faults=(fault,))
    with pytest.warns(UserWarning, match=r"refused \(403\).*PartnerBilling.Read.All"):
        proof = shared_client.invoice("G1").reconcile()
    assert proof.state == "incomplete"
    assert "onetime/billing (refused (403))" in proof.missing


def test_a_blob_that_is_refused_is_an_error_and_leaves_nothing_out(shared, shared_client):
    _, graph = shared
    fault = Fault("blob", 404, "BlobNotFound", times=99)
    graph.script = replace(AT_ONCE, faults=(fault,))
    with pytest.raises(ik.NotFoundError, match="BlobNotFound"):
        shared_client.invoice("G1").reconcile()


def test_results_keep_their_source():
    result = CollectionResult("onetime", "usage", "no data yet", source="graph")
    assert CollectionResult.from_json(result.to_json()) == replace(result, readings=[])
    assert result.is_settled
    assert not replace(result, line_item_type="billing").is_settled


def test_lines_of_v1_are_as_they_were(serve, tmp_path):
    """A host of one's own that knows nothing of Graph."""
    header = invoice(total="1.10", date="2026-10-05T00:00:00Z")
    service = serve(
        lambda asked: page(rows(line("1.10"))) if "lineitems" in asked.target else header.encode()
    )
    with ik.connect(
        token=TOKEN, base_url=service.url, cache_dir=tmp_path / "cache", tenant_id="t"
    ) as client:
        assert client.invoice("G1").reconcile().ties


@pytest.mark.parametrize("line_item_type", ["billing", "usage"])
@pytest.mark.parametrize("into", ["memory", "store"])
def test_an_export_of_another_invoice_is_refused_and_forgotten(
    shared, shared_client, line_item_type, into
):
    _, graph = shared
    lines = {
        ("reconciliation", "billing"): json.loads(GRAPH_LINE),
        ("usage", "usage"): {"CustomerId": "a", "BillingCurrency": "USD"},
    }

    def export(line, *numbers):
        rows = [json.dumps(line | {"InvoiceNumber": number}).encode() for number in numbers]
        return export_of(packed(rows))

    graph._service.exports = Prepared({
        (name, "G1"): export(line, "", "G2" if kind == line_item_type else " g1")
        for (name, kind), line in lines.items()
    })  # fmt: skip

    def read():
        found = shared_client.invoice("G1")
        if into == "store":
            return found.sync()
        return found.line_items(line_item_type=line_item_type)

    with pytest.raises(ik.PageError, match=rf"onetime/{line_item_type} of G1 .* another"):
        read()
    graph._service.exports = Prepared({
        (name, "G1"): export(line, "", "G1") for (name, _), line in lines.items()
    })  # fmt: skip
    assert read()


def test_lines_that_name_another_invoice_beside_its_own_are_kept_and_told(shared, shared_client):
    _, graph = shared
    ours, theirs = json.loads(GRAPH_LINE), json.loads(GRAPH_LINE) | {"InvoiceNumber": "G2"}
    usage = {"CustomerId": "a", "BillingCurrency": "USD", "InvoiceNumber": "G1"}
    graph._service.exports = Prepared({
        ("reconciliation", "G1"): export_of(packed([
            json.dumps(row).encode() for row in (ours | {"InvoiceNumber": "G1"}, theirs, theirs)
        ])),
        ("usage", "G1"): export_of(packed([json.dumps(usage).encode()])),
    })  # fmt: skip
    with pytest.warns(UserWarning, match="2 of its lines name another invoice"):
        items = shared_client.invoice("G1").line_items()
    assert items["OneTimeInvoiceLineItem"]["invoice_number"].to_list() == ["G1", "G2", "G2"]

"""From a service to frames, totals and proof: Microsoft's own samples, and the demo partner."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import date
from decimal import Decimal

import polars as pl
import pytest

import invoicekit as ik
from invoicekit.sandbox.demo import demo_partner
from support.partner import CLOSED, ONE_TIME_AND_AZURE, SEEK_LINK, Partner, refused
from support.server import Asked, Reply, invoice, line, page, rows

ONE_TIME = "OneTimeInvoiceLineItem"


def test_the_sample_invoice_ties_over_two_pages_by_token(recorded):
    found = recorded.invoice("G000024135")
    items = found.line_items()
    lines = items[ONE_TIME]
    assert lines["total_for_customer"].to_list() == [
        Decimal("470.67"),
        Decimal("28.72"),
        Decimal("1577.24"),
    ]
    assert lines["page"].to_list() == [1, 1, 2]
    assert items.ledger.select("page", "rows", "total", "from_cache").rows() == [
        (1, 2, 2, False),
        (2, 1, 1, False),
    ]
    proof = found.reconcile()
    assert (proof.ties, proof.lines, proof.pages) == (True, 3, 2)
    assert str(proof.difference) == "0.00"
    assert str(proof) == "✔ ties: 2,076.63 USD, 3 lines, 2 pages, difference 0.00"
    assert (found.date, str(found.total), str(found.paid)) == (date(2018, 2, 8), "2076.63", "0.00")
    assert found.totals()["total"].item() == Decimal("2076.63")


def test_the_sample_office_page_is_typed(recorded):
    found = recorded.invoice("D070002ISK")
    with pytest.warns(UserWarning, match=r"not found \(404\)"):
        lines = found.line_items()["LicenseBasedLineItem"]
    assert lines.height == 2
    assert lines["mpn_id"].to_list() == ["4391507", "4391507"]
    assert lines["tier2_mpn_id"].to_list() == [None, None]
    assert lines["charge_start_date"].to_list() == [date(2017, 5, 12), date(2017, 5, 13)]
    proof = found.reconcile()
    assert proof.state == "incomplete"
    assert proof.missing == ["azure/billing (not found (404))", "azure/usage (not found (404))"]
    assert "not complete: azure/billing (not found (404))" in str(proof)


def test_one_thread_has_its_lines_while_another_syncs_the_same_invoice_anew(serve, open_client):
    anew, gate = threading.Event(), threading.Event()
    asked_before = []

    def lines(asked: Asked) -> bytes:
        if "azure" in asked.target.lower():
            gate.set()
            anew.wait(20)
        elif asked_before:
            anew.set()
        asked_before.append(asked)
        return page(rows(line(name="A" if "azure" in asked.target.lower() else "O")))

    header = invoice(total="2.20", date=CLOSED, pairs=ONE_TIME_AND_AZURE)
    found = open_client(serve(Partner(header, lines=lines))).invoice("G1")
    found.line_items(provider="onetime")
    got = []
    reader = threading.Thread(target=lambda: got.append(found.charges()))
    reader.start()
    assert gate.wait(20)
    assert found.sync(refresh=True).proof.ties
    reader.join()
    assert sorted(got[0]["customer_name"]) == ["A", "O"]


def test_the_sample_list_is_two_invoices_newest_first(recorded):
    found = recorded.invoices()
    assert found["invoice_id"].to_list() == ["D070002J8C", "D070002ISK"]
    assert found.columns[:9] == [
        "invoice_id", "invoice_date", "billing_period_start", "billing_period_end",
        "total_charges", "paid_amount", "currency", "document_type", "invoice_type",
    ]  # fmt: skip
    assert found.schema["invoice_date"] == pl.Date
    assert found.schema["billing_period_start"] == found.schema["billing_period_end"] == pl.Date
    assert found["invoice_date"].to_list() == [
        recorded.invoice(i).date for i in found["invoice_id"]
    ]
    assert found["total_charges"].to_list() == [Decimal("88029.46"), Decimal("115761.32")]
    assert recorded.latest.id == "D070002J8C"


def test_the_newest_demo_invoice_is_all_there_and_ties(demo):
    partner = demo_partner()
    found = demo.latest
    assert found.id == partner.newest_invoice_id
    items = found.line_items()
    counts = partner.counts(found.id)
    billing, usage = items[ONE_TIME], items["DailyRatedUsageLineItem"]
    assert billing.height == counts["one_time", "billing_line_items"] >= 5_000
    assert usage.height == counts["one_time", "usage_line_items"] >= 20_000
    ledger = items.ledger
    for collection, frame in ledger.group_by("collection"):
        mine = billing if "billing" in collection[0] else usage
        pages = Counter(mine["page"])
        assert dict(frame.select("page", "rows").iter_rows()) == pages
    assert ledger.filter(pl.col("collection").str.contains("billing")).height >= 3
    proof = found.reconcile()
    assert proof.ties
    assert proof.lines_total == found.total == partner.total(found.id)
    assert proof.lines == billing.height  # usage is not added on top


def test_pages_say_how_many_rows_they_have_and_blobs_do_not(demo):
    pages, blobs = demo.invoice("D070001012").ledger, demo.invoice("G012345611").ledger
    assert pages["rows"].to_list() == pages["total"].to_list()
    assert blobs["total"].is_null().all()


@pytest.mark.parametrize(
    "by",
    [(), ("customer",), ("offer",), ("customer", "offer"), ("subscription",), ("charge_type",),
     ("provider", "charge_start"), ("object_type", "customer")],
)  # fmt: skip
def test_totals_of_any_keys_add_up_to_the_header(demo, by):
    found = demo.latest
    totals = found.totals(*by)
    assert totals["total"].sum() == found.total
    assert totals["lines"].sum() == found.charges().height


def test_totals_by_customer_are_the_generator_s_own(demo):
    found = demo.latest
    mine = dict(found.totals("customer").select("customer_id", "total").iter_rows())
    assert mine == demo_partner().customer_totals(found.id)


def test_the_planted_invoice_differs_by_exactly_its_credit(demo):
    partner = demo_partner()
    proof = demo.invoice(partner.planted_invoice_id).reconcile()
    assert (proof.state, proof.difference) == ("differs", partner.planted_credit)


def test_every_other_demo_invoice_ties(demo):
    planted = demo_partner().planted_invoice_id
    states = {
        found: demo.invoice(found).reconcile().state for found in demo.invoices()["invoice_id"]
    }
    assert states.pop(planted) == "differs"
    assert len(states) >= 24
    assert set(states.values()) == {"ties"}


def test_all_five_object_types_are_there(demo):
    from invoicekit.frames.schema import KINDS

    seen = set()
    for found in demo.invoices()["invoice_id"][:2]:
        for name, frame in demo.invoice(found).line_items().items():
            kind = next(kind for kind in KINDS if kind.object_type == name)
            assert frame.columns[5:] == [column.name for column in kind.columns]
            seen.add(name)
    assert seen == {kind.object_type for kind in KINDS}


def test_usage_takes_the_place_of_billing_and_is_never_added(demo):
    found = demo.latest
    usage = found.charges(usage=True)
    assert set(usage["object_type"]) == {"DailyRatedUsageLineItem"}
    assert usage["total"].null_count() == usage.height
    assert set(found.charges()["object_type"]) == {ONE_TIME}


def test_a_part_of_the_lines_can_be_asked_for_and_says_what_it_lacks(demo):
    found = demo.latest
    items = found.line_items(provider="OneTime", line_item_type="billing_line_items")
    assert list(items) == [ONE_TIME]
    assert items.missing == ["onetime/usage (left out)"]
    assert "not here: onetime/usage" in repr(items)
    proof = ik.reconcile(ik.charges(items), found.total, currency="USD", details=items.collections)
    assert (proof.state, proof.difference) == ("incomplete", 0)
    assert list(found.line_items(provider="office")) == []
    for wrong in ({"provider": "aws"}, {"line_item_type": "all"}):
        with pytest.raises(ValueError, match="is one of"):
            found.line_items(**wrong)


def test_lines_that_do_not_make_the_invoice_say_so(demo):
    """The frames of an invoice that differs look like any others."""
    assert "invoiced" not in repr(demo.latest.line_items())
    differs = repr(demo.invoice("G012345607").line_items())
    assert "  ✘ differs: 204,234.51 USD invoiced, 205,485.01 in these lines" in differs
    usage = demo.latest.line_items(line_item_type="usage")
    assert "  ⚠ incomplete: 247,259.68 USD invoiced, 0.00 in these lines" in repr(usage)
    assert "⚠ incomplete" in usage._repr_html_()


def test_customers_are_one_whatever_the_spelling_of_their_id(demo):
    for found in demo.invoices()["invoice_id"]:
        ids = demo.invoice(found).charges()["customer_id"].drop_nulls()
        assert not ids.str.contains("org:|[A-Z]").any()


def test_what_is_shown_asks_nothing_and_escapes(serve, open_client):
    service = serve(Partner(invoice("G1", currency="<b>")))
    client = open_client(service)
    found = client.invoice("G1")
    asked = len(service.asked)
    assert "not reconciled yet" in repr(found)
    assert "<b>" not in found._repr_html_() + client._repr_html_()
    assert len(service.asked) == asked
    found.reconcile()
    assert "differs" in repr(found)


def test_lines_are_asked_once_and_again_on_refresh(serve, open_client):
    service = serve(Partner())
    found = open_client(service).invoice("G1")
    found.reconcile()
    found.totals("customer")
    assert len(service.asked) == 2
    found.line_items(refresh=True)
    assert len(service.asked) == 3


def test_requests_carry_the_headers_of_the_service(serve, open_client):
    pages = {
        None: page(rows(line(name="A")), uri=SEEK_LINK, token="t/1,="),
        "t/1,=": page(rows(line(name="B"))),
    }
    service = serve(Partner(lines=lambda asked: pages[asked.token]))
    open_client(service, page_size=7).invoice("G1").reconcile()
    header, first, second = service.asked
    assert header.target == "/v1/invoices/G1"
    assert first.target == "/v1/invoices/G1/lineitems/OneTime/BillingLineItems?size=7&offset=0"
    assert second.target == f"/v1{SEEK_LINK}"
    assert second.token == "t/1,="
    for asked in service.asked:
        assert asked.headers["authorization"].startswith("Bearer ")
        assert asked.headers["accept"] == "application/json"
        assert asked.headers["x-locale"] == "en-US"
        assert asked.headers["ms-partnercenter-application"].startswith("invoicekit/")
    ids = [asked.headers["ms-requestid"] for asked in service.asked]
    assert len(set(ids)) == 3
    assert first.headers["ms-correlationid"] == second.headers["ms-correlationid"]


USAGE = "?provider={}&invoicelineitemtype=usagelineitems&currencycode=EUR&period=current&size=2000"


@pytest.mark.parametrize(
    ("pair", "target"),
    [
        (("office", "billing_line_items"), "/Office/BillingLineItems?size=2000&offset=0"),
        (("Azure", "UsageLineItems"), "/Azure/UsageLineItems?size=2000&offset=0"),
        (("one_time", "usage_line_items"), USAGE.format("onetime")),
        (("marketplace", "usage_line_items"), USAGE.format("marketplace")),
        (("external", "usage_line_items"), USAGE.format("external")),
        (("all", "usage_line_items"), USAGE.format("all")),
        (("external", "billing_line_items"), "/External/BillingLineItems?size=2000&offset=0"),
        (("azure_data_market", "billing_line_items"), "/Azuredatamarket/BillingLineItems"),
    ],
)
def test_each_pair_is_asked_in_the_style_that_answers_it(serve, open_client, pair, target):
    service = serve(Partner(invoice(pairs=(pair,), currency="EUR"), lines=page([])))
    open_client(service).invoice("G1").line_items()
    assert service.asked[-1].target.startswith(f"/v1/invoices/G1/lineitems{target}")


def test_an_invoice_said_twice_is_kept_once_and_a_contradiction_is_told(serve, open_client):
    listed = [invoice("G1"), invoice("G2"), invoice("G1")]
    service = serve(lambda _: page(rows(*listed)))
    assert sorted(open_client(service).invoices()["invoice_id"]) == ["G1", "G2"]
    listed[2] = invoice("G1", total="9.99")
    with pytest.raises(ik.PageError, match="names G1 more than once"):
        open_client(service).invoices(refresh=True)


def test_the_list_is_asked_unpaged_and_followed(serve, open_client):
    def answer(asked):
        if "offset" in asked.target:
            return page(rows(invoice("G2", date="2021-01-01T00:00:00Z")))
        return page(
            rows(invoice("G1", date="2020-01-01T00:00:00Z")), uri="/invoices?size=1&amp;offset=1"
        )

    service = serve(answer)
    assert open_client(service).invoices()["invoice_id"].to_list() == ["G2", "G1"]
    assert [asked.target for asked in service.asked] == [
        "/v1/invoices",
        "/v1/invoices?size=1&offset=1",
    ]


def test_no_invoice_yet_is_said_so(serve, open_client):
    client = open_client(serve(lambda _: page([])))
    assert client.invoices().height == 0
    with pytest.raises(ik.NotFoundError, match="no invoice yet"):
        _ = client.latest


def test_a_refused_collection_makes_it_incomplete_and_says_so(serve, open_client):
    found = open_client(serve(refused("Azure"))).invoice("G1")
    with pytest.warns(UserWarning, match=r"azure/billing of G1 is left out, refused \(403\)"):
        proof = found.reconcile()
    assert (proof.state, proof.difference) == ("incomplete", 0)
    assert proof.missing == ["azure/billing (refused (403))"]


@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_in_the_middle_of_a_collection_is_an_error_not_a_missing_part(
    serve, open_client, status
):
    uri = "/invoices/G1/lineitems/Azure/BillingLineItems?size=1&offset=1"

    first = page('[{"postTaxTotal":1}]', uri=uri)
    partner = Partner(
        invoice(pairs=(("azure", "billing_line_items"),)),
        lines=lambda asked: Reply(b"{}", status) if "offset=1" in asked.target else first,
    )
    with pytest.raises(ik.FetchError, match=str(status)):
        open_client(serve(partner)).invoice("G1").reconcile()


def test_a_total_that_a_header_has_twice_is_refused(serve, open_client):
    header = invoice().replace('"paidAmount"', '"totalCharges":99,"paidAmount"')
    service = serve(lambda _: header.encode())
    with pytest.raises(ik.FrameError, match="totalCharges twice"):
        open_client(service).invoice("G1")


def test_of_two_ids_that_differ_in_case_the_one_asked_for_is_found_in_the_list(serve, open_client):
    listed = page(rows(invoice("G1"), invoice("g1", total="5.00")))
    service = serve(lambda asked: listed if asked.target == "/v1/invoices" else Reply(status=403))
    assert open_client(service).invoice("g1").total == Decimal("5.00")


@pytest.mark.parametrize("name", ["G012345612", "D070001012", "G012345611"])
def test_traps_are_there_and_not_what_a_table_begins_with(demo, name):
    found = demo.invoice(name)
    totals = found.totals("customer")["customer_name"].to_list()
    first = {*totals[:10], *found.charges()["customer_name"].head(50)}
    for trap in ("<script>alert(1)</script>", "=SUM(1,2)"):
        assert trap in totals
        assert trap not in first

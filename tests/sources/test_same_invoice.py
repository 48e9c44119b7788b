"""The same invoice from Partner Center and from Graph's exports gives the same charges."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import invoicekit as ik
from invoicekit.frames.schema import BY_OBJECT_TYPE
from invoicekit.frames.wire_names import LACKING as LACKING_IN
from invoicekit.frames.wire_names import column_named
from invoicekit.sandbox.demo import demo_partner
from invoicekit.sandbox.graph.blobs import blob_name
from invoicekit.sandbox.graph.exports import Asked
from invoicekit.sandbox.graph.script import Script
from invoicekit.sandbox.server import Sandbox
from support.portal_files import HEADERS, csv_of, rows_of

# What rows of Partner Center do not have in a month of the demo partner, and Graph's do.
LACKING = {"G012345605": {"credit_reason"}, "G012345651": {"credit_reason"}}


@pytest.mark.parametrize("usage", [False, True], ids=["billing", "usage"])
@pytest.mark.parametrize("invoice_id", ["G012345612", "G012345610", "G012345605", "G012345651"])
def test_charges_of_an_export_are_those_of_partner_center(v1_demo, tmp_path, invoice_id, usage):
    """Every column of every line, in the order of the service, cut to what both have."""
    dataset = "usage" if usage else "reconciliation"
    export = demo_partner(graph=True).exports.export(Asked(dataset, True, invoice_id))
    for number, blob in enumerate(export.blobs):
        (tmp_path / blob_name(export, number)).write_bytes(b"".join(blob.parts()))
    from_graph = ik.charges(ik.read(tmp_path), usage=usage)
    from_v1 = v1_demo.invoice(invoice_id).charges(usage=usage)
    assert from_graph.height > 30
    lacking = set() if usage else LACKING.get(invoice_id, set())
    differing = {name for name in from_v1.columns if not from_v1[name].equals(from_graph[name])}
    assert differing == lacking
    assert all(from_v1[name].is_null().all() for name in lacking)


# Where Partner Center has no value in some rows of the demo partner, and Graph has one.
FULLER = {"pc_to_bc_exchange_rate_date", "product_category"}
PAIRS = {"billing": "onetime/billing", "usage": "onetime/usage"}


@pytest.fixture(scope="module")
def three_ways(tmp_path_factory):
    """An invoice's lines from Partner Center and from Graph, over HTTP, and from files."""
    partner, folder = demo_partner(), tmp_path_factory.mktemp("three")
    invoice_id = "G012345611"
    for name, pair in PAIRS.items():
        (folder / f"{name}.csv").write_bytes(csv_of(rows_of(invoice_id, pair), "2025", pair))
    with Sandbox(partner, exports=partner.exports) as sandbox:
        sandbox.graph.script = Script(("succeeded",))
        given = {**sandbox.settings, "tenant_id": "t", "client_id": "a", "cache_dir": folder / "c"}
        with ik.connect(**given) as client:
            invoice = client.invoice(invoice_id)
            yield (
                {
                    "v1": invoice.line_items(source="v1"),
                    "graph": invoice.line_items(source="graph"),
                    "files": ik.read(folder / "billing.csv", folder / "usage.csv"),
                },
                invoice,
            )


@pytest.mark.parametrize("usage", [False, True], ids=["billing", "usage"])
def test_v1_graph_and_csv_give_equal_charges(three_ways, usage):
    """Today's header has a column for each of the charges, so none is cut."""
    ways, invoice = three_ways
    v1, graph, files = (ik.charges(ways[way], usage=usage) for way in ("v1", "graph", "files"))
    assert v1.height > 30
    assert_frame_equal(graph, v1)
    assert_frame_equal(files, v1)
    if not usage:
        for charges in (v1, graph, files):
            proof = ik.reconcile(charges, invoice.total, currency=invoice.currency)
            assert (proof.ties, proof.difference) == (True, 0)


@pytest.mark.parametrize("object_type", ["OneTimeInvoiceLineItem", "DailyRatedUsageLineItem"])
def test_v1_graph_and_csv_give_equal_lines_cut_to_the_columns_that_each_has(
    three_ways, object_type
):
    """All documented fields; `LACKING` is the table of those that a source has not.

    Partner Center alone has the hours of an instant.
    """
    frames = {way: items[object_type] for way, items in three_ways[0].items()}
    kind = BY_OBJECT_TYPE[object_type]
    pair = "onetime/usage" if kind.usage else "onetime/billing"
    found = (column_named(kind, header) for header in HEADERS["2025", pair])
    written = {column.name for column in found if column}
    documented = [column.name for column in kind.columns]
    assert set(documented) - written == LACKING_IN["files"][object_type]
    for way in ("graph", "files"):
        lacking = LACKING_IN[way][object_type]
        assert all(frames[way][name].is_null().all() for name in lacking)
        has = [name for name in documented if name not in lacking]
        days = pl.selectors.datetime().dt.date()
        ours, theirs = (frames[one].select(has).with_columns(days) for one in (way, "v1"))
        differing = {name for name in has if not ours[name].equals(theirs[name])}
        assert differing == (FULLER if (way, kind.usage) == ("graph", False) else set())
        for name in differing:
            said = theirs[name].is_not_null()
            assert ours.filter(said)[name].equals(theirs.filter(said)[name])

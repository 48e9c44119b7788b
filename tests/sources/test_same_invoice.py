"""The same invoice from Partner Center and from Graph's exports gives the same charges."""

from __future__ import annotations

import pytest

import invoicekit as ik
from invoicekit.sandbox.demo import demo_partner
from invoicekit.sandbox.graph.blobs import blob_name
from invoicekit.sandbox.graph.exports import Asked

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

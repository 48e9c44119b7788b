"""The field dictionary says what the frames, the sources and the charges have."""

from __future__ import annotations

import polars as pl
import pytest

import invoicekit as ik
from invoicekit.frames.charges import CHARGES
from invoicekit.frames.schema import KINDS


def test_its_rows_are_the_documented_columns_of_the_frames(demo):
    found = ik.fields()
    frames = {kind.object_type: kind for kind in KINDS}
    assert found["object_type"].unique(maintain_order=True).to_list() == list(frames)
    for name, frame in demo.latest.line_items().items():
        mine = ik.fields(name)
        documented = frame.columns[5:][: mine.height]
        assert mine["column"].to_list() == documented
        assert mine["dtype"].to_list() == [str(frame.schema[column]) for column in documented]


def test_what_its_charges_are_made_of_is_what_they_have(demo):
    lines = demo.latest.line_items()
    only = {"OneTimeInvoiceLineItem": lines["OneTimeInvoiceLineItem"]}
    charges = ik.charges(only)
    said = ik.fields("OneTimeInvoiceLineItem").drop_nulls("charges")
    roles = {
        role: column
        for column, all_of_it in said.select("column", "charges").iter_rows()
        for role in all_of_it.split(", ")
    }
    assert roles["total"] == "total_for_customer"
    assert roles["order_id"] == "order_id"
    assert set(roles) <= set(CHARGES)
    for role in ("subtotal", "tax", "total", "country", "term"):
        cast = only["OneTimeInvoiceLineItem"][roles[role]].alias(role)
        assert charges[role].equals(cast, null_equal=True)


@pytest.mark.parametrize(
    ("object_type", "column", "names"),
    [
        ("OneTimeInvoiceLineItem", "discount_details", ("discountDetails", None, None)),
        ("OneTimeInvoiceLineItem", "total_for_customer", ("totalForCustomer", "Total", "Total")),
        ("DailyRatedUsageLineItem", "benefit_id", ("benefitId", "BenefitID", "BenefitID")),
        ("LicenseBasedLineItem", "mpn_id", ("mpnId", None, "MPNID")),
        ("UsageBasedLineItem", "order_id", ("orderId", None, "OrderID")),
    ],
)
def test_each_source_has_its_own_name_or_none(object_type, column, names):
    row = ik.fields(object_type).filter(column=column)
    assert row.select("partner_center", "graph", "files").row(0) == names


def test_an_old_name_is_the_same_and_another_is_refused():
    old = ik.fields("ThirdPartyDailyRatedUsageReconLineItem")
    assert old.equals(ik.fields("DailyRatedUsageLineItem"))
    assert old.schema == dict.fromkeys(old.columns, pl.String())
    with pytest.raises(ValueError, match="Did you mean 'LicenseBasedLineItem'"):
        ik.fields("LicenceBasedLineItem")
    with pytest.raises(TypeError, match=r"an objectType is a text: write ik\.fields"):
        ik.fields(3)  # type: ignore[arg-type]

"""What each source calls a column, in what scale, and which columns it lacks."""

from __future__ import annotations

import json
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoicekit.errors import FrameError
from invoicekit.frames.batch import Place
from invoicekit.frames.decode import OURS, _Decoder, decode
from invoicekit.frames.numbers import scaled
from invoicekit.frames.schema import BY_PAIR, DAILY_RATED, KINDS, LICENSE, ONE_TIME
from invoicekit.frames.wire_names import LACKING, column_named, columns_of
from invoicekit.pages import page_of
from invoicekit.sources.partner_center.envelope import parse_page

# The attributes of Graph's two exports, `full`, in the order of its pages.
RECONCILIATION = str.split(
    """PartnerId CustomerId CustomerName CustomerDomainName CustomerCountry
    InvoiceNumber MpnId Tier2MpnId OrderId OrderDate ProductId SkuId AvailabilityId SkuName
    ProductName ChargeType UnitPrice Quantity Subtotal TaxTotal Total Currency
    PriceAdjustmentDescription PublisherName PublisherId SubscriptionDescription SubscriptionId
    ChargeStartDate ChargeEndDate TermAndBillingCycle EffectiveUnitPrice UnitType AlternateId
    BillableQuantity BillingFrequency PricingCurrency PCToBCExchangeRate PCToBCExchangeRateDate
    MeterDescription ReservationOrderId CreditReasonCode SubscriptionStartDate
    SubscriptionEndDate ReferenceId ProductQualifiers PromotionId ProductCategory"""
)
USAGE = str.split(
    """PartnerId PartnerName CustomerId CustomerName CustomerDomainName CustomerCountry MpnId
    Tier2MpnId InvoiceNumber ProductId SkuId SkuName AvailabilityId ProductName PublisherName
    PublisherId SubscriptionId SubscriptionDescription ChargeStartDate ChargeEndDate UsageDate
    MeterType MeterCategory MeterId MeterSubCategory MeterName MeterRegion Unit ResourceLocation
    ConsumedService ResourceGroup ResourceURI ChargeType UnitPrice Quantity UnitType
    BillingPreTaxTotal BillingCurrency PricingPreTaxTotal PricingCurrency ServiceInfo1
    ServiceInfo2 Tags AdditionalInfo EffectiveUnitPrice PCToBCExchangeRate
    PCToBCExchangeRateDate EntitlementId EntitlementDescription PartnerEarnedCreditPercentage
    CreditPercentage CreditType BenefitOrderID BenefitID BenefitType"""
)
EXPORTS = {
    "onetime/billing": (ONE_TIME, RECONCILIATION, 47),
    "onetime/usage": (DAILY_RATED, USAGE, 55),
}


def frame_of(row: dict[str, object], pair: str = "onetime/usage", **given: object) -> pl.DataFrame:
    provider, _, line_item_type = pair.partition("/")
    page = parse_page(json.dumps({"items": [row]}).encode()).page
    asked = {"invoice_id": "G1", "provider": provider, "line_item_type": line_item_type}
    (frame,) = decode([page], **asked, **given).values()
    return frame


@pytest.mark.parametrize("pair", EXPORTS)
def test_graphs_attributes_are_the_documented_columns_but_those_that_the_table_says_it_lacks(pair):
    kind, attributes, count = EXPORTS[pair]
    assert len(attributes) == count
    row = {name: "2026-09-01" if name.endswith("Date") else "1" for name in attributes}
    frame = frame_of(row, pair, source="graph")
    documented = [column.name for column in kind.columns]
    assert frame.columns == [*OURS, *documented]
    empty = {name for name in documented if frame[name].null_count()}
    assert empty == LACKING["graph"][kind.object_type]


@pytest.mark.parametrize("spell", [str, str.lower, str.upper], ids=["as it is", "lower", "upper"])
@pytest.mark.parametrize("source", ["v1", "graph"])
def test_a_name_is_known_of_any_source_in_any_case(source, spell):
    row = {spell(name): "1" for name in USAGE if "Date" not in name}
    frame = frame_of(row, source=source)
    assert frame.columns == [*OURS, *(column.name for column in DAILY_RATED.columns)]
    assert frame["rate_of_credit"].to_list() == [Decimal("0.01")]
    assert frame["reseller_mpn_id"].to_list() == ["1"]
    assert frame["unit_of_measure"].to_list() == ["1"]


@pytest.mark.parametrize(
    ("sent", "ours"),
    [(15, "0.15"), ("15.0", "0.15"), ("100", "1"), ("1.5E1", "0.15"), ("15e00", "0.15"), (0, "0")],
)
def test_a_percentage_is_a_ratio_exactly(sent, ours):
    for name in ("CreditPercentage", "PartnerEarnedCreditPercentage"):
        frame = frame_of({name: sent}, source="graph")
        column = column_named(DAILY_RATED, name).name
        assert frame[column].to_list() == [Decimal(ours)]


def test_the_ratio_of_v1_stays_as_it_is():
    assert frame_of({"rateOfCredit": "0.15"})["rate_of_credit"].to_list() == [Decimal("0.15")]


def test_a_percentage_and_a_ratio_that_agree_are_one_and_those_that_do_not_are_refused():
    agreed = frame_of({"rateOfCredit": "0.15", "CreditPercentage": "15"})
    assert agreed["rate_of_credit"].to_list() == [Decimal("0.15")]
    with pytest.raises(FrameError, match="rate_of_credit: the row has the field in two spellings"):
        frame_of({"rateOfCredit": "0.15", "CreditPercentage": "0.15"})


def test_a_percentage_that_does_not_fit_keeps_the_text_as_it_was_sent():
    sent = f"0.{'0' * 23}15"
    with pytest.warns(UserWarning, match="rate_of_credit_as_sent"):
        frame = frame_of({"CreditPercentage": sent}, source="graph")
    assert frame["rate_of_credit_as_sent"].to_list() == [sent]


@given(st.decimals(allow_nan=False, allow_infinity=False), st.booleans())
def test_scaling_is_exact_whatever_the_spelling(number, plain):
    text = f"{number:f}" if plain and abs(number.adjusted()) < 1000 else str(number)
    (word,) = scaled(pl.Series([text]), -2).to_list()
    assert Decimal(word).scaleb(2, _wide()) == number


def _wide():
    from invoicekit.frames.numbers import EXACT

    return EXACT


def test_a_name_that_looks_alike_is_not_the_same():
    """The Kelvin sign is no K, though its small letter is."""
    with pytest.warns(UserWarning, match="does not document"):
        frame = frame_of({"s\u212auId": "1"}, "onetime/billing")
    assert frame["sku_id"].to_list() == [None]


def test_one_name_means_one_column_of_a_kind_in_every_source():
    """No source has a name that means another column to another source."""
    for kind in KINDS:
        for source in ("v1", "graph", "files"):
            for column in columns_of(kind, source):
                assert column_named(kind, column.wire) == column, (kind.object_type, column.wire)


def test_pages_of_graph_are_taken_at_once():
    """The objectType is looked for where v1 has it, so that rows need not be read one by one."""
    for pair, (_, attributes, _) in EXPORTS.items():
        provider, _, line_item_type = pair.partition("/")
        decoder = _Decoder(
            BY_PAIR[provider, line_item_type], "G1", *pair.split("/"), source="graph"
        )
        page = page_of([json.dumps(dict.fromkeys(attributes, "")).encode()])
        ((piece, rows),) = page.pieces()
        assert decoder._taken_at_once(piece, Place("", 1, range(rows)))


def test_what_a_source_lacks_is_documented():
    for lacking in LACKING.values():
        for kind in KINDS:
            names = {column.name for column in kind.columns}
            assert lacking.get(kind.object_type, frozenset()) <= names


def test_older_names_of_files_are_known():
    known = {name: column_named(ONE_TIME, name).name for name in ("MPNID", "Reseller MPNID")}
    assert known == {"MPNID": "mpn_id", "Reseller MPNID": "reseller_mpn_id"}
    assert column_named(LICENSE, "ResellerMPNID").name == "tier2_mpn_id"
    assert column_named(DAILY_RATED, "Billing pre tax").name == "billing_pre_tax_total"
    assert column_named(DAILY_RATED, "CustomerCompanyName").name == "customer_name"

"""Files as the portal writes them, made of the demo partner's rows: every generation of headers.

`python -m support.portal_files` (in `tests/`) writes the samples in `data/portal`; a test holds
that these are what it writes.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

from invoicekit.sandbox.partner_center.protocol import Collection
from support.paths import ROOT

SAMPLES = ROOT / "data" / "portal"
Row = Mapping[str, object]

# The columns of each generation: their header, and the field of v1 where it is not that name.
ONE_TIME_2019 = """PartnerId|Customer ID|Customer name|CustomerDomainName|Customer country
Invoice number|MpnId|Reseller MpnId|Order ID|Order date|ProductID|SkuID|AvailabilityId|SKU Name
Product name|PublisherName|PublisherID|Subscription description|Subscription ID|ChargeStartDate
ChargeEndDate|Term and billing cycle|Charge type|Unit price|Effective unit price|Quantity
Unit type|DiscountDetails|Subtotal|Tax total|Total|Currency|AlternateID"""
DAILY_2019 = """PartnerId|PartnerName|CustomerId|CustomerCompanyName|CustomerDomainName
Customer country|MPNID|Reseller MPNID|InvoiceNumber|ProductID|SkuId|AvailabilityId|SKU Name
PublisherName|PublisherID|Subscription Description|Subscription ID|ChargeStartDate|ChargeEndDate
Usage Date|Meter Type|Meter Category|Meter Id|Meter Sub-category|Meter Name|Meter Region|Unit
Consumed Quantity|Resource Location|Consumed Service|Resource Group|Resource URI|Charge type
Unit price|Quantity|Unit type|Billing pre tax|Billing currency|Pricing pretax total
Pricing currency|Service Info 1|Service Info 2|Tags|Additional Info"""
ONE_TIME_2022 = """PartnerId|CustomerId|CustomerName|CustomerDomainName|CustomerCountry
InvoiceNumber|MPNID|ResellerMPNID|OrderId|OrderDate|ProductId|SkuId|AvailabilityId|SkuName
ProductName|ChargeType|UnitPrice|Quantity|Subtotal|TaxTotal|Total|Currency
PriceAdjustmentDescription|PublisherName|PublisherId|SubscriptionDescription|SubscriptionId
ChargeStartDate|ChargeEndDate|TermAndBillingCycle|EffectiveUnitPrice|UnitType|AlternateId
BillableQuantity|BillingFrequency|PricingCurrency|PCToBCExchangeRate|PCToBCExchangeRateDate
MeterDescription|ReservationOrderId|CreditReasonCode|SubscriptionStartDate|SubscriptionEndDate
ReferenceID|ProductQualifiers|PromotionID"""
DAILY_2022 = """PartnerId|PartnerName|CustomerId|CustomerName|CustomerDomainName|CustomerCountry
MPNID|ResellerMPNID|InvoiceNumber|ProductId|SkuId|AvailabilityId|SkuName|ProductName
PublisherName|PublisherId|SubscriptionDescription|SubscriptionId|ChargeStartDate|ChargeEndDate
UsageDate|MeterType|MeterCategory|MeterId|MeterSubCategory|MeterName|MeterRegion|Unit
ResourceLocation|ConsumedService|ResourceGroup|ResourceURI|ChargeType|UnitPrice|Quantity|UnitType
BillingPreTaxTotal|BillingCurrency|PricingPreTaxTotal|PricingCurrency|ServiceInfo1|ServiceInfo2
Tags|AdditionalInfo|EffectiveUnitPrice|PCToBCExchangeRate|PCToBCExchangeRateDate|EntitlementId
EntitlementDescription|PartnerEarnedCreditPercentage|CreditPercentage|CreditType|BenefitOrderId
BenefitId|BenefitType"""
LICENSE = """PartnerId|CustomerId|CustomerName|MPNID|ResellerMPNID|OrderId|SubscriptionId
SyndicationPartnerSubscriptionNumber|OfferId|DurableOfferId|OfferName|SubscriptionStartDate
SubscriptionEndDate|ChargeStartDate|ChargeEndDate|ChargeType|UnitPrice|Quantity|Amount
TotalOtherDiscount|Subtotal|Tax|TotalForCustomer|Currency|DomainName|SubscriptionName
SubscriptionDescription|BillingCycleType"""
USAGE = """PartnerId|PartnerName|PartnerBillableAccountId|CustomerCompanyName|MPNID
ResellerMPNID|InvoiceNumber|ChargeStartDate|ChargeEndDate|SubscriptionId|SubscriptionName
SubscriptionDescription|OrderID|ServiceName|ServiceType|ResourceGuid|ResourceName|Region|Sku
DetailLineItemId|ConsumedQuantity|IncludedQuantity|OverageQuantity|ListPrice|PretaxCharges
TaxAmount|PostTaxTotal|Currency|PretaxEffectiveRate|PostTaxEffectiveRate|ChargeType|CustomerId
DomainName|BillingCycleType|Unit|CustomerBillableAccount|UsageDate|MeteredRegion|MeteredService
MeteredServiceType|Project|ServiceInfo"""


def _names(text: str, **changed: str) -> tuple[str, ...]:
    names = text.replace("\n", "|").split("|")
    return tuple(changed.get(name, name) for name in names if changed.get(name, name))


HEADERS = {
    ("2019", "onetime/billing"): _names(ONE_TIME_2019),
    ("2019", "onetime/usage"): _names(DAILY_2019),
    ("2020", "onetime/billing"): _names(ONE_TIME_2022, MPNID="MpnId", ResellerMPNID="Tier2MpnId"),
    ("2020", "onetime/usage"): _names(DAILY_2022, MPNID="MpnId", ResellerMPNID="Tier2MpnId"),
    ("2022", "onetime/billing"): _names(ONE_TIME_2022),
    ("2022", "onetime/usage"): _names(DAILY_2022),
    ("2024", "onetime/billing"): _names(
        ONE_TIME_2022, MPNID="MpnId", ResellerMPNID="ResellerMpnId", Total="TotalForCustomer"
    ),
    ("2024", "onetime/usage"): _names(DAILY_2022, MPNID="MpnId", ResellerMPNID="ResellerMpnId"),
    ("2025", "onetime/billing"): (
        *_names(
            ONE_TIME_2022, MPNID="MpnId", ResellerMPNID="Tier2MpnId", ReferenceID="ReferenceId"
        ),
        "ProductCategory",
    ),
    ("2025", "onetime/usage"): _names(DAILY_2022, MPNID="MpnId", ResellerMPNID="Tier2MpnId"),
    ("legacy", "office/billing"): _names(LICENSE),
    ("legacy", "azure/billing"): _names(USAGE),
}
DOLLARS = set(
    _names(
        "ListPrice|PretaxCharges|TaxAmount|PostTaxTotal|PretaxEffectiveRate|PostTaxEffectiveRate"
    )
)
# Folded header -> v1's field, by kind where the same header means two; `%`: a percentage there.
FIELDS = {
    "tier2mpnid": "resellerMpnId",
    "resellermpnid": "resellerMpnId",
    "total": "totalForCustomer",
    "customercompanyname": "customerName",
    "unit": "unitOfMeasure",
    "billingpretax": "billingPreTaxTotal",
    "creditpercentage": "rateOfCredit%",
    "partnerearnedcreditpercentage": "rateOfPartnerEarnedCredit%",
    "consumedquantity": "quantity",
}
LEGACY_FIELDS = {"resellermpnid": "tier2MpnId"}
COLLECTIONS: dict[str, Collection] = {
    "onetime/billing": ("one_time", "billing_line_items"),
    "onetime/usage": ("one_time", "usage_line_items"),
    "office/billing": ("office", "billing_line_items"),
    "azure/billing": ("azure", "billing_line_items"),
}


def rows_of(invoice_id: str, pair: str) -> list[Row]:
    """The demo partner's rows, numbers as the characters they came in."""
    from invoicekit.sandbox.demo import demo_partner

    rows = demo_partner().collection(invoice_id, COLLECTIONS[pair])
    return [json.loads(row, parse_float=str, parse_int=str) for row in rows or ()]


def cells(row: Row, generation: str, pair: str) -> list[str]:
    """One line of the file."""
    fields = {name.lower(): name for name in row}
    others = LEGACY_FIELDS if generation == "legacy" else FIELDS
    written = []
    for header in HEADERS[generation, pair]:
        folded = "".join(filter(str.isalnum, header)).lower()
        field = others.get(folded, folded)
        value = row.get(fields.get(field.removesuffix("%").lower(), ""))
        if value is None:
            written.append("")
        elif isinstance(value, list):
            written.append(json.dumps(value, separators=(",", ":"), ensure_ascii=False))
        elif "date" in folded:
            written.append(day(str(value), generation == "legacy" and "end" in folded))
        elif field.endswith("%"):
            written.append(f"{Decimal(str(value)) * 100:f}")
        elif header in DOLLARS:
            written.append(f"-${value[1:]}" if str(value).startswith("-") else f"${value}")
        else:
            written.append(str(value))
    return written


def day(value: str, ends: bool) -> str:
    """A date as the portal writes it; legacy ends of a day have its last minute."""
    if not value or value.startswith("0001"):
        return ""
    moment = datetime.fromisoformat(value)
    if moment.tzinfo:
        moment = moment.astimezone(UTC)
    return f"{moment.month}/{moment.day}/{moment.year}{' 23:59' if ends else ''}"


def csv_of(
    rows: Iterable[Row], generation: str, pair: str, *, delimiter: str = ",", bom: bool = True
) -> bytes:
    """The file."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(HEADERS[generation, pair])
    writer.writerows(cells(row, generation, pair) for row in rows)
    return text.getvalue().encode("utf-8-sig" if bom else "utf-8")


# Graph's export: v1's fields with a capital letter, but for these.
GRAPH = {
    "resellerMpnId": "Tier2MpnId",
    "totalForCustomer": "Total",
    "unitOfMeasure": "Unit",
    "resourceUri": "ResourceURI",
    "rateOfCredit": "CreditPercentage",
    "rateOfPartnerEarnedCredit": "PartnerEarnedCreditPercentage",
    "benefitOrderId": "BenefitOrderID",
    "benefitId": "BenefitID",
    "pcToBCExchangeRate": "PCToBCExchangeRate",
    "pcToBCExchangeRateDate": "PCToBCExchangeRateDate",
}
NOT_IN_GRAPH = {
    "discountDetails", "invoiceLineItemType", "billingProvider", "attributes",
    "hasPartnerEarnedCredit",
}  # fmt: skip


def json_lines_of(rows: Iterable[Row]) -> bytes:
    """The rows as a blob has them, not packed."""
    lines = []
    for row in rows:
        line = {}
        for name, value in row.items():
            if name in NOT_IN_GRAPH:
                continue
            wire = GRAPH.get(name, name[0].upper() + name[1:])
            percent = wire.endswith("Percentage") and value is not None
            line[wire] = str(Decimal(str(value)) * 100) if percent else value
        lines.append(json.dumps(line, ensure_ascii=False) + "\n")
    return "".join(lines).encode()


def samples() -> dict[str, bytes]:
    """Name -> contents of every sample."""
    from invoicekit.sandbox.demo import demo_partner

    partner = demo_partner()
    made = {
        f"{generation}/{partner.euro_invoice_id}-{pair.replace('/', '-')}.csv": csv_of(
            rows_of(partner.euro_invoice_id, pair), generation, pair
        )
        for generation in ("2019", "2022", "2025")
        for pair in ("onetime/billing", "onetime/usage")
    }
    legacy = "D070001012"
    for pair in ("office/billing", "azure/billing"):
        name = f"legacy/{legacy}-{pair.replace('/', '-')}.csv"
        made[name] = csv_of(rows_of(legacy, pair), "legacy", pair)
    blob = json_lines_of(rows_of(partner.euro_invoice_id, "onetime/billing"))
    name = "part-00000-5b0f3c1e-0000-4000-8000-000000000001.c000.json.gz"
    made[f"export/{name}"] = gzip.compress(blob, mtime=0)
    return made


def write() -> None:
    """Write the samples."""
    for name, contents in samples().items():
        path = SAMPLES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents)


if __name__ == "__main__":
    write()

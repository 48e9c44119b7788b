"""The table: for each objectType its columns, types, other spellings, and roles in charges.

To support a new objectType, add a row here. Fields and their order are those of Partner Center's
resource pages ("Invoice line items", "Daily rated usage line items"), completed from Microsoft's
archived SDK where the pages fall short.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

# Every number, in every frame: polars drops digits silently where two scales meet. Prices come with
# 22 decimals, usage in powers of two; 14 digits before the point hold any invoice.
NUMBER = pl.Decimal(38, 24)
INSTANT = pl.Datetime("us", "UTC")


@dataclass(frozen=True, slots=True)
class Type:
    """How a field is typed, and which of its values say that there is none."""

    dtype: pl.DataType
    none: frozenset[str] = frozenset()
    strict: bool = False  # a number that does not fit is an error, and not rounded beside its text
    scale: int = 0  # the power of ten that makes the source's number ours: -2 of a percentage


_EMPTY = frozenset({""})
TYPES = {
    "text": Type(pl.String(), _EMPTY),
    "json": Type(pl.String(), _EMPTY),  # a list or an object: its text, characters unchanged
    "mpn": Type(pl.String(), frozenset({"", "0", "-1"})),
    "flag": Type(pl.Boolean(), _EMPTY),
    # What the roles call subtotal, tax and total (a test holds that), and an invoice's own amounts:
    # these are added up to prove the invoice. No other number is, so none may cost the invoice.
    "billed": Type(NUMBER, strict=True),
    "number": Type(NUMBER),
    "day": Type(pl.Date(), _EMPTY),
    "instant": Type(INSTANT, _EMPTY),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A documented field: our name, its name on the wire, its type."""

    name: str
    wire: str
    type: Type
    raw: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """One objectType."""

    object_type: str
    columns: tuple[Column, ...]
    pairs: tuple[tuple[str, str], ...] = ()  # what is asked when it is not named in the row
    usage: bool = False  # restates billing lines of the same invoice: never added to them
    roles: Mapping[str, str | None] = field(default_factory=dict)  # charges column -> ours, or none
    once: tuple[str, ...] = ()  # other names of this objectType
    former: str = ""  # fields of older samples, on the wire: kept as text, and no news


NEW_COMMERCE = ("onetime", "marketplace", "external", "all")  # providers, as they are asked
# Fields of payloads and files of 2018 and 2019; the last one is a slip of 2021's.
_FORMER = """providerId providerName providerSource quoteId discountDescriptions consumedQuantity
    attributes/objectType"""

# Other names that Microsoft's own pages have for a field, where a kind has not both of them.
ALIASES = {
    "customer_name": "customer_company_name",
    "customer_company_name": "customer_name",
    "is_partner_earned_credit_applied": "has_partner_earned_credit",
    "invoice_line_item_typce": "invoice_line_item_type",
    "pre_tax_charges": "pretax_charges",
    "pre_tax_effective_rate": "pretax_effective_rate",
}


def snake(wire: str) -> str:
    """Our name for a name on the wire, in either of its spellings.

    >>> [snake(name) for name in ("customerId", "CustomerId", "pcToBCExchangeRate", "tier2MpnId")]
    ['customer_id', 'customer_id', 'pc_to_bc_exchange_rate', 'tier2_mpn_id']
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", wire).lower()


def columns(spec: str) -> tuple[Column, ...]:
    """Columns from lines of `type: field field …`, in the API's order; `field=ours` is renamed."""
    columns = []
    for line in spec.strip().splitlines():
        kind, _, fields = line.strip().partition(": ")
        for wire, _, ours in (one.partition("=") for one in fields.split()):
            columns.append(Column(ours or snake(wire), wire, TYPES[kind], raw=kind == "json"))
    return tuple(columns)


def _line_item(spec: str) -> tuple[Column, ...]:
    """Columns of a line item: these, and those that end every one."""
    return columns(f"{spec}\ntext: invoiceLineItemType billingProvider\njson: attributes")


_AZURE = """
    text: partnerId partnerName partnerBillableAccountId customerId domainName customerCompanyName
    mpn: mpnId tier2MpnId
    text: invoiceNumber subscriptionId subscriptionName subscriptionDescription billingCycleType
    text: orderId serviceName serviceType resourceGuid resourceName region
    number: consumedQuantity
    day: chargeStartDate chargeEndDate
    text: unit"""
_LEGACY_ROLES = {
    **dict.fromkeys(("country", "exchange_rate", "pricing_currency", "credit_reason")),
    "reseller_id": "tier2_mpn_id",
    "term": "billing_cycle_type",
}
_AZURE_ROLES = {
    **_LEGACY_ROLES,
    "subscription_end": None,
    "customer_name": "customer_company_name",
    "offer_id": "resource_guid",
    "offer_name": "resource_name",
    "quantity": "consumed_quantity",
}

LICENSE = Kind(
    "LicenseBasedLineItem",
    _line_item(
        """
    text: partnerId customerId customerName
    mpn: mpnId tier2MpnId
    text: orderId subscriptionId syndicationPartnerSubscriptionNumber offerId durableOfferId
    text: offerName domainName billingCycleType subscriptionName subscriptionDescription
    day: subscriptionStartDate subscriptionEndDate chargeStartDate chargeEndDate
    text: chargeType
    number: unitPrice quantity amount totalOtherDiscount
    billed: subtotal tax totalForCustomer
    text: currency"""
    ),
    pairs=(("office", "billing"),),
    roles={
        **_LEGACY_ROLES,
        "total": "total_for_customer",
        "billable_quantity": "quantity",
        "effective_unit_price": "unit_price",
    },
)

USAGE = Kind(
    "UsageBasedLineItem",
    _line_item(
        """
    text: detailLineItemId sku
    number: includedQuantity overageQuantity listPrice consumptionPrice consumptionDiscount
    text: currency
    billed: pretaxCharges taxAmount postTaxTotal
    number: pretaxEffectiveRate postTaxEffectiveRate
    text: chargeType"""
        + _AZURE
    ),
    pairs=(("azure", "billing"),),
    roles={
        **_AZURE_ROLES,
        "unit_price": "list_price",
        "subtotal": "pretax_charges",
        "tax": "tax_amount",
        "total": "post_tax_total",
        "billable_quantity": "overage_quantity",
        "effective_unit_price": "pretax_effective_rate",
    },
    former="""customerBillableAccount usageDate meteredRegion meteredService meteredServiceType
    project serviceInfo""",  # a file has both kinds' columns
)

DAILY_USAGE = Kind(
    "DailyUsageLineItem",
    _line_item(
        """
    text: customerBillableAccount
    day: usageDate
    text: meteredService meteredServiceType meteredRegion project serviceInfo"""
        + _AZURE
    ),
    pairs=(("azure", "usage"),),
    usage=True,
    roles={
        **_AZURE_ROLES,
        **dict.fromkeys(("charge_type", "charge_family", "currency", "subtotal", "tax", "total")),
        **dict.fromkeys(("unit_price", "billable_quantity", "effective_unit_price")),
    },
)

ONE_TIME = Kind(
    "OneTimeInvoiceLineItem",
    _line_item(
        """
    text: partnerId customerId customerName customerDomainName customerCountry invoiceNumber
    mpn: mpnId resellerMpnId
    text: orderId
    instant: orderDate
    text: productId skuId availabilityId productName skuName
    json: productQualifiers
    text: chargeType
    number: unitPrice effectiveUnitPrice
    text: unitType
    number: quantity
    billed: subtotal taxTotal totalForCustomer
    text: currency publisherName publisherId subscriptionDescription subscriptionId
    instant: subscriptionStartDate subscriptionEndDate chargeStartDate chargeEndDate
    text: termAndBillingCycle alternateId referenceId priceAdjustmentDescription discountDetails
    text: creditReasonCode pricingCurrency
    number: pcToBCExchangeRate
    instant: pcToBCExchangeRateDate
    number: billableQuantity
    text: meterDescription billingFrequency reservationOrderId promotionId productCategory"""
    ),
    pairs=tuple((provider, "billing") for provider in NEW_COMMERCE),
    roles={
        "offer_id": "product_id:sku_id",
        "offer_name": "product_name",
        "subscription_name": "subscription_description",
        "tax": "tax_total",
        "total": "total_for_customer",
        "term": "term_and_billing_cycle",
        "credit_reason": "credit_reason_code",
    },
    once=("UnBilledOneTimeInvoiceLineItem",),
    former=_FORMER,
)

DAILY_RATED = Kind(
    "DailyRatedUsageLineItem",
    _line_item(
        """
    text: partnerId partnerName customerId customerName customerDomainName customerCountry
    text: invoiceNumber productId skuId availabilityId skuName productName publisherName publisherId
    text: subscriptionId subscriptionDescription
    instant: chargeStartDate chargeEndDate
    day: usageDate
    text: meterType meterCategory meterId meterSubCategory meterName meterRegion unitOfMeasure
    text: resourceLocation consumedService resourceGroup resourceUri tags additionalInfo
    text: serviceInfo1 serviceInfo2
    mpn: mpnId resellerMpnId
    text: chargeType
    number: unitPrice quantity
    text: unitType
    number: billingPreTaxTotal
    text: billingCurrency
    number: pricingPreTaxTotal
    text: pricingCurrency entitlementId entitlementDescription
    number: pcToBCExchangeRate
    instant: pcToBCExchangeRateDate
    number: effectiveUnitPrice rateOfPartnerEarnedCredit
    flag: hasPartnerEarnedCredit
    text: creditType
    number: rateOfCredit
    text: benefitOrderId benefitId benefitType"""
    ),
    pairs=tuple((provider, "usage") for provider in NEW_COMMERCE),
    usage=True,
    roles={
        "offer_id": "product_id:sku_id",
        "offer_name": "product_name",
        "subscription_name": "subscription_description",
        "subtotal": "billing_pre_tax_total",
        "currency": "billing_currency",
        "billable_quantity": "quantity",
        "credit_reason": "credit_type",
        **dict.fromkeys(("tax", "total", "order_id", "term", "subscription_end")),
    },
    once=("ThirdPartyDailyRatedUsageReconLineItem",),
    former=_FORMER,
)

KINDS = (LICENSE, USAGE, DAILY_USAGE, ONE_TIME, DAILY_RATED)
BY_OBJECT_TYPE = {name: kind for kind in KINDS for name in (kind.object_type, *kind.once)}
BY_PAIR = {pair: kind for kind in KINDS for pair in kind.pairs}

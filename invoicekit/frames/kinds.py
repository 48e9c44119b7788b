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
    once: tuple[str, ...] = ()  # objectTypes of old that are this one


# Other names that Microsoft's own pages have for a field, where a kind has not both of them.
ALIASES = {
    "customer_name": "customer_company_name",
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


def _columns(spec: str, names: Mapping[str, str] | None = None) -> tuple[Column, ...]:
    """Columns from lines of `type: field field …`, in the API's order."""
    columns = []
    for line in spec.strip().splitlines():
        kind, _, wires = line.strip().partition(": ")
        columns += [
            Column((names or {}).get(wire, snake(wire)), wire, TYPES[kind], raw=kind == "json")
            for wire in wires.split()
        ]
    return tuple(columns)


_TAIL = """
    text: invoiceLineItemType billingProvider
    json: attributes
"""
_AZURE = (
    """
    text: partnerId partnerName partnerBillableAccountId customerId domainName customerCompanyName
    mpn: mpnId tier2MpnId
    text: invoiceNumber subscriptionId subscriptionName subscriptionDescription billingCycleType
    text: orderId serviceName serviceType resourceGuid resourceName region
    number: consumedQuantity
    day: chargeStartDate chargeEndDate
    text: unit"""
    + _TAIL
)
_AZURE_ROLES = {
    "customer_name": "customer_company_name",
    "offer_id": "resource_guid",
    "offer_name": "resource_name",
    "quantity": "consumed_quantity",
}

LICENSE = Kind(
    "LicenseBasedLineItem",
    _columns(
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
        + _TAIL
    ),
    pairs=(("office", "billing"),),
    roles={"total": "total_for_customer"},
)

USAGE = Kind(
    "UsageBasedLineItem",
    _columns(
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
    },
)

DAILY_USAGE = Kind(
    "DailyUsageLineItem",
    _columns(
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
        "charge_type": None,
        "unit_price": None,
        "subtotal": None,
        "tax": None,
        "total": None,
        "currency": None,
    },
)

ONE_TIME = Kind(
    "OneTimeInvoiceLineItem",
    _columns(
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
        + _TAIL
    ),
    pairs=(("onetime", "billing"), ("all", "billing"), ("marketplace", "billing")),
    roles={
        "offer_id": "product_id:sku_id",
        "offer_name": "product_name",
        "subscription_name": "subscription_description",
        "tax": "tax_total",
        "total": "total_for_customer",
    },
)

DAILY_RATED = Kind(
    "DailyRatedUsageLineItem",
    _columns(
        """
    text: partnerId partnerName customerId customerName customerDomainName customerCountry
    text: invoiceNumber productId skuId availabilityId skuName productName publisherName
    text: publisherId subscriptionId subscriptionDescription
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
        + _TAIL
    ),
    pairs=(("onetime", "usage"), ("marketplace", "usage"), ("all", "usage")),
    usage=True,
    roles={
        "offer_id": "product_id:sku_id",
        "offer_name": "product_name",
        "subscription_name": "subscription_description",
        "subtotal": "billing_pre_tax_total",
        "tax": None,
        "total": None,
        "currency": "billing_currency",
    },
    once=("ThirdPartyDailyRatedUsageReconLineItem",),
)

KINDS = (LICENSE, USAGE, DAILY_USAGE, ONE_TIME, DAILY_RATED)
BY_OBJECT_TYPE = {name: kind for kind in KINDS for name in (kind.object_type, *kind.once)}
BY_PAIR = {pair: kind for kind in KINDS for pair in kind.pairs}

# Not a line item, but typed by the same rules: a row of the list of invoices.
INVOICE = Kind(
    "Invoice",
    _columns(
        """
    text: id
    day: invoiceDate billingPeriodStartDate billingPeriodEndDate
    billed: totalCharges paidAmount
    text: currencyCode documentType invoiceType currencySymbol pdfDownloadLink
    json: taxReceipts invoiceDetails amendments
    text: amendsOf state
    json: links attributes""",
        names={
            "id": "invoice_id",
            "billingPeriodStartDate": "billing_period_start",
            "billingPeriodEndDate": "billing_period_end",
            "currencyCode": "currency",
        },
    ),
    roles={"total": "total_charges"},
)

"""Lines of the exports: the same charges and usage as Partner Center's, in Graph's words.

Names are in PascalCase, a few are other ones (`Tier2MpnId`, `Total`, `Unit`), and the two rates of
credit are percentages here, where Partner Center has ratios.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from invoicekit.sandbox.graph.fields import ATTRIBUTES
from invoicekit.sandbox.partner.customers import PARTNER_ID, PARTNER_MPN, PARTNER_NAME
from invoicekit.sandbox.partner.ids import guid
from invoicekit.sandbox.partner.invoices import Spec
from invoicekit.sandbox.partner.lines import Line
from invoicekit.sandbox.partner.usage import (
    AMOUNT_PLACES,
    CREDITS,
    PRICE_PLACES,
    RATE_PLACES,
    TAGS,
    Day,
    Metering,
)
from invoicekit.sandbox.wire import Exact, Row, Value, encoded, exact, plain, ticked, zulu

MILLIONTHS = 6
BILLABLE_PLACES = 10
NULL = Exact("null")


def reconciliation(spec: Spec, lines: Iterable[Line], attributes: str) -> Iterator[bytes]:
    """The billing lines as JSON; those of an open month (`spec.id` empty) have no tax yet."""
    names = ATTRIBUTES["reconciliation"][attributes]
    for line in lines:
        extra = {name[0].upper() + name[1:]: text for name, text in line.charge.odd.extra}
        yield _json(_billing(spec, line) | extra, (*names, *extra))


def usage(spec: Spec, days: Iterable[Day], attributes: str) -> Iterator[bytes]:
    """The daily rated usage as JSON; that of an open month has no `InvoiceNumber`."""
    names = ATTRIBUTES["usage"][attributes]
    if not spec.id:
        names = tuple(name for name in names if name != "InvoiceNumber")
    constant: Row = {}
    before: Metering | None = None
    for day in days:
        if day.metering is not before:
            before, constant = day.metering, _constant(spec, day.metering)
        moving: Row = {
            "CustomerName": day.customer_name,
            "UsageDate": zulu(day.day),
            "Quantity": exact(day.quantity, AMOUNT_PLACES),
            "BillingPreTaxTotal": exact(day.billed, AMOUNT_PLACES),
            "PricingPreTaxTotal": exact(day.priced, AMOUNT_PLACES),
            "EffectiveUnitPrice": exact(day.effective, RATE_PLACES),
        }
        yield _json(constant | moving, names)


def _json(values: Row, names: Sequence[str]) -> bytes:
    return encoded({name: values[name] for name in names if name in values}).encode()


def _billing(spec: Spec, line: Line) -> Row:
    charge, product, places = line.charge, line.charge.product, spec.currency.places
    customer, subscribed = charge.customer, bool(charge.subscription)

    def number(value: int, places: int) -> Value:
        return plain(value, places) if line.quoted else exact(value, places)

    return {
        "PartnerId": PARTNER_ID,
        "CustomerId": customer.id if customer else "",
        "CustomerName": line.customer_name,
        "CustomerDomainName": customer.domain if customer else "",
        "CustomerCountry": customer.country if customer else "",
        "InvoiceNumber": spec.id,
        "MpnId": str(PARTNER_MPN) if line.place % 50 else "0",
        "Tier2MpnId": line.reseller or ("0" if line.odd else ""),
        "OrderId": charge.order,
        "OrderDate": ticked(charge.start, line.ticks),
        "ProductId": product.product_id,
        "SkuId": product.sku_id,
        "AvailabilityId": f"{product.product_id[:4]}{product.sku_id}AV01",
        "SkuName": product.sku,
        "ProductName": product.name,
        "ChargeType": line.kind,
        "UnitPrice": number(line.list_price, MILLIONTHS),
        "Quantity": number(charge.quantity, 0),
        "Subtotal": number(charge.subtotal, places),
        "TaxTotal": number(charge.tax, places),
        "Total": number(charge.total, places),
        "Currency": line.currency(spec),
        "PriceAdjustmentDescription": line.adjustment,
        "PublisherName": product.publisher,
        "PublisherId": line.publisher_id,
        "SubscriptionDescription": line.description,
        "SubscriptionId": charge.subscription,
        "ChargeStartDate": zulu(charge.start),
        "ChargeEndDate": zulu(charge.end),
        "TermAndBillingCycle": product.term,
        "EffectiveUnitPrice": number(charge.unit, MILLIONTHS),
        "UnitType": product.unit,
        "AlternateId": line.quote,
        "BillableQuantity": number(charge.quantity * 10**BILLABLE_PLACES, BILLABLE_PLACES),
        "BillingFrequency": "Monthly" if line.odd else "",
        "PricingCurrency": "USD",
        "PCToBCExchangeRate": number(spec.currency.rate, MILLIONTHS),
        "PCToBCExchangeRateDate": zulu(spec.month.end),
        "MeterDescription": line.meter,
        "ReservationOrderId": line.reservation,
        "CreditReasonCode": charge.reason,
        "SubscriptionStartDate": zulu(charge.start) if subscribed else NULL,
        "SubscriptionEndDate": zulu(line.term_end) if subscribed else NULL,
        "ReferenceId": guid("reference", charge.order),
        "ProductQualifiers": product.qualifiers,
        "PromotionId": line.promotion,
        "ProductCategory": product.category,
    }


def _constant(spec: Spec, metering: Metering) -> Row:
    """What one meter of one subscription has in common on all days."""
    of, line, number, meter = spec.month, metering.charge, metering.number, metering.meter
    customer, (region, location) = line.customer, metering.region
    known = number % 3 > 0  # of the others, tags and entitlement are not told
    benefit = number % 7 == 0
    return {
        "PartnerId": PARTNER_ID,
        "PartnerName": PARTNER_NAME if known else "",
        "CustomerId": customer.id if customer else "",
        "CustomerDomainName": customer.domain if customer else "",
        "CustomerCountry": customer.country if customer and number % 4 else "",
        "MpnId": str(PARTNER_MPN),
        "Tier2MpnId": "" if number % 2 else "0",
        "InvoiceNumber": spec.id,
        "ProductId": line.product.product_id,
        "SkuId": line.product.sku_id,
        "AvailabilityId": f"{line.product.product_id[:4]}{line.product.sku_id}AV01",
        "SkuName": line.product.sku,
        "ProductName": line.product.name,
        "PublisherName": line.product.publisher,
        "PublisherId": "",
        "SubscriptionDescription": line.product.name,
        "SubscriptionId": line.subscription,
        "ChargeStartDate": zulu(of.start),
        "ChargeEndDate": zulu(of.end + timedelta(days=1)),
        "MeterType": f"{meter.unit} - {meter.name}",
        "MeterCategory": meter.category,
        "MeterId": meter.id,
        "MeterSubCategory": meter.sub_category,
        "MeterName": meter.name,
        "MeterRegion": region,
        "Unit": meter.unit,
        "ResourceLocation": location,
        "ConsumedService": meter.service,
        "ResourceGroup": metering.group,
        "ResourceURI": metering.uri,
        "ChargeType": line.kind if number % 6 else "",
        "UnitPrice": exact(meter.price, PRICE_PLACES),
        "UnitType": meter.unit,
        "BillingCurrency": spec.currency.code,
        "PricingCurrency": "USD",
        "ServiceInfo1": "",
        "ServiceInfo2": meter.service if number % 5 == 0 else "",
        "Tags": TAGS[number % len(TAGS)] if known else "",
        "AdditionalInfo": '{"ServiceType":null,"VMName":"","UsageType":"ComputeHR"}',
        "PCToBCExchangeRate": exact(spec.currency.rate, MILLIONTHS),
        "PCToBCExchangeRateDate": zulu(of.end),
        "EntitlementId": metering.entitlement if known else "",
        "EntitlementDescription": f"Subscription {number:03}" if known else "",
        "PartnerEarnedCreditPercentage": metering.earned,
        "CreditPercentage": metering.earned,
        "CreditType": CREDITS[bool(metering.earned)],
        "BenefitOrderID": guid("benefit order", line.subscription) if benefit else "",
        "BenefitID": guid("benefit", line.subscription) if benefit else "",
        "BenefitType": "SavingsPlan" if benefit else "",
    }

"""DailyRatedUsageLineItem: the usage of new commerce as the service spells it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from invoicekit.sandbox.partner.customers import PARTNER_ID, PARTNER_MPN, PARTNER_NAME, RENAMED
from invoicekit.sandbox.partner.ids import guid
from invoicekit.sandbox.partner.invoices import Spec
from invoicekit.sandbox.partner.modern import Charge
from invoicekit.sandbox.partner.usage import (
    AMOUNT_PLACES,
    CREDITS,
    PRICE_PLACES,
    RATE_PLACES,
    TAGS,
    Metering,
    usage,
)
from invoicekit.sandbox.partner_center.fields import row
from invoicekit.sandbox.wire import Row, exact, naive, zulu

KIND = "DailyRatedUsageLineItem"


def daily_rated_rows(spec: Spec, charges: Sequence[Charge]) -> list[bytes]:
    """Every daily rated usage line of the invoice as JSON, in order."""
    rows: list[bytes] = []
    constant: Row = {}
    before: Metering | None = None
    for day in usage(spec, charges):
        if day.metering is not before:
            before, constant = day.metering, _constant(spec, day.metering)
        moving: Row = {
            "usageDate": zulu(day.day),
            "quantity": exact(day.quantity, AMOUNT_PLACES),
            "billingPreTaxTotal": exact(day.billed, AMOUNT_PLACES),
            "pricingPreTaxTotal": exact(day.priced, AMOUNT_PLACES),
            "effectiveUnitPrice": exact(day.effective, RATE_PLACES),
        }
        if day.metering.charge.customer is RENAMED:
            moving["customerName"] = day.customer_name
        rows.append(row(KIND, constant | moving))
    return rows


def _constant(spec: Spec, metering: Metering) -> Row:
    """What one meter of one subscription has in common on all days."""
    of, line, number, meter = spec.month, metering.charge, metering.number, metering.meter
    customer, (region, location) = line.customer, metering.region
    values: Row = {
        "partnerId": PARTNER_ID,
        "partnerName": PARTNER_NAME if number % 3 else "",
        "customerId": customer.id if customer else "",
        "customerName": customer.name if customer else "",
        "customerDomainName": customer.domain if customer else "",
        "customerCountry": customer.country if customer and number % 4 else "",
        "invoiceNumber": spec.id,
        "productId": line.product.product_id,
        "skuId": line.product.sku_id,
        "availabilityId": f"{line.product.product_id[:4]}{line.product.sku_id}AV01",
        "skuName": line.product.sku,
        "productName": line.product.name,
        "publisherName": line.product.publisher,
        "publisherId": "",
        "subscriptionId": line.subscription,
        "subscriptionDescription": line.product.name,
        "chargeStartDate": zulu(of.start),
        # The first day of the next month: this objectType's end is exclusive.
        "chargeEndDate": zulu(of.end + timedelta(days=1)),
        "meterType": f"{meter.unit} - {meter.name}",
        "meterCategory": meter.category,
        "meterId": meter.id,
        "meterSubCategory": meter.sub_category,
        "meterName": meter.name,
        "meterRegion": region,
        "unitOfMeasure": meter.unit,
        "resourceLocation": location,
        "consumedService": meter.service,
        "resourceGroup": metering.group,
        "resourceUri": metering.uri,
        "additionalInfo": '{"ServiceType":null,"VMName":"","UsageType":"ComputeHR"}',
        "serviceInfo1": "",
        "serviceInfo2": meter.service if number % 5 == 0 else "",
        "mpnId": str(PARTNER_MPN),
        "resellerMpnId": "" if number % 2 else "0",
        "chargeType": line.kind if number % 6 else "",
        "unitPrice": exact(meter.price, PRICE_PLACES),
        "unitType": meter.unit,
        "billingCurrency": spec.currency.code,
        "pricingCurrency": "USD",
        "pcToBCExchangeRate": exact(spec.currency.rate, 6),
        "pcToBCExchangeRateDate": naive(of.end) if number % 2 else zulu(of.end),
        "rateOfPartnerEarnedCredit": exact(metering.earned, 2),
        "creditType": CREDITS[bool(metering.earned)],
        "rateOfCredit": exact(metering.earned, 2),
        "invoiceLineItemType": "usage_line_items",
        "billingProvider": "marketplace",
    }
    if number % 3:
        values["tags"] = TAGS[number % len(TAGS)]
        values["entitlementId"] = metering.entitlement
        values["entitlementDescription"] = f"Subscription {number:03}"
    if number % 2:
        values["hasPartnerEarnedCredit"] = bool(metering.earned)
    if number % 7 == 0:
        values["benefitOrderId"] = guid("benefit order", line.subscription)
        values["benefitId"] = guid("benefit", line.subscription)
        values["benefitType"] = "SavingsPlan"
    return values

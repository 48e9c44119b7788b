"""DailyRatedUsageLineItem: the Azure charges of an invoice, day by day and meter by meter.

The days of a subscription add up to its billing line: rounded down to minor units they are its
subtotal. Amounts are integers of 10**-15, so that every digit is meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from random import Random

from invoicekit.sandbox.partner.catalogue import METERS, REGIONS, Meter
from invoicekit.sandbox.partner.customers import (
    PARTNER_ID,
    PARTNER_MPN,
    PARTNER_NAME,
    RENAMED,
    name_on,
)
from invoicekit.sandbox.partner.invoices import Spec
from invoicekit.sandbox.partner.modern import Charge
from invoicekit.sandbox.wire import Row, exact, guid, naive, row, zulu

KIND = "DailyRatedUsageLineItem"
AMOUNT_PLACES = 15
RATE_PLACES = 22
PRICE_PLACES = 10
EARNED = 15  # percent of partner earned credit
TAGS = ("", '{"env":"production","owner":"nobody"}', '{"env":"test; 100%"}')
CREDITS = {True: "Partner Earned Credit Applied", False: "Credit Not Applied"}


def daily_rated_rows(spec: Spec, charges: Sequence[Charge]) -> list[bytes]:
    """Every daily rated usage line of the invoice as JSON, in order."""
    rng = Random(f"daily rated {spec.id}")
    used = [line for line in charges if line.product.unit and line.kind == "new"]
    return [daily for number, line in enumerate(used) for daily in _days(spec, line, number, rng)]


def split(amount: int, parts: int, rng: Random) -> list[int]:
    """`amount` in that many uneven parts that add up to it exactly."""
    weights = [50 + rng.randrange(100) for _ in range(parts)]
    whole = sum(weights)
    shares = [amount * weight // whole for weight in weights]
    shares[-1] += amount - sum(shares)
    return shares


def _days(spec: Spec, line: Charge, number: int, rng: Random) -> Iterator[bytes]:
    of, places = spec.month, spec.currency.places
    days = range(1, of.days + 1, spec.usage_step)
    meters = [METERS[(number + n) % len(METERS)] for n in range(spec.meters)]
    # Less than one minor unit more than was billed: the service rounds down.
    minor_unit = 10 ** (AMOUNT_PLACES - places)
    amount = line.subtotal * minor_unit + rng.randrange(minor_unit)
    shares = iter(split(amount, len(days) * len(meters), rng))
    earned = bool(line.reason)
    for meter in meters:
        constant = _meter(spec, line, number, meter)
        list_price = meter.price * 10 ** (RATE_PLACES - PRICE_PLACES)
        price = list_price * (100 - EARNED) // 100 if earned else list_price
        for day in days:
            share = next(shares)
            # The rate wobbles in its last digits, down to the 22nd decimal, as a sample's does.
            effective = price - rng.randrange(1, 10 ** (RATE_PLACES - 8))
            dollars = share * 1_000_000 // spec.currency.rate
            quantity = dollars * 10**RATE_PLACES // effective
            moving: Row = {
                "usageDate": zulu(of.day(day)),
                "quantity": exact(quantity, AMOUNT_PLACES),
                "billingPreTaxTotal": exact(share, AMOUNT_PLACES),
                "pricingPreTaxTotal": exact(dollars, AMOUNT_PLACES),
                "effectiveUnitPrice": exact(effective, RATE_PLACES),
            }
            if line.customer is RENAMED:
                moving["customerName"] = name_on(RENAMED, of.day(day))
            yield row(KIND, constant | moving)


def _meter(spec: Spec, line: Charge, number: int, meter: Meter) -> Row:
    """What one meter of one subscription has in common on all days."""
    of, customer = spec.month, line.customer
    region, location = REGIONS[number % len(REGIONS)]
    group = f"rg-sandbox-{number % 9}"
    resource = f"{meter.category.lower().replace(' ', '-')}-{number:03}"
    entitlement = guid("entitlement", line.subscription)
    earned = bool(line.reason)
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
        "resourceGroup": group,
        "resourceUri": f"/subscriptions/{entitlement}/resourceGroups/{group}"
        f"/providers/{meter.service}/{resource}",
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
        "rateOfPartnerEarnedCredit": exact(EARNED if earned else 0, 2),
        "creditType": CREDITS[earned],
        "rateOfCredit": exact(EARNED if earned else 0, 2),
        "invoiceLineItemType": "usage_line_items",
        "billingProvider": "marketplace",
    }
    if number % 3:
        values["tags"] = TAGS[number % len(TAGS)]
        values["entitlementId"] = entitlement
        values["entitlementDescription"] = f"Subscription {number:03}"
    if number % 2:
        values["hasPartnerEarnedCredit"] = earned
    if number % 7 == 0:
        values["benefitOrderId"] = guid("benefit order", line.subscription)
        values["benefitId"] = guid("benefit", line.subscription)
        values["benefitType"] = "SavingsPlan"
    return values

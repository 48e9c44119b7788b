"""The legacy programme: LicenseBasedLineItem, UsageBasedLineItem and DailyUsageLineItem rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random

from invoicekit.sandbox.partner.customers import PARTNER_ID, PARTNER_MPN, PARTNER_NAME, name_on
from invoicekit.sandbox.partner.ids import digest, guid, number_id
from invoicekit.sandbox.partner.invoices import Spec
from invoicekit.sandbox.partner.legacy import CONSUMED_PLACES, PRICE_PLACES, Licence, Metered
from invoicekit.sandbox.partner.usage import split
from invoicekit.sandbox.partner_center.fields import row
from invoicekit.sandbox.wire import Row, exact, naive, plain

DAILY_PLACES = 15  # of a day's share of a billed quantity
EFFECTIVE_PLACES = 8


def _cased(text: str, index: int) -> str:
    """The same GUID in another case on every third row: legacy rows cannot be relied on."""
    return text if index % 3 == 0 else text.upper()


def license_based_rows(spec: Spec, lines: Sequence[Licence]) -> list[bytes]:
    """LicenseBasedLineItem rows."""
    rows = []
    for index, line in enumerate(lines):
        key = (line.customer.number, line.number)
        term = spec.month.start.replace(month=1, day=1)
        values: Row = {
            "partnerId": PARTNER_ID,
            "customerId": _cased(line.customer.id, index),
            "customerName": name_on(line.customer, line.start),
            "mpnId": PARTNER_MPN if index % 10 else 0,
            "tier2MpnId": -1 if index % 5 else 0,
            "orderId": number_id(18, "order", *key),
            "subscriptionId": digest("billing", *key).hex()[:14].upper() + "AAEA",
            "syndicationPartnerSubscriptionNumber": guid("legacy", *key).upper(),
            "offerId": guid("offer", line.offer.name).upper(),
            "durableOfferId": guid("durable offer", line.offer.name).upper(),
            "offerName": line.offer.name,
            "domainName": line.customer.domain,
            "billingCycleType": "MONTHLY",
            "subscriptionName": line.offer.name,
            "subscriptionDescription": line.offer.name if index % 4 else "",
            "subscriptionStartDate": naive(term),
            "subscriptionEndDate": naive(term + timedelta(days=364)),
            "chargeStartDate": naive(line.start),
            "chargeEndDate": naive(line.end),
            "chargeType": line.kind,
            "unitPrice": exact(line.unit, 2, keep=1),
            "quantity": line.quantity,
            "amount": exact(line.unit * line.quantity, 2, keep=1),
            "totalOtherDiscount": exact(line.discount, 2, keep=1),
            "subtotal": exact(line.subtotal, 2, keep=1),
            "tax": exact(line.tax, 2, keep=1),
            "totalForCustomer": exact(line.total, 2, keep=1),
            "currency": spec.currency.code,
        }
        if index % 8:  # some rows say neither; then objectType must do
            values |= {"invoiceLineItemType": "billing_line_items", "billingProvider": "office"}
        rows.append(row("LicenseBasedLineItem", values))
    return rows


def _azure(spec: Spec, line: Metered, index: int) -> Row:
    """What billing and daily rows of a resource have in common."""
    of, key = spec.month, line.customer.number
    return {
        "partnerId": _cased(PARTNER_ID, index),
        "partnerName": PARTNER_NAME,
        "partnerBillableAccountId": number_id(10, "partner account"),
        "customerId": _cased(line.customer.id, index),
        "domainName": line.customer.domain,
        "customerCompanyName": name_on(line.customer, of.start),
        "mpnId": PARTNER_MPN,
        "tier2MpnId": -1 if index % 2 else 0,
        "invoiceNumber": spec.id,
        "subscriptionId": _cased(guid("legacy azure", key), index + 1),
        "subscriptionName": "Microsoft Azure",
        "subscriptionDescription": "Microsoft Azure" if index % 2 else "",
        "billingCycleType": "Monthly" if index % 2 else "MONTHLY",
        "orderId": number_id(18, "azure order", key),
        "serviceName": line.resource.service,
        "serviceType": line.resource.type,
        "resourceGuid": _cased(guid("resource", line.resource.name), index),
        "resourceName": line.resource.name,
        "region": "" if index % 3 else "EU West",
        "chargeStartDate": naive(of.start),
        "chargeEndDate": naive(of.end),
        "unit": line.resource.unit,
        "billingProvider": "azure",
    }


def usage_based_rows(spec: Spec, lines: Sequence[Metered]) -> list[bytes]:
    """UsageBasedLineItem rows."""
    rows = []
    for index, line in enumerate(lines):
        scale = 10 ** (CONSUMED_PLACES + EFFECTIVE_PLACES - 2)
        charged = line.consumed - line.included
        billed = charged or 1  # units that the effective rates are of
        values: Row = _azure(spec, line, index) | {
            "detailLineItemId": 1,
            "sku": line.resource.sku,
            "includedQuantity": exact(line.included, CONSUMED_PLACES, keep=1),
            "overageQuantity": exact(charged, CONSUMED_PLACES),
            "listPrice": exact(line.resource.price, PRICE_PLACES),
            "currency": spec.currency.code,
            "pretaxCharges": exact(line.subtotal, 2),
            "taxAmount": exact(line.tax, 2),
            "postTaxTotal": exact(line.total, 2),
            "pretaxEffectiveRate": exact(line.subtotal * scale // billed, EFFECTIVE_PLACES),
            "postTaxEffectiveRate": exact(line.total * scale // billed, EFFECTIVE_PLACES),
            "chargeType": "Assess usage fee for current cycle"
            if index % 4
            else "ASSESS USAGE FEE FOR CURRENT CYCLE",
            "consumedQuantity": exact(line.consumed, CONSUMED_PLACES),
            "invoiceLineItemType": "billing_line_items",
        }
        if index % 2:  # in the documents as a string, in no sample at all
            values["consumptionPrice"] = plain(line.subtotal + line.discount, 2, keep=2)
            values["consumptionDiscount"] = plain(line.discount, 2, keep=2)
        rows.append(row("UsageBasedLineItem", values))
    return rows


def daily_usage_rows(spec: Spec, lines: Sequence[Metered]) -> list[bytes]:
    """DailyUsageLineItem rows: the days of a resource add up to its billed quantity."""
    rng = Random(f"daily {spec.id}")
    days = [spec.month.day(number) for number in range(1, spec.month.days + 1, spec.usage_step)]
    rows = []
    for index, line in enumerate(lines):
        constant = _azure(spec, line, index)
        consumed = line.consumed * 10 ** (DAILY_PLACES - CONSUMED_PLACES)
        for day, share in zip(days, split(consumed, len(days), rng), strict=True):
            values: Row = constant | {
                "customerBillableAccount": number_id(10, "account", line.customer.number),
                "usageDate": naive(day),
                "consumedQuantity": exact(share, DAILY_PLACES),
                "invoiceLineItemType": "usage_line_items",
            }
            if index % 4 == 0:  # in Microsoft's own client, in no sample
                values |= {
                    "meteredService": line.resource.service,
                    "meteredServiceType": line.resource.type,
                    "meteredRegion": "EU West",
                    "project": f"project-{line.customer.number}",
                    "serviceInfo": "",
                }
            rows.append(row("DailyUsageLineItem", values))
    return rows

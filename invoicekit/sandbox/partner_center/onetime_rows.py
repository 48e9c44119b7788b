"""OneTimeInvoiceLineItem: the charges of new commerce as the service spells them.

The payload grew over the years, and the demo partner's months run through all of it: the oldest
look like 2018 (few fields, numbers, `org:` ids), the newest mix numbers and numeric strings within
one page.
"""

from __future__ import annotations

from collections.abc import Sequence

from invoicekit.sandbox.partner.customers import PARTNER_ID, PARTNER_MPN
from invoicekit.sandbox.partner.ids import guid
from invoicekit.sandbox.partner.invoices import Spec
from invoicekit.sandbox.partner.lines import Line, lines_of
from invoicekit.sandbox.partner.modern import Charge
from invoicekit.sandbox.partner_center.fields import row
from invoicekit.sandbox.wire import (
    NO_DATE,
    Exact,
    Row,
    Value,
    exact,
    naive,
    offset,
    plain,
    ticked,
    zulu,
)

KIND = "OneTimeInvoiceLineItem"
MILLIONTHS = 6
FIRST_OF_2021 = 4  # months before this one look like 2018
FIRST_OF_NOW = 8  # months from this one on have every field
# The spellings of "no reseller"; None leaves the field out. The fifth line has one.
NO_RESELLER: tuple[Value | None, ...] = (0, "0", "", None)
OLD_KINDS = {"new": "Purchase", "cycleFee": "Cycle fee", "renew": "Renew"}


def onetime_rows(spec: Spec, charges: Sequence[Charge]) -> list[bytes]:
    """Every billing line of the invoice as JSON, in order."""
    number = spec.month.number
    made: dict[Line, bytes] = {}
    rows = []
    for line in lines_of(spec, charges):
        if line not in made:
            values = _charge(spec, line)
            if number >= FIRST_OF_2021:
                values |= _since_2021(spec, line)
            if number >= FIRST_OF_NOW:
                values |= _newest(line)
            made[line] = row(KIND, values, dict(line.charge.odd.extra))
        rows.append(made[line])
    return rows


def _customer(spec: Spec, line: Line) -> Row:
    """Who pays: an empty id, or none at all, where nobody does."""
    customer = line.charge.customer
    if customer is None:
        return {} if line.odd else {"customerId": "", "customerName": ""}
    prefix = "org:" if spec.month.number < FIRST_OF_2021 and customer.number % 2 else ""
    return {
        "customerId": prefix + customer.id,
        "customerName": line.customer_name,
        "customerDomainName": customer.domain,
    }


def _charge(spec: Spec, line: Line) -> Row:
    """The fields that every row has had since 2018."""
    old = spec.month.number < FIRST_OF_2021
    charge, product, places = line.charge, line.charge.product, spec.currency.places
    quote = not old and line.quoted

    def money(minor: int) -> Value:
        return plain(minor, places, keep=places) if quote else exact(minor, places)

    values = _customer(spec, line)
    reseller = 0 if old else line.reseller or NO_RESELLER[line.place % 5]
    if reseller is not None:
        values["resellerMpnId"] = reseller
    return values | {
        "partnerId": PARTNER_ID,
        "invoiceNumber": spec.id,
        "mpnId": str(PARTNER_MPN) if line.place % 50 else "0",
        "orderId": charge.order,
        "orderDate": ticked(charge.start, line.ticks),
        "productId": product.product_id,
        "skuId": product.sku_id,
        "availabilityId": f"{product.product_id[:4]}{product.sku_id}AV01",
        "productName": product.name,
        "skuName": product.sku,
        "chargeType": OLD_KINDS.get(charge.kind, charge.kind) if old else line.kind,
        "unitPrice": _number(line.list_price, MILLIONTHS, quote=quote),
        "quantity": _number(charge.quantity, 0, quote=quote),
        "subtotal": money(charge.subtotal),
        "taxTotal": money(charge.tax),
        "totalForCustomer": money(charge.total),
        "currency": line.currency(spec),
        "discountDetails": "",
        "invoiceLineItemType": "billing_line_items",
        "billingProvider": "one_time",
    }


def _number(value: int, places: int, *, quote: bool) -> Value:
    text = plain(value, places)
    return text if quote else Exact(text)


def _since_2021(spec: Spec, line: Line) -> Row:
    """The fields that came by 2021: prices as adjusted, dates, exchange rate."""
    charge, quote = line.charge, line.quoted
    # Zones and fractions vary from row to row; the day in UTC never does.
    midnight = (lambda day: offset(day, "-08:00")) if line.place % 7 == 0 else zulu
    subscribed = bool(charge.subscription)
    rate_dates = (naive(spec.month.end), zulu(spec.month.end), NO_DATE)
    return {
        "customerCountry": charge.customer.country if charge.customer else "",
        "effectiveUnitPrice": _number(charge.unit, MILLIONTHS, quote=quote),
        "unitType": charge.product.unit,
        "publisherName": charge.product.publisher,
        "publisherId": line.publisher_id,
        "subscriptionDescription": line.description,
        "subscriptionId": charge.subscription,
        "subscriptionStartDate": offset(charge.start, "+00:00") if subscribed else "",
        "subscriptionEndDate": offset(line.term_end, "+00:00") if subscribed else "",
        "chargeStartDate": midnight(charge.start),
        "chargeEndDate": midnight(charge.end),
        "termAndBillingCycle": charge.product.term,
        "alternateId": line.quote,
        "priceAdjustmentDescription": line.adjustment,
        "pricingCurrency": "USD",
        "pcToBCExchangeRate": _number(spec.currency.rate, MILLIONTHS, quote=quote),
        "pcToBCExchangeRateDate": rate_dates[line.place % len(rate_dates)],
        "billableQuantity": _number(charge.quantity * 10**10, 10, quote=quote),
        "billingFrequency": "Monthly" if line.odd else "",
    }


def _newest(line: Line) -> Row:
    """The fields that came last."""
    values: Row = {
        "productQualifiers": line.charge.product.qualifiers,
        "referenceId": guid("reference", line.charge.order),
        "creditReasonCode": line.charge.reason,
        "meterDescription": line.meter,
        "reservationOrderId": line.reservation,
        "promotionId": line.promotion,
    }
    # Known only from column lists of the reconciliation file: on some rows, not on others.
    return values | ({"productCategory": line.charge.product.category} if line.place % 5 else {})

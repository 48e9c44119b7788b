"""OneTimeInvoiceLineItem: the charges of new commerce as the service spells them.

The payload grew over the years, and the demo partner's twelve months run through all of it: the
oldest third looks like 2018 (few fields, numbers, `org:` ids), the newest mixes numbers and
numeric strings within one page.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random

from invoicekit.sandbox.partner.customers import PARTNER_ID, PARTNER_MPN, RESELLER_MPN, name_on
from invoicekit.sandbox.partner.invoices import DAY_OF_TICKS, Spec
from invoicekit.sandbox.partner.modern import Charge
from invoicekit.sandbox.wire import (
    NO_DATE,
    Exact,
    Row,
    Value,
    exact,
    guid,
    naive,
    offset,
    plain,
    row,
    ticked,
    zulu,
)

KIND = "OneTimeInvoiceLineItem"
MILLIONTHS = 6
FIRST_OF_2021 = 4  # months before this one look like 2018
FIRST_OF_NOW = 8  # months from this one on have every field
# The spellings of "no reseller", and one reseller; None leaves the field out.
RESELLERS: tuple[Value | None, ...] = (0, "0", "", None, str(RESELLER_MPN))
OLD_KINDS = {"new": "Purchase", "cycleFee": "Cycle fee", "renew": "Renew"}
ODD_KINDS = {"new": "New"}  # the case is not to be relied on
STRING_EVERY = 3  # of the newer rows, every third quotes its numbers


def onetime_rows(spec: Spec, charges: Sequence[Charge]) -> list[bytes]:
    """Every billing line of the invoice as JSON, in order."""
    rng = Random(f"rows {spec.id}")
    number = spec.month.number
    made: dict[Charge, bytes] = {}
    rows = []
    for index, charge in enumerate(charges):
        # Equal charges are equal rows, to the byte: lines have no key of their own.
        if charge not in made:
            values = _charge(spec, charge, index, rng.randrange(DAY_OF_TICKS))
            if number >= FIRST_OF_2021:
                values |= _since_2021(spec, charge, index)
            if number >= FIRST_OF_NOW:
                values |= _newest(charge, index)
            made[charge] = row(KIND, values)
        rows.append(made[charge])
    return rows


def _customer(spec: Spec, charge: Charge, index: int) -> Row:
    """Who pays: an empty id, or none at all, where nobody does."""
    customer = charge.customer
    if customer is None:
        return {} if index % 2 else {"customerId": "", "customerName": ""}
    prefix = "org:" if spec.month.number < FIRST_OF_2021 and customer.number % 2 else ""
    return {
        "customerId": prefix + customer.id,
        "customerName": name_on(customer, charge.start),
        "customerDomainName": customer.domain,
    }


def _charge(spec: Spec, charge: Charge, index: int, ticks: int) -> Row:
    """The fields that every row has had since 2018."""
    old = spec.month.number < FIRST_OF_2021
    product, places = charge.product, spec.currency.places
    quote = not old and index % STRING_EVERY == 0

    def money(minor: int) -> Value:
        return plain(minor, places, keep=places) if quote else exact(minor, places)

    kinds = OLD_KINDS if old else ODD_KINDS if index % STRING_EVERY else {}
    list_price = product.price * 10_000 or abs(charge.unit)
    values = _customer(spec, charge, index)
    reseller = 0 if old else RESELLERS[index % len(RESELLERS)]
    if reseller is not None:
        values["resellerMpnId"] = reseller
    return values | {
        "partnerId": PARTNER_ID,
        "invoiceNumber": spec.id,
        "mpnId": str(PARTNER_MPN) if index % 50 else "0",
        "orderId": charge.order,
        "orderDate": ticked(charge.start, ticks),
        "productId": product.product_id,
        "skuId": product.sku_id,
        "availabilityId": f"{product.product_id[:4]}{product.sku_id}AV01",
        "productName": product.name,
        "skuName": product.sku,
        "chargeType": kinds.get(charge.kind, charge.kind),
        "unitPrice": _number(list_price, MILLIONTHS, quote=quote),
        "quantity": _number(charge.quantity, 0, quote=quote),
        "subtotal": money(charge.subtotal),
        "taxTotal": money(charge.tax),
        "totalForCustomer": money(charge.total),
        "currency": spec.currency.code,
        "discountDetails": "",
        "invoiceLineItemType": "billing_line_items",
        "billingProvider": "one_time",
    }


def _number(value: int, places: int, *, quote: bool) -> Value:
    text = plain(value, places)
    return text if quote else Exact(text)


def _since_2021(spec: Spec, charge: Charge, index: int) -> Row:
    """The fields that came by 2021: prices as adjusted, dates, exchange rate."""
    quote, odd = index % STRING_EVERY == 0, index % 2 == 1
    term_end = charge.start + timedelta(days=364)
    # Zones and fractions vary from row to row; the day in UTC never does.
    midnight = (lambda day: offset(day, "-08:00")) if index % 7 == 0 else zulu
    subscribed = bool(charge.subscription)
    rate_dates = (naive(spec.month.end), zulu(spec.month.end), NO_DATE)
    return {
        "customerCountry": charge.customer.country if charge.customer else "",
        "effectiveUnitPrice": _number(charge.unit, MILLIONTHS, quote=quote),
        "unitType": charge.product.unit,
        "publisherName": charge.product.publisher,
        "publisherId": "" if odd else guid("publisher", charge.product.publisher)[:8],
        "subscriptionDescription": charge.product.sku if subscribed and odd else "",
        "subscriptionId": charge.subscription,
        "subscriptionStartDate": offset(charge.start, "+00:00") if subscribed else "",
        "subscriptionEndDate": offset(term_end, "+00:00") if subscribed else "",
        "chargeStartDate": midnight(charge.start),
        "chargeEndDate": midnight(charge.end),
        "termAndBillingCycle": charge.product.term,
        "alternateId": f"QUOTE-{charge.order}" if odd else "",
        "priceAdjustmentDescription": '["15.0% Partner earned credit for services managed"]'
        if charge.reason.startswith("Partner")
        else "",
        "pricingCurrency": "USD",
        "pcToBCExchangeRate": _number(spec.currency.rate, MILLIONTHS, quote=quote),
        "pcToBCExchangeRateDate": rate_dates[index % len(rate_dates)],
        "billableQuantity": _number(charge.quantity * 10**10, 10, quote=quote),
        "billingFrequency": "Monthly" if odd else "",
    }


def _newest(charge: Charge, index: int) -> Row:
    """The fields that came last."""
    values: Row = {
        "productQualifiers": charge.product.qualifiers,
        "referenceId": guid("reference", charge.order),
        "creditReasonCode": charge.reason,
        "meterDescription": "Azure plan usage" if charge.product.unit else "",
        "reservationOrderId": guid("reservation", charge.order)
        if charge.product.name.startswith("Reserved")
        else "",
        "promotionId": guid("promotion") if index % 11 == 0 else "",
    }
    # Known only from column lists of the reconciliation file: on some rows, not on others.
    return values | ({"productCategory": charge.product.category} if index % 5 else {})

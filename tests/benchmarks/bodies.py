"""Pages as Partner Center sends them, built once; from page to page only ids are varied.

What matters for speed is here, as mixed as it comes: ids now as numbers and now as text, fields
that are missing or null, names beyond ASCII, dates with seven decimals or none, with or without Z,
rates of 22 decimals, JSON within text, nested lists, and fields that nobody documents, one of them
an object that a row in fifty has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from random import Random
from uuid import UUID

from invoicekit.sandbox.partner_center.fields import FIELDS
from invoicekit.sandbox.wire import Exact, Row, encoded

ROWS = 2000  # of a page
SLOT = b"~page~~~"  # where the page's number goes: eight characters in each
VARIANTS = 5  # pages that differ in more than that
CUSTOMERS, PRODUCTS = 500, 200
NEW_IN, NULL_IN, MISSING_IN = 0.02, 0.1, 0.1  # parts of the rows
KEPT = {"currency", "billingCurrency"}  # without one of these nothing would tie
ONE_TIME, DAILY_RATED, LICENSE = (
    "OneTimeInvoiceLineItem",
    "DailyRatedUsageLineItem",
    "LicenseBasedLineItem",
)
PAIRS = {
    ONE_TIME: ("onetime", "billing"),
    DAILY_RATED: ("onetime", "usage"),
    LICENSE: ("office", "billing"),
}


def _guid(rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def _own_guid(rng: Random) -> str:
    """An id that no other page has."""
    return SLOT.decode() + _guid(rng)[8:]


def _cents(value: int) -> Exact:
    return Exact(f"{'-' if value < 0 else ''}{abs(value) // 100}.{abs(value) % 100:02}")


_fixed = Random(4)
_NAMES = (
    "Customer {} of Nowhere GmbH",
    "Gießkanne {} & Söhne",
    "Łódź {} sp. z o.o.",
    "株式会社 {}",
)
_customers = [(_guid(_fixed), _NAMES[n % 7 % 4].format(n)) for n in range(CUSTOMERS)]
_products = [
    (f"CFQ7TTC0{n:04X}", f"{n % 30:04}", f"Product {n} ({'jährlich' if n % 5 == 0 else 'annual'})")
    for n in range(PRODUCTS)
]
_partner = _guid(_fixed)


def _common(rng: Random, number: int) -> tuple[Row, int]:
    customer, name = rng.choice(_customers)
    product, sku, title = rng.choice(_products)
    cents = rng.randrange(-5_000, 500_000)
    row: Row = {
        "partnerId": _partner,
        "customerId": customer,
        "customerName": name,
        "customerDomainName": f"{customer[:8]}.onmicrosoft.example",
        "customerCountry": "DE" if number % 3 else "US",
        "invoiceNumber": "G000100000",
        "mpnId": 4_391_227 if number % 4 else "4391227",
        "productId": product,
        "skuId": sku,
        "availabilityId": f"{product[:4]}{sku}AV01",
        "productName": title,
        "skuName": title,
        "publisherName": "Microsoft Corporation",
        "publisherId": "",
        "subscriptionId": _own_guid(rng),
        "subscriptionDescription": title,
        "currency": "USD",
        "chargeType": "cycleFee" if number % 9 else "cancelImmediate",
        "unitType": "License(s)",
        "pricingCurrency": "USD",
        "pcToBCExchangeRate": Exact("1" if number % 2 else "0.912345"),
        "pcToBCExchangeRateDate": "2025-11-30T00:00:00Z",
        "chargeStartDate": "2025-11-01T00:00:00Z",
        "chargeEndDate": "2025-11-30T00:00:00Z" if number % 7 else "2025-11-30T23:59:59.9999999Z",
    }
    return row, cents


def _one_time(rng: Random, number: int) -> tuple[Row, int]:
    row, cents = _common(rng, number)
    tax = cents // 5
    row |= {
        "resellerMpnId": (0, "0", "", 5_123_456)[number % 4],
        "orderId": SLOT.decode() + f"{number:04}",
        "orderDate": f"2025-11-{1 + number % 28:02}T09:12:33.7654321Z",
        "productQualifiers": ["Commercial", "Term"] if number % 3 else [],
        "unitPrice": Exact(f"{rng.randrange(1, 90_000) / 100:.4f}"),
        "effectiveUnitPrice": Exact(f"{rng.randrange(1, 900)}.{rng.randrange(10**6):06}"),
        "quantity": 1 + number % 40,
        "subtotal": _cents(cents),
        "taxTotal": _cents(tax),
        "totalForCustomer": _cents(cents + tax),
        "subscriptionStartDate": "2025-11-01T00:00:00Z",
        "subscriptionEndDate": "2026-10-31T00:00:00Z",
        "termAndBillingCycle": "One-Year commitment, monthly billing",
        "alternateId": rng.randrange(10**9) if number % 7 == 0 else _guid(rng)[:12],
        "referenceId": _guid(rng),
        "priceAdjustmentDescription": '["15.0% Partner earned credit for services managed"]',
        "discountDetails": "",
        "creditReasonCode": "",
        "billableQuantity": Exact(f"{1 + number % 40}.0"),
        "meterDescription": "",
        "billingFrequency": "Monthly",
        "reservationOrderId": "",
        "invoiceLineItemType": "billing_line_items",
        "billingProvider": "one_time",
        "nobodyDocumentsThis": "kept as text all the same",
    }
    if number % 5:
        row["productCategory"] = "Online Services"
    if number % 11 == 0:
        row["promotionId"] = _guid(rng)
    return row, cents + tax


def _daily_rated(rng: Random, number: int) -> tuple[Row, int]:
    row, cents = _common(rng, number)
    amount = Exact(f"{rng.randrange(1, 90)}.{rng.randrange(10**15):015}")
    long = number % 20 == 0
    del row["currency"]
    group = f"rg-production-{number % 50}"
    row |= {
        "partnerName": "A partner that exists nowhere",
        "resellerMpnId": "" if number % 2 else "0",
        "usageDate": f"2025-11-{1 + number % 28:02}T00:00:00Z",
        "meterType": "1 Compute Hour - D2 v3/D2s v3",
        "meterCategory": "Virtual Machines",
        "meterId": _guid(rng),
        "meterSubCategory": "Dv3/DSv3 Series",
        "meterName": "D2 v3/D2s v3",
        "meterRegion": "EU West",
        "unitOfMeasure": "1 Hour",
        "resourceLocation": "EUWEST",
        "consumedService": "Microsoft.Compute",
        "resourceGroup": group,
        "resourceUri": f"/subscriptions/{_own_guid(rng)}/resourceGroups/{group}"
        f"/providers/Microsoft.Compute/virtualMachines/vm-{number:05}",
        "tags": '{"env":"production","owner":"nobody","cost center":"4711"}',
        "additionalInfo": '{"ServiceType":"Standard_D2s_v3","VMName":"","UsageType":"ComputeHR"}',
        "serviceInfo1": "",
        "serviceInfo2": None,
        "unitPrice": Exact("0.1200000000"),
        "quantity": Exact("24" if number % 3 else f"{number % 24}.{rng.randrange(10**6):06}"),
        "billingPreTaxTotal": amount if long else _cents(cents),
        "billingCurrency": "EUR",
        "pricingPreTaxTotal": amount if long else _cents(cents),
        "entitlementId": _guid(rng),
        "entitlementDescription": f"Subscription {number % 300:03}",
        "effectiveUnitPrice": Exact(f"0.{rng.randrange(10**22):022}" if long else "0.102"),
        "rateOfPartnerEarnedCredit": Exact("0.15"),
        "hasPartnerEarnedCredit": bool(number % 2),
        "creditType": "Partner Earned Credit Applied",
        "rateOfCredit": Exact("0.15"),
        "invoiceLineItemType": "usage_line_items",
        "billingProvider": "marketplace",
    }
    return row, 0


def _license(rng: Random, number: int) -> tuple[Row, int]:
    common, cents = _common(rng, number)
    tax = cents // 5
    row = {name: common[name] for name in ("partnerId", "customerId", "customerName", "mpnId")}
    row |= {
        "tier2MpnId": (0, "0", 5_123_456, "")[number % 4],
        "orderId": SLOT.decode() + _guid(rng)[8:],
        "subscriptionId": common["subscriptionId"],
        "syndicationPartnerSubscriptionNumber": _guid(rng) if number % 2 else None,
        "offerId": common["productId"],
        "durableOfferId": common["productId"],
        "offerName": common["productName"],
        "domainName": common["customerDomainName"],
        "billingCycleType": "Monthly",
        "subscriptionName": common["productName"],
        "subscriptionDescription": common["productName"],
        "subscriptionStartDate": "2025-01-01T00:00:00",
        "subscriptionEndDate": "2025-12-31T00:00:00",
        "chargeStartDate": "2025-11-01T00:00:00",
        "chargeEndDate": "2025-11-30T00:00:00",
        "chargeType": "CYCLE FEE",
        "unitPrice": Exact(f"{rng.randrange(1, 900)}.{rng.randrange(10_000):04}"),
        "quantity": 1 + number % 40,
        "amount": _cents(cents),
        "totalOtherDiscount": 0,
        "subtotal": _cents(cents),
        "tax": _cents(tax),
        "totalForCustomer": _cents(cents + tax),
        "currency": "USD",
        "invoiceLineItemType": "billing_line_items",
        "billingProvider": "office",
    }
    return row, cents + tax


def _drifted(rng: Random, row: Row) -> Row:
    """The row with what a service adds and leaves out as the months go by."""
    if rng.random() < NEW_IN:
        row["pricingDetails"] = {
            "tier": rng.randrange(9),
            "steps": [{"from": 0, "unitPrice": Exact(f"{rng.randrange(900)}.10")}],
        }
    texts = [
        name
        for name, value in row.items()
        if isinstance(value, str) and not isinstance(value, Exact) and name not in KEPT
    ]
    if rng.random() < NULL_IN:
        row[rng.choice(texts)] = None
    if rng.random() < MISSING_IN:
        del row[rng.choice(texts)]
    return row


_ROWS: dict[str, Callable[[Random, int], tuple[Row, int]]] = {
    ONE_TIME: _one_time,
    DAILY_RATED: _daily_rated,
    LICENSE: _license,
}


@lru_cache(maxsize=8)
def _variants(kind: str) -> list[list[tuple[bytes, int]]]:
    """The rows of the pages that differ, each with what it adds to the invoice, in cents."""
    variants = []
    for variant in range(VARIANTS):
        rng = Random(f"{kind} {variant}")
        rows = []
        for number in range(ROWS):
            row, cents = _ROWS[kind](rng, number)
            row = _drifted(rng, row)
            row["attributes"] = {"objectType": kind}
            order = {name: row[name] for name in FIELDS[kind] if name in row}
            rows.append((encoded_or_null({**order, **row}), cents))
        variants.append(rows)
    return variants


def encoded_or_null(row: Row) -> bytes:
    """A row as JSON; the sandbox's own writer knows no null."""
    bare = {name: Exact("null") if value is None else value for name, value in row.items()}
    return encoded(bare).encode()


@dataclass(frozen=True)
class Lines:
    """A collection of so many line items of one kind."""

    kind: str
    count: int

    @property
    def pages(self) -> int:
        """How many pages it has."""
        return max(1, -(-self.count // ROWS))

    @property
    def total(self) -> Decimal:
        """What the lines add up to."""
        whole = [sum(cents for _, cents in rows) for rows in _variants(self.kind)]
        full, rest = divmod(self.count, ROWS)
        cents = sum(whole[number % VARIANTS] for number in range(full))
        cents += sum(cents for _, cents in _variants(self.kind)[full % VARIANTS][:rest])
        return Decimal(cents).scaleb(-2)

    def items(self, number: int) -> bytes:
        """The rows of a page (counted from 0), comma between; nothing beyond the last."""
        rows = min(ROWS, self.count - number * ROWS)
        if rows <= 0:
            return b""
        return (b"%08d" % number).join(_cut(self.kind, number % VARIANTS, rows))

    def bodies(self) -> Iterator[bytes]:
        """All pages, as a service without links would send them."""
        for number in range(self.pages):
            yield b'{"totalCount":%d,"items":[%b]}' % (ROWS, self.items(number))


@lru_cache(maxsize=32)
def _cut(kind: str, variant: int, rows: int) -> list[bytes]:
    return b",".join(row for row, _ in _variants(kind)[variant][:rows]).split(SLOT)

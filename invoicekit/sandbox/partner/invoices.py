"""Which invoices the demo partner has, and an invoice as JSON."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from invoicekit.sandbox.wire import TICKS_PER_SECOND, Row, Value, digest, exact, guid, ticked, zulu

MONTHS = 12
FIRST_YEAR, FIRST_MONTH = 2025, 11  # the oldest billing period; the newest is October 2026
DAY_OF_TICKS = 86_400 * TICKS_PER_SECOND


class Month(NamedTuple):
    """A billing period; `number` counts from 0."""

    number: int
    start: date
    end: date

    @property
    def days(self) -> int:
        """How many days the month has."""
        return self.end.day

    def day(self, number: int) -> date:
        """The day of the month with that number, from 1."""
        return self.start.replace(day=number)


def month(number: int) -> Month:
    """The billing period that is `number` months after the oldest.

    >>> month(3)
    Month(number=3, start=datetime.date(2026, 2, 1), end=datetime.date(2026, 2, 28))
    """
    start, following = (
        date(FIRST_YEAR + (FIRST_MONTH - 1 + n) // 12, (FIRST_MONTH - 1 + n) % 12 + 1, 1)
        for n in (number, number + 1)
    )
    return Month(number, start, following - timedelta(days=1))


class Currency(NamedTuple):
    """A billing currency: its minor units, and what one US dollar (the pricing currency) costs."""

    code: str
    symbol: str
    places: int
    rate: int  # in millionths

    def minor(self, dollars: int) -> int:
        """Millionths of a dollar as minor units of this currency, rounded down."""
        minor_unit: int = 10 ** (12 - self.places)  # in millionths of millionths
        return dollars * self.rate // minor_unit


USD = Currency("USD", "$", 2, 1_000_000)
EUR = Currency("EUR", "€", 2, 921_437)
JPY = Currency("JPY", "¥", 0, 151_372_500)


class Spec(NamedTuple):
    """One invoice before it has lines; the numbers say how much of what it is to have."""

    id: str
    month: Month
    issued: date
    currency: Currency = USD
    countries: frozenset[str] = frozenset()  # empty: all
    seat_changes: int = 0  # pairs of lines: the old seats credited, the new ones charged
    meters: int = 1  # per Azure subscription
    usage_step: int = 6  # daily usage for every so many days
    credit: int = 0  # in the header only: the planted difference
    receipts: tuple[str, ...] = ()

    @property
    def modern(self) -> bool:
        """Whether this is an invoice of new commerce."""
        return self.id.startswith("G")

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The (provider, line item type) pairs that the details name, as JSON spells them."""
        return MODERN_PAIRS if self.modern else LEGACY_PAIRS


MODERN_PAIRS = (("one_time", "billing_line_items"), ("one_time", "usage_line_items"))
LEGACY_PAIRS = (
    ("office", "billing_line_items"),
    ("azure", "billing_line_items"),
    ("azure", "usage_line_items"),
)
IN_A_URL = {
    "one_time": "OneTime",
    "office": "Office",
    "azure": "Azure",
    "billing_line_items": "BillingLineItems",
    "usage_line_items": "UsageLineItems",
}

NEWEST_ID = "G012345612"
PLANTED_ID = "G012345607"
EUR_ID = "G012345651"
JPY_ID = "G012345652"
# What sets single months apart; every other month has the defaults of `Spec`.
SPECIAL: dict[int, dict[str, int]] = {
    6: {"credit": -125_050, "seat_changes": 24},
    11: {"seat_changes": 2_400, "meters": 11, "usage_step": 1},
}


def issued(of: Month, day: int) -> date:
    """That day of the month after `of`."""
    return (of.end + timedelta(days=1)).replace(day=day)


def modern_spec(of: Month) -> Spec:
    """The month's invoice of new commerce."""
    special = SPECIAL.get(of.number, {})
    newest = of.number == MONTHS - 1
    return Spec(
        f"G0123456{of.number + 1:02}",
        of,
        issued(of, 5),
        seat_changes=special.get("seat_changes", 12),
        meters=special.get("meters", 1),
        usage_step=special.get("usage_step", 6),
        credit=special.get("credit", 0),
        receipts=("261105001", "261105002") if newest else (),
    )


def specs() -> tuple[Spec, ...]:
    """Every invoice, as the list gives them: the legacy ones first, each kind newest first."""
    months = [month(number) for number in reversed(range(MONTHS))]
    legacy = [Spec(f"D0700010{of.number + 1:02}", of, issued(of, 3)) for of in months]
    modern = [modern_spec(of) for of in months]
    europe, japan = month(7), month(4)
    modern += [
        Spec(EUR_ID, europe, issued(europe, 6), EUR, frozenset({"DE", "FR", "NL"})),
        Spec(JPY_ID, japan, issued(japan, 6), JPY, frozenset({"JP"})),
    ]
    modern.sort(key=lambda spec: spec.issued, reverse=True)
    return (*legacy, *modern)


def link(uri: str) -> Row:
    """A link without headers, to be asked with GET."""
    return {"uri": uri, "method": "GET", "headers": []}


def detail(spec: Spec, provider: str, line_item_type: str) -> Row:
    """One entry of `invoiceDetails`."""
    # The prefix is the service's own; no known call answers to it. Clients use the bare id.
    prefix = "OneTime-" if spec.modern else ""
    uri = f"/invoices/{prefix}{spec.id}/lineitems/{IN_A_URL[provider]}/{IN_A_URL[line_item_type]}"
    return {
        "invoiceLineItemType": line_item_type,
        "billingProvider": provider,
        "links": {"self": link(uri)},
        "attributes": {"objectType": "InvoiceDetail"},
    }


def invoice(spec: Spec, total: int) -> Row:
    """The invoice resource; `total` in minor units, summed before any line became JSON."""
    places = spec.currency.places
    ticks = int.from_bytes(digest(spec.id, "issued")[:8], "big") % DAY_OF_TICKS
    values: Row = {"id": spec.id}
    values["invoiceDate"] = ticked(spec.issued, ticks) if spec.modern else zulu(spec.issued)
    # Legacy invoices of 2017 say neither their period nor their type; the oldest here do so too.
    spare = not spec.modern and spec.month.number < MONTHS // 4
    if not spare:
        values["billingPeriodStartDate"] = ticked(spec.month.start, ticks)
        values["billingPeriodEndDate"] = ticked(spec.month.end, ticks)
    values["totalCharges"] = exact(total, places)
    paid = total if spec.month.number < MONTHS - 2 else 0
    values["paidAmount"] = exact(paid, places, keep=0 if spec.modern else 1)
    values["currencyCode"] = spec.currency.code
    values["currencySymbol"] = spec.currency.symbol
    values["pdfDownloadLink"] = f"/invoices/{spec.id}/documents/statement"
    if spec.receipts:
        values["taxReceipts"] = [receipt(spec, number) for number in spec.receipts]
    details: list[Value] = [detail(spec, *pair) for pair in spec.pairs]
    values["invoiceDetails"] = details
    if not spare:
        values["documentType"] = "invoice"
        values["invoiceType"] = "OneTime" if spec.modern else "Recurring"
    prefix = "OneTime-" if spec.modern else ""
    values["links"] = {"self": link(f"/invoices/{prefix}{spec.id}")}
    values["attributes"] = {"objectType": "Invoice"}
    return values


def receipt(spec: Spec, number: str) -> Row:
    """One entry of `taxReceipts`."""
    uri = f"/invoices/{spec.id}/receipts/{number}/documents/statement"
    return {"id": number, "taxReceiptPdfDownloadLink": uri}


def order_id(*parts: object) -> str:
    """An order id of new commerce: short, opaque, deterministic."""
    return guid("order", *parts).replace("-", "")[:12].upper()

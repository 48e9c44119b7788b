"""Which invoices the demo partner has."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from invoicekit.sandbox.partner.ids import guid

MONTHS = 12
FIRST_YEAR, FIRST_MONTH = 2025, 11  # the oldest billing period; the newest is October 2026
FIRST_ON_GRAPH = date(2024, 2, 1)  # the first billing period of new commerce that has moved
DAY_OF_TICKS = 86_400 * 10_000_000  # a tick is 100 ns


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
    amends: str = ""  # the id of the invoice that this document corrects

    @property
    def modern(self) -> bool:
        """Whether this is an invoice of new commerce."""
        return self.id.startswith("G")

    @property
    def invoice_type(self) -> str:
        """The kind of invoice in the words of its header."""
        return "OneTime" if self.modern else "Recurring"

    @property
    def on_graph(self) -> bool:
        """Whether its lines are Graph's to give, and no longer Partner Center's."""
        return self.modern and self.month.start >= FIRST_ON_GRAPH

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
NEWEST_ID = "G012345612"
PLANTED_ID = "G012345607"
EUR_ID = "G012345651"
NOTE_ID = "G012340102"
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


def archive() -> tuple[Spec, ...]:
    """Three invoices of new commerce from before Graph's first period, newest first.

    An adjustment note that corrects the second of them comes right after it.
    """
    newest, middle, oldest = (
        Spec(
            f"G01234000{place}",
            month(number),
            issued(month(number), 5),
            countries=frozenset({"US", "GB"}),
        )
        for place, number in ((3, -22), (2, -23), (1, -24))
    )
    note = middle._replace(id=NOTE_ID, issued=issued(middle.month, 20), amends=middle.id)
    return newest, middle, note, oldest


def order_id(*parts: object) -> str:
    """An order id of new commerce: short, opaque, deterministic."""
    return guid("order", *parts).replace("-", "")[:12].upper()

"""What the partner owes: a balance per currency, and per kind of invoice within it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import NamedTuple

from invoicekit.sandbox.partner.invoices import MONTHS, Currency, Spec

UNPAID_MONTHS = 2  # the newest are not paid yet
DAYS_TO_PAY = 20


class Balance(NamedTuple):
    """Amounts in minor units of the currency; dates are None for what never was."""

    currency: Currency
    kind: str  # of invoices, as headers have it; empty: all
    open: int
    first: date
    latest: date
    paid_on: date | None
    paid: int  # the last payment
    parts: tuple[Balance, ...] = ()  # by kind; of a part empty


def is_paid(spec: Spec) -> bool:
    """Whether the invoice was paid, all of it."""
    return spec.month.number < MONTHS - UNPAID_MONTHS


def balances(specs: Iterable[Spec], total: Callable[[Spec], int]) -> list[Balance]:
    """A balance for each currency, in the order of the currencies' codes."""
    known = sorted(specs, key=lambda spec: (spec.currency.code, spec.issued))
    found = []
    for currency in dict.fromkeys(spec.currency for spec in known):
        ours = [spec for spec in known if spec.currency == currency]
        kinds = {spec.invoice_type: [s for s in ours if s.modern == spec.modern] for spec in ours}
        parts = tuple(_balance(some, kind, total) for kind, some in sorted(kinds.items()))
        found.append(_balance(ours, "", total)._replace(parts=parts))
    return found


def _balance(specs: list[Spec], kind: str, total: Callable[[Spec], int]) -> Balance:
    paid = [spec for spec in specs if is_paid(spec)]
    last = paid[-1] if paid else None
    return Balance(
        specs[0].currency,
        kind,
        sum(total(spec) for spec in specs if not is_paid(spec)),
        specs[0].issued,
        specs[-1].issued,
        last and last.issued + timedelta(days=DAYS_TO_PAY),
        total(last) if last else 0,
    )

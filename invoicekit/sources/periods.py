"""Which source holds a collection of an invoice: a table of periods with its dates.

Facts: the notes on retirement of Microsoft's page "Get invoice line items". Partner Center's v1
stays the only source of billing periods before February 2024, of legacy commerce (`office`,
`azure`) and of the sovereign clouds; new commerce of later periods is exported by Graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from invoicekit.clouds import CLOUDS
from invoicekit.errors import one_of

NEW_COMMERCE = frozenset({"onetime", "marketplace", "external", "all"})


@dataclass(frozen=True, slots=True)
class Period:
    """From which billing month on a source holds collections; `None` in a field is any."""

    source: str
    since: date  # the first day of a billing month
    providers: frozenset[str] | None = None
    clouds: frozenset[str] | None = None

    def holds(self, provider: str, month: date, cloud: str) -> bool:
        """Whether a collection of such an invoice is in this row."""
        return (
            month >= self.since
            and (self.providers is None or provider in self.providers)
            and (self.clouds is None or cloud in self.clouds)
        )


# The first row that holds a collection wins.
PERIODS = (
    Period("graph", date(2024, 2, 1), NEW_COMMERCE, frozenset({"global"})),
    Period("v1", date.min),
)


def billing_month(period_start: date | None, invoice_date: date | None) -> date | None:
    """The first day of an invoice's billing month; where no period is named, the month before it.

    >>> billing_month(date(2024, 1, 7), date(2024, 2, 8)), billing_month(None, date(2024, 1, 8))
    (datetime.date(2024, 1, 1), datetime.date(2023, 12, 1))
    """
    if period_start is not None:
        return period_start.replace(day=1)
    if invoice_date is None:
        return None
    if invoice_date < date(1, 2, 1):
        return date.min
    return (invoice_date.replace(day=1) - timedelta(days=1)).replace(day=1)


def choose_source(
    provider: str,
    *,
    period_start: date | None,
    invoice_date: date | None,
    cloud: str,
    source: str | None = None,
) -> str:
    """The source that holds a provider's collections of an invoice: `"v1"` or `"graph"`.

    Reconciliation and usage lie in the same one. An invoice that has no date at all is asked of
    v1, as the oldest are.

    Args:
        provider: in our words; an unknown one is held by v1, which takes any.
        period_start: the first day of the billing period, as the invoice's header says it.
        invoice_date: the day of the invoice; it counts where there is no period.
        cloud: a name of `CLOUDS`.
        source: one that the table has, whatever the month.

    Raises:
        ValueError: `source` is none of these, or is asked for what it never holds.

    >>> choose_source("onetime", period_start=date(2024, 2, 1), invoice_date=None, cloud="global")
    'graph'
    >>> choose_source("office", period_start=date(2024, 2, 1), invoice_date=None, cloud="global")
    'v1'
    """
    if source is not None:
        _check(source, provider, cloud)
        return source
    month = billing_month(period_start, invoice_date) or date.min
    return next(row.source for row in PERIODS if row.holds(provider, month, cloud))


def _check(source: str, provider: str, cloud: str) -> None:
    """Refuse a source that is in no row, or in none that ever holds such a collection."""
    names = sorted({row.source for row in PERIODS}, reverse=True)
    if source not in names:
        raise ValueError(f"{source!r} is no source{one_of(str(source), names)}")
    rows = [row for row in PERIODS if row.source == source]
    if not any(row.holds(provider, date.max, cloud) for row in rows):
        has = " or ".join(
            f"the providers {', '.join(sorted(row.providers or ()))} of the "
            f"{' or '.join(sorted(row.clouds or CLOUDS))} cloud"
            for row in rows
        )
        raise ValueError(
            f"{source!r} does not hold {provider} of the {cloud} cloud: it has {has} alone. Leave "
            'source out, or pass source="v1"'
        )

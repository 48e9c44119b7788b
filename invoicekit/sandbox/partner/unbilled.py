"""The months that are not billed: the open one, and the last as it stood before its invoice."""

from __future__ import annotations

from invoicekit.sandbox.partner.invoices import MONTHS, Spec, issued, modern_spec, month
from invoicekit.sandbox.partner.modern import Charge, charges

OPEN_UNTIL = 15  # of the open month, so many days have been charged
LATE = 40  # of the last month, one charge in so many came after the estimate was made


def unbilled(period: str) -> tuple[Spec, tuple[Charge, ...]]:
    """The month and its charges; `period` is `current` or `last`. Taxes are not known yet."""
    if period == "current":
        of = month(MONTHS)
        spec = Spec("G-open", of, issued(of, 5), seat_changes=12)
        until = of.day(OPEN_UNTIL)
        found = [line for line in charges(spec) if line.start <= until]
    else:
        spec = modern_spec(month(MONTHS - 1))
        found = [line for place, line in enumerate(charges(spec)) if place % LATE]
    return spec._replace(id=""), tuple(line._replace(tax=0) for line in found)

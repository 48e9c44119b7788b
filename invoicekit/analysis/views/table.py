"""The views that analysts ask for, by name: each a small frame of the charges of some invoices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from invoicekit.analysis.comparison.months import changes_by_month
from invoicekit.analysis.views import amounts, terms
from invoicekit.errors import check_text, one_of

Make = Callable[[pl.LazyFrame], pl.DataFrame]


@dataclass(frozen=True, slots=True)
class View:
    """A view: what it answers, and what makes it.

    It is made of charges as of `Client.charges()`, with `invoice_date` and `month`; where
    `of_headers`, of what the headers say: `invoice_id, invoice_date, month, currency, total, paid`.
    """

    name: str
    answers: str
    make: Make
    of_headers: bool = False


VIEWS = (
    View("customers", "who makes up the bill: rank, share, and change", amounts.customers),
    View("products", "what was bought: each product, and its SKUs", amounts.products),
    View("families by month", "recurring, usage, one-off or change", amounts.families),
    View("changes by month", "what changed from month to month, part by part", changes_by_month),
    View("price movers", "whose list price moved, and by how much", terms.price_movers),
    View("seats", "how many seats of each offer, month by month", terms.seats),
    View("renewals", "what renews in the 90 days after the invoice", terms.renewals),
    View("tax by country", "what is taxed where, and at what rate", amounts.tax_by_country),
    View("credits", "what was credited, to whom and for what reason", amounts.credited),
    View(
        "partner earned credit",
        "where it was earned, and where it was missed",
        amounts.earned_credit,
    ),
    View("open balance", "what of each invoice is not paid yet", amounts.balance,
         of_headers=True),
)  # fmt: skip
BY_NAME = {view.name: view for view in VIEWS}


def view_named(name: str) -> View:
    """The view of that name.

    >>> view_named("seats").answers
    'how many seats of each offer, month by month'

    Raises:
        TypeError: its name is no text.
        ValueError: there is none; names the one that it is spelt like, and all.
    """
    check_text(name, "the name of a view", '"seats"')
    if found := BY_NAME.get(name):
        return found
    raise ValueError(f"there is no view {name!r}{one_of(name, BY_NAME, 'the views are')}")

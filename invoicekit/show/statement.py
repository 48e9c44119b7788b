"""What a customer is shown of an invoice, and what the partner is shown of all statements.

A customer's statement holds that customer's lines and nothing of others: no other names, no unit
prices, rates or exchange rates, no totals of the invoice. Where there is a markup, no amount of the
partner's own invoice is in it either, and lines have their shares of the rounded total: with exact
ones the markup could be found by division. With an amount as the markup, lines have none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

import polars as pl
from markupsafe import Markup as Html

from invoicekit.analysis.markup import Asked, summed
from invoicekit.analysis.money import EXACT
from invoicekit.show.badge import html_of_tie_out
from invoicekit.show.formatting import (
    clean,
    currency_name,
    exact,
    heading,
    rounded,
    said_exactly,
)
from invoicekit.show.html_assets import beside, rendered
from invoicekit.show.lines_table import kind_of
from invoicekit.show.protocols import Invoice, Reconciliation

# What a customer may see of a line; amounts come behind.
LINES: Final = (
    "offer_name",
    "subscription_name",
    "charge_type",
    "charge_start",
    "charge_end",
    "quantity",
)
COSTS: Final = ("subtotal", "tax", "total")
HEADS: Final = {"offer_name": "Product", "charge_type": "Charge", "total": "Total"}
STYLES: Final = ("report/report.css", "table.css", "statement.css")
PRELIMINARY: Final = (
    "Preliminary. The invoice behind this statement is not settled yet: amounts may still change."
)
SETTLED: Final = "All lines of the invoice behind this statement add up to its total."
PARTNER_ALONE: Final = "For the partner alone: it names all customers and what their lines cost."
_NO_TAX: Final = "This statement is no tax invoice."
# What is said below a statement, by what it shows of each line.
NOTES: Final = {
    "costs": (_NO_TAX,),
    "shares": ("Amounts of lines are rounded so that they add up to the total.", _NO_TAX),
    "none": ("The total is of all lines together.", _NO_TAX),
}


INDEX_HEADS: Final = ("Customer", "Customer id", "Lines", "Cost", "Markup", "Added", "Statement",
                      "Left by rounding")  # fmt: skip
INDEX_NOTE: Final = (
    "Cost and what was added come to the statements and what rounding left, exactly. Each "
    "statement is rounded once, at its currency's decimals."
)


@dataclass(frozen=True, slots=True)
class Statement:
    """What one customer is shown."""

    customer_id: str | None
    customer_name: str
    invoice: Invoice
    preliminary: bool
    asked: Sequence[Asked]  # one a currency
    lines: pl.DataFrame  # `LINES`, amounts, `currency`

    @property
    def shows(self) -> Literal["costs", "shares", "none"]:
        """What of a line's amounts is shown: its costs, its share of the total, or nothing."""
        one = self.asked[0]
        return "costs" if one.is_at_cost else "none" if one.rate is None else "shares"

    @property
    def notes(self) -> list[str]:
        """What is said below it."""
        return [*([] if self.preliminary else [SETTLED]), *NOTES[self.shows]]

    @property
    def amounts(self) -> list[str]:
        """The columns that are amounts."""
        return [name for name in self.lines.columns if name not in (*LINES, "currency")]


@dataclass(frozen=True, slots=True)
class Index:
    """What the partner is shown: what all customers are asked for, and where that was written."""

    invoice: Invoice
    proof: Reconciliation
    asked: Sequence[Asked]
    paths: Mapping[str | None, Path]

    @property
    def currencies(self) -> list[str | None]:
        """The currencies, each once."""
        return list(dict.fromkeys(row.currency for row in self.asked))

    def of(self, currency: str | None) -> list[Asked]:
        """What is asked for in a currency."""
        return [row for row in self.asked if row.currency == currency]


@dataclass(frozen=True, slots=True)
class Section:
    """A table of a page, every cell as text."""

    title: str
    heads: Sequence[str]
    numbers: Sequence[int]  # the columns that stand to the right
    rows: Sequence[Sequence[str]]
    foot: Sequence[Sequence[str]] = field(default_factory=tuple)


def html_of_statement(statement: Statement) -> str:
    """A customer's statement as one HTML document."""
    invoice = statement.invoice
    return rendered(
        "statement.html.j2",
        css=_css(),
        over="Statement",
        title=clean(statement.customer_name),
        tie_out=Html('<p class="preliminary">{}</p>').format(PRELIMINARY)
        if statement.preliminary
        else "",
        facts=[
            ("Invoice", clean(invoice.id)),
            ("Date", f"{invoice.date:%Y-%m-%d}" if invoice.date else "not known"),
            ("Billing period", clean(invoice.about.get("billing period")) or "not known"),
            ("Customer id", clean(statement.customer_id) or "none"),
            *(
                ("Total", f"{rounded(one.total, one.currency)} {currency_name(one.currency)}")
                for one in statement.asked
            ),
        ],
        sections=[_section(statement, one) for one in statement.asked],
        notes=statement.notes,
    )


def html_of_index(index: Index) -> str:
    """The index of the statements as one HTML document."""
    return rendered(
        "statement.html.j2",
        css=_css(),
        over=PARTNER_ALONE,
        title=f"Statements of invoice {clean(index.invoice.id)}",
        tie_out=html_of_tie_out(index.proof),
        facts=[("Statements", f"{len(index.paths):,}")],
        sections=[_index_section(index, code) for code in index.currencies],
        notes=[INDEX_NOTE],
    )


def _section(statement: Statement, asked: Asked) -> Section:
    frame = statement.lines.filter(pl.col("currency").eq_missing(pl.lit(asked.currency)))
    frame = frame.drop("currency")
    names, code = frame.columns, asked.currency
    rows = [
        [said_exactly(value, name, code) for name, value in zip(names, row, strict=True)]
        for row in frame.iter_rows()
    ]
    blank = [""] * (len(names) - 2)
    foot = [["Total", *blank, rounded(asked.total, code)]]
    if asked.is_at_cost and asked.rest:
        rest = EXACT.minus(asked.rest)
        foot = [
            ["Lines", *blank, exact(asked.cost, code)],
            ["Rounding", *blank, exact(rest, code)],
            *foot,
        ]
    return Section(
        f"Charges in {currency_name(code)}",
        [HEADS.get(name, heading(name)) for name in names],
        [n for n, name in enumerate(names) if kind_of(frame, name) == "number"],
        rows,
        foot,
    )


def _index_section(index: Index, code: str | None) -> Section:
    asked = index.of(code)
    costs, added, totals, rests = (
        exact(summed([getattr(row, name) for row in asked]), code)
        for name in ("cost", "markup", "total", "rest")
    )
    lines = f"{sum(row.lines for row in asked):,}"
    foot = [["All statements", "", lines, costs, "", added, totals, rests]]
    if code == index.invoice.currency:
        foot += [
            ["In no statement", "", "", exact(index.proof.difference, code), *[""] * 4],
            ["The invoice", "", "", exact(index.invoice.total, code), *[""] * 4],
        ]
    rows = [
        [
            _link(index.paths[row.customer_id].name, clean(row.customer_name)),
            clean(row.customer_id),
            f"{row.lines:,}",
            exact(row.cost, code),
            row.words,
            exact(row.markup, code),
            exact(row.total, code),
            exact(row.rest, code),
        ]
        for row in asked
    ]
    return Section(currency_name(code), INDEX_HEADS, (2, 3, 4, 5, 6, 7), rows, foot)


def _link(file: str, words: str) -> Html:
    return Html('<a href="{}">{}</a>').format(quote(file), words)


def _css() -> Html:
    return Html("".join(map(beside, STYLES)))  # noqa: S704 - our own files

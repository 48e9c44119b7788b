"""Statements and their index as Excel files, whose formulas add them up again."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from invoicekit.analysis.markup import Asked, summed
from invoicekit.analysis.money import EXACT, decimals_of
from invoicekit.show.formatting import clean, currency_name, exact, heading
from invoicekit.show.spreadsheet.book import Written, making
from invoicekit.show.spreadsheet.page import NOTE, Amount, Live, Page, as_rounded, look_of
from invoicekit.show.statement import (
    HEADS,
    INDEX_HEADS,
    INDEX_NOTE,
    PARTNER_ALONE,
    PRELIMINARY,
    Index,
    Statement,
)

WIDTHS: Final = (30, 22, 20, 20)
INDEX_WIDTHS: Final = (40, 38, 10, 18, 12, 18, 18, 18, 44)
SUMS: Final = {"D": "cost", "F": "markup", "G": "total"}  # columns of the index


def write_statement(statement: Statement, path: Path) -> Path:
    """A customer's statement: what is asked, and the lines on a sheet of their own."""
    invoice = statement.invoice
    with making(path, created=invoice.date, title=statement.customer_name) as book:
        page = Page(book, book.sheet("Statement"), WIDTHS)
        lines = book.table(
            "Lines",
            statement.lines.lazy(),
            money=statement.amounts,
            currency="currency",
            heading=lambda name: HEADS.get(name, heading(name)),
        )
        page.title(clean(statement.customer_name))
        if statement.preliminary:
            page.line(PRELIMINARY, *[""] * 3, **look_of("incomplete"))
        page.line("Invoice", clean(invoice.id))
        page.line("Date", invoice.date or "not known")
        page.line("Billing period", clean(invoice.about.get("billing period")) or "not known")
        page.line("Customer id", clean(statement.customer_id) or "none")
        for one in statement.asked:
            page.section(f"Charges in {currency_name(one.currency)}")
            _write_sums(page, statement, one, lines)
        page.row += 1
        for note in (*statement.notes, *book.notes):
            page.line(note, **NOTE)
    return path


def _write_sums(page: Page, statement: Statement, asked: Asked, lines: Written) -> None:
    code = asked.currency
    page.line("Lines", asked.lines)
    if statement.shows != "none":
        exactly = asked.cost if statement.shows == "costs" else asked.total
        value, decimals = as_rounded(exactly, code), decimals_of(code)
        name = statement.amounts[-1]
        if len(statement.asked) == 1:
            terms = [f"SUM({cells})" for cells in lines.ranges(name)]
        else:  # the row's own heading says the currency, in words
            page.line("Currency", clean(code) or None)
            cell = f"$B${page.row}"
            pairs = zip(lines.ranges("currency"), lines.ranges(name), strict=True)
            terms = [f"SUMPRODUCT(EXACT({codes},{cell})*{cells})" for codes, cells in pairs]
        page.line(
            "Lines add up to (live)", Live(f"ROUND({'+'.join(terms)},{decimals})", value, code)
        )
        if asked.is_at_cost and asked.rest:
            page.line("Rounding, exactly", exact(EXACT.minus(asked.rest), code))
    page.line("Total", Amount(asked.total, code), bold=True)


def write_index(index: Index, path: Path) -> Path:
    """What each customer is asked for, and that it adds up to the invoice."""
    invoice = index.invoice
    with making(path, created=invoice.date, title=f"Statements of {invoice.id}") as book:
        page = Page(book, book.sheet("Statements"), INDEX_WIDTHS)
        page.title(f"Statements of invoice {clean(invoice.id)}")
        page.line(PARTNER_ALONE, **NOTE)
        page.line(clean(index.proof), *[""] * 8, **look_of(index.proof.state), bold=True)
        for code in index.currencies:
            page.section(currency_name(code))
            _write_currency(page, index, code)
        page.row += 1
        for note in (INDEX_NOTE, *book.notes):
            page.line(note, **NOTE)
    return path


def _write_currency(page: Page, index: Index, code: str | None) -> None:
    asked = index.of(code)
    page.heads(*INDEX_HEADS, "File", numbers=range(2, 8))
    first = page.row + 1
    for row in asked:
        page.line(
            clean(row.customer_name),
            clean(row.customer_id),
            row.lines,
            Amount(row.cost, code),
            row.words,
            Amount(row.markup, code),
            Amount(row.total, code),
            exact(row.rest, code),
            index.paths[row.customer_id].name,
        )
    last = page.row
    cost, markup, total = (
        Live(
            f"SUM({letter}{first}:{letter}{last})",
            summed([getattr(row, name) for row in asked]),
            code,
        )
        for letter, name in SUMS.items()
    )
    rest = exact(summed([row.rest for row in asked]), code)
    page.line("All statements (live)", "", None, cost, "", markup, total, rest, bold=True)
    if code == index.invoice.currency:
        for words, amount in (
            ("In no statement", index.proof.difference),
            ("The invoice", index.invoice.total),
        ):
            page.line(words, "", None, Amount(amount, code), bold=True)

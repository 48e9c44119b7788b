"""A sheet of formulas that add up the other sheets again, and compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from invoicekit.analysis.money import EXACT, decimals_of
from invoicekit.analysis.reconcile import Reconciliation
from invoicekit.show.formatting import clean, exact
from invoicekit.show.spreadsheet.book import Book
from invoicekit.show.spreadsheet.page import (
    NOTE,
    Amount,
    Cell,
    Live,
    Page,
    as_rounded,
    look_of,
)

WIDTHS: Final = (46, 10, 22, 22, 18, 38, 30, 30)
HEADS: Final = (
    "Check",
    "Currency",
    "Added up here (live)",
    "Should be",
    "Difference (live)",
    "Result (live)",
    "Should be, exactly",
    "Difference, exactly",
)
MOST_FINDINGS: Final = 500
MOST_LINES: Final = 100_000  # of an invoice: to look for findings takes memory by the line
ASK: Final = "invoice.reconcile().findings does it."
FINE, WRONG = "OK", "DIFFERS"
NOTES: Final = """\
The formulas add up the sheets of this file, whatever is filtered there, and round at the \
currency's decimals.
What is given exactly was computed from the amounts as they were billed, with all their decimals; \
it does not change with the sheets.
"""


@dataclass(frozen=True, slots=True)
class Check:
    """Cells that have to add up to an amount; without a currency, cells that have to be so many.

    `terms` are ranges of amounts, each with the range of their currencies where it has several.
    """

    what: str
    terms: tuple[tuple[str, str | None], ...]
    found: Decimal | int  # what the cells come to, exactly
    expected: Decimal | int
    currency: str | None = None

    @property
    def counts(self) -> bool:
        """Whether cells are counted, and not added."""
        return isinstance(self.expected, int)

    def formula(self, row: int) -> str:
        """The formula on that row of the sheet, whose column B says the currency."""
        if self.counts:
            return "+".join(f"COUNTA({values})" for values, _ in self.terms) or "0"
        sums = (
            f"SUM({values})"
            if currencies is None
            else f"SUMPRODUCT(EXACT({currencies},$B${row + 1})*{values})"
            for values, currencies in self.terms
        )
        return f"ROUND({'+'.join(sums) or '0'},{decimals_of(self.currency)})"


@dataclass(frozen=True, slots=True)
class Results:
    """Where the results are, for another sheet: how many fail, and what the first one says."""

    failing: Live
    first: Live


def write_checks(book: Book, checks: Sequence[Check], proof: Reconciliation) -> Results:
    """Write the sheet; the first check is that of the invoice's total."""
    page = Page(book, book.sheet("Checks"), WIDTHS)
    page.title("Checks")
    page.line(f"As proven when this file was written: {clean(proof)}")
    for note in NOTES.splitlines():
        page.line(note, **NOTE)
    page.row += 1
    page.heads(*HEADS, numbers=(2, 3, 4))
    first = page.row
    page.sheet.made.freeze_panes(first, 1)
    said = [_write(page, check, _fine(check, proof, first=not n)) for n, check in enumerate(checks)]
    last = max(page.row - 1, first)
    for word, look in ((WRONG, look_of("differs")), (FINE, look_of("ties"))):
        page.sheet.made.conditional_format(
            first, 5, last, 5,
            {"type": "cell", "criteria": "==", "value": f'"{word}"', "format": book.style(**look)},
        )  # fmt: skip
    _write_findings(page, proof)
    results = page.sheet.range(5, first, last)
    failing = sum(word == WRONG for word in said)
    return Results(
        Live(f'COUNTIF({results},"{WRONG}")', failing), Live(page.sheet.cell(first, 5), said[0])
    )


def _write(page: Page, check: Check, fine: str) -> str:
    """Write a row, and say what its result is now."""
    row, currency = page.row, check.currency
    decimals = 0 if check.counts else decimals_of(currency)
    difference = f"ROUND(ROUND(D{row + 1},{decimals})-C{row + 1},{decimals})"
    result = f'IF(E{row + 1}=0,"{fine}","{WRONG}")'
    formula = check.formula(row)
    if isinstance(check.found, int) or isinstance(check.expected, int):
        rest = int(check.expected) - int(check.found)
        word = WRONG if rest else fine
        page.line(check.what, "rows", Live(formula, int(check.found)), int(check.expected),
                  Live(difference, rest), Live(result, word))  # fmt: skip
        return word
    found, expected = as_rounded(check.found, currency), as_rounded(check.expected, currency)
    word = fine if found == expected else WRONG
    cells: tuple[Cell, ...] = (
        check.what,
        clean(currency) or None,
        Live(formula, found, currency),
        Amount(check.expected, currency),
        Live(difference, expected - found, currency),
        Live(result, word),
        exact(check.expected, currency),
        exact(EXACT.subtract(check.expected, check.found), currency),
    )
    page.line(*cells)
    return word


def _write_findings(page: Page, proof: Reconciliation) -> None:
    """What is odd about the lines, as it was found when the file was written."""
    if proof.lines > MOST_LINES:
        page.section("What is odd about the lines")
        page.line(f"Not looked for in more than {MOST_LINES:,} lines: {ASK}", **NOTE)
        return
    found = proof.findings
    page.section(f"What is odd about the lines: {found.height:,} findings")
    if found.is_empty():
        return
    page.heads("Finding", "Currency", "Amount", "Lines", "Severity", "What", numbers=(2, 3))
    for row in found.head(MOST_FINDINGS).iter_rows(named=True):
        page.line(
            clean(row["finding"]),
            clean(row["currency"]) or None,
            Amount(row["amount"], row["currency"]),
            row["lines"],
            clean(row["severity"]),
            clean(row["detail"]),
        )
    if found.height > MOST_FINDINGS:
        page.line(f"{found.height - MOST_FINDINGS:,} more are not shown.", **NOTE)


def _fine(check: Check, proof: Reconciliation, *, first: bool) -> str:
    """What is said where the formula finds no difference: never more than was proven."""
    if first and proof.state == "incomplete":
        return "adds up, but is not complete"
    if check.expected != check.found:
        return "equal when rounded, not exactly"
    if first and proof.state != "ties":
        return "adds up, other currencies do not"
    return FINE

"""An invoice as an Excel file: its lines, and formulas that add them up again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Final

import polars as pl

from invoicekit.analysis.money import EXACT
from invoicekit.analysis.reconcile import Reconciliation
from invoicekit.analysis.totals import AMOUNTS, totals
from invoicekit.frames.charges import charges, source_of
from invoicekit.frames.schema import BY_OBJECT_TYPE, Kind
from invoicekit.line_items import InvoiceLines
from invoicekit.show.badge import VERDICTS
from invoicekit.show.checks import Check, Results, write_checks
from invoicekit.show.formatting import clean, currencies_of, currency_name, exact, heading, shorten
from invoicekit.show.protocols import Invoice
from invoicekit.show.spreadsheet.book import MOST_ROWS, Book, Written, making
from invoicekit.show.spreadsheet.page import NOTE, Amount, Cell, Page, look_of

LONGEST: Final = 60  # letters of a name on the first sheet
MOST_NAMED: Final = 5  # customers and offers on the first sheet; all of them have one of their own
# key, title, question: the sheets of totals.
TOTALS: Final = (
    ("customer", "Customers", "Who makes it up"),
    ("offer", "Offers", "What was bought"),
)
COUNTED: Final = "object_type"  # the column that has something in every row
MONEY: Final = {"amount", "total_other_discount", "consumption_discount"}  # beside the billed ones
PARTS: Final = ("part", "object_type", "currency", "lines", *AMOUNTS, "state")
KNOW: Final = """\
Amounts are numbers of as many digits as a spreadsheet keeps: 15. Where one has more, its exact \
text stands beside it, in the column named (exact).
The formulas on Checks add up the sheets of this file again and round at the currency's decimals; \
the differences are also given there as text, exactly.
Sheets of daily usage restate billing lines. They are not added to the invoice.
Currencies are never added to one another.
"""


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lines of one objectType: the sheets they are on, and what they come to."""

    kind: Kind | None  # of an objectType that is known
    written: Written
    sums: pl.DataFrame  # a row a currency; of usage, which is not added, none


def write_workbook(
    invoice: Invoice,
    lines: InvoiceLines,
    path: Path,
    *,
    proof: Reconciliation | None = None,
    most_rows: int = MOST_ROWS,
) -> Path:
    """Write the invoice's workbook and return where it is.

    Args:
        invoice: what its header says.
        lines: its lines; they are read some thousands at a time.
        path: the file; one that is there is replaced.
        proof: that of the invoice's total, where it is made already.
        most_rows: how many rows a sheet takes, its heading among them.

    Raises:
        ValueError: The path is a folder, or its folder does not exist.
        OSError: it cannot be written; a file that was there stays as it was.
    """
    proof = proof or lines.proof(invoice.total, invoice.currency)
    sums = {key: totals(lines.charges, key) for key, *_ in TOTALS}
    title = f"Invoice {invoice.id}"
    with making(path, created=invoice.date, title=title, most_rows=most_rows) as book:
        first = Page(book, book.sheet("Summary"), (50, 26, 12, 12, 16, 16, 16, 34))
        written = {key: _write_totals(book, name, sums[key]) for key, name, _ in TOTALS}
        found = [_write_lines(book, name, frame) for name, frame in lines.frames.items()]
        checks = [
            *_checks(found, invoice, proof),
            *(one for key, *_ in TOTALS for one in _checks_of_totals(written[key], sums[key])),
        ]
        results = write_checks(book, checks, proof)
        sheets = [*written.values(), *(one.written for one in found)]
        _write_summary(first, invoice, proof, sums, sheets, results=results)
    return path


def _write_totals(book: Book, title: str, sums: pl.DataFrame) -> Written:
    names = [name for name in sums.columns if name.endswith("_name")]
    rows = sums.select(*names, pl.exclude(names)).lazy()
    return book.table(title, rows, money=AMOUNTS, currency="currency", heading=heading)


def _write_lines(book: Book, name: str, frame: pl.LazyFrame) -> _Lines:
    kind = BY_OBJECT_TYPE.get(name)
    money = _money_of(kind) if kind else ()
    currency = source_of(kind, "currency") if kind else None
    written = book.table(name, frame, money=money, currency=currency)
    return _Lines(kind, written, totals(charges({name: frame})))


def _money_of(kind: Kind) -> set[str]:
    """The columns that are amounts in the currency of the line."""
    billed = {column.name for column in kind.columns if column.type.strict}
    return billed | MONEY | {name for role in AMOUNTS if (name := source_of(kind, role))}


def _checks(found: Sequence[_Lines], invoice: Invoice, proof: Reconciliation) -> Iterator[Check]:
    """That all lines add up to the invoice; then, what each sheet of them has to come to."""
    single = [check for one in found for check in _checks_of(one)]
    own = [check for check in single if check.currency == proof.currency]
    terms = tuple(term for check in own for term in check.terms)
    what = f"All lines: the total of invoice {clean(invoice.id)}"
    yield Check(what, terms, proof.lines_total, invoice.total, proof.currency)
    yield from single
    for one in found:
        terms = tuple((cells, None) for cells in one.written.ranges(COUNTED))
        yield Check(f"{one.written.title}: rows", terms, one.written.rows, one.written.rows)


def _checks_of(lines: _Lines) -> Iterator[Check]:
    """What the lines of one objectType come to, in each currency; of usage nothing."""
    kind, written = lines.kind, lines.written
    if kind is None or kind.usage:
        return
    cells = written.ranges(source_of(kind, "total") or "")
    several = lines.sums.height > 1
    currencies = written.ranges(source_of(kind, "currency") or "") if several else [None]
    for currency, total in lines.sums.select("currency", "total").iter_rows():
        terms = tuple(zip(cells, currencies * (1 if several else len(cells)), strict=True))
        amount = total or Decimal(0)
        yield Check(f"{written.title}: total", terms, amount, amount, currency)


def _checks_of_totals(written: Written, sums: pl.DataFrame) -> Iterator[Check]:
    """That a sheet of totals comes to what the lines do."""
    cells, currencies = written.ranges("total"), written.ranges("currency")
    several = sums["currency"].n_unique() > 1
    for currency in currencies_of(sums):
        mine = sums.filter(pl.col("currency").eq_missing(pl.lit(currency)))["total"].drop_nulls()
        amount = reduce(EXACT.add, mine, Decimal(0))
        terms = tuple(
            (values, codes if several else None)
            for values, codes in zip(cells, currencies, strict=True)
        )
        yield Check(f"{written.title}: total", terms, amount, amount, currency)


def _write_summary(
    page: Page,
    invoice: Invoice,
    proof: Reconciliation,
    sums: Mapping[str, pl.DataFrame],
    written: Sequence[Written],
    *,
    results: Results,
) -> None:
    page.title(f"Invoice {clean(invoice.id)}")
    verdict = VERDICTS[proof.state]
    look = look_of(proof.state)
    badge, *reasons = clean(proof).split("; ")
    page.line(badge, *[""] * 7, bold=True, **look)
    for words in (verdict.words, *reasons):
        page.line(words, *[""] * 7, **look)
    page.section("The proof")
    own = invoice.currency
    for name, words in invoice.about.items():
        page.line(heading(name), clean(words))
    page.line("Invoice date", invoice.date or "not known")
    page.line("Currency", currency_name(own))
    for words, amount in (
        ("Invoice total", invoice.total),
        ("All lines", proof.lines_total),
        ("Difference", proof.difference),
        ("Paid", invoice.paid),
    ):
        page.line(words, "not known" if amount is None else Amount(amount, own))
    page.line("Difference, exactly", exact(proof.difference, own))
    page.line("Added up by this file (live)", results.first)
    page.line("Checks that fail (live)", results.failing)
    for key, name, question in TOTALS:
        _write_first(page, sums[key], f"{key}_name", f"{question}: {name.lower()}")
    page.section("What the invoice is made of")
    page.heads(*map(heading, PARTS), numbers=(3, 4, 5, 6))
    for row in proof.parts.select(PARTS).iter_rows(named=True):
        page.line(*(_cell(value, row["currency"]) for value in row.values()))
    page.section("Sheets of this file")
    page.heads("Sheet", "Rows", numbers=(1,))
    for one in written:
        for sheet, last in one.sheets:
            page.line(sheet.name, min(last, one.rows))
    page.section("What to know")
    for note in (*page.book.notes, *KNOW.splitlines()):
        page.line(note, **NOTE)


def _write_first(page: Page, sums: pl.DataFrame, name: str, title: str) -> None:
    """The greatest of the totals; there is a sheet with all of them."""
    most = min(MOST_NAMED, sums.height)
    page.section(f"{title}, the first {most} of {sums.height:,}")
    page.heads(heading(name), "Total", "Currency", "Lines", numbers=(1, 3))
    for words, currency, lines, total in (
        sums.select(name, "currency", "lines", "total").head(MOST_NAMED).iter_rows()
    ):
        page.line(
            shorten(clean(words), LONGEST), Amount(total, currency), currency_name(currency), lines
        )


def _cell(value: object, currency: str | None) -> Cell:
    if isinstance(value, Decimal):
        return Amount(value, currency)
    return value if isinstance(value, int) else clean(value) or None

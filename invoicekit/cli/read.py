"""`invoicekit read`: files that somebody has, without a service."""

from __future__ import annotations

import datetime as dt
import glob
import re
import sys
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import polars as pl
import typer

from invoicekit.analysis.reconcile import Reconciliation
from invoicekit.analysis.sides import charges_and_credits
from invoicekit.analysis.totals import totals
from invoicekit.cli.arguments import data_path_in, path_in
from invoicekit.cli.completion import keys_begun
from invoicekit.cli.printing import (
    EXIT,
    KEYS,
    STDOUT,
    AsShape,
    Printer,
    Shape,
    keys_in,
    print_proof,
)
from invoicekit.cli.terminal import Badge, say
from invoicekit.errors import one_of
from invoicekit.files.output import folder_at, is_written_into
from invoicekit.frames.charges import charges
from invoicekit.line_items import LineItems
from invoicekit.line_items import read as read_line_items
from invoicekit.show.export import write_lines

# As many digits as an amount of a line may have.
AMOUNT = re.compile(r"[+-]?[0-9]{1,14}(\.[0-9]{1,24})?")
CURRENCY = re.compile("[A-Za-z]{3}")
VERBS = ("totals", "reconcile", "lines", "report")


def read(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE... [totals|reconcile|lines|report]",
            help="CSV of the portal, blobs of exports, folders and zips; then what to do. Without "
            "that, what there is.",
        ),
    ],
    by: Annotated[
        str,
        typer.Option(
            metavar="KEYS",
            help=f"totals: joined by commas; of {', '.join(KEYS)}.",
            autocompletion=keys_begun,
        ),
    ] = "customer",
    total: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="What the invoice's header says.")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="Of the total, as EUR.")] = None,
    decimal: Annotated[
        Literal[".", ","] | None,
        typer.Option(help="The decimal sign of files that do not show it."),
    ] = None,
    dates: Annotated[
        Literal["mdy", "dmy"] | None, typer.Option(help="The order in dates that do not show it.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="PATH", help="Where it goes.", parser=path_in),
    ] = None,
    shape: AsShape = None,
    safe: Annotated[
        bool | None,
        typer.Option("--safe/--raw", help="CSV: guarded for spreadsheets, or as it is."),
    ] = None,
) -> None:
    """Read files of the portal: totals, proof, lines, report. No sign-in, no request.

    lines wants -o DIR, report wants -o FILE; reconcile and report want --total and --currency.
    reconcile leaves with 3 if the lines do not add up to the total, 4 if they are incomplete.
    """
    verb = files.pop() if files[-1] in VERBS else ""
    if not files:
        raise typer.BadParameter("name a file, a folder or a zip before what to do")
    _raise_for_words(files)
    amount = _amount_of(total, currency)
    if verb in {"reconcile", "report"} and total is None:
        raise typer.BadParameter(
            f"{verb} wants --total and --currency: what the invoice says, for no file says it"
        )
    if verb in {"lines", "report"} and output in {None, STDOUT}:
        raise typer.BadParameter(f"{verb} wants -o and a name: where to write")
    if verb not in {"lines", "report"} and output is not None:
        data_path_in(output)
    if verb == "lines" and shape not in {None, Shape.csv}:
        raise typer.BadParameter("lines are written as Parquet, or with --format csv")
    keys = keys_in(by)
    items = read_line_items(
        *(path for file in files for path in _expanded(file)),
        decimal=decimal,
        dates=dates,
    )
    found = FileInvoice(items, amount, (currency or "").upper())
    printer = Printer(shape, output, bool(safe))
    if verb == "reconcile":
        proof = found.reconcile()
        print_proof(printer, found.id, proof)
        raise typer.Exit(EXIT[proof.state])
    if verb == "lines" and output:
        paths = write_lines(
            items, output, invoice_id=found.id,
            format="csv" if shape else "parquet", safe=safe is not False,
        )  # fmt: skip
        say(*map(str, paths))
        say(Badge(found.badge), to=sys.stderr)
    elif verb == "report" and output:
        from invoicekit.show.report.html import write_report

        folder_at(output.parent)
        path = write_report(found, output).absolute()
        say(Badge(found.badge), str(path), to=sys.stderr if is_written_into(output) else sys.stdout)
    elif verb == "totals":
        printer.print(found.totals(*keys), found.badge)
    else:
        printer.print(found.contents(), found.badge)


def _raise_for_words(files: list[str]) -> None:
    """Refuse what is no file, but a word for what to do: misspelt, or not the last."""
    for word in files:
        if word in VERBS and not Path(word).exists():
            raise typer.BadParameter(f"what to do, {word}, comes once, after all files")
    word = files[-1]
    if len(files) > 1 and word.isalpha() and not Path(word).exists():
        raise typer.BadParameter(
            f"{word} is no file, and nothing that can be done{one_of(word, VERBS)}"
        )


@dataclass(frozen=True)
class FileInvoice:
    """The lines of files, with what somebody says of their invoice."""

    items: LineItems
    said: Decimal | None
    currency: str
    date: dt.date | None = None
    paid: Decimal | None = None

    @property
    def id(self) -> str:
        """The invoices' ids, as the lines have them."""
        return self.items.invoice_id

    @property
    def total(self) -> Decimal:
        """What the invoice's header says."""
        return self.said or Decimal(0)

    @property
    def about(self) -> dict[str, str]:
        """Files do not say whose they are."""
        return {}

    @property
    def details(self) -> pl.DataFrame:
        """The collections that the files stand for."""
        return self.items.collections.select("provider", "line_item_type").unique(
            maintain_order=True
        )

    @property
    def ledger(self) -> pl.DataFrame:
        """One row a file."""
        return self.items.ledger

    @cached_property
    def _charges(self) -> pl.DataFrame:
        return charges(self.items)

    def charges(self) -> pl.DataFrame:
        """The lines that count."""
        return self._charges

    def first_charges(self, most: int, /) -> pl.DataFrame:
        """The first of them."""
        return self._charges.head(most)

    def totals(self, *by: str) -> pl.DataFrame:
        """Their totals."""
        return totals(self._charges, *by)

    def charges_and_credits(self) -> pl.DataFrame:
        """What each charge type billed and gave back."""
        return charges_and_credits(self._charges)

    def reconcile(self) -> Reconciliation:
        """Whether they add up to the total that was named."""
        return self.items.lines.proof(self.total, self.currency)

    @property
    def badge(self) -> str:
        """The tie-out in one line; or why there is none."""
        if self.said is not None:
            return f"{self.id}  {self.reconcile()}"
        lines, files = self._charges.height, self.ledger.height
        return (
            f"{self.id}  {lines:,} line{'' if lines == 1 else 's'} in {files:,} "
            f"file{'' if files == 1 else 's'}; not proven: no --total and --currency to compare "
            "with"
        )

    def contents(self) -> pl.DataFrame:
        """What there is, by invoice and objectType; usage restates, and counts for no total."""
        keys = ("invoice_id", "object_type")
        usage = charges(self.items, usage=True)
        return pl.concat([self.totals(*keys), totals(usage, *keys)])


def _amount_of(total: str | None, currency: str | None) -> Decimal | None:
    """What is said of the invoice's total; `None` where nothing is."""
    if (total is None) != (currency is None):
        raise typer.BadParameter("--total and --currency go together")
    if total is None or currency is None:
        return None
    if not AMOUNT.fullmatch(total.strip()):
        raise typer.BadParameter("--total wants digits and a decimal point, as 22471.94")
    if not CURRENCY.fullmatch(currency):
        raise typer.BadParameter("--currency wants three letters, as EUR")
    return Decimal(total)


def _expanded(file: str) -> list[str]:
    """The files of a pattern: cmd and PowerShell leave it as it is."""
    if "*" in file and not Path(file).exists():
        return sorted(glob.glob(file)) or [file]  # noqa: PTH207 (patterns may be absolute)
    return [file]

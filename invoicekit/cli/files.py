"""The commands that write files of an invoice: lines, report, workbook, statements, evidence."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from invoicekit.analysis.markup import OTHERS, check_rate
from invoicekit.cli.arguments import own_path_in
from invoicekit.cli.completion import providers_begun
from invoicekit.cli.opening import InvoiceId, invoice_of
from invoicekit.cli.printing import FileFormat
from invoicekit.cli.terminal import Badge, say
from invoicekit.files.output import folder_at, is_written_into
from invoicekit.files.private import file_name
from invoicekit.sources.partner_center.vocabulary import provider_of

if TYPE_CHECKING:
    from invoicekit.invoice import Invoice


class StatementFormat(StrEnum):
    """What the statements of customers are written as."""

    html = "html"
    xlsx = "xlsx"


def to_write(metavar: str, what: str) -> Any:  # noqa: ANN401 (as of typer.Option)
    """The option that says where a file or folder goes; its help says what that is."""
    return typer.Option("--output", "-o", metavar=metavar, help=what, parser=own_path_in)


Folder = Annotated[Path, to_write("DIR", "A folder.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]


def lines(
    context: typer.Context,
    invoice_id: InvoiceId,
    output: Folder,
    file_format: Annotated[FileFormat, typer.Option("--format")] = FileFormat.parquet,
    provider: Annotated[
        str | None, typer.Option(help="Its lines alone.", autocompletion=providers_begun)
    ] = None,
    safe: Annotated[
        bool, typer.Option("--safe/--raw", help="CSV: guarded for spreadsheets, or as it is.")
    ] = True,
) -> None:
    """Write an invoice's line items, a file per objectType."""
    from invoicekit.show.export import write_lines

    provider = None if provider is None else provider_of(provider)
    invoice = invoice_of(context, invoice_id)
    line_items, proof = invoice.line_items(provider=provider), invoice.reconcile()
    paths = write_lines(
        line_items, output, invoice_id=invoice.id, format=file_format.value, safe=safe
    )
    say(*map(str, paths))
    say(Badge(f"{invoice.id}  {proof}"), to=sys.stderr)


def report(
    context: typer.Context,
    invoice_id: InvoiceId,
    output: Annotated[Path, to_write("FILE", "An HTML file.")],
) -> None:
    """Write an invoice's HTML report: one file that opens offline."""
    invoice = invoice_of(context, invoice_id)
    _say_written(invoice, written(invoice.report, output))


def workbook(
    context: typer.Context,
    invoice_id: InvoiceId,
    output: Annotated[Path, to_write("FILE", "An Excel file.")],
) -> None:
    """Write an invoice as an Excel file that adds itself up again."""
    invoice = invoice_of(context, invoice_id)
    _say_written(invoice, written(invoice.workbook, output))


def statements(
    context: typer.Context,
    invoice_id: InvoiceId,
    output: Folder,
    markup: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[ID=]PERCENT",
            help="Added for all, as in 7.5%; for one customer, as in ID=5%; none=0 for lines "
            "without one. May be said several times.",
        ),
    ] = None,
    file_format: Annotated[StatementFormat, typer.Option("--format")] = StatementFormat.html,
) -> None:
    """Write a statement for each customer, and an index.

    The index adds them up to the invoice, and is for you alone.
    """
    percents = _percents_of(markup or [])  # before anything is asked
    invoice = invoice_of(context, invoice_id)
    paths = invoice.statements(output, markup=percents, format=file_format.value)
    index = output / f"{file_name(invoice.id, 'statements')}.{file_format.value}"
    say(Badge(f"{invoice.id}  {invoice.reconcile()}"))
    say(f"{len(paths):,} statements, and for you alone: {index.absolute()}")


def evidence(
    context: typer.Context,
    invoice_id: InvoiceId,
    output: Annotated[Path, to_write("FILE", "A zip.")],
) -> None:
    """Write what an auditor wants to see into one zip.

    In it are the service's pages, typed frames, the proof, versions, and the SHA-256 of each.
    """
    invoice = invoice_of(context, invoice_id)
    _say_written(invoice, written(invoice.evidence, output))


def statement(
    context: typer.Context,
    invoice_id: InvoiceId,
    output: Annotated[Path, to_write("FILE", "A PDF.")],
    overwrite: Overwrite = False,
) -> None:
    """Write an invoice's own PDF, as Partner Center gives it."""
    folder_at(output.parent)
    path = invoice_of(context, invoice_id).statement(output, overwrite=overwrite)
    say(str(path.absolute()), to=sys.stderr if is_written_into(output) else sys.stdout)


def tax_receipts(
    context: typer.Context,
    invoice_id: InvoiceId,
    output: Folder,
    overwrite: Overwrite = False,
) -> None:
    """Write the PDFs of an invoice's tax receipts (Taiwan alone)."""
    paths = invoice_of(context, invoice_id).tax_receipts(output, overwrite=overwrite)
    say(*(str(path.absolute()) for path in paths))
    if not paths:
        say("this invoice has no tax receipts", to=sys.stderr)


def written(write: Callable[[Path], object], path: Path) -> Path:
    """Write a file, its folder too; returns where it is."""
    folder_at(path.parent)
    with contextlib.suppress(BrokenPipeError):  # a pipe whose reader has gone, as with `| head`
        write(path)
    return path.absolute()


def _percents_of(words: list[str]) -> dict[str | None, str] | None:
    """The percents by customer; those that name none are for all others."""
    found: dict[str | None, str] = {}
    for word in words:
        name, equals, percents = word.rpartition("=")
        if equals and not name.strip():
            raise typer.BadParameter("--markup wants a customer's id before =, or no =")
        check_rate(percents)
        customer = (None if name == "none" else name) if equals else OTHERS
        if customer in found:
            raise typer.BadParameter(f"--markup is there twice for {name or 'all'}; each once")
        found[customer] = percents
    return found or None


def _say_written(invoice: Invoice, path: Path) -> None:
    to = sys.stderr if is_written_into(path) else sys.stdout  # the file may be going there
    say(Badge(f"{invoice.id}  {invoice.reconcile()}"), str(path), to=to)

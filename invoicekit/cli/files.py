"""The commands that write files of an invoice: its lines, a report, PDFs."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from invoicekit.cli.completion import providers_begun
from invoicekit.cli.opening import InvoiceId, invoice_of
from invoicekit.cli.printing import FileFormat
from invoicekit.cli.terminal import Badge, say
from invoicekit.files.output import is_written_into
from invoicekit.sources.partner_center.vocabulary import provider_of

if TYPE_CHECKING:
    from invoicekit.invoice import Invoice


Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]


def lines(
    context: typer.Context,
    invoice_id: InvoiceId,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="A folder.")],
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

    provider = provider_of(provider) if provider else None
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
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="An HTML file.")],
) -> None:
    """Write an invoice's HTML report: one file that opens offline."""
    invoice = invoice_of(context, invoice_id)
    path = report_of(invoice, output)
    to = sys.stderr if is_written_into(output) else sys.stdout  # the report may be going there
    say(Badge(f"{invoice.id}  {invoice.reconcile()}"), str(path), to=to)


def statement(
    context: typer.Context,
    invoice_id: InvoiceId,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="A PDF.")],
    overwrite: Overwrite = False,
) -> None:
    """Write an invoice's own PDF, as Partner Center gives it."""
    output.parent.mkdir(parents=True, exist_ok=True)
    path = invoice_of(context, invoice_id).statement(output, overwrite=overwrite)
    say(str(path.absolute()), to=sys.stderr if is_written_into(output) else sys.stdout)


def tax_receipts(
    context: typer.Context,
    invoice_id: InvoiceId,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="A folder.")],
    overwrite: Overwrite = False,
) -> None:
    """Write the PDFs of an invoice's tax receipts (Taiwan alone)."""
    paths = invoice_of(context, invoice_id).tax_receipts(output, overwrite=overwrite)
    say(*(str(path.absolute()) for path in paths))
    if not paths:
        say("this invoice has no tax receipts", to=sys.stderr)


def report_of(invoice: Invoice, path: Path) -> Path:
    """Write the invoice's report, its folder too; returns where it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(BrokenPipeError):  # a pipe whose reader has gone, as with `| head`
        invoice.report(path)
    return path.absolute()

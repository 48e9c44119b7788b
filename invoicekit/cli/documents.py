"""`invoicekit statement` and `tax-receipts`: the PDFs that Partner Center has of an invoice."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from invoicekit.cli.opening import InvoiceId, invoice_of
from invoicekit.cli.terminal import say
from invoicekit.files.output import is_written_into

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]


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
    """Write the PDFs of an invoice's tax receipts; there are some in Taiwan alone."""
    paths = invoice_of(context, invoice_id).tax_receipts(output, overwrite=overwrite)
    say(*(str(path.absolute()) for path in paths))
    if not paths:
        say("this invoice has no tax receipts", to=sys.stderr)

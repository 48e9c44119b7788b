"""`invoicekit invoices` and `totals`."""

from __future__ import annotations

from typing import Annotated

import typer

from invoicekit.cli.completion import keys_begun
from invoicekit.cli.opening import InvoiceId, Refresh, client_of, invoice_of
from invoicekit.cli.printing import (
    KEYS,
    AsShape,
    Limit,
    Output,
    Printer,
    Safe,
    Shape,
    keys_in,
)


def invoices(
    context: typer.Context,
    shape: AsShape = None,
    output: Output = None,
    refresh: Refresh = False,
    safe: Safe = False,
    limit: Limit = None,
) -> None:
    """List the invoices, newest first."""
    printer = Printer(shape, output, safe)
    frame = client_of(context).invoices(refresh=refresh)
    if printer.shape is Shape.table:
        frame = frame.select(
            "invoice_id", "invoice_date", "total_charges", "paid_amount", "currency",
            "document_type", "invoice_type",
        )  # fmt: skip
    printer.print(frame, limit=limit)


def totals(
    context: typer.Context,
    invoice_id: InvoiceId,
    by: Annotated[
        str,
        typer.Option(
            metavar="KEYS",
            help=f"Joined by commas; of {', '.join(KEYS)}.",
            autocompletion=keys_begun,
        ),
    ] = "customer",
    shape: AsShape = None,
    output: Output = None,
    safe: Safe = False,
    limit: Limit = None,
) -> None:
    """Total an invoice by customer, offer, or any column."""
    keys = keys_in(by)
    invoice = invoice_of(context, invoice_id)
    totals = invoice.totals(*keys)
    badge = f"{invoice.id}  {invoice.reconcile()}"
    Printer(shape, output, safe).print(totals, badge, limit=limit)

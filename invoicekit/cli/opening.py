"""What commands open: a client with the settings of the command line, and an invoice of its."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from invoicekit.cli.completion import invoice_begun

if TYPE_CHECKING:
    from invoicekit.client import Client
    from invoicekit.invoice import Invoice

Since = Annotated[
    str | None,
    typer.Option(
        metavar="YYYY-MM",
        help="Invoices dated in this month or later: one of 2026-10 mostly bills September.",
    ),
]
InvoiceId = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="The invoice's id, as G000024135, or latest.",
        autocompletion=invoice_begun,
    ),
]
Refresh = Annotated[bool, typer.Option("--refresh", help="Ask again.")]


def client_of(context: typer.Context) -> Client:
    """A client, closed when the command ends."""
    from invoicekit.client import connect  # what asks is loaded where it is needed: Tab is quick

    client = connect(**context.obj)
    context.call_on_close(client.close)
    return client


def invoice_of(context: typer.Context, invoice_id: str) -> Invoice:
    """The invoice with this id; the newest one where it is `latest`."""
    return invoice_in(client_of(context), invoice_id)


def invoice_in(client: Client, invoice_id: str) -> Invoice:
    """The client's invoice with this id; its newest one where it is `latest`."""
    return client.latest if invoice_id.lower() == "latest" else client.invoice(invoice_id)

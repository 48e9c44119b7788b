"""The commands that explain: what changed, views, why a line costs what it costs, the glossary."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import polars as pl
import typer

from invoicekit.analysis.reconcile import MARKS
from invoicekit.analysis.views.table import view_named
from invoicekit.cli.completion import (
    VIEW_NAMES,
    charge_types_begun,
    invoice_begun,
    object_types_begun,
    views_begun,
)
from invoicekit.cli.opening import InvoiceId, Since, client_of, invoice_of
from invoicekit.cli.printing import AsShape, Limit, Output, Printer, Safe
from invoicekit.errors import one_of
from invoicekit.frames.charge_types import glossary as glossary_of
from invoicekit.frames.fields import fields as fields_of

Before = Annotated[
    str,
    typer.Argument(
        metavar="BEFORE",
        help="An invoice's id, or the month that is billed: 2026-09.",
        autocompletion=invoice_begun,
    ),
]
After = Annotated[
    str, typer.Argument(metavar="AFTER", help="The same, later.", autocompletion=invoice_begun)
]
SIGNS = {1: "a charge", -1: "money back", 0: "a charge or money back"}


def compare(
    context: typer.Context,
    before: Before,
    after: After,
    details: Annotated[
        bool, typer.Option("--details", help="By customer, offer and subscription.")
    ] = False,
    shape: AsShape = None,
    output: Output = None,
    safe: Safe = False,
    limit: Limit = None,
) -> None:
    """Say what changed between two invoices or months."""
    client = client_of(context)
    names = [client.latest.id if name.lower() == "latest" else name for name in (before, after)]
    change = client.compare(*names)
    badges = [
        f"{name}  {MARKS[state]} {state}"
        for name, state in zip(names, change.states.values(), strict=True)
    ]
    printer = Printer(shape, output, safe)
    printer.print(
        change.details if details else change.parts,
        *badges,
        limit=limit,
        below=() if details else ["", *printer.told(change.sentences()), ""],
    )


def view(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help=f"One of {', '.join(VIEW_NAMES)}.", autocompletion=views_begun
        ),
    ],
    invoice_id: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="An invoice's id, or latest; without it all that sync has brought in.",
            autocompletion=invoice_begun,
        ),
    ] = None,
    since: Since = None,
    shape: AsShape = None,
    output: Output = None,
    safe: Safe = False,
    limit: Limit = None,
) -> None:
    """Show a view of an invoice, or of all that are stored."""
    word = name.lower().replace(" ", "-").replace("_", "-")
    if word not in VIEW_NAMES:
        raise typer.BadParameter(f"no view {name!r}{one_of(word, VIEW_NAMES, 'the views are')}")
    wanted = view_named(word.replace("-", " "))
    if invoice_id is not None and since is not None:
        raise typer.BadParameter("--since is for views of all invoices: leave it or the id out")
    printer = Printer(shape, output, safe)
    if invoice_id is None:
        printer.print(client_of(context).view(wanted.name, since=since), limit=limit)
    else:
        invoice = invoice_of(context, invoice_id)
        badge = f"{invoice.id}  {invoice.reconcile()}"
        printer.print(invoice.view(wanted.name), badge, limit=limit)


def explain(
    context: typer.Context,
    invoice_id: InvoiceId,
    unexplained: Annotated[
        bool, typer.Option("--unexplained", help="The lines alone that no published rule gives.")
    ] = False,
    shape: AsShape = None,
    output: Output = None,
    safe: Safe = False,
    limit: Limit = None,
) -> None:
    """Say why each line costs what it costs.

    A line is told in a sentence; JSON and CSV have all columns, rows are counted from 0.
    """
    from invoicekit.analysis.explanation.explain import explain as explained

    invoice = invoice_of(context, invoice_id)
    frame = explained(invoice.line_items()).with_row_index("row")
    if unexplained:
        frame = frame.filter(pl.col("rule").is_null())
    told = frame if limit is None else frame.head(limit)
    printer = Printer(shape, output, safe)
    printer.print(
        frame,
        f"{invoice.id}  {invoice.reconcile()}",
        table=printer.told(_sentences(told)) or ["(no lines)"],
        limit=limit,
    )


def glossary(
    charge_type: Annotated[
        str | None,
        typer.Argument(
            metavar="CHARGE_TYPE",
            help="One of Microsoft's words.",
            autocompletion=charge_types_begun,
        ),
    ] = None,
    shape: AsShape = None,
    output: Output = None,
    safe: Safe = False,
) -> None:
    """Say what Microsoft's charge types mean. No sign-in, no request."""
    frame = glossary_of(charge_type)
    printer = Printer(shape, output, safe)
    told = [
        f"{word} ({family}, {SIGNS[sign]}{f'; also {also}' if also else ''}): {meaning}"
        for word, family, sign, meaning, also in frame.iter_rows()
    ]
    printer.print(frame, table=printer.told(told))


def _sentences(frame: pl.DataFrame) -> Iterable[str]:
    for row in frame.iter_rows(named=True):
        yield f"{row['row']}: {row['sentence']}"


def fields(
    object_type: Annotated[
        str | None,
        typer.Argument(
            metavar="OBJECT_TYPE",
            help="One alone, like OneTimeInvoiceLineItem.",
            autocompletion=object_types_begun,
        ),
    ] = None,
    shape: AsShape = None,
    output: Output = None,
    safe: Safe = False,
    limit: Limit = None,
) -> None:
    """List the documented fields, and what each source calls them. No sign-in, no request."""
    Printer(shape, output, safe).print(fields_of(object_type), limit=limit)

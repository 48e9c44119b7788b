"""`invoicekit findings`, `suspects` and `quality`: what is odd, and which lines a difference is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import polars as pl
import typer

from invoicekit.analysis.reconcile import Reconciliation
from invoicekit.cli.completion import invoice_begun
from invoicekit.cli.opening import InvoiceId, client_of, invoice_in, invoice_of
from invoicekit.cli.printing import AsShape, Limit, Output, Printer, Safe
from invoicekit.show.formatting import exact

MOST_CANDIDATES = 3
MOST_LINES = 3


def findings(
    context: typer.Context,
    invoice_id: InvoiceId,
    shape: AsShape = None,
    output: Output = None,
    safe: Safe = False,
) -> None:
    """List what is odd about an invoice's lines and header."""
    invoice = invoice_of(context, invoice_id)
    proof = invoice.reconcile()
    printer = Printer(shape, output, safe)
    found = proof.findings
    told = printer.told(map(_finding, found.iter_rows(named=True))) or ["nothing is odd"]
    printer.print(found, f"{invoice.id}  {proof}", table=told)


def suspects(
    context: typer.Context,
    invoice_id: InvoiceId,
    shape: AsShape = None,
    output: Output = None,
    safe: Safe = False,
    limit: Limit = None,
) -> None:
    """List the smallest sets of lines whose sum is the difference."""
    invoice = invoice_of(context, invoice_id)
    proof = invoice.reconcile()
    printer = Printer(shape, output, safe)
    found = proof.suspects
    told = printer.told(_candidates(found if limit is None else found.head(limit)))
    printer.print(found, f"{invoice.id}  {proof}", table=told or ["no suspects"], limit=limit)


def quality(
    context: typer.Context,
    invoice_id: InvoiceId,
    before: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="An earlier invoice, to tell what has drifted.",
            autocompletion=invoice_begun,
        ),
    ] = None,
    shape: AsShape = None,
    output: Output = None,
    safe: Safe = False,
) -> None:
    """List what is missing, odd or new in an invoice's lines."""
    from invoicekit.analysis.checks.quality import quality as quality_of

    client = client_of(context)
    invoice = invoice_in(client, invoice_id)
    earlier = None if before is None else invoice_in(client, before).line_items()
    found = quality_of(invoice.line_items(), before=earlier)
    printer = Printer(shape, output, safe)
    told = printer.told(map(_quality, found.iter_rows(named=True))) or ["nothing is odd"]
    printer.print(found, f"{invoice.id}  {invoice.reconcile()}", table=told)


def told_below(proof: Reconciliation, name: str, printer: Printer) -> list[str]:
    """What goes below a proof that differs: what is odd, and which lines it could be."""
    found = proof.findings.filter(pl.col("severity") != "note")
    lines = printer.told(map(_finding, found.iter_rows(named=True)))
    suspects = proof.suspects
    candidates = printer.told(_candidates(suspects, MOST_CANDIDATES, MOST_LINES))
    more = suspects["candidate"].n_unique() - MOST_CANDIDATES
    if more > 0:
        candidates.append(f"{more:,} more: invoicekit suspects {name}")
    return ["", *lines, *([""] if lines and candidates else []), *candidates, ""]


def _finding(row: dict[str, Any]) -> str:
    return f"{row['severity']}: {row['finding']}{_counted(row)}: {row['detail']}"


def _quality(row: dict[str, Any]) -> str:
    where = ", ".join(filter(None, (row["object_type"], row["column"])))
    return f"{row['severity']}: {row['check']}, {where}{_counted(row)}: {row['detail']}"


def _counted(row: dict[str, Any]) -> str:
    lines = f"{row['lines']:,} line{'' if row['lines'] == 1 else 's'}" if row["lines"] else ""
    return "".join(f", {words}" for words in (lines, _amount(row, "amount")) if words)


def _amount(row: dict[str, Any], name: str) -> str:
    if row[name] is None:
        return ""
    return f"{exact(row[name], row['currency'])} {row['currency'] or ''}".rstrip()


def _candidates(
    suspects: pl.DataFrame, most: int | None = None, most_lines: int | None = None
) -> Iterator[str]:
    for number in suspects["candidate"].unique(maintain_order=True)[:most]:
        rows = suspects.filter(candidate=number)
        yield f"suspect {number}: {rows['reason'][0]}"
        for row in rows[:most_lines].iter_rows(named=True):
            words = (row["customer_name"], row["offer_name"], row["charge_type"])
            page = "" if row["page"] is None else f" (page {row['page']})"
            yield f"- {', '.join(filter(None, words))}: {_amount(row, 'total')}{page}"
        if most_lines is not None and rows.height > most_lines:
            yield f"- and {rows.height - most_lines:,} more lines"

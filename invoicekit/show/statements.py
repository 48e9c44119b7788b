"""The statements of an invoice's customers as files, and an index of them for the partner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal

import polars as pl

from invoicekit.analysis.markup import Asked, Markup, asked_of, shares
from invoicekit.analysis.reconcile import Reconciliation
from invoicekit.files.output import folder_at, write_file
from invoicekit.files.private import file_name
from invoicekit.line_items import InvoiceLines
from invoicekit.show.protocols import Invoice
from invoicekit.show.statement import (
    COSTS,
    LINES,
    Index,
    Statement,
    html_of_index,
    html_of_statement,
)

Format = Literal["html", "xlsx"]
FORMATS: Final = ("html", "xlsx")
SHARE: Final = pl.Decimal(38, 6)  # no currency has as many decimals; a markup may add digits before


def write_statements(
    invoice: Invoice,
    lines: InvoiceLines,
    folder: Path,
    *,
    markup: Markup | None = None,
    format: Format = "html",  # noqa: A002 (what the option is called)
) -> list[Path]:
    """Write the statements and their index into a folder; the paths of the statements.

    Raises:
        ValueError: there is no such format, the folder is none, or the markup makes no sense.
        OSError: a file cannot be written; one that was there stays as it was.
    """
    if format not in FORMATS:
        raise ValueError(f"no format {format!r}; possible are {', '.join(FORMATS)}")
    proof = lines.proof(invoice.total, invoice.currency)
    asked = asked_of(lines.charges, markup)
    folder_at(folder)
    paths: dict[str | None, Path] = {}
    for statement in _statements(invoice, lines, proof, asked):
        words = [invoice.id, "statement", statement.customer_id or ""]
        name = file_name(*(words if statement.customer_id else [invoice.id, "no-customer"]))
        path = folder / f"{name}.{format}"
        paths[statement.customer_id] = _write(statement, path, format)
    path = folder / f"{file_name(invoice.id, 'statements')}.{format}"
    _write(Index(invoice, proof, asked, paths), path, format)
    return [paths[one] for one in dict.fromkeys(row.customer_id for row in asked)]


def _statements(
    invoice: Invoice, lines: InvoiceLines, proof: Reconciliation, asked: Sequence[Asked]
) -> Iterator[Statement]:
    columns = ("customer_id", *LINES, *COSTS, "currency")
    order = ("currency", "offer_name", "subscription_name", "charge_start")
    charges = lines.charges.select(columns).collect()
    ordered = charges.sort(order, nulls_last=True, maintain_order=True)
    of = ordered.partition_by("customer_id", as_dict=True, include_key=False)
    for (customer_id,), frame in of.items():
        mine = [row for row in asked if row.customer_id == customer_id]
        yield Statement(
            customer_id,
            mine[0].customer_name,
            invoice,
            proof.state != "ties",
            mine,
            _with_amounts(frame, mine),
        )


def _with_amounts(frame: pl.DataFrame, asked: Sequence[Asked]) -> pl.DataFrame:
    """The lines with the amounts that the customer may see."""
    if asked[0].is_at_cost:
        return frame
    amounts: list[Decimal | None] = []
    for one in asked:
        costs = frame.filter(pl.col("currency").eq_missing(pl.lit(one.currency)))["total"]
        amounts += shares(costs.to_list(), one) if one.rate is not None else [None] * len(costs)
    order = {one.currency: place for place, one in enumerate(asked)}
    placed = frame.with_columns(
        pl.col("currency").replace_strict(order, return_dtype=pl.Int64).alias("place")
    ).sort("place", maintain_order=True)
    return placed.select(*LINES, pl.Series("amount", amounts, SHARE), "currency")


def _write(what: Statement | Index, path: Path, format: Format) -> Path:  # noqa: A002
    if format == "xlsx":
        from invoicekit.show.statement_sheets import write_index, write_statement

        return write_index(what, path) if isinstance(what, Index) else write_statement(what, path)
    html = html_of_index(what) if isinstance(what, Index) else html_of_statement(what)
    return write_file(path, html.encode())

"""Invoices and their amendments, one row a document, those within an invoice included."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Any

import msgspec
import polars as pl

from invoicekit.errors import PageError
from invoicekit.frames.decode import decode_invoices
from invoicekit.pages import Page, page_of

# Documents that amend another, in any of Microsoft's spellings (`void_note`, `VoidNote`, …).
NOTES = ("voidnote", "adjustmentnote", "creditnote")
# What a document says of itself, wherever it stands; one within another has no links, and no PDF.
_documents = msgspec.json.Decoder(list[msgspec.Raw])
OWN = ("invoice_date", "total_charges", "paid_amount", "currency", "document_type", "amends_of")


def decode_list(pages: Iterable[Page]) -> pl.DataFrame:
    """One row a document, newest first; `amends_of` chains an amendment to what it amends.

    A document that is said twice, in a further page or within the invoice that it amends, is one
    row. Amounts are as they were sent, their signs included.

    Raises:
        PageError: a document is said twice and differently, or amendments are no list.
        FrameError: a row cannot be typed.
    """
    headers = decode_invoices(pages)
    top = headers.unique(maintain_order=True)  # a list in pages may say an invoice again
    _raise_if_any(set(top.filter(top["invoice_id"].is_duplicated())["invoice_id"]))
    nested = list(_within(top))
    found = _each_once(top, nested) if nested else top
    return found.sort("invoice_date", "invoice_id", descending=True, nulls_last=True)


def is_amendment() -> pl.Expr:
    """Whether a row is a void note, an adjustment note, or amends another document."""
    kind = pl.col("document_type").str.to_lowercase().str.replace_all("[^a-z]", "")
    return (kind.is_in(NOTES) | pl.col("amends_of").is_not_null()).fill_null(value=False)


def _within(headers: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The amendments within invoices, and those within these."""
    given = headers.select("invoice_id", "amendments").drop_nulls("amendments")
    for invoice_id, text in given.iter_rows():
        name = f"the amendments of {invoice_id}"
        try:
            documents = _documents.decode(text)
        except (msgspec.DecodeError, RecursionError) as cause:
            raise PageError(f"{name} are no list of documents: {cause}") from None
        if documents:
            rows = decode_invoices([page_of(list(map(bytes, documents)), name)])
            yield rows.with_columns(pl.col("amends_of").fill_null(pl.lit(invoice_id)))
            yield from _within(rows)


def _each_once(top: pl.DataFrame, nested: list[pl.DataFrame]) -> pl.DataFrame:
    """One row a document; what the list says of it, completed by what its invoice says of it."""
    rows = pl.concat([top, *nested], how="diagonal")
    known: dict[Hashable, dict[str, Any]] = {}
    clash = set()
    for row in rows.iter_rows(named=True):
        first = known.setdefault(row["invoice_id"] or object(), row)
        if any(None not in {first[name], row[name]} and first[name] != row[name] for name in OWN):
            clash.add(row["invoice_id"])
        first.update({name: value for name, value in row.items() if first[name] is None})
    _raise_if_any(clash)
    return pl.DataFrame(list(known.values()), schema=rows.schema)


def _raise_if_any(twice: set[str]) -> None:
    if twice:
        raise PageError(
            f"the list of invoices names {', '.join(sorted(map(str, twice)))} more than once, and "
            "differently. Ask again later; nothing was kept"
        )

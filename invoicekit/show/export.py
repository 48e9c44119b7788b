"""Frames for machines: JSON and CSV with exact amounts, Parquet files; a guard for spreadsheets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

import polars as pl
import polars.selectors as cs

from invoicekit.analysis.money import plain
from invoicekit.files.output import folder_at, writing
from invoicekit.files.private import file_names
from invoicekit.show.formatting import COUNTS, trimmed
from invoicekit.show.parquet import write_parquet
from invoicekit.show.protocols import Reconciliation

Format = Literal["parquet", "csv"]
# What a spreadsheet takes for the start of a formula, the wide and small forms as well: a Japanese
# Excel reads them as the plain ones.
STARTS: Final = r"=+\-@\u{FF1D}\u{FF0B}\u{FF0D}\u{FF20}\u{FE66}\u{FE62}\u{FE63}\u{FE6B}\u{2212}"
# What it may skip on its way there: blanks, quotes, and all that is not seen.
SKIPPED: Final = r"\s\p{Z}\p{C}\p{Default_Ignorable_Code_Point}\u{2800}\x22'"
# Where it may begin a cell: at the start, and, where it splits lines or goes by another separator
# than ours (Excel in half of Europe: a semicolon), in the middle. Text that begins with an
# apostrophe or a control character is guarded too, so that one apostrophe less is always the text.
ENDS: Final = r"\r\n\x0b\x0c\x85\u{2028}\u{2029};,\t|"
FORMULA: Final = rf"^['\t\r\n]|(?:^|[{ENDS}])[{SKIPPED}]*[{STARTS}]"


def rows_for_json(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """The rows as plain values: money as text with its currency's decimals, instants in ISO form.

    >>> rows_for_json(pl.DataFrame({"currency": ["USD"], "total": [Decimal("2076.630")]}))
    [{'currency': 'USD', 'total': '2076.63'}]
    """
    return [
        {name: _value(value, name, row.get("currency")) for name, value in row.items()}
        for row in frame.iter_rows(named=True)
    ]


def proof_for_json(name: str, proof: Reconciliation) -> dict[str, Any]:
    """The proof of what bears that name as plain values, money as text."""
    return {
        "invoice_id": name,
        "state": proof.state,
        "ties": proof.ties,
        "currency": proof.currency,
        "invoice_total": f"{proof.invoice_total:f}",
        "lines_total": f"{proof.lines_total:f}",
        "difference": f"{proof.difference:f}",
        "lines": proof.lines,
        "pages": proof.pages,
    }


def csv_of(frame: pl.DataFrame, *, safe: bool = False) -> str:
    """The frame as CSV: decimals exact, without zeros beyond need.

    It is for machines, and text stays as it is. `safe` guards it for spreadsheets: an apostrophe
    goes before text, a column's name too, that could be taken for a formula, and all text is
    quoted, so that a semicolon or tab in it ends no cell. Where text begins with an apostrophe, the
    text without it is what there was.
    """
    return _for_csv(frame, safe=safe).write_csv(quote_style=_quoting(safe=safe))


def write_lines(
    line_items: Mapping[str, pl.DataFrame],
    folder: Path,
    *,
    invoice_id: str,
    format: Format = "parquet",  # noqa: A002 (what the option is called)
    safe: bool = True,
) -> list[Path]:
    """Write a file per objectType into `folder`, and return their paths.

    CSV is guarded for spreadsheets unless `safe=False`.

    Raises:
        ValueError: `folder` is none, but a file or a device.
        OSError: a file cannot be written; one that was there stays as it was.
    """
    folder_at(folder)
    paths = []
    names = file_names((invoice_id, object_type) for object_type in line_items)
    for name, frame in zip(names, line_items.values(), strict=True):
        path = folder / f"{name}.{format}"
        with writing(path) as file:
            if format == "parquet":
                write_parquet(frame.lazy(), file)
            else:
                _for_csv(frame, safe=safe).write_csv(file, quote_style=_quoting(safe=safe))
        paths.append(path)
    return paths


def _quoting(*, safe: bool) -> Literal["necessary", "non_numeric"]:
    return "non_numeric" if safe else "necessary"


def _for_csv(frame: pl.DataFrame, *, safe: bool) -> pl.DataFrame:
    if safe:
        frame = frame.with_columns(
            _guarded(cs.by_name(name)).alias(name)  # in pl.col() a name can be a pattern
            for name in frame.select(cs.string()).columns
        )
        names = pl.DataFrame({"name": frame.columns}, schema={"name": pl.String})
        frame.columns = names.select(_guarded(pl.col("name"))).to_series().to_list()
    short = cs.decimal().cast(pl.String).str.replace(r"(\.\d*?)0+$", "${1}")
    return frame.with_columns(short.str.strip_chars_end("."))


def _guarded(text: pl.Expr) -> pl.Expr:
    return pl.when(text.str.contains(FORMULA)).then(pl.lit("'") + text).otherwise(text)


def _value(value: object, name: str, currency: str | None) -> object:
    if isinstance(value, Decimal):
        return trimmed(value) if name in COUNTS else f"{plain(value, currency):f}"
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    return value

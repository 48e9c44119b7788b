"""Frames for machines: JSON and CSV with exact amounts, Parquet files; a guard for spreadsheets."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

import polars as pl
import polars.selectors as cs

from invoicekit.analysis.money import EXACT, plain
from invoicekit.disk import file_name, writing
from invoicekit.show.text import COUNTS, PRICES

Format = Literal["parquet", "csv"]
# What a spreadsheet takes for the start of a formula, or skips on its way to one.
FORMULA: Final = r"^[=+\-@\t\r\n]"


def rows_for_json(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """The rows as plain values: money as text with its currency's decimals, instants in ISO form.

    >>> rows_for_json(pl.DataFrame({"currency": ["USD"], "total": [Decimal("2076.630")]}))
    [{'currency': 'USD', 'total': '2076.63'}]
    """
    return [
        {name: _value(value, name, row.get("currency")) for name, value in row.items()}
        for row in frame.iter_rows(named=True)
    ]


def csv_of(frame: pl.DataFrame, *, safe: bool = False) -> str:
    """The frame as CSV: decimals exact, without zeros beyond need.

    It is for machines, and text stays as it is; `safe` puts an apostrophe before text that a
    spreadsheet would take for a formula.
    """
    return _for_csv(frame, safe=safe).write_csv()


def write_lines(
    line_items: Mapping[str, pl.DataFrame],
    folder: Path,
    *,
    invoice_id: str,
    format: Format = "parquet",  # noqa: A002 (what the option is called)
    safe: bool = False,
) -> list[Path]:
    """Write a file per objectType into `folder`, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, frame in line_items.items():
        path = folder / f"{file_name(invoice_id, name)}.{format}"
        with writing(path) as part:
            if format == "parquet":
                frame.write_parquet(part)
            else:
                _for_csv(frame, safe=safe).write_csv(part)
        paths.append(path)
    return paths


def _for_csv(frame: pl.DataFrame, *, safe: bool) -> pl.DataFrame:
    if safe:
        frame = frame.with_columns(
            pl.when(pl.col(name).str.contains(FORMULA))
            .then(pl.concat_str(pl.lit("'"), name))
            .otherwise(name)
            .alias(name)
            for name in frame.select(cs.string()).columns
        ).rename(lambda name: f"'{name}" if re.match(FORMULA, name) else name)
    short = cs.decimal().cast(pl.String).str.replace(r"(\.\d*?)0+$", "${1}")
    return frame.with_columns(short.str.strip_chars_end("."))


def _value(value: object, name: str, currency: str | None) -> object:
    if isinstance(value, Decimal):
        amount = EXACT.normalize(value) if name in COUNTS | PRICES else plain(value, currency)
        return f"{amount:f}"
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    return value

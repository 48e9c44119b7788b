"""Frames as tables: summaries by great-tables, line items by a small script, text for the shell.

What is shown is rounded for the eye; nothing here adds up.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

import polars as pl
from markupsafe import Markup

from invoicekit.analysis.totals import THINGS
from invoicekit.show.formatting import (
    heading,
    said,
    shorten,
)
from invoicekit.show.lines_table import html_of_lines

if TYPE_CHECKING:
    from great_tables import GT

__all__ = [
    "html_of",
    "html_of_lines",
    "html_of_totals",
    "table_of",
    "table_of_totals",
    "text_table",
]

MOST_ROWS: Final = 500
FONTS: Final = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]


def table_of_totals(totals: pl.DataFrame, *, limit: int = MOST_ROWS, name: str = "totals") -> GT:
    """The totals as a table to read; beyond `limit` rows it says how many are left out.

    Ids are shown only where names alone do not tell the rows apart. `name` is the table's id in
    HTML: the same totals give the same bytes.
    """
    return table_of(
        totals.head(limit).select(_columns_to_read(totals)),
        name=name,
        left_out=max(totals.height - limit, 0),
    )


def table_of(frame: pl.DataFrame, *, name: str, left_out: int = 0) -> GT:
    """A small frame as a table to read, every cell as text and escaped."""
    from great_tables import GT, loc, style

    numbers = [column for column, dtype in frame.schema.items() if dtype.is_numeric()]
    # Cells are text before great-tables sees them: its own formats would round through a float.
    table = (
        GT(_as_text(frame), id=name)
        .cols_label({column: heading(column) for column in frame.columns})
        .cols_align("left")
        .tab_options(
            table_width="100%",
            table_font_names=FONTS,
            table_font_size="13px",
            column_labels_font_weight="600",
            data_row_padding="5px",
            table_border_top_style="none",
        )
    )
    if numbers:
        table = table.cols_align("right", numbers).tab_style(
            style.css("font-variant-numeric: tabular-nums; white-space: nowrap;"),
            loc.body(columns=numbers),
        )
    days = [column for column, dtype in frame.schema.items() if dtype.is_temporal()]
    if days:
        table = table.tab_style(style.css("white-space: nowrap;"), loc.body(columns=days))
    ids = [column for column in frame.columns if column.endswith("_id")]
    if ids:
        table = table.tab_style(
            style.css("font: 11px ui-monospace, Consolas, monospace; white-space: nowrap;"),
            loc.body(columns=ids),
        )
    if left_out:
        table = table.tab_source_note(f"{left_out:,} more rows are not shown.")
    return table


def html_of_totals(totals: pl.DataFrame, *, limit: int = MOST_ROWS, name: str = "totals") -> Markup:
    """The table of the totals as HTML, the same bytes for the same totals."""
    return html_of(table_of_totals(totals, limit=limit, name=name))


def html_of(table: GT) -> Markup:
    """A great-tables table as HTML that may be put into a page as it is."""
    return Markup(table.as_raw_html())  # noqa: S704 - great-tables has escaped the cells


def text_table(frame: pl.DataFrame, *, widest: int = 44) -> str:
    """The frame as aligned plain text, for a terminal: nothing in it can steer the terminal."""
    cells = _as_text(frame)
    columns = []
    for name, dtype in frame.schema.items():
        texts = [shorten(text, widest) for text in cells[name]]
        width = max(map(_width, [name, *texts]))
        columns.append([_pad(text, width, right=dtype.is_numeric()) for text in [name, *texts]])
    if not columns:
        return "(nothing)"
    head, *rows = ["  ".join(line).rstrip() for line in zip(*columns, strict=True)]
    rule = "  ".join("-" * _width(column[0]) for column in columns)
    return "\n".join([head, rule, *(rows or ["(no rows)"])])


def _columns_to_read(totals: pl.DataFrame) -> list[str]:
    """Names before their ids, and ids only where names alone do not tell the rows apart."""
    columns = list(totals.columns)
    for pair in THINGS:
        key, label = f"{pair}_id", f"{pair}_name"
        if {key, label} <= set(columns):
            columns.remove(key)
            told_apart = totals[label].n_unique() == totals.select(key, label).n_unique()
            if not told_apart or totals[label].has_nulls():
                columns.insert(columns.index(label) + 1, key)
    return columns


def _as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with every cell as the text that a person reads."""
    currencies = frame["currency"].to_list() if "currency" in frame.columns else None
    return pl.DataFrame(
        {
            name: [
                said(value, name, currency)
                for value, currency in zip(
                    frame[name], currencies or [None] * frame.height, strict=True
                )
            ]
            for name in frame.columns
        },
        schema=dict.fromkeys(frame.columns, pl.String),
    )


def _width(text: str) -> int:
    """Columns that a terminal gives to the text: two for East Asian wide letters."""
    return sum(
        0
        if unicodedata.combining(letter)
        else 2
        if unicodedata.east_asian_width(letter) in "WF"
        else 1
        for letter in text
    )


def _pad(text: str, width: int, *, right: bool) -> str:
    room = " " * (width - _width(text))
    return room + text if right else text + room

"""Frames as tables: summaries by a template, line items by a small script, text for the shell.

What is shown is rounded for the eye; nothing here adds up.
"""

from __future__ import annotations

import unicodedata
from typing import Final

import polars as pl
from markupsafe import Markup

from invoicekit.analysis.totals import THINGS
from invoicekit.show.formatting import (
    heading,
    said,
    shorten,
)
from invoicekit.show.html_assets import beside, rendered
from invoicekit.show.lines_table import html_of_lines, kind_of

__all__ = ["html_of_lines", "html_of_table", "html_of_totals", "text_table"]

MOST_ROWS: Final = 500


def html_of_totals(
    totals: pl.DataFrame, *, limit: int = MOST_ROWS, name: str = "totals", embed: bool = True
) -> Markup:
    """The totals as an HTML table; beyond `limit` rows it says how many are left out.

    Ids are shown only where names alone do not tell the rows apart. `name` is the table's id in
    HTML: the same totals give the same bytes.
    """
    return html_of_table(
        totals.head(limit).select(_columns_to_read(totals)),
        name=name,
        left_out=max(totals.height - limit, 0),
        embed=embed,
    )


def html_of_table(
    frame: pl.DataFrame, *, name: str, left_out: int = 0, embed: bool = True
) -> Markup:
    """A small frame as an HTML table, every cell as text and escaped.

    Without `embed` the style is left to the page around it.
    """
    return rendered(
        "table.html.j2",
        css=Markup(beside("table.css")) if embed else "",  # noqa: S704 - our own file
        name=name,
        columns=[
            {"heading": heading(column), "kind": kind_of(frame, column)} for column in frame.columns
        ],
        rows=_as_text(frame).rows(),
        left_out=f"{left_out:,}" if left_out else "",
    )


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

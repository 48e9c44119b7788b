"""Frames as tables: summaries by a template, line items by a small script.

What is shown is rounded for the eye; nothing here adds up.
"""

from __future__ import annotations

from typing import Final

import polars as pl
from markupsafe import Markup

from invoicekit.analysis.totals import THINGS
from invoicekit.show.formatting import as_text, heading
from invoicekit.show.html_assets import beside, rendered
from invoicekit.show.lines_table import html_of_lines, kind_of

__all__ = ["html_of_lines", "html_of_table", "html_of_totals"]

MOST_ROWS: Final = 500


def html_of_totals(
    totals: pl.DataFrame,
    *,
    limit: int = MOST_ROWS,
    name: str = "totals",
    embed: bool = True,
    foot: str = "",
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
        foot=foot,
    )


def html_of_table(
    frame: pl.DataFrame, *, name: str, left_out: int = 0, embed: bool = True, foot: str = ""
) -> Markup:
    """A small frame as an HTML table, every cell as text and escaped, and a line beneath it.

    Without `embed` the style is left to the page around it.
    """
    return rendered(
        "table.html.j2",
        css=Markup(beside("table.css")) if embed else "",  # noqa: S704 - our own file
        name=name,
        columns=[
            {"heading": heading(column), "kind": kind_of(frame, column)} for column in frame.columns
        ],
        rows=as_text(frame).rows(),
        left_out=f"{left_out:,}" if left_out else "",
        foot=foot,
    )


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

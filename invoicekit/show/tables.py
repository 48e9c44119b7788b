"""Frames as tables: summaries by a template, line items by a small script, text for the shell.

What is shown is rounded for the eye; nothing here adds up.
"""

from __future__ import annotations

from typing import Final

import polars as pl
from markupsafe import Markup
from rich.cells import cell_len, set_cell_size

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
LEAST: Final = 8  # columns of a terminal that a cut text or id keeps


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


def text_table(frame: pl.DataFrame, *, widest: int = 44, width: int | None = None) -> str:
    """The frame as aligned plain text, for a terminal: nothing in it can steer the terminal.

    Where the lines would be longer than `width`, ids are cut first, then the longest texts; amounts
    and days never are, so that a very narrow terminal breaks the lines.
    """
    cells = _as_text(frame)
    columns = []
    for name in frame.columns:
        texts = [shorten(text, widest) for text in cells[name]]
        columns.append([name, *texts])
    if not columns:
        return "(nothing)"
    kinds = [kind_of(frame, name) for name in frame.columns]
    widths = [max(map(cell_len, column)) for column in columns]
    if width is not None:
        widths = _fitted(widths, kinds, width)
    rows = [
        "  ".join(
            _fitting(text, room, right=kind == "number")
            for text, room, kind in zip(row, widths, kinds, strict=True)
        ).rstrip()
        for row in zip(*columns, strict=True)
    ]
    rule = "  ".join("-" * room for room in widths)
    return "\n".join([rows[0], rule, *(rows[1:] or ["(no rows)"])])


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


def _fitted(widths: list[int], kinds: list[str], width: int) -> list[int]:
    """The widths with so much taken from ids, then from texts, that a line fits."""
    widths = list(widths)
    over = sum(widths) + 2 * (len(widths) - 1) - width
    for kind in ("id", "text"):
        while over > 0:
            longest = max(
                (room, -place)
                for place, room in enumerate([*widths, LEAST])
                if place == len(widths) or kinds[place] == kind
            )
            if longest[0] <= LEAST:
                break
            widths[-longest[1]] -= 1
            over -= 1
    return widths


def _fitting(text: str, room: int, *, right: bool) -> str:
    """The text in just so many columns of a terminal: letters of East Asia take two."""
    if cell_len(text) > room:
        text = set_cell_size(text, room - 1).rstrip() + "…"
    blanks = " " * (room - cell_len(text))
    return blanks + text if right else text + blanks

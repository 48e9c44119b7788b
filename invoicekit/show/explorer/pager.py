"""Line items in a widget, a page at a time."""

from __future__ import annotations

from typing import Final

import ipywidgets as w
import polars as pl
from markupsafe import Markup

from invoicekit.show.lines_table import LINE_COLUMNS
from invoicekit.show.tables import html_of_table

ROWS: Final = 25


class Pager:
    """The lines, a page at a time."""

    def __init__(self) -> None:
        self._lines: pl.DataFrame | None = None
        self._page = 0
        self._back = w.Button(description="Back", layout={"width": "auto"})
        self._on = w.Button(description="Next", layout={"width": "auto"})
        self._count = w.HTML()
        self._rows = w.HTML()
        self._back.on_click(lambda _button: self._turn(-1))
        self._on.on_click(lambda _button: self._turn(1))
        bar = w.HBox([self._back, self._on, self._count])
        self.box = w.VBox([w.HTML("<h3>Lines</h3>"), bar, self._rows])
        self.show(None)

    def show(self, lines: pl.DataFrame | None) -> None:
        """Show the first page of these lines; without any, nothing."""
        self._lines, self._page = lines, 0
        self.box.layout.display = "none" if lines is None else ""
        self._draw()

    def _turn(self, step: int) -> None:
        self._page += step
        self._draw()

    def _draw(self) -> None:
        if self._lines is None:
            self._rows.value = ""
            return
        first = self._page * ROWS
        page = self._lines.select(LINE_COLUMNS).slice(first, ROWS)
        self._back.disabled = self._page == 0
        self._on.disabled = first + ROWS >= self._lines.height
        start = first + 1 if page.height else 0
        self._count.value = f"{start:,} to {first + page.height:,} of {self._lines.height:,} lines"
        self._rows.value = scrolling(html_of_table(page, name="explorer-lines"))


def scrolling(table: Markup) -> Markup:
    """The table in a box that scrolls."""
    return Markup('<div style="max-height:420px;overflow:auto">{}</div>').format(table)

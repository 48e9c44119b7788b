"""How the commands print a frame: a table to read, or JSON and CSV for machines."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from invoicekit.show.export import csv_of, rows_for_json
from invoicekit.show.tables import text_table
from invoicekit.terminal import say


class Shape(StrEnum):
    """How a command prints a frame."""

    table = "table"
    json = "json"
    csv = "csv"


AsShape = Annotated[Shape, typer.Option("--format", help="How to print.")]


def print_frame(frame: Any, shape: Shape, *, safe: bool = False) -> None:  # noqa: ANN401 (a polars frame)
    """Print a polars frame in the shape asked for; `safe` guards CSV for spreadsheets."""
    if shape is Shape.json:
        say(json.dumps(rows_for_json(frame), ensure_ascii=False, indent=2))
    elif shape is Shape.csv:
        say(csv_of(frame, safe=safe).rstrip("\n"))
    else:
        say(text_table(frame))

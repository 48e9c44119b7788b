"""How the commands print a frame: a table to read, or JSON and CSV for machines."""

from __future__ import annotations

import sys
import warnings
from enum import StrEnum
from typing import Annotated, Any

import typer

from invoicekit.show.export import csv_of, rows_for_json
from invoicekit.show.tables import text_table
from invoicekit.terminal import say, say_json, shows


class Shape(StrEnum):
    """How a command prints a frame."""

    table = "table"
    json = "json"
    csv = "csv"


AsShape = Annotated[Shape, typer.Option("--format", help="How to print.")]


def print_frame(frame: Any, shape: Shape, *, safe: bool = False) -> None:  # noqa: ANN401 (a polars frame)
    """Print a polars frame in the shape asked for; `safe` guards CSV for spreadsheets."""
    if shape is Shape.json:
        say_json(rows_for_json(frame))
    elif shape is Shape.csv:
        text = csv_of(frame, safe=safe).rstrip("\n")
        if not shows(text, sys.stdout):
            warnings.warn(
                f"standard output ({sys.stdout.encoding}) cannot show all letters: they are "
                "replaced by ? here. PYTHONUTF8=1 in the environment makes it UTF-8",
                stacklevel=2,
            )
        say(text)
    else:
        say(text_table(frame))

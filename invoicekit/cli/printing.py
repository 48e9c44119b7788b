"""How the commands print a frame: a table to read, or JSON and CSV for machines."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from invoicekit.analysis.money import plain
from invoicekit.analysis.reconcile import Reconciliation
from invoicekit.analysis.totals import AMOUNTS, THINGS
from invoicekit.cli.arguments import data_path_in
from invoicekit.cli.terminal import Badge, may_be_cut, say, say_data, width_of
from invoicekit.errors import one_of
from invoicekit.files.output import folder_at, write_file
from invoicekit.frames.charges import CHARGES
from invoicekit.show.export import csv_of, proof_for_json, rows_for_json
from invoicekit.show.lines_table import kind_of
from invoicekit.show.text_table import text_table, wrapped
from invoicekit.visible import escaped, visible


class FileFormat(StrEnum):
    """How `lines` writes a frame."""

    parquet = "parquet"
    csv = "csv"


class Shape(StrEnum):
    """How a command prints a frame."""

    table = "table"
    json = "json"
    csv = "csv"


AsShape = Annotated[
    Shape | None, typer.Option("--format", help="How to print; else by the name of -o, or a table.")
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write it there and not to the screen.",
        parser=data_path_in,
    ),
]
Safe = Annotated[bool, typer.Option("--safe", help="CSV: guard text against spreadsheets.")]
Limit = Annotated[int | None, typer.Option(min=1, metavar="N", help="The first N rows alone.")]
STDOUT = Path("-")
KEYS = (*THINGS, *(name for name in CHARGES if name not in (*AMOUNTS, "currency")))
EXIT = {"ties": 0, "differs": 3, "incomplete": 4}
STATES = {
    "ties": ("ties", "tie"),
    "differs": ("differs", "differ"),
    "incomplete": ("incomplete", "incomplete"),
}
MOST_NAMED = 10
PROSE = 100  # letters of a line of prose, where there is no terminal


@dataclass(frozen=True, slots=True)
class Printer:
    """Where a command's data goes, and how: to standard output, or whole into a file."""

    asked: Shape | None = None
    output: Path | None = None
    safe: bool = False

    @property
    def shape(self) -> Shape:
        """As asked; else as the file's name ends; else a table."""
        named = self.output.suffix.lower().removeprefix(".") if self.output else ""
        return self.asked or (Shape(named) if named in {"json", "csv"} else Shape.table)

    @property
    def shows_words(self) -> bool:
        """Whether standard output takes words beside the data: with a table that is shown."""
        return self.shape is Shape.table and self._file is None

    @property
    def width(self) -> int | None:
        """The columns of the terminal that a table goes to; `None` where it goes to none."""
        return width_of(sys.stdout) if self._file is None else None

    def told(self, sentences: Iterable[str]) -> list[str]:
        """Sentences as lines that fit."""
        return [line for text in sentences for line in wrapped(visible(text), self.width or PROSE)]

    def tell(self, line: str) -> None:
        """Say a line that is no data."""
        say(Badge(line), to=sys.stdout if self.shows_words else sys.stderr)

    @property
    def _file(self) -> Path | None:
        return None if self.output == STDOUT else self.output

    def print(
        self,
        frame: pl.DataFrame,
        *badges: str,
        table: Sequence[str] | None = None,
        below: Sequence[str] = (),
        one: bool = False,
        once: bool = False,
        limit: int | None = None,
    ) -> None:
        """Print a frame, and its badges: below a table, else on standard error.

        They are said there too where the table goes to a pipe or a file, so that whoever asked sees
        them whatever becomes of the table (`| head`).

        Args:
            frame: what there is.
            badges: the tie-out of each invoice, which travels with every figure.
            table: the lines of the table, where they are not the frame's own.
            below: lines that go below a table, and with no data.
            one: JSON of the only row itself, and no list of it.
            once: the badges are the answer: they are said once, if they can be.
            limit: print so many rows at most, and say how many there are.
        """
        if limit is not None and limit < frame.height:
            self.tell(f"the first {limit:,} of {frame.height:,} rows")
            frame = frame.head(limit)
        if self.shape is Shape.json:
            rows = rows_for_json(frame)
            value = rows[0] if one else rows
            text = escaped(json.dumps(value, ensure_ascii=False, indent=2)) + "\n"
        elif self.shape is Shape.csv:
            text = csv_of(frame, safe=self.safe)
        else:
            lines = [*(self._table_of(frame).split("\n") if table is None else table), *below]
            self._print_table(lines, [Badge(badge) for badge in badges], once=once)
            return
        self._put(text)
        say(*map(Badge, badges), to=sys.stderr)

    def _table_of(self, frame: pl.DataFrame) -> str:
        names = [name for name in frame.columns if kind_of(frame, name) != "id"]
        first = [name for name in frame.columns if name == "invoice_id"]
        ids = [name for name in frame.columns if name not in names and name not in first]
        return text_table(frame.select(*first, *names, *ids), width=self.width)

    def _print_table(self, lines: list[str], below: list[Badge], *, once: bool) -> None:
        if self._file is None:
            kept = say(*lines, *below) and (once or not may_be_cut(sys.stdout))
        else:
            self._put("".join(f"{line}\n" for line in [*lines, *below]))
            kept = False
        if not kept:
            say(*below, to=sys.stderr)

    def _put(self, text: str) -> None:
        if self._file is None:
            say_data(text)
            return
        folder_at(self._file.parent)
        with contextlib.suppress(BrokenPipeError):  # a pipe whose reader has gone, as with `| head`
            write_file(self._file, text.encode())


def keys_in(text: str) -> list[str]:
    """The keys of totals that are joined by commas.

    >>> keys_in("customer, offer")
    ['customer', 'offer']

    Raises:
        BadParameter: one is no key; it names those that are.
    """
    keys = [key.strip() for key in text.split(",") if key.strip()]
    for key in keys:
        if key not in KEYS:
            raise typer.BadParameter(f"cannot total by {key!r}{one_of(key, KEYS, 'possible are')}")
        if keys.count(key) > 1:
            raise typer.BadParameter(f"{key!r} is there twice; each key once")
    return keys


def print_proof(
    printer: Printer, name: str, proof: Reconciliation, below: Sequence[str] = ()
) -> None:
    """Print the proof of what bears that name: its parts as a table, or itself as one object."""
    if printer.shape is Shape.table:
        parts = proof.parts.drop("provider", "line_item_type")  # the part's name says both
        printer.print(parts, f"{name}  {proof}", once=True, below=below)
        return
    printer.print(pl.DataFrame([proof_for_json(name, proof)]), one=True)


def summed_up(synced: pl.DataFrame) -> str:
    """How many invoices tie, and which do not, in one line.

    >>> summed_up(pl.DataFrame({"invoice_id": ["G1"], "state": ["ties"]}))
    '1 ties'
    """
    words = []
    for state, (one, many) in STATES.items():
        found = synced.filter(pl.col("state") == state)
        if found.is_empty():
            continue
        text = f"{found.height:,} {one if found.height == 1 else many}"
        if state != "ties":
            text += f": {_named(found, state)}"
        words.append(text)
    return ", ".join(words)


def _named(found: pl.DataFrame, state: str) -> str:
    names = [
        f"{row['invoice_id']} {plain(row['difference'], row['currency']):,f} {row['currency']}"
        if state == "differs"
        else str(row["invoice_id"])
        for row in found.head(MOST_NAMED).iter_rows(named=True)
    ]
    left = found.height - len(names)
    return "; ".join(names) + (f" and {left:,} more" if left else "")

"""The rows of a CSV file, some thousand at a time, each as wide as the header says."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import polars as pl

from invoicekit.errors import FrameError, PageError
from invoicekit.frames.schema import Kind
from invoicekit.frames.wire_names import fold
from invoicekit.sources.files.finding import AGAIN, FoundFile
from invoicekit.sources.files.recognition import CHUNK, Look, kind_of, known_columns

DELIMITERS = (",", ";", "\t")
NO_HEADER = ("sep=", "#type ")  # what spreadsheets, and PowerShell, may write before it
AT_ONCE = 10_000  # rows


@dataclass(frozen=True, slots=True)
class Sheet:
    """A CSV file that was recognised."""

    file: FoundFile
    look: Look
    kind: Kind
    delimiter: str
    header: tuple[str, ...]  # `""` where a column has no name
    first: int  # the number of the header's row

    def where(self, number: int) -> str:
        """The place of a row, as a spreadsheet would show it."""
        return f"{self.file.name}, row {number}"

    def batches(self) -> Iterator[Rows]:
        """All rows as columns of text, `""` where a cell is empty.

        Raises:
            FrameError: a row is not as wide as the header; its number is named.
            PageError: the file is damaged, or is another one than before.
        """
        with self.file.open() as contents:
            reader = _reader(contents, self.look, self.delimiter)
            for _ in range(self.first):
                next(reader)
            number, batch = self.first, [[""]]
            while batch:
                batch = []
                try:
                    batch.extend(islice(reader, AT_ONCE))
                except csv.Error as cause:
                    raise _no_csv(self.file.name, number + len(batch) + 1) from cause
                if batch or number == self.first:  # of a header alone: one batch without a row
                    numbers = range(number + 1, number + 1 + len(batch))
                    yield self._rows(batch, numbers, len(self.header))
                number += len(batch)
            if contents.digest != self.look.digest:
                raise PageError(f"{self.file.name} changed while it was read: read it again")

    def _rows(self, batch: list[list[str]], numbers: Sequence[int], width: int) -> Rows:
        if set(map(len, batch)) != {width} or not all(map(any, batch)):
            kept = [(n, row) for n, row in zip(numbers, batch, strict=True) if any(row)]
            for n, row in kept:
                if len(row) != width:
                    raise FrameError(
                        f"{self.where(n)}: the row has {len(row):,} cells, and the header "
                        f"{width:,}: {AGAIN}"
                    )
            blank = len(batch) - len(kept)
            numbers, batch = [n for n, _ in kept], [row for _, row in kept]
        else:
            blank = 0
        columns = zip(*batch, strict=True) if batch else ((),) * width
        series = [pl.Series(f"c{at}", cells, pl.String) for at, cells in enumerate(columns)]
        return Rows(pl.DataFrame(series), numbers, blank)


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows: the column at place 3 of the header is `c3`."""

    cells: pl.DataFrame
    numbers: Sequence[int]
    blank: int  # rows without any value that were among them


def sheet_of(file: FoundFile, look: Look) -> Sheet:
    """The file as a sheet: its delimiter and its kind, by the header.

    Raises:
        PageError: its header is none that we know, or names a column twice.
    """
    found, failed = [], []
    for delimiter in DELIMITERS:
        try:
            found.append((*_header(file, look, delimiter), delimiter))
        except PageError as error:  # of cells in quotation marks, for all delimiters but theirs
            failed.append(error)
    if not found:
        raise failed[0]
    header, first, delimiter = max(found, key=lambda one: len(one[0]))
    header = [name.strip().lstrip("\ufeff") for name in header]  # some tools write two marks
    kind = kind_of(filter(None, header), file.name)
    seen: set[str] = set()
    for name in filter(None, header):
        if fold(name) in seen:
            known = f" ({name})" if known_columns(kind, [name]) else ""
            raise PageError(f"{file.name} has a column twice{known}: which one counts? {AGAIN}")
        seen.add(fold(name))
    return Sheet(file, look, kind, delimiter, tuple(header), first)


def _header(file: FoundFile, look: Look, delimiter: str) -> tuple[list[str], int]:
    with file.open() as contents:
        reader = _reader(contents, look, delimiter)
        first = 0
        try:
            for row in islice(reader, 3):
                first += 1
                if any(row) and not row[0].lower().startswith(NO_HEADER):
                    return row, first
        except csv.Error as cause:
            raise _no_csv(file.name, first + 1) from cause
    return [], first


def _reader(contents: io.RawIOBase, look: Look, delimiter: str) -> Iterator[list[str]]:
    """Each record of the file, `[]` for an empty line."""
    text = io.TextIOWrapper(io.BufferedReader(contents, CHUNK), look.encoding, newline="")
    return csv.reader(text, delimiter=delimiter, strict=True)


def _no_csv(name: str, number: int) -> PageError:
    return PageError(
        f"{name}, row {number}: quotation marks that do not fit together, or a cell that is too "
        f"long, so it is no CSV that can be read: {AGAIN}"
    )

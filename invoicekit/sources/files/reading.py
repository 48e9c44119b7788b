"""All files that the paths name, each once, as typed frames."""

from __future__ import annotations

import os
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from invoicekit.errors import PageError, warn
from invoicekit.files.output import named_path
from invoicekit.frames.collection_result import READ, CollectionResult
from invoicekit.frames.decode import collect
from invoicekit.frames.schema import BY_OBJECT_TYPE, Kind
from invoicekit.pages import Reading
from invoicekit.sources.files import csv_frames, export_lines
from invoicekit.sources.files.csv_rows import sheet_of
from invoicekit.sources.files.finding import FoundFile, find
from invoicekit.sources.files.forms import DECIMALS, ORDERS, DateOrder, DecimalSign
from invoicekit.sources.files.recognition import Look, look_at

PART = re.compile(r"part-[0-9]{5}-([0-9a-f-]{36})")  # blobs of one export have one id


@dataclass(frozen=True, slots=True)
class FileLines:
    """One file: its rows as frames by objectType, and the pair of collection that it stands for."""

    name: str
    number: int
    provider: str
    line_item_type: str
    frames: dict[str, pl.DataFrame] = field(repr=False)
    size: int  # unpacked
    seconds: float
    is_export: bool

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(frame.height for frame in self.frames.values())


def results_of(read: Iterable[FileLines]) -> list[CollectionResult]:
    """What came of each pair: the lines of all its files together, and a reading of each file."""
    pairs: dict[tuple[str, str], list[FileLines]] = {}
    for one in read:
        pairs.setdefault((one.provider, one.line_item_type), []).append(one)
    return [_result(*pair, files) for pair, files in pairs.items()]


def _result(provider: str, line_item_type: str, files: Sequence[FileLines]) -> CollectionResult:
    frames = collect(pair for one in files for pair in one.frames.items())
    readings = [
        Reading(
            collection=one.name,
            page=one.number,
            rows=one.rows,
            total=None,
            bytes=one.size,
            seconds=one.seconds,
            from_cache=False,
            status=None,
            retries=0,
            request_id=None,
            correlation_id=None,
        )
        for one in files
    ]
    lines = {name: frame.height for name, frame in frames.items()}
    return CollectionResult(provider, line_item_type, READ, lines, readings, frames, source="files")


def read_files(
    paths: Sequence[str | os.PathLike[str]],
    *,
    decimal: DecimalSign | None = None,
    dates: DateOrder | None = None,
) -> list[FileLines]:
    """The files, in the order of the paths, those of a folder or zip by name.

    Raises:
        TypeError: a path is neither a text nor a path, but a list of them.
        ValueError: `decimal` or `dates` is no word of theirs, or there is no path, or an empty one.
        FileNotFoundError: a path does not exist.
        PageError: a file is none that we know, damaged, or given twice.
        FrameError: a row cannot be typed, or a form is ambiguous; file, row and column are named.
    """
    for name, value, allowed in (("decimal", decimal, DECIMALS), ("dates", dates, ORDERS)):
        if value is not None and value not in allowed:
            words = ", ".join(map(repr, allowed))
            raise ValueError(f"{name} must be one of {words}, or None to find it out: {value!r}")
    if not paths or "" in paths:  # "" would be the folder where we are
        raise ValueError("no file was named")
    named = [named_path(path, 'ik.read("october.csv", "october-usage.csv")') for path in paths]
    seen: dict[bytes, str] = {}
    read = []
    for number, file in enumerate(find(named), 1):
        started = time.monotonic()
        look = look_at(file)
        if look.digest in seen:
            raise PageError(
                f"{seen[look.digest]} and {file.name} have the same bytes: its lines would count "
                "twice. Name one of them"
            )
        seen[look.digest] = file.name
        kind, batches = _batches(file, look, number, decimal, dates)
        provider, line_item_type = kind.pairs[0]
        frames = collect(batches)
        seconds = time.monotonic() - started
        read.append(
            FileLines(
                file.name, number, provider, line_item_type, frames, look.size, seconds,
                look.is_json,
            )
        )  # fmt: skip
    if len(read) > 1:
        _warn_of_overlap(read)
    return read


def _batches(
    file: FoundFile, look: Look, number: int, decimal: DecimalSign | None, dates: DateOrder | None
) -> tuple[Kind, Iterator[tuple[str, pl.DataFrame]]]:
    """The kind of a file's rows, and these as frames."""
    if look.is_json:
        kind = export_lines.kind_of_lines(file, look)
        return kind, export_lines.frames(file, look, kind.pairs[0], number)
    sheet = sheet_of(file, look)
    found = csv_frames.survey(sheet, decimal, dates)
    typed = csv_frames.frames(sheet, found, sheet.kind.pairs[0], number)
    return sheet.kind, ((sheet.kind.object_type, frame) for frame in typed)


def _warn_of_overlap(read: Sequence[FileLines]) -> None:
    """Tell of an invoice whose lines of one kind come from several files, not parts of one.

    Of lines that name no invoice, as those of licence based files, the same ones in two files.
    """
    origins: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    nameless: dict[tuple[str, tuple[int, int]], list[str]] = defaultdict(list)
    for one in read:
        part = PART.search(one.name) if one.is_export else None
        origin = part[1] if part else str(one.number)
        for object_type, frame in one.frames.items():
            for invoice_id in frame["invoice_id"].drop_nulls().unique():
                origins[invoice_id, object_type].setdefault(origin, one.name)
            if frame.height and frame["invoice_id"].null_count() == frame.height:
                nameless[object_type, _digest(frame)].append(one.name)
    for (invoice_id, object_type), names in sorted(origins.items()):
        if len(names) > 1:
            warn(
                f"{object_type} of {invoice_id} comes from several files, all of which count: "
                f"{', '.join(names.values())}. If one holds what another does, name one alone"
            )
    for (object_type, _), same in nameless.items():
        if len(same) > 1:
            warn(
                f"{object_type}: the lines of these files are the same, and all of them count: "
                f"{', '.join(same)}. Name one alone"
            )


def _digest(frame: pl.DataFrame) -> tuple[int, int]:
    """Of the documented columns, whatever the file's own form, number and order of lines."""
    documented = BY_OBJECT_TYPE.get(frame["object_type"][0])
    names = [column.name for column in documented.columns] if documented else frame.columns
    return frame.height, int(frame.select(names).hash_rows().sum())

"""What was not billed yet, as it was at some time: kept in the user's data folder, for ever.

It is history, which nobody can ask for again: so it lies outside the cache, its trimming and its
clearing. A snapshot is a folder of its own, there whole or not at all: its note is written last.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from invoicekit.files.private import (
    PART,
    private_folder,
    read_note,
    read_private,
    write_note,
    write_private,
)
from invoicekit.files.removal import Layout, remove_folder
from invoicekit.frames.collection_result import CollectionResult
from invoicekit.frames.schema import NUMBER
from invoicekit.line_items import Unbilled

NOTE = "snapshot.json"
HALF = 500_000  # microseconds: up to there the next is later, and the month the same
MOST_BYTES = 1 << 40
MOST_BYTES_OF_NOTE = 256_000_000  # it says of each page how it was read
LAYOUT: Layout = {r"[0-9]+-[0-9]+\.parquet": None, re.escape(NOTE): None, PART: None}
# What comes of a snapshot that is damaged, or of a release that wrote them otherwise.
ODD = (
    OSError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError,
    pl.exceptions.PolarsError,
)  # fmt: skip
NAME = re.compile(r"[0-9]{8}T[0-9]{12}Z-(current|previous)-[A-Z]{3}")
HISTORY = {
    "taken_at": pl.Datetime("us", "UTC"),
    "month": pl.String(),
    "period": pl.String(),
    "currency": pl.String(),
    "source": pl.String(),
    "lines": pl.Int64(),
    "total": NUMBER,
}


def keep(folder: Path, unbilled: Unbilled) -> Unbilled:
    """Write a snapshot, and return it; where another has its time, it gets the next of that second.

    Raises:
        OSError: the disk does not take it.
    """
    private_folder(folder)
    here, unbilled = _place_of_its_own(folder, unbilled)
    try:
        _write(here, unbilled)
    except BaseException:  # Ctrl-C too: nothing clears what lies here
        remove_folder(here, LAYOUT)
        raise
    return unbilled


def _place_of_its_own(folder: Path, unbilled: Unbilled) -> tuple[Path, Unbilled]:
    """A new folder: the clock of some systems stands still for 16 ms, and others ask too."""
    period, currency, taken_at = unbilled.period, unbilled.currency, unbilled.taken_at
    step = timedelta(microseconds=1 if taken_at.microsecond < HALF else -1)
    while True:
        at = f"{taken_at:%Y%m%dT%H%M%S%f}Z-"
        here = folder / f"{at}{period}-{currency}"
        with contextlib.suppress(FileExistsError):
            here.mkdir(mode=0o700)
            if [path.name for path in folder.glob(f"{at}*")] == [here.name]:
                break
            here.rmdir()
        taken_at += step
    return here, Unbilled(unbilled.results, period=period, currency=currency, taken_at=taken_at)


def _write(here: Path, unbilled: Unbilled) -> None:
    frames: list[list[list[str]]] = []
    for number, result in enumerate(unbilled.results):
        frames.append([])
        for object_type, frame in result.frames.items():
            file = f"{number}-{len(frames[-1])}.parquet"
            content = io.BytesIO()
            frame.write_parquet(content)
            write_private(here / file, content.getvalue())
            frames[-1].append([object_type, file, _digest(content.getvalue())])
    total = unbilled.reconcile()
    write_note(
        here / NOTE,
        {
            "taken_at": unbilled.taken_at.isoformat(),
            "period": unbilled.period,
            "currency": unbilled.currency,
            "lines": total.lines,
            "total": str(total.lines_total),
            "results": [result.to_json() for result in unbilled.results],
            "frames": frames,
        },
    )


def history(folder: Path) -> pl.DataFrame:
    """The snapshots that are there, newest first: columns as in `HISTORY`."""
    rows = [pl.DataFrame(schema=HISTORY)]
    for _, note in _notes(folder):
        with contextlib.suppress(*ODD):
            rows.append(_row(note))
    return pl.concat(rows).sort("taken_at", descending=True)


def _row(note: dict[str, Any]) -> pl.DataFrame:
    empty = Unbilled([], period=note["period"], currency=note["currency"], taken_at=_taken_at(note))
    source = ", ".join(sorted({result["source"] for result in note["results"]}))
    said = (empty.taken_at, empty.month, empty.period, empty.currency, source)
    row = pl.DataFrame(
        [(*said, note["lines"], note["total"])],
        schema=HISTORY | {"total": pl.String()},
        orient="row",
    )
    return row.with_columns(pl.col("total").cast(NUMBER))


def read(folder: Path, taken_at: datetime) -> Unbilled | None:
    """The snapshot of that time; `None` where there is none, or it is damaged."""
    at = taken_at.astimezone(UTC) if taken_at.tzinfo else taken_at.replace(tzinfo=UTC)
    for here, note in _notes(folder):
        with contextlib.suppress(*ODD):
            if _taken_at(note) == at:
                return _read(here, note, at)
    return None


def _read(here: Path, note: dict[str, Any], taken_at: datetime) -> Unbilled:
    """The snapshot in a folder.

    Raises:
        Exception: one of `ODD`: it is not all there, as it was written.
    """
    results = []
    for said, files in zip(note["results"], note["frames"], strict=True):
        frames = {}
        for object_type, file, check in files:
            content = read_private(here / Path(file).name, MOST_BYTES)
            if _digest(content) != check:
                raise ValueError("is not what was written")
            frames[object_type] = pl.read_parquet(io.BytesIO(content))
        results.append(replace(CollectionResult.from_json(said), frames=frames))
    return Unbilled(results, period=note["period"], currency=note["currency"], taken_at=taken_at)


def _taken_at(note: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(note["taken_at"]).astimezone(UTC)


def _notes(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    for name in names:
        path = folder / name / NOTE
        note = read_note(path, MOST_BYTES_OF_NOTE) if NAME.fullmatch(name) else None
        if note:
            yield folder / name, note


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

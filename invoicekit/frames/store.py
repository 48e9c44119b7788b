"""Typed frames on disk as Parquet: opening an invoice again costs reading, not decoding.

    lines/object_type=OneTimeInvoiceLineItem/invoice_id=G000024135/part-….parquet
    lines/_invoices/G000024135.json        what was stored, of which invoice: written last

A dataset in Hive's layout, for polars, DuckDB and Spark to read as it lies. The two columns that a
folder's name says are not in its files. Our own reading believes the JSON alone. The store is
disposable: the HTTP cache stays the truth, and what is damaged or out of date only costs time.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from invoicekit.disk import file_name, held, private_folder, write_whole
from invoicekit.errors import FrameError
from invoicekit.frames.decode import OURS
from invoicekit.frames.kinds import BY_OBJECT_TYPE

FOLDER, NOTES = "lines", "_invoices"
VERSION = 1  # of the decoder: raise it when the same pages would give other frames
PART_ROWS = 50_000
STALE = 24 * 3600.0  # seconds after which no writer is still at work
NAMED_BY_FOLDER = ("invoice_id", "object_type")


@dataclass(frozen=True, slots=True)
class Key:
    """Which invoice was stored, as its header says; what differs is asked again."""

    invoice_id: str
    invoice_date: str
    total: str
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class Stored:
    """An invoice in the store: for each objectType its files, rows and columns; and `about` it.

    `about` is the caller's: plain JSON values that come back as they were.
    """

    key: Key
    files: Mapping[str, list[str]] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    columns: Mapping[str, list[str]] = field(default_factory=dict)
    about: Any = None


class Store:
    """The store of one partner."""

    def __init__(self, root: Path) -> None:
        self.folder = root / FOLDER

    def find(self, key: Key) -> Stored | None:
        """What is stored of the invoice, if it is that very one and all its files are there."""
        stored = self._read(self._note(key.invoice_id))
        if stored is None or stored.key != key:
            return None
        return stored if self._is_there(stored) else None

    def frames(self, stored: Stored) -> dict[str, pl.DataFrame] | None:
        """The frames of an invoice, as they were stored; `None` where they cannot be read."""
        frames = {}
        for name, scanned in self.scans(stored).items():
            try:
                frames[name] = scanned.collect()
            except (OSError, pl.exceptions.PolarsError):
                return None
            if frames[name].height != stored.rows[name]:
                return None
        return frames

    def is_sound(self, stored: Stored) -> bool:
        """Whether the files of an invoice can be opened, and have the rows that were written."""
        try:
            return all(
                scanned.select(pl.len()).collect().item() == stored.rows[name]
                for name, scanned in self.scans(stored).items()
            )
        except (OSError, pl.exceptions.PolarsError):
            return False

    def scans(self, stored: Stored) -> dict[str, pl.LazyFrame]:
        """The frames of an invoice, lazily."""
        return {name: self._scan(name, [stored]) for name in stored.files}

    def scan(self, object_type: str, stored: Sequence[Stored]) -> pl.LazyFrame:
        """The lines of one objectType over those invoices of the store, lazily.

        Raises:
            ValueError: none are stored; lists the objectTypes that are.
            FrameError: lines that were stored are not there any more.
        """
        have = sorted({name for invoice in stored for name in invoice.files})
        if object_type not in have:
            raise ValueError(
                f"no {object_type!r} is in the store; there is {', '.join(have) or 'nothing yet'}. "
                "client.sync() brings invoices in"
            )
        mine = [invoice for invoice in stored if object_type in invoice.files]
        gone = [invoice.key.invoice_id for invoice in mine if not self._is_there(invoice)]
        if gone:
            raise FrameError(
                f"lines that were stored are gone, of {', '.join(gone)}; client.sync() brings them "
                "in again"
            )
        return self._scan(object_type, mine)

    def stored(self) -> list[Stored]:
        """All invoices in the store."""
        return [stored for path in self._notes() if (stored := self._read(path))]

    def _is_there(self, stored: Stored) -> bool:
        files = [self.folder / file for names in stored.files.values() for file in names]
        return all(file.is_file() for file in files)

    def write(self, key: Key) -> Writer:
        """A writer for an invoice; nobody sees what it writes until it commits."""
        for left in (self.folder / NOTES).glob(".*"):  # by a process that is gone
            if left.is_dir() and time.time() - left.stat().st_mtime > STALE:
                shutil.rmtree(left, ignore_errors=True)
        return Writer(self.folder, key, self._note(key.invoice_id))

    def forget(self, invoice_id: str) -> None:
        """Drop an invoice, whatever the case of its id; its note goes first."""
        for path in self._notes():
            stored = self._read(path)
            if stored and stored.key.invoice_id.lower() == invoice_id.lower():
                path.unlink(missing_ok=True)
        wanted = f"invoice_id={file_name(invoice_id)}".lower()
        for folder in self.folder.glob("object_type=*/invoice_id=*"):  # those without a note too
            if folder.name.lower() == wanted:
                shutil.rmtree(folder, ignore_errors=True)

    def _scan(self, name: str, notes: Iterable[Stored]) -> pl.LazyFrame:
        """Files of one objectType as one frame, whatever they have beyond the documented."""
        frames = []
        for stored in notes:
            said = {"invoice_id": stored.key.invoice_id, "object_type": name}
            schema = _schema(name, stored.columns[name])
            scanned = pl.scan_parquet(
                [self.folder / file for file in stored.files[name]],
                schema={c: dtype for c, dtype in schema.items() if c not in NAMED_BY_FOLDER},
                missing_columns="insert",
                hive_partitioning=False,
            )
            frames.append(
                scanned.with_columns(
                    pl.lit(value, pl.String).alias(column) for column, value in said.items()
                ).select(list(schema))
            )
        return frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal")

    def _notes(self) -> Iterable[Path]:
        return sorted((self.folder / NOTES).glob("*.json"))

    def _note(self, invoice_id: str) -> Path:
        return self.folder / NOTES / f"{file_name(invoice_id)}.json"

    def _read(self, path: Path) -> Stored | None:
        try:
            note: dict[str, Any] = json.loads(path.read_bytes())
            if note.pop("check") != _check(note):
                return None
            return Stored(**{**note, "key": Key(**note["key"])})
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None


class Writer:
    """Writes the lines of one invoice in parts of many rows, then puts them in place at once."""

    def __init__(self, folder: Path, key: Key, note: Path) -> None:
        self._folder = folder
        self._key = key
        self._note = note
        self._token = secrets.token_hex(6)
        self._room = folder / NOTES / f".{self._token}"
        self._waiting: dict[str, list[pl.DataFrame]] = {}
        self._parts: dict[str, int] = {}
        self._rows: dict[str, int] = {}
        self._columns: dict[str, dict[str, None]] = {}
        self._mark: tuple[dict[str, int], dict[str, int]] = ({}, {})

    def add(self, name: str, frame: pl.DataFrame) -> None:
        """Take lines of one objectType.

        Raises:
            OSError: the disk does not take them.
        """
        waiting = self._waiting.setdefault(name, [])
        waiting.append(frame)
        self._rows[name] = self._rows.get(name, 0) + frame.height
        self._columns.setdefault(name, {}).update(dict.fromkeys(frame.columns))
        if sum(part.height for part in waiting) >= PART_ROWS:
            self._write(name)

    def begin(self) -> None:
        """Remember what is there, for `back`."""
        for name in self._waiting:
            self._write(name)
        self._mark = (dict(self._parts), dict(self._rows))

    def back(self) -> None:
        """Drop what was added since `begin`: those pages are read again from the first."""
        parts, rows = self._mark
        self._waiting.clear()
        for name, number in self._parts.items():
            for part in range(parts.get(name, 0), number):
                (self._room / file_name(name) / self._part(part)).unlink(missing_ok=True)
        self._parts = dict(parts)
        self._rows = dict(rows)

    def commit(self, about: Any = None) -> Stored:  # noqa: ANN401 (plain JSON values)
        """Put the parts in place, the note last; what was stored of the invoice before goes.

        Raises:
            OSError: the disk does not take them.
        """
        for name in self._waiting:
            self._write(name)
        private_folder(self._note.parent)
        with held(self._note.with_suffix(".lock")):
            self._note.unlink(missing_ok=True)
            invoice = f"invoice_id={file_name(self._key.invoice_id)}"
            for old in self._folder.glob(f"object_type=*/{invoice}"):
                shutil.rmtree(old)
            files = {name: self._put(name, invoice) for name in self._parts}
            columns = {name: list(seen) for name, seen in self._columns.items()}
            stored = Stored(self._key, files, self._rows, columns, about)
            note = asdict(stored)
            write_whole(self._note, json.dumps({**note, "check": _check(note)}).encode())
        self.drop()
        return stored

    def _put(self, name: str, invoice: str) -> list[str]:
        """Put the parts of one objectType in place."""
        place = Path(f"object_type={file_name(name)}") / invoice
        private_folder((self._folder / place).parent)
        (self._room / file_name(name)).rename(self._folder / place)
        return [(place / self._part(number)).as_posix() for number in range(self._parts[name])]

    def _part(self, number: int) -> str:
        """A name that no other writer's part has: a note can never mean another's file."""
        return f"part-{self._token}-{number:05}.parquet"

    def drop(self) -> None:
        """Leave nothing behind of what was not committed."""
        shutil.rmtree(self._room, ignore_errors=True)

    def _write(self, name: str) -> None:
        waiting = self._waiting[name]
        if not waiting:
            return
        self._waiting[name] = []
        number = self._parts.get(name, 0)
        self._parts[name] = number + 1
        folder = private_folder(self._room / file_name(name))
        frame = pl.concat(waiting, how="diagonal").drop(NAMED_BY_FOLDER)
        path = folder / self._part(number)
        try:
            frame.write_parquet(path, compression="zstd", compression_level=1)
        except pl.exceptions.ComputeError as cause:  # so polars says that the disk is full
            raise OSError(f"{path.name} could not be written: {cause}") from cause


def _schema(name: str, columns: Iterable[str]) -> dict[str, pl.DataType]:
    """The types of an objectType's columns; what the documentation has not is text."""
    kind = BY_OBJECT_TYPE.get(name)
    known = {column.name: column.type.dtype for column in kind.columns} if kind else {}
    return {column: OURS.get(column) or known.get(column, pl.String()) for column in columns}


def _check(note: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(note, sort_keys=True).encode()).hexdigest()[:16]

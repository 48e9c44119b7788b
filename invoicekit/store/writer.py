"""Writing the lines of one invoice into the store, a part at a time."""

from __future__ import annotations

import contextlib
import io
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from invoicekit.store import parts
from invoicekit.store.manifest import (
    NOTES,
    PARTS,
    TOKEN_BYTES,
    Key,
    PartFile,
    Stored,
    UnreadableError,
    invoice_name,
    read_manifest,
)

PART_ROWS = 50_000
NAMED_BY_FOLDER = ("invoice_id", "object_type")


class Writer:
    """Writes the lines of one invoice in parts of many rows, then makes them count at once."""

    def __init__(self, store: Path, key: Key, commit: Callable[[Stored, str], None]) -> None:
        """For the store in that folder; `commit` makes what was written count, by its token."""
        self._store = store
        self._key = key
        self._make_count = commit
        self._token = secrets.token_hex(TOKEN_BYTES)
        self._folder = store / PARTS / invoice_name(key.invoice_id) / self._token
        self._number = 0
        self._waiting: dict[str, list[pl.DataFrame]] = {}
        self._written: dict[str, list[PartFile]] = {}
        self._rows: dict[str, int] = {}
        self._columns: dict[str, dict[str, None]] = {}
        self._committed = False
        self.begin()

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
        written = {name: list(files) for name, files in self._written.items()}
        columns = {name: dict(seen) for name, seen in self._columns.items()}
        self._mark = (written, dict(self._rows), columns)

    def back(self) -> None:
        """Drop what was added since `begin`: those pages are read again from the first."""
        written, rows, columns = self._mark
        kept = {part.path for files in written.values() for part in files}
        for part in (part for files in self._written.values() for part in files):
            if part.path not in kept:
                (self._store / part.path).unlink(missing_ok=True)
        self._waiting.clear()
        self._written = {name: list(files) for name, files in written.items()}
        self._rows = dict(rows)
        self._columns = {name: dict(seen) for name, seen in columns.items()}

    def commit(self, about: Any = None) -> Stored:  # noqa: ANN401 (plain JSON values)
        """Make the parts what counts of the invoice.

        Raises:
            OSError: the disk does not take them.
        """
        for name in self._waiting:
            self._write(name)
        columns = {name: list(seen) for name, seen in self._columns.items()}
        stored = Stored(self._key, self._written, self._rows, columns, about)
        self._make_count(stored, self._token)
        self._committed = True
        return stored

    def drop(self) -> None:
        """Leave nothing behind of what was not committed."""
        if not self._committed and not self._counts():
            parts.remove(self._folder)
            with contextlib.suppress(OSError):
                self._folder.parent.rmdir()  # if nothing is left

    def _counts(self) -> bool:
        """Whether it counts all the same: Ctrl-C may come between the commit and its end."""
        with contextlib.suppress(UnreadableError):
            stored = read_manifest(
                self._store / NOTES / f"{invoice_name(self._key.invoice_id)}.json"
            )
            return self._token in parts.named_by(stored)
        return False

    def _write(self, name: str) -> None:
        waiting = self._waiting[name]
        if not waiting:
            return
        self._waiting[name] = []
        if not self._number:
            parts.begin(self._folder)
        frame = pl.concat(waiting, how="diagonal").drop(NAMED_BY_FOLDER)
        content = io.BytesIO()
        frame.write_parquet(content, compression="zstd", compression_level=1)
        part = parts.write_part(self._folder, self._number, content.getvalue())
        self._number += 1
        self._written.setdefault(name, []).append(part)

"""The cache as a user sees it: what it holds, how to empty it, and a bound on its size."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from invoicekit.fetch.shelf import PAGE, STALE, Shelf

GIGA = 1_000_000_000
OURS = re.compile(r"[0-9a-f]{32}")  # a folder named by us; the place may be shared with others


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """What the cache holds: `entries` are answers, `size` is in bytes, `oldest` in UTC."""

    folder: Path
    size: int
    entries: int
    collections: int
    oldest: datetime | None

    def __str__(self) -> str:
        oldest = f", oldest of {self.oldest:%Y-%m-%d %H:%M} UTC" if self.oldest else ""
        return (
            f"{self.folder}: {self.size / 1e6:,.1f} MB, {self.entries:,} answers in "
            f"{self.collections:,} collections{oldest}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(str(self))}</p>"


@dataclass(frozen=True, slots=True)
class Cache:
    """The answers kept on disk. Clearing them costs time and nothing else."""

    folder: Path

    def info(self) -> CacheInfo:
        """Folder, size, entries and the oldest of them; asks nothing."""
        sizes = dict(self._files())
        pages = [path for path in sizes if path.suffix == PAGE]
        shelves = [
            (shelf, note) for shelf in shelves_in(self.folder) if (note := shelf.committed())
        ]
        made = [note.made for _, note in shelves]
        return CacheInfo(
            folder=self.folder,
            size=sum(sizes.values()),
            entries=len(pages),
            collections=len(shelves),
            oldest=datetime.fromtimestamp(min(made), UTC) if made else None,
        )

    def clear(self, *, invoice: str | None = None) -> int:
        """Forget all answers, or those of one invoice; returns how many collections went."""
        gone = 0
        for shelf in shelves_in(self.folder):
            note = shelf.committed() or shelf.interrupted()
            if invoice is None or (note and note.about.lower() == invoice.lower()):
                shelf.remove()
                gone += 1
        return gone

    def _files(self) -> Iterator[tuple[Path, int]]:
        for folder, _, names in os.walk(self.folder):  # what vanishes meanwhile is passed over
            for name in names:
                with contextlib.suppress(OSError):
                    path = Path(folder, name)
                    yield path, path.stat().st_size


def shelves_in(folder: Path) -> Iterator[Shelf]:
    """The collections under a cache folder, of all its partners."""
    for partner in _ours_in(folder):
        for collection in _ours_in(partner):
            yield Shelf(partner, collection.name)


def _ours_in(folder: Path) -> list[Path]:
    try:
        return sorted(
            path for path in folder.iterdir() if OURS.fullmatch(path.name) and path.is_dir()
        )
    except OSError:  # not there, or gone meanwhile: another process may clear it
        return []


def trim(folder: Path, gigabytes: float, newest: Path) -> None:
    """Drop the oldest collections until the rest fits; never the one that was just made."""
    found = []
    for shelf in shelves_in(folder):
        shelf.sweep()
        note = shelf.committed()
        if note:
            found.append((note.made, note.size, shelf))
        elif shelf.folder != newest and not shelf.pending():
            _drop_if_stale(shelf)
    found.sort(key=lambda one: one[0])
    size = sum(one[1] for one in found)
    for _, freed, shelf in found:
        if size <= gigabytes * GIGA:
            return
        if shelf.folder != newest:
            shelf.remove()
            size -= freed


def _drop_if_stale(shelf: Shelf) -> None:
    """What was left behind by a process that is gone: no commit, and nobody will resume it."""
    try:
        if time.time() - shelf.folder.stat().st_mtime > STALE:
            shutil.rmtree(shelf.folder, ignore_errors=True)
    except OSError:
        return

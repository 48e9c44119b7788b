"""The cache as a user sees it: what it holds, how to empty it, and a bound on its size."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from invoicekit.fetch.shelf import Shelf

GIGA = 1_000_000_000
OURS = re.compile(r"[0-9a-f]{32}")  # a folder named by us; the place may be shared with others
STALE = 7 * 24 * 3600.0  # seconds after which nobody resumes what was interrupted


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
        files = [path for path in self._files() if path.is_file()]
        pages = [path for path in files if path.suffix == ".page"]
        shelves = [
            (shelf, note) for shelf in shelves_in(self.folder) if (note := shelf.committed())
        ]
        made = [note.made for _, note in shelves]
        return CacheInfo(
            folder=self.folder,
            size=sum(path.stat().st_size for path in files),
            entries=len(pages),
            collections=len(shelves),
            oldest=datetime.fromtimestamp(min(made), UTC) if made else None,
        )

    def clear(self, *, invoice: str | None = None) -> int:
        """Forget all answers, or those of one invoice; returns how many collections went."""
        gone = 0
        for shelf in shelves_in(self.folder):
            note = shelf.committed() or shelf.pending()
            if invoice is None or (note and note.about.lower() == invoice.lower()):
                shelf.remove()
                gone += 1
        return gone

    def _files(self) -> Iterator[Path]:
        return self.folder.rglob("*") if self.folder.is_dir() else iter(())


def shelves_in(folder: Path) -> Iterator[Shelf]:
    """The collections under a cache folder, of all its partners."""
    if not folder.is_dir():
        return
    for partner in sorted(folder.iterdir()):
        if not (partner.is_dir() and OURS.fullmatch(partner.name)):
            continue
        for collection in sorted(partner.iterdir()):
            if collection.is_dir() and OURS.fullmatch(collection.name):
                yield Shelf(partner, collection.name)


def trim(folder: Path, gigabytes: float, newest: Path) -> None:
    """Drop the oldest collections until the rest fits; never the one that was just made."""
    found = []
    for shelf in shelves_in(folder):
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

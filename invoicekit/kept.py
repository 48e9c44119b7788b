"""What is kept on disk, as a user sees it: how much it is, and how to be rid of it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from invoicekit.fetch.shelf import PAGE
from invoicekit.fetch.upkeep import shelves_in
from invoicekit.frames.store import FOLDER, Store


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
    """The answers and frames kept on disk. Clearing them costs time and nothing else."""

    folder: Path

    def info(self) -> CacheInfo:
        """Folder, size in all, answers, collections, and since when; asks nothing."""
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
        """Forget all, or what there is of one invoice; returns how many collections went."""
        gone = 0
        for shelf in shelves_in(self.folder):
            note = shelf.committed() or shelf.interrupted()
            if invoice is None or (note and note.about.lower() == invoice.lower()):
                shelf.remove()
                gone += 1
        for store in self.folder.glob(f"*/{FOLDER}"):
            if invoice is None:
                shutil.rmtree(store, ignore_errors=True)
            else:
                Store(store.parent).forget(invoice)
        return gone

    def _files(self) -> Iterator[tuple[Path, int]]:
        for folder, _, names in os.walk(self.folder):  # what vanishes meanwhile is passed over
            for name in names:
                with contextlib.suppress(OSError):
                    path = Path(folder, name)
                    yield path, path.stat().st_size

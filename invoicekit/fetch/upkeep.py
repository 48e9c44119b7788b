"""Which collections lie under a cache folder, and a bound on their size."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from invoicekit.fetch.shelf import STALE, Shelf

GIGA = 1_000_000_000
# A folder named by us; the place may be shared with others.
OURS = re.compile(r"[0-9a-f]{32}(-[0-9a-f]{32})?")


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

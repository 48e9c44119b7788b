"""Which collections lie under a cache folder, and a bound on their size."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from invoicekit.fetch.lifetimes import IDLE, INTERRUPTED
from invoicekit.fetch.manifest import Manifests
from invoicekit.files.partner_folder import is_of_first_release, keeps_modes, partner_folders
from invoicekit.files.private import MARKER, ROOM, is_folder, is_marked, is_mine
from invoicekit.files.removal import Layout, Removed, remove_folder

GIGA = 1_000_000_000
LOOKED_AT = 0.02  # part of the bound that may be written before the folder is looked at again
COLLECTION = re.compile(r"[0-9a-f]{32}")
ROOM_LAYOUT: Layout = {re.escape(MARKER): None}


def known_folders(folder: Path) -> tuple[list[Path], list[Path]]:
    """The partners' folders under a cache folder that are ours, and those that only look so.

    Ours are marked, or of the first release; what looks so may be a copy, a link, or another's.
    """
    ours: list[Path] = []
    others: list[Path] = []
    for path in partner_folders(folder):
        known = is_folder(path) and (is_mine(path) or not keeps_modes(path))
        known = known and (is_marked(path) or is_of_first_release(path))
        (ours if known else others).append(path)
    return ours, others


def collections_in(partner: Path) -> Iterator[Manifests]:
    """The collections in a partner's folder."""
    try:
        names = sorted(path.name for path in partner.iterdir() if is_folder(path))
    except OSError:  # not there, or gone meanwhile: another process may clear it
        return
    for name in names:
        if COLLECTION.fullmatch(name):
            yield Manifests(partner, name)


def trim(folder: Path, gigabytes: float, newest: Path) -> None:
    """Drop what was interrupted, then the oldest collections, until the rest fits.

    Never the collection at `newest`, and none that somebody is at work on.
    """
    bound, committed, pending, size = gigabytes * GIGA, [], [], 0
    _drop_left_rooms(folder)
    for partner in known_folders(folder)[0]:
        for manifests in collections_in(partner):
            manifests.sweep()
            note, begun = manifests.committed(), manifests.interrupted()
            if begun:
                waiting = sum(manifests.sizes_of(begun.pull))
                pending.append((begun.made, waiting, manifests))
                size += waiting
            if note:
                committed.append((note.made, note.size, manifests))
                size += note.size
            elif manifests.folder != newest and not manifests.pending():
                _drop_if_stale(manifests)
    for _, freed, manifests in sorted(pending, key=lambda one: one[0]):
        if size > bound and manifests.is_idle():
            manifests.forget_interrupted()
            size -= freed
    for _, freed, manifests in sorted(committed, key=lambda one: one[0]):
        if size > bound and manifests.folder != newest:
            manifests.evict()
            size -= freed


class Quota:
    """Keeps a cache folder below its bound while pages come in."""

    def __init__(self, folder: Path, gigabytes: float) -> None:
        self.bytes = gigabytes * GIGA
        self._folder = folder
        self._gigabytes = gigabytes
        self._since = self.bytes  # written since the last look; the first page is looked at
        self._lock = threading.Lock()

    def wrote(self, size: int, newest: Path) -> None:
        """Take note of a page written for the collection at `newest`; makes room now and then."""
        with self._lock:
            self._since += size
            if self._since < self.bytes * LOOKED_AT:
                return
            self._since = 0.0
        trim(self._folder, self._gigabytes, newest)


def _drop_if_stale(manifests: Manifests) -> None:
    """What was left behind by a process that is gone: no commit, and nobody will resume it."""
    if _age(manifests.folder) > INTERRUPTED:
        manifests.remove()


def _drop_left_rooms(folder: Path) -> Removed:
    """Folders that were never finished by processes that are gone."""
    removed = Removed()
    try:
        left = [path for path in folder.iterdir() if re.fullmatch(ROOM, path.name)]
    except OSError:
        return removed
    for path in left:
        if _age(path) > IDLE and is_mine(path):
            remove_folder(path, ROOM_LAYOUT, removed)
    return removed


def _age(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:
        return 0.0

"""Which pull of a collection counts: committed whole, or pending and seen by nobody else.

A collection's folder holds one sub-folder a pull. `commit.json` names the pull that counts and
is written last, by atomic rename: that is the commit. `pending.json` names a pull that was
interrupted, for the next one to resume. Neither file is believed beyond its checksum, and a
committed pull is still walked link by link: a page missing or damaged makes the whole a miss.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from invoicekit.disk import private_folder, write_whole

COMMIT, PENDING = "commit.json", "pending.json"
PAGE = ".page"
STALE = 7 * 24 * 3600.0  # seconds after which nobody resumes what was interrupted
IDLE = 3600.0  # seconds after which nobody works any more on what has not changed


@dataclass(frozen=True, slots=True)
class Note:
    """What a folder says of one pull."""

    pull: str
    about: str  # the invoice's id, or nothing
    pages: int
    size: int  # bytes of its pages on disk
    made: float
    until: float | None
    version: str = ""  # of the invoice's header when it was pulled; the first release did not say

    @property
    def fresh(self) -> bool:
        """Whether it still holds: nothing is believed from the future, nor past its time."""
        now = time.time()
        return self.made <= now + 60 and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The folder of one collection."""

    root: Path  # of all collections of one partner
    name: str  # of this one
    about: str = ""
    version: str = ""

    def holds(self, note: Note) -> bool:
        """Whether a pull still counts: in time, and of this version of what it belongs to."""
        return note.fresh and ("" in {note.version, self.version} or note.version == self.version)

    def folder_of(self, pull: str) -> str:
        """The folder of `pull`, as the first part of its pages' keys."""
        return f"{self.name}/{pull}"

    def committed(self) -> Note | None:
        """The pull that counts, fresh or not; `None` where there is none that can be read."""
        return self._read(COMMIT)

    def interrupted(self) -> Note | None:
        """The pull that was begun last and has not ended, however long ago."""
        return self._read(PENDING)

    def pending(self) -> Note | None:
        """The pull to resume, if one was interrupted not too long ago."""
        note = self.interrupted()
        return note if note and self.holds(note) else None

    def begin(self, lifetime: float | None) -> str:
        """The name of a new pull, noted as pending; without a disk it is as good as any."""
        pull = secrets.token_hex(4)
        with contextlib.suppress(OSError):
            lifetime = STALE if lifetime is None else min(lifetime, STALE)
            self._write(PENDING, pull, pages=0, size=0, lifetime=lifetime)
        return pull

    def commit(self, pull: str, *, pages: int, lifetime: float | None) -> None:
        """Make `pull` the one that counts, then drop what it replaces.

        Raises:
            OSError: it is not all there, or the disk is full; what counted still does.
        """
        replaced = self._read(COMMIT)
        sizes = _sizes_in(self.folder / pull)
        if len(sizes) < pages:  # another process, or a page that holds a secret
            raise FileNotFoundError(f"{pages - len(sizes)} pages are not kept")
        self._write(COMMIT, pull, pages=pages, size=sum(sizes), lifetime=lifetime)
        self._no_longer_pending(pull)
        if replaced and replaced.pull != pull:
            _drop(self.folder / replaced.pull)

    def forget(self, pull: str) -> None:
        """Drop a pull that was answered wrongly."""
        self._no_longer_pending(pull)
        _drop(self.folder / pull)

    def sweep(self) -> None:
        """Drop what killed processes left: no note names it, and nobody works on it any more."""
        notes = (self.committed(), self.pending())
        named = {COMMIT, PENDING, *(note.pull for note in notes if note)}
        for path in _in(self.folder):
            if path.name not in named and _idle(path):
                _drop(path)

    def remove(self) -> None:
        """Drop all there is; the commit goes first, so that no reader sees a part of it."""
        for file in (COMMIT, PENDING):
            with contextlib.suppress(OSError):
                (self.folder / file).unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self.root / self.name

    def _no_longer_pending(self, pull: str) -> None:
        note = self.interrupted()
        if note and note.pull == pull:  # else it is what another process began
            _drop(self.folder / PENDING)

    def _write(
        self, file: str, pull: str, *, pages: int, size: int, lifetime: float | None
    ) -> None:
        now = time.time()
        note = {
            "pull": pull,
            "about": self.about,
            "pages": pages,
            "size": size,
            "made": now,
            "until": None if lifetime is None else now + lifetime,
            "version": self.version,
        }
        private_folder(self.folder)
        write_whole(self.folder / file, json.dumps({**note, "check": _check(note)}).encode())

    def _read(self, file: str) -> Note | None:
        try:
            note: dict[str, Any] = json.loads((self.folder / file).read_bytes())
            if note.pop("check") != _check(note):
                return None
            return Note(**note)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None


def _sizes_in(folder: Path) -> list[int]:
    """The sizes of the pages in `folder`; guesses may still be coming in, and are no matter."""
    return [path.stat().st_size for path in _in(folder) if path.suffix == PAGE]


def _in(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # none, or gone meanwhile
        return []


def _idle(path: Path) -> bool:
    """Whether nobody works on it: two processes may pull one collection at the same time."""
    try:
        return time.time() - path.stat().st_mtime > IDLE
    except OSError:
        return False


def _drop(path: Path) -> None:
    """Remove a file or a folder, as far as it can be."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        path.unlink()


def _check(note: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(note, sort_keys=True).encode()).hexdigest()[:16]

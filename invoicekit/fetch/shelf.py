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


@dataclass(frozen=True, slots=True)
class Note:
    """What a folder says of one pull."""

    pull: str
    about: str  # the invoice's id, or nothing
    pages: int
    size: int  # bytes of its pages on disk
    made: float
    until: float | None

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

    def folder_of(self, pull: str) -> str:
        """The folder of `pull`, as the first part of its pages' keys."""
        return f"{self.name}/{pull}"

    def committed(self) -> Note | None:
        """The pull that counts, fresh or not; `None` where there is none that can be read."""
        return self._read(COMMIT)

    def pending(self) -> Note | None:
        """The pull to resume, if one was interrupted not too long ago."""
        note = self._read(PENDING)
        return note if note and note.fresh else None

    def begin(self, lifetime: float | None) -> str:
        """The name of a new pull, noted as pending."""
        pull = secrets.token_hex(4)
        self._write(PENDING, pull, pages=0, size=0, lifetime=lifetime)
        return pull

    def commit(self, pull: str, *, pages: int, lifetime: float | None) -> None:
        """Make `pull` the one that counts, then drop what it replaces."""
        size = sum(file.stat().st_size for file in (self.folder / pull).iterdir())
        self._write(COMMIT, pull, pages=pages, size=size, lifetime=lifetime)
        (self.folder / PENDING).unlink(missing_ok=True)
        for old in self.folder.iterdir():
            if old.is_dir() and old.name != pull:
                shutil.rmtree(old, ignore_errors=True)

    def forget(self, pull: str) -> None:
        """Drop a pull that was answered wrongly."""
        note = self._read(PENDING)
        if note and note.pull == pull:
            (self.folder / PENDING).unlink(missing_ok=True)
        shutil.rmtree(self.folder / pull, ignore_errors=True)

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


def _check(note: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(note, sort_keys=True).encode()).hexdigest()[:16]

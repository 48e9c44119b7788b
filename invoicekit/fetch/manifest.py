"""Which pull of a collection counts: committed whole, or pending and seen by nobody else.

A collection's folder holds one sub-folder a pull. `commit.json` names the pull that counts and
is written last, by atomic rename: that is the commit. `pending.json` names a pull that was
interrupted, for the next one to resume. Neither file is believed beyond its checksum, and a
committed pull is still walked link by link: a page missing or damaged makes the whole a miss.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from invoicekit.fetch.lifetimes import IDLE, INTERRUPTED
from invoicekit.files.private import PART, private_folder, read_note, unlinked, write_note
from invoicekit.files.removal import Layout, Removed, remove_folder

COMMIT, PENDING = "commit.json", "pending.json"
PAGE = ".page"
BLOB_SUFFIX = ".blob"  # a file of any size, named after what it is kept under, size and checksum
BLOB = rf"[0-9a-f]{{32}}-[0-9a-f]{{1,16}}-[0-9a-f]{{16}}\{BLOB_SUFFIX}"
LOCK = "export.lock"
PULL = r"[0-9a-f]{8}"
RECORD = r"[a-z-]{1,40}\.record"
PULL_LAYOUT: Layout = {rf"[0-9a-f]{{32}}\{PAGE}": None, BLOB: None, RECORD: None, PART: None}
# The commit goes first, so that no reader sees a part of it.
LAYOUT: Layout = {
    re.escape(COMMIT): None,
    re.escape(PENDING): None,
    PULL: PULL_LAYOUT,
    re.escape(LOCK): None,
    PART: None,
}
MOST = 2.5e11  # seconds since 1970, bytes and pages beyond which a note is no note: year 9892


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a folder says of one pull."""

    pull: str  # the name of its folder
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
class Manifests:
    """The folder of one collection."""

    root: Path  # of all collections of one partner
    name: str  # of this one
    about: str = ""
    version: str = ""

    def holds(self, note: Manifest) -> bool:
        """Whether a pull still counts: in time, and of this version of what it belongs to."""
        return note.fresh and ("" in {note.version, self.version} or note.version == self.version)

    def folder_of(self, pull: str) -> str:
        """The folder of `pull`, as the first part of its pages' keys."""
        return f"{self.name}/{pull}"

    def committed(self) -> Manifest | None:
        """The pull that counts, fresh or not; `None` where there is none that can be read."""
        return self._read(COMMIT)

    def interrupted(self) -> Manifest | None:
        """The pull that was begun last and has not ended, however long ago."""
        return self._read(PENDING)

    def pending(self) -> Manifest | None:
        """The pull to resume, if one was interrupted not too long ago."""
        note = self.interrupted()
        return note if note and self.holds(note) else None

    def begin(self, lifetime: float | None) -> str:
        """The name of a new pull, noted as pending; without a disk it is as good as any."""
        pull = secrets.token_hex(4)
        with contextlib.suppress(OSError):
            lifetime = INTERRUPTED if lifetime is None else min(lifetime, INTERRUPTED)
            self._write(PENDING, pull, pages=0, size=0, lifetime=lifetime)
        return pull

    def commit(self, pull: str, *, pages: int, lifetime: float | None) -> None:
        """Make `pull` the one that counts, then drop what it replaces.

        Raises:
            OSError: it is not all there, or the disk is full; what counted still does.
        """
        replaced = self._read(COMMIT)
        sizes = self.sizes_of(pull)
        if len(sizes) < pages:  # another process, or a page that holds a secret
            raise FileNotFoundError(f"{pages - len(sizes)} pages are not kept")
        self._write(COMMIT, pull, pages=pages, size=sum(sizes), lifetime=lifetime)
        self._no_longer_pending(pull)
        if replaced and replaced.pull != pull:
            self._drop_pull(replaced.pull)

    def forget(self, pull: str) -> None:
        """Drop a pull that was answered wrongly."""
        self._no_longer_pending(pull)
        self._drop_pull(pull)

    def forget_interrupted(self) -> None:
        """Drop the pull that was begun last and has not ended."""
        note = self.interrupted()
        if note:
            self.forget(note.pull)

    def sweep(self) -> None:
        """Drop what killed processes left: no note names it, and nobody works on it any more."""
        notes = (self.committed(), self.pending())
        named = {note.pull for note in notes if note}
        for path in self._inside():
            if path.name in named or not _is_idle(path):
                continue
            if re.fullmatch(PULL, path.name):
                self._drop_pull(path.name)
            elif re.fullmatch(PART, path.name):
                _drop_file(path)

    def remove(self) -> Removed:
        """Drop all there is that is ours; says what went, and what is left."""
        try:
            return remove_folder(self._below(), LAYOUT)
        except OSError:
            return Removed(left=[self.folder])

    def evict(self) -> None:
        """Drop the pull that counts, and the rest unless somebody is at work on it."""
        if self.is_idle():
            self.remove()
            return
        note = self.committed()
        _drop_file(self.folder / COMMIT)
        if note:
            self._drop_pull(note.pull)

    def is_idle(self) -> bool:
        """Whether nobody works on a pull of it."""
        note = self.interrupted()
        return note is None or _is_idle(self.folder / note.pull)

    def sizes_of(self, pull: str) -> list[int]:
        """The sizes of the pages of a pull; guesses may still be coming in, and are no matter."""
        try:
            inside = self._below(pull).iterdir()
            pages = [path for path in inside if path.suffix in {PAGE, BLOB_SUFFIX}]
            return [path.lstat().st_size for path in pages]
        except OSError:  # none, or gone meanwhile
            return []

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self.root / self.name

    def _below(self, *names: str) -> Path:
        """A folder of it.

        Raises:
            OSError: it is a link, or one on the way there is.
        """
        return unlinked(self.folder.joinpath(*names))

    def _inside(self) -> list[Path]:
        try:
            return list(self._below().iterdir())
        except OSError:  # none, or gone meanwhile
            return []

    def _drop_pull(self, pull: str) -> None:
        with contextlib.suppress(OSError):
            remove_folder(self._below(pull), PULL_LAYOUT)

    def _no_longer_pending(self, pull: str) -> None:
        note = self.interrupted()
        if note and note.pull == pull:  # else it is what another process began
            _drop_file(self.folder / PENDING)

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
        write_note(private_folder(self.folder) / file, note)

    def _read(self, file: str) -> Manifest | None:
        """A note whose every word can be used: a name in it is a name, and no path."""
        try:
            said = read_note(self.folder / file)
            note = Manifest(**said) if said else None
            if note is None or not re.fullmatch(PULL, note.pull) or not _is_sane(note):
                return None
        except TypeError:
            return None
        return note


def _is_sane(note: Manifest) -> bool:
    numbers = (note.pages, note.size, note.made, 0 if note.until is None else note.until)
    return isinstance(note.about, str) and all(
        isinstance(number, int | float) and 0 <= number < MOST for number in numbers
    )


def _is_idle(path: Path) -> bool:
    """Whether nobody works on it: two processes may pull one collection at the same time."""
    try:
        return time.time() - path.lstat().st_mtime > IDLE
    except OSError:
        return False


def _drop_file(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()

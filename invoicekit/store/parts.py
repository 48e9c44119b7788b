"""Files of lines: written with a digest, believed only if they still have it, kept for readers.

    _parts/G000024135/0123456789ab/00000.lines      one folder a commit, never written to again
    _parts/G000024135/0123456789ab/writing          its writer has not committed yet
    _parts/G000024135/0123456789ab/superseded       since its modification time

A lazy frame opens its files long after it was made. So a commit leaves the files of the one before
where they are; they go once nobody can be reading them any more.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from invoicekit.fetch import lifetimes
from invoicekit.files.private import private_folder, unlinked, write_private
from invoicekit.files.removal import remove_folder, remove_within
from invoicekit.store.layout import COMMIT, LINES
from invoicekit.store.manifest import PART, PARTS, PartFile, Stored

WRITING, SUPERSEDED = "writing", "superseded"
HASHERS = 4  # threads; hashlib lets the others work

# What was found intact in this process: a file that changes has another size or time.
_intact: set[tuple[PartFile, str, int, int, int]] = set()


def write_part(folder: Path, number: int, content: bytes) -> PartFile:
    """Write the file of that number into a commit's folder.

    Raises:
        OSError: the disk does not take it.
    """
    path = write_private(private_folder(folder) / f"{number:05}{PART}", content)
    place = f"{PARTS}/{folder.parent.name}/{folder.name}/{path.name}"
    return PartFile(place, len(content), hashlib.sha256(content).hexdigest())


def are_there(root: Path, parts: Iterable[PartFile]) -> bool:
    """Whether all files are there, of the size that they should have."""
    try:
        return all((root / part.path).stat().st_size == part.size for part in parts)
    except OSError:
        return False


def damaged(root: Path, parts: Iterable[PartFile], *, again: bool = False) -> list[PartFile]:
    """The files that are not what was written: each is read once a process, unless `again`."""
    unknown = []
    wrong = []
    for part in parts:
        seen = _identity(root, part)
        if seen is None:
            wrong.append(part)
        elif again or seen not in _intact:
            unknown.append((part, seen))
    if len(unknown) == 1:
        fine = [_has_its_digest(root, unknown[0][0])]
    elif unknown:
        with ThreadPoolExecutor(min(HASHERS, len(unknown))) as pool:
            fine = list(pool.map(lambda one: _has_its_digest(root, one[0]), unknown))
    else:
        return wrong
    for (part, seen), is_fine in zip(unknown, fine, strict=True):
        if is_fine:
            _intact.add(seen)
        else:
            _intact.discard(seen)
            wrong.append(part)
    return wrong


def _identity(root: Path, part: PartFile) -> tuple[PartFile, str, int, int, int] | None:
    """Which file it is, and as of when; `None` where it is gone or of another size."""
    try:
        found = (root / part.path).stat()
    except OSError:
        return None
    if found.st_size != part.size:
        return None
    return part, str(root), found.st_ino, found.st_size, found.st_mtime_ns


def _has_its_digest(root: Path, part: PartFile) -> bool:
    try:
        with (root / part.path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == part.digest
    except OSError:
        return False


def begin(folder: Path) -> None:
    """Say that somebody writes into a commit's folder.

    Raises:
        OSError: the disk does not take it.
    """
    (private_folder(folder) / WRITING).touch(0o600)


def supersede(invoice: Path, *, counted: Stored | None, but: str = "") -> None:
    """Date the end of all commits of an invoice but one; those being written are left alone.

    What counted until now ends now, whatever a killed process has said of it.
    """
    now = named_by(counted)
    for folder in _folders(invoice):
        if folder.name != but and (folder.name in now or not (folder / WRITING).exists()):
            with contextlib.suppress(OSError):
                (folder / SUPERSEDED).touch(0o600, exist_ok=folder.name in now)


def finish(folder: Path) -> None:
    """Say that what was written into a commit's folder is committed."""
    with contextlib.suppress(OSError):
        (folder / WRITING).unlink(missing_ok=True)


def sweep(invoice: Path, named: Stored | None) -> None:
    """Drop the commits of an invoice that nobody reads or writes any more."""
    keep = named_by(named)
    for folder in _folders(invoice):
        if folder.name not in keep and _is_over(folder):
            remove(folder)
    with contextlib.suppress(OSError):
        invoice.rmdir()  # if nothing is left


def counting(root: Path) -> set[str]:
    """The invoices, by the names of their files, of which lines were committed and count."""
    return {
        invoice.name
        for invoice in _folders(root / PARTS)
        if any(_counts(folder) for folder in _folders(invoice))
    }


def invoices(root: Path) -> list[Path]:
    """Where the commits of each invoice are."""
    return _folders(root / PARTS)


def overdue(root: Path) -> Iterator[Path]:
    """The invoices of which some commits may go."""
    for invoice in _folders(root / PARTS):
        if any(_is_over(folder) for folder in _folders(invoice)):
            yield invoice


def remove(folder: Path) -> None:
    """Remove the folder of a commit, lines first: a mark goes with the last of them.

    On Windows a reader may prevent it; then it is for another time.
    """
    remove_within(folder, LINES)
    if not any(folder.glob(f"*{PART}")):
        remove_folder(folder, COMMIT)


def _counts(folder: Path) -> bool:
    marked = (folder / WRITING).exists() or (folder / SUPERSEDED).exists()
    return not marked and any(folder.glob(f"*{PART}"))


def named_by(stored: Stored | None) -> set[str]:
    """The folders that a manifest's files are in: one, or none where it has no lines."""
    return {Path(part.path).parent.name for part in stored.parts} if stored else set()


def _is_over(folder: Path) -> bool:
    return any(
        _age(folder / mark) > most
        for mark, most in ((WRITING, lifetimes.UNCOMMITTED), (SUPERSEDED, lifetimes.SUPERSEDED))
    )


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _folders(place: Path) -> list[Path]:
    """The folders in `place`; what a link leads to is not ours."""
    try:
        with os.scandir(unlinked(place)) as found:
            names = [one.name for one in found if one.is_dir(follow_symlinks=False)]
    except OSError:  # none, or gone meanwhile
        return []
    return [place / name for name in sorted(names)]

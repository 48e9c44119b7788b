"""Files of a pull on disk: named after key, size and checksum, so each is whole or not there."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from invoicekit.fetch.eviction import LOOKED_AT, Quota
from invoicekit.fetch.manifest import BLOB, BLOB_SUFFIX
from invoicekit.files.private import NEW, READ, private_folder, replace, unlinked

PIECE = 1 << 20
CHECK = 8  # bytes of a checksum, in a file's name: Windows bounds the length of paths
ALIVE = 60.0  # seconds after which a pull's folder shows that somebody works in it


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that is wanted: its name for people, and what it is kept under (version and name)."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Download:
    """A file that is on disk, whole, and how it came there."""

    name: str
    path: Path
    size: int
    seconds: float = 0.0
    from_cache: bool = True
    retries: int = 0

    def open(self) -> BinaryIO:
        """Its bytes, as they came.

        Raises:
            OSError: it is there no more.
        """
        return _opened(self.path)


def find(wanted: Wanted, folder: Path) -> Download | None:
    """The file in `folder`; one that is damaged is dropped, and not there."""
    start = hashlib.sha256(wanted.key.encode()).hexdigest()[:32]
    for name in _names_in(folder):
        if name.startswith(start) and re.fullmatch(BLOB, name):
            path = folder / name
            size, check = name.removesuffix(BLOB_SUFFIX).split("-")[1:]
            if _is_whole(path, int(size, 16), check):
                return Download(wanted.name, path, int(size, 16))
            with contextlib.suppress(OSError):
                path.unlink()
    return None


def take_over(wanted: Wanted, folder: Path, earlier: Path, quota: Quota) -> Download | None:
    """The file in `folder`, if it lies in an `earlier` one: under a second name where that can be.

    Raises:
        OSError: the disk does not take it.
    """
    found = find(wanted, earlier)
    if found is None:
        return None
    raise_if_no_room(folder, found.size, quota)
    target = private_folder(folder) / found.path.name
    try:
        os.link(found.path, target)
    except OSError:  # it exists, or the disk knows no second names
        with found.open() as source, NewFile(wanted, folder, quota) as file:
            shutil.copyfileobj(source, file, PIECE)
            file.finish()
    return find(wanted, folder)


class NewFile:
    """A file that is being written; it gets its name when it is finished, else it goes.

    Raises:
        OSError: the disk does not take it, or it is more than the cache may hold.
    """

    def __init__(self, wanted: Wanted, folder: Path, quota: Quota) -> None:
        self.size = 0
        self._shown = time.monotonic()
        self._digest = hashlib.blake2b(digest_size=CHECK)
        self._key = hashlib.sha256(wanted.key.encode()).hexdigest()[:32]
        self._folder = private_folder(folder)
        self._room = _room_in(folder, quota)
        self._look_at: float = PIECE
        self._quota = quota
        self._part = folder / f".{secrets.token_hex(8)}.part"
        self._file = open(os.open(self._part, NEW, 0o600), "wb")  # noqa: PTH123, SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._part.unlink()

    def write(self, piece: bytes) -> None:
        """Write what comes next."""
        self.size += len(piece)
        if self.size > self._look_at:  # others are written to the same folder meanwhile
            self._look_at = self.size + max(PIECE, LOOKED_AT * self._quota.bytes)
            self._file.flush()
            self._room = _room_in(self._folder, self._quota) + self.size - len(piece)
        if self.size > self._room:
            raise _no_room()
        self._digest.update(piece)
        self._file.write(piece)
        if time.monotonic() - self._shown > ALIVE:
            self._shown = time.monotonic()
            with contextlib.suppress(OSError):
                os.utime(self._folder)

    def finish(self) -> Path:
        """Give it its name.

        Raises:
            OSError: with what others wrote meanwhile it is more than the cache may hold.
        """
        self._file.close()
        if _room_in(self._folder, self._quota) < 0:
            raise _no_room()
        name = f"{self._key}-{self.size:x}-{self._digest.hexdigest()}{BLOB_SUFFIX}"
        replace(self._part, self._folder / name)
        self._quota.wrote(self.size, self._folder.parent)
        return self._folder / name


def raise_if_no_room(folder: Path, size: int, quota: Quota) -> None:
    """Raise where `size` bytes more are more than one pull may take.

    Raises:
        OSError: they are.
    """
    if size > _room_in(folder, quota):
        raise _no_room()


def _room_in(folder: Path, quota: Quota) -> float:
    sizes = 0
    for name in _names_in(folder):
        with contextlib.suppress(OSError):
            sizes += (folder / name).lstat().st_size
    return quota.bytes - sizes


def _no_room() -> OSError:
    return OSError(errno.EFBIG, "it takes more than cache_gb allows; a larger one helps")


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(unlinked(folder)))  # noqa: PTH208 (names are all that is needed)
    except OSError:
        return []


def _is_whole(path: Path, size: int, check: str) -> bool:
    digest = hashlib.blake2b(digest_size=CHECK)
    try:
        with _opened(path) as file:
            if os.fstat(file.fileno()).st_size != size:
                return False
            while piece := file.read(PIECE):
                digest.update(piece)
    except OSError:
        return False
    return digest.hexdigest() == check


def _opened(path: Path) -> BinaryIO:
    file = open(os.open(unlinked(path), READ), "rb")  # noqa: PTH123, SIM115
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "is no file of ours", str(path))
    return file

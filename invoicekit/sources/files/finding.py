"""Paths to the files that they stand for: folders and zips are walked, nothing unpacked to disk.

What lies there is not trusted: walks and sizes are bounded, links in folders are not followed, the
names within a zip are shown and never used as paths.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, Protocol

from invoicekit.errors import PageError, warn
from invoicekit.visible import first_few, visible

MOST_NAMED = 5  # of what is left out
MOST_FILES = 10_000  # entries of a folder and all below it, or of a zip
MOST_DIRECTORY = 16 << 20  # bytes of a zip's own list of entries
MOST_TIMES = 200  # that a file grows when it is unpacked; deflate's limit is 1,032
SMALL = 64 << 20  # bytes below which no file is a bomb
SUFFIXES = (".csv", ".json", ".jsonl", ".gz", ".zip")
PACKED = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
ENCRYPTED = 1
GZIP, ZIP, EMPTY_ZIP = b"\x1f\x8b", b"PK\x03\x04", b"PK\x05\x06"
BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile)
# What zipfile makes of a damaged list of entries: a seek before the start is an OSError.
ODD_ZIP = (*BROKEN, NotImplementedError, RuntimeError, ValueError, OSError, struct.error)
AGAIN = "download it again"


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file, or the member of a zip."""

    name: str  # for people
    path: Path
    member: str | None = None

    @contextmanager
    def open(self) -> Iterator[Contents]:
        """The contents, unpacked as they are read."""
        with ExitStack() as stack:
            raw: IO[bytes]
            if self.member is None:
                raw = stack.enter_context(self.path.open("rb"))
                packed = os.fstat(raw.fileno()).st_size
            else:
                archive = stack.enter_context(opened_zip(self.path, self.name))
                info = archive.getinfo(self.member)
                packed = info.compress_size
                if info.flag_bits & ENCRYPTED or info.compress_type not in PACKED:
                    raise PageError(
                        f"{self.name} is encrypted, or packed in another way than zips usually "
                        "are: unpack it, and read what was in it"
                    )
                try:
                    raw = stack.enter_context(archive.open(info))
                except ODD_ZIP as cause:
                    raise PageError(f"{self.name} is cut short or damaged: {AGAIN}") from cause
            buffered = io.BufferedReader(Contents(raw, self.name, packed))
            stack.enter_context(buffered)
            if buffered.peek(2)[:2] == GZIP:
                yield Contents(gzip.GzipFile(fileobj=buffered), self.name, packed)
            else:
                yield Contents(buffered, self.name, packed)


class Readable(Protocol):
    """What bytes can be read from."""

    def read(self, size: int, /) -> bytes:
        """Up to so many bytes; none at the end."""


class Contents(io.RawIOBase):
    """Bytes as they are unpacked: counted, bounded, and digested."""

    def __init__(self, inner: Readable, name: str, packed: int) -> None:
        self._inner = inner
        self._name = name
        self._most = max(SMALL, MOST_TIMES * packed)
        self._digest = hashlib.sha256()
        self.size = 0

    def readable(self) -> bool:
        """It can be read, and nothing else."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read some bytes.

        Raises:
            PageError: the file is damaged, cut short, or grows beyond all measure.
        """
        try:
            data = self._inner.read(len(buffer))
        except BROKEN as cause:
            raise PageError(f"{self._name} is cut short or damaged: {AGAIN}") from cause
        self.size += len(data)
        if self.size > self._most:
            raise PageError(
                f"{self._name} unpacks to more than {MOST_TIMES} times its size, as no billing "
                "file does; it is not read"
            )
        self._digest.update(data)
        buffer[: len(data)] = data
        return len(data)

    @property
    def digest(self) -> bytes:
        """Of all that was read so far."""
        return self._digest.digest()


def find(paths: Iterable[Path]) -> Iterator[FoundFile]:
    """Each file that the paths name, folders and zips in the order of their names.

    A warning names what is left out of folders and zips, because of the end of its name.

    Raises:
        FileNotFoundError: a path does not exist.
        PageError: a path is neither file nor folder, or holds too much.
    """
    for path in paths:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            yield from _in_folder(path)
        elif stat.S_ISREG(mode):
            yield from _at(path, visible(path.name))
        else:
            raise PageError(
                f"{visible(str(path))} is neither a file nor a folder (a pipe or a device has no "
                "end that could be checked): save it as a file first"
            )


def _in_folder(folder: Path) -> Iterator[FoundFile]:
    entries: list[Path] = []
    left_out: list[str] = []
    waiting = [folder]
    count = 0
    while waiting:
        with os.scandir(waiting.pop()) as listed:
            for entry in listed:
                count += 1
                if count > MOST_FILES:
                    raise PageError(
                        f"{visible(str(folder))} holds more than {MOST_FILES:,} entries: name the "
                        "files themselves, or a folder with nothing else in it"
                    )
                if _is_the_systems(entry.name):
                    continue
                if entry.is_dir(follow_symlinks=False) and not _is_hidden(entry.name):
                    waiting.append(Path(entry.path))
                elif entry.is_file(follow_symlinks=False) and _is_ours(Path(entry.name)):
                    entries.append(Path(entry.path))
                else:
                    left_out.append(entry.name)
    _tell(visible(folder.name), left_out)
    if not entries:
        raise PageError(f"{visible(str(folder))} has no file named {_suffixes()}")
    for path in sorted(entries):
        yield from _at(path, visible(f"{folder.name}/{path.relative_to(folder).as_posix()}"))


def _at(path: Path, name: str) -> Iterator[FoundFile]:
    with path.open("rb") as file:
        start = file.read(4)
    if start not in {ZIP, EMPTY_ZIP}:
        yield FoundFile(name, path)
        return
    with opened_zip(path, name) as archive:
        members = [member for member in archive.namelist() if not member.endswith("/")]
    if "[Content_Types].xml" in members:
        raise PageError(
            f"{name} is a workbook or document of Office: {AGAIN} from the portal as CSV, and read "
            "that file as it came (a spreadsheet that saves it changes ids and numbers)"
        )
    shown = [one for one in members if not any(map(_is_the_systems, one.split("/")))]
    if len(set(shown)) < len(shown):
        raise PageError(f"{name} holds two files of the same name: only one could be read")
    for member in shown:
        if member.lower().endswith(".zip"):
            raise PageError(
                f"{name} holds a zip within the zip: unpack it, and read what was in it"
            )
    ours = sorted(member for member in shown if _is_ours(PurePosixPath(member)))
    _tell(name, [member for member in shown if member not in ours])
    if not ours:
        raise PageError(f"{name} has no file named {_suffixes()}")
    for member in ours:
        yield FoundFile(f"{name}/{visible(member)}", path, member)


def opened_zip(path: Path, name: str) -> zipfile.ZipFile:
    """The zip, if its list of entries is no more than we read."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - (1 << 16) - 22))
        tail = file.read()
    at = tail.rfind(EMPTY_ZIP)
    if at >= 0 and len(tail) >= at + 22:
        entries, directory = struct.unpack_from("<HL", tail, at + 10)
        if entries > MOST_FILES or directory > MOST_DIRECTORY:
            raise PageError(
                f"{name} holds more than {MOST_FILES:,} files: unpack it, and read the few that "
                "are meant"
            )
    try:
        return zipfile.ZipFile(path)
    except ODD_ZIP as cause:
        raise PageError(f"{name} is cut short or damaged: {AGAIN}") from cause


def _is_the_systems(name: str) -> bool:
    """Whether macOS or Office made it: nobody's lines, and no news."""
    return name.startswith(("._", "~$")) or name in {".DS_Store", "__MACOSX"}


def _is_hidden(name: str) -> bool:
    return name.startswith(".") and name not in {".", ".."}


def _is_ours(path: PurePath) -> bool:
    """Whether it is named like a file that we read, and neither it nor its folder is hidden."""
    return path.name.lower().endswith(SUFFIXES) and not any(map(_is_hidden, path.parts))


def _suffixes() -> str:
    return f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"


def _tell(where: str, left_out: list[str]) -> None:
    if left_out:
        names = list(map(visible, sorted(left_out)))
        warn(
            f"{where}: left out what is not named {_suffixes()}, what is hidden, and links: "
            f"{first_few(names, MOST_NAMED)}"
        )

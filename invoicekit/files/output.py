"""Files that a user asked for: a report, line items, a PDF, `-o FILE`.

A regular file is replaced by a whole one and keeps its mode; a new one is for the user's eyes
alone. A link is followed. A pipe or a device is written into, never replaced.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from invoicekit.files.private import replace

MOST_LINKS: Final = 40  # one after the other, as Linux has it
PRIVATE: Final = 0o600


def named_path(path: str | os.PathLike[str], write: str) -> Path:
    """The path that a caller names; `write` is how to name one.

    >>> named_path("october.html", 'invoice.report("october.html")').name
    'october.html'

    Raises:
        TypeError: it is neither a text nor a path.
        ValueError: it is empty: that would be the folder where we are.
    """
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise TypeError(f"a path is a text or a pathlib.Path: write {write}")
    if not os.fspath(path):
        raise ValueError(f"the path is empty: write {write}")
    return Path(path)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to; a regular file at `path` gives way to it if nothing went wrong.

    Raises:
        ValueError: `path` is a folder, or its folder does not exist.
        OSError: it cannot be written; a regular file stays as it was.
    """
    target = _followed(path)
    mode = _mode(path)
    if stat.S_ISDIR(mode or 0):
        raise ValueError(
            f"{path} is a folder: name the file to write, as in {path / 'name-of-the-file'}"
        )
    if isinstance(target, int):
        with _named(path), os.fdopen(os.dup(target), "wb") as file:
            yield file
    elif mode is not None and not stat.S_ISREG(mode):
        with _named(path), path.open("wb") as file:
            yield file
    elif not target.parent.is_dir():
        raise ValueError(f"there is no folder {target.parent}: make it, or name another path")
    else:
        with _in_place_of(target, mode, path) as file:
            yield file


def write_file(path: Path, content: bytes) -> Path:
    """Write `content` to `path` and return the path.

    Raises:
        ValueError: `path` is a folder, or its folder does not exist.
        OSError: it cannot be written; a regular file stays as it was.
    """
    with writing(path) as file:
        file.write(content)
    return path


def folder_at(path: Path) -> Path:
    """Make a folder, unless it is there, and those above it; returns it.

    Raises:
        ValueError: something else bears that name, or that of a folder above.
        OSError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        there = next(one for one in (path, *path.parents) if os.path.lexists(one))
        raise ValueError(f"{there} is no folder: name one to write into, or a new one") from None
    return path


def is_written_into(path: Path) -> bool:
    """Whether `path` is a pipe, a device or an open descriptor, and no file of its own."""
    mode = _mode(path)
    return isinstance(_followed(path), int) or not (
        mode is None or stat.S_ISREG(mode) or stat.S_ISDIR(mode)
    )


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Errors of writing say where: what the system says of a stream has no name in it."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextlib.contextmanager
def _in_place_of(target: Path, mode: int | None, asked: Path) -> Iterator[BinaryIO]:
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(part, flags, PRIVATE), "wb") as file:
            if mode is not None and os.name != "nt":
                os.fchmod(file.fileno(), mode & 0o777)
            yield file
        replace(part, target)
    except OSError as error:
        if error.errno is None:  # so polars says what the disk said, in words alone
            raise OSError(f"{asked} could not be written: {error}") from error
        if error.filename in {None, str(part)}:  # our part is no name that anybody knows
            raise OSError(error.errno, error.strerror, str(asked)) from error
        raise
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _mode(path: Path) -> int | None:
    """The mode of what is there, links followed; None if there is nothing."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _followed(path: Path) -> Path | int:
    """Where the links of `path` lead; the number of a descriptor that this process has open.

    `/dev/stdout` has to be found out: if the shell sent it to a file, it looks like that file.
    """
    for _ in range(MOST_LINKS):
        folder = Path(os.path.realpath(path.parent))
        path = folder / path.name
        if path.name.isdigit() and str(folder) in {"/dev/fd", f"/proc/{os.getpid()}/fd"}:
            return int(path.name)
        if not path.is_symlink():
            return path
        path = folder / path.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))

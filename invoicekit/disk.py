"""Files that are there whole or not at all, on Windows as well."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

# On Windows a reader (or a virus scanner) that holds the file makes a replace fail for a moment.
TRIES = 8


def write_whole(path: Path, parts: bytes | Iterable[bytes]) -> Path:
    """Write `parts` to `path` by way of a file beside it, so that no reader sees half of it.

    Raises:
        OSError: the folder is missing or cannot be written; nothing is left behind.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            for part in (parts,) if isinstance(parts, bytes) else parts:
                file.write(part)
        _replace(name, path)
    except BaseException:
        _remove(name)
        raise
    return path


def private_folder(path: Path) -> Path:
    """Make `path`, for the user's eyes only where the system knows of that."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    if os.name == "posix" and path.stat().st_mode & 0o077:
        path.chmod(0o700)
    return path


def _replace(name: str, path: Path) -> None:
    for again in range(TRIES, -1, -1):
        try:
            Path(name).replace(path)
        except PermissionError:
            if os.name != "nt" or not again:
                raise
            time.sleep(0.02 * (TRIES + 1 - again))
        else:
            return


def _remove(name: str) -> None:
    with contextlib.suppress(OSError):
        Path(name).unlink()

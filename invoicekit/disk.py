"""Files that are there whole or not at all, on Windows as well."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

# On Windows a reader (or a virus scanner) that holds the file makes a replace fail for a moment.
TRIES = 8


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, which takes its place at the end if nothing went wrong.

    Raises:
        OSError: the folder is missing or cannot be written; nothing is left behind.
    """
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    part.open("xb").close()  # with the permissions that a new file of the user's gets
    try:
        yield part
        _replace(part, path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def write_whole(path: Path, content: bytes) -> Path:
    """Write `content` to `path`, so that no reader sees half of it."""
    with writing(path) as part:
        part.write_bytes(content)
    return path


def file_name(*words: str) -> str:
    """A file name made of `words` from outside: what a file system may choke on is encoded.

    >>> file_name("G000024135", "OneTimeInvoiceLineItem"), file_name("../x", "NUL:")
    ('G000024135-OneTimeInvoiceLineItem', '..%2Fx-NUL%3A')
    """
    return quote("-".join(words), safe=" ()")[:180].strip(" ")


def private_folder(path: Path) -> Path:
    """Make `path`, for the user's eyes only where the system knows of that."""
    if not path.parent.exists():  # `mkdir(parents=True)` would make them open to all
        private_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def _replace(part: Path, path: Path) -> None:
    for again in range(TRIES, -1, -1):
        try:
            part.replace(path)
        except PermissionError:
            if os.name != "nt" or not again:
                raise
            time.sleep(0.02 * (TRIES + 1 - again))
        else:
            return

"""Files that are there whole or not at all, on Windows as well."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

# On Windows a reader (or a virus scanner) that holds the file makes a replace fail for a moment.
TRIES = 8
LEFT_BEHIND = 20.0  # seconds after which nobody holds a lock any more
LONGEST = 180
# Names that are a device on Windows, or another name there, or a folder everywhere, or none.
TAKEN = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?|.*\.|", re.IGNORECASE)


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


@contextlib.contextmanager
def held(lock: Path) -> Iterator[None]:
    """Hold `lock` among processes, for work of moments; one that was left behind is broken.

    Raises:
        OSError: somebody else holds it, and does not let go.
    """
    end = time.monotonic() + 2 * LEFT_BEHIND
    while True:
        try:
            lock.open("xb").close()
            break
        except FileExistsError:
            if time.monotonic() > end:
                raise
            with contextlib.suppress(OSError):
                if time.time() - lock.stat().st_mtime > LEFT_BEHIND:
                    lock.unlink()
            time.sleep(0.02)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            lock.unlink()


def file_name(*words: str) -> str:
    """A file name made of `words` from outside: what a file system may choke on is encoded.

    What cannot stay as it is (too long, a device's name, a dot at its end) gets a digest.

    >>> file_name("G000024135", "OneTimeInvoiceLineItem"), file_name("../x", "NUL:")
    ('G000024135-OneTimeInvoiceLineItem', '..%2Fx-NUL%3A')
    """
    said = "-".join(words)
    name = quote(said, safe=" ()")
    if len(name) <= LONGEST and name == name.strip(" ") and not TAKEN.fullmatch(name):
        return name
    digest = hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{name[: LONGEST - 20].strip(' .')}-{digest}"


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

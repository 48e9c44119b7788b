"""Our own files: there whole or not at all, for the user's eyes only, and never through a link."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import stat
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from invoicekit.errors import warn

# On Windows a reader (or a virus scanner) that holds the file makes a replace fail for a moment.
TRIES = 8
LOCK_TIMEOUT = 40.0  # seconds to wait for a lock that is held for moments
LONGEST = 180
# Names that are a device on Windows, or another name there, or a folder everywhere, or none.
TAKEN = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9]) *(\..*)?|.*\.|", re.IGNORECASE)
# The folder of one partner and sign-in bears a marker, without which nothing in it is deleted.
# The name and the first line are a convention that backup tools know: https://bford.info/cachedir/
MARKED = re.compile(r"[0-9a-f]{32}-[0-9a-f]{32}")
DIGESTS = re.compile(r"[0-9a-f]{32}(-[0-9a-f]{32})?")  # a partner's folder, or a collection's
MARKER = "CACHEDIR.TAG"
MARK = (
    b"Signature: 8a477f597d28d172789f06886806bc55\n"
    b"# Made by invoicekit, which deletes what it knows in here: invoicekit cache clear\n"
)
PART = r"\.[0-9a-f]{16}\.part"  # a file that is being written
ROOM = r"\.[0-9a-f]{16}\.new"  # a folder that is being made
NOTE_BYTES = 1_000_000
OTHERS = stat.S_IRWXG | stat.S_IRWXO
OPEN = (
    "the disk of {} knows no owners or modes, so others may read and change what is kept there; "
    "cache_dir (INVOICEKIT_CACHE_DIR) can name another folder"
)
READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
READ |= getattr(os, "O_NONBLOCK", 0)  # a pipe of that name keeps nobody waiting
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
NEW |= getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
# Kinds of reparse points of Windows that lead elsewhere; others (a file in the cloud) do not.
LEADING = frozenset({0xA000000C, 0xA0000003})  # symbolic link, mount point (junction)


def write_private(path: Path, content: bytes) -> Path:
    """Write a file of ours (mode 0600) through the descriptor that it is created with.

    Raises:
        OSError: the disk does not take it; nothing is left behind.
    """
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    with contextlib.ExitStack() as undo:
        descriptor = os.open(part, NEW, 0o600)
        undo.callback(_drop, part)
        with open(descriptor, "wb") as file:  # noqa: PTH123 (a descriptor has no path)
            file.write(content)
        replace(part, path)
    return path


def read_private(path: Path, most: int) -> bytes:
    """The content of a regular file of at most that many bytes; no link is followed.

    Raises:
        OSError: there is none.
    """
    with open(os.open(unlinked(path), READ), "rb") as file:  # noqa: PTH123
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_size > most:
            raise OSError(errno.EFBIG, "is no file of ours", str(path))
        return file.read(found.st_size)


def write_note(path: Path, note: Mapping[str, Any]) -> None:
    """Write a small JSON object with a checksum of it.

    Raises:
        OSError: the disk does not take it.
    """
    write_private(path, json.dumps({**note, "check": checksum(note)}).encode())


def read_note(path: Path, most: int = NOTE_BYTES) -> dict[str, Any] | None:
    """What `write_note` wrote; `None` where it is missing, damaged, or not ours."""
    try:
        note: dict[str, Any] = json.loads(read_private(path, most))
        return note if note.pop("check") == checksum(note) else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def checksum(note: Mapping[str, Any]) -> str:
    """What tells a damaged note from a whole one; a forger could make it too."""
    return hashlib.sha256(json.dumps(note, sort_keys=True).encode()).hexdigest()[:16]


@contextlib.contextmanager
def file_lock(lock: Path) -> Iterator[None]:
    """Hold `lock` among threads and processes, for work of moments; who is killed lets go at once.

    The file may stay behind, held by nobody.

    Raises:
        OSError: somebody else holds it, and does not let go.
    """
    from filelock import FileLock

    with FileLock(unlinked(lock), timeout=LOCK_TIMEOUT, mode=0o600, poll_interval=0.02):
        yield


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
    start = name[: LONGEST - 20].strip(" .")
    if TAKEN.fullmatch(start):  # a device's name counts up to its first dot
        start = start.replace(".", "%2E")
    return f"{start}-{_digest(said)}"


def file_names(named: Iterable[tuple[str, ...]]) -> list[str]:
    """A file name for each of these words; no two are one where a disk ignores case.

    >>> file_names([("G1", "Usage"), ("G1", "New"), ("G1", "NEW")])
    ['G1-Usage', 'G1-New-7078b45630dcbb72', 'G1-NEW-e429a2f8351a2a0d']
    """
    named = list(named)
    names = [file_name(*words) for words in named]
    times = Counter(map(str.casefold, names))
    return [
        name if times[name.casefold()] == 1 else f"{name}-{_digest('-'.join(words))}"
        for words, name in zip(named, names, strict=True)
    ]


def private_folder(path: Path) -> Path:
    """Make `path`, for the user's eyes only where the system knows of that; a partner's is marked.

    Raises:
        OSError: it cannot be made; or a link is in the way, from the partner's folder on.
    """
    if is_folder(unlinked(path)):
        return path
    if not path.parent.exists():  # `mkdir(parents=True)` would make them open to all
        private_folder(path.parent)
    if MARKED.fullmatch(path.name):
        _make_marked(path)
    else:
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
    if not is_folder(path):
        raise OSError(errno.ENOTDIR, "is a file where a folder should be", str(path))
    return path


def is_marked(folder: Path) -> bool:
    """Whether the folder bears our marker, undamaged."""
    try:
        return read_private(folder / MARKER, len(MARK)) == MARK
    except OSError:
        return False


def is_mine(path: Path) -> bool:
    """Whether it belongs to the user who runs this; where the system has no owners, yes."""
    try:
        return not hasattr(os, "geteuid") or path.lstat().st_uid == os.geteuid()
    except OSError:
        return False


def is_private(path: Path) -> bool:
    """Whether nobody else owns it, may look at it or write to it, as far as the system knows."""
    return is_mine(path) and not (hasattr(os, "geteuid") and path.lstat().st_mode & OTHERS)


def is_link(path: Path) -> bool:
    """Whether `path` leads elsewhere: a symbolic link, or a junction of Windows."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISLNK(found.st_mode) or getattr(found, "st_reparse_tag", 0) in LEADING


def is_folder(path: Path) -> bool:
    """Whether `path` is a folder itself, and no link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode) and not is_link(path)
    except OSError:
        return False


def unlinked(path: Path) -> Path:
    """The path itself, if neither it nor a folder on the way, from the partner's on, is a link.

    Raises:
        OSError: one is.
    """
    ours = [path, *path.parents]
    named = [number for number, one in enumerate(ours) if DIGESTS.fullmatch(one.name)]
    for one in ours[: named[-1] + 1] if named else ours[:1]:
        if is_link(one):
            raise OSError(errno.ELOOP, "is a link, which is never followed", str(one))
    return path


def replace(part: Path, path: Path) -> None:
    """Put `part` in the place of `path`, at once; on Windows as soon as nobody reads that.

    Raises:
        OSError: it cannot be.
    """
    for again in range(TRIES, -1, -1):
        try:
            part.replace(path)
        except PermissionError:
            if os.name != "nt" or not again:
                raise
            time.sleep(0.02 * (TRIES + 1 - again))
        else:
            return


def _digest(words: str) -> str:
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _make_marked(path: Path) -> None:
    """Make a folder that was never there without its marker."""
    room = path.with_name(f".{secrets.token_hex(8)}.new")
    room.mkdir(mode=0o700)
    try:
        if not is_private(room):
            warn(OPEN.format(path))
        write_private(room / MARKER, MARK)
        replace(room, path)
    except OSError:
        _drop(room / MARKER)
        with contextlib.suppress(OSError):
            room.rmdir()
        if not is_folder(path):  # else another process was quicker
            raise


def _drop(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()

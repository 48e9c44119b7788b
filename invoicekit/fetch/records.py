"""Small records beside a pull's pages, so that an interrupted one goes on where it was."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from invoicekit.errors import FetchError
from invoicekit.fetch.manifest import LOCK
from invoicekit.fetch.session import Session
from invoicekit.files.private import private_folder, read_note, unlinked, write_note

TURN = 0.5  # seconds


def read_record(folder: Path, name: str) -> bytes | None:
    """A record; `None` where there is none, or none that is whole."""
    note = read_note(folder / f"{name}.record")
    text = None if note is None else note.get("record")
    return text.encode() if isinstance(text, str) else None


def write_record(folder: Path, name: str, record: bytes) -> None:
    """Write a record; where the disk does not take it, the next run begins anew."""
    with contextlib.suppress(OSError):
        write_note(private_folder(folder) / f"{name}.record", {"record": record.decode()})


@contextlib.contextmanager
def alone(session: Session, folder: Path, seconds: float) -> Iterator[None]:
    """A block of which one runs at a time, of all threads and processes, for a collection's folder.

    Who is killed lets go at once. Where the disk knows no locks, everybody goes on.

    Raises:
        FetchError: another one did not come to its end for so long; the client is closed.
    """
    from filelock import FileLock, Timeout

    with contextlib.ExitStack() as held:
        try:
            lock = FileLock(unlinked(private_folder(folder) / LOCK), mode=0o600)
            while True:
                session.raise_if_closed()
                try:
                    held.enter_context(lock.acquire(timeout=TURN, poll_interval=0.05))
                    break
                except Timeout:
                    seconds -= TURN
                    if seconds < 0:
                        raise FetchError(
                            "another program of yours asks for the same lines, and has not come to "
                            "an end",
                            hint="wait for it, or end it, and ask again",
                        ) from None
        except (OSError, NotImplementedError):
            pass
        yield

"""The folder that keeps what one sign-in of one partner was sent: found, adopted, checked.

Its name is `<partner>-<who asks>`, two digests. In the first release it was `<partner>` alone:
such a folder goes to the first sign-in that asks for it.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from invoicekit.errors import SettingsError, warn
from invoicekit.files.private import (
    MARK,
    MARKER,
    OPEN,
    OTHERS,
    is_folder,
    is_link,
    is_mine,
    is_private,
    read_note,
    replace,
    write_private,
)
from invoicekit.settings import Settings

PARTNER = re.compile(r"[0-9a-f]{32}(-[0-9a-f]{32})?")
FIRST_RELEASE = re.compile(r"[0-9a-f]{32}")
# Where the notes of the first release lie: of a collection's pages, and of an invoice's frames.
NOTES = (
    (FIRST_RELEASE, re.compile(r"(commit|pending)\.json")),
    (re.compile(r"lines"), re.compile(r"_invoices"), re.compile(r".+\.json")),
)
NOTE_BYTES = 64_000_000  # of an invoice with many pages
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def partner_folder(settings: Settings) -> Path:
    """Where the answers and frames of this sign-in are kept; it may not be there yet.

    Raises:
        SettingsError: it is not ours alone; or (offline) nothing says which of several it is.
    """
    if settings.offline and not settings.who:
        folder = _only_folder(settings)
    else:
        folder = settings.cache_dir / settings.scope
        first = settings.cache_dir / settings.tenant_folder
        if not os.path.lexists(folder) and is_of_first_release(first):
            folder = _adopted(first, folder)
    check_folder(folder)
    return folder


def partner_folders(cache_dir: Path) -> list[Path]:
    """What bears the name of such a folder under a cache folder, links and others' among it."""
    try:
        return sorted(path for path in cache_dir.iterdir() if PARTNER.fullmatch(path.name))
    except OSError:  # not there, or gone meanwhile
        return []


def is_of_first_release(folder: Path) -> bool:
    """Whether the first release made the folder: by its name, and by a valid note in it."""
    if not FIRST_RELEASE.fullmatch(folder.name) or not is_folder(folder) or not is_mine(folder):
        return False
    return any(
        read_note(note, NOTE_BYTES) is not None
        for names in NOTES
        for note in _found(folder, *names)
    )


def check_folder(folder: Path) -> None:
    """Refuse a folder that others own or may write to: what lies there may be theirs.

    Raises:
        SettingsError: it is such a one, or a link.
    """
    if is_link(folder):
        raise SettingsError(
            f"{folder} is a link, and the cache follows none. Remove it, or set cache_dir "
            "(INVOICEKIT_CACHE_DIR) to another folder"
        )
    if not hasattr(os, "geteuid") or not folder.is_dir():
        return
    mode = stat.S_IMODE(folder.stat().st_mode)
    if is_mine(folder) and not mode & OTHERS_WRITE:
        if mode & OTHERS:  # who could only look has changed nothing
            with contextlib.suppress(OSError):
                folder.chmod(0o700)
        return
    if not keeps_modes(folder):
        warn(OPEN.format(folder))
        return
    fault = "can be written to by others" if is_mine(folder) else "belongs to another user"
    raise SettingsError(
        f"{folder} {fault}, so what it holds may not be the service's. Remove it, or set "
        "cache_dir (INVOICEKIT_CACHE_DIR) to a folder of your own"
    )


def _adopted(first: Path, folder: Path) -> Path:
    """The first release's folder under its name of now; as it is where it cannot be renamed."""
    try:
        write_private(first / MARKER, MARK)
        replace(first, folder)
    except OSError:  # another process did it just now; or it may not be changed
        return folder if os.path.lexists(folder) or not first.exists() else first
    return folder


def _only_folder(settings: Settings) -> Path:
    whose = settings.tenant_folder
    found = [path for path in partner_folders(settings.cache_dir) if is_folder(path)]
    named = [path for path in found if path.name.startswith(f"{whose}-")]
    named = named or [path for path in found if path.name == whose and is_of_first_release(path)]
    if len(named) == 1:
        return named[0]
    of = f"tenant {settings.tenant_id} at {settings.base_url}"
    if named:
        raise SettingsError(
            f"offline, and {settings.cache_dir} holds the answers to {len(named)} sign-ins for "
            f"{of}: say whose to read by client_id (INVOICEKIT_CLIENT_ID) or token"
        )
    raise SettingsError(
        f"offline, and {settings.cache_dir} holds nothing of {of}. Sign in and open it once with "
        "offline=False, or set cache_dir (INVOICEKIT_CACHE_DIR) to the folder that holds it"
    )


def keeps_modes(folder: Path) -> bool:
    """Whether a folder made there is ours alone, as it should be; where none can be made, yes."""
    try:
        with tempfile.TemporaryDirectory(dir=folder) as probe:
            return is_private(Path(probe))
    except OSError:
        return True


def _found(folder: Path, *names: re.Pattern[str]) -> Iterator[Path]:
    """The files below `folder` whose way there is called so; through no link."""
    try:
        paths = [path for path in folder.iterdir() if names[0].fullmatch(path.name)]
    except OSError:
        return
    for path in paths:
        if len(names) == 1:
            yield path
        elif is_folder(path):
            yield from _found(path, *names[1:])

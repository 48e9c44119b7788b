"""The stored lines as other engines read them: a dataset in Hive's layout.

    object_type=OneTimeInvoiceLineItem/invoice_id=G000024135/part-0123456789ab-00000.parquet

Each file is a second name (a hard link; where the disk has none, a copy) of a file of the commit
that counts. A whole folder is renamed into place, so that an engine that lists it in the moment
between finds an invoice as it was, as it is, or not at all; never twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from invoicekit.fetch import lifetimes
from invoicekit.files.private import TRIES, is_folder, private_folder, unlinked
from invoicekit.files.removal import remove_folder
from invoicekit.store.layout import DATASET
from invoicekit.store.manifest import PartFile, Stored, invoice_name, object_type_name

MOVING = "_moving"  # folders on their way in or out of sight


def publish(root: Path, stored: Stored) -> None:
    """Let other engines see this commit of the invoice and no other.

    Only whoever holds the lock of the invoice may do it.

    Raises:
        OSError: the disk does not take it, or another program holds what was there before.
    """
    _drop_leftovers(root, stored.key.invoice_id)
    wanted = {
        _place(root, name, stored.key.invoice_id): _names(root, parts)
        for name, parts in stored.files.items()
    }
    for place in _published(root, stored.key.invoice_id):
        if place not in wanted:
            _take_away(root, place, stored.key.invoice_id)
    for place, names in wanted.items():
        if _names_in(place) != set(names):
            _swap(root, place, names, stored.key.invoice_id)


def tidy(root: Path) -> None:
    """Drop what killed processes left on its way."""
    with contextlib.suppress(OSError):
        for left in unlinked(root / MOVING).iterdir():
            if time.time() - left.lstat().st_mtime > lifetimes.MOVING:
                remove_folder(left, DATASET)


def _place(root: Path, object_type: str, invoice_id: str) -> Path:
    name = object_type_name(object_type)
    return root / f"object_type={name}" / f"invoice_id={invoice_name(invoice_id)}"


def _published(root: Path, invoice_id: str) -> list[Path]:
    found = root.glob(f"object_type=*/invoice_id={invoice_name(invoice_id)}")
    return [place for place in found if is_folder(place) and is_folder(place.parent)]


def _names(root: Path, parts: Iterable[PartFile]) -> dict[str, Path]:
    """The names under which other engines find the files."""
    paths = [root / part.path for part in parts]
    return {f"part-{path.parent.name}-{path.stem}.parquet": path for path in paths}


def _names_in(place: Path) -> set[str]:
    try:
        return set(os.listdir(place))  # noqa: PTH208 (names are all that is needed)
    except OSError:
        return set()


def _drop_leftovers(root: Path, invoice_id: str) -> None:
    """Drop what processes that were killed left of this invoice: its lock is ours now."""
    for left in root.glob(f"{MOVING}/{_digest(invoice_id)}-*"):
        with contextlib.suppress(OSError):
            remove_folder(unlinked(left), DATASET)


def _moving(root: Path, invoice_id: str) -> Path:
    return private_folder(root / MOVING) / f"{_digest(invoice_id)}-{secrets.token_hex(6)}"


def _digest(invoice_id: str) -> str:
    return hashlib.sha256(invoice_name(invoice_id).encode()).hexdigest()[:12]


def _swap(root: Path, place: Path, names: Mapping[str, Path], invoice_id: str) -> None:
    """Put a folder of these names in place of what is there."""
    new = private_folder(_moving(root, invoice_id))
    try:
        for name, path in names.items():
            _link(path, new / name)
        private_folder(place.parent)
        _take_away(root, place, invoice_id)
        _renamed(new, place)
    finally:
        remove_folder(new, DATASET)


def _take_away(root: Path, place: Path, invoice_id: str) -> None:
    """Take a folder out of sight, then drop it."""
    away = _moving(root, invoice_id)
    with contextlib.suppress(FileNotFoundError):
        _renamed(place, away)
        remove_folder(away, DATASET)


def _link(path: Path, name: Path) -> None:
    try:
        os.link(path, name)
    except FileNotFoundError:
        raise
    except (OSError, NotImplementedError):  # FAT, some network drives
        shutil.copyfile(path, name)


def _renamed(old: Path, new: Path) -> None:
    """Rename a folder; on Windows one that another program reads from cannot be, for a moment."""
    for left in range(TRIES, -1, -1):
        try:
            old.rename(new)
        except PermissionError:
            if os.name != "nt" or not left:
                raise
            time.sleep(0.02 * (TRIES + 1 - left))
        else:
            return

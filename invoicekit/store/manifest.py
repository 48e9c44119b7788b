"""What is stored of one invoice: which it is, its files, and a digest of each.

A manifest is believed only as far as its own checksum and the names in it go.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from invoicekit.files.private import file_name, read_note, write_note
from invoicekit.frames.schema import BY_OBJECT_TYPE

VERSION = 2  # of the decoder and the layout: raise it when the same pages would give other frames
NOTES, PARTS = "_invoices", "_parts"
PART = ".lines"  # not `.parquet`: whoever looks for those finds each line once, in the Hive folders
TOKEN_BYTES = 6
MOST_BYTES = 256_000_000  # of a manifest: it says of each page how it was read


@dataclass(frozen=True, slots=True)
class Key:
    """Which invoice was stored, as its header says; what differs is asked again."""

    invoice_id: str
    invoice_date: str
    total: str
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class PartFile:
    """A file of lines: where it is below the store's folder, and what is in it."""

    path: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Stored:
    """An invoice in the store: for each objectType its files, rows and columns; and `about` it.

    `about` is the caller's: plain JSON values that come back as they were.
    """

    key: Key
    files: Mapping[str, list[PartFile]] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    columns: Mapping[str, list[str]] = field(default_factory=dict)
    about: Any = None

    @property
    def parts(self) -> Iterator[PartFile]:
        """All files, whatever the objectType."""
        return (part for parts in self.files.values() for part in parts)


class UnreadableError(Exception):
    """A manifest that is damaged, of another invoice or another version; says which of these."""


def invoice_name(invoice_id: str) -> str:
    """The name of an invoice's files; no two invoices share one on a disk that ignores case.

    Microsoft's ids are capitals and digits: they stay as they are. Any other gets a digest, behind
    a character that no name has by itself.

    >>> invoice_name("G000024135"), invoice_name("g1")
    ('G000024135', 'g1@711430f6164e9380')
    """
    return _name(invoice_id, ordinary=invoice_id == invoice_id.upper())


def object_type_name(object_type: str) -> str:
    """The name of an objectType's folder: as it is if Microsoft documents it."""
    return _name(object_type, ordinary=object_type in BY_OBJECT_TYPE)


def _name(word: str, *, ordinary: bool) -> str:
    name = file_name(word)
    if ordinary and name == word:
        return name
    digest = hashlib.sha256(word.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{name}@{digest}"


def write_manifest(path: Path, stored: Stored) -> None:
    """Write it, replacing the one before at once.

    Raises:
        OSError: the disk does not take it.
    """
    write_note(path, asdict(stored))


def read_manifest(path: Path) -> Stored | None:
    """What a manifest says; `None` where there is none.

    Raises:
        UnreadableError: it is damaged, of another invoice, or of another version.
    """
    note = read_note(path, MOST_BYTES)
    if note is None:
        if os.path.lexists(path):
            raise UnreadableError("damaged")
        return None
    try:
        if note["key"]["version"] != VERSION:
            raise UnreadableError("of another version of invoicekit")
        key = Key(**note.pop("key"))
        files = {
            name: [PartFile(**part) for part in parts] for name, parts in note.pop("files").items()
        }
        stored = Stored(key=key, files=files, **note)
        ours = re.compile(
            rf"{PARTS}/{re.escape(invoice_name(key.invoice_id))}"
            rf"/[0-9a-f]{{{2 * TOKEN_BYTES}}}/[0-9]{{5}}{re.escape(PART)}"
        )
        if not all(ours.fullmatch(part.path) for part in stored.parts):
            raise UnreadableError("damaged")
        if path.stem != invoice_name(key.invoice_id):  # a copy would count an invoice's lines twice
            raise UnreadableError("of another invoice")
    except (TypeError, KeyError, AttributeError) as cause:
        raise UnreadableError("damaged") from cause
    return stored

"""`client.cache`: how much is kept on disk, and clearing it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Self

from invoicekit.errors import check_text, warn
from invoicekit.fetch.eviction import collections_in, known_folders
from invoicekit.fetch.manifest import BLOB_SUFFIX, PAGE, Manifests
from invoicekit.files.private import MARKER, PART, is_marked
from invoicekit.files.removal import Layout, Removed, remove_within
from invoicekit.store.dataset import Store
from invoicekit.visible import first_few

MOST_NAMED = 5
REST: Layout = {PART: None}  # what may be in a partner's folder beside collections and the store


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """What the cache holds: `entries` are answers, `size` is in bytes, `oldest` in UTC.

    >>> client.cache.info().size > 0
    True
    """

    folder: Path
    size: int
    entries: int
    collections: int
    oldest: datetime | None

    def __str__(self) -> str:
        oldest = f", oldest of {self.oldest:%Y-%m-%d %H:%M} UTC" if self.oldest else ""
        return (
            f"{self.folder}: {self.size / 1e6:,.1f} MB, {self.entries:,} answers in "
            f"{self.collections:,} collections{oldest}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(str(self))}</p>"


class Cleared(int):
    """How many collections were forgotten; `size` in bytes, and what was `left` where it is.

    >>> with ik.demo() as fresh:
    ...     fresh.cache.clear().left
    ()
    """

    size: int
    left: tuple[Path, ...]

    def __new__(cls, collections: int, size: int = 0, left: Sequence[Path] = ()) -> Self:
        """The outcome of clearing."""
        made = super().__new__(cls, collections)
        made.size = size
        made.left = tuple(left)
        return made


@dataclass(frozen=True, slots=True, repr=False)
class Cache:
    """The answers and frames kept on disk. Clearing them costs time and nothing else.

    >>> client.cache.folder == client.settings.cache_dir
    True
    """

    folder: Path

    def __repr__(self) -> str:
        return f"Cache in {self.folder}: .info() says what it holds, .clear() forgets it"

    def info(self) -> CacheInfo:
        """Folder, size in all, answers, collections, and since when; asks nothing.

        >>> with ik.demo() as fresh:
        ...     fresh.cache.info().entries, fresh.invoices().height, fresh.cache.info().entries
        (0, 30, 1)
        """
        sizes = dict(self._files())
        pages = [path for path in sizes if path.suffix in {PAGE, BLOB_SUFFIX}]
        notes = [note for manifests in self._collections() if (note := manifests.committed())]
        made = [note.made for note in notes]
        return CacheInfo(
            folder=self.folder,
            size=sum(sizes.values()),
            entries=len(pages),
            collections=len(notes),
            oldest=datetime.fromtimestamp(min(made), UTC) if made else None,
        )

    def clear(self, *, invoice: str | None = None) -> Cleared:
        """Forget all, or what there is of one invoice; returns how many collections went.

        It deletes what invoicekit made, in folders that bear its marker or are of its first
        release. Anything else stays, is named in a warning, and is in `.left` of what is returned.

        >>> with ik.demo() as fresh:
        ...     lines = fresh.invoice("G012345611").line_items()
        ...     fresh.cache.clear(invoice="G012345611"), fresh.cache.clear()
        (3, 0)

        Args:
            invoice: the invoice's id; its case matters only where two ids differ in nothing else.

        Raises:
            TypeError: the id is no text.
            ValueError: it is empty.
        """
        if invoice is not None:
            check_text(invoice, "the id of an invoice", 'client.cache.clear(invoice="G000024135")')
            if not invoice:
                raise ValueError("the id of an invoice is not empty; leave it out to forget all")
        ours, others = known_folders(self.folder)
        removed = Removed(left=others)
        gone = 0
        for manifests in self._of(invoice):
            before = len(removed.left)
            removed.add(manifests.remove())
            gone += len(removed.left) == before
        for partner in ours:
            if invoice is not None:
                removed.add(Store(partner).forget(invoice))
            else:
                removed.add(_cleared(partner))
        left = _deepest(removed.left)
        if left:
            warn(
                "not deleted, for it is not invoicekit's or another program holds it: "
                f"{first_few(left, MOST_NAMED)}"
            )
        return Cleared(gone, removed.size, left)

    def _of(self, invoice: str | None) -> list[Manifests]:
        """The collections of an invoice, by the very id where there is one, else in any case."""
        if invoice is None:
            return list(self._collections())
        named = [
            (manifests, note.about)
            for manifests in self._collections()
            if (note := manifests.committed() or manifests.interrupted())
        ]
        very = [manifests for manifests, about in named if about == invoice]
        return very or [manifests for manifests, about in named if about.lower() == invoice.lower()]

    def _collections(self) -> Iterator[Manifests]:
        for partner in known_folders(self.folder)[0]:
            yield from collections_in(partner)

    def _files(self) -> Iterator[tuple[Path, int]]:
        """All files and their sizes; one that has two names is counted once."""
        seen = set()
        for partner in known_folders(self.folder)[0]:
            for folder, _, names in os.walk(partner):  # what vanishes meanwhile is passed over
                for name in names:
                    with contextlib.suppress(OSError):
                        path = Path(folder, name)
                        found = path.lstat()
                        one = (found.st_dev, found.st_ino)
                        if found.st_nlink == 1 or one not in seen:
                            seen.add(one)
                            yield path, found.st_size


def _cleared(partner: Path) -> Removed:
    """What went of all that is in a partner's folder beside collections; the marker stays."""
    store = Store(partner).forget_all()
    found = remove_within(partner, REST)
    found.add(store)
    if is_marked(partner):
        found.left.remove(partner / MARKER)
    elif not found.left:  # of the first release
        with contextlib.suppress(OSError):
            partner.rmdir()
    return found


def _deepest(paths: Iterable[Path]) -> list[Path]:
    """The paths without the folders that are left because another one of them is in there."""
    found = set(paths)
    above = {parent for path in found for parent in path.parents}
    return sorted(found - above)

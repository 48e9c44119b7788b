"""Typed frames on disk as Parquet: opening an invoice again costs reading, not decoding.

    lines/object_type=OneTimeInvoiceLineItem/invoice_id=G000024135/part-….parquet
    lines/_parts/G000024135/…/…            the same files, under names that last: see parts.py
    lines/_invoices/G000024135.json        what was stored, of which invoice: its manifest

A dataset in Hive's layout, for polars, DuckDB and Spark to read as it lies (hive.py). The two
columns that a folder's name says are not in its files. Our own reading believes the manifest alone,
and files only if they have the digest that it names. The store is disposable: the HTTP cache stays
the truth, and what is damaged or out of date only costs time.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from invoicekit.errors import FrameError, check_text, one_of, warn
from invoicekit.files.private import file_lock, file_name, private_folder
from invoicekit.files.removal import Removed, remove_folder, remove_within
from invoicekit.frames.decode import OURS
from invoicekit.frames.schema import BY_OBJECT_TYPE
from invoicekit.store import hive, parts
from invoicekit.store.layout import STORE, layout_of
from invoicekit.store.manifest import (
    NOTES,
    PARTS,
    VERSION,
    Key,
    Stored,
    UnreadableError,
    invoice_name,
    read_manifest,
    write_manifest,
)
from invoicekit.store.writer import Writer
from invoicekit.visible import first_few

__all__ = ["FOLDER", "NOTES", "VERSION", "Key", "NotStoredError", "Store", "Stored", "Writer"]

FOLDER = "lines"
# What polars raises where a file is not what it should be; a panic is not even an Exception.
READ_ERRORS = (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException)
REMEDY = "client.sync() brings them in again, client.cache.clear(invoice=…) forgets them"
MOST_NAMED = 5


class NotStoredError(Exception):
    """What was asked for is not in the store, or not as it was written; it is to be had anew."""


class Store:
    """The store of one partner."""

    def __init__(self, root: Path) -> None:
        self.folder = root / FOLDER

    def find(self, key: Key) -> Stored | None:
        """What is stored of the invoice, if it is that very one and all its files are there."""
        with contextlib.suppress(UnreadableError):
            stored = read_manifest(self._note(key.invoice_id))
            if stored and stored.key == key and parts.are_there(self.folder, stored.parts):
                return stored
        return None

    def frames(self, stored: Stored) -> dict[str, pl.DataFrame] | None:
        """The frames of an invoice, as they were stored; `None` where they cannot be read."""
        if not self.is_sound(stored):
            return None
        frames = {}
        for name, scanned in self.scans(stored).items():
            try:
                frames[name] = scanned.collect()
            except READ_ERRORS:
                return None
            if frames[name].height != stored.rows[name]:
                return None
        return frames

    def is_sound(self, stored: Stored) -> bool:
        """Whether all files of an invoice are there, and have the bytes that were written."""
        return not parts.damaged(self.folder, stored.parts)

    @contextlib.contextmanager
    def reading(self, stored: Stored) -> Iterator[None]:
        """For work on the scans of a sound invoice: what goes wrong with its files is told apart.

        Raises:
            NotStoredError: they were changed or removed meanwhile. Other errors are the work's own.
        """
        import narwhals as nw

        try:
            yield
        except pl.exceptions.PanicException as cause:
            raise NotStoredError from cause
        except (*READ_ERRORS, nw.exceptions.NarwhalsError) as cause:
            if parts.damaged(self.folder, stored.parts, again=True):
                raise NotStoredError from cause
            raise

    def scans(self, stored: Stored) -> dict[str, pl.LazyFrame]:
        """The frames of an invoice, lazily."""
        return {name: self._scan(name, [stored]) for name in stored.files}

    def scan(self, object_type: str, stored: Sequence[Stored]) -> pl.LazyFrame:
        """The lines of one objectType over those invoices of the store, lazily.

        Raises:
            TypeError: the objectType is no text.
            ValueError: none are stored; lists the objectTypes that are.
            FrameError: lines that were stored are gone, or damaged.
        """
        check_text(object_type, "an objectType", 'client.scan("OneTimeInvoiceLineItem")')
        have = sorted({name for invoice in stored for name in invoice.files})
        if object_type not in have:
            raise ValueError(
                f"no {object_type!r} is in the store"
                f"{one_of(object_type, have or ['nothing yet'], 'there is')}. client.sync() brings "
                "invoices in"
            )
        mine = [invoice for invoice in stored if object_type in invoice.files]
        lost = [
            invoice.key.invoice_id
            for invoice in mine
            if parts.damaged(self.folder, invoice.files[object_type])
        ]
        if lost:
            names = first_few(lost, MOST_NAMED)
            raise FrameError(f"stored lines are gone or damaged, of {names}. {REMEDY}")
        return self._scan(object_type, mine)

    def stored(self) -> list[Stored]:
        """All invoices in the store.

        Raises:
            FrameError: of some it cannot be said what was stored.
        """
        found = []
        counting = parts.counting(self.folder)  # a commit writes its manifest first, a removal last
        notes = sorted((self.folder / NOTES).glob("*.json"))
        gone = counting - {path.stem for path in notes}
        lost = [f"{name} (gone)" for name in sorted(gone & parts.counting(self.folder))]
        for path in notes:
            try:
                found.append(read_manifest(path))
            except UnreadableError as cause:
                lost.append(f"{path.stem} ({cause})")
        if lost:
            names = first_few(lost, MOST_NAMED)
            raise FrameError(f"what was stored cannot be read, of {names}. {REMEDY}")
        return [stored for stored in found if stored]

    def write(self, key: Key) -> Writer:
        """A writer for an invoice; nobody sees what it writes until it commits."""
        return Writer(self.folder, key, self.commit)

    def commit(self, stored: Stored, token: str) -> None:
        """Make it what counts of the invoice; what counted before stays a while for its readers.

        Raises:
            OSError: the disk does not take it, or the files are gone; what counted still does.
        """
        name = invoice_name(stored.key.invoice_id)
        invoice = self.folder / PARTS / name
        private_folder(self.folder / NOTES)
        with file_lock(self.folder / NOTES / f"{name}.lock"):
            if not parts.are_there(self.folder, stored.parts):
                raise FileNotFoundError(f"the lines of {name} were cleared while they were written")
            counted = self._counted(name)
            parts.supersede(invoice, but=token, counted=counted)
            write_manifest(self._note(stored.key.invoice_id), stored)
            parts.finish(invoice / token)
            self._publish(stored)
            parts.sweep(invoice, stored)

    def sweep(self) -> None:
        """Drop the files that nobody reads or writes any more; best effort."""
        hive.tidy(self.folder)
        for invoice in parts.overdue(self.folder):
            with (
                contextlib.suppress(OSError),
                file_lock(self.folder / NOTES / f"{invoice.name}.lock"),
            ):
                parts.sweep(invoice, self._counted(invoice.name))

    def _counted(self, name: str) -> Stored | None:
        """What counts of an invoice, by the name of its files."""
        try:
            return read_manifest(self.folder / NOTES / f"{name}.json")
        except UnreadableError:
            return None

    def republish(self, stored: Stored) -> None:
        """Let other engines see what counts, if a process was killed before it did."""
        name = invoice_name(stored.key.invoice_id)
        with contextlib.suppress(OSError), file_lock(self.folder / NOTES / f"{name}.lock"):
            self._publish(stored)

    def _publish(self, stored: Stored) -> None:
        try:
            hive.publish(self.folder, stored)
        except OSError as cause:
            warn(
                f"other engines do not see the lines of {stored.key.invoice_id} as they are now "
                f"({cause.strerror or cause}); the next client.sync() tries again"
            )

    def has(self, invoice_id: str) -> bool:
        """Whether anything is stored of an invoice, however old."""
        return self._note(invoice_id).exists()

    def revise(self, invoice_id: str, change: Callable[[Any], Any]) -> None:
        """Change what is said `about` an invoice; where it cannot be, nothing counts of it."""
        name, path = invoice_name(invoice_id), self._note(invoice_id)
        if not path.exists():
            return
        with contextlib.suppress(OSError), file_lock(self.folder / NOTES / f"{name}.lock"):
            counted = self._counted(name)
            try:
                if counted:
                    write_manifest(path, replace(counted, about=change(counted.about)))
            except OSError:
                parts.supersede(self.folder / PARTS / name, counted=counted)
                path.unlink(missing_ok=True)

    def forget(self, invoice_id: str) -> Removed:
        """Remove an invoice, by its very id where there is one, else in any case."""
        very = invoice_name(invoice_id)
        name = re.escape(very)
        if not any(
            (self.folder / place).exists() for place in (f"{NOTES}/{very}.json", f"{PARTS}/{very}")
        ):
            name = rf"(?i:{re.escape(file_name(invoice_id))})(@[0-9a-f]{{16}})?"
        self._supersede(name)
        removed = remove_within(self.folder, layout_of(name))
        ours = re.compile(rf"{name}(\.json)?|invoice_id={name}")  # the rest is not of this invoice
        removed.left = [path for path in removed.left if any(map(ours.fullmatch, path.parts))]
        return removed

    def forget_all(self) -> Removed:
        """Remove all invoices."""
        self._supersede(r".+")
        return remove_folder(self.folder, STORE)

    def _supersede(self, name: str) -> None:
        """Say of the commits of some invoices that they count no more, before any of them goes."""
        for invoice in parts.invoices(self.folder):
            if re.fullmatch(name, invoice.name):
                parts.supersede(invoice, counted=self._counted(invoice.name))

    def _scan(self, name: str, notes: Iterable[Stored]) -> pl.LazyFrame:
        """Files of one objectType as one frame, whatever they have beyond the documented."""
        frames = []
        for stored in notes:
            said = {"invoice_id": stored.key.invoice_id, "object_type": name}
            schema = _schema(name, stored.columns[name])
            scanned = pl.scan_parquet(
                [self.folder / part.path for part in stored.files[name]],
                schema={c: dtype for c, dtype in schema.items() if c not in said},
                missing_columns="insert",
                hive_partitioning=False,
            )
            frames.append(
                scanned.with_columns(
                    pl.lit(value, pl.String).alias(column) for column, value in said.items()
                ).select(list(schema))
            )
        return frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal")

    def _note(self, invoice_id: str) -> Path:
        return self.folder / NOTES / f"{invoice_name(invoice_id)}.json"


def _schema(name: str, columns: Iterable[str]) -> dict[str, pl.DataType]:
    """The types of an objectType's columns; what the documentation has not is text."""
    kind = BY_OBJECT_TYPE.get(name)
    known = {column.name: column.type.dtype for column in kind.columns} if kind else {}
    return {column: OURS.get(column) or known.get(column, pl.String()) for column in columns}

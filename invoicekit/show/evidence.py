"""An invoice's evidence: what the service sent, what became of it, and the proof, as one zip.

Every file in it has its SHA-256 in `SHA256SUMS`, which `sha256sum -c` checks. What was read and is
not in the cache any more is named. The same input gives the same bytes: no clock, no random names,
and of the ledger only what does not change from one reading to the next.
"""

from __future__ import annotations

import hashlib
import json
import platform
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, Protocol

import polars as pl

from invoicekit.errors import PageError
from invoicekit.fetch.asking import MissError
from invoicekit.fetch.kept import Kept, KeptPull
from invoicekit.files.output import writing
from invoicekit.files.private import file_name, file_names
from invoicekit.frames.collection_result import READ, CollectionResult, ledger_frame
from invoicekit.pages import Reading
from invoicekit.show.export import proof_for_json, rows_for_json
from invoicekit.show.parquet import write_parquet
from invoicekit.show.protocols import Invoice, Reconciliation
from invoicekit.visible import escaped, visible

FORMAT: Final = "invoicekit evidence 1"
LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip knows
UNIX, PRIVATE_FILE = 3, 0o100600 << 16
PIECE = 1 << 20  # bytes
VERSIONS: Final = ("invoicekit", "polars", "requests-cache", "msgspec")
# Seconds, and whether the cache answered, differ from one reading to the next.
LEDGER: Final = (
    "collection", "source", "page", "rows", "total", "bytes", "status", "request_id",
    "correlation_id",
)  # fmt: skip
README: Final = """\
Evidence of invoice {id}: {badge}

pages/     what the service sent, as it lay in the cache: a folder a collection, a file an answer
frames/    the lines as typed frames (Parquet), a file an objectType
proof/     the proof of the invoice's total, its parts, findings and suspects, the ledger of pages
manifest.json   what is here, what is missing and why, versions, and the SHA-256 of each file
SHA256SUMS      the SHA-256 of each file, this one's own aside

To check that nothing was changed, unpack it and say in its folder
    sha256sum -c SHA256SUMS
On Windows, PowerShell's Get-FileHash gives the SHA-256 of a file. Whoever changes a file can
change SHA256SUMS too: note the SHA-256 of the whole zip where others cannot write.
"""

ReadBack = Callable[[Callable[[Kept], None]], KeptPull]


class Lines(Protocol):
    """The lines of an invoice, in memory or in the store."""

    @property
    def frames(self) -> Mapping[str, pl.LazyFrame]: ...  # noqa: D102
    @property
    def results(self) -> Sequence[CollectionResult]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Source:
    """Answers that may be in the cache: those of a collection, or the invoice's header."""

    name: str  # for people, and of the folder
    read_back: ReadBack | None  # None: `why` they cannot be looked for
    why: str = ""
    readings: Sequence[Reading] | None = None  # how the lines were read; of the header, nothing
    remedy: str = ""  # what to do where they are not in the cache


def write_evidence(
    path: Path, invoice: Invoice, lines: Lines, proof: Reconciliation, sources: Sequence[Source]
) -> Path:
    """Write the evidence and return the path. Answers and lines go through memory in pieces.

    Raises:
        PageError: the lines repeat a secret of the sign-in.
        ValueError: the path is a folder, or its folder does not exist.
        OSError: it cannot be written; a file that was there stays as it was.
    """
    if any(reading.shows_secret for result in lines.results for reading in result.readings):
        raise PageError(
            f"the lines of {visible(invoice.id)} repeat a secret of the sign-in, so no evidence of "
            "them is written: it is made to be handed on"
        )
    with writing(path) as file, _bundle(file) as bundle:
        bundle.text("README.txt", README.format(id=visible(invoice.id), badge=proof))
        kept: dict[str, Sequence[Reading]] = {}
        pages = [_pages(bundle, source, kept) for source in sources]
        names = file_names((object_type,) for object_type in lines.frames)
        frames = [
            _frame(bundle, f"frames/{name}.parquet", *of)
            for name, of in zip(names, lines.frames.items(), strict=True)
        ]
        told = [replace(one, readings=kept.get("/".join(one.pair), one.readings))
                for one in lines.results]  # fmt: skip
        _proof(bundle, invoice.id, proof, ledger_frame(told))
        bundle.json(
            "manifest.json",
            {
                "format": FORMAT,
                "invoice": _header(invoice),
                "proof": str(proof),
                "pages": pages,
                "missing": [f"{one['of']}: {one['why']}" for one in pages if one["why"]]
                + [
                    f"lines of {'/'.join(one.pair)}: {one.state}"
                    for one in lines.results
                    if one.state != READ
                ],
                "frames": frames,
                "versions": _versions(),
                "files": [
                    {"file": name, "bytes": size, "sha256": digest}
                    for name, (size, digest) in bundle.files.items()
                ],
            },
        )
        sums = [f"{digest}  {name}\n" for name, (_, digest) in bundle.files.items()]
        bundle.text("SHA256SUMS", "".join(sums))
    return path


def _pages(
    bundle: _Bundle, source: Source, readings: dict[str, Sequence[Reading]]
) -> dict[str, Any]:
    """Write the answers that are in the cache, and say which are and which are not.

    `readings` is given those of what is whole, by the source's name.
    """
    files: list[str] = []

    def take(kept: Kept) -> None:
        name = f"pages/{file_name(*source.name.split('/'))}/{len(files) + 1:05}{kept.suffix}"
        files.append(name)
        with bundle.member(name, packed=kept.file is None) as member:
            if kept.file is None:
                member.write(kept.body)
                return
            for piece in _pieces(kept.file):
                member.write(piece)

    pull, why = None, source.why
    if source.read_back is not None:
        try:
            pull = source.read_back(take)
        except MissError:
            why = f"not whole in the cache any more; {len(files)} of its files are here"
            why += f"; {source.remedy}" * bool(source.remedy)
    if pull and source.readings is not None:
        if _same(pull.readings, source.readings):
            readings[source.name] = pull.readings
        else:
            why = "the pages here are of another pull than the lines"
    read = None if source.readings is None else len(source.readings)
    at = pull.at.isoformat(timespec="seconds") if pull else None
    return {"of": source.name, "read": read, "files": files, "pulled": at, "why": why}


def _pieces(file: Callable[[], BinaryIO]) -> Iterator[bytes]:
    """The file's bytes.

    Raises:
        MissError: it is gone, or cannot be read; what cannot be written is another matter.
    """
    try:
        with file() as content:
            while piece := content.read(PIECE):
                yield piece
    except OSError:
        raise MissError from None


def _same(kept: Sequence[Reading], read: Sequence[Reading]) -> bool:
    """Whether the answers that are kept are those that were read.

    An answer that names no request is kept without an id; while it was read it had that of ours.
    """
    return len(kept) == len(read) and all(
        (one.page, one.rows, one.total, one.bytes) == (two.page, two.rows, two.total, two.bytes)
        and one.request_id in {None, two.request_id}
        for one, two in zip(kept, read, strict=True)
    )


def _frame(bundle: _Bundle, file: str, name: str, frame: pl.LazyFrame) -> dict[str, Any]:
    with bundle.member(file, packed=False) as member:
        write_parquet(frame, member)
    lines = frame.select(pl.len()).collect().item()
    return {"file": file, "object_type": name, "lines": lines}


def _proof(bundle: _Bundle, invoice_id: str, proof: Reconciliation, ledger: pl.DataFrame) -> None:
    bundle.json("proof/reconciliation.json", proof_for_json(invoice_id, proof))
    bundle.json("proof/parts.json", rows_for_json(proof.parts))
    bundle.json("proof/ledger.json", rows_for_json(ledger.select(LEDGER)))
    bundle.json("proof/findings.json", rows_for_json(proof.findings))
    bundle.json("proof/suspects.json", rows_for_json(proof.suspects))


def _header(invoice: Invoice) -> dict[str, Any]:
    return {
        "id": invoice.id,
        "date": None if invoice.date is None else invoice.date.isoformat(),
        "currency": invoice.currency,
        "total": f"{invoice.total:f}",
        "paid": None if invoice.paid is None else f"{invoice.paid:f}",
        "details": invoice.details.rows(),
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from a folder that was not installed
            found[name] = "unknown"
    return found


@dataclass(slots=True)
class _Member:
    """A file of the zip while it is written, its size and digest counted."""

    file: IO[bytes]
    size: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def write(self, content: bytes) -> int:
        self.digest.update(content)
        self.size += len(content)
        return self.file.write(content)


class _Bundle:
    """A zip whose files have a digest each, and nothing of the clock or the machine."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._open: IO[bytes] | None = None
        self.files: dict[str, tuple[int, str]] = {}

    def give_up(self) -> None:
        """Let go of a zip that is thrown away: an interrupt may have left a file in it open."""
        with suppress(Exception):
            if self._open:
                self._open.close()
        self._archive.fp = None  # or its end would be written, and what that says hide the error

    @contextmanager
    def member(self, name: str, *, packed: bool = True) -> Iterator[_Member]:
        """A file of that name to write to."""
        about = zipfile.ZipInfo(name, LONG_AGO)
        about.create_system, about.external_attr = UNIX, PRIVATE_FILE
        about.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        with self._archive.open(about, "w", force_zip64=True) as file:
            self._open = file
            member = _Member(file)
            try:
                yield member
            finally:  # a part of a file is in the zip too
                self.files[name] = member.size, member.digest.hexdigest()

    def text(self, name: str, text: str) -> None:
        """A file with this text."""
        with self.member(name) as member:
            member.write(text.encode("utf-8", "backslashreplace"))

    def json(self, name: str, value: object) -> None:
        r"""A file with this value as JSON; what would hide or steer is written as `\uXXXX`."""
        self.text(name, escaped(json.dumps(value, indent=1, ensure_ascii=False)) + "\n")


@contextmanager
def _bundle(file: BinaryIO) -> Iterator[_Bundle]:
    archive = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
    bundle = _Bundle(archive)
    try:
        yield bundle
    except BaseException:
        bundle.give_up()
        raise
    archive.close()

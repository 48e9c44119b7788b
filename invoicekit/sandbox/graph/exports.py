"""What can be exported: blobs of gzip JSON lines under one eTag."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple, Protocol

GZIP = 31  # zlib's window bits for a gzip frame
RAW = -15  # and for a bare deflate stream
GZIP_HEAD = bytes((0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255))
FASTEST = 1


class Asked(NamedTuple):
    """What an export was asked for; of `invoice_id`, and currency with period, one is empty."""

    dataset: str  # "reconciliation", "usage"
    billed: bool
    invoice_id: str = ""
    currency: str = ""
    period: str = ""  # "current", "last"
    attributes: str = "full"  # or "basic"


class Blob(NamedTuple):
    """A blob; `parts` gives its bytes, as often as it is called."""

    parts: Callable[[], Iterable[bytes]]
    length: int


@dataclass(frozen=True)
class Export:
    """The blobs, and the version of the data that is in them."""

    blobs: tuple[Blob, ...]
    etag: str


class Unknown(Exception):  # noqa: N818 - an answer, not an error
    """There is no such invoice."""


class Exports(Protocol):
    """Whoever has something to export."""

    def export(self, asked: Asked) -> Export | None:
        """The export; None where there is no data, or none yet.

        Raises:
            Unknown: there is no such invoice.
        """
        ...


@dataclass(frozen=True)
class Prepared:
    """Exports that are there already, by dataset and invoice id (or by dataset and period)."""

    exports: Mapping[tuple[str, str], Export]

    def export(self, asked: Asked) -> Export | None:
        """The export; None, hence no data, for whatever else is asked."""
        return self.exports.get((asked.dataset, asked.invoice_id or asked.period))


def packed(lines: Iterable[bytes]) -> Blob:
    r"""A blob of these lines, each of them JSON without its newline.

    >>> import gzip
    >>> gzip.decompress(b"".join(packed([b"{}", b"{}"]).parts()))
    b'{}\n{}\n'
    """
    packer = zlib.compressobj(FASTEST, wbits=GZIP)
    content = b"".join([*(packer.compress(line + b"\n") for line in lines), packer.flush()])
    return Blob(lambda: (content,), len(content))


def repeated(lines: Sequence[bytes], count: int) -> Blob:
    r"""A blob of so many lines: these over and over, one round of them in memory.

    Its checksum is counted here, once: to send it costs next to nothing.

    >>> import gzip
    >>> gzip.decompress(b"".join(repeated([b"1", b"2"], 5).parts()))
    b'1\n2\n1\n2\n1\n'
    """
    rounds, left = divmod(count, len(lines))
    whole, rest = (b"".join([line + b"\n" for line in some]) for some in (lines, lines[:left]))
    block, last = _flushed(whole), _flushed(rest) + zlib.compressobj(FASTEST, wbits=RAW).flush()
    checksum = 0
    for _ in range(rounds):
        checksum = zlib.crc32(whole, checksum)
    size = len(whole) * rounds + len(rest)
    tail = last + struct.pack("<II", zlib.crc32(rest, checksum), size & 0xFFFFFFFF)

    def parts() -> Iterator[bytes]:
        yield GZIP_HEAD
        yield from repeat(block, rounds)
        yield tail

    return Blob(parts, len(GZIP_HEAD) + len(block) * rounds + len(tail))


def _flushed(content: bytes) -> bytes:
    """Deflated, and ended so that nothing refers back: any other such block may follow."""
    packer = zlib.compressobj(FASTEST, wbits=RAW)
    return packer.compress(content) + packer.flush(zlib.Z_FULL_FLUSH)


def export_of(*blobs: Blob, etag: str = "") -> Export:
    """An export of those blobs; its eTag follows from their bytes where none is given."""
    if not etag:
        digest = hashlib.sha256()
        for blob in blobs:
            for part in blob.parts():
                digest.update(part)
        etag = digest.hexdigest()[:17]
    return Export(blobs, etag)

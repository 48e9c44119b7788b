"""What can be exported: blobs of gzip JSON lines under one eTag."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

GZIP = 31  # zlib's window bits for a gzip frame
RAW = -15  # and for a bare deflate stream
GZIP_HEAD = bytes((0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255))
FASTEST = 1
PART = 1 << 18  # bytes


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


def repeated(lines: Iterable[bytes], times: int) -> Blob:
    r"""A blob of these lines over and over; only one round of them is ever in memory.

    >>> import gzip
    >>> gzip.decompress(b"".join(repeated([b"{}"], 3).parts()))
    b'{}\n{}\n{}\n'
    """
    plain = b"".join([line + b"\n" for line in lines])
    packer = zlib.compressobj(FASTEST, wbits=RAW)
    # After a full flush nothing refers back: the same bytes may follow any number of times.
    block = packer.compress(plain) + packer.flush(zlib.Z_FULL_FLUSH)
    end = zlib.compressobj(FASTEST, wbits=RAW).flush()

    def parts() -> Iterator[bytes]:
        yield GZIP_HEAD
        checksum = 0
        for _ in range(times):
            checksum = zlib.crc32(plain, checksum)
            yield block
        yield end + struct.pack("<II", checksum, len(plain) * times & 0xFFFFFFFF)

    return Blob(parts, len(GZIP_HEAD) + len(block) * times + len(end) + 8)


def export_of(*blobs: Blob, etag: str = "") -> Export:
    """An export of those blobs; its eTag follows from their bytes where none is given."""
    if not etag:
        digest = hashlib.sha256()
        for blob in blobs:
            for part in blob.parts():
                digest.update(part)
        etag = digest.hexdigest()[:17]
    return Export(blobs, etag)

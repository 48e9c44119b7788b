"""Answers on disk: one framed file a page, read back without running any code.

Why not the stock backends of requests-cache: measured on 1.3.3, its JSON files rewrite money by
way of floats, its default key takes page 2 of a seek chain for page 1 and one tenant for another,
pickle runs what it reads, and a lower-case `authorization` header is written in clear. So: our
storage, our key, and of the headers only those listed here.
"""

from __future__ import annotations

import errno
import hashlib
import json
import re
import sys
import threading
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from requests import PreparedRequest
from requests.structures import CaseInsensitiveDict
from requests_cache.backends.base import BaseCache, BaseStorage
from requests_cache.models.response import CachedResponse

from invoicekit.errors import warn
from invoicekit.fetch.eviction import COLLECTION, Quota
from invoicekit.fetch.manifest import PAGE, PULL
from invoicekit.files.private import private_folder, read_private, unlinked, write_private

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAGIC = b"invoicekit page 2\n"  # a body packed by zstd
GZIPPED = b"invoicekit page 1\n"  # by gzip: so the first release wrote it
LEVEL = 1  # measured on a page of 3.4 MB: 5 ms and 10.8 times smaller; gzip takes 18 ms for 6.5
KEPT_HEADERS = ("Content-Type", "Date", "MS-CorrelationId", "MS-RequestId")
CHECK = 16  # bytes of checksum at the end of a file
MOST_BODY = 256_000_000  # bytes of a page unpacked; what is larger on our own disk is no page
MOST_HEAD = 100_000
MOST_FILE = len(MAGIC) + 4 + MOST_HEAD + MOST_BODY + CHECK
UNREADABLE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    zlib.error,
    zstd.ZstdError,
)


def digest(*parts: str) -> str:
    """A file name of ours for what may be long, secret, or hostile to a file system."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def page_key(request: PreparedRequest, **_: object) -> str:
    """The key of a page: its pull's folder, then method, URL and the link's headers as they are.

    The session lays the pull's folder and the raw link headers on the request it prepares;
    matching headers by requests-cache's own rules would sort and lower-case a seek token.
    """
    folder: str = request.invoicekit_folder  # type: ignore[attr-defined]
    headers: tuple[tuple[str, str], ...] = request.invoicekit_headers  # type: ignore[attr-defined]
    flat = [part for pair in headers for part in pair]
    return f"{folder}/{digest(request.method or '', request.url or '', *flat)}"


class PageFiles(BaseStorage[str, CachedResponse]):
    """Key to answer, as files under `root`. What cannot be read is a miss."""

    def __init__(self, root: Path, quota: Quota) -> None:
        self.root = root
        self.serializer = None  # we frame answers ourselves
        self.unwritten = 0
        self._quota = quota
        self._sizes: dict[Path, int] = {}  # of each pull that was written to
        self._lock = threading.Lock()

    def __getitem__(self, key: str) -> CachedResponse:
        try:
            return _unframed(read_private(self._path(key), MOST_FILE), key)
        except UNREADABLE as cause:
            raise KeyError(key) from cause

    def __setitem__(self, key: str, value: CachedResponse) -> None:
        path = self._path(key)
        try:
            framed = _framed(value, key)
            private_folder(path.parent)
            self._take_room(path.parent, len(framed))
            write_private(path, framed)
        except OSError as cause:
            self._unwritten(cause)
            return
        self._quota.wrote(len(framed), path.parent.parent)

    def __delitem__(self, key: str) -> None:
        try:
            unlinked(self._path(key)).unlink()
        except OSError as cause:
            raise KeyError(key) from cause

    def __iter__(self) -> Iterator[str]:
        for path in sorted(self.root.glob(f"*/*/*{PAGE}")):
            collection, pull = path.parts[-3:-1]
            if COLLECTION.fullmatch(collection) and re.fullmatch(PULL, pull):
                yield f"{collection}/{pull}/{path.stem}"

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def clear(self) -> None:
        """Forget every answer."""
        for key in list(self):
            self.pop(key, None)

    def _path(self, key: str) -> Path:
        return self.root / (key + PAGE)

    def _take_room(self, pull: Path, size: int) -> None:
        """Count a page of a pull.

        Raises:
            OSError: the pull is larger than the whole cache may be.
        """
        with self._lock:
            if pull not in self._sizes:  # it may be one that was interrupted
                self._sizes[pull] = sum(one.stat().st_size for one in pull.glob(f"*{PAGE}"))
            if self._sizes[pull] + size > self._quota.bytes:
                raise OSError(errno.EFBIG, "one collection is larger than cache_gb allows")
            self._sizes[pull] += size

    def _unwritten(self, cause: OSError) -> None:
        with self._lock:
            self.unwritten += 1
            if self.unwritten > 1:
                return
        warn(
            f"the cache folder {self.root} cannot be written ({cause.strerror or cause}); "
            "going on without it"
        )


class PageCache(BaseCache):
    """The backend that a `CachedSession` is given: pages as files, redirects not at all."""

    def __init__(self, root: Path, gigabytes: float) -> None:
        super().__init__(cache_name="invoicekit")
        self.responses = PageFiles(root, Quota(root.parent, gigabytes))


def _framed(answer: CachedResponse, key: str) -> bytes:
    body = answer.content or b""
    head = json.dumps(
        {
            "status": answer.status_code,
            "reason": answer.reason,
            "created": answer.created_at.isoformat(),
            "headers": {k: answer.headers[k] for k in KEPT_HEADERS if k in answer.headers},
        }
    ).encode()
    if len(body) > MOST_BODY or len(head) > MOST_HEAD:
        raise OSError(errno.EFBIG, "an answer is too large to be kept")
    frame = b"".join((MAGIC, len(head).to_bytes(4, "big"), head, zstd.compress(body, LEVEL)))
    return frame + _checksum(frame, key)


def _unframed(data: bytes, key: str) -> CachedResponse:
    """An answer from its file; whatever is wrong with that is one of `UNREADABLE`."""
    whole = memoryview(data)
    frame = whole[:-CHECK]
    unpack = UNPACK[data[: len(MAGIC)]]
    # The first release did not say in a page whose it is.
    if _checksum(frame, "" if unpack is _gunzip else key) != whole[-CHECK:]:
        raise ValueError("damaged, or another page than the one that belongs there")
    start = len(MAGIC) + 4
    length = int.from_bytes(frame[len(MAGIC) : start], "big")
    if length > MOST_HEAD:
        raise ValueError("no head of ours")
    head = json.loads(bytes(frame[start : start + length]))
    return CachedResponse(
        content=unpack(frame[start + length :]),
        status_code=int(head["status"]),
        reason=str(head["reason"]),
        headers=CaseInsensitiveDict(
            {k: str(head["headers"][k]) for k in KEPT_HEADERS if k in head["headers"]}
        ),
        created_at=datetime.fromisoformat(head["created"]).astimezone(UTC),
        encoding="utf-8",
        url="",
    )


def _checksum(frame: bytes | memoryview, key: str) -> bytes:
    """Of a page and its place: pages that change places are damaged, each for itself whole."""
    total = hashlib.blake2b(frame, digest_size=CHECK)
    total.update(key.encode())
    return total.digest()


def _unzstd(packed: memoryview) -> bytes:
    unpacking = zstd.ZstdDecompressor()
    return _whole(unpacking.decompress(packed, MOST_BODY), ended=unpacking.eof)


def _gunzip(packed: memoryview) -> bytes:
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    return _whole(unpacking.decompress(packed, MOST_BODY), ended=unpacking.eof)


def _whole(body: bytes, *, ended: bool) -> bytes:
    if not ended:
        raise ValueError("cut off, or larger than any page")
    return body


UNPACK = {MAGIC: _unzstd, GZIPPED: _gunzip}

"""Answers on disk: one framed file a page, read back without running any code.

Why not the stock backends of requests-cache: measured on 1.3.3, its JSON files rewrite money by
way of floats, its default key takes page 2 of a seek chain for page 1 and one tenant for another,
pickle runs what it reads, and a lower-case `authorization` header is written in clear. So: our
storage, our key, and of the headers only those listed here.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import warnings
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from requests import PreparedRequest
from requests.structures import CaseInsensitiveDict
from requests_cache.backends.base import BaseCache, BaseStorage
from requests_cache.models.response import CachedResponse

from invoicekit.disk import private_folder, write_whole
from invoicekit.fetch.shelf import PAGE

MAGIC = b"invoicekit page 1\n"
KEPT_HEADERS = ("Content-Type", "Date", "MS-CorrelationId", "MS-RequestId")
CHECK = 16  # bytes of checksum at the end of a file


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

    def __init__(self, root: Path) -> None:
        self.root = root
        self.serializer = None  # we frame answers ourselves
        self.unwritten = 0

    def __getitem__(self, key: str) -> CachedResponse:
        try:
            return _unframed(self._path(key).read_bytes())
        except (OSError, ValueError, LookupError, TypeError, EOFError, zlib.error) as cause:
            raise KeyError(key) from cause

    def __setitem__(self, key: str, value: CachedResponse) -> None:
        path = self._path(key)
        try:
            private_folder(path.parent)
            write_whole(path, _framed(value))
        except OSError as cause:
            self.unwritten += 1
            if self.unwritten == 1:
                warnings.warn(
                    f"the cache folder {self.root} cannot be written ({cause.strerror or cause}); "
                    "going on without it",
                    stacklevel=2,
                )

    def __delitem__(self, key: str) -> None:
        try:
            self._path(key).unlink()
        except OSError as cause:
            raise KeyError(key) from cause

    def __iter__(self) -> Iterator[str]:
        for path in sorted(self.root.rglob(f"*{PAGE}")):
            yield path.relative_to(self.root).with_suffix("").as_posix()

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def clear(self) -> None:
        """Forget every answer."""
        for key in list(self):
            del self[key]

    def _path(self, key: str) -> Path:
        return self.root / (key + PAGE)


class PageCache(BaseCache):
    """The backend that a `CachedSession` is given: pages as files, redirects not at all."""

    def __init__(self, root: Path) -> None:
        super().__init__(cache_name="invoicekit")
        self.responses = PageFiles(root)


def _framed(answer: CachedResponse) -> bytes:
    head = json.dumps(
        {
            "status": answer.status_code,
            "reason": answer.reason,
            "created": answer.created_at.isoformat(),
            "headers": {k: answer.headers[k] for k in KEPT_HEADERS if k in answer.headers},
        }
    ).encode()
    body = gzip.compress(answer.content or b"", compresslevel=1, mtime=0)
    frame = MAGIC + len(head).to_bytes(4, "big") + head + body
    return frame + hashlib.blake2b(frame, digest_size=CHECK).digest()


def _unframed(data: bytes) -> CachedResponse:
    frame, check = data[:-CHECK], data[-CHECK:]
    if not frame.startswith(MAGIC) or hashlib.blake2b(frame, digest_size=CHECK).digest() != check:
        raise ValueError("not a page of ours, or damaged")
    start = len(MAGIC) + 4
    end = start + int.from_bytes(frame[len(MAGIC) : start], "big")
    head = json.loads(frame[start:end])
    return CachedResponse(
        content=gzip.decompress(frame[end:]),
        status_code=head["status"],
        reason=head["reason"],
        headers=CaseInsensitiveDict(head["headers"]),
        created_at=datetime.fromisoformat(head["created"]).astimezone(UTC),
        encoding="utf-8",
        url="",
    )

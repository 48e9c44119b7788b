"""What can be wrong with a blob's own bytes, each way under its name."""

from __future__ import annotations

import gzip
from collections.abc import Callable

from invoicekit.sandbox.graph.exports import Blob
from invoicekit.sandbox.graph.script import HTML


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes((content[middle] ^ 0x55,)) + content[middle + 1 :]


def _not_json(content: bytes) -> bytes:
    lines = gzip.decompress(content).splitlines(keepends=True)
    lines[len(lines) // 2] = b'{"CustomerId":"no end of it\n'
    return gzip.compress(b"".join(lines), compresslevel=1, mtime=0)


def _no_end(content: bytes) -> bytes:
    return gzip.compress(gzip.decompress(content)[:-20], compresslevel=1, mtime=0)


SPOILT_BYTES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda content: content[: len(content) // 2],
    "flipped": _flipped,
    "not JSON": _not_json,
    "no end": _no_end,
    "empty": lambda _: b"",
    "plain": gzip.decompress,
    "HTML": lambda _: HTML,
}


def spoil(blob: Blob, how: str) -> Blob:
    """The blob with that damage: `how` is a key of `SPOILT_BYTES`, or empty for none."""
    if not how:
        return blob
    content = SPOILT_BYTES[how](b"".join(blob.parts()))
    return Blob(lambda: (content,), len(content))

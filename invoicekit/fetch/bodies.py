"""The body of an answer: read and unpacked in pieces, and no larger than it may be.

Why not `response.content`: it undoes any number of codings, to any size, does not notice a packed
body that stops early, and joins pieces of 10 kB, which costs four times as much.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from typing import Any

from requests import Response
from requests.exceptions import ChunkedEncodingError, ContentDecodingError
from requests.exceptions import ConnectionError as NoConnectionError
from urllib3.exceptions import HTTPError, ProtocolError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MOST = 256_000_000  # bytes of a page, unpacked; 2000 line items take some 4 MB
MOST_OF_ERROR = 1_000_000  # bytes of an error; what comes after them is not read
PIECE = 1 << 22  # bytes read or unpacked at once
CODINGS = ("gzip", "deflate", "zstd")
ACCEPTED = ", ".join(CODINGS)  # what is asked for, and all that is read


class TooLargeError(Exception):
    """A body is larger than it may be."""


class CodingError(Exception):
    """A body is in a coding that nobody asked for, or in more than one."""


def read_body(response: Response, most: int) -> bytes:
    """The body of `response`, unpacked.

    Raises:
        TooLargeError: it is larger than `most`, packed or unpacked; no more was read.
        CodingError: it is in another coding than one of `CODINGS`.
        RequestException: it was cut short, or is not in the coding that it names.
    """
    coding = response.headers.get("Content-Encoding", "").strip().lower().removeprefix("x-")
    if coding not in {"", "identity", *CODINGS}:
        raise CodingError
    if (response.raw.length_remaining or 0) > most:
        raise TooLargeError
    packed = _bounded(_received(response), most)
    if coding in CODINGS:
        return b"".join(_bounded(unpacked(packed, coding), most))
    return b"".join(packed)


def read_error(response: Response, most: int = MOST_OF_ERROR) -> bytes:
    """As much of an error's body as helps, or nothing: its status says more."""
    try:
        return read_body(response, most)
    except (TooLargeError, CodingError, ContentDecodingError):
        return b""


def _received(response: Response) -> Iterator[bytes]:
    try:
        while piece := response.raw.read(PIECE, decode_content=False):
            yield piece
    except ProtocolError as cause:
        raise ChunkedEncodingError(str(cause)) from cause
    except HTTPError as cause:  # the time is over, most often
        raise NoConnectionError(str(cause)) from cause


def _bounded(pieces: Iterator[bytes], most: int) -> Iterator[bytes]:
    for piece in pieces:
        most -= len(piece)
        if most < 0:
            raise TooLargeError
        yield piece


def unpacked(pieces: Iterator[bytes], coding: str) -> Iterator[bytes]:
    """The same in plain; a body may be of several members, each with an end of its own."""
    one: Any = None
    try:
        for piece in pieces:
            rest = piece
            while rest:
                if one is None or one.eof:
                    one = _unpacker(coding, rest)
                yield (part := one.decompress(rest, PIECE))
                while len(part) == PIECE and not one.eof:  # there is more than was let out
                    yield (part := one.decompress(getattr(one, "unconsumed_tail", b""), PIECE))
                rest = one.unused_data if one.eof else b""
    except (zlib.error, zstd.ZstdError) as cause:
        raise ContentDecodingError(str(cause)) from cause
    if one is not None and not one.eof:
        raise ChunkedEncodingError("the packed body stops before its end")


def _unpacker(coding: str, start: bytes) -> Any:  # noqa: ANN401 (they have no type in common)
    if coding == "zstd":
        return zstd.ZstdDecompressor()
    if coding == "gzip":
        return zlib.decompressobj(16 + zlib.MAX_WBITS)
    # Some servers send "deflate" bare, without the two bytes that RFC 1950 begins with.
    framed = start[0] & 0x0F == zlib.DEFLATED and int.from_bytes(start[:2], "big") % 31 == 0
    return zlib.decompressobj(zlib.MAX_WBITS if framed else -zlib.MAX_WBITS)

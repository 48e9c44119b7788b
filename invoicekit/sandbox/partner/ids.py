"""Ids and noise that follow from their parts alone: the same on every machine."""

from __future__ import annotations

import hashlib


def digest(*parts: object) -> bytes:
    """32 bytes that follow from `parts` alone: the same on every machine."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()


def guid(*parts: object) -> str:
    """A lower-case GUID that follows from `parts` alone."""
    text = digest(*parts).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"


def number_id(digits: int, *parts: object) -> str:
    """An id of that many decimal digits, the first never 0, that follows from `parts` alone."""
    span = 9 * 10 ** (digits - 1)
    return str(10 ** (digits - 1) + int.from_bytes(digest(*parts), "big") % span)

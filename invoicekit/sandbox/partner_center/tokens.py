"""Continuation tokens: opaque, deterministic, and unkind to careless caches.

They look like the seeds': a GUID, a GUID with base64, a GUID, joined by commas. Neighbouring pages
get tokens that differ in letter case only, or in the order of their parts only, so that a cache
key that lower-cases or sorts header values gives one page for another.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from functools import lru_cache

from invoicekit.sandbox.partner.ids import digest, guid

Parts = tuple[str, str, str]

# How a page's token differs from its group's: each group has one page for each way.
TWISTS: tuple[Callable[[Parts], Parts], ...] = (
    lambda parts: parts,
    lambda parts: (parts[0], parts[1].swapcase(), parts[2]),
    lambda parts: (parts[2], parts[1], parts[0]),
)


def token(key: str, size: int, page: int) -> str:
    """The token for page `page` (from 1; page 0 needs none) of a collection cut by `size`."""
    group, twist = divmod(page - 1, len(TWISTS))
    seed = (key, size, group)
    # Slash and padding are always there: both break what encodes or trims a token.
    blob = b64encode(digest("blob", *seed)[:17]).decode()
    middle = f"{guid('middle', *seed)}_{size:04}/{blob}"
    return ",".join(TWISTS[twist]((guid("first", *seed), middle, guid("last", *seed))))


def size_of(token: str) -> int | None:
    """The page size that the token was given out for; None if it is none of ours."""
    found = re.search(r"_([0-9]{4})/", token)
    return int(found[1]) if found else None


@lru_cache(maxsize=64)
def offsets(key: str, size: int, rows: int) -> dict[str, int]:
    """Every token of a collection of that many rows, and the row its page begins with."""
    return {token(key, size, start // size): start for start in range(size, rows, size)}

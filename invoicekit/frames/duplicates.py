"""Keys that a row has twice: of the two a reader of JSON keeps the last, and the first is gone.

Every key of a page ends in `":`, however it is spelt; so a page with no more of these than its rows
have fields has no key twice. Only where the count says otherwise are the rows read one by one.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec
import polars as pl

BEFORE_COLON = r"[ \t\r\n]:"
SPACED = r'"[ \t\r\n]+:'
_spaced = re.compile(SPACED.encode())


class _Items(msgspec.Struct):
    items: list[msgspec.Raw]


_items_of = msgspec.json.Decoder(_Items)


def may_repeat(bodies: Sequence[bytes], beside: Sequence[bytes], fields: int) -> bool:
    """Whether `bodies` may have a key twice: they have more keys than `fields`.

    `beside` are the parts of them whose keys are not counted as fields: the pages' envelopes, and
    values that are objects themselves.
    """
    bodies, beside = _tight(bodies), _tight(beside)
    if _ends(bodies) - _ends(beside) == fields:
        return False
    return _ends_of_keys(bodies) - _ends_of_keys(beside) != fields


def repeated(body: bytes) -> Iterator[tuple[int, str]]:
    """The number of each row that has a key twice, counted from 0, and the key."""
    for index, item in enumerate(_items_of.decode(body).items):
        pairs = json.loads(bytes(item), object_pairs_hook=list, parse_int=str, parse_float=str)
        for name, times in Counter(name for name, _ in pairs).items():
            if times > 1:
                yield index, name


def _tight(texts: Sequence[bytes]) -> Sequence[bytes]:
    """The texts without the space that JSON allows between a key and its colon."""
    column = _column(texts)
    if not column.str.contains(BEFORE_COLON).any() or not column.str.contains(SPACED).any():
        return texts
    return [_spaced.sub(b'":', text) for text in texts]


def _ends(texts: Sequence[bytes]) -> int:
    """How often `":` is there: at least once a key, and within texts that speak of JSON."""
    return int(_column(texts).str.count_matches('":').sum())


def _ends_of_keys(texts: Sequence[bytes]) -> int:
    """The same without quotes that are escaped: those are within a text."""
    bare = [text.replace(rb"\\", b"") if b"\\" in text else text for text in texts]
    return sum(text.count(b'":') - text.count(rb"\":") for text in bare)


def _column(texts: Sequence[bytes]) -> pl.Series:
    return pl.Series(texts, dtype=pl.Binary).cast(pl.String)

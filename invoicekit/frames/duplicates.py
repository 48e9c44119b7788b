"""Keys that a row has twice: of the two a reader of JSON keeps the last, and the first is gone.

Every key ends in `":`, however it is spelt; so a page with no more of these than its rows have
fields has no key twice. Only where the count says otherwise are the rows read one by one.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec
import polars as pl

SPACE, QUOTE, COLON, BACKSLASH = b' ":\\'
_spaced = re.compile(rb'"[ \t\r\n]+:')
_items_of = msgspec.json.Decoder(list[msgspec.Raw])


def may_repeat(pieces: Sequence[bytes], nested: Sequence[bytes], fields: int) -> bool:
    """Whether rows may have a key twice: the lists of them have more keys than `fields`.

    `nested` are the parts of them whose keys are no fields: values that are objects themselves.
    """
    return _keys(pieces) - _keys(nested) != fields


def repeated(piece: bytes) -> Iterator[tuple[int, str]]:
    """The number of each row that has a key twice, counted from 0, and the key."""
    for index, item in enumerate(_items_of.decode(piece)):
        pairs = json.loads(bytes(item), object_pairs_hook=list, parse_int=str, parse_float=str)
        for name, times in Counter(name for name, _ in pairs).items():
            if times > 1:
                yield index, name


def _keys(texts: Sequence[bytes]) -> int:
    """How many keys there are: never too few, and too many only where a text begins with a colon.

    A flag for each byte says what it is: polars looks at many at once.
    """
    column = pl.Series(texts, dtype=pl.Binary).cast(pl.List(pl.UInt8)).explode()
    quote, colon, space = column == QUOTE, column == COLON, column <= SPACE
    if _pairs(space, colon).any() and _pairs(quote, space).any():
        tight = [_spaced.sub(b'":', text) for text in texts]
        if tight != list(texts):
            return _keys(tight)
    ends = _pairs(quote, colon)
    within = _pairs(column == BACKSLASH, ends)
    escaped = int(within.sum())  # in a text that speaks of JSON
    if escaped and _pairs(column == BACKSLASH, within).any():  # or the backslash is the escaped one
        escaped = sum(text.replace(rb"\\", b"__").count(rb"\":") for text in texts)
    return int(ends.sum()) - escaped


def _pairs(first: pl.Series, second: pl.Series) -> pl.Series:
    """Whether a byte has the first flag, and the next one the second."""
    length = max(0, len(second) - 1)
    return first.slice(0, length) & second.slice(1, length)

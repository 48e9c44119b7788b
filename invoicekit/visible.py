"""Text from outside as one line that steers no terminal and hides nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

# Categories that change a terminal's or a browser's mind instead of showing something: controls,
# C1 among them (ANSI escapes start with one), formats (right-to-left overrides, zero widths),
# surrogates, separators of lines.
INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# For an output that cannot show the badge's mark.
ASCII: Final = str.maketrans({"✔": "OK", "✘": "!!", "⚠": "!!", "…": "...", "–": "-", "·": "|"})  # noqa: RUF001


def visible(text: str) -> str:
    r"""The text without invisible characters; ends of lines and tabs become spaces.

    >>> visible("a\x1b[31mb\nc"), visible("\u202e12.00\u200b\x9b2J")
    ('a[31mb c', '12.002J')
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        letter if unicodedata.category(letter) not in INVISIBLE else " " if letter.isspace() else ""
        for letter in text
    )


def encodable(text: str, encoding: str | None) -> str:
    """The text as an output of that encoding can show it: marks as ASCII, ? for other letters.

    >>> encodable("✔ Gießkanne 日本", "cp1252")
    'OK Gießkanne ??'
    """
    encoding = encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(ASCII).encode(encoding, "replace").decode(encoding)
    return text


def escaped(text: str) -> str:
    r"""JSON text with its invisible characters written as `\uXXXX`: the same value.

    >>> escaped('{"a": "\u202e\x9b"}')
    '{"a": "\\u202e\\u009b"}'
    """
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(
        letter
        if letter == "\n" or unicodedata.category(letter) not in INVISIBLE
        else "".join(f"\\u{unit:04x}" for unit in _utf16(letter))
        for letter in text
    )


def first_few(names: Sequence[object], most: int) -> str:
    """The first of some names, and how many more there are.

    >>> first_few(["a", "b", "c"], 2), first_few(["a"], 2)
    ('a, b and 1 more', 'a')
    """
    more = len(names) - most
    return ", ".join(map(str, names[:most])) + (f" and {more:,} more" if more > 0 else "")


def _utf16(letter: str) -> list[int]:
    units = letter.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]

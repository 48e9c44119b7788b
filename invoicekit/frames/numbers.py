"""Numbers as their text says, in the one dtype that all frames have.

polars' cast from text is exact but for one thing: decimals beyond the column's are rounded
(half-even) without a word, strict or not. Numbers that may have such are found here; those with an
exponent are read by Python's decimals.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal

import polars as pl

from invoicekit.frames.schema import NUMBER

AS_SENT = "_as_sent"  # ends the name of the column that has a number's text where it did not fit
PLACES = NUMBER.scale
WHOLE = NUMBER.precision - PLACES  # digits before the point
NUMERAL = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:[eE]([+-]?)([0-9]+))?")
VAST = 17  # digits of an exponent beyond which no mantissa can make up for it, nor Decimal hold it
LAST = Decimal(1).scaleb(-PLACES)
ROUNDING = Context(prec=2 * 38, rounding=ROUND_HALF_EVEN)
EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)


@dataclass(frozen=True, slots=True)
class Read:
    """A number as it was read; or why it is not the very number sent (`unfit`), or none at all."""

    value: Decimal | None = None
    unfit: str = ""
    wrong: str = ""


NO_NUMBER = Read(wrong="not a number where an amount should be")
TOO_LARGE = f"the number is too large for its column: {WHOLE} digits before the point fit"
TOO_FINE = f"the number has more than {PLACES} decimals, which is all that fit; it is not rounded"


def worth_a_look(text: pl.Expr) -> pl.Expr:
    """Whether texts could have more decimals than fit, found quickly; most cannot."""
    return (text.str.len_bytes() > PLACES + 1) | text.str.contains("[eE]")


def in_doubt(text: pl.Expr) -> pl.Expr:
    """Whether texts have more decimals than fit, zeros at the end counted too."""
    decimals = text.str.extract(r"\.([0-9]*)").str.len_bytes().fill_null(0).cast(pl.Int64)
    power = text.str.extract(rf"[eE]([+-]?[0-9]{{1,{VAST}}})$").cast(pl.Int64).fill_null(0)
    vast = text.str.contains(rf"[eE][+-]?[0-9]{{{VAST + 1},}}$")
    return ((decimals - power > PLACES) | vast).fill_null(value=False)


def is_plain(text: pl.Series) -> pl.Series:
    """Which texts are numerals without an exponent."""
    return text.str.contains(r"^[+-]?[0-9]*\.[0-9]+$")


def is_too_fine(text: pl.Series) -> pl.Series:
    """Which plain numerals have more decimals than fit, and not zeros alone."""
    return text.str.contains(rf"\.[0-9]{{{PLACES}}}[0-9]*[1-9]")


def read_number(text: str) -> Read:
    """The number that a text says, half-even at the last place where it has more decimals.

    >>> read_number("123E-00019").value, read_number("1,5").wrong
    (Decimal('1.2300000E-17'), 'not a number where an amount should be')
    >>> read_number("2.5E-24").value, read_number("1E14").value
    (Decimal('2E-24'), None)
    """
    found = NUMERAL.fullmatch(text)
    if found is None:
        return NO_NUMBER
    mantissa, sign, power = Decimal(found[1]), found[2], (found[3] or "").lstrip("0")
    if not mantissa:
        return Read(Decimal(0))
    if len(power) > VAST:
        return Read(Decimal(0), unfit=TOO_FINE) if sign == "-" else Read(unfit=TOO_LARGE)
    number = Decimal(f"{found[1]}E{sign or '+'}{power or '0'}")
    if number.adjusted() >= WHOLE:
        return Read(unfit=TOO_LARGE)
    value = number.quantize(LAST, context=ROUNDING)
    if value.adjusted() >= WHOLE:  # it was rounded up
        return Read(unfit=TOO_LARGE)
    return Read(value, unfit="" if value == number else TOO_FINE)


def scaled(texts: pl.Series, power: int) -> pl.Series:
    """Numerals times a power of ten, exactly; what is none stays as it is.

    >>> scaled(pl.Series(["15", "1.5E-2", None, "x"]), -2).to_list()
    ['0.15', '0.00015', None, 'x']
    """
    once = texts.drop_nulls().unique()
    found = [NUMERAL.fullmatch(text) for text in once]
    words = [
        str(EXACT.scaleb(Decimal(text), power)) if one and _is_holdable(one) else text
        for text, one in zip(once, found, strict=True)
    ]
    return texts.replace_strict(once, pl.Series(words, dtype=pl.String), default=None)


def _is_holdable(found: re.Match[str]) -> bool:
    """Whether Decimal holds the exponent; of one that it does not, some more make no difference."""
    return len((found[3] or "").lstrip("0")) <= VAST

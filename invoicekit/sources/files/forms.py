"""How a file writes numbers and dates: its decimal sign, and the order of day and month.

Both are found from all values of the file: one that can be read in one way alone decides for those
that could be read in two. What stays open is asked, and never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from invoicekit.errors import FrameError
from invoicekit.sources.files.finding import AGAIN

DecimalSign = Literal[".", ","]
DateOrder = Literal["mdy", "dmy"]
DECIMALS: tuple[DecimalSign, ...] = (".", ",")
ORDERS: tuple[DateOrder, ...] = ("mdy", "dmy")
_SPACE = " \u00a0\u202f"
SIGNS = "$€£¥"  # of currencies: before the number, or after it, as in much of Europe
# A sign or brackets, a currency's sign, thousands in groups of three, decimals, an exponent.
_NUMBER = (
    rf"(?P<open>\()?(?P<minus>[+-])?[{_SPACE}]?(?P<before>[{SIGNS}])?[{_SPACE}]?(?P<sign>[+-])?"
    rf"(?P<whole>[0-9]*|[1-9][0-9]{{0,2}}(?:[GROUP{_SPACE}'\u2019][0-9]{{3}})+)"
    r"(?:DECIMAL(?P<decimals>[0-9]*))?(?P<power>[eE][+-]?[0-9]+)?"
    rf"(?(before)|(?:[{_SPACE}]?[{SIGNS}])?)(?P<close>\))?"
)
NUMBER = {
    ".": re.compile(_NUMBER.replace("GROUP", ",").replace("DECIMAL", r"\.")),
    ",": re.compile(_NUMBER.replace("GROUP", ".").replace("DECIMAL", ",")),
}
# What needs no second look: digits, or a point where only a decimal point can be.
PLAIN = r"^[+-]?(?:[0-9]*|0?\.[0-9]*|[0-9]*\.(?:[0-9]{0,2}|[0-9]{4,})|[0-9]{4,}\.[0-9]*)$"
DATE = re.compile(
    r"([0-9]{1,2})([/.-])([0-9]{1,2})\2([0-9]{4})"
    r"(?:,?[ T]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}(?:\.[0-9]+)?))?(?:[ \u202f]?([AaPp])[Mm])?)?"
)
ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ].*)?")
TWELVE = 12  # months, and hours of half a day


@dataclass(frozen=True, slots=True)
class Seen:
    """A value of some form, and where it was first seen."""

    where: str
    column: str


@dataclass(slots=True)
class Numbers:
    """What the numbers of a file say of its decimal sign."""

    only: dict[DecimalSign, Seen] = field(default_factory=dict)  # values that fit one sign alone
    either: dict[DecimalSign, Seen] = field(
        default_factory=dict
    )  # `1.234`, `1,234`: both, unequally

    def see(self, column: str, once: Iterable[str], where: Callable[[str], str]) -> None:
        """Take values of a column; `where` says the place of one in words."""
        for value in once:
            fits = [sign for sign in DECIMALS if read_as(value, sign) is not None]
            if len(fits) == 1:
                known, sign = self.only, fits[0]
            elif len({read_as(value, sign) for sign in fits}) > 1:
                known, sign = self.either, "." if "." in value else ","
            else:
                continue
            if sign not in known:
                known[sign] = Seen(where(value), column)

    def decide(self, name: str, delimiter: str, asked: DecimalSign | None) -> DecimalSign:
        """The decimal sign of the file.

        Raises:
            FrameError: it has both, or could have either.
        """
        if len(self.only) > 1:
            places = " and ".join(
                f"a decimal {'point' if sign == '.' else 'comma'} in {seen.where}, {seen.column}"
                for sign, seen in self.only.items()
            )
            raise FrameError(
                f"{name} has {places}: a spreadsheet has changed some of its numbers, and nobody "
                f"can say which. {AGAIN.capitalize()}"
            )
        if asked:
            return asked
        if self.only:
            return next(iter(self.only))
        # The portal writes points and commas between cells; a decimal comma needs quotes there.
        if "," in self.either or ("." in self.either and delimiter != ","):
            seen = next(iter(self.either.values()))
            raise FrameError(
                f"{name}: is the sign in a number such as that in {seen.where}, {seen.column}, "
                "the decimal sign, or does it part the thousands? No other number of the file "
                'says so. Say decimal="." or decimal="," (--decimal at the shell)'
            )
        return "."


@dataclass(slots=True)
class DateForms:
    """What the dates of a file say of the order of day and month."""

    marks: dict[str, dict[str, Seen]] = field(default_factory=dict)  # column -> `/`, `.`, `-`, ISO
    only: dict[DateOrder, Seen] = field(default_factory=dict)
    either: Seen | None = None

    def see(self, column: str, once: Iterable[str], where: Callable[[str], str]) -> None:
        """Take values of a column; `where` says the place of one in words."""
        marks = self.marks.setdefault(column, {})
        for value in once:
            found = DATE.fullmatch(value)
            mark = found[2] if found else "ISO" if ISO.fullmatch(value) else ""
            if mark and mark not in marks:
                marks[mark] = Seen(where(value), column)
            if not found or int(found[4]) == 1:  # .NET's DateTime.MinValue: no date
                continue
            first, second = int(found[1]), int(found[3])
            if first > TWELVE < second:  # no date in either order
                continue
            order: DateOrder | None = (
                "dmy" if mark == "." or first > TWELVE else "mdy" if second > TWELVE else None
            )
            if order and order not in self.only:
                self.only[order] = Seen(where(value), column)
            elif not order and first != second and not self.either:
                self.either = Seen(where(value), column)

    def decide(self, name: str, asked: DateOrder | None) -> DateOrder:
        """The order of day and month.

        Raises:
            FrameError: it is both, or could be either.
        """
        apart = self._apart()
        if apart:
            raise FrameError(
                f"{name} has dates of two forms, as in {apart[0].where}, {apart[0].column}, and "
                f"{apart[1].where}, {apart[1].column}: a spreadsheet has read some of them, with "
                f"day and month exchanged perhaps. {AGAIN.capitalize()}"
            )
        if asked:
            return asked
        if self.only:
            return next(iter(self.only))
        if self.either:
            raise FrameError(
                f"{name}: does the date in {self.either.where}, {self.either.column}, begin with "
                'the month, as the portal writes it (say dates="mdy"), or with the day (say '
                'dates="dmy"; --dates at the shell)? No other date of the file says so'
            )
        return "mdy"

    def _apart(self) -> list[Seen]:
        """Two places, or more, whose dates cannot both be as the portal wrote them."""
        together = {mark: seen for marks in self.marks.values() for mark, seen in marks.items()}
        together.pop("ISO", None)  # may be in a column of its own
        found = [[*marks.values()] for marks in (*self.marks.values(), together)]
        return next((places for places in [*found, [*self.only.values()]] if len(places) > 1), [])


def odd_numbers(column: pl.Series) -> pl.Series:
    """The numbers whose form needs a second look, each once, and one of the plain ones."""
    plain = column.str.contains(PLAIN)
    pointed = column.filter(plain & column.str.contains(".", literal=True)).head(1)
    return pl.concat([column.filter(~plain).unique(maintain_order=True), pointed])


def read_as(value: str, sign: DecimalSign) -> str | None:
    """A number as digits and a point, if it is one in that form.

    >>> read_as("$1,234.50", "."), read_as("(1.234,5 €)", ","), read_as("0,045", ".")
    ('1234.50', '-1234.5', None)
    """
    found = NUMBER[sign].fullmatch(value.strip())
    if not found or not (found["whole"] or found["decimals"]):
        return None
    signs = (found["minus"] or "") + (found["sign"] or "")
    if bool(found["open"]) != bool(found["close"]) or len(signs + (found["open"] or "")) > 1:
        return None
    minus = "-" if signs == "-" or found["open"] else ""
    decimals = f".{found['decimals']}" if found["decimals"] else ""
    whole = re.sub("[^0-9]", "", found["whole"]) or "0"
    return f"{minus}{whole}{decimals}{found['power'] or ''}"


def numbers_as_ours(column: pl.Series, sign: DecimalSign) -> pl.Series:
    """The numbers with a decimal point and nothing else; what is no number stays as it is."""
    odd = column.filter(~column.str.contains(PLAIN)).unique()
    if not len(odd):
        return column
    words = [read_as(value, sign) or value for value in odd]
    return column.replace(odd, pl.Series(words, dtype=pl.String))


def dates_as_ours(column: pl.Series, order: DateOrder) -> pl.Series:
    """The dates in ISO's form; what is none stays as it is."""
    once = column.drop_nulls().unique()
    return column.replace(once, pl.Series([_iso(value, order) for value in once], dtype=pl.String))


def _iso(value: str, order: DateOrder) -> str:
    r"""A date in ISO's form.

    >>> _iso("2/28/2019 23:59", "mdy"), _iso("28.2.2019", "dmy"), _iso("2/8/2019 12:05 AM", "mdy")
    ('2019-02-28T23:59:00', '2019-02-28', '2019-02-08T00:05:00')
    """
    found = DATE.fullmatch(value)
    if not found:
        return value.replace(" ", "T", 1) if ISO.fullmatch(value) else value
    first, _, second, year, hour, minute, seconds, half = found.groups()
    month, day = (first, second) if order == "mdy" else (second, first)
    text = f"{year}-{month:0>2}-{day:0>2}"
    if hour is None:
        return text
    if half:
        if not 1 <= int(hour) <= TWELVE:
            return value
        hour = str(int(hour) % TWELVE + (TWELVE if half in "pP" else 0))
    return f"{text}T{hour:0>2}:{minute}:{seconds or '00'}"

"""Everything invoicekit raises on purpose, as one tree.

    InvoiceKitError
    ├── SettingsError      a setting is missing or makes no sense
    ├── FetchError         the service could not be asked
    │   ├── AccessError    it refused us (401, 403)
    │   └── NotFoundError  it has no such thing (404)
    ├── PageError          not a page; pages that loop; a collection cut short
    ├── FrameError         rows that cannot be typed as their objectType
    └── CurrencyError      amounts of several currencies asked to be one number or axis

Errors are raised where the foreign thing is met and caught only where nobody stands above: in the
shell and in widgets. A value that is not among the allowed ones is a plain `ValueError`. What is no
error, and yet to be known, is a `UserWarning` at the line of whoever called invoicekit.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from invoicekit.visible import visible

if TYPE_CHECKING:
    from types import TracebackType

    import polars as pl


# The way through invoicekit is of use to its developers alone.
ALL_OF_IT = "(all of it: import sys, traceback; traceback.print_exception(sys.last_value))"


class InvoiceKitError(Exception):
    """The root: catch this to catch everything that invoicekit raises on purpose.

    Of `Client.sync`, `synced` has the rows of the invoices that could be synced.
    """

    synced: pl.DataFrame | None = None

    def __str__(self) -> str:
        return visible(super().__str__())

    def _render_traceback_(self) -> list[str]:
        """What IPython shows of it: how its user's lines led here, and the message."""
        return [*_lines_of_user(self.__traceback__), f"{type(self).__name__}: {self}", ALL_OF_IT]


class SettingsError(InvoiceKitError):
    """A setting is missing or makes no sense.

    `listed` says that it is a word outside a listed set, or a number outside its range: wrong usage
    at the shell, wherever it comes from.
    """

    listed = False


class FetchError(InvoiceKitError):
    """The service could not be asked, or answered with something that is no answer.

    `url` never holds a credential; `code` and `description` are the service's own words
    (Partner Center's ApiFault), `hint` is ours: what to do, and the end of the text.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        description: str | None = None,
        url: str | None = None,
        request_id: str | None = None,
        correlation_id: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.description = description
        self.url = url
        self.request_id = request_id
        self.correlation_id = correlation_id
        self.hint = hint

    def __str__(self) -> str:
        text, hint = super().__str__(), visible(self.hint or "")
        if not hint or hint.lower() in text.lower():
            return text
        return f"{text.rstrip('.')}. {hint[0].upper()}{hint[1:]}"


class AccessError(FetchError):
    """The service refused us (401, 403)."""


class NotFoundError(FetchError):
    """The service has no such thing (404)."""


class PageError(InvoiceKitError):
    """Not a page; pages that loop; a collection cut short."""


class FrameError(InvoiceKitError):
    """Rows that cannot be typed as their objectType; the message names page, row and column."""


class CurrencyError(InvoiceKitError):
    """Amounts of several currencies were asked to be one number or one axis."""


def did_you_mean(word: str, allowed: Iterable[str], most: int = 1) -> str:
    """`"; did you mean …?"` with what of the allowed words is nearest; `""` where none is near.

    >>> did_you_mean("Custmer", ["offer", "customer"]), did_you_mean("x", ["offer"])
    ("; did you mean 'customer'?", '')
    """
    from difflib import get_close_matches

    known = {fold(one): one for one in allowed}
    near = get_close_matches(fold(word), known, n=most)
    return f"; did you mean {' or '.join(repr(known[one]) for one in near)}?" if near else ""


def one_of(word: str, allowed: Iterable[str], are: str = "it is one of") -> str:
    """The end of a message on a word that is not allowed: those that are, and the nearest of them.

    >>> one_of("ofice", ["azure", "office"])
    "; it is one of azure, office. Did you mean 'office'?"
    >>> one_of("x", ["azure", "office"])
    '; it is one of azure, office'
    """
    allowed = list(allowed)
    near = did_you_mean(word, allowed)
    return f"; {are} {', '.join(allowed)}" + (f". D{near.removeprefix('; d')}" if near else "")


def check_text(value: object, what: str, write: str) -> None:
    """Refuse what is no text, before it fails far from its caller.

    >>> check_text(5, "a month", 'since="2026-01"')
    Traceback (most recent call last):
    TypeError: a month is a text: write since="2026-01"

    Raises:
        TypeError: it is none; says what to write.
    """
    if not isinstance(value, str):
        raise TypeError(f"{what} is a text: write {write}")


def fold(word: str) -> str:
    """A word without blanks and case.

    >>> fold(" g0123 45")
    'g012345'
    """
    return "".join(word.split()).casefold()


def _lines_of_user(trace: TracebackType | None) -> list[str]:
    """The frames of a traceback up to the call into the package, without those of IPython."""
    import traceback

    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    lines = []
    for frame in traceback.extract_tb(trace):
        if frame.filename.startswith(PACKAGE):
            break
        if f"{os.sep}IPython{os.sep}" not in frame.filename:
            cell = shell.compile.format_code_name(frame.filename) if shell else None
            where = " ".join(cell) if cell else frame.filename
            lines.append(f"{where}, line {frame.lineno}, in {frame.name}\n    {frame.line}")
    return lines


T = TypeVar("T")
Place = tuple[str, int, str, dict[Any, Any]]  # a file, a line, its module, the warnings it had
PACKAGE = f"{Path(__file__).parent}{os.sep}"
_submitted_from: ContextVar[Place | None] = ContextVar("_submitted_from", default=None)


def warn(message: str, *, each_time: bool = False) -> None:
    """Warn at the line of whoever called invoicekit: a path of ours would tell him nothing.

    Args:
        message: what is to be known, and what to do about it.
        each_time: also where that line has had the very same warning before, as a cell that is run
            again has: for what makes a figure another one.
    """
    filename, line, module, before = _caller()
    seen = {} if each_time else before
    warnings.warn_explicit(visible(message), UserWarning, filename, line, module, seen)


def for_caller(task: Callable[[], T]) -> Callable[[], T]:
    """`task` for another thread, whose warnings are at the line that is the caller's now."""
    place = _caller()

    def run() -> T:
        before = _submitted_from.set(place)
        try:
            return task()
        finally:
            _submitted_from.reset(before)

    return run


def _caller() -> Place:
    """Where the outermost call into the package was made, or the work of this thread submitted."""
    if (place := _submitted_from.get()) is not None:
        return place
    frame = found = sys._getframe(1)  # noqa: SLF001 (there is no other way)
    while (outer := frame.f_back) is not None:
        if frame.f_code.co_filename.startswith(PACKAGE):
            found = outer
        frame = outer
    names = found.f_globals  # which may hold a token: they stay in this frame
    before = names.setdefault("__warningregistry__", {})
    return found.f_code.co_filename, found.f_lineno, names.get("__name__") or "unknown", before

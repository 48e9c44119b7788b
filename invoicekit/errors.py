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

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoicekit.visible import visible

if TYPE_CHECKING:
    import polars as pl


class InvoiceKitError(Exception):
    """The root: catch this to catch everything that invoicekit raises on purpose.

    Of `Client.sync`, `synced` has the rows of the invoices that could be synced.
    """

    synced: pl.DataFrame | None = None

    def __str__(self) -> str:
        return visible(super().__str__())


class SettingsError(InvoiceKitError):
    """A setting is missing or makes no sense.

    `listed` says that it is a word outside a listed set, or a number outside its range: wrong usage
    at the shell, wherever it comes from.
    """

    listed = False


class FetchError(InvoiceKitError):
    """The service could not be asked, or answered with something that is no answer.

    `url` never holds a credential; `code` and `description` are the service's own words
    (Partner Center's ApiFault), `hint` is ours.
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


PACKAGE = str(Path(__file__).parent)


def warn(message: str, *, each_time: bool = False) -> None:
    """Warn at the line of whoever called invoicekit: a path of ours would tell him nothing.

    Args:
        message: what is to be known, and what to do about it.
        each_time: also where that line has had the very same warning before, as a cell that is run
            again has: for what makes a figure another one.
    """
    filename, line, names = _caller()
    seen = {} if each_time else names.setdefault("__warningregistry__", {})
    module = names.get("__name__") or "unknown"
    warnings.warn_explicit(visible(message), UserWarning, filename, line, module, seen)


def _caller() -> tuple[str, int, dict[str, Any]]:
    """The file and line that called into the package, and the globals there."""
    frame = found = sys._getframe(1)  # noqa: SLF001 (there is no other way)
    while (outer := frame.f_back) is not None:
        if frame.f_code.co_filename.startswith(PACKAGE):
            found = outer
        frame = outer
    return found.f_code.co_filename, found.f_lineno, found.f_globals

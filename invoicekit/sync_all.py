"""All invoices into the store, and what becomes of those that cannot be brought in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

import polars as pl

from invoicekit.errors import AccessError, FetchError, InvoiceKitError, SettingsError
from invoicekit.fetch.progress import Counted
from invoicekit.fetch.session import Session
from invoicekit.invoice import Invoice
from invoicekit.store.dataset import Store
from invoicekit.store.sync import PROOF

SYNCED = {"invoice_id": pl.String(), "invoice_date": pl.Date(), **PROOF}
UNREACHED = 3  # invoices in a row without a usable answer, after which the others are not tried
UNAUTHORIZED, TOO_MANY_REQUESTS, SERVER_ERROR = 401, 429, 500


def sync_all(
    session: Session,
    headers: pl.DataFrame,
    *,
    refresh: bool = False,
    tell: Callable[[str], None] | None = None,
) -> pl.DataFrame:
    """A row of proof for each invoice of the list; one that cannot be synced is passed over.

    Raises:
        TypeError: `tell` is no function.
        InvoiceKitError: at the end, naming all that could not be; at once where the next would fare
            no better. Its `synced` has the rows of those that could be.
    """
    if not (tell is None or callable(tell)):
        raise TypeError("tell is a function that takes a line: write tell=print")
    rows = []
    failures = Failures(headers.height, offline=session.settings.offline)
    Store(session.root).sweep()
    try:
        with Counted(
            headers.iter_rows(named=True), headers.height, "invoices", session.progress
        ) as bar:
            for header in bar:
                try:
                    invoice = Invoice(session, header)
                    synced = invoice.sync(refresh=refresh)
                except InvoiceKitError as error:
                    name = header["invoice_id"] or "an invoice without an id"
                    bar.tell(f"{name}  not synced: {error}", tell)
                    failures.add(name, error)
                    continue
                failures.passed()
                there = "" if synced.new else "  (was there)"
                bar.tell(f"{invoice.id}  {synced.proof}{there}", tell)
                rows.append((invoice.id, invoice.date, *synced.row()))
        failures.end()
    except InvoiceKitError as error:
        error.synced = pl.DataFrame(rows, schema=SYNCED, orient="row")
        raise
    return pl.DataFrame(rows, schema=SYNCED, orient="row")


@dataclass(slots=True)
class Failures:
    """The invoices that could not be synced, and why."""

    invoices: int
    offline: bool
    _found: list[tuple[str, InvoiceKitError]] = field(default_factory=list)
    _unreached: int = 0

    def add(self, invoice_id: str, error: InvoiceKitError) -> None:
        """Note one, for `end`; where the next invoice would fare no better, that is the end."""
        self._found.append((invoice_id, error))
        self._unreached = self._unreached + 1 if self._is_no_answer(error) else 0
        refused = isinstance(error, AccessError) and error.status == UNAUTHORIZED
        # A disk that takes no more; not a service that there is no token for: others have the rest.
        unstored = isinstance(error, SettingsError) and isinstance(error.__cause__, OSError)
        if refused or unstored or self._unreached == UNREACHED:
            self._raise("The others were not tried; what is stored stays")

    def passed(self) -> None:
        """Note one that was synced."""
        self._unreached = 0

    def end(self) -> None:
        """Raise one error that names them all, if there are any."""
        if self._found:
            self._raise("The others are stored")

    def _is_no_answer(self, error: InvoiceKitError) -> bool:
        if not isinstance(error, FetchError) or self.offline:
            return False
        status = error.status
        return status is None or status == TOO_MANY_REQUESTS or status >= SERVER_ERROR

    def _raise(self, rest: str) -> NoReturn:
        reasons = "; ".join(f"{name}: {str(error).rstrip('.')}" for name, error in self._found)
        message = f"{len(self._found)} of {self.invoices} invoices not synced: {reasons}. {rest}"
        last = self._found[-1][1]
        kinds = {type(error) for _, error in self._found}
        if len(kinds) > 1:
            raise InvoiceKitError(message) from last
        if isinstance(last, FetchError):
            said = {name: value for name, value in vars(last).items() if not name.startswith("_")}
            raise type(last)(message, **said) from last
        raise type(last)(message) from last

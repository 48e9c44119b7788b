"""The headers of a partner's invoices: of all in the list, of those since a month, of one."""

from __future__ import annotations

import re
from datetime import date, datetime

import polars as pl

from invoicekit.errors import FetchError, PageError, check_text, did_you_mean, fold
from invoicekit.fetch.pull import pull
from invoicekit.fetch.session import Session
from invoicekit.frames.decode import decode_invoices
from invoicekit.frames.invoice_list import decode_list
from invoicekit.sources.partner_center import requests
from invoicekit.sources.partner_center.source import pages, resource

FORBIDDEN, NOT_FOUND = 403, 404
DATED = re.compile(r"[0-9]{1,4}([-/.][0-9]{1,4}){1,2}")  # a month, or meant as one
SPACES = " \t\r\n"


def listed(session: Session, *, since: str | None = None, refresh: bool = False) -> pl.DataFrame:
    """The list, newest first; with `since` what is dated in that month or later, or not at all.

    Raises:
        TypeError: `since` is no text.
        ValueError: `since` is no month.
        FetchError: the service could not be asked.
        PageError: it names one invoice twice, and differently.
    """
    first = None if since is None else first_of(since)
    headers, _ = pull(session, requests.invoices(), pages, decode_list, refresh=refresh)
    dated = pl.col("invoice_date")
    return headers if first is None else headers.filter((dated >= first) | dated.is_null())


def header(session: Session, invoice_id: str, *, refresh: bool = False) -> pl.DataFrame:
    """The one row of the invoice with that id; from the list, where the service does not give it.

    Raises:
        TypeError: the id is no text.
        ValueError: it cannot be one.
        NotFoundError: there is no such invoice; names the nearest.
        AccessError: this sign-in may not ask by id, and the list does not have it.
        PageError: the service sent another one.
    """
    name = invoice_id if isinstance(invoice_id, int) else "G000024135"
    check_text(invoice_id, "the id of an invoice", f'client.invoice("{name}")')
    invoice_id = invoice_id.strip(SPACES)
    asked = requests.invoice(invoice_id)
    try:
        found, _ = pull(session, asked, resource, decode_invoices, refresh=refresh)
    except FetchError as error:
        if error.status not in {FORBIDDEN, NOT_FOUND} and not session.settings.offline:
            raise
        return _in_the_list(session, invoice_id, error, refresh=refresh)
    name = found["invoice_id"].item()
    if name is None or fold(name) != fold(invoice_id):
        raise PageError(f"asked for invoice {invoice_id}, and the service sent another one")
    return found


def _in_the_list(
    session: Session, invoice_id: str, refused: FetchError, *, refresh: bool
) -> pl.DataFrame:
    """The invoice as it is written, else the only one that is equal without blanks and case."""
    try:
        headers = listed(session, refresh=refresh)
    except FetchError:
        raise refused from None
    ids = headers["invoice_id"].drop_nulls().to_list()
    same = [one for one in ids if one == invoice_id]
    same = same or [one for one in ids if fold(one) == fold(invoice_id)]
    if len(same) == 1:
        return headers.filter(pl.col("invoice_id") == same[0])
    near = did_you_mean(invoice_id, ids, most=3)
    if same:
        near = f"; write {' or '.join(map(repr, same))};"
    refused.hint = f"the list has no such invoice{near or ';'} client.invoices() has them all"
    raise refused


def first_of(month: str) -> date:
    """The first day of a month.

    Raises:
        TypeError: it is no text.
        ValueError: it is no month.

    >>> first_of("2026-01").isoformat()
    '2026-01-01'
    """
    said = f"{month:%Y-%m}" if isinstance(month, date) else "2026-01"
    check_text(month, "a month", f'since="{said}"')
    try:
        return datetime.strptime(month, "%Y-%m").date()  # noqa: DTZ007 (a month has no zone)
    except ValueError:
        raise ValueError(f"{month!r} is no month; say it as 2026-01") from None


def month_in(name: str) -> str | None:
    """The month that a side of a comparison is named by; `None` where it is an invoice's id.

    >>> month_in("2026-9"), month_in("G000024135")
    ('2026-09', None)

    Raises:
        TypeError: it is no text.
        ValueError: it is like a month, and is none.
    """
    write = 'client.compare("2026-09", "2026-10"). ik.compare() takes invoices'
    check_text(name, "an id or a month", write)
    return f"{first_of(name):%Y-%m}" if DATED.fullmatch(name) else None

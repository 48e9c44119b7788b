"""The front door: from a partner to its invoices, and to each invoice's lines, totals and proof."""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import polars as pl

from invoicekit.analysis.totals import keys_of
from invoicekit.analysis.views.table import view_named
from invoicekit.auth.signers import identified
from invoicekit.errors import NotFoundError, SettingsError, check_text, one_of, warn
from invoicekit.fetch.progress import Wish
from invoicekit.fetch.pull import pull
from invoicekit.fetch.retry import RetryPolicy
from invoicekit.fetch.session import Session
from invoicekit.frames.decode import decode_estimate_links, decode_summaries
from invoicekit.frames.invoice_list import is_amendment
from invoicekit.invoice import Invoice
from invoicekit.line_items import Unbilled
from invoicekit.setting_values import hidden
from invoicekit.settings import Settings, read_settings
from invoicekit.show.interactive import trim_zeros
from invoicekit.sources.choose import HEADERS
from invoicekit.sources.partner_center import requests as partner_center
from invoicekit.sources.partner_center.header import headers_of
from invoicekit.sources.partner_center.source import pages
from invoicekit.store import snapshots
from invoicekit.store.all_invoices import COLUMNS, AllCharges, all_charges, all_lines, unsure
from invoicekit.store.cache_admin import Cache
from invoicekit.store.dataset import Store
from invoicekit.store.headers import header, listed, month_in
from invoicekit.store.unbilled import PERIODS, read_unbilled
from invoicekit.sync_all import sync_all

if TYPE_CHECKING:
    from invoicekit.analysis.comparison.compare import Comparison
    from invoicekit.analysis.comparison.months import Month
    from invoicekit.auth.diagnosis import Diagnosis
    from invoicekit.auth.given import TokenCredential
    from invoicekit.show.plotly_figure import Figure

CURRENCY = re.compile(r"[A-Z]{3}")
# Of an invoice's header, what an analyst reads; the rest is links and nested objects.
UNSHOWN = ("pdf_download_link", "tax_receipts", "invoice_details", "links", "attributes")


def connect(
    *,
    token: str | Callable[[], str] | None = None,
    tenant_id: str | None = None,
    client_id: str | None = None,
    client_secret: str | None = None,
    client_certificate: str | Path | None = None,
    client_certificate_password: str | None = None,
    refresh_token: str | None = None,
    credential: TokenCredential | None = None,
    cloud: str | None = None,
    base_url: str | None = None,
    graph_url: str | None = None,
    graph_token: str | Callable[[], str] | None = None,
    cache_dir: str | Path | None = None,
    cache_gb: float | None = None,
    page_size: int | None = None,
    connections: int | None = None,
    connect_timeout: float | None = None,
    read_timeout: float | None = None,
    export_timeout: float | None = None,
    offline: bool | None = None,
    progress: bool | Callable[[str, int], object] | None = None,
) -> Client:
    """A client of one partner; what is not given comes from `INVOICEKIT_*`.

    Asks nothing yet, but a function or a credential whose token it gives: the cache is the user's.
    In IPython polars then shows decimals without needless zeros, unless you have set that yourself.

    >>> with ik.connect(token="a-token", tenant_id="contoso.example", cache_dir="cache") as mine:
    ...     mine
    Client(https://api.partnercenter.microsoft.com, tenant contoso.example)

    Args:
        token: a bearer token for Partner Center, used as it is, or a function that gives one: it
            is called again before that one ends. With one named here, no tenant and no app is
            taken from the environment: they may be another partner's.
        tenant_id: the partner; else the token's `tid` claim, else a digest of the token. Where
            both are ids they have to be the same.
        client_id: the app to sign in with: app-only with `client_secret` or `client_certificate`,
            as a user with `refresh_token`, or with nothing more by device code.
        client_secret: of the app.
        client_certificate: PEM with the app's key and certificate: the path of a file, or the text.
        client_certificate_password: of the key, where it is encrypted.
        refresh_token: of the secure application model; a rotated one is kept for the next time.
        credential: an object with `get_token(scope)`, as those of azure-identity; it serves both
            Partner Center and Microsoft Graph.
        cloud: `"global"` (default), `"usgov"` or `"china"`.
        base_url: another host, without a path; plain http for loopback only. For a token that a
            sign-in gets, it counts only if named here, never from the environment.
        graph_url: another host for Microsoft Graph, without `/v1.0`, by the same rules. With a
            `base_url` of your own, Graph is asked only where this is given too.
        graph_token: the same for Microsoft Graph (`PartnerBilling.Read.All`), where `token` does
            not work.
        cache_dir: where answers are kept; the user's cache folder by default.
        cache_gb: how much of them; beyond 5 (default) the oldest collections go first.
        page_size: rows a page, 1 to 2000 (default).
        connections: requests at once, 1 to 16 (4). Seek pages come one after the other anyhow.
        connect_timeout: seconds to connect (10).
        read_timeout: seconds without a byte of an answer (180); all of it may take five times that.
        export_timeout: seconds until Microsoft Graph has to have made an export (3600).
        offline: answer from the cache alone, and never ask.
        progress: `None` (default) shows a bar above a second of work, `False` none; a function is
            told what is read (an invoice's id, `"invoices"`) and the lines or invoices so far.

    Raises:
        SettingsError: a setting is missing or makes no sense.
    """
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise SettingsError("progress is None, False, or a function of a name and a count")
    given = hidden({name: value for name, value in locals().items() if name != "progress"})
    # An error shows this frame, and with it its variables.
    del token, tenant_id, client_id, client_secret, client_certificate, client_certificate_password
    del refresh_token, credential, cloud, base_url, graph_url, graph_token, cache_dir, cache_gb
    del page_size, connections, connect_timeout, read_timeout, export_timeout, offline
    client = Client(identified(read_settings(given)), progress=progress)
    trim_zeros()
    return client


def demo(*, faults: str | Iterable[str] = ()) -> Client:
    """A client of a partner that exists nowhere, served over real HTTP on loopback.

    As in reality, Microsoft Graph has its new commerce lines from 2024-02 on, and Partner Center
    all others. Also a context manager. Its cache is a temporary folder, removed at exit;
    `INVOICEKIT_*` is ignored.

    >>> with ik.demo() as fresh:
    ...     fresh.latest
    Invoice G012345612 of 2026-11-05: 247,259.68 USD, not reconciled yet
    >>> with ik.demo(faults=["one cent", "missing customer"]) as spoilt:
    ...     spoilt.latest.total
    Decimal('247259.69')

    Args:
        faults: names of what is planted in the newest invoice: `"header credit"`, `"one cent"`,
            `"price moved"`, `"odd tax rate"`, `"missing customer"`, `"wrong row total"`,
            `"other currency"`, `"drifted column"`, `"usage restated"`, `"doubled rows"`.

    Raises:
        ValueError: there is no such fault.
    """
    from invoicekit.sandbox.server import demo_sandbox

    sandbox = demo_sandbox(graph=True, faults=faults).start()
    folder = tempfile.mkdtemp(prefix="invoicekit-demo-")
    given = hidden({**sandbox.settings, "cache_dir": folder, "tenant_id": "demo"})
    given["data_dir"] = Path(folder, "history")

    def leave() -> None:
        sandbox.close()
        shutil.rmtree(folder, ignore_errors=True)

    client = Client(read_settings(given, environ={}), at_close=leave)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # what threads wrote after close()
    atexit.register(client.close)
    trim_zeros()
    return client


class Client:
    """One partner's invoices. Nothing is asked until something is asked for.

    Made by `connect()` or `demo()`; a context manager, which closes it.

    >>> client.invoice("G012345611").reconcile()
    ✔ ties: 221,438.34 USD, 369 lines, 2 pages, difference 0.00
    """

    def __init__(
        self,
        settings: Settings,
        *,
        at_close: Callable[[], None] | None = None,
        progress: Wish = None,
    ) -> None:
        self.settings = settings
        self._session = Session(settings, headers=HEADERS)
        self._session.progress = progress
        self._at_close = at_close
        self._unbilled: dict[tuple[str, str], Unbilled] = {}

    def invoices(self, *, refresh: bool = False) -> pl.DataFrame:
        """All invoices, newest first.

        Columns: `invoice_id, invoice_date, billing_period_start, billing_period_end` (days),
        `total_charges, paid_amount` (in `currency`), `currency, document_type, invoice_type,
        currency_symbol, amendments, amends_of, state`, and whatever else the service sent. An
        amendment (`document_type` is `void_note` or `adjustment_note`) is a row of its own, also
        one that is only in the `amendments` of its invoice; `amends_of` names what it amends.
        Amounts have the sign that they were sent with.

        >>> client.invoices().select("invoice_id", "currency").head(2).rows()
        [('G012345612', 'USD'), ('D070001012', 'USD')]

        Args:
            refresh: ask the service again; else the list is kept for an hour.

        Raises:
            FetchError: the service could not be asked.
            PageError: it names one invoice twice, and differently.
        """
        return self._headers(refresh=refresh).drop(UNSHOWN)

    def invoice(self, invoice_id: str, *, refresh: bool = False) -> Invoice:
        """The invoice with this id; from the list where an app-only sign-in may not ask by id.

        One that the service does not know is looked for in the list, without blanks and case: the
        only one that is equal is it.

        >>> client.invoice("G012345611").total
        Decimal('221438.34')
        >>> client.invoice(" g0123 45611").id
        'G012345611'

        Args:
            invoice_id: as in the column `invoice_id` of `invoices()`.
            refresh: ask the service again; else the header is kept for an hour.

        Raises:
            TypeError: it is no text.
            ValueError: it cannot be an id.
            NotFoundError: there is no such invoice; names the nearest.
            AccessError: this sign-in may not ask by id, and the list does not have it.
        """
        found = header(self._session, invoice_id, refresh=refresh)
        return Invoice(self._session, found.row(0, named=True))

    def summaries(self, *, refresh: bool = False) -> pl.DataFrame:
        """What is owed, and what was paid last: a row per currency, by its code.

        Columns: `currency, balance_amount` (of all unpaid invoices), `last_payment_amount,
        last_payment_date, latest_invoice_date, first_invoice_date` (days), `accounting_date` (UTC:
        when the balance was last updated), `currency_symbol`, and whatever else the service sent.

        >>> client.summaries().select("currency", "last_payment_date").head(1).rows()
        [('EUR', datetime.date(2026, 7, 26))]

        Args:
            refresh: ask the service again; else the balances are kept for an hour.

        Raises:
            AccessError: Partner Center gives them to App+User sign-ins alone.
            FetchError: the service could not be asked.
        """
        asked = partner_center.summaries()
        found, _ = pull(self._session, asked, pages, decode_summaries, refresh=refresh)
        return found.drop("details", "links", "attributes")

    def unbilled(
        self,
        *,
        period: Literal["current", "previous"] = "current",
        currency: str | None = None,
        refresh: bool = False,
    ) -> Unbilled:
        """The lines of a month that is not billed yet: an estimate, of new commerce.

        They are asked for anew by each client, since they change by the hour. What came is kept as
        a snapshot, for `unbilled_history()`.

        >>> client.unbilled().reconcile().state
        'incomplete'

        Args:
            period: `"current"`, or `"previous"`: the month before it, until that is billed.
            currency: the partner's billing currency; by default that of the newest invoice.
            refresh: ask again what this client has asked already.

        Raises:
            ValueError: no such period, or no currency.
            NotFoundError: there is no invoice yet to tell the currency by.
            FetchError: the service could not be asked.
            SettingsError: it takes Graph, and there is no token for that.
        """
        if period not in PERIODS:
            raise ValueError(f"{period!r} is no period{one_of(str(period), PERIODS)}")
        currency = self._currency(currency)
        if refresh or (period, currency) not in self._unbilled:
            found = read_unbilled(self._session, period, currency)
            self._unbilled[period, currency] = found
        return self._unbilled[period, currency]

    def estimate_links(self, *, currency: str | None = None) -> pl.DataFrame:
        """Which estimates of months that are not billed yet the service has; asked each time.

        Columns: `period` (`current` or `previous`), `type, title, description, uri` (of the request
        that gives its lines; `unbilled()` asks the same).

        >>> client.estimate_links()["type"].unique().sort().to_list()
        ['daily_rated_usage', 'non_consumption']

        Args:
            currency: the partner's billing currency; by default that of the newest invoice.

        Raises:
            ValueError: no currency.
            FetchError: the service could not be asked.
        """
        asked = partner_center.estimate_links(self._currency(currency))
        return pull(self._session, asked, pages, decode_estimate_links, refresh=True)[0]

    def _currency(self, currency: str | None) -> str:
        if currency is not None:
            check_text(currency, "a currency", 'currency="USD"')
        currency = self.latest.currency if currency is None else currency.upper()
        if not CURRENCY.fullmatch(currency):
            raise ValueError(f"{currency!r} is no currency; it is three letters, like USD")
        return currency

    def unbilled_history(self) -> pl.DataFrame:
        """The snapshots of what was not billed yet, newest first; they are never cleared.

        Columns: `taken_at` (UTC), `month, period, currency, source, lines, total`.

        >>> client.unbilled().month in client.unbilled_history()["month"].to_list()
        True
        """
        return snapshots.history(self.settings.history)

    def unbilled_snapshot(self, taken_at: datetime) -> Unbilled:
        """A snapshot of `unbilled_history()`.

        >>> newest = client.unbilled().taken_at
        >>> client.unbilled_snapshot(newest).taken_at == newest
        True

        Args:
            taken_at: as it says there.

        Raises:
            TypeError: it is no time.
            NotFoundError: there is none of that time, or it is damaged.
        """
        if not isinstance(taken_at, datetime):
            raise TypeError(
                f"{taken_at!r} is no time; client.unbilled_history()['taken_at'] has those that "
                "there are"
            )
        found = snapshots.read(self.settings.history, taken_at)
        if found is None:
            raise NotFoundError(
                f"there is no whole snapshot of {taken_at}; client.unbilled_history() has them"
            )
        return found

    def sync(
        self,
        *,
        since: str | None = None,
        refresh: bool = False,
        tell: Callable[[str], None] | None = None,
    ) -> pl.DataFrame:
        """Bring all invoices into the store, newest first, and prove each; what is there stays.

        Columns: `invoice_id, invoice_date, state, currency, invoice_total, lines_total, difference,
        lines, pages, new, source`. A sync that was interrupted goes on where it stopped. An invoice
        that cannot be synced is told and passed over; an error at the end names all that were, and
        has the rows of the others in its `synced`.

        >>> synced = client.sync(since="2026-11", tell=lambda line: None)
        >>> synced.select("invoice_id", "state", "lines").rows()
        [('G012345612', 'ties', 5157), ('D070001012', 'ties', 178)]

        Args:
            since: the first month of invoices wanted, by their dates: `"2026-01"`.
            refresh: ask for all lines again, even for those that are there.
            tell: gets a line for each invoice that is done; printed by default.

        Raises:
            TypeError: `since` is no text, or `tell` no function.
            ValueError: `since` is no month.
            SettingsError: the cache folder takes no more.
            FetchError: the service could not be asked, or not for some invoices.
            InvoiceKitError: some invoices could not be synced, and not all for the same reason.
        """
        headers = self._headers(since=since, refresh=not self.settings.offline)
        return sync_all(self._session, headers, refresh=refresh, tell=tell)

    def charges(self, *, since: str | None = None) -> pl.LazyFrame:
        """The charges of all invoices, as `sync()` has stored them, as a LazyFrame.

        Columns as of `ik.charges()`, then `invoice_date` and `month`: that in which the billing
        period begins, `"2026-09"`; where the header has none, the month before the invoice's date.
        Only the list of invoices is asked, and kept for an hour.

        A warning names the invoices of the list that are not in the store, and those whose lines
        were not all to be had, or may have changed since: what it names is missing in every sum. A
        frame that was made before a sync can still be collected for an hour after it.

        >>> synced = client.sync(since="2026-11", tell=lambda line: None)
        >>> october = client.charges(since="2026-11")
        >>> october.select("month", "invoice_date").unique().sort("invoice_date").collect().rows()
        [('2026-10', datetime.date(2026, 11, 3)), ('2026-10', datetime.date(2026, 11, 5))]

        Args:
            since: the first month of invoices wanted, by their dates, as of `sync()`: `"2026-01"`.

        Raises:
            ValueError: `since` is no month.
            NotFoundError: none of the invoices is in the store.
            FrameError: what was stored is damaged, gone, or of another version of invoicekit.
        """
        return self._charges(since).charges

    def totals(self, *by: str, since: str | None = None) -> pl.DataFrame:
        """Totals over all invoices, as `sync()` has stored them; columns as of `ik.totals()`.

        >>> synced = client.sync(since="2026-11", tell=lambda line: None)
        >>> client.totals("month", since="2026-11").select("month", "lines", "total").rows()
        [('2026-10', 5335, Decimal('326365.420000000000000000000000'))]

        Args:
            by: the keys: `"customer"`, `"offer"`, `"subscription"`, `"month"`, `"invoice_date"`, or
                any other column of `charges()` but the amounts. None gives a row per currency.
            since: as of `charges()`.

        Raises:
            ValueError: a key is no column of the charges, or `since` is no month.
            NotFoundError: none of the invoices is in the store.
            FrameError: what was stored is damaged, gone, or of another version of invoicekit; or
                the amounts are too large to be added.
        """
        keys_of(by, COLUMNS)  # before anything is read
        return self._charges(since).totals(*by)

    def view(self, name: str, *, since: str | None = None) -> pl.DataFrame:
        """A view that analysts ask for, over all invoices as `sync()` has stored them.

        Each is a small frame, its amounts exact and its currencies apart:

        - `"customers"`: who makes up the bill: rank, share, and change from the month before;
        - `"products"`: what was bought: each product, and its SKUs;
        - `"families by month"`: recurring, usage, one-off or change, month by month;
        - `"changes by month"`: what changed from month to month, in the parts of `compare()`;
        - `"price movers"`: whose list price moved, and by how much;
        - `"seats"`: how many seats of each offer, month by month;
        - `"renewals"`: what renews in the 90 days after the newest invoice's date;
        - `"tax by country"`: what is taxed where, and at what rate;
        - `"credits"`: what was credited, to whom and for what reason;
        - `"partner earned credit"`: where it was earned, and where it was missed;
        - `"open balance"`: what of each invoice is not paid yet; of the list alone.

        >>> synced = client.sync(since="2026-10", tell=lambda line: None)
        >>> seats = client.view("seats", since="2026-10")
        >>> seats.select("offer_name", "month", "seats", "change").row(0)
        ('PROJECT ONLINE ESSENTIALS', '2026-09', 169, None)

        Args:
            name: one of these.
            since: as of `charges()`.

        Raises:
            ValueError: there is no such view, or `since` is no month.
            NotFoundError: none of the invoices is in the store.
            FrameError: what was stored is damaged, gone, or of another version of invoicekit; or
                the amounts are too large to be added.
        """
        view = view_named(name)
        if view.of_headers:
            return view.make(headers_of(self._headers(since=since)).lazy())
        return self._charges(since).ask(view.make)

    def figure(self, name: str, *, since: str | None = None, currency: str | None = None) -> Figure:
        """A view over all invoices as a plotly figure that loads and uploads nothing.

        >>> synced = client.sync(since="2026-11", tell=lambda line: None)
        >>> client.figure("families by month", since="2026-11").layout.title.text
        'Charge families by month, USD'

        Args:
            name: as of `Invoice.figure()`, and `"changes by month"`.
            since: as of `charges()`.
            currency: the one that is drawn, where there are several.

        Raises:
            ValueError: there is no such view, or no figure of it; or `since` is no month.
            CurrencyError: there are several currencies, and none of them is named.
        """
        from invoicekit.show.view_figures import draw_view

        return draw_view(name, partial(self.view, since=since), currency)

    def compare(self, before: str, after: str) -> Comparison:
        """What changed from one invoice, or month of invoices, to another.

        A month is that of the billing periods, and all its invoices together, amendments too.
        Lines that are not in the store are asked for.

        >>> client.compare("2026-09", "2026-10").totals.columns
        ['currency', 'before', 'after', 'difference']
        >>> dict(client.compare("G012345610", "G012345611").states)
        {'before': 'ties', 'after': 'ties'}

        Args:
            before: an invoice's id, or a month: `"2026-09"`.
            after: the same, later.

        Raises:
            TypeError: one of them is no text.
            ValueError: one of them is like a month, and is none.
            NotFoundError: there is no such invoice, or none of that month.
            FetchError: the service could not be asked.
            FrameError: the amounts are too large to be compared.
        """
        from invoicekit.analysis.comparison.compare import compare

        sides = [(name, month_in(name)) for name in (before, after)]  # before anything is asked
        return compare(*(self._of_month(m) if m else self.invoice(name) for name, m in sides))

    def _of_month(self, month: str) -> Month:
        from invoicekit.analysis.comparison.months import Month

        headers = self._headers()
        months = headers_of(headers)["month"]
        mine = headers.filter(months == month)
        if mine.is_empty():
            there = ", ".join(months.drop_nulls().unique().sort())
            raise NotFoundError(f"there is no invoice of {month}; there are some of {there}")
        return Month([Invoice(self._session, row) for row in mine.iter_rows(named=True)])

    def scan(self, object_type: str | None = None) -> pl.LazyFrame:
        """The stored lines of one objectType over all invoices, as a LazyFrame; asks nothing.

        Columns are the service's, in snake_case. The same lines under the names of charges
        (`customer_name`, `offer_name`, `total`, …) are `ik.charges({name: client.scan(name)})`, and
        those of all objectTypes `client.charges()`.

        A warning names the invoices whose lines were not all to be had, or may have changed since.
        A frame that was made before a sync can still be collected for an hour after it.

        >>> proof = client.invoice("D070001012").sync()
        >>> lines = client.scan("LicenseBasedLineItem")
        >>> lines.filter(pl.col("invoice_id") == "D070001012").collect().height
        118
        >>> names = ik.charges({"LicenseBasedLineItem": lines}).collect_schema().names()
        >>> names[5], names[17]
        ('customer_name', 'total')

        Args:
            object_type: `"OneTimeInvoiceLineItem"`, `"DailyRatedUsageLineItem"`,
                `"LicenseBasedLineItem"`, `"UsageBasedLineItem"`, `"DailyUsageLineItem"`, or
                another one that the service has sent. None gives those of all, null where an
                objectType has no such column: daily usage beside the lines that it restates.

        Raises:
            TypeError: it is no text.
            ValueError: none are stored; lists the objectTypes that are.
            FrameError: what was stored is damaged, gone, or of another version of invoicekit.
        """
        store = Store(self._session.root)
        stored = store.stored()
        lines = all_lines(store, stored) if object_type is None else store.scan(object_type, stored)
        for notice in unsure(stored):
            warn(notice, each_time=True)
        return lines

    @property
    def cache(self) -> Cache:
        """The answers kept on disk: `.info()`, `.clear()`.

        >>> client.cache.info().folder == client.settings.cache_dir
        True
        """
        return Cache(self.settings.cache_dir)

    @property
    def retry_policy(self) -> RetryPolicy:
        """How often a request is retried, and the waits between; set another one at any time.

        >>> client.retry_policy
        RetryPolicy(tries=5, first=0.5, budget=300.0)
        """
        return self._session.retry_policy

    @retry_policy.setter
    def retry_policy(self, policy: RetryPolicy) -> None:
        if not isinstance(policy, RetryPolicy):
            raise TypeError("write client.retry_policy = ik.RetryPolicy(tries=3)")
        self._session.retry_policy = policy

    @property
    def latest(self) -> Invoice:
        """The newest invoice of the list; an amendment is none.

        >>> client.latest.id
        'G012345612'

        Raises:
            NotFoundError: there is none yet.
        """
        headers = self._headers().filter(~is_amendment())
        if headers.is_empty():
            raise NotFoundError("this partner has no invoice yet")
        return Invoice(self._session, headers.row(0, named=True))

    def doctor(self, *, ask: bool = False) -> Diagnosis:
        """What this sign-in can and cannot do, in plain words.

        >>> client.doctor(ask=True).fine
        True

        Args:
            ask: sign in where there is no token yet, and ask the service for the list of invoices.
        """
        from invoicekit.auth.doctor import doctor

        return doctor(self.settings, self._session.signer, probe=self._probe if ask else None)

    def _probe(self) -> str:
        return f"{self.invoices(refresh=True).height} invoices in the list"

    def sign_out(self) -> bool:
        """Forget the sign-in that is kept for the next run; returns whether there was one.

        Asks nothing. What is set in the settings or the environment stays there, and so do the
        answers on disk: `client.cache.clear()` forgets those.

        >>> client.sign_out()
        False
        """
        return self._session.signer.sign_out()

    def close(self) -> None:
        """Close the connections; a demo partner is gone with them.

        >>> fresh = ik.demo()
        >>> fresh.close()
        """
        self._session.close()
        leave, self._at_close = self._at_close, None
        if leave:
            leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Invoice]:
        """All invoices, newest first; amendments among them.

        >>> next(iter(client)).id
        'G012345612'
        """
        for row in self._headers().iter_rows(named=True):
            yield Invoice(self._session, row)

    def __repr__(self) -> str:
        offline = ", offline" if self.settings.offline else ""
        return f"Client({self.settings.base_url}, tenant {self.settings.tenant_id}{offline})"

    def _repr_html_(self) -> str:
        return f"<p><code>{escape(repr(self))}</code></p>"

    def _charges(self, since: str | None) -> AllCharges:
        found = all_charges(Store(self._session.root), self._headers(since=since))
        for notice in found.notices:
            warn(notice, each_time=True)
        return found

    def _headers(self, *, since: str | None = None, refresh: bool = False) -> pl.DataFrame:
        return listed(self._session, since=since, refresh=refresh)

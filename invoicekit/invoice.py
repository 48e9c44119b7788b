"""One invoice: what its header says, and its lines as frames, totals, proof and report."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar

import polars as pl

from invoicekit.analysis.money import plain
from invoicekit.analysis.reconcile import Reconciliation
from invoicekit.analysis.sides import charges_and_credits
from invoicekit.analysis.totals import keys_of, totals
from invoicekit.fetch.collection import Collection
from invoicekit.fetch.progress import Progress
from invoicekit.fetch.session import Session
from invoicekit.fetch.thread_pool import ThreadPool
from invoicekit.files.output import named_path
from invoicekit.files.private import file_name
from invoicekit.frames.charges import CHARGES, charges
from invoicekit.frames.collection_result import SHARED, CollectionResult, Pair, Results
from invoicekit.line_items import InvoiceLines, LineItems
from invoicekit.sources.choose import collections_of
from invoicekit.sources.partner_center import requests as partner_center
from invoicekit.sources.partner_center.documents import write_document, write_receipts
from invoicekit.sources.partner_center.header import (
    header_of,
    named_pairs,
    notes_of,
    pairs_of,
    said_of,
)
from invoicekit.sources.partner_center.vocabulary import line_item_type_of, provider_of
from invoicekit.store.all_invoices import view_of
from invoicekit.store.dataset import NotStoredError, Store
from invoicekit.store.invoice_entry import InvoiceEntry, key_of
from invoicekit.store.loader import load, warn_of
from invoicekit.store.sync import Synced, sync_lines
from invoicekit.visible import visible

if TYPE_CHECKING:
    from invoicekit.show.plotly_figure import Figure

T = TypeVar("T")
DETAILS = {"provider": pl.String(), "line_item_type": pl.String()}


class Invoice:
    """One invoice. Its header is here; its lines are asked for when they are needed, once.

    Attributes:
        id: as the service writes it.
        currency: the three letters of its amounts.
        total: what it comes to, in `currency`.
        paid: what is paid of it; `None` where the service does not say.

    >>> invoice.id, invoice.currency, invoice.total, invoice.paid
    ('G012345611', 'USD', Decimal('221438.34'), Decimal('0.00'))
    """

    def __init__(self, session: Session, row: Mapping[str, Any]) -> None:
        self._session = session
        self._header = header_of(row)
        self._read = Results()  # replaced as a whole: other threads may be at work on it
        self._tie_out: Reconciliation | None = None
        self.id: str = self._header.id
        self.currency: str = self._header.currency
        self.total: Decimal = plain(self._header.total, self.currency)
        paid = self._header.paid
        self.paid: Decimal | None = None if paid is None else plain(paid, self.currency)
        key = key_of(self._header)
        self._entry = InvoiceEntry(Store(session.root), key, closed=self._header.closed)

    @property
    def date(self) -> date | None:
        """The day (UTC) on which the invoice was made.

        >>> invoice.date.isoformat()
        '2026-10-05'
        """
        return self._header.date

    @property
    def details(self) -> pl.DataFrame:
        """The collections that the invoice names: frame `provider, line_item_type`.

        >>> invoice.details.rows()
        [('onetime', 'billing'), ('onetime', 'usage')]
        """
        return pl.DataFrame(pairs_of(self._header), schema=DETAILS, orient="row")

    @property
    def about(self) -> dict[str, str]:
        """Whose it is and of when, in words, as reports say it; what nobody has said is absent.

        >>> invoice.about
        {'partner': 'demo', 'billing period': '2026-09-01 to 2026-09-30', 'document': 'invoice'}
        """
        return said_of(self._header, self._session.settings.tenant_id)

    def line_items(
        self,
        *,
        provider: str | None = None,
        line_item_type: str | None = None,
        source: Literal["v1", "graph"] | None = None,
        refresh: bool = False,
    ) -> LineItems:
        """The line items: a mapping objectType -> typed frame, every page of every collection.

        Without arguments, of all collections that the invoice names, so that nobody has to know
        which exist. A collection that the service refuses (403) or does not have (404) is warned
        of and named in `.collections`; the invoice then counts as incomplete.

        >>> invoice.line_items()
        LineItems of G012345611, from Microsoft Graph
          OneTimeInvoiceLineItem: 369 lines
          DailyRatedUsageLineItem: 300 lines
        >>> list(invoice.line_items(provider="onetime", line_item_type="billing"))
        ['OneTimeInvoiceLineItem']

        Args:
            provider: `"onetime"`, `"office"`, `"azure"` or `"marketplace"`; all of them by default.
            line_item_type: `"billing"` or `"usage"`; both by default. Of either word, any of the
                API's own spellings is understood (`OneTime`, `one_time`, `BillingLineItems`).
            source: `"v1"` (Partner Center) or `"graph"` (Microsoft Graph's exports), for this
                invoice from now on. By default the one that holds its period.
            refresh: ask the service again, whatever is kept on disk.

        Raises:
            TypeError: a word is no text.
            ValueError: no such provider or line item type, or the source does not hold it.
            SettingsError: it takes Graph, and there is no token for that.
            FetchError: the service could not be asked; what was read is kept for the next try.
            PageError: the pages make no whole, or the invoice names no collections.
            FrameError: a line cannot be typed exactly.
        """
        pairs = self._pairs()
        wanted = [
            (named, kind)
            for named, kind in pairs
            if (provider is None or named == provider_of(provider))
            and (line_item_type is None or kind == line_item_type_of(line_item_type))
        ]
        read = self._read
        if source is not None and source != read.source:
            read = Results(source)
            self._collections(read)  # refused or not
            self._read = read
        if not read.results and not (refresh and wanted == pairs):
            read = self._recalled(read)
        return self._line_items(self._loaded(read, wanted, refresh), wanted)

    @property
    def ledger(self) -> pl.DataFrame:
        """How the pages were read: that of `line_items()`.

        >>> invoice.ledger.select("page", "rows", "status").rows()
        [(1, 369, 200), (1, 300, 200)]
        """
        return self._of_lines(lambda lines: lines.ledger)

    def charges(self, *, usage: bool = False) -> pl.DataFrame:
        """All charges of the invoice as one tidy frame; columns as of `ik.charges()`.

        >>> invoice.charges().height, invoice.charges(usage=True).height
        (369, 300)

        Args:
            usage: the lines of daily usage instead; they restate charges, and are never added.
        """
        return charges(self.line_items(), usage=usage)

    def first_charges(self, most: int) -> pl.DataFrame:
        """The first of `charges()`; of a stored invoice, no more than these are read.

        >>> invoice.first_charges(2).height
        2

        Args:
            most: how many.
        """
        return self._of_lines(lambda lines: lines.charges.head(most).collect())

    def totals(self, *by: str) -> pl.DataFrame:
        """Totals by customer, offer, subscription or any column of the charges, dearest first.

        >>> invoice.totals("customer").select("customer_name", "lines").row(0)
        ('Hollow Oak Archive 26', 7)
        >>> invoice.totals("charge_family").select("charge_family", "lines").row(0)
        ('recurring', 264)

        Args:
            by: as of `ik.totals()`: `"customer"`, `"offer"`, `"subscription"`, or any column of the
                charges but the amounts. None gives a row per currency.

        Raises:
            TypeError: a key is no text, but a list of keys.
            ValueError: a key is no column of the charges; nothing was read yet.
        """
        keys_of(by, CHARGES)
        return self._of_lines(lambda lines: totals(lines.charges, *by))

    def view(self, name: str) -> pl.DataFrame:
        """A view that analysts ask for, as a small frame: amounts exact, currencies apart.

        >>> invoice.view("customers").select("rank", "customer_name", "share").row(0)
        (1, 'Hollow Oak Archive 26', Decimal('0.053644000000000000000000'))

        Args:
            name: `"customers"`, `"products"`, `"families by month"`, `"price movers"`, `"seats"`,
                `"renewals"` (in the 90 days after the invoice's date), `"tax by country"`,
                `"credits"`, `"partner earned credit"` or `"open balance"`: as of `Client.view()`,
                which has them over many invoices.

        Raises:
            ValueError: there is no such view.
        """
        return view_of(self._header, name, self._of_lines)

    def charges_and_credits(self) -> pl.DataFrame:
        """What each charge type billed and, apart from that, gave back: never netted.

        Columns: `charge_type, currency, lines, charges, credits, total`; a credit is a line with a
        negative total. Spellings of one charge type (`New`, `new`) are one.

        >>> invoice.charges_and_credits().select("charge_type", "lines").row(0)
        ('Cycle fee', 242)
        """
        return self._of_lines(lambda lines: charges_and_credits(lines.charges))

    def figure(self, name: str, *, currency: str | None = None) -> Figure:
        """A view as a plotly figure, which loads nothing, and says where the invoice does not tie.

        >>> invoice.figure("products").layout.title.text
        'Products, USD'

        Args:
            name: `"customers"`, `"products"`, `"families by month"`, `"seats"`, `"renewals"`,
                `"partner earned credit"` or `"open balance"`; other views are better read.
            currency: whose amounts; the invoice's by default.

        Raises:
            ValueError: there is no such view, or no figure of it.
        """
        from invoicekit.show.view_figures import draw_view

        return draw_view(name, self.view, currency or self.currency, self.reconcile)

    def reconcile(self) -> Reconciliation:
        """Whether the lines add up to the invoice's total, with every collection read.

        >>> invoice.reconcile()
        ✔ ties: 221,438.34 USD, 369 lines, 2 pages, difference 0.00
        """
        self._tie_out = self._of_lines(self._proof)
        return self._tie_out

    def sync(self, *, refresh: bool = False) -> Synced:
        """Bring the lines into the store, unless they are there, and prove them.

        Page by page: memory does not grow with the lines. The proof is that of `reconcile()`.

        >>> invoice.sync().proof.ties
        True

        Args:
            refresh: ask for the lines again, even if they are there.

        Raises:
            FetchError: the service could not be asked; what was read is kept for the next try.
            SettingsError: the cache folder takes no more.
        """
        if refresh:
            self._read = Results(self._read.source)
        collections = self._collections()
        return sync_lines(self._session, self._header, self._entry, collections, refresh=refresh)

    def report(self, path: str | Path, *, before: Invoice | None = None) -> Path:
        """Write an HTML report, one file that opens offline, and return its path.

        It tells what changed since the invoice of the month before if the lines of that are in the
        store already, and asks for none: that is the only stored invoice that was made in the
        calendar month before, in the same currency, and names the same collections.

        >>> invoice.report("october.html").name
        'october.html'

        Args:
            path: the file; one that is there is replaced.
            before: another invoice to tell the change from; its lines are asked for.

        Raises:
            TypeError: `path` is no path, or `before` no invoice.
            ValueError: `path` is empty or a folder, or its folder does not exist.
            OSError: it cannot be written; a file that was there stays as it was.
        """
        from invoicekit.show.report.html import write_report
        from invoicekit.store.month_before import changed_from, changed_since

        path = named_path(path, 'invoice.report("october.html")')
        stored = partial(changed_since, self._entry.store, self._header, self._proof)
        change = changed_from(before, self) if before else self._of_lines(stored)
        return write_report(self, path, change)

    def workbook(self, path: str | Path) -> Path:
        """Write the invoice as an Excel file that adds itself up again, and return its path.

        Sheets: a summary with the proof, totals by customer and by offer, the lines of each
        objectType, and checks: formulas that add up the sheets and compare them with the invoice,
        and what `reconcile()` finds odd (in up to 100,000 lines).
        Ids are text, days are days, amounts are numbers in their currency's decimals. A number of
        more digits than a spreadsheet keeps (15) has its exact text beside it; lines beyond the
        1,048,576 rows of a sheet go on in the next one. Text is text: no formula, no link.

        >>> invoice.workbook("october.xlsx").name
        'october.xlsx'

        Args:
            path: the file; one that is there is replaced.

        Raises:
            ValueError: `path` is a folder, or its folder does not exist.
            OSError: it cannot be written; a file that was there stays as it was.
        """
        from invoicekit.show.workbook import write_workbook

        path = named_path(path, 'invoice.workbook("october.xlsx")')
        return self._of_lines(
            lambda lines: write_workbook(self, lines, path, proof=self._proof(lines))
        )

    def evidence(self, path: str | Path) -> Path:
        """Write what an auditor wants to see into one zip, and return its path.

        In it are the pages as the service sent them and they lie in the cache, the lines as typed
        frames (Parquet), the proof (JSON), versions, and the SHA-256 of each file: unpack it, and
        `sha256sum -c SHA256SUMS` says whether one was changed. `manifest.json` names what was read
        and is not in the cache any more. No token is in it, and of the answers' heads the status
        and Microsoft's request ids alone. The same cache gives the same bytes.

        >>> path = invoice.evidence("october.zip")
        >>> import zipfile
        >>> [name for name in zipfile.ZipFile(path).namelist() if name.startswith("frames/")]
        ['frames/OneTimeInvoiceLineItem.parquet', 'frames/DailyRatedUsageLineItem.parquet']

        Args:
            path: the file; one that is there is replaced.

        Raises:
            ValueError: `path` is a folder, or its folder does not exist.
            PageError: the lines repeat a secret of the sign-in.
            FetchError: lines that were not read yet could not be asked for.
        """
        from invoicekit.show.evidence import write_evidence
        from invoicekit.show.evidence_sources import sources_of

        path = named_path(path, 'invoice.evidence("october.zip")')

        def write(lines: InvoiceLines) -> Path:
            proof = self._proof(lines)
            asked = sources_of(self._session, self._header, self._collections(), lines.results)
            return write_evidence(path, self, lines, proof, asked)

        return self._of_lines(write)

    def statements(
        self,
        folder: str | Path,
        *,
        markup: int | str | Mapping[str | None, int | str | Decimal] | None = None,
        format: Literal["html", "xlsx"] = "html",  # noqa: A002 (what it is)
    ) -> list[Path]:
        """Write a statement for each customer into `folder`, and return their paths.

        Beside them lies an index for the partner alone, `<invoice id>-statements`: the tie-out, and
        what each customer's lines cost, the markup, the statement's total and what rounding left.
        They add up to the invoice; what is in no statement (a credit in the header alone) is named.

        A statement holds its customer's lines (product, subscription, charge, days, quantity) and
        nothing of others. With a markup, nothing of what the partner pays is in it: no costs, no
        unit prices, no rates, no tax. The total is the cost with the markup, rounded once at the
        currency's decimals, halves to even; lines have their shares of it, and none where the
        markup is an amount. Currencies are kept apart. Where the invoice does not tie, statements
        say that they are preliminary. Lines without a customer are a statement of their own.

        >>> paths = invoice.statements("statements", markup="7.5%")
        >>> len(paths) == invoice.totals("customer").height
        True

        Args:
            folder: where they go; it is made, and files of those names are replaced.
            markup: percents for all customers (`10`, `"7.5%"`), or a mapping of `customer_id` to
                percents, or to an amount of money as a `Decimal`; `"*"` stands for all that it does
                not name, `None` for lines without a customer. It is added to sums, never to unit
                prices. By default there is none: customers see what their lines cost.
            format: `"html"` or `"xlsx"`.

        Raises:
            ValueError: the markup is a float, or none at all; it names a customer that the invoice
                has not, or leaves one out; or an amount is for one with several currencies.
            OSError: a file cannot be written; one that was there stays as it was.
        """
        from invoicekit.show.statements import write_statements

        folder = named_path(folder, 'invoice.statements("october")')
        return self._of_lines(
            lambda lines: write_statements(self, lines, folder, markup=markup, format=format)
        )

    def statement(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the invoice's PDF to `path`, and return it.

        >>> invoice.statement("october.pdf").name
        'october.pdf'

        Args:
            path: the file, or a folder, which gets it under a name of ours.
            overwrite: replace a file that is there.

        Raises:
            FileExistsError: there is a file already, and `overwrite` is not set.
            AccessError: Partner Center gives it to App+User sign-ins alone.
        """
        path = named_path(path, 'invoice.statement("october.pdf")')
        path = path / f"{file_name(self.id, 'statement')}.pdf" if path.is_dir() else path
        request = partner_center.statement(self.id)
        return write_document(self._session, request, path, overwrite=overwrite)

    def tax_receipts(self, folder: str | Path, *, overwrite: bool = False) -> list[Path]:
        """Write the PDFs of the invoice's tax receipts into `folder`, and return their paths.

        There are some in Taiwan alone; elsewhere the list is empty.

        >>> invoice.tax_receipts("receipts")
        []

        Args:
            folder: where they go; each has the invoice's id and its own in its name.
            overwrite: replace files that are there.

        Raises:
            FileExistsError: a file is there already, and `overwrite` is not set.
            AccessError: Partner Center gives them to App+User sign-ins alone.
            PageError: it does not name them as documented.
        """
        folder = named_path(folder, 'invoice.tax_receipts("october")')
        return write_receipts(self._session, self._header, folder, overwrite=overwrite)

    if not TYPE_CHECKING:  # a type checker knows that this is an error

        def __call__(self, *_: object) -> NoReturn:
            """What `client.latest()` comes to: `latest` is a property."""
            raise TypeError("an invoice is not called: write client.latest, without parentheses")

    def __repr__(self) -> str:
        what = f"Invoice {self.id} of {self.date}: {self.total:,} {self.currency}"
        return visible(f"{what}, {self._tie_out or 'not reconciled yet'}")

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"

    def _pairs(self) -> list[Pair]:
        """The pairs that the invoice names, at least one."""
        return named_pairs(self._header)

    def _proof(self, lines: InvoiceLines) -> Reconciliation:
        return lines.proof(self.total, self.currency, notes=notes_of(self._header))

    def _collections(self, read: Results | None = None) -> list[Collection]:
        named, source = pairs_of(self._header), (read or self._read).source
        return collections_of(self._header, named, self._session.settings, source)

    def _recalled(self, read: Results) -> Results:
        """With what lies in the store, unless another source is wanted."""
        found = self._entry.recall()
        if read.source in {None, *(result.source for result in found.values())}:
            self._read = read = Results(read.source, found)
        return read

    def _line_items(self, read: Results, wanted: Sequence[Pair]) -> LineItems:
        mine = {pair: read.results[pair] for pair in wanted}
        types = {one.line_item_type for one in mine.values() if one.state != SHARED}
        for one in mine.values():
            if one.state == SHARED and one.line_item_type not in types:
                raise ValueError(
                    f"Graph's exports do not tell providers apart: {'/'.join(one.pair)} of "
                    f"{self.id} is with the others. Leave provider out"
                )
        results = [mine.get(one) or CollectionResult(*one) for one in self._pairs()]
        return LineItems(self.id, results, billed=(self.total, self.currency))

    def _of_lines(self, ask: Callable[[InvoiceLines], T]) -> T:
        """What `ask` makes of the lines: where they lie in the store, they are not all loaded."""
        pairs, read = self._pairs(), self._read
        if not read.results and read.source is None:
            with contextlib.suppress(NotStoredError):
                return self._entry.ask(pairs, ask)
        return ask(self._line_items(self._loaded(read, pairs, refresh=False), pairs).lines)

    def _loaded(self, read: Results, wanted: Sequence[Pair], refresh: bool) -> Results:  # noqa: FBT001
        """With these collections, read several at once; stores the invoice once all of it is here.

        The first that fails stops the others.
        """
        pairs = [pair for pair in wanted if refresh or pair not in read.results]
        if not pairs:
            return read
        collections = [one for one in self._collections(read) if one.pair in pairs]
        pool = ThreadPool(self._session.settings.connections, f"invoicekit-{self.id}")
        with Progress(self.id, self._session.progress) as progress:
            reading = [
                pool.submit(partial(load, self._session, one, progress, refresh=refresh))
                for one in collections
            ]
            try:
                results = pool.results(reading)
            finally:
                progress.stop()
                pool.close()
        for result in results:
            warn_of(result, self.id)
        read = read.joined(results)
        if self._read.source == read.source:  # else another thread has asked another source
            self._read = read
        named = self._pairs()
        whole = [read.results[pair] for pair in named if pair in read.results]
        stored = len(whole) == len(named) and self._entry.remember(whole, again=refresh)
        if refresh and not stored:  # else the next process would see what was there before
            self._entry.outdate()
        return read

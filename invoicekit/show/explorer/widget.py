"""The explorer: pick an invoice, a provider and a key; proof, totals, chart and lines follow.

What is picked is a value, `Explorer.selection`, and can be had as code. In a notebook it is on
screen before anything is fetched: that is done at the end of the cell, or when it is first asked
for; elsewhere when it is made, and everywhere when a pick changes. There is no `Output` widget in
here: inside of one, headless runs of a notebook stall.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import ipywidgets as w
import polars as pl
from markupsafe import Markup

from invoicekit.analysis.sides import charges_and_credits
from invoicekit.analysis.totals import totals as totals_of
from invoicekit.errors import InvoiceKitError
from invoicekit.show.badge import caveat, html_of_tie_out
from invoicekit.show.explorer.after_cell import after_cell
from invoicekit.show.explorer.pager import Pager, scrolling
from invoicekit.show.explorer.shortcuts import EXPLORER, NoShortcuts
from invoicekit.show.figure_widgets import Charts
from invoicekit.show.figures import Figure, figure_of_charge_types, figure_of_totals
from invoicekit.show.findings import html_of_findings, is_searched
from invoicekit.show.formatting import clean, currencies_of, exact, heading
from invoicekit.show.protocols import Client, Invoice, Reconciliation
from invoicekit.show.tables import html_of_totals

ALL: Final = ""  # the provider's value for "all": None would be a dropdown without a choice
TOTALS_ROWS: Final = 200
LISTING: Final = "loading the list of invoices…"

KEYS: Final = ("customer", "offer", "subscription", "charge_type", "provider", "object_type")


@dataclass(frozen=True, slots=True)
class Selection:
    """What is picked: an invoice, a provider (None: all of them) and the key of the totals.

    >>> ik.Selection("G012345611", provider="onetime", by="customer").provider
    'onetime'
    """

    invoice_id: str
    provider: str | None
    by: str

    def code(self) -> str:
        """The lines that give the same totals without any widget, given a `client`.

        >>> print(ik.Selection("G012345611", provider="onetime", by="customer").code())
        import invoicekit as ik
        invoice = client.invoice('G012345611')
        totals = ik.totals(ik.charges(invoice.line_items(provider='onetime')), 'customer')
        """
        asked = "" if self.provider is None else f"provider={self.provider!r}"
        return (
            "import invoicekit as ik\n"
            f"invoice = client.invoice({self.invoice_id!r})\n"
            f"totals = ik.totals(ik.charges(invoice.line_items({asked})), {self.by!r})"
        )


class Explorer(w.VBox):  # type: ignore[misc] # ipywidgets is not typed
    """Pickers of invoice, provider and key, and beneath them what they lead to.

    `selection` is what is picked, `totals` and `lines` are the frames that are shown.

    >>> explorer = ik.Explorer(client)
    >>> explorer.totals.columns[:2], explorer.lines.height
    (['customer_id', 'customer_name'], 5157)
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._loaded: _Loaded | None = None
        self._begun = self._quiet = False
        self._totals: pl.DataFrame | None = None
        self._lines: pl.DataFrame | None = None

        self._invoice = _dropdown("Invoice")
        self._provider = _dropdown("Provider")
        self._by = _dropdown("Totals by", [(heading(key), key) for key in KEYS])
        self._status = w.HTML(_note(LISTING))
        self._badge = w.HTML()
        self._findings = w.HTML()
        self._charts = Charts()
        self._table = w.HTML()
        self._pager = Pager()
        self._code = w.HTML()
        super().__init__(
            [
                w.HBox([self._invoice, self._provider, self._by], layout={"flex_flow": "row wrap"}),
                self._status,
                self._badge,
                self._findings,
                self._charts.box,
                self._table,
                self._pager.box,
                self._code,
                NoShortcuts(layout={"display": "none"}),
            ]
        )
        self.add_class(EXPLORER)
        if not after_cell(self._begin):
            self._begin()

    def _begin(self) -> None:
        """List the invoices and show the newest, once."""
        if self._begun:
            return
        self._begun = True
        self._list()
        for picker in (self._invoice, self._provider, self._by):
            picker.observe(self._follow, names="value")
        self._refresh()

    @property
    def totals(self) -> pl.DataFrame | None:
        """The totals of what is picked; None where an error is shown instead.

        >>> ik.Explorer(client).totals.columns[:2]
        ['customer_id', 'customer_name']
        """
        self._begin()
        return self._totals

    @property
    def lines(self) -> pl.DataFrame | None:
        """The charges of what is picked; None where an error is shown instead.

        >>> ik.Explorer(client).lines.height
        5157
        """
        self._begin()
        return self._lines

    @property
    def selection(self) -> Selection | None:
        """What is picked; None where there is no invoice to pick.

        >>> ik.Explorer(client).selection.by
        'customer'
        """
        self._begin()
        if self._invoice.value is None:
            return None
        return Selection(self._invoice.value, self._provider.value or None, self._by.value)

    def _list(self) -> None:
        with self._telling(LISTING):
            invoices = self._client.invoices()
            self._invoice.options = [_labelled(row) for row in invoices.iter_rows(named=True)]
        if self._invoice.options:
            self._invoice.index = 0  # the newest; a dropdown born empty picks nothing by itself
        elif not self._status.value:
            self._status.value = _note("There are no invoices to show.")

    def _follow(self, _change: object) -> None:
        if not self._quiet:
            self._refresh()

    def _refresh(self) -> None:
        """Show what is picked; an error is shown in place, with nothing stale beside it."""
        selection = self.selection
        if selection is None:
            return
        with self._telling(f"loading invoice {selection.invoice_id}…"):
            loaded = self._load(selection.invoice_id)
            self._offer(loaded.providers)
            self._show(loaded)

    def _load(self, invoice_id: str) -> _Loaded:
        """The invoice picked, read once; the last one is kept."""
        if self._loaded is None or self._loaded.invoice_id != invoice_id:
            self._loaded = None
            self._loaded = _Loaded.of(invoice_id, self._client.invoice(invoice_id))
        return self._loaded

    def _offer(self, providers: Sequence[str]) -> None:
        """Offer the invoice's own providers, keeping the one that is picked if it is there."""
        options = [("All", ALL), *((provider, provider) for provider in providers)]
        if list(self._provider.options) == options:
            return
        kept = self._provider.value if self._provider.value in providers else ALL
        # New options reset the value, which is no pick of the user's.
        self._quiet = True
        try:
            self._provider.options = options
            self._provider.value = kept
        finally:
            self._quiet = False

    def _show(self, loaded: _Loaded) -> None:
        selection = self.selection
        if selection is None:
            return
        lines = loaded.charges
        if selection.provider is not None:
            lines = lines.filter(pl.col("provider") == selection.provider)
        totals = shown = totals_of(lines, selection.by)
        draw: Callable[..., Figure] = figure_of_totals
        if selection.by == "charge_type":  # net of its credits a charge type would look small
            shown, draw = charges_and_credits(lines), figure_of_charge_types
        proof = loaded.reconciliation
        self._badge.value = html_of_tie_out(proof)
        self._findings.value = _folded(proof, html_of_findings(proof))
        self._charts.show(
            [
                draw(shown.filter(pl.col("currency").eq_missing(currency)), proof=proof)
                for currency in currencies_of(shown)
            ]
        )
        table = html_of_totals(shown, limit=TOTALS_ROWS, name="explorer-totals", foot=caveat(proof))
        self._table.value = Markup("<h3>Totals by {}</h3>{}").format(
            heading(selection.by).lower(), scrolling(table)
        )
        self._pager.show(lines)
        self._code.value = Markup(
            "<details open><summary>The same as code</summary>"
            '<pre style="user-select:all;padding:8px;border:1px solid #d5d8dd">{}</pre></details>'
        ).format(selection.code())
        self._totals, self._lines = totals, lines

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Say that we are loading; show an error in place, since a callback has no caller."""
        self._status.value = _note(what)
        try:
            yield
        except (InvoiceKitError, ValueError) as error:
            self._clear()
            self._status.value = _alert(error)
        except KeyboardInterrupt:
            self._clear()
            self._status.value = _note("Stopped. Run the cell again, or pick something else.")
            raise
        else:
            self._status.value = ""

    def _clear(self) -> None:
        self._totals = self._lines = None
        for part in (self._badge, self._findings, self._table, self._code):
            part.value = ""
        self._charts.show([])
        self._pager.show(None)


def explore(client: Client) -> Explorer:
    """A widget to pick an invoice, a provider and a key, and see what they lead to.

    In a notebook it is shown as the last value of a cell, and then asks for the newest invoice.

    >>> explorer = ik.explore(client)
    >>> explorer.selection
    Selection(invoice_id='G012345612', provider=None, by='customer')

    Args:
        client: whose invoices to pick from, of `connect()` or `demo()`.

    Raises:
        TypeError: it is no client.
    """
    if not hasattr(client, "invoices"):
        raise TypeError("explore() takes a client; an invoice is picked in it: ik.explore(client)")
    return Explorer(client)


@dataclass(frozen=True)
class _Loaded:
    """One invoice, read: what all picks of provider and key are made from."""

    invoice_id: str
    charges: pl.DataFrame
    reconciliation: Reconciliation
    providers: list[str]

    @classmethod
    def of(cls, invoice_id: str, invoice: Invoice) -> _Loaded:
        """The invoice's charges and proof, fetched now; `invoice_id` is what it was asked by."""
        return cls(
            invoice_id=invoice_id,
            charges=invoice.charges(),
            reconciliation=invoice.reconcile(),
            providers=invoice.details["provider"].unique(maintain_order=True).to_list(),
        )


def _dropdown(description: str, options: Sequence[tuple[str, str]] = ()) -> Any:  # noqa: ANN401
    """A picker; its type is ipywidgets' own, which is not typed."""
    return w.Dropdown(
        description=description, options=options, layout={"width": "auto", "min_width": "18em"}
    )


def _labelled(row: Mapping[str, Any]) -> tuple[str, str]:
    """An invoice of the list as a label to pick it by, and its id."""
    when = f"{row['invoice_date']:%Y-%m-%d}" if row["invoice_date"] else "no date"
    amount = f"{exact(row['total_charges'], row['currency'])} {clean(row['currency'])}"
    return f"{clean(row['invoice_id'])} · {when} · {amount}", row["invoice_id"]


def _folded(proof: Reconciliation, findings: Markup) -> Markup:
    """What was found, open where the invoice does not tie."""
    if not findings:
        return Markup()
    opened = Markup("") if proof.state == "ties" else Markup(" open")
    names = proof.findings["finding"].unique(maintain_order=True) if is_searched(proof) else ()
    found = ", ".join(names) or ("no finding" if is_searched(proof) else "not looked for")
    return Markup("<details{}><summary>What is odd about it: {}</summary>{}</details>").format(
        opened, found, findings
    )


def _note(text: str) -> Markup:
    return Markup('<p role="status"><em>{}</em></p>').format(text)


def _alert(error: Exception) -> Markup:
    return Markup(
        '<p role="alert" style="color:#8c1d18;background:#fdecea;border-left:6px solid #8c1d18;'
        'padding:8px 12px"><strong>{}</strong>: {}</p>'
    ).format(type(error).__name__, str(error))

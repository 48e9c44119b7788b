"""How users write it, and what must not type-check; read by mypy and pyright, never run."""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, assert_type

import polars as pl

import invoicekit as ik


class AccessToken(NamedTuple):
    """As azure-core has it."""

    token: str
    expires_on: int


class Credential:
    """As those of azure-identity."""

    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        """A token."""
        return AccessToken(f"{scopes}{options}", 0)


def a_client() -> None:
    """The front door: settings by keyword, a client as a context manager."""
    with ik.demo(faults=["one cent"]) as client:
        assert_type(client, ik.Client)
    client = ik.connect(token="…", tenant_id="contoso.example", page_size=500, offline=True)
    ik.connect(
        token=lambda: "…", graph_token="…", graph_url="https://graph.example", export_timeout=60
    )
    ik.connect(credential=Credential(), tenant_id="contoso.example")
    ik.connect(client_certificate=Path("app.pem"), client_id="…", cache_dir="cache")
    assert_type(client.invoices(), pl.DataFrame)
    assert_type(client.invoices(refresh=True), pl.DataFrame)
    assert_type(client.invoice("G000024135"), ik.Invoice)
    assert_type(client.latest, ik.Invoice)
    assert_type(client.retry_policy, ik.RetryPolicy)
    client.retry_policy = ik.RetryPolicy(tries=2)
    assert_type(client.unbilled(period="previous", currency="USD"), ik.Unbilled)
    assert_type(client.unbilled().charges(), pl.DataFrame)
    assert_type(client.unbilled_history(), pl.DataFrame)
    assert_type(client.unbilled_snapshot(client.unbilled().taken_at), ik.Unbilled)
    assert_type(client.estimate_links(currency="USD"), pl.DataFrame)
    assert_type(client.summaries(refresh=True), pl.DataFrame)
    assert_type([found.id for found in client], list[str])
    assert_type(client.scan("OneTimeInvoiceLineItem"), pl.LazyFrame)
    assert_type(client.scan(), pl.LazyFrame)
    assert_type(client.charges(since="2026-01"), pl.LazyFrame)
    assert_type(client.totals("month", "customer", since="2026-01"), pl.DataFrame)
    assert_type(client.sync(since="2026-01", tell=print), pl.DataFrame)
    assert_type(client.cache.info().size, int)
    assert_type(client.doctor(ask=True).fine, bool)
    assert_type(client.sign_out(), bool)
    client.close()


def an_invoice(invoice: ik.Invoice) -> None:
    """Header, lines, totals, proof, report."""
    assert_type(invoice.id, str)
    assert_type(invoice.date, date | None)
    assert_type(invoice.total, Decimal)
    assert_type(invoice.paid, Decimal | None)
    assert_type(invoice.details, pl.DataFrame)
    assert_type(invoice.about, dict[str, str])
    lines = invoice.line_items(provider="onetime", line_item_type="billing", source="graph")
    assert_type(lines, ik.LineItems)
    assert_type(lines["OneTimeInvoiceLineItem"], pl.DataFrame)
    assert_type(lines.ledger, pl.DataFrame)
    assert_type(lines.collections, pl.DataFrame)
    assert_type(lines.missing, list[str])
    frames: Mapping[str, pl.DataFrame] = lines
    assert_type(ik.charges(frames), pl.DataFrame)
    assert_type(invoice.charges(usage=True), pl.DataFrame)
    assert_type(invoice.totals("customer", "offer"), pl.DataFrame)
    assert_type(ik.totals(invoice.charges(), "customer"), pl.DataFrame)
    assert_type(invoice.ledger, pl.DataFrame)
    assert_type(invoice.first_charges(10), pl.DataFrame)
    assert_type(invoice.charges_and_credits(), pl.DataFrame)
    assert_type(invoice.sync(refresh=True).proof, ik.Reconciliation)
    assert_type(invoice.report("invoice.html"), Path)
    assert_type(invoice.workbook("invoice.xlsx"), Path)
    assert_type(invoice.statements("out", markup={"*": "5%", None: 0}, format="xlsx"), list[Path])
    assert_type(invoice.statement("invoice.pdf", overwrite=True), Path)
    assert_type(invoice.tax_receipts("receipts"), list[Path])
    assert_type(invoice.evidence("invoice.zip"), Path)
    assert_type(ik.redact(lines, key="…"), ik.LineItems)


def a_proof(invoice: ik.Invoice) -> None:
    """What a reconciliation says, and the words of it."""
    assert_type(ik.glossary("addQuantity"), pl.DataFrame)
    assert_type(ik.fields("OneTimeInvoiceLineItem"), pl.DataFrame)
    proof = invoice.reconcile()
    assert_type(proof, ik.Reconciliation)
    assert_type(proof.ties, bool)
    assert_type(proof.currency, str)
    assert_type(proof.invoice_total - proof.lines_total, Decimal)
    assert_type(proof.difference, Decimal)
    assert_type(proof.pages, int | None)
    assert_type(proof.missing, list[str])
    state: str = proof.state
    assert_type(state == "ties", bool)
    assert_type(proof.parts, pl.DataFrame)
    assert_type(proof.findings, pl.DataFrame)
    assert_type(proof.suspects, pl.DataFrame)
    proof.assert_ties()
    assert_type(
        ik.reconcile(invoice.charges(), Decimal("2076.63"), currency="USD"), ik.Reconciliation
    )


def a_comparison(client: ik.Client, invoice: ik.Invoice) -> None:
    """What changed."""
    change = ik.compare(client.unbilled(), invoice)
    assert_type(change, ik.Comparison)
    assert_type(ik.compare(invoice.charges(), invoice.charges().lazy()).parts, pl.DataFrame)
    assert_type(change.details, pl.DataFrame)
    assert_type(change.sentences(most=5), list[str])
    assert_type(change.states["before"], str)
    assert_type(change.lines("price"), pl.DataFrame)
    ik.waterfall(change, currency="USD").show()
    assert_type(client.compare("2026-08", "G012345611"), ik.Comparison)


def what_a_line_costs(client: ik.Client, invoice: ik.Invoice) -> None:
    """Explanations, quality, and views."""
    items = invoice.line_items()
    assert_type(ik.explain(items), pl.DataFrame)
    assert_type(ik.quality(items, before=items), pl.DataFrame)
    assert_type(client.view("seats", since="2026-01"), pl.DataFrame)
    assert_type(invoice.view("customers"), pl.DataFrame)
    invoice.figure("products", currency="USD").write_html("products.html")


def files() -> None:
    """Lines of files."""
    items = ik.read("a.csv", Path("folder"), decimal=",", dates="dmy")
    assert_type(items, ik.LineItems)
    assert_type(ik.charges(items), pl.DataFrame)


def an_error() -> None:
    """What an error holds."""
    try:
        ik.connect().invoices()
    except ik.FetchError as error:
        assert_type(error.status, int | None)
        assert_type(error.request_id, str | None)
    except (ik.SettingsError, ik.PageError, ik.FrameError, ik.CurrencyError):
        raise


def what_must_not_check(client: ik.Client, invoice: ik.Invoice) -> None:
    """Each line is a mistake that a type checker has to find."""
    ik.connect("a-token")  # type: ignore[call-arg]  # settings are keywords
    ik.connect(tokn="…")  # type: ignore[call-arg]
    ik.connect(page_size="500")  # type: ignore[arg-type]
    client.invoice(12345)  # type: ignore[arg-type]
    client.latest()  # type: ignore[operator]  # a property
    invoice.totals(["customer"])  # type: ignore[arg-type]
    client.sync(since=date(2026, 1, 1))  # type: ignore[arg-type]  # a month, as text
    client.totals(["customer"])  # type: ignore[arg-type]
    client.compare(invoice, "2026-09")  # type: ignore[arg-type]  # ids and months
    ik.redact(invoice, key="…")  # type: ignore[arg-type]  # its line items
    ik.redact(invoice.line_items())  # type: ignore[call-arg]
    invoice.line_items("onetime")  # type: ignore[call-arg]
    invoice.reconcile().ties = True  # type: ignore[misc]  # frozen
    ik.reconcile(invoice.charges(), 2076.63, currency="USD")  # type: ignore[arg-type]  # no floats
    invoice.statements("out", markup=7.5)  # type: ignore[arg-type]  # no floats
    invoice.statements("out", format="pdf")  # type: ignore[arg-type]
    ik.explore(invoice)  # type: ignore[arg-type]
    ik.read("a.csv", dates="ymd")  # type: ignore[arg-type]
    ik.read(["a.csv"])  # type: ignore[arg-type]  # each path is an argument

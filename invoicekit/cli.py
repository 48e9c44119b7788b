"""The shell's door: the same calls as in a notebook, one command each.

Exit codes: 0 fine, 1 an error, 2 wrong usage or a value not allowed, 3 does not tie, 4 incomplete
(3 and 4 from `reconcile` alone), 130 interrupted.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from invoicekit.cli_cache import cache
from invoicekit.client import Client, connect
from invoicekit.client import demo as open_demo
from invoicekit.invoice import Invoice
from invoicekit.printing import AsShape, Shape, print_frame
from invoicekit.terminal import run, say, say_json

EXIT = {"ties": 0, "differs": 3, "incomplete": 4}


class FileFormat(StrEnum):
    """How `lines` writes a frame."""

    parquet = "parquet"
    csv = "csv"


app = typer.Typer(
    name="invoicekit",
    help="Microsoft CSP invoices: totals, proof that the lines tie, and reports.",
    epilog="Settings come from INVOICEKIT_TOKEN and the other INVOICEKIT_* variables. "
    "To look around without any: invoicekit demo.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
app.add_typer(cache, name="cache")

InvoiceId = Annotated[str, typer.Argument(metavar="ID", help="The invoice's id, as G000024135.")]
Safe = Annotated[bool, typer.Option("--safe", help="CSV: guard text against spreadsheets.")]


@app.callback()
def settings(
    context: typer.Context,
    cloud: Annotated[str | None, typer.Option(help="global, usgov or china.")] = None,
    tenant_id: Annotated[str | None, typer.Option(help="The partner's tenant.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Another host, without /v1.")] = None,
    cache_dir: Annotated[Path | None, typer.Option(help="Where answers are kept.")] = None,
    page_size: Annotated[int | None, typer.Option(help="Rows a page, 1 to 2000.")] = None,
    offline: Annotated[
        bool | None, typer.Option("--offline", help="Answer from the cache alone.")
    ] = None,
) -> None:
    """Take the settings that go before a command; secrets come from the environment alone."""
    context.obj = {
        "cloud": cloud,
        "tenant_id": tenant_id,
        "base_url": base_url,
        "cache_dir": cache_dir,
        "page_size": page_size,
        "offline": offline,
    }


@app.command()
def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where the report goes.")
    ] = Path(),
) -> None:
    """Open the newest invoice of a made-up partner: totals, tie-out and report. No credentials."""
    with open_demo() as client:
        say("A partner that exists nowhere, served over HTTP on this machine.", to=sys.stderr)
        invoice = client.latest
        print_frame(invoice.totals("customer").head(10), Shape.table)
        say(f"(10 of {invoice.totals('customer').height} customers)\n")
        say(f"{invoice.id} of {invoice.date}  {invoice.reconcile()}")
        say(f"Report: {_report(invoice, output / f'{invoice.id}.html')}")


@app.command()
def invoices(
    context: typer.Context,
    shape: AsShape = Shape.table,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask again.")] = False,
    safe: Safe = False,
) -> None:
    """List the invoices, newest first."""
    frame = _client(context).invoices(refresh=refresh)
    if shape is Shape.table:
        frame = frame.select(
            "invoice_id", "invoice_date", "total_charges", "paid_amount", "currency",
            "document_type", "invoice_type",
        )  # fmt: skip
    print_frame(frame, shape, safe=safe)


@app.command()
def totals(
    context: typer.Context,
    invoice_id: InvoiceId,
    by: Annotated[
        str, typer.Option(help="Keys, joined by commas: customer, offer, subscription, …")
    ] = "customer",
    shape: AsShape = Shape.table,
    safe: Safe = False,
) -> None:
    """Total an invoice's charges by customer, offer, or any column of the charges."""
    invoice = _client(context).invoice(invoice_id)
    keys = [key.strip() for key in by.split(",") if key.strip()]
    print_frame(invoice.totals(*keys), shape, safe=safe)
    _badge(invoice, shape)


@app.command()
def lines(
    context: typer.Context,
    invoice_id: InvoiceId,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="A folder.")],
    file_format: Annotated[FileFormat, typer.Option("--format")] = FileFormat.parquet,
    safe: Safe = False,
) -> None:
    """Write an invoice's line items, a file per objectType."""
    from invoicekit.show.export import write_lines

    invoice = _client(context).invoice(invoice_id)
    line_items = invoice.line_items()
    for path in write_lines(
        line_items, output, invoice_id=invoice.id, format=file_format.value, safe=safe
    ):
        say(str(path))
    say(str(invoice.reconcile()), to=sys.stderr)


@app.command()
def reconcile(
    context: typer.Context,
    invoice_id: InvoiceId,
    shape: AsShape = Shape.table,
) -> None:
    """Prove that an invoice's lines add up to its total. Exit 3 if they do not, 4 if incomplete."""
    invoice = _client(context).invoice(invoice_id)
    proof = invoice.reconcile()
    row = {
        "invoice_id": invoice.id,
        "state": proof.state,
        "ties": proof.ties,
        "currency": proof.currency,
        "invoice_total": f"{proof.invoice_total:f}",
        "lines_total": f"{proof.lines_total:f}",
        "difference": f"{proof.difference:f}",
        "lines": proof.lines,
        "pages": proof.pages,
    }
    if shape is Shape.json:
        say_json(row)
    elif shape is Shape.csv:
        import polars as pl

        print_frame(pl.DataFrame([row]), shape)
    else:
        print_frame(proof.parts, shape)
        say(f"{invoice.id}  {proof}")
    raise typer.Exit(EXIT[proof.state])


@app.command()
def sync(
    context: typer.Context,
    since: Annotated[str | None, typer.Option(metavar="YYYY-MM", help="The first month.")] = None,
) -> None:
    """Bring all invoices into the store and prove each. Exit 3 if one differs, 4 if incomplete."""
    states = set(_client(context).sync(since=since, tell=say)["state"])
    raise typer.Exit(next((EXIT[s] for s in ("incomplete", "differs") if s in states), 0))


@app.command()
def report(
    context: typer.Context,
    invoice_id: InvoiceId,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="An HTML file.")],
) -> None:
    """Write an invoice's HTML report: one file that opens offline."""
    invoice = _client(context).invoice(invoice_id)
    path = _report(invoice, output)
    say(f"{invoice.id}  {invoice.reconcile()}")
    say(str(path))


@app.command()
def doctor(
    context: typer.Context,
    ask: Annotated[bool, typer.Option("--ask", help="Sign in and make one request too.")] = False,
    shape: AsShape = Shape.table,
) -> None:
    """Say what this sign-in can do; without --ask nobody is asked. Exit 1 if something is wrong."""
    found = _client(context).doctor(ask=ask)
    if shape is Shape.table:
        say(repr(found))
    else:
        import polars as pl

        print_frame(pl.DataFrame(found.rows()), shape)
    raise typer.Exit(0 if found.fine else 1)


@app.command("sign-out")
def sign_out(context: typer.Context) -> None:
    """Forget the sign-in that is kept for the next run; settings and answers stay."""
    there = _client(context).sign_out()
    say("signed out: the kept sign-in is forgotten" if there else "no sign-in is kept")


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 0,
) -> None:
    """Serve the made-up partner on this machine until Ctrl-C, for scripts to try against."""
    from invoicekit.sandbox.partner import demo_partner
    from invoicekit.sandbox.server import Sandbox

    with Sandbox(demo_partner(), port=port) as server:
        say("A partner that exists nowhere. In another shell (Windows: `set` for `export`):")
        say(f"export INVOICEKIT_BASE_URL={server.url}")
        say(f"export INVOICEKIT_TOKEN={server.token}")
        say("Ctrl-C ends it.", to=sys.stderr)
        while True:
            time.sleep(3600)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code; no error of ours shows a traceback."""
    run(app, list(sys.argv[1:] if arguments is None else arguments))


def _client(context: typer.Context) -> Client:
    client = connect(**context.obj)
    context.call_on_close(client.close)
    return client


def _badge(invoice: Invoice, shape: Shape) -> None:
    """The tie-out travels with every figure; beside data for machines it goes to stderr."""
    to = sys.stdout if shape is Shape.table else sys.stderr
    say(f"{invoice.id}  {invoice.reconcile()}", to=to)


def _report(invoice: Invoice, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return invoice.report(path).resolve()

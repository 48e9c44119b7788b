"""The shell's door: the same calls as in a notebook, one command each.

Exit codes: 0 fine, 1 an error, 2 wrong usage or a value not allowed, 3 does not tie, 4 incomplete
(3 and 4 from `reconcile` and `sync` alone), 130 interrupted.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import polars as pl
import typer

from invoicekit.cli.cache import cache
from invoicekit.cli.documents import statement, tax_receipts
from invoicekit.cli.opening import InvoiceId, client_of, invoice_of
from invoicekit.cli.printing import (
    EXIT,
    KEYS,
    AsShape,
    FileFormat,
    Limit,
    Output,
    Printer,
    Safe,
    Shape,
    keys_in,
    print_proof,
    summed_up,
)
from invoicekit.cli.read import read
from invoicekit.cli.terminal import Badge, run, say
from invoicekit.client import demo as open_demo
from invoicekit.errors import InvoiceKitError
from invoicekit.files.output import is_written_into
from invoicekit.invoice import Invoice

app = typer.Typer(
    name="invoicekit",
    help="Microsoft CSP invoices: totals, proof that the lines tie, and reports.",
    epilog="Settings come from INVOICEKIT_TOKEN and the other INVOICEKIT_* variables. "
    "To look around without any: invoicekit demo. The options above may stand after a command too.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)
app.add_typer(cache, name="cache")
app.command()(read)
app.command()(statement)
app.command("tax-receipts")(tax_receipts)

Refresh = Annotated[bool, typer.Option("--refresh", help="Ask again.")]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        say(f"invoicekit {version('invoicekit')}")
        raise typer.Exit


@app.callback()
def settings(
    context: typer.Context,
    _: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Say which this is."),
    ] = False,
    cloud: Annotated[str | None, typer.Option(help="global, usgov or china.")] = None,
    tenant_id: Annotated[str | None, typer.Option(help="The partner's tenant.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Another host, without a path.")] = None,
    graph_url: Annotated[
        str | None, typer.Option(help="Another host for Microsoft Graph, without /v1.0.")
    ] = None,
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
        "graph_url": graph_url,
        "cache_dir": cache_dir,
        "page_size": page_size,
        "offline": offline,
    }


@app.command()
def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where the report goes.")
    ] = Path("invoicekit-demo"),
) -> None:
    """Open the newest invoice of a made-up partner: totals, tie-out and report. No credentials."""
    with open_demo() as client:
        say("A partner that exists nowhere, served over HTTP on this machine.", to=sys.stderr)
        invoice = client.latest
        Printer().print(invoice.totals("customer").head(10))
        say(f"(10 of {invoice.totals('customer').height} customers)", "")
        say(Badge(f"{invoice.id} of {invoice.date}  {invoice.reconcile()}"))
        say(f"Report: {_report(invoice, output / f'{invoice.id}.html')}")


@app.command()
def invoices(
    context: typer.Context,
    shape: AsShape = None,
    output: Output = None,
    refresh: Refresh = False,
    safe: Safe = False,
    limit: Limit = None,
) -> None:
    """List the invoices, newest first."""
    printer = Printer(shape, output, safe)
    frame = client_of(context).invoices(refresh=refresh)
    if printer.shape is Shape.table:
        frame = frame.select(
            "invoice_id", "invoice_date", "total_charges", "paid_amount", "currency",
            "document_type", "invoice_type",
        )  # fmt: skip
    printer.print(frame, limit=limit)


@app.command()
def totals(
    context: typer.Context,
    invoice_id: InvoiceId,
    by: Annotated[
        str, typer.Option(metavar="KEYS", help=f"Joined by commas; of {', '.join(KEYS)}.")
    ] = "customer",
    shape: AsShape = None,
    output: Output = None,
    safe: Safe = False,
    limit: Limit = None,
) -> None:
    """Total an invoice's charges by customer, offer, or any column of the charges."""
    keys = keys_in(by)
    invoice = invoice_of(context, invoice_id)
    totals = invoice.totals(*keys)
    badge = f"{invoice.id}  {invoice.reconcile()}"
    Printer(shape, output, safe).print(totals, badge, limit=limit)


@app.command()
def compare(
    context: typer.Context,
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="An invoice's id.")],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="That of a later one.")],
    details: Annotated[
        bool, typer.Option("--details", help="By customer, offer and subscription.")
    ] = False,
    shape: AsShape = None,
    output: Output = None,
    safe: Safe = False,
) -> None:
    """Say what changed between two invoices, in parts that add up."""
    from invoicekit.analysis.compare import compare as compared

    client = client_of(context)
    invoices = [client.invoice(invoice_id) for invoice_id in (before, after)]
    change = compared(*invoices)
    badges = [f"{invoice.id}  {invoice.reconcile()}" for invoice in invoices]
    Printer(shape, output, safe).print(change.details if details else change.parts, *badges)


@app.command()
def lines(
    context: typer.Context,
    invoice_id: InvoiceId,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="A folder.")],
    file_format: Annotated[FileFormat, typer.Option("--format")] = FileFormat.parquet,
    safe: Annotated[
        bool, typer.Option("--safe/--raw", help="CSV: guarded for spreadsheets, or as it is.")
    ] = True,
) -> None:
    """Write an invoice's line items, a file per objectType."""
    from invoicekit.show.export import write_lines

    invoice = invoice_of(context, invoice_id)
    line_items, proof = invoice.line_items(), invoice.reconcile()
    paths = write_lines(
        line_items, output, invoice_id=invoice.id, format=file_format.value, safe=safe
    )
    say(*map(str, paths))
    say(Badge(f"{invoice.id}  {proof}"), to=sys.stderr)


@app.command()
def reconcile(
    context: typer.Context,
    invoice_id: InvoiceId,
    shape: AsShape = None,
    output: Output = None,
) -> None:
    """Prove that an invoice's lines add up to its total. Exit 3 if they do not, 4 if incomplete."""
    invoice = invoice_of(context, invoice_id)
    proof = invoice.reconcile()
    print_proof(Printer(shape, output), invoice.id, proof)
    raise typer.Exit(EXIT[proof.state])


@app.command()
def sync(
    context: typer.Context,
    since: Annotated[str | None, typer.Option(metavar="YYYY-MM", help="The first month.")] = None,
    refresh: Refresh = False,
    shape: AsShape = None,
    output: Output = None,
    safe: Safe = False,
) -> None:
    """Bring all invoices into the store and prove each. Exit 3 if one differs, 4 if incomplete."""
    printer = Printer(shape, output, safe)
    failed = None
    try:
        synced = client_of(context).sync(since=since, refresh=refresh, tell=printer.tell)
    except InvoiceKitError as error:
        if error.synced is None:
            raise
        synced, failed = error.synced, error
    said = summed_up(synced) or ("" if failed else f"no invoice{f' since {since}' * bool(since)}")
    if not printer.shows_words:
        printer.print(synced, *filter(None, [said]))
    elif said:
        say(said)
    if failed:
        raise failed
    states = set(synced["state"])
    raise typer.Exit(next((EXIT[s] for s in ("incomplete", "differs") if s in states), 0))


@app.command()
def report(
    context: typer.Context,
    invoice_id: InvoiceId,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="An HTML file.")],
) -> None:
    """Write an invoice's HTML report: one file that opens offline."""
    invoice = invoice_of(context, invoice_id)
    path = _report(invoice, output)
    to = sys.stderr if is_written_into(output) else sys.stdout  # the report may be going there
    say(Badge(f"{invoice.id}  {invoice.reconcile()}"), str(path), to=to)


@app.command()
def doctor(
    context: typer.Context,
    ask: Annotated[bool, typer.Option("--ask", help="Sign in and make one request too.")] = False,
    shape: AsShape = None,
    output: Output = None,
) -> None:
    """Say what this sign-in can do; without --ask nobody is asked. Exit 1 if something is wrong."""
    found = client_of(context).doctor(ask=ask)
    Printer(shape, output).print(pl.DataFrame(found.rows()), table=repr(found).split("\n"))
    raise typer.Exit(0 if found.fine else 1)


@app.command("sign-out")
def sign_out(context: typer.Context) -> None:
    """Forget the sign-in that is kept for the next run; settings and answers stay."""
    there = client_of(context).sign_out()
    say("signed out: the kept sign-in is forgotten" if there else "no sign-in is kept")


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 0,
) -> None:
    """Serve the made-up partner on this machine until Ctrl-C, for scripts to try against."""
    from invoicekit.sandbox.server import demo_sandbox

    with demo_sandbox(port=port, graph=True) as server:
        say("A partner that exists nowhere. In another shell (Windows: `set` for `export`):")
        for name, value in server.settings.items():
            say(f"export INVOICEKIT_{name.upper()}={value}")
        say("Ctrl-C ends it.", to=sys.stderr)
        while True:
            time.sleep(3600)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code; no error of ours shows a traceback."""
    run(app, list(sys.argv[1:] if arguments is None else arguments))


def _report(invoice: Invoice, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(BrokenPipeError):  # a pipe whose reader has gone, as with `| head`
        invoice.report(path)
    return path.absolute()

"""The shell's door: the same calls as in a notebook, one command each.

Exit codes: 0 fine, 1 an error, 2 wrong usage or a value not allowed, 3 does not tie, 4 incomplete
(3 and 4 from `reconcile`, `read … reconcile` and `sync` alone), 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from invoicekit.cli.access import doctor, sign_out
from invoicekit.cli.analysis import compare, explain, fields, glossary, view
from invoicekit.cli.arguments import path_in
from invoicekit.cli.cache import cache
from invoicekit.cli.completion import clouds_begun
from invoicekit.cli.files import (
    evidence,
    lines,
    report,
    statement,
    statements,
    tax_receipts,
    workbook,
)
from invoicekit.cli.made_up import demo, sandbox
from invoicekit.cli.odd import findings, quality, suspects
from invoicekit.cli.proving import reconcile, sync
from invoicekit.cli.read import read
from invoicekit.cli.tables import invoices, totals
from invoicekit.cli.terminal import run, say

COMMANDS = (
    demo,
    invoices, totals, reconcile, findings, suspects, quality, sync,
    view, compare, explain, glossary, fields,
    lines, report, workbook, statements, evidence, statement, tax_receipts,
    read,
    doctor, sign_out, sandbox,
)  # fmt: skip

app = typer.Typer(
    name="invoicekit",
    help="Microsoft CSP invoices: totals, proof that the lines tie, and reports.",
    epilog="Settings come from INVOICEKIT_TOKEN and the other INVOICEKIT_* variables. "
    "To look around without any: invoicekit demo. The options above may stand after a command too.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(cache, name="cache")


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
    cloud: Annotated[
        str | None, typer.Option(help="global, usgov or china.", autocompletion=clouds_begun)
    ] = None,
    tenant_id: Annotated[str | None, typer.Option(help="The partner's tenant.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Another host, without a path.")] = None,
    graph_url: Annotated[
        str | None, typer.Option(help="Another host for Microsoft Graph, without /v1.0.")
    ] = None,
    cache_dir: Annotated[
        Path | None, typer.Option(help="Where answers are kept.", parser=path_in)
    ] = None,
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


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code; no error of ours shows a traceback."""
    run(app, list(sys.argv[1:] if arguments is None else arguments))

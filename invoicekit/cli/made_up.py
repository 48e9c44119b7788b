"""`invoicekit demo` and `sandbox`: the made-up partner."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from invoicekit.cli.completion import FAULT_NAMES, faults_begun
from invoicekit.cli.files import to_write, written
from invoicekit.cli.printing import Printer
from invoicekit.cli.terminal import Badge, say


def demo(
    output: Annotated[Path, to_write("DIR", "Where the report goes.")] = Path("invoicekit-demo"),
    faults: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help=f"Plant faults, joined by commas; of {', '.join(FAULT_NAMES)}.",
            autocompletion=faults_begun,
        ),
    ] = "",
) -> None:
    """Try it: a made-up partner's newest invoice. No credentials.

    It prints the totals by customer and the tie-out, and writes the report.
    """
    from invoicekit.client import demo as open_demo

    asked = [name.strip().replace(" ", "-") for name in faults.split(",") if name.strip()]
    for name in asked:
        if name not in FAULT_NAMES:
            raise typer.BadParameter(f"no fault {name!r}; possible are {', '.join(FAULT_NAMES)}")
    planted = [name.replace("-", " ") for name in asked]
    with open_demo(faults=planted) as client:
        say("A partner that exists nowhere, served over HTTP on this machine.", to=sys.stderr)
        invoice = client.latest
        Printer().print(invoice.totals("customer").head(10))
        say(f"(10 of {invoice.totals('customer').height} customers)", "")
        say(Badge(f"{invoice.id} of {invoice.date}  {invoice.reconcile()}"))
        say(f"Report: {written(invoice.report, output / f'{invoice.id}.html')}")


def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 0,
) -> None:
    """Serve the made-up partner here until Ctrl-C, for scripts."""
    from invoicekit.sandbox.server import demo_sandbox

    with demo_sandbox(port=port, graph=True) as server:
        say("A partner that exists nowhere. In another shell (Windows: `set` for `export`):")
        for name, value in server.settings.items():
            say(f"export INVOICEKIT_{name.upper()}={value}")
        say("Ctrl-C ends it.", to=sys.stderr)
        while True:
            time.sleep(3600)

"""`invoicekit doctor` and `sign-out`: what a sign-in can do, and the end of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import polars as pl
import typer

from invoicekit.auth.diagnosis import Diagnosis
from invoicekit.cli.opening import client_of
from invoicekit.cli.plain import in_shell_words
from invoicekit.cli.printing import AsShape, Output, Printer
from invoicekit.cli.terminal import say


def doctor(
    context: typer.Context,
    ask: Annotated[bool, typer.Option("--ask", help="Sign in and make one request too.")] = False,
    shape: AsShape = None,
    output: Output = None,
) -> None:
    """Say what this sign-in can do; without --ask nobody is asked. Exit 1 if something is wrong."""
    checks = client_of(context).doctor(ask=ask).checks
    found = Diagnosis(tuple(replace(one, says=in_shell_words(one.says)) for one in checks))
    Printer(shape, output).print(pl.DataFrame(found.rows()), table=repr(found).split("\n"))
    raise typer.Exit(0 if found.fine else 1)


def sign_out(context: typer.Context) -> None:
    """Forget the sign-in that is kept for the next run.

    Settings and answers stay.
    """
    there = client_of(context).sign_out()
    say("signed out: the kept sign-in is forgotten" if there else "no sign-in is kept")

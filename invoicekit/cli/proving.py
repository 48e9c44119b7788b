"""`invoicekit reconcile` and `sync`: the proof, said by the exit code as well."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from invoicekit.cli.odd import told_below
from invoicekit.cli.opening import InvoiceId, Refresh, Since, client_of, invoice_of
from invoicekit.cli.printing import (
    EXIT,
    AsShape,
    Output,
    Printer,
    Safe,
    Shape,
    print_proof,
    summed_up,
)
from invoicekit.cli.terminal import say, say_error
from invoicekit.errors import InvoiceKitError


def reconcile(
    context: typer.Context,
    invoice_id: InvoiceId,
    shape: AsShape = None,
    output: Output = None,
) -> None:
    """Prove that an invoice's lines add up to its total.

    Where they do not, it says what is odd and which lines it could be. Exit code 3: they do not;
    4: it is incomplete.
    """
    invoice = invoice_of(context, invoice_id)
    proof = invoice.reconcile()
    printer = Printer(shape, output)
    below: Sequence[str] = ()
    failed = None
    if printer.shape is Shape.table and proof.state == "differs":
        try:
            below = told_below(proof, invoice.id, printer)
        except Exception as error:  # noqa: BLE001 (whatever it is, the proof stands)
            failed = error
        except BaseException:  # Ctrl-C, after seconds of a search
            print_proof(printer, invoice.id, proof)
            raise
    print_proof(printer, invoice.id, proof, below)
    if failed:
        say_error(failed, "what is odd could not be looked for: ")
    raise typer.Exit(EXIT[proof.state])


def sync(
    context: typer.Context,
    since: Since = None,
    refresh: Refresh = False,
    shape: AsShape = None,
    output: Output = None,
    safe: Safe = False,
) -> None:
    """Bring all invoices into the store and prove each.

    Exit code 3: one differs; 4: one is incomplete.
    """
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

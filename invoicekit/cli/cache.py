"""`invoicekit cache`: what is kept on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import polars as pl
import typer

from invoicekit.cli.printing import AsShape, Output, Printer
from invoicekit.cli.terminal import say
from invoicekit.settings import cache_folder

if TYPE_CHECKING:
    from invoicekit.store.cache_admin import Cache

cache = typer.Typer(
    help="The answers and frames kept on disk.", no_args_is_help=True, rich_markup_mode=None
)


@cache.command()
def info(context: typer.Context, shape: AsShape = None, output: Output = None) -> None:
    """Say where the cache is, and what it holds."""
    found = _cache(context).info()
    row = {
        "folder": str(found.folder),
        "size": found.size,
        "entries": found.entries,
        "collections": found.collections,
        "oldest": found.oldest,
    }
    Printer(shape, output).print(pl.DataFrame([row]), table=[str(found)])


@cache.command()
def clear(
    context: typer.Context,
    invoice_id: Annotated[str | None, typer.Option("--invoice", metavar="ID")] = None,
) -> None:
    """Forget all answers, or those of one invoice. It costs time alone: they are asked again."""
    gone = _cache(context).clear(invoice=invoice_id)
    say(f"{gone:,} collections forgotten")
    if gone.left:
        raise typer.Exit(1)


def _cache(context: typer.Context) -> Cache:
    from invoicekit.store.cache_admin import Cache

    return Cache(cache_folder(context.obj))

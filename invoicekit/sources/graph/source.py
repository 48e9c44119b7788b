"""Microsoft Graph as a source: an export's blobs in their order, while the next are downloaded."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import CancelledError

from invoicekit.errors import FetchError
from invoicekit.fetch import lifetimes
from invoicekit.fetch.collection import Ask, Collection, LeftOut, Restart
from invoicekit.fetch.downloads import Wanted
from invoicekit.fetch.transport import closed
from invoicekit.frames.collection_result import NO_DATA
from invoicekit.pages import Answer, Page
from invoicekit.settings import Settings
from invoicekit.sources.base import InvoiceHeader
from invoicekit.sources.graph import requests
from invoicekit.sources.graph.blobs import pages_of
from invoicekit.sources.graph.export import Export, NoDataError

KEPT_NO_DATA = "no-data"
# By who clears the cache, or has committed a newer pull.
TAKEN_AWAY = "its files were taken away while they were read"
SOURCE = requests.SOURCE


def collection(
    invoice: InvoiceHeader, provider: str, line_item_type: str, settings: Settings
) -> Collection:
    """The export that holds the lines of a type, of whatever provider the invoice names.

    Raises:
        ValueError: there is no export of such a type.
    """
    return requests.line_items(
        settings.graph_url,
        invoice.id,
        provider,
        line_item_type,
        closed=invoice.closed,
        version=invoice.version,
    )


def pages(collection: Collection, ask: Ask) -> Iterator[Page]:
    """The rows of an export: pages of one number are of one blob.

    Raises:
        LeftOut: Graph refuses it, does not know the invoice, or has no data yet.
        Restart: the export became another one meanwhile, or its files were taken away.
        FetchError: it failed, is not ready in time, or could not be downloaded or written.
        PageError: what came is no whole export.
    """
    no_data = ask.kept(KEPT_NO_DATA)
    if no_data:
        raise LeftOut(NO_DATA, NoDataError(no_data.decode("utf-8", "replace")))
    export = Export(ask, collection)
    try:
        blobs = export.blobs()
    except NoDataError as error:
        raise _left_out(collection, ask, error) from error
    files = [ask.file(Wanted(name, f"{blobs.etag} {name}"), export.url) for name in blobs.names]
    for number, (name, file) in enumerate(zip(blobs.names, files, strict=True), 1):
        try:
            found = file.result()
        except CancelledError:
            raise closed() from None
        except FetchError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise Restart(TAKEN_AWAY, error) from error
            raise
        answer = Answer(
            b"",
            seconds=found.seconds,
            from_cache=found.from_cache,
            retries=found.retries,
            size=found.size,
        )
        try:
            content = found.open()
        except OSError as cause:
            gone = f"blob {name} of {collection.name} was downloaded, and is there no more"
            raise Restart(TAKEN_AWAY, FetchError(gone)) from cause
        with content:
            yield from pages_of(
                content, name, collection=collection.name, number=number, answer=answer
            )


def _left_out(collection: Collection, ask: Ask, error: NoDataError) -> LeftOut:
    """Billing without data makes an invoice incomplete, so it is asked again each time.

    So is what is not billed yet.
    """
    kept = collection.line_item_type == "usage" and collection.lifetime != lifetimes.NOT_AT_ALL
    if kept:
        ask.keep(KEPT_NO_DATA, str(error).encode())
    return LeftOut(NO_DATA, error, kept=kept)

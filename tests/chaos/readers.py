"""What a user does with a partner's invoices, each in a process of its own, and what comes of it.

A result is plain: for each question `["right", text]`, `["error", class, message]` for an error of
ours, or `["foreign", class, message]` for anything else.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import threading
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import invoicekit as ik

# Loaded once, in the process that the others are forked from; polars does no work in it.
for _name in ("client", "fetch.session", "frames.decode", "invoice", "sync_all", "store.sync"):
    importlib.import_module(f"invoicekit.{_name}")
importlib.import_module("tqdm.auto")
importlib.import_module("jinja2")
# Polars keeps threads, of which Python 3.12 and later warn.
warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)

Result = dict[str, list[str]]
OBJECT_TYPES = (
    "OneTimeInvoiceLineItem",
    "LicenseBasedLineItem",
    "UsageBasedLineItem",
    "DailyRatedUsageLineItem",
)
NOT_STORED = "not stored"


def client_of(url: str, cache: str, **given: object) -> ik.Client:
    """A client of the books."""
    settings = {"token": "s3cret-token-of-the-tests", "tenant_id": "t", "client_id": "one-app"}
    client = ik.connect(base_url=url, cache_dir=cache, **{**settings, **given})
    client.retry_policy = ik.RetryPolicy(first=0.01)
    return client


def asked(result: Result, name: str, question: Callable[[], object]) -> None:
    """Put what came of a question into `result`."""
    try:
        result[name] = ["right", str(question())]
    except ik.InvoiceKitError as error:
        result[name] = ["error", type(error).__name__, str(error)]
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - a panic of polars is no Exception
        result[name] = ["foreign", type(error).__name__, str(error)[:300]]


def exact(frame: object) -> str:
    """A frame as a short text that another frame has only if all its values are the same."""
    text = repr((frame.schema, sorted(map(repr, frame.rows()))))
    return f"{frame.height} lines, {hashlib.sha256(text.encode()).hexdigest()[:12]}"


def look(client: ik.Client, result: Result, ids: tuple[str, ...], kind: str = "") -> None:
    """Ask all there is to ask of those invoices; `kind` is what to ask first, of `PROOFS`."""
    asked(result, "list", lambda: exact(client.invoices().drop("invoice_date")))
    for invoice_id in ids:
        for name in sorted(PROOFS, key=lambda name: name != kind):
            asked(
                result,
                f"{invoice_id} {name}",
                lambda i=invoice_id, n=name: PROOFS[n](client.invoice(i)),
            )


PROOFS: dict[str, Callable[[ik.Invoice], object]] = {
    "proof": lambda invoice: invoice.reconcile(),
    "totals": lambda invoice: exact(invoice.totals("customer", "offer")),
    "charges": lambda invoice: exact(invoice.charges()),
    "lines": lambda invoice: [
        (name, exact(frame)) for name, frame in sorted(invoice.line_items().items())
    ],
}


def scan(client: ik.Client, result: Result) -> None:
    """Scan the store; whether a warning came goes with it."""
    for name in OBJECT_TYPES:

        def scanned(name: str = name) -> str:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                try:
                    frame = client.scan(name).collect()
                except ValueError as none:
                    if "is in the store" not in str(none):
                        raise
                    return f"{NOT_STORED}{' (warned)' if told else ''}"
            # Its order of columns is that of what was stored first.
            return exact(frame.select(sorted(frame.columns))) + (" (warned)" if told else "")

        asked(result, f"scan {name}", scanned)


def sync(client: ik.Client, result: Result, *, refresh: bool = False) -> None:
    """Sync, and prove all."""

    def synced() -> str:
        frame = client.sync(tell=lambda _: None, refresh=refresh)
        proofs = frame.select("invoice_id", "state", "currency", "difference", "lines")
        return repr([tuple(map(str, row)) for row in sorted(proofs.rows())])

    asked(result, "sync", synced)


def work(url: str, cache: str, job: str, seed: int, ids: tuple[str, ...], send: object) -> None:
    """Do one job of `JOBS`, and send its result through a pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # a panic of polars says pages
    result: Result = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        JOBS[job](url, cache, seed, ids, result)
    send.send(result)
    send.close()


def _sync(url: str, cache: str, _seed: int, _ids: tuple[str, ...], result: Result) -> None:
    with client_of(url, cache) as client:
        sync(client, result)


def _sync_anew(url: str, cache: str, _seed: int, _ids: tuple[str, ...], result: Result) -> None:
    """Ask for all again: everything that is kept is written anew."""
    with client_of(url, cache) as client:
        sync(client, result, refresh=True)


def _read(url: str, cache: str, seed: int, ids: tuple[str, ...], result: Result) -> None:
    kinds = sorted(PROOFS)
    with client_of(url, cache) as client:
        look(client, result, ids, kinds[seed % len(kinds)])


def _threads(url: str, cache: str, _seed: int, ids: tuple[str, ...], result: Result) -> None:
    """Four threads prove all invoices at once."""

    def prove(number: int) -> None:
        for invoice_id in ids[number % len(ids) :] + ids[: number % len(ids)]:
            asked(
                result,
                f"{number} {invoice_id} proof",
                lambda i=invoice_id: client.invoice(i).reconcile(),
            )

    with client_of(url, cache) as client:
        threads = [threading.Thread(target=prove, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _refresh(url: str, cache: str, seed: int, ids: tuple[str, ...], result: Result) -> None:
    """Ask an invoice's lines again."""
    with client_of(url, cache) as client:
        invoice_id = ids[seed % len(ids)]
        asked(
            result,
            f"{invoice_id} lines",
            lambda: [
                (name, exact(frame))
                for name, frame in sorted(
                    client.invoice(invoice_id).line_items(refresh=True).items()
                )
            ],
        )


def _files(url: str, cache: str, seed: int, ids: tuple[str, ...], result: Result) -> None:
    """Write files that others write too: each is there whole, or not at all."""
    with client_of(url, cache) as client:
        invoice_id = ids[seed % len(ids)]
        invoice = client.invoice(invoice_id)
        folder = Path(cache).parent
        asked(result, f"{invoice_id} report", lambda: invoice.report(folder / "one.html").name)
        asked(result, f"{invoice_id} statements", lambda: len(invoice.statements(folder / "all")))
        for name, write in (("one.xlsx", invoice.workbook), ("one.zip", invoice.evidence)):

            def written(name: str = name, write: Callable[[Path], Path] = write) -> None:
                with zipfile.ZipFile(write(folder / name)) as archive:
                    assert archive.testzip() is None, "not whole"

            asked(result, f"{invoice_id} {name}", written)


def _trim(url: str, cache: str, seed: int, ids: tuple[str, ...], result: Result) -> None:
    """Read with hardly any room in the cache."""
    with client_of(url, cache, cache_gb=0.00001) as client:
        look(client, result, (ids[seed % len(ids)],), "charges")


def _clear(url: str, cache: str, seed: int, ids: tuple[str, ...], result: Result) -> None:
    with client_of(url, cache) as client:
        of = None if seed % 2 else ids[seed % len(ids)]
        asked(result, "clear", lambda: client.cache.clear(invoice=of) and "")


def _offline(url: str, cache: str, seed: int, ids: tuple[str, ...], result: Result) -> None:
    kinds = sorted(PROOFS)
    with client_of(url, cache, offline=True) as client:
        if seed % 2:  # before anybody has decoded again what the store has lost
            scan(client, result)
        look(client, result, ids, kinds[seed % len(kinds)])
        if not seed % 2:
            scan(client, result)


def _verify(url: str, cache: str, seed: int, ids: tuple[str, ...], result: Result) -> None:
    """Everything, after which all of it has to be right."""
    _sync(url, cache, seed, ids, result)
    _read(url, cache, seed, ids, result)
    with client_of(url, cache) as client:
        scan(client, result)


def _scan(url: str, cache: str, _seed: int, _ids: tuple[str, ...], result: Result) -> None:
    with client_of(url, cache) as client:
        scan(client, result)


JOBS = {
    "sync": _sync,
    "sync anew": _sync_anew,
    "read": _read,
    "threads": _threads,
    "refresh": _refresh,
    "files": _files,
    "trim": _trim,
    "clear": _clear,
    "offline": _offline,
    "scan": _scan,
    "verify": _verify,
}

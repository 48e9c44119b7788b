"""Store: opening an invoice again, against decoding its cached pages again, and asking anew."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

from bodies import ONE_TIME, ROWS, Lines
from jobs import INVOICE, client_of, opened
from measure import Plan, Table, interleaved, job, median, ratio
from service import serving

from invoicekit.fetch.pull import pull
from invoicekit.frames.decode import decode
from invoicekit.sources.partner_center import requests as partner_center
from invoicekit.sources.partner_center.source import pages as pages_of


def run(plan: Plan) -> list[Table]:
    """A table of a small invoice and a large one."""
    table = Table(
        "Opening an invoice",
        ["lines", "again, from the store: s", "its cached pages decoded again: s", "ratio",
         "over HTTP (0 ms), nothing kept: s"],
        "Goals: ratio 50 at 200,000 lines; a small invoice under 0.2 s. Without imports.",
    )  # fmt: skip
    for count in (1_000, 20_000) if plan.short else (1_000, 200_000):
        table.add(*_row(plan, count))
    return [table]


def _row(plan: Plan, count: int) -> list[str]:
    folder = plan.folder(f"store-{count}")
    with serving({INVOICE: Lines(ONE_TIME, count)}) as url:
        job("sync", url=url, folder=folder, cached=True)

        def again() -> None:
            assert opened(url, folder)["lines"] == count

        def from_pages() -> None:
            said = {"provider": "onetime", "line_item_type": "billing"}
            with client_of(url, folder) as client, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                collection = partner_center.line_items(
                    INVOICE, **said, currency="USD", size=ROWS, closed=True
                )
                frames, readings = pull(
                    client._session,
                    collection,
                    pages_of,
                    lambda pages: decode(pages, invoice_id=INVOICE, **said),
                )
            assert frames[ONE_TIME].height == count
            assert all(reading.from_cache for reading in readings)

        def anew() -> None:
            fresh = Path(folder) / "fresh"
            shutil.rmtree(fresh, ignore_errors=True)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert opened(url, fresh)["lines"] == count

        contenders = {"again": again, "pages": from_pages, "anew": anew}
        seconds = interleaved(contenders, plan.rounds)
    return [
        f"{count:,}",
        median(seconds["again"], 3),
        median(seconds["pages"]),
        ratio(seconds["pages"], seconds["again"], 0),
        median(seconds["anew"]),
    ]

"""HTTP cache: a page read back from it, against a zstd file of the same bytes."""

from __future__ import annotations

from bodies import ONE_TIME, ROWS, Lines
from jobs import client_of
from measure import Plan, Table, interleaved, ratio
from service import serving

from invoicekit.fetch.page_cache import LEVEL, zstd
from invoicekit.pages import Request

FOLDER = "0" * 32 + "/bench"


def run(plan: Plan) -> list[Table]:
    """A table of the ways to read a page."""
    pages = 3 if plan.short else 20
    lines = Lines(ONE_TIME, pages * ROWS)
    path = "/invoices/G000100000/lineitems/Office/BillingLineItems"
    links = [Request(f"/v1{path}?offset={number * ROWS}") for number in range(pages)]
    raw = [plan.folder("cache-raw") / f"{number}.zst" for number in range(pages)]
    with (
        serving({"G000100000": lines}) as url,
        client_of(url, plan.folder("cache")) as client,
    ):
        session = client._session
        sent = [session.ask(link, FOLDER, correlation_id="bench").body for link in links]
        for file, body in zip(raw, sent, strict=True):
            file.write_bytes(zstd.compress(body, LEVEL))
        warm = [session.cached(link, FOLDER) for link in links]
        if [answer and answer.body for answer in warm] != sent:
            raise RuntimeError("the cache gives other bytes than were sent")

        def cached() -> None:
            for link in links:
                session.cached(link, FOLDER)

        def from_file() -> None:
            for file in raw:
                zstd.decompress(file.read_bytes())

        numbers = iter(range(1_000_000))

        def cold() -> None:
            folder = f"{next(numbers):032x}/bench"
            for link in links:
                session.ask(link, folder, correlation_id="bench")

        seconds = interleaved({"cached": cached, "file": from_file, "cold": cold}, plan.rounds)
    table = Table(
        f"HTTP cache ({pages} pages of {len(sent[0]) / 1e6:.1f} MB; bytes compared, and equal)",
        ["what", "ms a page", "over the zstd file"],
        "Goal: 3.",
    )
    for what, name in (
        ("a zstd file, read and unpacked", "file"),
        ("warm, from the cache", "cached"),
        ("cold, over HTTP (0 ms) into the cache", "cold"),
    ):
        times = sorted(seconds[name])
        of = "1" if name == "file" else ratio(seconds[name], seconds["file"])
        table.add(what, f"{times[len(times) // 2] / pages * 1000:.1f}", of)
    return [table]

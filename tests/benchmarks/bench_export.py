"""An export of Microsoft Graph: from HTTP to the proven store, and whether memory stays flat."""

from __future__ import annotations

import shutil
from functools import partial
from itertools import count

from graph_service import serving_export
from measure import Plan, Table, job, jobs, median, ratio

BLOBS = 8
WAYS = {
    "invoicekit `client.sync()`": partial(job, "sync_export"),
    "requests + gzip + json + pandas": partial(job, "naive_export"),
}
_numbers = count()


def run(plan: Plan) -> list[Table]:
    """A table against the naive way, and one of growth."""
    lines = 50_000 if plan.short else 1_000_000
    table = Table(
        f"Graph's export ({lines:,} new commerce lines in {BLOBS} blobs, over HTTP)",
        ["way", "s", "peak MB", "time / ours", "ours / its peak"],
        "Whole process, imports included; each waits a second for the export. Ours downloads 4 "
        "blobs at a time, keeps them, checks every line, and ends in Parquet that is exact, typed "
        "and proven to tie. The naive way loops over the blobs and holds money as floats. Goals: "
        "3 x naive, 0.2 of its peak.",
    )
    with serving_export(lines, BLOBS) as told:
        found = jobs({way: partial(_one, plan, run, told) for way, run in WAYS.items()},
                     1 if plan.short else plan.rounds)  # fmt: skip
    if any(set(said["lines"]) != {lines} for said in found.values()):
        raise RuntimeError("not all lines came")
    ours = found["invoicekit `client.sync()`"]
    for way, said in found.items():
        others = said is not ours
        table.add(
            way,
            median(said["seconds"]),
            median(said["peak"], 0),
            ratio(said["seconds"], ours["seconds"], 1) if others else "1",
            ratio(ours["peak"], said["peak"]) if others else "1",
        )
    return [table, _growth(plan)]


def _growth(plan: Plan) -> Table:
    sizes = (10_000, 50_000) if plan.short else (100_000, 1_000_000)
    sizes = (*sizes, 10_000_000) if plan.long else sizes
    table = Table(
        "Graph's export by its size: `client.sync()` in a fresh process",
        ["lines", "s", "lines / s", "peak MB"],
    )
    for lines in sizes:
        with serving_export(lines, BLOBS) as told:
            said = _one(plan, WAYS["invoicekit `client.sync()`"], told)
        table.add(
            f"{lines:,}",
            f"{said['seconds']:.1f}",
            f"{lines / said['seconds']:,.0f}",
            f"{said['peak']:.0f}",
        )
    return table


def _one(plan: Plan, run: partial[dict[str, float]], told: dict[str, object]) -> dict[str, float]:
    folder = plan.folder(f"export-{next(_numbers)}")
    try:
        return run(settings=told["settings"], invoice=told["invoice_id"], folder=folder)
    finally:
        shutil.rmtree(folder)

"""Flat memory: a sync of many lines against one of few, and totals over what it stored."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from functools import partial

from measure import Plan, Table, job, jobs, median, ratio
from service import one_time, serving

TOTALS = {
    "invoicekit `totals(scan)`": "totals_ours",
    "polars streaming, by hand": "totals_polars",
    "DuckDB": "totals_duckdb",
    "pandas (Arrow types)": "totals_pandas",
}


def run(plan: Plan) -> list[Table]:
    """A table of syncs, and one of totals."""
    few, many = (20_000, 60_000) if plan.short else (100_000, 1_000_000)
    most = 10_000_000
    sizes = [few, many, *([most] if plan.long else [])]
    syncs = Table(
        "Memory of a sync (HTTP cache on, a process each; the service's own not counted)",
        ["lines", "rounds", "s", "lines/s", "peak MB", f"peak / that of {few:,}"],
        "Goals: 1.15, and under 400 MB.",
    )
    folders = {count: plan.folder(f"memory-{count}") for count in sizes}
    with ExitStack() as services:
        urls = {count: services.enter_context(serving(one_time(count))) for count in sizes}
        ways = {count: partial(_fresh, urls[count], folders[count]) for count in sizes}
        found = jobs({count: ways[count] for count in (few, many)}, plan.rounds)
        if plan.long:
            found |= jobs({most: ways[most]}, 1)
    for count, said in found.items():
        seconds, peaks = said["seconds"], said["peak"]
        speed = count / sorted(seconds)[len(seconds) // 2]
        of = ratio(peaks, found[few]["peak"][: len(peaks)]) if count != few else "1"
        cells = (median(seconds), f"{speed:,.0f}", median(peaks, 0), of)
        syncs.add(f"{count:,}", len(seconds), *cells)
    return [syncs, *(_totals(plan, count, urls[count]) for count in sizes if count != few)]


def _fresh(url, folder):
    shutil.rmtree(folder, ignore_errors=True)
    return job("sync", url=url, folder=folder, cached=True)


def _totals(plan: Plan, count: int, url: str) -> Table:
    table = Table(
        f"Totals by customer and offer over {count:,} stored lines (a process each)",
        ["way", "s", "ours / it", "peak MB", "ours / its peak"],
        "Ours also guards the sums against silent overflow and takes each id's name from its "
        "latest line. Goal: 1.3 of polars by hand. Seconds without imports.",
    )
    folder = plan.folder(f"memory-{count}")
    # Nothing is asked: the address says only whose store it is.
    ways = {way: partial(job, name, url=url, folder=folder) for way, name in TOTALS.items()}
    found = jobs(ways, plan.rounds)
    if len({(*said["rows"], *said["total"]) for said in found.values()}) > 1:
        raise RuntimeError(f"the ways disagree: {found}")
    ours = found[next(iter(TOTALS))]
    for way, said in found.items():
        others = said is not ours
        table.add(
            way,
            median(said["seconds"]),
            ratio(ours["seconds"], said["seconds"]) if others else "1",
            median(said["peak"], 0),
            ratio(ours["peak"], said["peak"]) if others else "1",
        )
    return table

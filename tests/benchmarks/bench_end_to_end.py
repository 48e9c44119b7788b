"""End to end: a partner's lines over HTTP into Parquet files, each way in a fresh process."""

from __future__ import annotations

import shutil
from functools import partial
from itertools import count

from measure import Plan, Table, job, jobs, median, ratio
from service import one_time, serving

# Milliseconds a page, and how pages follow one another. By offset they can be asked ahead; by seek
# token nobody can know the second page's address before the first is there.
CASES = ((0, "seek"), (50, "offset"), (50, "seek"))
WAYS = {
    "invoicekit `client.sync()`": partial(job, "sync", cached=True),
    "requests + json + pandas": partial(job, "naive"),
    "dlt `rest_api` to Parquet files": partial(job, "dlt_rest_api"),
}
_numbers = count()


def run(plan: Plan) -> list[Table]:
    """A table of the ways, at each latency."""
    lines = 20_000 if plan.short else 200_000
    table = Table(
        f"End to end ({lines:,} new commerce lines over HTTP to Parquet)",
        ["latency a page", "paging", "way", "s", "peak MB", "time / ours", "ours / its peak"],
        "Whole process, imports included. Ours with its HTTP cache on, as users have it (the pages "
        "are kept beside the Parquet files); it is exact, typed, and proven to tie, with 4 "
        "connections at most. Naive and dlt keep no pages, ask one at a time and hold money as "
        "floats. Goals: 9 x dlt, 3 x naive, 0.35 of naive's peak.",
    )
    for latency, paging in CASES:
        by_offset = paging == "offset"
        with serving(one_time(lines), latency=latency / 1000, by_offset=by_offset) as url:
            found = jobs(
                {way: partial(_one, plan, run, url) for way, run in WAYS.items()}, plan.rounds
            )
        if any(set(said["lines"]) != {lines} for said in found.values()):
            raise RuntimeError("not all lines came")
        ours = found["invoicekit `client.sync()`"]
        for way, said in found.items():
            others = said is not ours
            table.add(
                f"{latency} ms",
                paging,
                way,
                median(said["seconds"]),
                median(said["peak"], 0),
                ratio(said["seconds"], ours["seconds"], 1) if others else "1",
                ratio(ours["peak"], said["peak"]) if others else "1",
            )
    return [table]


def _one(plan: Plan, run: partial[dict[str, float]], url: str) -> dict[str, float]:
    folder = plan.folder(f"end-to-end-{next(_numbers)}")
    try:
        return run(url=url, folder=folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)

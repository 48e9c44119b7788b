"""Workbook: seconds and memory of the Excel file, and whether memory stays flat."""

from __future__ import annotations

import shutil
from functools import partial

from measure import Plan, Table, job, jobs, median, ratio
from service import one_time, serving


def run(plan: Plan) -> list[Table]:
    """A row a size."""
    few, many = (1_000, 3_000) if plan.short else (100_000, 1_000_000)
    table = Table(
        "Workbook of an invoice (`Invoice.workbook`, from the store, a process each)",
        ["lines", "rounds", "s", "lines/s", "peak MB", f"peak / that of {few:,}", "MB"],
        "Without imports. A row has some 50 cells; peak is of the whole process.",
    )
    peaks: list[float] = []
    for count in (few, many):
        folder = plan.folder(f"workbook-{count}")
        rounds = 1 if count == many else plan.rounds
        with serving(one_time(count)) as url:
            job("sync", url=url, folder=folder, cached=True)
            write = partial(job, "written_as_workbook", url=url, folder=folder)
            said = jobs({"": partial(write, path=folder / "workbook.xlsx")}, rounds)[""]
        seconds = said["seconds"]
        peaks = peaks or said["peak"]
        table.add(
            f"{count:,}",
            len(seconds),
            median(seconds, 1),
            f"{count / sorted(seconds)[len(seconds) // 2]:,.0f}",
            median(said["peak"], 0),
            ratio(said["peak"], peaks[: len(seconds)]) if count != few else "1",
            median(said["size"], 1),
        )
        shutil.rmtree(folder)
    return [table]

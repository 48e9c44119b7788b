"""Growth: what each step costs as an invoice grows tenfold, and tenfold again."""

from __future__ import annotations

import shutil
import subprocess
import time
from functools import partial

from measure import Plan, Table, job, jobs, median
from service import one_time, serving

STEPS = {"open": "opened", "proof": "reconciled", "totals": "totalled", "report": "reported"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def run(plan: Plan) -> list[Table]:
    """One table: a row a size."""
    sizes = [1_000, 10_000] if plan.short else [10**power for power in range(3, 7)]
    sizes += [10**7] if plan.long else []
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    steps = ["sync", *STEPS]
    table = Table(
        "Growth: seconds and peak MB of each step, in a process of its own",
        ["lines", *steps, "scan totals", "report MB", "report opens in"],
        "From the store, without imports; sync from HTTP at 0 ms, cache on, imports included. The "
        "browser's time is its whole run, headless, less that of an empty page.",
    )
    empty = plan.folder("growth") / "empty.html"
    empty.write_text("<title>empty</title>")
    for count in sizes:
        rounds = plan.rounds if count <= 100_000 else min(plan.rounds, 3 if count < 10**7 else 1)
        folder = plan.folder(f"growth-{count}")
        report = folder / "report.html"
        with serving(one_time(count)) as url:
            said = {"sync": jobs({"": partial(_fresh, url, folder)}, rounds)[""]}
            runs = {
                step: partial(job, name, url=url, folder=folder) for step, name in STEPS.items()
            }
            runs["report"] = partial(runs["report"], path=report)
            runs["scan totals"] = partial(job, "totals_ours", url=url, folder=folder)
            said |= jobs(runs, rounds)
        opens = "no browser"
        if browser:
            report_times = [_shown(browser, report) - _shown(browser, empty) for _ in range(rounds)]
            opens = f"{median(report_times, 1)} s"
        table.add(
            f"{count:,}",
            *(_cell(said[step]) for step in [*steps, "scan totals"]),
            f"{report.stat().st_size / 1e6:.1f}",
            opens,
        )
        shutil.rmtree(folder, ignore_errors=True)
    return [table]


def _fresh(url, folder):
    shutil.rmtree(folder, ignore_errors=True)
    return job("sync", url=url, folder=folder, cached=True)


def _cell(said):
    return f"{median(said['seconds'])} s, {median(said['peak'], 0)} MB"


def _shown(browser, file):
    """Seconds that a browser takes to start, show a file to its end, and go."""
    start = time.perf_counter()
    subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", file.as_uri()],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=120,
        check=True,
    )
    return time.perf_counter() - start

"""Kills processes at work on one cache at random moments: nothing is lost, and nothing is wrong.

    python tests/chaos/kills.py --kills 1000 [--seed 1] [--seconds 3000]

Four processes at a time share a cache folder; each does one thing that users do, and most are
killed in the middle (SIGKILL). In a calm season nobody clears the cache: whatever was committed has
to open offline, whenever a process that was not there looks. In a season of clearing, what is read
has to be right, or an error of ours that says it is not there. Whoever is not killed has to be
right in both. At the end the folder is let grow old, and has to be no bigger than one that nobody
was killed in.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from workers import Clock, Result, Workers

sys.path.insert(0, str(Path(__file__).parents[1]))

from books import INVOICES, Books

from support.server import Service

CALM = ("sync", "sync anew", "sync anew", "sync anew", "refresh", "read", "threads", "files")
CLEARING = (*CALM, "trim", "trim", "clear", "clear")
SEASON = 40  # kills
AT_ONCE = 4
AGE = 9 * 24 * 3600  # seconds after which nobody works on, or resumes, what was left behind
ROOM = 1.5  # times what a cache holds that nobody was killed in
MOST_SHOWN = 40


class Season:
    """Kills on one cache folder, and what was found wrong."""

    def __init__(self, workers: Workers, right: Result, chance: random.Random) -> None:
        self.workers = workers
        self.right = right
        self.chance = chance
        self.took: dict[str, float] = {}
        self.counts: Counter[str] = Counter()
        self.findings: list[str] = []

    def round(self, cache: Path, jobs: tuple[str, ...]) -> int:
        """Start four, kill one or more of them; returns how many were killed at work."""
        began = time.monotonic()
        names = [self.chance.choice(jobs) for _ in range(AT_ONCE)]
        seeds = [self.chance.randrange(10**6) for _ in names]
        started = [
            self.workers.start(name, cache, seed) for name, seed in zip(names, seeds, strict=True)
        ]
        doomed = started[: self.chance.choice((1, 2, 3, AT_ONCE))]  # now and then nobody heals it
        moments = sorted(
            self.chance.uniform(0, 1.1 * self.took.get(one.job, 1.0)) for one in doomed
        )
        killed = 0
        for worker, moment in zip(doomed, moments, strict=True):
            time.sleep(max(0.0, began + moment - time.monotonic()))
            if worker.kill():
                killed += 1
                self.counts[f"{worker.job} killed"] += 1
        said = ", ".join(names)
        for worker in started[len(doomed) :]:
            self.judge(worker.result(), f"{worker.job} beside {said}", errors="clear" in names)
            took = time.monotonic() - began
            self.took[worker.job] = (self.took.get(worker.job, took) + took) / 2
            self.counts["lived"] += 1
        return killed

    def verify(self, cache: Path, job: str, *, errors: bool = False) -> None:
        """Look with a process of its own."""
        self.judge(self.workers.do(job, cache, self.chance.randrange(100)), job, errors=errors)

    def judge(self, found: Result, what: str, *, errors: bool = False) -> None:
        """Note what is not right; errors of ours may be allowed, anything else never is."""
        for question, said in found.items():
            wanted = self.right.get(re.sub(r"^\d ", "", question))  # the number of a thread
            fine = said == wanted if wanted else said[0] == "right"
            if errors and (said[0] == "error" or question.startswith("scan")):
                fine = said[0] != "foreign"  # what was cleared is not there, nor in a scan
                self.counts["cleared"] += 1
            self.counts["right" if fine else "WRONG"] += 1
            if not fine:
                self.findings.append(f"{what}: {question}: {said} instead of {wanted}"[:700])
                if len(self.findings) <= MOST_SHOWN:
                    print(self.findings[-1], flush=True)


def size_of(root: Path) -> tuple[int, int]:
    """How many files are below, folders included, and of how many bytes."""
    found = list(root.rglob("*"))
    return len(found), sum(path.stat().st_size for path in found if path.is_file())


def grow_old(root: Path) -> None:
    """As if nothing had been touched for long."""
    then = time.time() - AGE
    for path in [root, *root.rglob("*")]:
        os.utime(path, (then, then))


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--kills", type=int, default=1000)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--seconds", type=float, default=3000)
    given = words.parse_args()
    service = Service(Books(delay=0.002))
    with tempfile.TemporaryDirectory(prefix="invoicekit-kills-") as folder:
        try:
            return run(given, Path(folder), Workers(service.url, tuple(INVOICES)))
        finally:
            service.close()


def run(given: argparse.Namespace, room: Path, workers: Workers) -> int:
    """Kill, season by season; prints a line for each finding, and one of the counts."""
    right = workers.do("verify", room / "undisturbed")
    bad = {name: said for name, said in right.items() if said[0] != "right"}
    if bad:
        print(f"undisturbed it is wrong: {bad}")
        return 1
    clock, killed, number = Clock(given.seconds), 0, 0
    season = Season(workers, right, random.Random(given.seed))
    while killed < given.kills and not clock.over:
        calm = number % 2 == 0
        cache = room / f"cache-{number}" / "cache"
        cache.parent.mkdir()
        season.verify(cache, "verify")
        until = min(given.kills, killed + SEASON)
        while killed < until and not clock.over:
            killed += season.round(cache, CALM if calm else CLEARING)
            season.verify(cache, "offline", errors=not calm)
        season.verify(cache, "verify")
        season.verify(cache, "offline")
        grow_old(cache)
        for _ in range(2):
            season.verify(cache, "verify")
            for seed in range(len(INVOICES)):  # a new pull sweeps what is left of older ones
                season.judge(workers.do("refresh", cache, seed), "refresh, grown old")
        grow_old(cache)  # what a refresh replaced stays an hour for its readers
        season.verify(cache, "verify")
        files, size = size_of(cache)
        usual = size_of(room / "undisturbed")
        if files > ROOM * usual[0] or size > ROOM * usual[1]:
            season.findings.append(f"{files} files, {size} bytes are left; undisturbed {usual}")
            print(season.findings[-1])
            for path in sorted(cache.rglob("*")):
                print("   ", path.relative_to(cache))
        number += 1
    counts = ", ".join(f"{name} {count}" for name, count in sorted(season.counts.items()))
    print(
        f"{killed} kills in {clock.seconds:.0f} s, seed {given.seed}, {number} seasons, "
        f"{len(season.findings)} findings: {counts}"
    )
    return 1 if season.findings or killed < given.kills else 0


if __name__ == "__main__":
    sys.exit(main())

"""Rounds of what is to be compared, side by side, and the tables they end in."""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

JOBS = Path(__file__).with_name("jobs.py")
ENOUGH_FOR_SPREAD = 4  # of fewer, the lowest and the highest are shown


@dataclass(frozen=True)
class Plan:
    """How much is measured, and where there is room for files."""

    room: Path
    short: bool = False
    long: bool = False
    rounds: int = 5

    def folder(self, name: str) -> Path:
        """A folder of its own."""
        folder = self.room / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


@dataclass
class Table:
    """What was measured, as Markdown."""

    title: str
    columns: Sequence[str]
    notes: str = ""
    rows: list[Sequence[str]] = field(default_factory=list)

    def add(self, *cells: object) -> None:
        """Add a row."""
        self.rows.append([str(cell) for cell in cells])

    def __str__(self) -> str:
        cells = [list(self.columns), *map(list, self.rows)]
        wide = [max(len(row[n]) for row in cells) for n in range(len(self.columns))]
        lines = [
            "| " + " | ".join(cell.ljust(wide[n]) for n, cell in enumerate(row)) + " |"
            for row in cells
        ]
        lines.insert(1, "|" + "|".join("-" * (n + 2) for n in wide) + "|")
        return "\n".join(
            [f"### {self.title}", "", *lines, *(["", self.notes] if self.notes else [])]
        )


def interleaved(
    contenders: Mapping[str, Callable[[], Any]], rounds: int, *, warm: bool = True
) -> dict[str, list[float]]:
    """Seconds of each contender in each round; every round begins with another one."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    if warm:
        for run in contenders.values():
            run()
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            gc.collect()
            start = time.perf_counter()
            contenders[name]()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def jobs(
    contenders: Mapping[str, Callable[[], dict[str, Any]]], rounds: int
) -> dict[str, dict[str, list[float]]]:
    """What jobs in fresh processes say of themselves, round by round: `seconds`, `peak`, …"""
    found: dict[str, dict[str, list[float]]] = {name: {} for name in contenders}
    names = list(contenders)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            for what, value in contenders[name]().items():
                found[name].setdefault(what, []).append(value)
    return found


def job(name: str, **given: object) -> dict[str, Any]:
    """Run a function of `jobs.py` in a fresh process; what it says, its `seconds` and `peak` MB."""
    told = json.dumps(given, default=str)
    # Modules of ours are compiled once, as those of installed packages are.
    as_installed = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(JOBS), name, told],
        capture_output=True,
        text=True,
        check=False,
        env={**as_installed, "RUNTIME__DLTHUB_TELEMETRY": "false", "TQDM_DISABLE": "1"},
    )
    if done.returncode:
        raise RuntimeError(f"the job {name} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def median(values: Iterable[float], digits: int = 2) -> str:
    """The median of some values, in words."""
    return f"{statistics.median(values):,.{digits}f}"


def ratio(above: Sequence[float], below: Sequence[float], digits: int = 2) -> str:
    """Round by round, `above` over `below`: the median, and the spread without the outermost."""
    ratios = sorted(a / b for a, b in zip(above, below, strict=True))
    if len(ratios) == 1:
        return f"**{ratios[0]:.{digits}f}**"
    inner = ratios[1:-1] if len(ratios) >= ENOUGH_FOR_SPREAD else ratios
    middle = statistics.median(ratios)
    return f"**{middle:.{digits}f}** [{inner[0]:.{digits}f} .. {inner[-1]:.{digits}f}]"

"""The benchmarks: `python tests/benchmarks [--short] [--long] [--rounds N] [NAME …]`.

They need what is measured against: `pip install dlt[parquet] pandas duckdb orjson`.
Each is a module `bench_NAME` with a function `run(plan)` that gives tables.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from measure import Plan

NAMES = (
    "decode",
    "end_to_end",
    "export",
    "pipeline",
    "cache",
    "store",
    "compare",
    "suspects",
    "workbook",
    "memory",
    "growth",
)
LIBRARIES = (
    "invoicekit",
    "polars",
    "msgspec",
    "requests",
    "requests-cache",
    "orjson",
    "pandas",
    "pyarrow",
    "duckdb",
    "dlt",
)


def main() -> None:
    """Run those named, or all, and print their tables."""
    parser = argparse.ArgumentParser(prog="tests/benchmarks", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--short", action="store_true", help="only prove that they work")
    parser.add_argument("--long", action="store_true", help="ten million lines as well")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(NAMES):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="invoicekit-bench-") as room:
        plan = Plan(Path(room), asked.short, asked.long, 1 if asked.short else asked.rounds)
        for name in asked.names or NAMES:
            start = time.perf_counter()
            for table in import_module(f"bench_{name}").run(plan):
                print(f"\n{table}", flush=True)
            print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)


def machine() -> str:
    """What it ran on, and with what; names no folder and no host."""
    cpu = platform.processor() or platform.machine()
    memory = ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next((line.partition(": ")[2] for line in lines if "model name" in line), cpu)
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
        memory = f", {pages * size / 2**30:.0f} GiB"
    cores = f"{os.cpu_count()} x {cpu}{memory}"
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    what = "ratios: the median of the rounds [2nd lowest .. 2nd highest]"
    return f"{cores}, Python {platform.python_version()}; {libraries}.\nInterleaved; {what}."


if __name__ == "__main__":
    main()

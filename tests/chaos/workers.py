"""Processes that can be killed, forked from one that has loaded everything: each starts quickly."""

from __future__ import annotations

import multiprocessing
import os
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LONGEST = 120.0  # seconds after which a job hangs

Result = dict[str, list[str]]


@dataclass(frozen=True)
class Worker:
    """A job at work in a process of its own."""

    job: str
    process: BaseProcess
    results: Connection

    def kill(self) -> bool:
        """End it as a power cut would; whether it was still at work."""
        self.process.kill()
        self.process.join(LONGEST)
        alive = self.process.exitcode != 0
        self.results.close()
        return alive

    def result(self) -> Result:
        """What came of it, once it is through; a process that hangs or dies is a finding too."""
        try:
            if not self.results.poll(LONGEST):
                self.process.kill()
                return {self.job: ["foreign", "Hangs", f"not through after {LONGEST:.0f} s"]}
            found: Result = self.results.recv()
        except EOFError:
            self.process.join(LONGEST)
            return {self.job: ["foreign", "Dies", f"exit code {self.process.exitcode}"]}
        finally:
            self.results.close()
            self.process.join(LONGEST)
        return found


class Workers:
    """Starts jobs on one service."""

    def __init__(self, url: str, ids: tuple[str, ...]) -> None:
        self.url = url
        self.ids = ids
        # Before Python 3.13 what it forks from looks for its modules by the environment alone.
        places = [str(HERE), str(HERE.parent), str(ROOT), os.environ.get("PYTHONPATH", "")]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, places))
        # The killed leave behind what only they knew of; that is nothing to warn of.
        os.environ["PYTHONWARNINGS"] = "ignore::UserWarning:multiprocessing.resource_tracker"
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["readers"])

    def start(self, job: str, cache: Path, seed: int = 0) -> Worker:
        """Begin a job of `readers.JOBS`."""
        import readers

        results, send = self._context.Pipe(duplex=False)
        words = (self.url, str(cache), job, seed, self.ids, send)
        process = self._context.Process(target=readers.work, args=words, daemon=True)
        process.start()
        send.close()
        return Worker(job, process, results)

    def do(self, job: str, cache: Path, seed: int = 0) -> Result:
        """What comes of a job."""
        return self.start(job, cache, seed).result()


class Clock:
    """Ends a run in time."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._began = time.monotonic()

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() > self._end

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began

"""A pool of daemon threads; Ctrl-C does not wait for them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

from invoicekit.errors import for_caller

T = TypeVar("T")


class ThreadPool:
    """Runs what is submitted on up to `size` threads, which are started when they are needed.

    They are daemons, unlike those of `ThreadPoolExecutor`: Ctrl-C does not wait for a socket that
    may take minutes to answer.
    """

    def __init__(self, size: int, name: str) -> None:
        self.size = size
        self._name = name
        self._work: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]
        self._work = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, task: Callable[[], T]) -> Future[T]:
        """Run `task` on a thread of the pool, in the context of whoever submits it.

        The future gives its result, or is cancelled.
        """
        future: Future[T] = Future()
        task = partial(copy_context().run, for_caller(task))
        with self._lock:
            if self._closed:
                future.cancel()
                return future
            self._work.put((future, task))
            if len(self._threads) < self.size:
                name = f"{self._name}-{len(self._threads)}"
                self._threads.append(threading.Thread(target=self._serve, name=name, daemon=True))
                self._threads[-1].start()
        return future

    def close(self) -> None:
        """Let the threads go as soon as each is done with what it does; the rest is dropped."""
        with self._lock:
            self._closed = True
            while not self._work.empty():
                waiting = self._work.get()
                if waiting:
                    waiting[0].cancel()
            for _ in self._threads:
                self._work.put(None)
            self._threads.clear()

    @staticmethod
    def results(futures: Sequence[Future[T]]) -> list[T]:
        """What the futures give, in order; the first error of any of them ends the waiting."""
        waiting: set[Future[T]] = set(futures)
        while waiting:  # in short turns: on Windows an endless wait does not hear Ctrl-C
            done, waiting = wait(waiting, timeout=0.2, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        return [future.result() for future in futures]

    def _serve(self) -> None:
        while (job := self._work.get()) is not None:
            future, task = job
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(task())
            except BaseException as error:  # noqa: BLE001 (whoever asks for the result gets it)
                future.set_exception(error)

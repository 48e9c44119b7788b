"""Fetches the next pages on a thread while the caller works on this one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextvars import copy_context
from functools import partial
from typing import Generic, TypeVar

from invoicekit.errors import for_caller

T = TypeVar("T")
DEPTH = 2  # pages that wait to be taken: enough to overlap, and memory stays flat
TURN = 0.2  # seconds: on Windows an endless wait does not hear Ctrl-C


def prefetched(things: Iterator[T]) -> Iterator[T]:
    """The same things in the same order, taken from `things` on another thread, a few ahead.

    What `things` raises is raised here, in its place. Whoever stops listening stops the thread
    before the next thing.
    """
    ahead = _Ahead(things)
    try:
        yield from ahead
    finally:
        ahead.stopped.set()


class _EndError(Exception):
    """There is no more."""


class _Ahead(Generic[T]):
    """A bounded queue that a thread fills: things, and at last an error."""

    def __init__(self, things: Iterator[T]) -> None:
        self.stopped = threading.Event()
        self._things = things
        self._ready: queue.Queue[tuple[T] | BaseException] = queue.Queue(DEPTH)
        work = partial(copy_context().run, for_caller(self._work))  # it shows the caller's progress
        threading.Thread(target=work, name="invoicekit-prefetch", daemon=True).start()

    def __iter__(self) -> Iterator[T]:
        while True:
            try:
                found = self._ready.get(timeout=TURN)
            except queue.Empty:
                continue
            if isinstance(found, _EndError):
                return
            if isinstance(found, BaseException):
                raise found
            yield found[0]

    def _work(self) -> None:
        last: BaseException = _EndError()
        try:
            for thing in self._things:
                self._put((thing,))
                if self.stopped.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 (it is raised where it is listened to)
            last = error
        self._put(last)

    def _put(self, thing: tuple[T] | BaseException) -> None:
        while not self.stopped.is_set():
            try:
                self._ready.put(thing, timeout=TURN)
            except queue.Full:
                continue
            else:
                return

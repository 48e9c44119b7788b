"""One line of progress for work that takes longer than a second, or a function that is told."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

from invoicekit.pages import Page
from invoicekit.visible import encodable, visible

T = TypeVar("T")
QUIET = 1.0  # seconds
# A function is told what is read and how much of it so far; `False` is silence, `None` a bar.
Wish = bool | Callable[[str, int], object] | None


class StoppedError(Exception):
    """Whoever wanted the pages has gone: Ctrl-C, or an error beside."""


class Progress:
    """Counts the lines of pages read on several threads, and can stop them all between pages."""

    def __init__(self, name: str, wish: Wish = None) -> None:
        from tqdm.auto import tqdm

        self._name = visible(name)
        self._tell = wish if callable(wish) else None
        self._lines = 0
        self._bar = tqdm(
            desc=self._name, unit=" lines", delay=QUIET, leave=False, disable=_disabled(wish)
        )
        self._lock = threading.Lock()
        self._stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.stop()
        self._bar.close()

    def stop(self) -> None:
        """Let no reader go on to another page."""
        self._stopped = True

    def over(self, pages: Iterator[Page]) -> Iterator[Page]:
        """The pages, counted.

        Raises:
            StoppedError: they are no longer wanted; what was read is kept for the next try.
        """
        for page in pages:
            if self._stopped:
                raise StoppedError
            with self._lock:
                self._bar.update(page.rows)
                self._lines += page.rows
                if self._tell:
                    self._tell(self._name, self._lines)
            yield page


class Counted(Generic[T]):
    """What is iterated over, with a bar above a second, and lines told beside it."""

    def __init__(self, things: Iterable[T], total: int, unit: str, wish: Wish = None) -> None:
        from tqdm.auto import tqdm

        self._unit = unit
        self._told = wish if callable(wish) else None
        self._bar = tqdm(
            things,
            total=total,
            unit=f" {unit}",
            delay=QUIET,
            leave=False,
            disable=_disabled(wish),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def __iter__(self) -> Iterator[T]:
        for number, thing in enumerate(self._bar, 1):
            yield thing
            if self._told:
                self._told(self._unit, number)

    def tell(self, line: str, tell: Callable[[str], None] | None) -> None:
        """Tell a line, by `tell` or on standard output, above the bar."""
        with self._bar.external_write_mode():
            (tell or _print)(visible(line))


def _disabled(wish: Wish) -> bool | None:
    """As tqdm takes it: `None` is a bar where there is a terminal or a notebook."""
    return True if wish is False or callable(wish) else None


def _print(line: str) -> None:
    print(encodable(line, getattr(sys.stdout, "encoding", None) or "utf-8"))  # noqa: T201

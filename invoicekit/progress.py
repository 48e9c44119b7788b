"""One line of progress for work that takes longer than a second."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from invoicekit.pages import Page

QUIET = 1.0  # seconds


class StoppedError(Exception):
    """Whoever wanted the pages has gone: Ctrl-C, or an error beside."""


class Progress:
    """Counts the lines of pages read on several threads, and can stop them all between pages."""

    def __init__(self, name: str) -> None:
        from tqdm.auto import tqdm

        self._bar = tqdm(desc=name, unit=" lines", delay=QUIET, leave=False, disable=None)
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
            yield page

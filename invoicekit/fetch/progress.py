"""One line of progress for work that takes longer than a second, or a function that is told."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from invoicekit.fetch.notebook import CellLine, kernel_shell
from invoicekit.pages import Page
from invoicekit.visible import encodable, visible

if TYPE_CHECKING:
    from tqdm.std import tqdm

T = TypeVar("T")
QUIET = 1.0  # seconds
WAITING = "{desc} [{elapsed}]"
# A function is told what is read and how much of it so far; `False` is silence, `None` a bar.
Wish = bool | Callable[[str, int], object] | None


class StoppedError(Exception):
    """Whoever wanted the pages has gone: Ctrl-C, or an error beside."""


class Progress:
    """Counts the lines of pages read on several threads, and can stop them all between pages."""

    def __init__(self, name: str, wish: Wish = None) -> None:
        self._name = visible(name)
        self._tell = wish if callable(wish) else None
        self._lines = 0
        self._bar = _bar(wish, desc=self._name, unit=" lines")
        self._lock = threading.Lock()
        self._stopped = False
        self._seen = time.monotonic()  # when something was shown last
        self._waited = False
        self._token: Token[Progress | None] | None = None

    def __enter__(self) -> Self:
        self._token = _SHOWN.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.stop()
        if self._waited and not self._bar.disable:
            self._bar.display(msg="")  # of what was shown between pages, tqdm does not know
            self._bar.fp.write("\r")
        self._bar.close()
        if self._token is not None:
            _SHOWN.reset(self._token)

    def waits(self, why: str) -> None:
        """Show that time goes by where no page comes, and what is waited for."""
        if time.monotonic() - self._seen > QUIET:
            with self._lock:
                self._seen = time.monotonic()
                self._waited = True
                self._bar.bar_format = WAITING
                self._bar.set_description_str(visible(why), refresh=True)

    def above(self) -> AbstractContextManager[None]:
        """A block in which a line is printed above the bar."""
        return self._bar.external_write_mode()

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
                self._bar.bar_format = None  # nothing is waited for any more
                self._bar.set_description_str(self._name, refresh=False)
                self._bar.update(page.rows)
                self._lines += page.rows
                if self._tell:
                    self._tell(self._name, self._lines)
            yield page


_SHOWN: ContextVar[Progress | None] = ContextVar("shown", default=None)


def waits(why: str) -> None:
    """Let the progress of this thread, if it shows one, say what is waited for."""
    if shown := _SHOWN.get():
        shown.waits(why)


def above_progress() -> AbstractContextManager[None]:
    """A block in which a line is printed above the progress of this thread."""
    shown = _SHOWN.get()
    return shown.above() if shown else nullcontext()


class Counted(Generic[T]):
    """What is iterated over, with a bar above a second, and lines told beside it."""

    def __init__(self, things: Iterable[T], total: int, unit: str, wish: Wish = None) -> None:
        self._unit = unit
        self._told = wish if callable(wish) else None
        self._bar = _bar(wish, iterable=things, total=total, unit=f" {unit}")

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


def _bar(wish: Wish, **how: Any) -> tqdm[Any]:  # noqa: ANN401 (as of tqdm)
    """A bar on the terminal or in a notebook's cell; it leaves nothing behind in either."""
    from tqdm.std import tqdm

    shell = kernel_shell()
    file = CellLine(shell) if shell else None  # `None` is standard error
    return tqdm(**how, file=file, delay=QUIET, leave=False, disable=_disabled(wish))


def _disabled(wish: Wish) -> bool | None:
    """As tqdm takes it: `None` is a bar where there is a terminal or a notebook."""
    return True if wish is False or callable(wish) else None


def _print(line: str) -> None:
    print(encodable(line, getattr(sys.stdout, "encoding", None) or "utf-8"))  # noqa: T201

"""Work that is done at the end of a notebook's cell, when what the cell shows is on screen."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from invoicekit.fetch.notebook import kernel_shell


def after_cell(work: Callable[[], None]) -> bool:
    """Have `work` done once, at the end of the cell that runs now; `False` where none does.

    It is still part of the cell: the next one waits for it, Ctrl-C stops it, and what it shows is
    saved with the cell. So is nothing lost in a notebook that is run without a screen.
    """
    shell = kernel_shell()
    if shell is None or not _runs_a_cell(shell):
        return False

    def once() -> None:
        shell.events.unregister("post_execute", once)
        with contextlib.suppress(KeyboardInterrupt):  # the work says itself that it was stopped
            work()

    shell.events.register("post_execute", once)
    return True


def _runs_a_cell(shell: Any) -> bool:  # noqa: ANN401 (IPython's)
    """Whether a cell runs, and not what a click in a widget has called."""
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    return bool(parent.get("header", {}).get("msg_type") == "execute_request")

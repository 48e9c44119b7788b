"""What a notebook's cell has that a terminal has not: a line that can be taken away again."""

from __future__ import annotations

import secrets
import sys
from typing import Any


def kernel_shell() -> Any:  # noqa: ANN401 (IPython's, which may not be there)
    """The shell of the Jupyter kernel that we run in; `None` elsewhere.

    >>> kernel_shell() is None
    True
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython and hasattr(ipython, "get_ipython") else None
    return shell if hasattr(shell, "kernel") else None


class CellLine:
    """A line in the output of a cell, written as a terminal's is: again and again, then blank.

    tqdm's own is a widget, of which something stays in the saved notebook and can no longer be
    shown there, nor in Voilà.
    """

    encoding = "utf-8"

    def __init__(self, shell: Any) -> None:  # noqa: ANN401 (IPython's)
        self._publish = shell.display_pub.publish
        self._id = secrets.token_hex(16)
        self._text = ""
        self._there = False

    def write(self, text: str) -> None:
        """Show what follows a carriage return; all else moves a terminal's cursor."""
        line = text.replace("\r", "").strip()
        if "\r" not in text or line == self._text:
            return
        named = {"display_id": self._id}
        self._publish({"text/plain": line}, transient=named, update=self._there)
        self._text, self._there = line, True

    def flush(self) -> None:
        """There is nothing to flush."""

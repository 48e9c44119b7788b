"""What a session that somebody reads has that a script has not: amounts without needless zeros."""

from __future__ import annotations

import sys
from functools import cache

import polars as pl

OPTION = "set_trim_decimal_zeros"


@cache  # once: whoever sets it afterwards has the last word
def trim_zeros() -> None:
    """Let polars show `247259.68` for `247259.680000000000000000000000`, in a session alone.

    Left as it is where the user has set it, for all that can be seen: polars does not tell a
    `False` of its user from its own, so the inputs of IPython are asked.
    """
    shell = _shell()
    if shell is None and not hasattr(sys, "ps1"):
        return
    inputs = getattr(shell, "user_ns", {}).get("In", ())
    if not pl.Config.state()[OPTION] and not any(OPTION[4:] in str(cell) for cell in inputs):
        pl.Config.set_trim_decimal_zeros(True)


def _shell() -> object:
    """IPython's shell, in a notebook or a terminal; `None` elsewhere."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython and hasattr(ipython, "get_ipython") else None

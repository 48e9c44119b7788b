"""Plotly's renderers without the seconds that their import takes where JupyterLab is installed."""

from __future__ import annotations

import sys
from importlib import import_module, metadata
from types import ModuleType

RENDERERS = "plotly.io._renderers"


class _Nbformat(ModuleType):
    """What plotly asks of nbformat, its version; for anything else, nbformat itself."""

    def __getattr__(self, name: str) -> object:
        if sys.modules.get("nbformat") is self:
            del sys.modules["nbformat"]
        return getattr(import_module("nbformat"), name)


def import_renderers() -> None:
    """Import plotly's renderers, on which its figure widget and every way to show a figure rest.

    They import nbformat for its version alone; that imports jsonschema, and this, in order to check
    formats, a grammar compiler: 85 % of what the first figure widget of a kernel costs. So nbformat
    is imported only once anything else is asked of it.
    """
    if RENDERERS in sys.modules or "nbformat" in sys.modules:
        return
    stand_in = _Nbformat("nbformat")
    try:
        stand_in.__version__ = metadata.version("nbformat")  # type: ignore[attr-defined]
    except metadata.PackageNotFoundError:
        return  # plotly does without
    sys.modules["nbformat"] = stand_in
    try:
        import_module(RENDERERS)
    finally:  # whoever else imports it shall have the real one
        if sys.modules.get("nbformat") is stand_in:
            del sys.modules["nbformat"]

"""Invoices of Microsoft CSP partners as exact frames, proof of totals, and reports.

import invoicekit as ik

client = ik.demo()            # a partner that exists nowhere; no credentials needed
client = ik.connect()         # yours: from INVOICEKIT_* or keyword arguments
client.invoices()
invoice = client.latest
invoice.totals("customer", "offer")
invoice.reconcile()
invoice.report("invoice.html")
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from invoicekit.errors import (
    AccessError,
    CurrencyError,
    FetchError,
    FrameError,
    InvoiceKitError,
    NotFoundError,
    PageError,
    SettingsError,
)

if TYPE_CHECKING:
    from invoicekit.analysis.checks.quality import quality
    from invoicekit.analysis.comparison.compare import Comparison, compare
    from invoicekit.analysis.explanation.explain import explain
    from invoicekit.analysis.reconcile import Reconciliation, reconcile
    from invoicekit.analysis.totals import totals
    from invoicekit.client import Client, connect, demo
    from invoicekit.fetch.retry import RetryPolicy
    from invoicekit.frames.charge_types import glossary
    from invoicekit.frames.charges import charges
    from invoicekit.frames.fields import fields
    from invoicekit.invoice import Invoice
    from invoicekit.line_items import LineItems, Unbilled, read, redact
    from invoicekit.show.explorer.widget import Explorer, Selection, explore
    from invoicekit.show.waterfall import waterfall

# Silent until its user sets up logging; below it are a record a page, wait, retry and commit.
logging.getLogger(__name__).addHandler(logging.NullHandler())

# What is heavy is imported when it is first asked for: name -> the module that has it.
_LATE = {
    "Client": "invoicekit.client",
    "Comparison": "invoicekit.analysis.comparison.compare",
    "Explorer": "invoicekit.show.explorer.widget",
    "Invoice": "invoicekit.invoice",
    "LineItems": "invoicekit.line_items",
    "Reconciliation": "invoicekit.analysis.reconcile",
    "RetryPolicy": "invoicekit.fetch.retry",
    "Selection": "invoicekit.show.explorer.widget",
    "Unbilled": "invoicekit.line_items",
    "charges": "invoicekit.frames.charges",
    "compare": "invoicekit.analysis.comparison.compare",
    "connect": "invoicekit.client",
    "demo": "invoicekit.client",
    "explain": "invoicekit.analysis.explanation.explain",
    "explore": "invoicekit.show.explorer.widget",
    "fields": "invoicekit.frames.fields",
    "glossary": "invoicekit.frames.charge_types",
    "quality": "invoicekit.analysis.checks.quality",
    "read": "invoicekit.line_items",
    "reconcile": "invoicekit.analysis.reconcile",
    "redact": "invoicekit.line_items",
    "totals": "invoicekit.analysis.totals",
    "waterfall": "invoicekit.show.waterfall",
}

__all__ = [
    "AccessError",
    "Client",
    "Comparison",
    "CurrencyError",
    "Explorer",
    "FetchError",
    "FrameError",
    "Invoice",
    "InvoiceKitError",
    "LineItems",
    "NotFoundError",
    "PageError",
    "Reconciliation",
    "RetryPolicy",
    "Selection",
    "SettingsError",
    "Unbilled",
    "charges",
    "compare",
    "connect",
    "demo",
    "explain",
    "explore",
    "fields",
    "glossary",
    "quality",
    "read",
    "reconcile",
    "redact",
    "totals",
    "waterfall",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 (whatever the name stands for)
    if name == "__version__":
        from importlib.metadata import version

        return version("invoicekit")
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_LATE[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])

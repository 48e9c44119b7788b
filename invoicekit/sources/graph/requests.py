"""Microsoft Graph: which request begins the export of an invoice's lines."""

from __future__ import annotations

import json

from invoicekit.fetch import lifetimes
from invoicekit.fetch.collection import Collection
from invoicekit.pages import Request

SOURCE = "graph"
BILLING = "/v1.0/reports/partners/billing"
# The export that holds the lines of a type.
EXPORTS = {"billing": "reconciliation", "usage": "usage"}
PERIODS = {"current": "current", "previous": "last"}  # of what is not billed yet
NEW_COMMERCE = "onetime"
AS_JSON = (("Content-Type", "application/json"),)


def line_items(
    graph_url: str,
    invoice_id: str,
    provider: str,
    line_item_type: str,
    *,
    closed: bool,
    version: str = "",
) -> Collection:
    """The line items of one type of an invoice: reconciliation, or daily rated usage.

    Raises:
        ValueError: there is no export of such a type.
    """
    if line_item_type not in EXPORTS:
        raise ValueError(
            f"Graph exports no {line_item_type!r} of an invoice; it has {' and '.join(EXPORTS)}"
        )
    return Collection(
        SOURCE,
        f"{provider}/{line_item_type} of {invoice_id}",
        _export(graph_url, f"{EXPORTS[line_item_type]}/billed", {"invoiceId": invoice_id}),
        lifetimes.FOR_EVER if closed else lifetimes.OPEN,
        invoice_id,
        provider,
        line_item_type,
        version,
    )


def unbilled(graph_url: str, line_item_type: str, currency: str, period: str) -> Collection:
    """The lines of a month that is not billed yet: `period` is `current` or `previous`."""
    wanted = {"currencyCode": currency, "billingPeriod": PERIODS[period]}
    return Collection(
        SOURCE,
        f"{NEW_COMMERCE}/{line_item_type}, not billed, of the {period} month in {currency}",
        _export(graph_url, f"{EXPORTS[line_item_type]}/unbilled", wanted),
        lifetimes.NOT_AT_ALL,
        "",
        NEW_COMMERCE,
        line_item_type,
    )


def _export(graph_url: str, dataset: str, wanted: dict[str, str]) -> Request:
    """The request that submits an export; its answer is not what is kept, but goes by this key."""
    return Request(
        f"{graph_url}{BILLING}/{dataset}/export",
        "POST",
        AS_JSON,
        json.dumps({**wanted, "attributeSet": "full"}).encode(),
        audience=SOURCE,
        key=" ".join([graph_url, dataset, *wanted.values()]),
        keep=False,
    )

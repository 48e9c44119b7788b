"""Frames of lines as decoding makes them, of the few fields that a test is about."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from invoicekit.frames.collection_result import CollectionResult
from invoicekit.frames.decode import OURS
from invoicekit.frames.schema import BY_OBJECT_TYPE
from invoicekit.line_items import InvoiceLines
from invoicekit.pages import Reading

ONE_TIME, DAILY_RATED = "OneTimeInvoiceLineItem", "DailyRatedUsageLineItem"
LICENSED, METERED, DAILY = "LicenseBasedLineItem", "UsageBasedLineItem", "DailyUsageLineItem"


def lines(name: str, *rows: Mapping[str, object]) -> pl.DataFrame:
    """Rows of an objectType; what is not given is null, fields that it has not are text."""
    kind = BY_OBJECT_TYPE[name]
    provider, line_item_type = kind.pairs[0]
    ours = {
        "invoice_id": "G1", "object_type": name, "asked_provider": provider,
        "asked_line_item_type": line_item_type, "page": 1,
    }  # fmt: skip
    schema = {**OURS, **{column.name: column.type.dtype for column in kind.columns}}
    extra = {field: pl.String() for row in rows for field in row if field not in schema}
    schema |= extra
    return pl.DataFrame([{**ours, **row} for row in rows], schema=schema)


def invoice_lines(*frames: pl.DataFrame, source: str = "graph") -> InvoiceLines:
    """These lines, each frame all of one collection's, as an invoice that was read whole."""
    results = []
    for frame in frames:
        name, provider, line_item_type = frame.select(
            "object_type", "asked_provider", "asked_line_item_type"
        ).row(0)
        told = (f"{provider}/{line_item_type}", 1, frame.height, None, 0, 0.0, False, 200, 0)
        reading = Reading(*told, request_id=None, correlation_id=None)
        results.append(
            CollectionResult(
                provider, line_item_type, "read", {name: frame.height}, [reading], source=source
            )
        )
    return InvoiceLines({frame["object_type"][0]: frame.lazy() for frame in frames}, results)

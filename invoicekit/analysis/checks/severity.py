"""How much a finding matters, and what goes first."""

from __future__ import annotations

import polars as pl

ERROR, WARNING, NOTE = SEVERITIES = ("error", "warning", "note")


def errors_first(found: pl.DataFrame) -> pl.DataFrame:
    """The rows by `severity`, else in the order that they have."""
    order = pl.col("severity").replace_strict(SEVERITIES, list(range(len(SEVERITIES))))
    return found.sort(order, maintain_order=True)

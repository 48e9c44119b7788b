"""A billing month as one side of a comparison, and what changed from month to month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import polars as pl

from invoicekit.analysis.comparison.change_keys import NEEDED
from invoicekit.analysis.comparison.changes import PARTS
from invoicekit.analysis.comparison.compare import compare
from invoicekit.analysis.reconcile import Reconciliation
from invoicekit.frames.charges import CHARGES
from invoicekit.frames.schema import NUMBER

WORST_FIRST = ("incomplete", "differs", "ties")


class Provable(Protocol):
    """An invoice, as far as a month asks."""

    id: str

    def charges(self) -> pl.DataFrame:
        """Its charges."""

    def reconcile(self) -> Reconciliation:
        """Whether they add up to its total."""


@dataclass(frozen=True, slots=True)
class Proofs:
    """The proofs of several invoices as one: the worst of their states."""

    each: Sequence[tuple[str, Reconciliation]]

    @property
    def state(self) -> str:
        """`"ties"` where all of them do."""
        return next(one for one in WORST_FIRST if one in {proof.state for _, proof in self.each})

    @property
    def ties(self) -> bool:
        """Whether all of them do."""
        return self.state == "ties"

    def __str__(self) -> str:
        return "; ".join(f"{name} {proof}" for name, proof in self.each if not proof.ties)


@dataclass(frozen=True, slots=True)
class Month:
    """All invoices of one billing month."""

    invoices: Sequence[Provable]

    def charges(self) -> pl.DataFrame:
        """The charges of all of them."""
        return pl.concat([invoice.charges() for invoice in self.invoices])

    def reconcile(self) -> Proofs:
        """Whether each adds up to its total."""
        return Proofs([(invoice.id, invoice.reconcile()) for invoice in self.invoices])


def changes_by_month(charges: pl.LazyFrame) -> pl.DataFrame:
    """What changed from each month to the next that there is: one row a month, a column a part.

    Columns: `currency, since, month, before`, the parts as of `ik.compare()`, `after`: along a row,
    they add up from `before` to `after`. Charges without a month are in no row.
    """
    lines = charges.select(*NEEDED, "month").collect()
    months = lines["month"].drop_nulls().unique().sort().to_list()
    each = {month: lines.filter(month=month).drop("month") for month in months}
    rows = []
    for since, month in pairwise(months):
        change = compare(each[since], each[month])
        parts = change.parts.pivot("part", index="currency", values="difference")
        named = change.totals.select("currency", "before", "after", since=pl.lit(since),
                                     month=pl.lit(month))  # fmt: skip
        rows.append(named.join(parts, on="currency", how="left", nulls_equal=True))
    schema = {"currency": CHARGES["currency"], "since": pl.String(), "month": pl.String(),
              "before": NUMBER, **dict.fromkeys(PARTS, NUMBER), "after": NUMBER}  # fmt: skip
    found = pl.concat(rows, how="diagonal") if rows else pl.DataFrame(schema=schema)
    return found.select(pl.col(name).cast(dtype) for name, dtype in schema.items()).sort(
        "currency", "month", nulls_last=True
    )

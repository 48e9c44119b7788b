"""What each charge type billed and what it gave back: two sums that are never netted."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl

from invoicekit.analysis.totals import totals
from invoicekit.frames.charge_types import spelled


def charges_and_credits(charges: Any) -> pl.DataFrame:  # noqa: ANN401 (any engine's frame)
    """The charges and, apart from them, the credits of each charge type and currency.

    Columns: `charge_type, currency, lines, charges, credits, total`; a credit is a line whose total
    is negative, and `total` is what remains. Spellings of one charge type (`New`, `new`) are one,
    if it is in the table of charge types. A sum over nothing but nulls is null. Most charged first.

    >>> sides = charges_and_credits(invoice.charges())
    >>> sides.select("charge_type", pl.col("charges", "credits").cast(pl.Float64)).row(3)
    ('addQuantity', 1708.37, -1577.75)

    Args:
        charges: a frame of charges in polars, pandas, pyarrow or another engine that narwhals
            knows.

    Raises:
        FrameError: the amounts are too large to be added.
    """
    import narwhals as nw

    credit = nw.col("total") < Decimal(0)  # pyarrow has no room for an integer beside it
    side = nw.when(credit).then(nw.lit("credits")).otherwise(nw.lit("charges"))
    sided = nw.from_native(charges).with_columns(side.alias("side")).to_native()
    summed = totals(sided, "charge_type", "side")
    words = summed["charge_type"].unique().drop_nulls()
    one = words.replace_strict(words, [spelled(word) for word in words], return_dtype=pl.String)
    names = pl.DataFrame({"charge_type": words, "one": one})
    # `totals` has looked whether all amounts together fit: no sum of some of them can wrap.
    sums = (
        summed.join(names, on="charge_type", how="left")
        .group_by(pl.col("one").alias("charge_type"), "currency")
        .agg(
            pl.col("lines").sum(),
            *(
                _sum(pl.col("total").filter(side=name)).alias(name)
                for name in ("charges", "credits")
            ),
            _sum(pl.col("total")).alias("total"),
        )
    )
    return sums.sort(
        "currency", "charges", "credits", "charge_type",
        descending=[False, True, False, False],
        nulls_last=True,
        maintain_order=True,
    )  # fmt: skip


def _sum(amounts: pl.Expr) -> pl.Expr:
    return pl.when(amounts.count() > 0).then(amounts.sum())

"""Rows that are there more than once: all fields equal, but for the page that they came on."""

from __future__ import annotations

import polars as pl

PAGING = ("page",)  # what differs where a line is sent twice
LINE = "line of invoicekit"  # no field of anybody's is called so
COPY, ALIKE = "copy of invoicekit", "hash of invoicekit"


def numbered(lines: pl.LazyFrame) -> pl.LazyFrame:
    """The lines, and the number of each, `LINE`."""
    return lines.with_row_index(LINE)


def doubled(lines: pl.LazyFrame) -> pl.DataFrame:
    """All rows that have an equal, with `LINE`; of equals, `COPY` is false for the first alone.

    Hashes come first, in a pass that keeps nothing else; only rows whose hash is there twice are
    then looked at as a whole.
    """
    fields = pl.all().exclude(*PAGING, LINE, ALIKE)
    alike = pl.struct(fields).hash().alias(ALIKE)
    hashes = lines.select(alike).group_by(ALIKE).len().filter(pl.col("len") > 1)
    several = hashes.select(ALIKE).collect(engine="streaming")
    rows = numbered(lines).with_columns(alike)
    if several.is_empty():
        return rows.head(0).drop(ALIKE).with_columns(pl.lit(value=True).alias(COPY)).collect()
    found = rows.join(several.lazy(), on=ALIKE, how="semi").drop(ALIKE).collect(engine="streaming")
    found = found.sort(LINE).with_columns(pl.struct(fields).alias(ALIKE))
    found = found.filter(pl.len().over(ALIKE) > 1)
    return found.with_columns((pl.int_range(pl.len()).over(ALIKE) > 0).alias(COPY)).drop(ALIKE)

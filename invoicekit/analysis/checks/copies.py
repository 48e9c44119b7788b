"""Rows that are there more than once: all fields equal, but for the page that they came on."""

from __future__ import annotations

import polars as pl

PAGING = ("page",)  # what differs where a line is sent twice
LINE = "line of invoicekit"  # no field of anybody's is called so
ALIKE = "hash of invoicekit"
AT_ONCE = 100_000  # rows that are compared as a whole: some 100 MB


def numbered(lines: pl.LazyFrame) -> pl.LazyFrame:
    """The lines, and the number of each, `LINE`."""
    return lines.with_row_index(LINE)


def picked(lines: pl.LazyFrame, numbers: pl.Series) -> pl.LazyFrame:
    """The lines of these numbers."""
    return numbered(lines).filter(pl.col(LINE).is_in(numbers.implode())).drop(LINE)


def copies(lines: pl.LazyFrame) -> pl.Series:
    """The numbers (`LINE`) of the lines that are equal to an earlier one.

    Hashes come first, in a pass that keeps nothing else. Only rows whose hash is there twice are
    then compared as a whole, so many at once that memory does not grow with them.
    """
    fields = pl.all().exclude(*PAGING, LINE)
    alike = pl.struct(fields).hash().alias(ALIKE)
    hashes = lines.select(alike).group_by(ALIKE).len("of").filter(pl.col("of") > 1)
    several = hashes.sort(ALIKE).collect(engine="streaming")
    several = several.with_columns(pl.col("of").cum_sum() // AT_ONCE)
    found = [pl.Series(LINE, [], pl.UInt32())]
    for hashed in several.partition_by("of", maintain_order=True):
        rows = numbered(lines).with_columns(alike)
        rows = rows.join(hashed.lazy(), on=ALIKE, how="semi").drop(ALIKE)
        same = rows.select(LINE, pl.struct(fields).alias(ALIKE)).collect(engine="streaming")
        place = pl.int_range(pl.len()).over(ALIKE)
        found.append(same.sort(LINE).filter(place > 0)[LINE])
    return pl.concat(found).sort()

"""Where an invoice differs: the smallest sets of lines whose sum is the difference.

Exact, in integers. A set is made of units: a line; all lines of an order, a subscription, a page or
a collection; all copies of rows that are there twice; all credits; all lines in another currency,
whose amounts may have been taken for the invoice's. First one unit, then two lines,
then more lines among likely ones. A sum with the opposite sign of the difference is of lines that
the invoice's total does not have; with the same sign, of lines that it has once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import polars as pl

from invoicekit.analysis.checks.copies import LINE, copies, numbered
from invoicekit.analysis.checks.grounds import Grounds
from invoicekit.analysis.suspects.pairs import pairs
from invoicekit.analysis.suspects.pools import larger
from invoicekit.analysis.suspects.units import units
from invoicekit.analysis.suspects.values import MOST, TOLD_BY, Candidate, in_units
from invoicekit.frames.charge_types import CREDIT
from invoicekit.frames.charges import PAGED, charged

PAIR = 2
SUSPECTS = {"candidate": pl.Int64(), "reason": pl.String(), **PAGED}


def suspects_of(grounds: Grounds, difference: Decimal, currency: str) -> pl.DataFrame:
    """The candidates, likeliest first, one row a line; columns as in `SUSPECTS`."""
    if not difference:
        return pl.DataFrame(schema=SUSPECTS)
    with grounds.reading():
        found = _candidates(grounds, difference, currency)
        return _shown(grounds.charges(), found)


def borne_by(grounds: Grounds, difference: Decimal, currency: str) -> str | None:
    """The likeliest line, order, subscription, page or collection that comes to the difference."""
    found = units(*_lines(grounds, difference, currency))
    return found[0].reason if found else None


def _candidates(grounds: Grounds, difference: Decimal, currency: str) -> list[Candidate]:
    lines, wanted = _lines(grounds, difference, currency)
    own = lines.filter(pl.col("foreign").is_null())
    found = units(lines, wanted)
    if min((len(one.lines) for one in found), default=PAIR) == PAIR:  # other pairs are no larger
        told = {frozenset(one.lines) for one in found}
        found += [one for one in pairs(own, wanted) if frozenset(one.lines) not in told]
    return found or larger(own, wanted)


def _lines(grounds: Grounds, difference: Decimal, currency: str) -> tuple[pl.DataFrame, int]:
    """The lines, their totals as integers, `value`.

    `foreign` is the currency of those that are in another one than the invoice.
    """
    charges, twice = grounds.charges(), _copies(grounds)
    lines = (
        numbered(charges)
        .filter(pl.col("total") != 0)
        .select(
            LINE,
            "total",
            pl.when(pl.col("currency").ne_missing(pl.lit(currency)))
            .then(pl.col("currency").fill_null("no currency"))
            .alias("foreign"),
            "page",
            *TOLD_BY,
            (pl.col("charge_family").eq_missing(CREDIT) | (pl.col("total") < 0)).alias("credit"),
            pl.col(LINE).is_in(twice.implode()).alias("copy"),
        )
        .collect(engine="streaming")
    )
    values, wanted = in_units(lines["total"], difference)
    return lines.with_columns(values.alias("value")).drop("total"), wanted


def _copies(grounds: Grounds) -> pl.Series:
    """The numbers of the charges whose lines are there twice, but for the first of each."""
    frames = [grounds.frames[name] for name in charged(grounds.frames)]
    found, height = [pl.Series(LINE, [], pl.UInt32)], 0
    for frame in frames or [grounds.charges()]:
        found.append(copies(frame) + height)
        height += frame.select(pl.len()).collect().item()
    return pl.concat(found)


def _shown(charges: pl.LazyFrame, found: Sequence[Candidate]) -> pl.DataFrame:
    """The lines of the candidates, whole."""
    told = pl.DataFrame(
        [
            (number, candidate.reason, line)
            for number, candidate in enumerate(found[:MOST], 1)
            for line in candidate.lines
        ],
        schema={"candidate": pl.Int64(), "reason": pl.String(), LINE: pl.UInt32()},
        orient="row",
    )
    wanted = told[LINE].unique().sort()
    lines = numbered(charges).filter(pl.col(LINE).is_in(wanted.implode())).collect(
        engine="streaming"
    )  # fmt: skip
    rows = told.join(lines, on=LINE).sort("candidate", "page", LINE, nulls_last=True)
    return rows.select(pl.col(name).cast(dtype) for name, dtype in SUSPECTS.items())

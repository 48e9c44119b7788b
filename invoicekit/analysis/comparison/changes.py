"""What changed of each key: every change in one part, so that the parts add up."""

from __future__ import annotations

from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING

import polars as pl

from invoicekit.analysis import factors
from invoicekit.analysis.comparison.change_keys import (
    CREDITS,
    FACTORS,
    IDS,
    LOST_CUSTOMERS,
    LOST_OFFERS,
    MATCHED,
    NAMES,
    NEW_CUSTOMERS,
    NEW_OFFERS,
    ROOM,
    TOO_LARGE,
)
from invoicekit.analysis.money import EXACT, decimals_of
from invoicekit.analysis.totals import latest_names
from invoicekit.errors import FrameError
from invoicekit.frames.schema import NUMBER

if TYPE_CHECKING:
    from collections.abc import Sequence

TAX = "tax"
PARTS = (
    NEW_CUSTOMERS, LOST_CUSTOMERS, NEW_OFFERS, LOST_OFFERS, factors.QUANTITY, factors.PRICE,
    factors.RATE, factors.PRORATION, CREDITS, factors.REST, TAX,
)  # fmt: skip
WHOLE = (NEW_CUSTOMERS, LOST_CUSTOMERS, NEW_OFFERS, LOST_OFFERS, CREDITS)
THINGS = ("customer", "offer")  # that have names in the details
SUMS = ("before", "after", "difference", "lines")
# What moved in a part, to be told in words.
MOVED = {
    factors.QUANTITY: "quantity",
    factors.PRICE: "price",
    factors.RATE: "rate",
    factors.PRORATION: "days",
}


def changes_of(keys: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row a change, part and key; and which keys are in each part, `part, key`.

    Columns of the changes: `currency, part, customer_id, offer_id, subscription_id, before, after,
    difference, lines, was, is`; `was` and `is` are the factor that moved.
    """
    stepped = _stepped(keys)
    rest = stepped.filter(pl.col("part") == factors.REST).select("key", left="difference")
    with_rest = keys.join(rest, on="key", how="left").with_columns(
        left=pl.col("left").fill_null(0) + _beyond("after") - _beyond("before")
    )
    bare = {f"bare_{side}": pl.col(f"total_{side}") - pl.col(f"tax_{side}") for side in SUMS[:2]}
    leftover = with_rest.filter(pl.col("left") != 0).with_columns(**bare)
    moved = stepped.filter(pl.col("part") != factors.REST).join(
        keys.drop("part"), on="key", how="left"
    )
    whole = keys.filter(pl.col("part") != MATCHED)
    leftover = leftover.with_columns(part=pl.lit(factors.REST))
    taxes = keys.with_columns(part=pl.lit(TAX))
    changes = [
        _rows(whole, "subtotal"),
        _rows(moved, "subtotal", difference=pl.col("difference"), moved=True),
        _merged(_rows(leftover, "bare", pl.col("left"))),
        _merged(_rows(taxes, "tax")),
    ]
    places = [one.select("part", "key") for one in (whole, moved, leftover, taxes)]
    return pl.concat(changes), pl.concat(places)


def _beyond(side: str) -> pl.Expr:
    return pl.col(f"total_{side}") - pl.col(f"subtotal_{side}") - pl.col(f"tax_{side}")


def _rows(
    frame: pl.DataFrame, amount: str, difference: pl.Expr | None = None, *, moved: bool = False
) -> pl.DataFrame:
    before, after = pl.col(f"{amount}_before"), pl.col(f"{amount}_after")
    none = pl.lit(None, NUMBER)
    return frame.select(
        "currency",
        "part",
        *IDS,
        before=before,
        after=after,
        difference=after - before if difference is None else difference,
        lines=pl.col("lines_before") + pl.col("lines_after"),
        was=_factor("before") if moved else none,
        **{"is": _factor("after") if moved else none},
    )


def _factor(side: str) -> pl.Expr:
    """What moved in the row's part; a subscription that is not there has a quantity of 0."""
    found = pl.coalesce(
        pl.when(pl.col("part") == part).then(pl.col(f"{name}_{side}").cast(NUMBER))
        for part, name in MOVED.items()
    )
    return found.fill_null(0)


def _merged(rows: pl.DataFrame) -> pl.DataFrame:
    """One row a key, where it has credits and other lines."""
    on = ["currency", "part", *IDS]
    return rows.group_by(on).agg(pl.col(*SUMS).sum(), pl.col("was", "is").first())


def _stepped(keys: pl.DataFrame) -> pl.DataFrame:
    """The steps of matched keys in which anything moved: `key, part, difference`.

    A Decimal column is integers underneath, 24 decimals to the unit.
    """
    pairs = [(f"{name}_before", f"{name}_after") for name in ("subtotal", *FACTORS[:3])]
    changed = pl.any_horizontal(pl.col(one).ne_missing(pl.col(two)) for one, two in pairs)
    moved = keys.filter((pl.col("part") == MATCHED) & changed)
    sides = [
        [
            factors.Side(*row[1:]) if row[0] else None
            for row in zip(*(moved[f"{name}_{side}"].to_physical() for name in
                ("lines", "subtotal", *FACTORS)), strict=True)
        ]
        for side in ("before", "after")
    ]  # fmt: skip
    units = {c: factors.ONE // 10 ** decimals_of(c) for c in moved["currency"].unique()}
    numbers: list[int] = []
    parts: list[str] = []
    differences: list[Decimal] = []
    for key, currency, before, after in zip(moved["key"], moved["currency"], *sides, strict=True):
        for part, difference in factors.steps(before, after, units[currency]):
            numbers.append(key)
            parts.append(part)
            differences.append(EXACT.scaleb(Decimal(difference), -factors.DECIMALS))
    return pl.DataFrame(
        {"key": numbers, "part": parts, "difference": differences},
        schema={"key": pl.UInt32, "part": pl.String, "difference": NUMBER},
    )


def parts_of(changes: pl.DataFrame) -> pl.DataFrame:
    """A row for each currency and part, in the order of `PARTS`, zeros where there is none.

    Raises:
        FrameError: they are too large to be added.
    """
    summed = changes.group_by("currency", "part").agg(
        pl.col(*SUMS).sum(), pl.col("difference").abs().max().alias("most"), pl.len().alias("rows")
    )
    # Steps of a key may be larger than what they add up to: a group's sum could wrap.
    for row in summed.filter(pl.col("most").cast(pl.Int64) >= ROOM // pl.col("rows") - 1).iter_rows(
        named=True
    ):
        mine = changes.filter(
            pl.col("currency").eq_missing(pl.lit(row["currency"])), part=row["part"]
        )
        if reduce(EXACT.add, map(Decimal.copy_abs, mine["difference"])) >= ROOM:
            raise FrameError(TOO_LARGE)
    parts = pl.DataFrame({"part": PARTS, "order": range(len(PARTS))})
    every = changes.select("currency").unique().join(parts, how="cross")
    return (
        every.join(summed, on=["currency", "part"], how="left", nulls_equal=True)
        .sort("currency", "order", nulls_last=True)
        .select("currency", "part", pl.col(*SUMS).fill_null(0))
    )


def details_of(
    changes: pl.DataFrame, lines: Sequence[pl.LazyFrame], fine: Sequence[pl.DataFrame]
) -> pl.DataFrame:
    """The changes with names, greatest first; without those in which nothing moved."""
    import narwhals as nw

    told = changes.filter((pl.col("difference") != 0) | pl.col("part").is_in(WHOLE))
    names = pl.concat([side.select(*IDS[:2], *NAMES) for side in fine])
    both = nw.from_native(pl.concat(lines)).lazy()
    for thing in THINGS:
        found = latest_names(both, names, thing)
        told = told.join(found, on=f"{thing}_id", how="left", nulls_equal=True)
    order = pl.col("part").replace_strict(list(PARTS), list(range(len(PARTS))))
    return told.sort(
        "currency", pl.col("difference").abs(), order, *IDS, nulls_last=True,
        descending=[False, True, False, False, False, False],
    ).select("currency", "part", "customer_id", "customer_name", "offer_id", "offer_name",
             "subscription_id", *SUMS, "was", "is")  # fmt: skip

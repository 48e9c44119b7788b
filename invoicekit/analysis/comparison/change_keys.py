"""Two frames of charges, aggregated: a row a currency and key, both sides in it."""

from __future__ import annotations

from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING, Any

import polars as pl

from invoicekit.analysis.money import EXACT
from invoicekit.errors import FrameError
from invoicekit.frames.charge_types import CREDIT
from invoicekit.frames.charges import CHARGES
from invoicekit.frames.schema import BY_OBJECT_TYPE, NUMBER

if TYPE_CHECKING:
    from collections.abc import Sequence

NEW_CUSTOMERS, LOST_CUSTOMERS = "new customers", "lost customers"
NEW_OFFERS, LOST_OFFERS = "new offers", "lost offers"
CREDITS, MATCHED = "credits", "matched"
IDS = ("customer_id", "offer_id", "subscription_id")
NAMES = ("customer_name", "offer_name")
ON = ("currency", "credit", *IDS)  # what a key is
AMOUNTS = ("subtotal", "tax", "total")
GUID = r"^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"
FACTORS = ("quantity", "price", "rate", "days")
NEEDED = (
    "object_type", "currency", "charge_family", *IDS, *NAMES, "charge_start", "charge_end",
    *AMOUNTS, "billable_quantity", "effective_unit_price", "exchange_rate",
)  # fmt: skip
RESTATING = [name for name, kind in BY_OBJECT_TYPE.items() if kind.usage]
ROOM = 10**14  # an amount has 14 digits before the point
DOES_NOT_FIT = (pl.exceptions.ComputeError, pl.exceptions.InvalidOperationError)
TOO_LARGE = "the amounts are too large to be compared exactly (38 digits, 24 of them decimals)"


def lines_of(charges: Any) -> pl.LazyFrame:  # noqa: ANN401 (any engine's frame)
    """The columns that a comparison needs; usage that restates billing lines is not among them.

    Raises:
        TypeError: it is no frame, or amounts are not Decimal.
        ValueError: it lacks columns.
    """
    return _as_charges(charges, NEEDED).select(NEEDED)


def spelled(lines: pl.LazyFrame) -> pl.LazyFrame:
    """The lines with each id in one spelling: GUIDs in lower case, and two are one."""
    return lines.with_columns(_one_spelling(name) for name in IDS)


def opened(charges: Any, keys: pl.DataFrame) -> pl.DataFrame:  # noqa: ANN401 (any engine's frame)
    """The lines of those keys, in their order, with all their columns."""
    held = {name: f"{name} of invoicekit" for name in ON}  # no column of anybody's is called so
    own = [pl.col("currency"), _credit(), *(_one_spelling(name) for name in IDS)]
    lines = _as_charges(charges).with_columns(
        one.alias(name) for one, name in zip(own, held.values(), strict=True)
    )
    mine = keys.lazy().select(*ON).rename(held)
    found = lines.join(
        mine, on=list(held.values()), how="semi", nulls_equal=True, maintain_order="left"
    )
    return found.drop(held.values()).collect()


def _as_charges(charges: Any, columns: Sequence[str] = ()) -> pl.LazyFrame:  # noqa: ANN401
    """As a lazy polars frame, its amounts typed; of another engine's frame those columns alone."""
    import narwhals as nw

    lazy = charges.lazy() if isinstance(charges, pl.DataFrame) else charges
    if not isinstance(lazy, pl.LazyFrame):
        try:
            frame = nw.from_native(charges).lazy()
        except TypeError as cause:
            raise TypeError(
                f"cannot compare a {type(charges).__name__}: give invoices, or charges as of "
                "ik.charges()"
            ) from cause
        _refuse_missing(frame.collect_schema().names())
        picked = frame.select(*columns) if columns else frame
        lazy = picked.collect("polars").to_native().lazy()
    schema = lazy.collect_schema()
    _refuse_missing(schema.names())
    inexact = [name for name in NEEDED if CHARGES[name] == NUMBER and not _is_exact(schema[name])]
    if inexact:
        raise TypeError(
            f"{', '.join(inexact)}: floats, text and Decimals of more than {NUMBER.scale} decimals "
            "are not exact; charges have Decimals"
        )
    lazy = lazy.with_columns(pl.col(name).cast(CHARGES[name]) for name in NEEDED)
    return lazy.filter(~pl.col("object_type").is_in(RESTATING).fill_null(value=False))


def _is_exact(kind: pl.DataType) -> bool:
    """Whether numbers of that type keep their value as charges have them."""
    if isinstance(kind, pl.Decimal):
        return kind.scale <= NUMBER.scale
    return kind.is_integer() or kind == pl.Null


def _one_spelling(name: str) -> pl.Expr:
    """GUIDs in lower case: that of v1's usage varies (`resourceGuid`)."""
    text = pl.col(name)
    return pl.when(text.str.contains(GUID)).then(text.str.to_lowercase()).otherwise(text)


def _refuse_missing(columns: Sequence[str]) -> None:
    if absent := [name for name in NEEDED if name not in columns]:
        raise ValueError(f"these are no charges: there is no column {', '.join(absent)}")


def summed(lines: pl.LazyFrame) -> pl.LazyFrame:
    """The lines by currency, ids and names: sums, and whether a number is the same in all."""
    price, rate = pl.col("effective_unit_price"), pl.col("exchange_rate").fill_null(1)
    days = (pl.col("charge_end") - pl.col("charge_start")).dt.total_days()
    quantity = pl.col("billable_quantity")
    whole = quantity.cast(pl.Int128)
    return lines.group_by("currency", _credit().alias("credit"), *IDS, *NAMES).agg(
        pl.len().cast(pl.Int64).alias("lines"),
        *(pl.col(amount).sum() for amount in AMOUNTS),
        *(pl.col(amount).abs().max().alias(f"{amount}_most") for amount in AMOUNTS),
        # Apart, these sums fit whatever the quantities are; those of Decimal wrap, or raise.
        whole.sum().alias("whole"),
        (quantity - whole).sum().alias("fraction"),
        (quantity.null_count() + price.null_count()).alias("unknown"),
        price.min().alias("price_least"),
        price.max().alias("price_most"),
        rate.min().alias("rate_least"),
        rate.max().alias("rate_most"),
        days.min().alias("days_least"),
        days.max().alias("days_most"),
        days.null_count().alias("undated"),
    )


def _credit() -> pl.Expr:
    return pl.col("charge_family").eq_missing(CREDIT)


def collected(lines: Sequence[pl.LazyFrame]) -> list[pl.DataFrame]:
    """The sums of both sides.

    Group sums of Decimal wrap silently, or raise: where they might, the amounts are added once
    more, ungrouped and without their signs. All of both sides and all three amounts together then
    take half of what a column holds.

    Raises:
        FrameError: they take more.
    """
    try:
        # Ids are spelled as one in the sums: there are fewer of them.
        fine = pl.collect_all([spelled(summed(side)) for side in lines])
    except DOES_NOT_FIT:
        _refuse_too_large(lines)
        raise
    most = [side[f"{amount}_most"].max() for side in fine for amount in AMOUNTS]
    greatest = max((one for one in most if isinstance(one, Decimal)), default=Decimal(0))
    if 3 * greatest * sum(int(side["lines"].sum()) for side in fine) >= ROOM // 2:
        _refuse_too_large(lines)
    return fine


def _refuse_too_large(lines: Sequence[pl.LazyFrame]) -> None:
    try:
        rows = [side.select(pl.col(AMOUNTS).abs().sum()).collect().row(0) for side in lines]
    except DOES_NOT_FIT as cause:
        raise FrameError(TOO_LARGE) from cause
    if reduce(EXACT.add, (amount for row in rows for amount in row)) >= ROOM // 2:
        raise FrameError(TOO_LARGE)


def keys_of(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """A row a currency and key, both sides in it; `part` is where it belongs as a whole."""
    on = list(ON)
    values = ["lines", *AMOUNTS, *FACTORS]
    sides = [
        _by_key(side, on).rename({name: f"{name}_{suffix}" for name in values})
        for side, suffix in ((before, "before"), (after, "after"))
    ]
    keys = sides[0].join(sides[1], on=on, how="full", nulls_equal=True, coalesce=True)
    sums = [f"{name}_{side}" for name in ("lines", *AMOUNTS) for side in ("before", "after")]
    keys = keys.with_columns(pl.col(sums).fill_null(0)).with_row_index("key")
    return keys.with_columns(_part().alias("part"))


def _by_key(fine: pl.DataFrame, on: Sequence[str]) -> pl.DataFrame:
    """The sums of each key; a factor is null where the lines do not have one and the same."""
    ends = ("price", "rate", "days")
    grouped = fine.group_by(on).agg(
        pl.col("lines", *AMOUNTS, "whole", "fraction", "unknown", "undated").sum(),
        *(pl.col(f"{end}_least").min() for end in ends),
        *(pl.col(f"{end}_most").max() for end in ends),
    )
    whole = pl.col("whole") + pl.col("fraction").cast(pl.Int128)
    fits = whole.abs() < ROOM - 1
    quantity = pl.when(fits).then("whole").otherwise(0).cast(NUMBER) + pl.col("fraction")
    known = pl.col("unknown") == 0
    one = {end: pl.col(f"{end}_least") == pl.col(f"{end}_most") for end in ends}
    return grouped.select(
        *on,
        "lines",
        *AMOUNTS,
        pl.when(known & fits).then(quantity).alias("quantity"),
        pl.when(known & one["price"]).then("price_most").alias("price"),
        pl.when(one["rate"]).then("rate_most").alias("rate"),
        pl.when((pl.col("undated") == 0) & one["days"]).then("days_most").alias("days"),
    )


def _part() -> pl.Expr:
    """The first that holds, in the order of the contract; credits make no customer or offer."""

    def lines(side: str, *over: str) -> pl.Expr:
        return pl.col(f"lines_{side}").sum().over("currency", "credit", *over)

    customer, offer = ("customer_id",), ("customer_id", "offer_id")
    return (
        pl.when("credit")
        .then(pl.lit(CREDITS))
        .when(lines("before", *customer) == 0)
        .then(pl.lit(NEW_CUSTOMERS))
        .when(lines("after", *customer) == 0)
        .then(pl.lit(LOST_CUSTOMERS))
        .when(lines("before", *offer) == 0)
        .then(pl.lit(NEW_OFFERS))
        .when(lines("after", *offer) == 0)
        .then(pl.lit(LOST_OFFERS))
        .otherwise(pl.lit(MATCHED))
    )

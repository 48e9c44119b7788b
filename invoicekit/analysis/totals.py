"""Totals of charges by any keys, currencies kept apart; on any engine that narwhals knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import polars.selectors as cs

from invoicekit.errors import FrameError, one_of
from invoicekit.frames.schema import NUMBER

if TYPE_CHECKING:
    import narwhals as nw

# Keys that are a thing with an id and a name; any other column of the charges is a key by itself.
THINGS = ("customer", "offer", "subscription")
NOBODY = "(no customer)"
AMOUNTS = ("subtotal", "tax", "total")


def totals(charges: Any, *by: str) -> pl.DataFrame:  # noqa: ANN401 (any engine's frame)
    """Totals by the keys asked and by currency, dearest first.

    Columns: `<key>_id, <key>_name` for customer, offer and subscription, else the key itself; then
    `currency, lines, subtotal, tax, total`. One row an id, under the name of its latest line. The
    rows add up to the charges exactly; amounts are in the row's own currency, and a sum over
    nothing but nulls is null.

    >>> ik.totals(invoice.charges(), "charge_family").select("charge_family", "lines").rows()
    [('recurring', 264), ('one-off', 75), ('change', 25), ('credit', 5)]
    >>> ik.totals(invoice.charges(), "customer", "offer").columns[:4]
    ['customer_id', 'customer_name', 'offer_id', 'offer_name']

    Args:
        charges: a frame of charges (`Invoice.charges()`, `ik.charges()`) in polars, pandas, pyarrow
            or another engine that narwhals knows.
        by: the keys, in the order of the columns: `"customer"`, `"offer"`, `"subscription"`, or any
            column of the charges but the amounts. None gives a row per currency.

    Raises:
        TypeError: a key is no text, but a list of keys; or these are no charges, or their amounts
            are floats, text, or Decimals of more than 24 decimals.
        ValueError: a key is no column of the charges, names those that are; or they lack amounts.
        FrameError: the amounts are too large to be added.
    """
    import narwhals as nw

    try:
        frame = nw.from_native(charges).lazy()
    except TypeError:
        raise TypeError(
            "these are no charges: of an invoice write invoice.totals(…), of line items "
            "ik.totals(ik.charges(line_items), …)"
        ) from None
    schema = frame.collect_schema()
    if absent := [name for name in (*AMOUNTS, "currency") if name not in schema]:
        raise ValueError(f"these are no charges: there is no column {', '.join(absent)}")
    inexact = [name for name in AMOUNTS if _is_inexact(schema[name])]
    if inexact:
        raise TypeError(
            f"{', '.join(inexact)}: floats, text and Decimals of more than {NUMBER.scale} decimals "
            "are not exact; charges have Decimals"
        )
    keys = [*keys_of(by, schema.names()), "currency"]
    things = [key for key in by if key in THINGS]
    shown = [name for key in by for name in _shown(key)]
    if absent := [name for name in shown if name not in schema]:
        raise ValueError(
            f"cannot total by {', '.join(things)}: there is no column {', '.join(absent)}"
        )
    fine = _summed(frame, [*keys, *(f"{thing}_name" for thing in things)])
    counts = [f"{amount}_count" for amount in AMOUNTS]
    grouped = fine.group_by(keys).agg(pl.col("lines", *AMOUNTS, *counts).sum())
    grouped = grouped.with_columns(
        pl.when(pl.col(f"{amount}_count") > 0).then(amount).alias(amount) for amount in AMOUNTS
    )
    for thing in things:
        names = latest_names(frame, fine, thing)
        grouped = grouped.join(names, on=f"{thing}_id", how="left", nulls_equal=True)
    return grouped.select(*shown, "currency", "lines", *AMOUNTS).sort(
        "currency",
        "total",
        *shown,
        descending=[False, True, *[False] * len(shown)],
        nulls_last=True,
        maintain_order=True,
    )


def _is_inexact(dtype: nw.dtypes.DType) -> bool:
    """Whether it holds no decimal numbers, or finer ones than a proof has room for."""
    import narwhals as nw

    fine = isinstance(dtype, nw.Decimal) and dtype.scale > NUMBER.scale
    return fine or dtype.is_float() or dtype == nw.String


def _shown(key: str) -> tuple[str, ...]:
    return (f"{key}_id", f"{key}_name") if key in THINGS else (key,)


def keys_of(by: Sequence[str], columns: Iterable[str]) -> list[str]:
    """The columns of charges that the keys asked are told apart by.

    Raises:
        TypeError: a key is no text.
        ValueError: a key is none of the columns, or asked twice.

    >>> keys_of(("customer", "term"), ("customer_id", "term", "total"))
    ['customer_id', 'term']
    """
    allowed = [*THINGS, *(c for c in columns if c not in AMOUNTS and c != "currency")]
    for key in by:
        if not isinstance(key, str):
            keys = key if isinstance(key, list | tuple | set) else THINGS[:2]
            written = ", ".join(f'"{one}"' for one in keys)
            raise TypeError(f"each key is a text and an argument of its own: totals({written})")
        if key == "currency":
            raise ValueError("cannot total by 'currency': it is a key by itself, leave it out")
        if key in AMOUNTS:
            raise ValueError(f"cannot total by {key!r}: it is an amount, which is added up")
        if key not in allowed:
            raise ValueError(f"cannot total by {key!r}{one_of(key, allowed, 'possible are')}")
    shown = [name for key in by for name in _shown(key)]
    if len(set(shown)) < len(shown):
        raise ValueError(f"each key once, please: {', '.join(by)}")
    return [_shown(key)[0] for key in by]


def _summed(frame: nw.LazyFrame[Any], keys: Sequence[str]) -> pl.DataFrame:
    """Lines and sums by the keys, in one pass over the charges.

    Group sums of Decimal wrap silently in polars, and in Arrow every sum. No sum can be more than
    so many times the greatest amount, so that is looked at; where it leaves no room, the amounts
    are added once more in polars, ungrouped and without their signs: such a sum raises.
    """
    import narwhals as nw

    summed = frame.group_by(*keys).agg(
        nw.len().alias("lines"),
        *(nw.col(amount).sum() for amount in AMOUNTS),
        *(nw.col(amount).count().alias(f"{amount}_count") for amount in AMOUNTS),
        *(nw.col(amount).max().alias(f"{amount}_most") for amount in AMOUNTS),
        *(nw.col(amount).min().alias(f"{amount}_least") for amount in AMOUNTS),
    )
    try:
        fine: pl.DataFrame = summed.collect("polars").to_native()
    except Exception:  # an engine of its own kind (DuckDB) has its own way to say "too large"
        _raise_if_too_large(frame)
        raise
    fine = fine.with_columns(pl.col("lines").cast(pl.Int64))
    if not all(_has_room(fine, amount) for amount in AMOUNTS):
        _raise_if_too_large(frame)
    return fine


def _has_room(fine: pl.DataFrame, amount: str) -> bool:
    """Whether as many amounts as there are lines fit their column when they are added."""
    dtype = fine[amount].dtype
    ends = [fine[f"{amount}_most"].max(), fine[f"{amount}_least"].min()]
    greatest = max((abs(Decimal(end)) for end in ends if isinstance(end, Decimal | int)), default=0)
    if isinstance(dtype, pl.Decimal):
        room = Decimal(10) ** (38 - dtype.scale)
    elif dtype.is_integer():
        room = Decimal(2**63)
    else:
        return True
    return greatest * int(fine["lines"].sum()) < room


def _raise_if_too_large(frame: nw.LazyFrame[Any]) -> None:
    amounts: pl.DataFrame = frame.select(*AMOUNTS).collect("polars").to_native()
    try:
        # Of integers every sum wraps.
        amounts.with_columns(cs.integer().cast(NUMBER)).select(pl.col(AMOUNTS).abs().sum())
    except (pl.exceptions.ComputeError, pl.exceptions.InvalidOperationError) as cause:
        raise FrameError(
            "the amounts are too large to be added exactly (38 digits, 24 of them decimals)"
        ) from cause


def latest_names(frame: nw.LazyFrame[Any], fine: pl.DataFrame, thing: str) -> pl.DataFrame:
    """The name of each id: that of its line with the greatest charge end, then start, then name."""
    import narwhals as nw

    key, name = f"{thing}_id", f"{thing}_name"
    names = fine.select(key, name).unique()
    several = names[key].is_duplicated()
    ids = names.filter(several)[key].unique()
    names = names.filter(~several)
    if len(ids):  # the dates are looked at for those alone that go by more than one name
        mine = nw.col(key).is_in(ids.drop_nulls().to_list())
        mine = mine | nw.col(key).is_null() if ids.null_count() else mine
        dated = frame.filter(mine).group_by(key, name, "charge_end")
        rows: pl.DataFrame = dated.agg(nw.col("charge_start").max()).collect("polars").to_native()
        latest = rows.sort("charge_end", "charge_start", name, descending=True, nulls_last=True)
        once = latest.unique(key, keep="first", maintain_order=True)
        names = pl.concat([names, once.select(key, name)])
    if thing == "customer":
        nobody = pl.when(pl.col(key).is_null()).then(pl.lit(NOBODY)).otherwise(name)
        return names.with_columns(nobody.alias(name))
    return names

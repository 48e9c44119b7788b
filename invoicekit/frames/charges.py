"""The frames of all objectTypes as one tidy frame, by the roles in the table of kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, overload

import polars as pl

from invoicekit.frames.charge_types import UNKNOWN, charge_family
from invoicekit.frames.schema import BY_OBJECT_TYPE, NUMBER, Kind

CHARGES = {
    "invoice_id": pl.String(),
    "object_type": pl.String(),
    "provider": pl.String(),
    "line_item_type": pl.String(),
    "customer_id": pl.String(),
    "customer_name": pl.String(),
    "offer_id": pl.String(),
    "offer_name": pl.String(),
    "subscription_id": pl.String(),
    "subscription_name": pl.String(),
    "charge_type": pl.String(),
    "charge_start": pl.Date(),
    "charge_end": pl.Date(),
    "quantity": NUMBER,
    "unit_price": NUMBER,
    "subtotal": NUMBER,
    "tax": NUMBER,
    "total": NUMBER,
    "currency": pl.String(),
    "charge_family": pl.String(),
    "order_id": pl.String(),
    "country": pl.String(),
    "reseller_id": pl.String(),
    "billable_quantity": NUMBER,
    "effective_unit_price": NUMBER,
    "exchange_rate": NUMBER,
    "pricing_currency": pl.String(),
    "term": pl.String(),
    "subscription_end": pl.Date(),
    "credit_reason": pl.String(),
}
# The same, and the page that a line came from: where somebody has to find it again.
PAGED = {**CHARGES, "page": pl.Int32()}
# Where a charges column comes from when a kind does not say otherwise; else the field of its name.
USUAL = {
    "provider": "asked_provider",
    "line_item_type": "asked_line_item_type",
    "charge_start": "charge_start_date",
    "charge_end": "charge_end_date",
    "charge_family": "charge_type",
    "country": "customer_country",
    "reseller_id": "reseller_mpn_id",
    "exchange_rate": "pc_to_bc_exchange_rate",
    "subscription_end": "subscription_end_date",
}


MADE = ("customer_id", "offer_id")  # of other texts: "" is null


@overload
def charges(line_items: Mapping[str, pl.DataFrame], *, usage: bool = False) -> pl.DataFrame: ...
@overload
def charges(line_items: Mapping[str, pl.LazyFrame], *, usage: bool = False) -> pl.LazyFrame: ...
def charges(
    line_items: Mapping[str, pl.DataFrame] | Mapping[str, pl.LazyFrame], *, usage: bool = False
) -> pl.DataFrame | pl.LazyFrame:
    """One row a charge, columns as in `CHARGES`; amounts in the row's own `currency`.

    `charge_family` is what the table of charge types says of `charge_type`: `recurring, usage,
    one-off, change, credit, tax`, or `unknown` where it has no such word, or there is none.

    Lines of an objectType that is not known have no roles and are not here: `reconcile` calls such
    an invoice incomplete. Lazy frames give a lazy one.

    >>> lines = invoice.line_items()
    >>> ik.charges(lines).height, ik.charges(lines, usage=True).height
    (369, 300)

    Args:
        line_items: objectType -> frame of its lines, as `Invoice.line_items()` gives it.
        usage: the charges of the two daily types (`DailyRatedUsageLineItem`, `DailyUsageLineItem`)
            instead. They restate billing lines of the same invoice, so the two are never together.

    Raises:
        TypeError: these are no line items.
    """
    if not isinstance(line_items, Mapping):
        raise TypeError(
            "these are no line items: write invoice.charges(), or ik.charges(invoice.line_items())"
        )
    check_frames(line_items, "make charges of")
    made: pl.DataFrame | pl.LazyFrame = _concatenated(line_items, CHARGES, usage=usage)
    return made


def check_frames(line_items: object, wish: str) -> None:
    """Refuse what is no mapping of frames.

    >>> check_frames([], "explain")
    Traceback (most recent call last):
    TypeError: cannot explain a list: give line items, as of invoice.line_items() or ik.read()

    Raises:
        TypeError: it is none, or holds something else than polars frames.
    """
    odd: list[object] = [line_items]
    if isinstance(line_items, Mapping):
        polars = pl.DataFrame | pl.LazyFrame
        odd = [frame for frame in line_items.values() if not isinstance(frame, polars)]
    if odd:
        raise TypeError(
            f"cannot {wish} a {type(odd[0]).__name__}: give line items, as of "
            "invoice.line_items() or ik.read()"
        )


def paged_charges(line_items: Mapping[str, pl.LazyFrame], *, usage: bool = False) -> pl.LazyFrame:
    """The same, and the page of each: columns as in `PAGED`."""
    made: pl.DataFrame | pl.LazyFrame = _concatenated(line_items, PAGED, usage=usage)
    return made.lazy()


def charged(line_items: Mapping[str, Any], *, usage: bool = False) -> list[str]:
    """The objectTypes that charges are made of, in their order there.

    >>> charged(invoice.line_items()), charged(invoice.line_items(), usage=True)
    (['OneTimeInvoiceLineItem'], ['DailyRatedUsageLineItem'])
    """
    known = ((name, BY_OBJECT_TYPE.get(name)) for name in line_items)
    return [name for name, kind in known if kind and kind.usage is usage]


def _concatenated(
    line_items: Mapping[str, Any], columns: Mapping[str, pl.DataType], *, usage: bool
) -> Any:  # noqa: ANN401 (lazy or not, as the frames are)
    # That there is nothing is seen in a step of its own: polars would make each text twice.
    something = [pl.when(pl.col(name) != "").then(name).alias(name) for name in MADE]
    frames = [
        line_items[name]
        .select(_role(BY_OBJECT_TYPE[name], column) for column in columns)
        .with_columns(something)
        for name in charged(line_items, usage=usage)
    ]
    return pl.concat(frames) if frames else pl.DataFrame(schema=columns)


def source_of(kind: Kind, column: str) -> str | None:
    """The column of a kind that a column of the charges is made from; none where it has none.

    >>> source_of(BY_OBJECT_TYPE["OneTimeInvoiceLineItem"], "total")
    'total_for_customer'
    """
    return kind.roles.get(column, USUAL.get(column, column))


def sources_of(kind: Kind) -> frozenset[str]:
    """The columns of a kind that its charges are made from: they say what is billed, and to whom.

    >>> sorted(sources_of(BY_OBJECT_TYPE["DailyUsageLineItem"]) & {"resource_guid", "unit", "tax"})
    ['resource_guid']
    """
    sources = (source_of(kind, column) for column in CHARGES)
    return frozenset(name for source in sources if source for name in source.split(":"))


def _role(kind: Kind, column: str) -> pl.Expr:
    source = source_of(kind, column)
    dtype = PAGED[column]
    if column == "charge_family" and source is None:
        return pl.lit(UNKNOWN, dtype).alias(column)
    if source is None:
        return pl.lit(None, dtype).alias(column)
    if column == "customer_id":
        return _customer_id(source).alias(column)
    if column == "charge_family":
        return charge_family(source).alias(column)
    if ":" in source:
        return pl.concat_str(source.split(":"), separator=":", ignore_nulls=True).alias(column)
    return pl.col(source).cast(dtype).alias(column)


def _customer_id(source: str) -> pl.Expr:
    """Bare and in lower case: the 2018 rows say `org:…`, and the case of a GUID varies."""
    return pl.col(source).str.strip_chars().str.to_lowercase().str.strip_prefix("org:")

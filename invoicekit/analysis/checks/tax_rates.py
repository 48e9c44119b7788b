"""Lines whose tax is out of line: with its subtotal, or with the customer's, or country's, others.

Taxes are rounded, so a rate is never exact: 9.0019 %, 8.9943 % and 9.0007 % are one and the same.
Two lines have the same rate where their taxes can be those of one rate, each rounded to the
currency's smallest unit. In integers, of millionths.
"""

from __future__ import annotations

import polars as pl

from invoicekit.analysis.checks.copies import LINE
from invoicekit.analysis.money import decimals_of
from invoicekit.frames.charge_types import CREDIT, TAX

MICRO = pl.Decimal(38, 6)
PLACES = 6
MOST = 10**12 * 10**PLACES  # of greater amounts the products below would not fit
ENOUGH = 4  # lines that make a rate usual
ODD_TAX = (
    "tax that is not at the rate of the customer's, or country's, other lines, or is out of line "
    "with its subtotal"
)
FINE = 10**9  # parts of 1 that rates are ordered by


def odd_tax(charges: pl.LazyFrame) -> pl.Series:
    """The numbers (`LINE`) of the lines with an odd tax.

    Odd is a tax without a subtotal, of the other sign, or greater than the subtotal; and one that
    is not at the rate of the others, where a customer (with too few lines: the country) has one
    that at least nine tenths of its lines, and all but one of few, agree in. Credits and refunds of
    tax are left out: they may well have none, or nothing but tax.
    """
    base, tax = pl.col("base"), pl.col("tax")
    lines = _narrow(charges)
    plainly = (tax != 0) & ((base == 0) | ((base < 0) != (tax < 0)))
    plainly |= tax.abs() > base.abs()
    found = [lines.filter(plainly)[LINE]]
    lines = lines.filter(~plainly & (base != 0))
    by_customer = _unlike(lines, "customer_id")
    alone = by_customer.filter(pl.col("lines") < ENOUGH)[LINE].implode()
    rest = lines.filter(pl.col(LINE).is_in(alone) | pl.col("customer_id").is_null())
    lines = lines.join(rest.select("country").unique(), on="country", how="semi")
    by_country = _unlike(lines, "country").filter(pl.col(LINE).is_in(rest[LINE].implode()))
    found += [rows.filter("odd")[LINE] for rows in (by_customer, by_country)]
    return pl.concat(found).unique().sort()


def _narrow(charges: pl.LazyFrame) -> pl.DataFrame:
    """What is needed of each line that is judged; customers and countries as numbers."""
    taxed = ~pl.col("charge_family").is_in([CREDIT, TAX]).fill_null(value=False)
    amounts = [
        pl.col(name).cast(MICRO).to_physical().alias(alias)
        for name, alias in (("subtotal", "base"), ("tax", "tax"))
    ]
    fits = pl.all_horizontal(pl.col("base", "tax").abs() < MOST)
    lines = (
        charges.filter(taxed)
        .select(LINE, "currency", "customer_id", "country", *amounts)
        .filter(fits)
        .with_columns(pl.col("base", "tax").cast(pl.Int64))
        .collect(engine="streaming")
    )
    codes = lines["currency"].unique()
    units = pl.DataFrame(
        {"currency": codes, "unit": [_unit(code) for code in codes]},
        schema={"currency": pl.String(), "unit": pl.Int64()},
    )
    lines = lines.join(units, on="currency", nulls_equal=True)
    return lines.with_columns(pl.col("currency", "customer_id", "country").rank("dense")).sort(LINE)


def _unit(currency: str | None) -> int:
    """The currency's smallest unit, in millionths."""
    return int(10 ** max(0, PLACES - decimals_of(currency)))


def _unlike(lines: pl.DataFrame, key: str) -> pl.DataFrame:
    """Of each line that has a key, whether it is the odd one out; `lines` are those of its key."""
    base, tax = pl.col("base"), pl.col("tax")
    keyed = lines.filter(pl.col(key).is_not_null()).with_columns(
        (_wide("tax") * FINE // _wide("base")).alias("rate"), base.abs().alias("size")
    )
    order = ["rate", "size", "tax"]
    over = [key, "currency"]
    middle = keyed.group_by(over).agg(
        pl.len().alias("lines"),
        base.sort_by(order).get(pl.len() // 2).alias("base_mid"),
        tax.sort_by(order).get(pl.len() // 2).alias("tax_mid"),
    )
    keyed = keyed.join(middle, on=over, nulls_equal=True)
    # The greatest of those that agree with the middle one has the sharpest rate.
    agreed = keyed.filter(_same_rate("base_mid", "tax_mid"))
    sharpest = agreed.group_by(over).agg(
        base.sort_by(["size", "tax"]).last().alias("base_ref"),
        tax.sort_by(["size", "tax"]).last().alias("tax_ref"),
    )
    keyed = keyed.select(LINE, *over, "base", "tax", "unit", "lines").join(
        sharpest, on=over, nulls_equal=True
    )
    keyed = keyed.with_columns(_same_rate("base_ref", "tax_ref").alias("same"))
    others = (~pl.col("same")).sum().over(over)
    few = others <= pl.max_horizontal(pl.col("lines") // 10, 1)
    odd = ~pl.col("same") & few & (pl.col("lines") >= ENOUGH)
    return keyed.select(LINE, "lines", odd.alias("odd"))


def _wide(column: str) -> pl.Expr:
    """A product of two of these fits."""
    return pl.col(column).cast(pl.Int128)


def _same_rate(base: str, tax: str) -> pl.Expr:
    """Whether a line's tax and another's can be of one rate: tax / base differ by roundings."""
    apart = (_wide("tax") * _wide(base) - _wide(tax) * _wide("base")).abs()
    return apart <= _wide("unit") * (_wide(base).abs() + _wide("base").abs())

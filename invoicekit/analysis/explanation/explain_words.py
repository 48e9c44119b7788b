"""What a line is, for whom, for which days, and how its amount is made, in a sentence."""

from __future__ import annotations

import polars as pl

from invoicekit.analysis.money import decimals_of
from invoicekit.visible import visible

TEXTS = ("customer_name", "customer_id", "offer_name", "offer_id", "charge_type", "term",
         "currency", "pricing_currency")  # fmt: skip
PLACES = 2  # that prices and quantities of no currency are written with


def sentences(lines: pl.DataFrame) -> pl.Series:
    """The sentence of each row: charges with `rule, recomputed, residual, price, days, of, mate`.

    Numbers are exact, with no zeros beyond need; texts from outside steer no terminal.
    """
    shown = lines.with_columns(
        *(_visible(lines[name]) for name in TEXTS), _decimals(lines["currency"]).alias("places")
    )
    days = pl.format(", {} of {} days", "days", "of")
    term = pl.format(" of the term {}", "term")
    dates = pl.format(", {} to {}", pl.col("charge_start"), pl.col("charge_end"))
    sentence = pl.concat_str(
        pl.coalesce("customer_name", "customer_id", pl.lit("(no customer)")),
        pl.lit(": "),
        pl.coalesce("offer_name", "offer_id", pl.lit("(no offer)")),
        _if(pl.format(" ({})", "charge_type")),
        _if(dates),
        _if(days),
        _if(term),
        pl.lit(": "),
        _calculation(),
        _if(pl.format("; takes back row {}", "mate")),
    )
    return shown.select(sentence.alias("sentence")).to_series()


def _calculation() -> pl.Expr:
    """How the amount is made; where no rule gives it, what comes nearest."""
    currency = _if(pl.format(" {}", "currency"))
    billed = pl.format("{}{}", _money("subtotal"), currency)
    nearest = pl.format("{} = {}, and {} billed: no published rule explains the {} left",
                        _factors(), _money("recomputed"), billed, _money("residual"))  # fmt: skip
    unknown = pl.format("{} billed, without a price or quantity", billed)
    made = pl.format("{} = {}, {}", _factors(), billed, "rule")
    return pl.coalesce(made, nearest, unknown, pl.lit("no amount billed"))


def _factors() -> pl.Expr:
    price = pl.coalesce("price", "effective_unit_price", "unit_price")
    quantity = _written(pl.coalesce("billable_quantity", "quantity"), 0)
    prorated = pl.when(pl.col("price").is_not_null()).then(pl.format(" x {}/{}", "days", "of"))
    abroad = pl.col("exchange_rate") != 1
    rate = pl.when(abroad).then(pl.format(" x {}", _written(pl.col("exchange_rate"), 0)))
    priced = pl.when(abroad).then(pl.format(" {}", "pricing_currency"))
    discount = pl.when(pl.col("total_other_discount") != 0).then(
        pl.format(" less {}", _money("total_other_discount"))
    )
    return pl.concat_str(
        quantity, pl.lit(" x "), _written(price, PLACES), _if(priced), _if(prorated), _if(rate),
        _if(discount),
    )  # fmt: skip


def _if(text: pl.Expr) -> pl.Expr:
    return text.fill_null("")


def _visible(texts: pl.Series) -> pl.Series:
    """Each text is looked at once, however many lines have it."""
    once = texts.drop_nulls().unique()
    shown = pl.Series([visible(text) for text in once], dtype=pl.String)
    return texts.replace_strict(once, shown, default=None, return_dtype=pl.String())


def _decimals(currencies: pl.Series) -> pl.Series:
    once = currencies.unique()
    places = pl.Series([decimals_of(currency) for currency in once], dtype=pl.UInt32)
    return currencies.replace_strict(once, places, return_dtype=pl.UInt32())


def _money(name: str) -> pl.Expr:
    """An amount with the decimals of its line's currency at least."""
    return _padded(pl.col(name), pl.col("places"))


def _written(number: pl.Expr, places: int) -> pl.Expr:
    return _padded(number, pl.lit(places, pl.UInt32()))


def _padded(number: pl.Expr, places: pl.Expr) -> pl.Expr:
    """The number's text, its 24 decimals cut to those that say something, `places` at least."""
    parts = number.cast(pl.String()).str.split_exact(".", 1)
    whole = parts.struct.field("field_0")
    decimals = parts.struct.field("field_1").str.strip_chars_end("0")
    decimals = decimals.str.pad_end(places, "0")
    return pl.when(decimals == "").then(whole).otherwise(pl.format("{}.{}", whole, decimals))

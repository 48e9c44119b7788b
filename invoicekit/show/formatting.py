"""Outside words and exact amounts as a person reads them: nothing hidden, nothing executed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

import polars as pl

from invoicekit.analysis.money import EXACT, decimals_of, plain
from invoicekit.analysis.totals import THINGS
from invoicekit.errors import CurrencyError
from invoicekit.visible import visible

NO_CURRENCY: Final = "no currency"

# What the columns are called in a heading; a column that is not here is its own name, spaced.
HEADINGS: Final[Mapping[str, str]] = {
    "customer_name": "Customer",
    "offer_name": "Offer",
    "subscription_name": "Subscription",
    "object_type": "objectType",
    "line_item_type": "Line item type",
    "charge_start": "From",
    "charge_end": "To",
}

# Decimals that are no amounts: a count has no currency, a price has more decimals than it.
COUNTS: Final = frozenset({"quantity", "billable_quantity"})
PRICES: Final = frozenset(
    {"unit_price", "effective_unit_price", "exchange_rate", "lowest", "highest"}
)
SHARES: Final = frozenset({"share", "rate"})  # of 1


HUNDREDTH: Final = Decimal("0.01")


def _instant(value: dt.datetime) -> str:
    return f"{value:%Y-%m-%d}" if value.time() == dt.time() else f"{value:%Y-%m-%d %H:%M}"


# How values that are neither text nor amounts are said; the first match wins (a bool is an int).
SAYINGS: Final[tuple[tuple[type, Callable[[Any], str]], ...]] = (
    (bool, lambda value: "yes" if value else "no"),
    (int, "{:,}".format),
    (float, "{:,.3f}".format),
    (dt.datetime, _instant),
)


def clean(value: object) -> str:
    r"""The value as one line of visible text.

    >>> clean("a\x1b[31mb\n c"), clean(None)
    ('a[31mb c', '')
    """
    return "" if value is None else visible(" ".join(str(value).split()))


def shorten(text: str, width: int) -> str:
    """At most `width` letters of the text, the last one … where some are left out.

    >>> shorten("Wide World Importers", 10)
    'Wide Worl…'
    """
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"


def heading(column: str) -> str:
    """What a column is called above a table.

    >>> heading("customer_name"), heading("charge_type")
    ('Customer', 'Charge type')
    """
    spaced = column.replace("_", " ")
    return HEADINGS.get(column, spaced[:1].upper() + spaced[1:])


def currency_name(currency: str | None) -> str:
    """The currency's code, or words where there is none."""
    return clean(currency) or NO_CURRENCY


def rounded(amount: Decimal | None, currency: str | None) -> str:
    """The amount to its currency's decimals, for reading only.

    >>> rounded(Decimal("1234.5"), "USD"), rounded(Decimal("1234.5"), "JPY")
    ('1,234.50', '1,234')
    >>> rounded(Decimal("-0.001"), "USD")
    '0.00'
    """
    if amount is None:
        return ""
    unit = Decimal(1).scaleb(-decimals_of(currency))
    near = amount.quantize(unit, rounding=ROUND_HALF_EVEN, context=EXACT)
    return f"{EXACT.add(near, 0):,f}"  # of -0 makes 0


def exact(amount: Decimal | None, currency: str | None) -> str:
    """The amount with every decimal that it has.

    >>> exact(Decimal("1234.5670"), "USD")
    '1,234.567'
    """
    return "" if amount is None else f"{plain(amount, currency):,f}"


def trimmed(amount: Decimal) -> str:
    """A count with no zeros beyond need.

    >>> trimmed(Decimal("1.000")), trimmed(Decimal("23.200004"))
    ('1', '23.200004')
    """
    short = EXACT.normalize(amount)
    return f"{short:f}"


def said(value: object, column: str, currency: str | None) -> str:
    """A cell of a frame as text: money to its currency's decimals, instants in UTC."""
    if isinstance(value, Decimal):
        if column in SHARES:
            return f"{trimmed(value.scaleb(2).quantize(HUNDREDTH, ROUND_HALF_EVEN, EXACT))} %"
        exactly = column in COUNTS | PRICES
        return said_exactly(value, column, currency) if exactly else rounded(value, currency)
    return next((say(value) for kind, say in SAYINGS if isinstance(value, kind)), clean(value))


def said_exactly(value: object, column: str, currency: str | None) -> str:
    """A cell of a frame as text with every decimal that it has."""
    if isinstance(value, Decimal):
        return trimmed(value) if column in COUNTS else exact(value, currency)
    return said(value, column, currency)


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with every cell as the text that a person reads."""
    currencies = frame["currency"].to_list() if "currency" in frame.columns else None
    # Where the parts of a comparison are columns, quantity is one of them: an amount, no count.
    amounts = {"quantity"} if "exchange rate" in frame.columns else set()
    return pl.DataFrame(
        {
            name: [
                said(value, "" if name in amounts else name, currency)
                for value, currency in zip(
                    frame[name], currencies or [None] * frame.height, strict=True
                )
            ]
            for name in frame.columns
        },
        schema=dict.fromkeys(frame.columns, pl.String),
    )


def currencies_of(frame: pl.DataFrame) -> list[str | None]:
    """The currencies that a frame holds, each once, in the frame's order."""
    return frame["currency"].unique(maintain_order=True).to_list()


def currency_to_draw(frame: pl.DataFrame, what: str, one: str) -> str | None:
    """The currency of a frame; `what` are words for the frame, `one` for how to have one of them.

    Raises:
        CurrencyError: there are several.
    """
    currencies = currencies_of(frame)
    if len(currencies) > 1:
        named = ", ".join(map(currency_name, currencies))
        raise CurrencyError(
            f"the {what} in several currencies ({named}), which share no axis: draw one at a time, "
            f"as {one.format(repr(currencies[0]))}"
        )
    return currencies[0] if currencies else None


def keys_of(totals: pl.DataFrame) -> list[str]:
    """The key columns of a totals frame: all that stand before its `currency`."""
    names = totals.columns
    return names[: names.index("currency")] if "currency" in names else []


def title_of(totals: pl.DataFrame) -> str:
    """What the totals are by, in words.

    >>> title_of(pl.DataFrame(schema=["customer_id", "customer_name", "charge_type", "currency"]))
    'customer and charge type'
    """
    keys = keys_of(totals)
    paired = {f"{pair}_id" for pair in THINGS if f"{pair}_name" in keys}
    words = [
        key.removesuffix("_name").replace("_", " ")
        if key.endswith("_name") and key.removesuffix("_name") in THINGS
        else heading(key).lower()
        for key in keys
        if key not in paired
    ]
    return " and ".join(words)


def names_of(totals: pl.DataFrame) -> list[tuple[str, str]]:
    """For each row its name and its ids, both as text a person can read.

    A row without a name goes by its id; a row with neither is "(none)".
    """
    keys = keys_of(totals)
    ids = [key for key in keys if key.endswith("_id") and key.removesuffix("_id") in THINGS]
    rest = [key for key in keys if key not in ids]
    named = []
    for row in totals.select(keys).iter_rows(named=True) if keys else ({} for _ in totals.rows()):
        words = [
            clean(row[key]) or clean(row.get(key.removesuffix("_name") + "_id")) or "(none)"
            for key in rest
        ]
        named.append((" · ".join(words) or "all lines", " · ".join(clean(row[key]) for key in ids)))
    return named

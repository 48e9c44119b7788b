"""Exact amounts as Python values: the currency's own decimals at least, no needless zeros."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal

# Amounts have at most 38 digits; the default context of 28 would round them on `normalize`.
EXACT = Context(prec=80)
RATIO = Decimal("0.000001")
# Where CLDR has no decimals, as prices are written there, and ISO 4217 has: bills go by the latter.
NOT_IN_CLDR = {
    "AFN": 2, "ALL": 2, "IQD": 3, "IRR": 2, "KPW": 2, "LAK": 2, "LBP": 2, "MGA": 2, "MMK": 2,
    "RSD": 2, "SLL": 2, "SOS": 2, "SYP": 2, "YER": 2,
}  # fmt: skip
MOST = Decimal(10) ** 14  # a column of numbers has 14 digits before the point


def decimals_of(currency: str | None) -> int:
    """Decimals that `currency` is written with (ISO 4217, by way of CLDR); 2 where it is unknown.

    >>> [decimals_of(code) for code in ("USD", "JPY", "KWD", "RSD")]
    [2, 0, 3, 2]
    """
    from babel.numbers import get_currency_precision

    code = (currency or "").upper()
    return NOT_IN_CLDR[code] if code in NOT_IN_CLDR else get_currency_precision(code)


def plain(amount: Decimal, currency: str | None) -> Decimal:
    """The same amount, written with at least the currency's decimals and no zeros beyond need.

    >>> plain(Decimal("2076.630000000000000000"), "USD"), plain(Decimal("5E+2"), "JPY")
    (Decimal('2076.63'), Decimal('500'))
    >>> plain(Decimal("0.1999968000511991808131"), "USD")
    Decimal('0.1999968000511991808131')
    """
    short = EXACT.add(EXACT.normalize(amount), 0)  # of -0 makes 0
    exponent = short.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"not an amount: {amount}")  # noqa: TRY004 (NaN and infinity)
    return short.quantize(Decimal(1).scaleb(min(exponent, -decimals_of(currency))), context=EXACT)


def ratio(amount: Decimal | None, of: Decimal | None) -> Decimal | None:
    """`amount / of`, half-even to six decimals; none where there is nothing to divide by.

    >>> ratio(Decimal(1), Decimal(3)), ratio(Decimal(1), Decimal(0)), ratio(None, Decimal(3))
    (Decimal('0.333333'), None, None)
    """
    if amount is None or not of:
        return None
    found = rounded(EXACT.divide(amount, of), RATIO)
    return found if abs(found) < MOST else None


def rounded(amount: Decimal, unit: Decimal) -> Decimal:
    """The amount, half-even to a unit such as `Decimal("0.01")`.

    >>> rounded(Decimal("2.345"), Decimal("0.01"))
    Decimal('2.34')
    """
    return amount.quantize(unit, rounding=ROUND_HALF_EVEN, context=EXACT)

"""How good the data is: what is missing, odd, new or not exact in line items, before any total."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from invoicekit.analysis.checks.copies import LINE, copies, numbered, picked
from invoicekit.analysis.checks.drift import drifted, undocumented
from invoicekit.analysis.checks.severity import ERROR, NOTE, WARNING, errors_first
from invoicekit.analysis.checks.tax_rates import ODD_TAX, odd_tax
from invoicekit.analysis.money import plain
from invoicekit.analysis.totals import totals
from invoicekit.analysis.views.terms import priced
from invoicekit.frames.charge_types import UNKNOWN, charge_type_of
from invoicekit.frames.charges import charges, check_frames, source_of
from invoicekit.frames.numbers import AS_SENT
from invoicekit.frames.schema import BY_OBJECT_TYPE, NUMBER
from invoicekit.visible import first_few, visible

QUALITY = {
    "check": pl.String(),
    "severity": pl.String(),
    "object_type": pl.String(),
    "column": pl.String(),
    "lines": pl.Int64(),
    "amount": NUMBER,
    "currency": pl.String(),
    "detail": pl.String(),
}
# What a charge cannot be understood without, and what it means where it is not there.
NEEDED = {
    "currency": (ERROR, "no amount can be added"),
    "total": (ERROR, "the invoice is incomplete"),
    "subtotal": (WARNING, "it is part of no subtotal"),
    "tax": (NOTE, "it is part of no tax"),
    "charge_type": (WARNING, "it is of no known family"),
    "quantity": (NOTE, "its amount cannot be recomputed"),
    "unit_price": (NOTE, "its amount cannot be recomputed"),
    "offer_id": (WARNING, "it is of no offer"),
    "charge_start": (NOTE, "the days that it is for are not known"),
    "charge_end": (NOTE, "the days that it is for are not known"),
}
MOST_NAMED = 3
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Lines:
    """What is looked at: a frame an objectType, those of the time before, and the charges."""

    frames: Mapping[str, pl.LazyFrame]
    before: Mapping[str, pl.LazyFrame] | None  # none, if not asked
    charges: pl.LazyFrame


def quality(
    line_items: Mapping[str, Any],
    *,
    before: Mapping[str, Any] | None = None,
) -> pl.DataFrame:
    """What is missing, odd, new or not exact in line items; flagged, never dropped.

    Columns: `check, severity` (`"error"`, `"warning"` or `"note"`), `object_type, column` (as the
    frame has it), `lines, amount` (their totals, in `currency`), `currency, detail`. Errors come
    first. `check` is one of `null` (what a charge cannot be understood without), `no customer`,
    `unknown type` (an objectType or charge type that no table has), `unknown field` (one that
    Microsoft does not document), `doubled rows` (the copies beyond the first), `price moved` (a
    list price within an offer and term), `negative`, `zero`, `tax rate`, `rounded` (numbers that
    did not fit), `drift` (columns that have values now and had none before, or the other way).

    >>> found = ik.quality(invoice.line_items(), before=client.invoice("G012345610").line_items())
    >>> found.select("check", "severity", "column", "lines").rows()[:2]
    [('no customer', 'note', 'customer_id', 3), ('doubled rows', 'note', None, 2)]
    >>> found.filter(pl.col("severity") != "note").height
    0

    Args:
        line_items: objectType -> frame of its lines, as `Invoice.line_items()` and `ik.read()` give
            it.
        before: those of the last invoice, to tell what has drifted since; without them, nothing is
            said of that.

    Raises:
        TypeError: one of them is no mapping of frames.
        FrameError: the amounts are too large to be added.
    """
    frames = _lazy(line_items)
    lines = Lines(frames, None if before is None else _lazy(before), charges(frames).lazy())
    rows = [
        {**dict.fromkeys(QUALITY), "check": check, **row}
        for check, found in CHECKS.items()
        for row in found(lines)
    ]
    frame = errors_first(pl.DataFrame(rows, schema=QUALITY))
    shown = [visible(text) for text in frame["detail"]]
    return frame.with_columns(pl.Series("detail", shown, dtype=pl.String))


def _lazy(line_items: Mapping[str, Any]) -> dict[str, pl.LazyFrame]:
    check_frames(line_items, "look at")
    return {name: frame.lazy() for name, frame in line_items.items()}


def _rows(picked: pl.LazyFrame, severity: str, detail: str, role: str = "") -> Iterator[Row]:
    """A row for each objectType and currency of the charges that were picked."""
    for row in totals(picked, "object_type").iter_rows(named=True):
        kept = {name: row[name] for name in ("object_type", "lines", "currency")}
        yield kept | {"severity": severity, "amount": row["total"], "detail": detail,
                      "column": _column(row["object_type"], role) if role else None}  # fmt: skip


def _column(object_type: str | None, role: str) -> str:
    """What a column of the charges is called in its frame; lines may not say of what type it is."""
    kind = BY_OBJECT_TYPE.get(object_type or "")
    return (source_of(kind, role) if kind else None) or role


def _nulls(lines: Lines) -> Iterator[Row]:
    for role, (severity, what) in NEEDED.items():
        missing = lines.charges.filter(pl.col(role).is_null())
        yield from _rows(missing, severity, f"no {role}: {what}", role)


def _no_customer(lines: Lines) -> Iterator[Row]:
    yield from _rows(
        lines.charges.filter(pl.col("customer_id").is_null()),
        NOTE,
        "no customer: totals by customer have them in a row of their own",
        "customer_id",
    )


def _unknown_types(lines: Lines) -> Iterator[Row]:
    for name, frame in lines.frames.items():
        if name not in BY_OBJECT_TYPE:
            yield {
                "severity": ERROR,
                "object_type": name,
                "lines": frame.select(pl.len()).collect().item(),
                "detail": "an objectType that invoicekit does not know: part of no total",
            }
    unknown = lines.charges.filter(
        (pl.col("charge_family") == UNKNOWN) & pl.col("charge_type").is_not_null()
    )
    words = unknown.select(pl.col("charge_type").unique().sort()).collect().to_series()
    detail = f"charge types that no page of Microsoft explains: {_words(words)}"
    yield from _rows(unknown, WARNING, detail, "charge_type")


def _unknown_fields(lines: Lines) -> Iterator[Row]:
    for name, frame in lines.frames.items():
        if extra := undocumented(name, frame.collect_schema().names()):
            counts = frame.select(pl.col(extra).count()).collect().row(0)
            for column, number in zip(extra, counts, strict=True):
                yield {"severity": NOTE, "object_type": name, "column": column, "lines": number,
                       "detail": "no field that Microsoft documents; kept as text"}  # fmt: skip


def _doubled_rows(lines: Lines) -> Iterator[Row]:
    detail = "equal to an earlier line in all but the page: sent twice, or billed several times"
    for name, frame in lines.frames.items():
        numbers = copies(frame)
        kind = BY_OBJECT_TYPE.get(name)
        if kind and not kind.usage:
            yield from _rows(charges({name: picked(frame, numbers)}), NOTE, detail)
        elif len(numbers):
            yield {"severity": NOTE, "object_type": name, "lines": len(numbers), "detail": detail}


def _prices_moved(lines: Lines) -> Iterator[Row]:
    """A row an offer and term; `lines` are those at another price than the commonest."""
    price, key = pl.col("unit_price"), ["priced_in", "offer_id", "term"]
    mine = priced(lines.charges).with_columns(priced_in=pl.coalesce("pricing_currency", "currency"))
    mine = mine.with_columns(lowest=price.min().over(key), highest=price.max().over(key))
    odd = mine.filter(price != price.mode().min().over(key))
    keys = ("object_type", "offer", "term", "priced_in", "lowest", "highest")
    for row in totals(odd, *keys).iter_rows(named=True):
        low, high = (plain(row[name], row["priced_in"]) for name in ("lowest", "highest"))
        kept = {name: row[name] for name in ("object_type", "lines", "currency")}
        yield kept | {
            "severity": WARNING,
            "column": _column(row["object_type"], "unit_price"),
            "amount": row["total"],
            "detail": f"{row['offer_name'] or row['offer_id']} ({row['term']}): list prices from "
            f"{low:,} to {high:,} {row['priced_in']}",
        }


def _negative(lines: Lines) -> Iterator[Row]:
    below = lines.charges.filter(pl.col("total") < 0)
    words = below.select(pl.col("charge_type").unique()).collect().to_series()
    bills = [word for word in words if (kind := charge_type_of(word)) and kind.sign > 0]
    wrong = pl.col("charge_type").is_in(bills).fill_null(value=False)
    detail = f"below zero, of charge types that bill: {_words(sorted(bills))}"
    yield from _rows(below.filter(wrong), WARNING, detail, "total")
    detail = "below zero: credits, and what is taken back to be billed anew"
    yield from _rows(below.filter(~wrong), NOTE, detail, "total")


def _zero(lines: Lines) -> Iterator[Row]:
    nothing = lines.charges.filter(pl.col("total") == 0)
    billed = (pl.col("subtotal") != 0).fill_null(value=False)
    detail = "a total of 0, and a subtotal that is not"
    yield from _rows(nothing.filter(billed), WARNING, detail, "total")
    yield from _rows(nothing.filter(~billed), NOTE, "nothing is billed", "total")


def _tax_rates(lines: Lines) -> Iterator[Row]:
    counted = numbered(lines.charges)
    odd = odd_tax(counted)
    yield from _rows(
        counted.filter(pl.col(LINE).is_in(odd.implode())).drop(LINE),
        WARNING,
        ODD_TAX,
        "tax",
    )


def _rounded(lines: Lines) -> Iterator[Row]:
    for name, frame in lines.frames.items():
        names = frame.collect_schema().names()
        for column in names:
            sent = f"{column}{AS_SENT}"
            if sent not in names:
                continue
            there = pl.col(sent).is_not_null()
            lost = (there & pl.col(column).is_null()).sum().alias("lost")
            number, nulls = frame.select(there.sum(), lost).collect().row(0)
            if number:
                large = f"; {nulls:,} of them are null, too large for it" if nulls else ""
                yield {"severity": WARNING, "object_type": name, "column": column, "lines": number,
                       "detail": f"numbers that do not fit the column, rounded{large}; as sent in "
                       f"{sent}"}  # fmt: skip


def _drift(lines: Lines) -> Iterator[Row]:
    for drift in drifted(lines.before or {}, lines.frames):
        yield {
            "severity": WARNING if drift.whole else NOTE,
            "object_type": drift.object_type,
            "column": drift.column,
            "lines": drift.lines,
            "detail": str(drift),
        }


CHECKS: Mapping[str, Callable[[Lines], Iterator[Row]]] = {
    "null": _nulls,
    "no customer": _no_customer,
    "unknown type": _unknown_types,
    "unknown field": _unknown_fields,
    "doubled rows": _doubled_rows,
    "price moved": _prices_moved,
    "negative": _negative,
    "zero": _zero,
    "tax rate": _tax_rates,
    "rounded": _rounded,
    "drift": _drift,
}


def _words(words: Iterable[str]) -> str:
    return first_few(list(map(repr, words)), MOST_NAMED)

"""What is odd about an invoice, under fixed names: flagged, never dropped, never made to fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Any

import polars as pl

from invoicekit.analysis.checks.copies import LINE, copies, numbered, picked
from invoicekit.analysis.checks.drift import undocumented
from invoicekit.analysis.checks.grounds import Grounds
from invoicekit.analysis.checks.restated import restated, restated_words
from invoicekit.analysis.checks.severity import ERROR, NOTE, WARNING, errors_first
from invoicekit.analysis.checks.tax_rates import ODD_TAX, odd_tax
from invoicekit.analysis.money import EXACT, plain
from invoicekit.analysis.totals import totals
from invoicekit.errors import FrameError
from invoicekit.frames.charges import paged_charges
from invoicekit.frames.schema import BY_OBJECT_TYPE, KINDS, NUMBER
from invoicekit.visible import first_few, visible

FINDINGS = {
    "finding": pl.String(),
    "severity": pl.String(),
    "provider": pl.String(),
    "line_item_type": pl.String(),
    "object_type": pl.String(),
    "currency": pl.String(),
    "lines": pl.Int64(),
    "amount": NUMBER,
    "detail": pl.String(),
}
PART = ("provider", "line_item_type", "object_type")
MOST_NAMED = 3  # charge types
BILLING = frozenset(kind.object_type for kind in KINDS if not kind.usage)
USAGE = frozenset(kind.object_type for kind in KINDS if kind.usage)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Proof:
    """What the proof says, as far as the checks ask."""

    currency: str
    difference: Decimal
    ties: bool
    whole: bool  # every collection of billing lines is read
    all_used: bool  # and every one of usage
    others: pl.DataFrame  # the parts in another currency
    # The line, order, subscription, page or collection that comes to an amount, in words.
    borne: Callable[[Decimal], str | None]


@dataclass(frozen=True, slots=True)
class Check:
    """A kind of finding: for which objectTypes it holds, and for lines of all sources but some.

    An empty set of objectTypes: it is of the invoice, or of whatever type the lines are.
    """

    finding: str
    severity: str
    rows: Callable[[Grounds, Proof, frozenset[str]], Iterator[Row]]
    object_types: frozenset[str] = frozenset()
    not_from: frozenset[str] = frozenset()


def findings_of(grounds: Grounds, proof: Proof) -> pl.DataFrame:
    """All findings, errors first; columns as in `FINDINGS`.

    Raises:
        FrameError: the amounts are too large to be added.
    """
    import narwhals as nw

    rows = []
    try:
        with grounds.reading():
            for check in CHECKS:
                if check.not_from.isdisjoint(grounds.sources):
                    found = check.rows(grounds, proof, check.object_types)
                    rows += [_row(check, row) for row in found]
    except (pl.exceptions.ComputeError, nw.exceptions.ComputeError) as cause:
        if "overflow" not in str(cause):
            raise
        raise FrameError(
            "the amounts are too large to be checked exactly (38 digits, 24 of them decimals)"
        ) from cause
    return errors_first(pl.DataFrame(rows, schema=FINDINGS))


def _row(check: Check, row: Row) -> Row:
    plain_ = {"finding": check.finding, "severity": check.severity, **row}
    return {**dict.fromkeys(FINDINGS), **plain_, "detail": visible(plain_["detail"])}


def _of_charges(
    pick: Callable[[pl.LazyFrame], pl.LazyFrame], detail: str
) -> Callable[[Grounds, Proof, frozenset[str]], Iterator[Row]]:
    """A check that picks charges; a row for each collection, objectType and currency."""

    def rows(grounds: Grounds, _: Proof, types: frozenset[str]) -> Iterator[Row]:
        lines = pick(numbered(grounds.charges()).filter(_is_of(types)))
        for found in totals(lines, *PART).iter_rows(named=True):
            yield _part(found) | {"amount": found["total"], "detail": detail}

    return rows


def _is_of(types: frozenset[str]) -> pl.Expr:
    """Whether charges are of these objectTypes; those that do not say are taken for billed."""
    return pl.col("object_type").is_in(sorted(types)).fill_null(value=True)


def _part(found: Row) -> Row:
    return {name: found[name] for name in (*PART, "currency", "lines")}


def _off_total(charges: pl.LazyFrame) -> pl.LazyFrame:
    more = pl.col("total") - pl.col("subtotal") - pl.col("tax")
    return charges.with_columns(more.alias("total")).filter(pl.col("total") != 0)


def _oddly_taxed(charges: pl.LazyFrame) -> pl.LazyFrame:
    odd = odd_tax(charges)
    return charges.filter(pl.col(LINE).is_in(odd.implode())).with_columns(
        pl.col("tax").alias("total")
    )


def _doubled_rows(grounds: Grounds, proof: Proof, _: frozenset[str]) -> Iterator[Row]:
    """Of lines, all fields are compared; of charges alone, all columns that they have.

    Charges of daily usage do not say the day, so many of them are equal.
    """
    billed = grounds.charges().filter(_is_of(BILLING))
    for name, frame in (grounds.frames or {"": billed}).items():
        numbers = copies(frame)
        if numbers.is_empty():
            continue
        rows = picked(frame, numbers)
        kind = BY_OBJECT_TYPE.get(name)
        usage = bool(kind and kind.usage)
        severity = NOTE if proof.ties or usage else WARNING
        if not grounds.frames:
            yield from _copies(rows, severity, "total", "the charges tell")
        elif kind is None:
            sides = rows.group_by("asked_provider", "asked_line_item_type").len().sort(pl.all())
            for provider, line_item_type, lines in sides.collect().iter_rows():
                yield {"severity": severity, "provider": provider, "lines": lines,
                       "line_item_type": line_item_type, "object_type": name,
                       "detail": _equal("the service sent")}  # fmt: skip
        else:
            amount = "subtotal" if usage else "total"
            charges = paged_charges({name: rows}, usage=usage)
            yield from _copies(charges, severity, amount, "the service sent")


def _copies(charges: pl.LazyFrame, severity: str, amount: str, what: str) -> Iterator[Row]:
    """Charges that are copies; where they are of several charge types, how many of which."""
    key = [*PART, "currency"]
    by_type = totals(charges, *PART, "charge_type")
    for found in totals(charges, *PART).iter_rows(named=True):
        mine = by_type.filter(pl.col(name).eq_missing(pl.lit(found[name])) for name in key)
        mine = mine.sort(pl.col(amount).abs(), "charge_type", descending=[True, False],
                         nulls_last=True)  # fmt: skip
        types = [
            f"{word or 'no charge type'} {lines:,}"
            + ("" if sum_ is None else f" of {plain(sum_, found['currency']):,}")
            for word, lines, sum_ in mine.select("charge_type", "lines", amount).iter_rows()
        ]
        told = f"; by charge type: {first_few(types, MOST_NAMED)}" if len(types) > 1 else ""
        yield _part(found) | {"severity": severity, "amount": found[amount],
                              "detail": _equal(what) + told}  # fmt: skip


def _equal(what: str) -> str:
    return (
        f"equal to an earlier line in all that {what} but the page: sent twice, or billed several "
        "times for a reason; they count"
    )


def _other_currency(_: Grounds, proof: Proof, types: frozenset[str]) -> Iterator[Row]:
    for part in proof.others.filter(_is_of(types)).iter_rows(named=True):
        yield _part(part) | {
            "amount": part["total"],
            "detail": f"in {part['currency'] or 'no currency'}, and the invoice in "
            f"{proof.currency}: they are not in its lines' total",
        }


def _drifted(grounds: Grounds, _: Proof, types: frozenset[str]) -> Iterator[Row]:
    for name, frame in grounds.frames.items():
        kind = BY_OBJECT_TYPE.get(name)
        if kind is None or kind.object_type not in types:
            continue
        extra = undocumented(name, frame.collect_schema().names())
        if not extra:
            continue
        sides = [pl.col("asked_provider"), pl.col("asked_line_item_type")]
        counts = frame.group_by(sides).agg(pl.col(extra).count()).sort(sides)
        for row in counts.collect(engine="streaming").iter_rows():
            for column, lines in zip(extra, row[2:], strict=True):
                if lines:
                    yield {"provider": row[0], "line_item_type": row[1], "object_type": name,
                           "lines": lines,
                           "detail": f"{column!r} is no field that Microsoft documents; kept as "
                           "text"}  # fmt: skip


def _restated_usage(grounds: Grounds, proof: Proof, _: frozenset[str]) -> Iterator[Row]:
    if not (grounds.frames and proof.whole and proof.all_used):
        return
    sides = (*PART, "currency")
    unlike = restated(grounds.frames, proof.currency)
    for rows in unlike.partition_by(sides, maintain_order=True) if len(unlike) else ():
        more = [EXACT.subtract(*pair) for pair in rows.select("used", "billed").iter_rows()]
        money = bool(rows["money"][0])
        first = rows.row(0, named=True)
        yield {name: first[name] for name in sides} | {
            "lines": int(rows["lines"].sum()),
            "amount": reduce(EXACT.add, more) if money else None,
            "detail": restated_words(rows, more, money=money),
        }


def _header_only(grounds: Grounds, proof: Proof, _: frozenset[str]) -> Iterator[Row]:
    """What no line bears; where another finding is the whole difference, that is the cause."""
    if not (proof.whole and proof.difference) or proof.borne(proof.difference):
        return
    told = _told(grounds, proof)
    if proof.difference in told.values():
        return
    more = "less" if proof.difference < 0 else "more"
    header = f"; the header names {', '.join(grounds.notes)}" if grounds.notes else ""
    yield {
        "currency": proof.currency,
        "lines": 0,
        "amount": proof.difference,
        "detail": f"the header's total is {more} than the lines by this much, which no one line, "
        "order, subscription, page or collection comes to: it may be a credit or adjustment that "
        f"is in no line, or several causes together{_left(proof, told)}{header}",
    }


def _told(grounds: Grounds, proof: Proof) -> dict[str, Decimal]:
    """What of the difference wrong totals of rows and other currencies are: each, then both."""
    wrong = [
        row["amount"]
        for row in _row_total(grounds, proof, BILLING)
        if row["currency"] == proof.currency
    ]
    named = {
        "subtotal + tax of the rows with another total": -reduce(EXACT.add, wrong, Decimal(0)),
        "the amounts in another currency as they are": reduce(
            EXACT.add, proof.others["total"].drop_nulls(), Decimal(0)
        ),
    }
    named = {words: amount for words, amount in named.items() if amount}
    return named | {" and ".join(named): reduce(EXACT.add, named.values())} if named else {}


def _left(proof: Proof, told: dict[str, Decimal]) -> str:
    """What is left without what other findings name, and what bears that: else of all of them."""
    words = ""
    for what, amount in told.items():
        left = EXACT.subtract(proof.difference, amount)
        made, rest = (f"{plain(one, proof.currency):,}" for one in (amount, left))
        words = f"; if the header has {what}, that is {made} of it, and {rest} is left"
        if borne := proof.borne(left):
            return f"{words}: {borne}"
    return words


_row_total = _of_charges(_off_total, "total is not subtotal + tax; by this much more")
CHECKS = (
    Check("row total", ERROR, _row_total, BILLING),
    Check("header only", ERROR, _header_only),
    Check("other currency", ERROR, _other_currency, BILLING),
    Check("doubled rows", WARNING, _doubled_rows),
    Check("restated usage", WARNING, _restated_usage, USAGE, frozenset({"files"})),
    Check(
        "tax rate",
        WARNING,
        _of_charges(_oddly_taxed, ODD_TAX),
        BILLING,
    ),
    Check(
        "no customer",
        NOTE,
        _of_charges(
            lambda charges: charges.filter(pl.col("customer_id").is_null()),
            "charges that name no customer; totals by customer have them in a row of their own",
        ),
        BILLING,
    ),
    Check("drifted column", NOTE, _drifted, BILLING | USAGE),
)

"""What changed between two invoices, months or estimates: parts that add up, exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from types import MappingProxyType
from typing import Any

import polars as pl

from invoicekit.analysis.comparison.change_keys import (
    ON,
    collected,
    keys_of,
    lines_of,
    opened,
    spelled,
)
from invoicekit.analysis.comparison.change_words import change_sentences, currency_sentence, signed
from invoicekit.analysis.comparison.changes import PARTS, changes_of, details_of, parts_of
from invoicekit.visible import visible

UNPROVEN = "not proven"
SIDES = ("before", "after")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed, in parts that add up.

    Attributes:
        parts: a row for each currency and part: `currency, part, before, after, difference, lines`.
            `difference` adds up to after less before, exactly, in the row's own currency; `before`
            and `after` are the amounts of the part's lines, of which there are `lines` on both
            sides together.
        details: the same by customer, offer and subscription, greatest change first: `currency,
            part, customer_id, customer_name, offer_id, offer_name, subscription_id, before, after,
            difference, lines`. Without the rows in which nothing moved.
        totals: a row a currency, `currency, before, after, difference`.
        states: of `"before"` and `"after"`, whether it `"ties"`, `"differs"`, is `"incomplete"`, or
            `"not proven"` (charges without an invoice that they would have to add up to).

    >>> change = ik.compare(client.invoice("G012345610"), invoice)
    >>> change.parts["difference"].sum() == invoice.total - client.invoice("G012345610").total
    True
    >>> dict(change.states)
    {'before': 'ties', 'after': 'ties'}
    """

    parts: pl.DataFrame = field(compare=False)
    details: pl.DataFrame = field(compare=False)
    totals: pl.DataFrame = field(compare=False)
    states: Mapping[str, str]
    _moved: pl.DataFrame = field(repr=False, compare=False)
    _proofs: tuple[str, ...] = field(repr=False, compare=False)
    _sides: tuple[Callable[[], Any], ...] = field(repr=False, compare=False)
    _keys: pl.DataFrame = field(repr=False, compare=False)
    _places: pl.DataFrame = field(repr=False, compare=False)

    def sentences(self, most: int = 20) -> list[str]:
        """What changed, in words: each currency, what does not tie, then the greatest changes.

        >>> ik.compare(client.invoice("G012345610"), invoice).sentences()[:2]  # doctest: +ELLIPSIS
        ['USD: -1,106.40, from 222,544.74 to 221,438.34', 'Velvet Anchor ...: no more Windows ...']

        Args:
            most: how many changes are told; of several currencies the greatest of each, in turn.
        """
        whole = [currency_sentence(*row) for row in self.totals.iter_rows()]
        changes = change_sentences(self.details.hstack(self._moved), most)
        return [visible(sentence) for sentence in (*whole, *self._proofs, *changes)]

    def lines(self, part: str) -> pl.DataFrame:
        """The lines of a part: `side` (`"before"` or `"after"`), then their columns.

        They are as many as `lines` of `parts` says; of `"tax"` these are all.

        >>> ik.compare(client.invoice("G012345610"), invoice).lines("credits").columns[:2]
        ['side', 'invoice_id']

        Args:
            part: `"new customers"`, `"lost customers"`, `"new offers"`, `"lost offers"`,
                `"quantity"`, `"price"`, `"exchange rate"`, `"proration"`, `"credits"`, `"rest"` or
                `"tax"`.

        Raises:
            ValueError: there is no such part; lists them.
        """
        if part not in PARTS:
            raise ValueError(f"there is no part {part!r}; the parts are {', '.join(PARTS)}")
        mine = self._keys.join(self._places.filter(part=part), on="key", how="semi")
        sides = [
            opened(charges(), mine).select(pl.lit(side).alias("side"), pl.all())
            for side, charges in zip(SIDES, self._sides, strict=True)
        ]
        return pl.concat(sides, how="diagonal")

    def __repr__(self) -> str:
        lines = []
        for currency, before, after, difference in self.totals.iter_rows():
            lines.append(currency_sentence(currency, before, after, difference))
            mine = self.parts.filter(pl.col("currency").eq_missing(pl.lit(currency)))
            rows = mine.filter(pl.col("difference") != 0).select("part", "difference").iter_rows()
            lines += [f"  {part}: {signed(amount, currency)}" for part, amount in rows]
        return "\n".join(map(visible, [*(lines or ["Nothing to compare"]), *self._proofs]))

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"


def compare(before: Any, after: Any) -> Comparison:  # noqa: ANN401 (invoices, frames)
    """What changed from `before` to `after`, in parts that add up to the difference exactly.

    In this order, each line is in one part: lines of the family `credit` are `credits`; those of
    customers on one side alone are `new customers` or `lost customers`; those of offers that a
    customer has on one side alone `new offers` or `lost offers`. The rest is matched by customer,
    offer and subscription (no id is a key like any; ids that are GUIDs are in lower case here), its
    lines summed: the change of the billable quantity, then of the effective unit price, then of the
    exchange rate, each at the others' value so far. Where the days billed changed and the amount a
    day did not, it is `proration`.
    Keys whose lines have several prices or rates are in `rest`, with what is left by rounding.
    These are of subtotals; `tax` is the change of the taxes, and what a line's total has beyond
    both is in `rest`. Products are rounded half-even to 24 decimals. The order, and what the parts
    are, is ours; quantity and price are those that Microsoft bills by in new commerce
    (https://learn.microsoft.com/partner-center/billing/modern-invoice-reconciliation-file).

    >>> change = ik.compare(client.invoice("G012345610"), invoice)
    >>> change
    USD: -1,106.40, from 222,544.74 to 221,438.34
      new offers: +2,928.59
      lost offers: -3,294.25
      price: -662.41
      credits: -54.31
      rest: +192.60
      tax: -216.62
    >>> change.details.select("part", "customer_name", "lines").row(0)
    ('lost offers', 'Velvet Anchor Ferries 12', 1)

    Args:
        before: an `Invoice`, `Unbilled`, or whatever else has `.charges()`; or a frame of charges
            as `ik.charges()` gives it, lazy or not, or of an engine that narwhals knows.
        after: the same, later.

    Raises:
        TypeError: one of them is nothing of that kind, or its amounts are not exact (floats, text).
        ValueError: a frame lacks columns of the charges.
        FrameError: the amounts are too large to be added.
    """
    sides = tuple(_charges_of(given) for given in (before, after))
    lines = [lines_of(charges()) for charges in sides]
    proofs = [given.reconcile() if _has(given, "reconcile") else None for given in (before, after)]
    fine = collected(lines)
    keys = keys_of(*fine)
    changes, places = changes_of(keys)
    details = details_of(changes, [spelled(side) for side in lines], fine)
    whole = keys.group_by("currency").agg(pl.col("total_before", "total_after").sum())
    states = {
        side: UNPROVEN if proof is None else proof.state
        for side, proof in zip(SIDES, proofs, strict=True)
    }
    return Comparison(
        parts=parts_of(changes),
        details=details.drop("was", "is"),
        totals=whole.select(
            "currency",
            before="total_before",
            after="total_after",
            difference=pl.col("total_after") - pl.col("total_before"),
        ).sort("currency", nulls_last=True),
        states=MappingProxyType(states),
        _moved=details.select("was", "is"),
        _proofs=tuple(
            f"{side.capitalize()}: {proof}"
            for side, proof in zip(SIDES, proofs, strict=True)
            if proof is not None and not proof.ties
        ),
        _sides=sides,
        _keys=keys.select("key", *ON),
        _places=places,
    )


def _charges_of(given: Any) -> Callable[[], Any]:  # noqa: ANN401 (invoices, frames)
    """What gives its charges: an invoice is asked again, so that nobody holds them meanwhile."""
    if not _has(given, "charges"):
        return lambda: given
    asked: Callable[[], Any] = given.charges
    return asked


def _has(given: Any, name: str) -> bool:  # noqa: ANN401 (invoices, frames)
    return callable(getattr(given, name, None))

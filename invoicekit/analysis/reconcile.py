"""The proof: do the lines of an invoice add up to its total, and is every one of them there?"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from html import escape
from typing import Any, Literal

import polars as pl

from invoicekit.analysis.checks.findings import PART, Proof, findings_of
from invoicekit.analysis.checks.grounds import Grounds
from invoicekit.analysis.money import EXACT, MOST, plain
from invoicekit.analysis.suspects.search import borne_by, suspects_of
from invoicekit.analysis.totals import totals
from invoicekit.errors import FrameError, check_text
from invoicekit.frames.collection_result import NO_DATA, READ, SHARED
from invoicekit.frames.schema import NUMBER
from invoicekit.visible import visible

State = Literal["ties", "differs", "incomplete"]
NOT_BILLED = "not billed yet"
MARKS = {"ties": "✔", "differs": "✘", "incomplete": "⚠"}
INKS = {"ties": "#0b5d3b", "differs": "#8c1d18", "incomplete": "#6b4400"}
PAPERS = {"ties": "#e6f4ec", "differs": "#fdecea", "incomplete": "#fff3d6"}  # a page may be dark
PARTS = {
    "part": pl.String(),
    **dict.fromkeys(PART, pl.String()),
    "currency": pl.String(),
    "lines": pl.Int64(),
    "subtotal": NUMBER,
    "tax": NUMBER,
    "total": NUMBER,
    "state": pl.String(),
}
# What a part may be, and whether an invoice with such a part can be called complete.
ADDED, RESTATES, EMPTY = "added", "restates billing lines, not added", "no lines"
OTHER_CURRENCY, NO_TOTAL, MISSING = "another currency", "has lines without a total", "missing"
TOO_MANY = "has more charges than lines"
UNNAMED = "names no collections"
COMPLETE = frozenset({ADDED, RESTATES, EMPTY, OTHER_CURRENCY, SHARED})

LEAST = Decimal(1).scaleb(-NUMBER.scale)  # that an amount of a column differs by


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Whether an invoice ties, by how much it does not, and what it is made of.

    `difference` is `invoice_total - lines_total`, exact, in `currency`; a credit that is in the
    header only shows as that negative amount. `parts` has a row per collection, objectType and
    currency: `part, provider, line_item_type, object_type, currency, lines, subtotal, tax, total,
    state`.

    >>> client.invoice("G012345607").reconcile()
    ✘ differs: 204,234.51 USD, 383 lines, 2 pages, difference -1,250.50
    >>> client.invoice("G012345607").reconcile().parts.select("part", "lines", "state").rows()
    [('onetime/billing', 383, 'added'), ('onetime/usage', 360, 'restates billing lines, not added')]
    """

    state: State
    currency: str
    invoice_total: Decimal
    lines_total: Decimal
    difference: Decimal
    lines: int
    parts: pl.DataFrame = field(repr=False, compare=False)
    pages: int | None
    _grounds: Grounds = field(repr=False, compare=False)
    _seen: dict[str, pl.DataFrame] = field(default_factory=dict, repr=False, compare=False)

    @property
    def ties(self) -> bool:
        """Every collection is read, and the difference is exactly 0.

        >>> invoice.reconcile().ties
        True
        """
        return self.state == "ties"

    @property
    def missing(self) -> list[str]:
        """What keeps the invoice from being complete, in words; empty where nothing does.

        >>> charges = invoice.charges().head(0)
        >>> proof = ik.reconcile(charges, invoice.total, currency="USD", details=invoice.details)
        >>> proof.missing
        ['onetime/billing (missing)']
        """
        rows = self.parts.filter(_is_open())
        return [f"{part} ({state})" for part, state in rows.select("part", "state").iter_rows()]

    @property
    def findings(self) -> pl.DataFrame:
        """What is odd about the lines and the header, errors first; empty where nothing is.

        Columns: `finding, severity, provider, line_item_type, object_type, currency, lines, amount,
        detail`. A row for each finding, collection, objectType and currency; `lines` are those
        concerned, `amount` is theirs, in `currency`. Flagged, never dropped and never made to fit:
        the proof is the same with them. They are looked for when they are first asked for.

        `finding` is one of: `row total` (the total of a row is not subtotal + tax; `amount` is
        what it has more), `header only` (a difference that no line, order, subscription, page or
        collection bears; `detail` says what is left of it without wrong totals of rows and other
        currencies), `other currency`, `doubled rows` (equal in every field but the page;
        `lines` are the copies beyond the first, which may well be right), `restated usage` (daily
        usage is not what was billed, beyond the rounding down that Microsoft publishes; by
        subscription and meter category), `tax rate` (tax that is not at the rate of the customer's
        other lines; `amount` is the tax), `no customer`, and `drifted column` (a field that
        Microsoft does not document). `severity` is `error`, `warning` or `note`.

        >>> found = client.invoice("G012345607").reconcile().findings
        >>> found.select("finding", "severity", "lines", "amount").row(0)
        ('header only', 'error', 0, Decimal('-1250.500000000000000000000000'))

        Raises:
            FrameError: the amounts are too large to be added, or the lines are gone meanwhile.
        """
        if "findings" not in self._seen:
            found = pl.col("state").is_in([OTHER_CURRENCY, NO_TOTAL])
            others = self.parts.filter(found, pl.col("currency").ne_missing(pl.lit(self.currency)))
            proof = Proof(
                self.currency,
                self.difference,
                ties=self.ties,
                whole=self.state != "incomplete",
                all_used=NO_DATA not in set(self.parts["state"]),
                others=others,
                borne=lambda amount: borne_by(self._grounds, amount, self.currency),
            )
            self._seen["findings"] = findings_of(self._grounds, proof)
        return self._seen["findings"].clone()

    @property
    def suspects(self) -> pl.DataFrame:
        """The smallest sets of lines whose sum is the difference; empty where it ties, or none is.

        Columns: `candidate` (a number, 1 the likeliest), `reason` in words, then those of the
        charges, and `page`: one row a line, at most 20 candidates. Their sum is the difference, or
        its opposite: lines of the opposite sum are those that the invoice's total leaves out, lines
        of the same sum those that it counts once more. One unit comes first (a line, a whole order,
        subscription, page or collection, all copies, all credits), then two lines, then more of
        those that are likely (copies, credits, one order, one day). What sums to the same cannot
        be told apart, and the reason says so. Where the invoice is incomplete they prove little:
        what is missing may be the difference. The search is exact, and bounded by a count of steps.
        It is made when it is first asked for.

        >>> invoice.reconcile().suspects.height
        0
        >>> charges = invoice.charges()
        >>> proof = ik.reconcile(charges[1:], invoice.total, currency="USD")
        >>> proof.suspects["candidate", "reason"].row(0)  # doctest: +ELLIPSIS
        (1, 'with this line once more the lines add up to the invoice; one of these 2 lines ...')

        Raises:
            FrameError: the lines are gone meanwhile.
        """
        if "suspects" not in self._seen:
            found = suspects_of(self._grounds, self.difference, self.currency)
            self._seen["suspects"] = found
        return self._seen["suspects"].clone()

    def assert_ties(self) -> None:
        """Do nothing where the invoice ties; for tests and scheduled checks.

        >>> invoice.reconcile().assert_ties()
        >>> client.invoice("G012345607").reconcile().assert_ties()
        Traceback (most recent call last):
        AssertionError: the lines are 1,250.50 USD more than the invoice: ✘ differs: ...

        Raises:
            AssertionError: it does not; says by how much, and what keeps it from being complete.
        """
        if self.ties:
            return
        less = "more" if self.difference < 0 else "less"
        by = f"the lines are {self.difference.copy_abs():,} {self.currency} {less} than the invoice"
        raise AssertionError(visible(f"{by}: {self}" if self.difference else str(self)))

    def __str__(self) -> str:
        pages = "" if self.pages is None else f", {_counted(self.pages, 'page')}"
        billed = NOT_BILLED not in set(self.parts["state"])  # else there is nothing to differ from
        text = (
            f"{MARKS[self.state]} {self.state}: {self.invoice_total:,} {self.currency}, "
            f"{_counted(self.lines, 'line')}{pages}"
        ) + (f", difference {self.difference:,}" if billed else "")
        if self.state == "incomplete":
            text += f"; not complete: {'; '.join(self.missing)}"
        elif self._others:
            text += f"; other currencies: {', '.join(self._others)}"
        return visible(text)

    __repr__ = __str__

    @property
    def _others(self) -> list[str]:
        rows = self.parts.filter(pl.col("state") == OTHER_CURRENCY)
        return sorted({currency or "none" for currency in rows["currency"]})

    def _repr_html_(self) -> str:
        look = f"color:{INKS[self.state]};background:{PAPERS[self.state]};font-weight:600"
        return f'<p style="{look};width:fit-content;padding:2px 8px">{escape(str(self))}</p>'


def reconcile(
    charges: Any,  # noqa: ANN401 (any engine's frame)
    invoice_total: Decimal,
    *,
    currency: str,
    details: pl.DataFrame | None = None,
    pages: int | None = None,
) -> Reconciliation:
    """Whether `charges` add up to `invoice_total`, exactly and with nothing missing.

    `findings` and `suspects` are of what the charges tell; `Invoice.reconcile()` looks at the lines
    behind them too.

    >>> ik.reconcile(invoice.charges(), invoice.total, currency="USD")
    ✔ ties: 221,438.34 USD, 369 lines, difference 0.00

    Args:
        charges: a frame of charges (`Invoice.charges()`, `ik.charges()`) in polars, pandas, pyarrow
            or another engine that narwhals knows.
        invoice_total: what the lines have to add up to.
        currency: that of the total, in any case; lines in another one make it `differs`.
        details: the collections that the invoice has, a frame `provider, line_item_type`. A billing
            collection without a charge counts as missing, unless the columns `object_type, lines,
            state` say more, as in `LineItems.collections`.
        pages: how many pages were read, to be shown.

    Raises:
        TypeError: `invoice_total` is no `Decimal`, `currency` no text, or `details` no frame.
        ValueError: it is no number, or infinite.
        FrameError: the amounts are too large to be added.
    """
    if not isinstance(invoice_total, Decimal | int) or isinstance(invoice_total, bool):
        raise TypeError('the total is exact, not a float or a text: write Decimal("2076.63")')
    if not Decimal(invoice_total).is_finite():
        raise ValueError(f"not an amount: {invoice_total}")
    check_text(currency, "a currency", 'currency="USD"')
    if not isinstance(details, pl.DataFrame | None):
        raise TypeError("details is a polars frame: write details=invoice.details")
    return proven(
        Grounds(charges),
        charges,
        invoice_total,
        currency=currency.strip().upper(),
        details=details,
        pages=pages,
    )


def proven(
    grounds: Grounds,
    charges: Any,  # noqa: ANN401 (any engine's frame)
    invoice_total: Decimal,
    *,
    currency: str,
    details: pl.DataFrame | None,
    pages: int | None,
) -> Reconciliation:
    """The same, of charges whose lines are known."""
    parts = _parts(charges, currency, details)
    own = parts.filter(pl.col("currency") == currency)
    lines_total = reduce(EXACT.add, own["total"].drop_nulls(), Decimal(0))
    difference = EXACT.subtract(invoice_total, lines_total)
    _refuse_unfit(Decimal(invoice_total), difference)
    return Reconciliation(
        state=_state(parts, difference),
        currency=currency,
        invoice_total=plain(invoice_total, currency),
        lines_total=plain(lines_total, currency),
        difference=plain(difference, currency),
        lines=int(parts.filter(pl.col("state") != RESTATES)["lines"].sum()),
        parts=parts,
        pages=pages,
        _grounds=grounds,
    )


def _refuse_unfit(*amounts: Decimal) -> None:
    """A column would have null for an amount that is too large, and round one that is too fine.

    Raises:
        FrameError: one of them is.
    """
    for amount in amounts:
        if amount.is_finite() and (amount.copy_abs() >= MOST or EXACT.remainder(amount, LEAST)):
            raise FrameError(
                "the invoice's total or its difference from the lines does not fit a column of "
                "amounts: 38 digits, 24 of them decimals"
            )


def _state(parts: pl.DataFrame, difference: Decimal) -> State:
    if not parts.filter(_is_open()).is_empty():
        return "incomplete"
    return "differs" if difference or OTHER_CURRENCY in set(parts["state"]) else "ties"


def _is_open() -> pl.Expr:
    """Whether a part keeps an invoice from being complete; usage is never added."""
    waits = (pl.col("state") == NO_DATA) & (pl.col("line_item_type") == "usage")
    return ~(pl.col("state").is_in(sorted(COMPLETE)) | waits.fill_null(value=False))


def _parts(charges: Any, currency: str, details: pl.DataFrame | None) -> pl.DataFrame:  # noqa: ANN401
    import narwhals as nw

    keys = [*PART, "currency"]
    found = totals(charges, *PART)
    without_total = nw.from_native(charges).filter(nw.col("total").is_null()).to_native()
    found = found.join(
        totals(without_total, *PART).select(*keys, pl.lit(value=True).alias("without")),
        on=keys,
        how="left",
        nulls_equal=True,
    )
    found = found.with_columns(
        pl.when("without")
        .then(pl.lit(NO_TOTAL))
        .when(pl.col("currency").eq_missing(pl.lit(currency)))
        .then(pl.lit(ADDED))
        .otherwise(pl.lit(OTHER_CURRENCY))
        .alias("state")
    )
    rows = pl.concat(
        [
            found.select(*keys, "lines", "subtotal", "tax", "total", "state"),
            _unadded(found, details),
        ],
        how="diagonal_relaxed",
    )
    named = rows.with_columns(
        pl.format("{}/{}", "provider", "line_item_type").fill_null("invoice").alias("part")
    )
    return named.select(pl.col(name).cast(dtype) for name, dtype in PARTS.items()).sort(
        "provider", "line_item_type", "object_type", "currency", nulls_last=True
    )


def _unadded(found: pl.DataFrame, details: pl.DataFrame | None) -> pl.DataFrame:
    """The collections of `details` that are not among the charges, and why."""
    schema = {**dict.fromkeys(PART, pl.String()), "lines": pl.Int64(), "state": pl.String()}
    if details is None:
        return pl.DataFrame(schema=schema)
    if details.is_empty():  # an invoice that does not say what it is made of is no whole one
        return pl.DataFrame([{"state": UNNAMED}], schema=schema)
    if "state" not in details.columns:  # all that is known is which pairs there should be
        absent = details.join(found, on=["provider", "line_item_type"], how="anti")
        usage = pl.col("line_item_type") == "usage"
        return absent.select(
            "provider",
            "line_item_type",
            pl.when(usage).then(pl.lit(RESTATES)).otherwise(pl.lit(MISSING)).alias("state"),
        )
    added = found.group_by(PART).agg(pl.col("lines").sum().alias("added"))
    read = pl.col("state") == READ
    left = details.join(added, on=PART, how="left", nulls_equal=True).filter(
        ~read | pl.col("added").is_null() | (pl.col("added") != pl.col("lines"))
    )
    short = pl.col("lines") - pl.col("added").fill_null(0)
    return left.select(
        *PART,
        pl.max_horizontal(short, pl.lit(0)).alias("lines"),  # those that are charged are counted
        pl.when(~read)
        .then("state")
        .when(pl.col("lines") == 0)
        .then(pl.lit(EMPTY))
        .when((pl.col("line_item_type") == "usage") & pl.col("added").is_null())
        .then(pl.lit(RESTATES))
        .when(pl.col("added") > pl.col("lines"))
        .then(pl.lit(TOO_MANY))
        .otherwise(pl.lit(MISSING))
        .alias("state"),
    )


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

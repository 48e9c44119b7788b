"""One unit whose sum is the difference: a line, a whole order, page, …, all copies, all credits."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from invoicekit.analysis.checks.copies import LINE
from invoicekit.analysis.suspects.values import MOST, Candidate, in_order, reason
from invoicekit.visible import visible

COLLECTION = ("provider", "line_item_type")
# What lines make a unit together: its word, and the columns that are the same in all of them.
WHOLES = (
    ("order", ("order_id",)),
    ("subscription", ("subscription_id",)),
    ("page", (*COLLECTION, "page")),
    ("collection", COLLECTION),
)
# Of the copies of rows that are there twice, those that may have come together.
COPIES = (
    ("copies of doubled rows", ()),
    ("copies on page", (*COLLECTION, "page")),
    ("copies of charge type", ("charge_type",)),
    ("copies of customer", ("customer_id",)),
)


def units(lines: pl.DataFrame, wanted: int) -> list[Candidate]:
    """The units whose sum is the difference or its opposite, likeliest first, each set once.

    Likeliest are lines in another currency that were added as if in the invoice's, and copies; then
    credits, lines, and wholes that the invoice's total does not have; then what it has once more.
    """
    found: dict[tuple[int, ...], Candidate] = {}
    own = lines.filter(pl.col("foreign").is_null())
    ranked = [*_foreign(lines, wanted), *_lines(own, wanted), *_copies(own, wanted)]
    ranked += _wholes(own, wanted)
    for _, candidate in sorted(ranked, key=lambda one: one[0]):
        found.setdefault(tuple(sorted(candidate.lines)), candidate)
    return list(found.values())[:MOST]


def _is(wanted: int, lines: pl.DataFrame, *, both: bool = True) -> pl.Expr:
    ends = [-wanted, wanted] if both else [-wanted]
    return pl.col("value").is_in(pl.Series(ends, dtype=lines["value"].dtype).implode())


def _foreign(lines: pl.DataFrame, wanted: int) -> Iterator[tuple[int, Candidate]]:
    """Lines in another currency, whose amounts the invoice's total has as they are."""
    sums = lines.drop_nulls("foreign").group_by("foreign").agg(pl.col("value").sum(), LINE)
    for currency, total, numbers in sums.sort("foreign").iter_rows():
        if total == wanted:
            some = "this line" if len(numbers) == 1 else f"these {len(numbers):,} lines"
            told = f"with the amount of {some} as it is, though in {currency}, the lines add up to "
            yield 0, Candidate(visible(f"{told}the invoice"), tuple(numbers))


def _lines(lines: pl.DataFrame, wanted: int) -> Iterator[tuple[int, Candidate]]:
    hits = lines.filter(_is(wanted, lines)).with_columns(pl.len().over("value").alias("of"))
    likeliest = (pl.col("value") == wanted, ~pl.col("copy"), ~pl.col("credit"))
    hits = in_order(hits, *likeliest, most=MOST)
    for value, copy, credit, of, line in hits.select("value", "copy", "credit", "of", LINE).rows():
        extra = value == -wanted
        rank = (0 if copy else 2 if credit else 3) if extra else 6
        same = "" if of == 1 else f"one of these {of:,} lines of the same amount"
        known = "a copy of another line" if copy else "a credit" if credit else ""
        yield rank, Candidate(reason("this line", value, wanted, known, same), (line,))


def _copies(lines: pl.DataFrame, wanted: int) -> Iterator[tuple[int, Candidate]]:
    copies = lines.filter("copy")
    for word, keys in COPIES:
        for name, total, found in _sums(copies, keys, wanted, both=False):
            text = f"the {len(found):,} {word} {name}".strip()
            yield 1, Candidate(reason(text, total, wanted), found)


def _wholes(lines: pl.DataFrame, wanted: int) -> Iterator[tuple[int, Candidate]]:
    for _, total, found in _sums(lines.filter("credit"), (), wanted):
        rank = 4 if total == -wanted else 7
        text = reason(f"all {len(found):,} credits", total, wanted)
        yield rank, Candidate(text, found)
    for word, keys in WHOLES:
        hits = list(_sums(lines, keys, wanted))
        same = "" if len(hits) == 1 else f"one of {len(hits):,} {word}s of the same amount"
        for name, total, found in hits:
            rank = 5 if total == -wanted else 8
            text = reason(f"all {len(found):,} lines of {word} {name}", total, wanted, same)
            yield rank, Candidate(text, found)


def _sums(
    lines: pl.DataFrame, keys: tuple[str, ...], wanted: int, *, both: bool = True
) -> Iterator[tuple[str, int, tuple[int, ...]]]:
    """The groups of several lines whose sum is wanted: their name, sum and lines."""
    known = lines.drop_nulls(list(keys)) if keys else lines
    by: list[str | pl.Expr] = [*keys] or [pl.lit(1).alias("all")]
    sums = known.group_by(by).agg(pl.col("value").sum(), pl.len().alias("of"))
    hits = sums.filter(_is(wanted, lines, both=both), pl.col("of") > 1).sort(*keys or ["all"])
    for hit in hits.head(MOST).iter_rows(named=True):
        mine = known.filter(pl.col(key) == hit[key] for key in keys) if keys else known
        place = "/".join(hit[key] for key in keys if key in COLLECTION)
        rest = [str(hit[key]) for key in keys if key not in COLLECTION]
        yield " of ".join([*rest, *([place] if place else [])]), hit["value"], tuple(mine[LINE])

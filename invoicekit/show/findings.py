"""What is odd about an invoice, and the lines that its difference may be, as a part of a page."""

from __future__ import annotations

from typing import Final

import polars as pl
from markupsafe import Markup

from invoicekit.show.html_assets import rendered
from invoicekit.show.protocols import Reconciliation
from invoicekit.show.tables import html_of_table

FINDING: Final = ("finding", "severity", "part", "currency", "lines", "amount", "detail")
SUSPECT: Final = (
    "customer_name", "offer_name", "charge_type", "charge_start", "charge_end", "total",
    "currency", "page",
)  # fmt: skip
# A page shows the likeliest; `Reconciliation.suspects` has them all.
MOST_CANDIDATES: Final = 5
MOST_LINES: Final = 10
# An invoice that ties is looked through for a page up to here: seconds, and some 100 MB.
MOST_SEARCHED: Final = 250_000
NOT_SEARCHED: Final = Markup(
    "<p>More than {:,} lines that tie are not looked through for a page: "
    "<code>reconcile().findings</code> does it.</p>"
)


def html_of_findings(proof: Reconciliation, *, embed: bool = True) -> Markup:
    """The findings as a table, and where it differs the candidates; nothing where none are.

    Of an invoice that ties and has very many lines it says that they were not looked for. Without
    `embed` the style is left to the page around it.

    Raises:
        FrameError: the amounts are too large to be added, or the lines are gone meanwhile.
    """
    if not is_searched(proof):
        return NOT_SEARCHED.format(MOST_SEARCHED)
    findings = proof.findings
    differs = proof.state == "differs"
    if findings.is_empty() and not differs:
        return Markup()
    suspects = proof.suspects if differs else findings.clear()
    candidates = suspects.partition_by("candidate", maintain_order=True) if differs else []
    return rendered(
        "findings.html.j2",
        findings=_table(_of_parts(findings).select(FINDING), "findings", embed=embed)
        if findings.height
        else "",
        differs=differs and bool(proof.difference),
        candidates=[
            {
                "reason": lines["reason"][0],
                "lines": _table(
                    lines.select(SUSPECT), f"suspects-{number}", embed=embed, most=MOST_LINES
                ),
            }
            for number, lines in enumerate(candidates[:MOST_CANDIDATES], 1)
        ],
        left_out=f"{len(candidates) - MOST_CANDIDATES:,}"
        if len(candidates) > MOST_CANDIDATES
        else "",
    )


def is_searched(proof: Reconciliation) -> bool:
    """Whether the lines are looked through for a page."""
    return proof.state != "ties" or proof.lines <= MOST_SEARCHED


def _table(frame: pl.DataFrame, name: str, *, embed: bool, most: int | None = None) -> Markup:
    left_out = 0 if most is None else max(frame.height - most, 0)
    shown = frame if most is None else frame.head(most)
    return html_of_table(shown, name=name, left_out=left_out, embed=embed)


def _of_parts(findings: pl.DataFrame) -> pl.DataFrame:
    """The findings with the part that each is of; one that is of none is the invoice's."""
    part = pl.format("{}/{}", "provider", "line_item_type").fill_null("invoice")
    return findings.with_columns(part.alias("part"))

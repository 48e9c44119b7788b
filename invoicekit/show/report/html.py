"""An invoice as one HTML file that opens offline, asks no network and can be forwarded.

The policy in its head lets three scripts run, each named by its hash, and nothing be loaded or
sent; all that came from outside is text or JSON. The same invoice, and the same month before it in
the store or none, give the same bytes: no clock, no random ids, and of the page ledger only what
does not change from one fetch to the next.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import polars as pl
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from invoicekit.analysis.comparison.compare import Comparison
from invoicekit.analysis.money import EXACT
from invoicekit.files.output import writing
from invoicekit.line_items import TITLES
from invoicekit.show.badge import caveat, html_of_tie_out
from invoicekit.show.figures import (
    Figure,
    figure_of_charge_types,
    figure_of_totals,
    plotly_config,
)
from invoicekit.show.findings import html_of_findings
from invoicekit.show.formatting import clean, currencies_of, currency_name, exact, heading, title_of
from invoicekit.show.html_assets import beside, fingerprint, json_in_html, rendered
from invoicekit.show.lines_table import MOST_LINES
from invoicekit.show.protocols import Invoice, Reconciliation
from invoicekit.show.tables import html_of_lines, html_of_table, html_of_totals
from invoicekit.show.waterfall import figure_of_comparison, untied

# id, title, frame, figure: the questions in the order in which an analyst asks them.
SECTIONS: Final[
    tuple[tuple[str, str, Callable[[Invoice], pl.DataFrame], Callable[..., Figure]], ...]
] = (
    ("customers", "Who makes it up", lambda invoice: invoice.totals("customer"), figure_of_totals),
    ("offers", "What was bought", lambda invoice: invoice.totals("offer"), figure_of_totals),
    (
        "charge-types",
        "Charges and credits",
        lambda invoice: invoice.charges_and_credits(),
        figure_of_charge_types,
    ),
)

STYLES: Final = ("report/report.css", "table.css", "lines.css")

# Of a comparison: the columns that are shown, and how many changes are told in sentences.
CHANGED: Final = ("part", "currency", "before", "after", "difference", "lines")
MOST_CHANGES: Final = 12

# A part's name says both: "onetime/billing".
IN_PART: Final = ("provider", "line_item_type")

# Seconds, request ids and whether the cache answered differ from one fetch to the next.
LEDGER_COLUMNS: Final = ("collection", "source", "page", "rows", "total", "bytes")

POLICY: Final = (
    "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data: blob:;"
    " font-src data:; base-uri 'none'; form-action 'none'"
)


def write_report(
    invoice: Invoice, path: str | os.PathLike[str], change: Change | None = None
) -> Path:
    """Write the invoice's report and return where it is.

    Raises:
        ValueError: The path is a folder, or its folder does not exist.
    """
    with writing(Path(path)) as file:
        file.write(html_of_report(invoice, change).encode())
    return Path(path)


def html_of_report(invoice: Invoice, change: Change | None = None) -> str:
    """The invoice's report as one HTML document, with what changed since another invoice."""
    reconciliation = invoice.reconcile()
    ledger = invoice.ledger
    lines = int(invoice.totals()["lines"].sum())
    foot = caveat(reconciliation)
    sections = [
        _section(name, title, ask(invoice), draw, reconciliation)
        for name, title, ask, draw in SECTIONS
    ]
    changed = _changed(*change) if change else None
    scripts = [get_plotlyjs(), beside("figures.js"), beside("lines.js")]
    shown = [*sections, changed] if changed else sections
    drawn = [block.drawn for section in shown for block in section["blocks"]]
    return rendered(
        "report/report.html.j2",
        policy=POLICY.format(scripts=" ".join(map(fingerprint, scripts))),
        css=Markup("".join(map(beside, STYLES))),  # noqa: S704 - our own files
        id=clean(invoice.id),
        state=reconciliation.state,
        tie_out=html_of_tie_out(reconciliation),
        facts=_facts(invoice, reconciliation, ledger),
        parts=html_of_table(
            reconciliation.parts.drop(*IN_PART, strict=False),
            name="table-parts",
            embed=False,
            foot=foot,
        ),
        findings=html_of_findings(reconciliation, embed=False),
        sections=sections,
        changed=changed,
        caveat=foot,
        lines=html_of_lines(invoice.first_charges(MOST_LINES), of=lines, embed=False, foot=foot),
        pages_summary=f"{ledger.height:,} pages",
        ledger=html_of_table(ledger.select(LEDGER_COLUMNS), name="ledger", embed=False),
        figures=json_in_html({"config": plotly_config() | {"responsive": True}, "figures": drawn}),
        scripts=[Markup(script) for script in scripts],  # noqa: S704 - ours and plotly's
        version=_version(),
    )


Change = tuple[str, Comparison]  # the invoice before, in words, and what changed since


@dataclass(frozen=True, slots=True)
class _Block:
    """One currency of one section: a figure and the table of the same totals."""

    id: str
    currency: str
    label: str
    height: int
    table: Markup
    drawn: dict[str, Any]


def _section(
    name: str,
    title: str,
    sums: pl.DataFrame,
    draw: Callable[..., Figure],
    proof: Reconciliation,
) -> dict[str, Any]:
    blocks = []
    for number, currency in enumerate(currencies_of(sums)):
        of_currency = sums.filter(pl.col("currency").eq_missing(currency))
        figure = draw(of_currency, proof=proof)
        place = f"{name}-{number}"
        drawn = json.loads(figure.to_json())
        table = html_of_totals(of_currency, name=f"table-{place}", embed=False, foot=caveat(proof))
        blocks.append(
            _Block(
                id=f"figure-{place}",
                currency=currency_name(currency),
                label=f"{title}: totals by {title_of(sums)} as bars",
                height=figure.layout.height,
                table=table,
                drawn={"id": f"figure-{place}", "data": drawn["data"], "layout": drawn["layout"]},
            )
        )
    return {"id": name, "title": title, "blocks": blocks}


def _changed(before: str, comparison: Comparison) -> dict[str, Any]:
    """What changed: a waterfall and the table of the same parts a currency, and sentences."""
    blocks = []
    foot = "; ".join(untied(comparison.states))
    for number, currency in enumerate(currencies_of(comparison.totals)):
        mine = pl.col("currency").eq_missing(currency)
        parts = comparison.parts.filter(mine, pl.col("difference") != 0)
        figure = figure_of_comparison(
            comparison.totals.filter(mine), parts, states=comparison.states
        )
        drawn = json.loads(figure.to_json())
        place = f"changed-{number}"
        blocks.append(
            _Block(
                id=f"figure-{place}",
                currency=currency_name(currency),
                label="What changed: from the amount before, part by part, to the amount after",
                height=figure.layout.height,
                table=html_of_table(
                    parts.select(CHANGED), name=f"table-{place}", embed=False, foot=foot
                ),
                drawn={"id": f"figure-{place}", "data": drawn["data"], "layout": drawn["layout"]},
            )
        )
    return {
        "title": f"What changed since {clean(before)}",
        "sentences": comparison.sentences(MOST_CHANGES),
        "blocks": blocks,
    }


def _facts(invoice: Invoice, proof: Reconciliation, ledger: pl.DataFrame) -> list[tuple[str, str]]:
    """Whose invoice it is, of when, what it comes to, and where its lines come from."""
    owed = None if invoice.paid is None else EXACT.subtract(invoice.total, invoice.paid)
    amounts = {"Total": invoice.total, **_net_and_tax(proof), "Paid": invoice.paid, "Open": owed}
    currency = currency_name(invoice.currency)
    pairs = invoice.details.select("provider", "line_item_type").unique(maintain_order=True)
    sources = ledger["source"].unique(maintain_order=True).drop_nulls()
    return [
        *((heading(name), clean(words)) for name, words in invoice.about.items()),
        ("Invoice date", f"{invoice.date:%Y-%m-%d}" if invoice.date else "not known"),
        *(
            (
                name,
                "not known" if amount is None else f"{exact(amount, invoice.currency)} {currency}",
            )
            for name, amount in amounts.items()
        ),
        ("Named by the invoice", ", ".join(" ".join(map(clean, pair)) for pair in pairs.rows())),
        ("Lines read from", ", ".join(TITLES.get(source, source) for source in sources)),
    ]


def _net_and_tax(proof: Reconciliation) -> dict[str, Decimal]:
    """Of which net and tax, where the lines are known to be the invoice's and add up to it so."""
    parts = proof.parts.select("subtotal", "tax").drop_nulls()
    sums = {
        words: reduce(EXACT.add, parts[name], Decimal(0))
        for words, name in (("Net", "subtotal"), ("Tax", "tax"))
    }
    whole = reduce(EXACT.add, sums.values()) == proof.invoice_total
    return sums if proof.ties and whole else {}


def _version() -> str:
    try:
        return version("invoicekit")
    except PackageNotFoundError:  # used from a source tree
        return "(not installed)"

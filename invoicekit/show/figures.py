"""Totals as figures: where the money goes, at a glance; the exact amounts are in the hover.

A float is made in one place, `as_drawn`, and only to place ink; every number that can be read is
text made from the Decimal. Names come from outside and plotly takes some HTML for markup, so all
of them pass `literal`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from typing import Final

import polars as pl

from invoicekit.analysis.money import EXACT
from invoicekit.show.badge import caveat
from invoicekit.show.formatting import (
    clean,
    currency_name,
    currency_to_draw,
    exact,
    names_of,
    shorten,
    title_of,
)
from invoicekit.show.plotly_figure import Figure, plotly_config
from invoicekit.show.protocols import Reconciliation

__all__ = ["Figure", "figure_of_charge_types", "figure_of_totals", "plotly_config"]

# Okabe and Ito's colours, told apart by colour-blind readers; the pattern serves black and white.
CHARGE, CREDIT, SHARE, INK = "#0072B2", "#D55E00", "#E69F00", "#333333"
LABEL_WIDTH: Final = 38
BAR_HEIGHT: Final = 26
TOP, LINE = 52, 18  # pixels of the heading, and of each line of notes beneath it
# How far the bars reach where the running share stands beside them, and where it begins.
BARS_END, SHARE_START = 0.78, 0.82
SHARE_TICKS: Final = (0, 50, 100)


def figure_of_totals(
    totals: pl.DataFrame,
    *,
    top: int = 20,
    title: str | None = None,
    proof: Reconciliation | None = None,
) -> Figure:
    """Bars of the totals, largest first.

    Args:
        totals: of one currency, as of `totals()`.
        top: how many bars; how many rows are left out is said.
        title: the heading; the currency is added to it.
        proof: the invoice's reconciliation. With it the running share of the invoice's total stands
            beside the bars, and the figure says where the invoice does not tie.

    Raises:
        CurrencyError: The totals are in several currencies.
        ValueError: `top` is not positive.
    """
    bars = _bars(totals, top)
    figure = _figure(bars, title or f"Total by {bars.by}", caveat(proof))
    _add_share(figure, _running_shares(bars, proof))
    return figure


def figure_of_charge_types(
    sums: pl.DataFrame, *, title: str | None = None, proof: Reconciliation | None = None
) -> Figure:
    """Bars by charge type: charges to the right, credits hatched to the left, never netted.

    Args:
        sums: of one currency, as of `Invoice.charges_and_credits()`. Of totals by charge type,
            which are net within each, the figure says so.
        title: the heading; the currency is added to it.
        proof: the invoice's reconciliation; the figure says where the invoice does not tie.

    Raises:
        CurrencyError: The sums are in several currencies.
    """
    bars = _bars(sums, max(sums.height, 1))
    net = "" if "credits" in sums.columns else f"net within each {bars.by}"
    figure = _figure(bars, title or f"Charges and credits by {bars.by}", net, caveat(proof))
    _add_share(figure, [])
    return figure


@dataclass(frozen=True, slots=True)
class _Bars:
    """What is drawn: a position on the axis is a row, so that equal names stay two bars."""

    names: list[tuple[str, str]]
    charges: list[Decimal | None]
    credits: list[Decimal | None]
    currency: str | None
    by: str
    left_out: int

    @property
    def amounts(self) -> list[Decimal]:
        """All of them."""
        return [amount for amount in (*self.charges, *self.credits) if amount is not None]

    @property
    def labels(self) -> list[str]:
        """Short names; those that look alike bear the start of their id."""
        short = [shorten(name, LABEL_WIDTH) for name, _ in self.names]
        return [
            f"{label} ({shorten(ids, 9)})" if ids and short.count(label) > 1 else label
            for label, (_, ids) in zip(short, self.names, strict=True)
        ]


def literal(text: str) -> str:
    """The text as plotly shows it letter by letter.

    >>> literal("<b>R&D</b>")
    '&lt;b&gt;R&amp;D&lt;/b&gt;'
    """
    return escape(clean(text), quote=False)


def as_drawn(amount: Decimal) -> float:
    """The amount as a place on the axis; never read as a number again."""
    return float(amount)


def _bars(totals: pl.DataFrame, top: int) -> _Bars:
    if top < 1:
        raise ValueError(f"top is {top}: a figure needs at least one bar")
    one = "in figure_of_totals(totals.filter(currency={}))"
    currency = currency_to_draw(totals, "totals are", one)
    counted = totals.filter(pl.col("total").is_not_null())
    shown = counted.head(top)
    if "credits" not in shown.columns:  # a total is the one or the other
        total, nothing = pl.col("total"), pl.lit(None)
        shown = shown.with_columns(
            pl.when(total >= 0).then(total).otherwise(nothing).alias("charges"),
            pl.when(total < 0).then(total).otherwise(nothing).alias("credits"),
        )
    return _Bars(
        names=names_of(shown),
        charges=shown["charges"].to_list(),
        credits=shown["credits"].to_list(),
        currency=currency,
        by=title_of(totals),
        left_out=totals.height - shown.height,
    )


def _running_shares(bars: _Bars, proof: Reconciliation | None) -> list[float]:
    """Percent of the invoice's total down to each bar, as floats: to look at, not an amount.

    None without an invoice in this currency, or where it comes to nothing: a share of a credit
    would mislead.
    """
    if proof is None or proof.currency != bars.currency or proof.invoice_total <= 0:
        return []
    running, shares = Decimal(0), []
    for charge, credit in zip(bars.charges, bars.credits, strict=True):
        for amount in (charge, credit):
            running = running if amount is None else EXACT.add(running, amount)
        shares.append(as_drawn(100 * running / proof.invoice_total))
    return shares


def _figure(bars: _Bars, title: str, *notes: str) -> Figure:
    currency = currency_name(bars.currency)
    rows = len(bars.names)
    figure = Figure()
    told_apart = any(amount is not None for amount in bars.credits)
    sides = (("Charges", CHARGE, "", bars.charges), ("Credits", CREDIT, "/", bars.credits))
    for name, colour, pattern, amounts in sides:
        drawn = [(row, amount) for row, amount in enumerate(amounts) if amount is not None]
        figure.add_bar(
            name=name,
            orientation="h",
            y=[row for row, _ in drawn],
            x=[as_drawn(amount) for _, amount in drawn],
            hovertext=[_hover(bars, row, amount) for row, amount in drawn],
            hoverinfo="text",
            marker={
                "color": colour,
                "pattern": {"shape": pattern, "fgcolor": "#ffffff", "size": 6, "solidity": 0.25},
            },
            showlegend=bool(drawn) and told_apart,
        )
    said = [
        *notes,
        f"{bars.left_out} more not shown, see the table" if bars.left_out else "",
        "" if rows else "Nothing to draw",
    ]
    lines = [note for note in said if note]
    heading = literal(f"{title}, {currency}" if rows else title)
    smaller = "".join(f'<br><span style="font-size:12px">{literal(note)}</span>' for note in lines)
    top = TOP + LINE * len(lines)
    height = top + 120 + BAR_HEIGHT * max(rows, 2)
    figure.update_layout(
        template="plotly_white",
        title={
            # One text of several lines: in a widget plotly draws its own subtitle above the title.
            "text": heading + smaller,
            "y": 1 - 16 / height,
            "yanchor": "top",
            "yref": "container",
            "x": 0,
            "xref": "container",
            "pad": {"l": 12},
            "font": {"size": 17, "color": INK},
        },
        autosize=True,
        barmode="overlay",
        bargap=0.25,
        height=height,
        margin={"l": 12, "r": 24, "t": top, "b": 56},
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK},
        hoverlabel={"align": "left"},
        legend={
            "orientation": "h",
            "x": 1,
            "xanchor": "right",
            "y": 0,
            "yref": "container",
            "yanchor": "bottom",
        },
        xaxis={
            "title": {"text": f"Total ({literal(currency)})"},
            "tickformat": ",",
            "range": _span(bars.amounts),
            "zeroline": True,
            "zerolinecolor": "#888888",
        },
        yaxis={
            "tickvals": list(range(rows)),
            "ticktext": [literal(label) for label in bars.labels],
            "range": [max(rows, 1) - 0.5, -0.5],  # the largest on top
            "automargin": True,
            "ticks": "outside",
            "tickcolor": "#ffffff",
            "showgrid": False,
            "zeroline": False,
        },
    )
    return figure


def _span(amounts: Sequence[Decimal]) -> list[float]:
    drawn = [as_drawn(amount) for amount in amounts]
    span = [1.05 * min([0.0, *drawn]), 1.05 * max([0.0, *drawn])]
    return span if span[1] > span[0] else [0.0, 1.0]


def _hover(bars: _Bars, row: int, amount: Decimal) -> str:
    name, ids = bars.names[row]
    lines = [name, ids, f"{exact(amount, bars.currency)} {currency_name(bars.currency)}"]
    return "<br>".join(literal(line) for line in lines if line)


def _add_share(figure: Figure, shares: Sequence[float]) -> None:
    """Add the running share, in a panel beside the bars: no bar stands at a percentage.

    The trace is there without points too, so that a figure can follow another.
    """
    figure.add_scatter(
        name="Running share",
        mode="lines+markers",
        xaxis="x2",
        y=list(range(len(shares))),
        x=list(shares),
        hovertext=[f"down to here: {share:.1f} % of the invoice" for share in shares],
        hoverinfo="text",
        line={"color": SHARE, "width": 2},
        marker={"size": 7, "color": SHARE, "line": {"color": "#ffffff", "width": 1}},
        showlegend=False,
    )
    figure.update_layout(
        xaxis_domain=[0, BARS_END if shares else 1],
        xaxis2={
            # A panel has a background, which would cover bars: without points there is none.
            **({"domain": [SHARE_START, 1]} if shares else {"overlaying": "x"}),
            "anchor": "y",
            "title": {"text": "Running share<br>of the invoice"},
            "range": [1.05 * min([-5.0, *shares]), 1.05 * max([100.0, *shares])],
            "tickvals": list(SHARE_TICKS),
            "ticktext": [f"{tick} %" for tick in SHARE_TICKS],
            "zeroline": False,
            "visible": bool(shares),
        },
    )

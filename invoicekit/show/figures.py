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

from invoicekit.errors import CurrencyError
from invoicekit.show.formatting import (
    clean,
    currencies_of,
    currency_name,
    exact,
    names_of,
    shorten,
    title_of,
)
from invoicekit.show.plotly_figure import Figure, plotly_config

__all__ = ["Figure", "figure_of_charge_types", "figure_of_totals", "plotly_config"]

# Okabe and Ito's colours, told apart by colour-blind readers; the pattern serves black and white.
CHARGE, CREDIT, SHARE, INK = "#0072B2", "#D55E00", "#E69F00", "#333333"
LABEL_WIDTH: Final = 38
BAR_HEIGHT: Final = 26
TOP, TOP_WITH_SHARE = 68, 108
SHARE_TICKS: Final = (0, 20, 40, 60, 80, 100)


def figure_of_totals(totals: pl.DataFrame, *, top: int = 20, title: str | None = None) -> Figure:
    """Bars of the totals, largest first, with the running share of the whole as a line.

    Raises:
        CurrencyError: The totals are in several currencies.
        ValueError: `top` is not positive.
    """
    bars = _bars(totals, top)
    figure = _figure(bars, title or f"Total by {bars.by}")
    shares = _running_shares(totals)[: len(bars.names)]
    _add_share(figure, bars, shares)
    return figure


def figure_of_charge_types(totals: pl.DataFrame, *, title: str | None = None) -> Figure:
    """Bars of totals by charge type: charges to the right, credits hatched to the left.

    Raises:
        CurrencyError: The totals are in several currencies.
    """
    bars = _bars(totals, max(totals.height, 1))
    figure = _figure(bars, title or f"Charges and credits by {bars.by}")
    _add_share(figure, bars, [])
    return figure


@dataclass(frozen=True, slots=True)
class _Bars:
    """What is drawn: a position on the axis is a row, so that equal names stay two bars."""

    names: list[tuple[str, str]]
    amounts: list[Decimal]
    currency: str | None
    by: str
    left_out: int

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
    currencies = currencies_of(totals)
    if len(currencies) > 1:
        named = ", ".join(map(currency_name, currencies))
        raise CurrencyError(
            f"the totals are in several currencies ({named}), which share no axis: draw one at a"
            f" time, as in figure_of_totals(totals.filter(currency={currencies[0]!r}))"
        )
    counted = totals.filter(pl.col("total").is_not_null())
    shown = counted.head(top)
    return _Bars(
        names=names_of(shown),
        amounts=shown["total"].to_list(),
        currency=currencies[0] if currencies else None,
        by=title_of(totals),
        left_out=totals.height - shown.height,
    )


def _running_shares(totals: pl.DataFrame) -> list[float]:
    """Percent of the whole down to each row, as floats: a line to look at, not an amount."""
    amounts = [as_drawn(amount) for amount in totals["total"].drop_nulls()]
    whole = sum(amounts)
    if whole <= 0:
        return []  # a share of a credit would mislead
    running, shares = 0.0, []
    for amount in amounts:
        running += amount
        shares.append(100 * running / whole)
    return shares


def _figure(bars: _Bars, title: str) -> Figure:
    currency = currency_name(bars.currency)
    figure = Figure()
    for name, colour, pattern, wanted in (("Charges", CHARGE, "", 1), ("Credits", CREDIT, "/", -1)):
        rows = [row for row, amount in enumerate(bars.amounts) if (amount < 0) == (wanted < 0)]
        figure.add_bar(
            name=name,
            orientation="h",
            y=rows,
            x=[as_drawn(bars.amounts[row]) for row in rows],
            hovertext=[_hover(bars, row) for row in rows],
            hoverinfo="text",
            marker={
                "color": colour,
                "pattern": {"shape": pattern, "fgcolor": "#ffffff", "size": 6, "solidity": 0.25},
            },
            showlegend=bool(rows),
        )
    notes = {
        f"{bars.left_out} more not shown, see the table": bars.left_out > 0,
        "Nothing to draw": not bars.amounts,
    }
    note = " · ".join(note for note, holds in notes.items() if holds)
    heading = literal(f"{title}, {currency}" if bars.amounts else title)
    height = 190 + BAR_HEIGHT * max(len(bars.amounts), 2)
    figure.update_layout(
        template="plotly_white",
        title={
            # One text of two lines: in a widget plotly draws its own subtitle above the title.
            "text": f'{heading}<br><span style="font-size:12px">{note}</span>' if note else heading,
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
        margin={"l": 12, "r": 24, "t": TOP, "b": 56},
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
            "tickvals": list(range(len(bars.amounts))),
            "ticktext": [literal(label) for label in bars.labels],
            "range": [max(len(bars.amounts), 1) - 0.5, -0.5],  # the largest on top
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


def _hover(bars: _Bars, row: int) -> str:
    name, ids = bars.names[row]
    amount, currency = bars.amounts[row], bars.currency
    lines = [name, ids, f"{exact(amount, currency)} {currency_name(currency)}"]
    return "<br>".join(literal(line) for line in lines if line)


def _add_share(figure: Figure, bars: _Bars, shares: Sequence[float]) -> None:
    """Add the Pareto line; it is there without points too, so that a figure can follow another."""
    left, right = _span(bars.amounts)
    share_span = 1.05 * max([100.0, *shares])
    figure.add_scatter(
        name="Running share",
        mode="lines+markers",
        xaxis="x2",
        y=list(range(len(shares))),
        x=list(shares),
        hovertext=[f"down to here: {share:.1f} % of the total" for share in shares],
        hoverinfo="text",
        line={"color": SHARE, "width": 2},
        marker={"size": 7, "color": SHARE, "line": {"color": "#ffffff", "width": 1}},
        showlegend=bool(shares),
    )
    figure.update_layout(
        xaxis2={
            "overlaying": "x",
            "side": "top",
            "title": {"text": "Running share of the total", "standoff": 4},
            # Both axes have their zero in the same place.
            "range": [share_span * left / right if right > 0 else 0.0, share_span],
            "tickvals": list(SHARE_TICKS),
            "ticktext": [f"{tick} %" for tick in SHARE_TICKS],
            "showgrid": False,
            "zeroline": False,
            "visible": bool(shares),
        },
        margin_t=TOP_WITH_SHARE if shares else TOP,
    )

"""A comparison as a waterfall: from the amount before, part by part, to the amount after."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import polars as pl

from invoicekit.analysis.comparison.compare import Comparison
from invoicekit.analysis.reconcile import MARKS
from invoicekit.errors import check_text
from invoicekit.show.figures import CHARGE, CREDIT, INK, LINE, TOP, as_drawn, literal
from invoicekit.show.formatting import currency_name, currency_to_draw, exact, rounded
from invoicekit.show.plotly_figure import Figure

TOTAL: Final = "#666666"
BAR_HEIGHT: Final = 34


def waterfall(change: Comparison, *, currency: str | None = None) -> Figure:
    """A comparison as a figure: from the amount before, part by part, to the amount after.

    It loads nothing, and says which of the two does not tie.

    >>> change = ik.compare(client.invoice("G012345610"), invoice)
    >>> ik.waterfall(change).data[0].type
    'waterfall'

    Args:
        change: as of `compare()` or `Client.compare()`.
        currency: the one that is drawn, where there are several.

    Raises:
        TypeError: it is no comparison, or the currency no text.
        CurrencyError: there are several currencies, and none of them is named.
    """
    if not isinstance(change, Comparison):
        raise TypeError("this is no comparison: write ik.waterfall(ik.compare(before, after))")
    if currency is not None:
        check_text(currency, "a currency", 'currency="USD"')
    totals, parts = change.totals, change.parts
    if currency is not None:
        totals, parts = (frame.filter(currency=currency) for frame in (totals, parts))
    return figure_of_comparison(totals, parts, states=change.states)


def figure_of_comparison(
    totals: pl.DataFrame,
    parts: pl.DataFrame,
    *,
    title: str = "What changed",
    states: Mapping[str, str] | None = None,
) -> Figure:
    """The parts of a comparison as a waterfall; those in which nothing moved are left out.

    Args:
        totals: `Comparison.totals`.
        parts: `Comparison.parts`.
        title: the heading; the currency is added to it.
        states: `Comparison.states`; the figure says which side does not tie.

    Raises:
        CurrencyError: they are in several currencies.
    """
    currency = currency_to_draw(totals, "comparison is", "with currency={}")
    none = Decimal(0)
    before, after = totals.select("before", "after").row(0) if totals.height else (none, none)
    moved = parts.filter(pl.col("difference") != 0).select("part", "difference").rows()
    bars = [("before", before), *moved, ("after", after)]
    span = _span([amount for _, amount in bars])
    heading = literal(f"{title}, {currency_name(currency)}" if totals.height else title)
    away = "The axis does not begin at 0" if span[0] > 0 or span[1] < 0 else ""
    notes = [note for note in (*untied(states or {}), away) if note]
    heading += "".join(f'<br><span style="font-size:12px">{note}</span>' for note in notes)
    top = TOP + LINE * len(notes)
    figure = Figure()
    figure.add_waterfall(
        orientation="h",
        measure=["absolute", *["relative"] * len(moved), "total"],
        y=list(range(len(bars))),
        x=[as_drawn(amount) for _, amount in bars],
        text=[_said(amount, currency, place not in {0, len(bars) - 1}) for place, (_, amount) in
              enumerate(bars)],
        textposition="outside",
        cliponaxis=False,
        hovertext=[
            literal(f"{name}: {exact(amount, currency)} {currency_name(currency)}")
            for name, amount in bars
        ],
        hoverinfo="text",
        increasing={"marker": {"color": CHARGE}},
        decreasing={"marker": {"color": CREDIT}},
        totals={"marker": {"color": TOTAL}},
        connector={"line": {"color": "#999999", "width": 1, "dash": "dot"}},
        showlegend=False,
    )  # fmt: skip
    figure.update_layout(
        template="plotly_white",
        title={
            "text": heading,
            "x": 0,
            "xref": "container",
            "pad": {"l": 12},
            "font": {"size": 17, "color": INK},
        },
        autosize=True,
        height=top + 82 + BAR_HEIGHT * len(bars),
        margin={"l": 12, "r": 90, "t": top, "b": 56},
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK},
        hoverlabel={"align": "left"},
        xaxis={
            "title": {"text": f"Total ({literal(currency_name(currency))})"},
            "tickformat": ",",
            "range": span,
            "zerolinecolor": "#888888",
        },
        yaxis={
            "tickvals": list(range(len(bars))),
            "ticktext": [name.capitalize() for name, _ in bars],
            "range": [len(bars) - 0.5, -0.5],
            "automargin": True,
            "showgrid": False,
            "zeroline": False,
        },
    )
    return figure


def untied(states: Mapping[str, str]) -> list[str]:
    """Which side of a comparison does not tie, in words.

    >>> untied({"before": "differs", "after": "ties"})
    ['✘ before: differs']
    """
    return [
        f"{MARKS.get(state, MARKS['incomplete'])} {side}: {state}"
        for side, state in states.items()
        if state != "ties"
    ]


def _said(amount: Decimal, currency: str | None, signed: bool) -> str:  # noqa: FBT001
    return f"+{rounded(amount, currency)}" if signed and amount > 0 else rounded(amount, currency)


def _span(amounts: list[Decimal]) -> list[float]:
    """From the least to the greatest of what is run through, with room for the words.

    The bars stand far from zero where little changed of much: then so does the axis.
    """
    running = [as_drawn(amounts[0])]
    for amount in amounts[1:-1]:
        running.append(running[-1] + as_drawn(amount))
    low, high = min(running), max(running)
    room = (high - low) or abs(high) or 1.0
    if low > 0:
        low = max(0.0, low - room) if low > 2 * room else 0.0
    if high < 0:
        high = min(0.0, high + room) if -high > 2 * room else 0.0
    return [low - 0.12 * room * (low < 0), high + 0.12 * room * (high > 0)]

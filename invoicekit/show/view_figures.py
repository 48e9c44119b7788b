"""Views as figures, where people would rather look: a table says which view is drawn how.

What is drawn of many rows are the first or the largest, and the figure says how many are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Any, Final

import polars as pl

from invoicekit.analysis.money import EXACT
from invoicekit.analysis.views.table import view_named
from invoicekit.errors import check_text
from invoicekit.frames.charge_types import FAMILIES
from invoicekit.show.badge import caveat
from invoicekit.show.figures import INK, LINE, as_drawn, figure_of_totals, literal
from invoicekit.show.formatting import currency_name, currency_to_draw, exact, shorten
from invoicekit.show.plotly_figure import Figure
from invoicekit.show.protocols import Reconciliation

# Okabe and Ito's colours, told apart by colour-blind readers; patterns serve black and white.
COLOURS: Final = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442",
                  "#888888")  # fmt: skip
PATTERNS: Final = ("", "/", ".", "x", "\\", "-", "|", "+")
MOST_SERIES: Final = 8
MOST_BARS: Final = 24
NAME_WIDTH: Final = 34
ROOM: Final = 110  # letters that stand side by side below the bars


def draw_view(
    name: str,
    view: Callable[[str], pl.DataFrame],
    currency: str | None,
    proof: Callable[[], Reconciliation] | None = None,
) -> Figure:
    """The figure of the view that `view` gives by its name, which is looked at first.

    Raises:
        TypeError: the currency is no text.
        ValueError: there is no such view, or it is better read; lists those that are drawn.
        CurrencyError: it is in several currencies, and none of them is named.
    """
    view_named(name)
    if currency is not None:
        check_text(currency, "a currency", 'currency="USD"')
    if name not in DRAWN:
        raise ValueError(f"{name!r} is better read: there are figures of {', '.join(DRAWN)}")
    note = caveat(proof()) if proof else ""
    return figure_of_view(name, view(name), currency, note=note)


def figure_of_view(
    name: str, view: pl.DataFrame, currency: str | None = None, *, note: str = ""
) -> Figure:
    """The figure of a view.

    Args:
        name: that of the view, one of `DRAWN`.
        view: its frame.
        currency: the one that is drawn, where it has several.
        note: what else is said below the heading, as that the invoice does not tie.

    Raises:
        CurrencyError: it is in several currencies, and none of them is named.
    """
    if currency is not None:
        view = view.filter(pl.col("currency") == currency)
    drawn = currency_to_draw(view, "view is", "with currency={}")
    figure = DRAWN[name](view, drawn if view.height else currency)
    if note:
        layout = figure.layout
        layout.title.text += f'<br><span style="font-size:12px">{literal(note)}</span>'
        layout.update(margin_t=layout.margin.t + LINE, height=layout.height + LINE)
    return figure


@dataclass(frozen=True, slots=True)
class Series:
    """Bars of one colour, one above the other with those of the other series."""

    name: str
    amounts: Sequence[Decimal | None]


def _customers(view: pl.DataFrame, _: str | None) -> Figure:
    return figure_of_totals(
        view.select("customer_id", "customer_name", "currency", "lines", "total"),
        title="Customers",
    )


def _families(view: pl.DataFrame, currency: str | None) -> Figure:
    wide = view.pivot("charge_family", index="month", values="total")
    names = [name for name in FAMILIES if name in wide.columns]
    bars = [Series(name.capitalize(), wide[name].to_list()) for name in names]
    return _stacked("Charge families by month", _months(wide["month"]), bars, currency)


def _changes(view: pl.DataFrame, currency: str | None) -> Figure:
    parts = [name for name in view.columns[4:-1] if (view[name].fill_null(0) != 0).any()]
    if len(parts) > MOST_SERIES:  # those that move least are one
        size = {name: sum(map(abs, view[name].drop_nulls())) for name in parts}
        kept = sorted(parts, key=lambda name: -size[name])[: MOST_SERIES - 1]
        others = [name for name in parts if name not in kept]
        rest = [
            reduce(EXACT.add, (one for one in row if one is not None), Decimal(0))
            for row in view.select(others).iter_rows()
        ]
        bars = [_part(view, name) for name in parts if name in kept]
        bars.append(Series("Other parts", rest))
    else:
        bars = [_part(view, name) for name in parts]
    return _stacked("Changes from month to month", _months(view["month"]), bars, currency)


def _part(view: pl.DataFrame, name: str) -> Series:
    return Series(name.capitalize(), view[name].to_list())


def _renewals(view: pl.DataFrame, currency: str | None) -> Figure:
    by_day = view.group_by("subscription_end").agg(pl.col("total").sum()).sort("subscription_end")
    days = [f"{day:%Y-%m-%d}" for day in by_day["subscription_end"]]
    bars = [Series("Renews", by_day["total"].to_list())]
    return _stacked("Renewals by day, at the amount of the last month", days, bars, currency)


def _earned(view: pl.DataFrame, currency: str | None) -> Figure:
    by_customer = view.group_by("customer_id").agg(
        pl.col("customer_name").first(), pl.col("got", "missed").sum()
    )
    ranked = by_customer.sort("missed", "got", "customer_id", descending=[True, True, False])
    names = [shorten(name or "", NAME_WIDTH) for name in ranked["customer_name"]]
    bars = [Series("Got", ranked["got"].to_list()), Series("Missed", ranked["missed"].to_list())]
    return _stacked("Partner earned credit", names, bars, currency)


def _balance(view: pl.DataFrame, currency: str | None) -> Figure:
    oldest_first = view.reverse()
    names = [shorten(name or "(no id)", NAME_WIDTH) for name in oldest_first["invoice_id"]]
    bars = [Series("Paid", oldest_first["paid"].to_list()),
            Series("Open", oldest_first["open"].to_list())]  # fmt: skip
    return _stacked("Open balance", names, bars, currency, last=True)


def _seats(view: pl.DataFrame, _: str | None) -> Figure:
    """Steps of the offers with most seats in their last month; of one month alone, bars."""
    last = view.group_by("offer_id").agg(
        pl.col("offer_name").last(), pl.col("seats").sort_by("month", nulls_last=False).last()
    )
    ranked = last.sort("seats", "offer_id", descending=[True, False])
    months = view["month"].unique().sort().to_list()
    most = MOST_SERIES if len(months) > 1 else MOST_BARS
    offers = [(offer, literal(shorten(name or offer or "(no offer)", NAME_WIDTH)), number)
              for offer, name, number in ranked.head(most).iter_rows()]  # fmt: skip
    figure = Figure()
    for place, (offer, name, _) in enumerate(offers if len(months) > 1 else []):
        mine = view.filter(pl.col("offer_id").eq_missing(pl.lit(offer)))
        there = dict(mine.select("month", "seats").iter_rows())
        figure.add_scatter(
            name=name,
            mode="lines+markers",
            x=[literal(month) for month in _months(months)],
            y=[there.get(month, 0) for month in months],
            line={"shape": "hvh", "width": 2, "color": COLOURS[place]},
            marker={"symbol": place, "size": 8},
            hovertemplate="%{fullData.name}<br>%{x}: %{y:,} seats<extra></extra>",
        )
    if len(months) == 1:
        figure.add_bar(
            x=list(range(len(offers))),
            y=[number for *_, number in offers],
            hovertext=[f"{name}: {number:,} seats" for _, name, number in offers],
            hoverinfo="text",
            marker={"color": COLOURS[0]},
        )
    _lay_out(figure, "Seats", _left_out(last.height - most, "offers"), "Seats", 460)
    if len(months) == 1:
        _name_bars(figure, [name for _, name, _ in offers])
    else:
        figure.update_layout(xaxis_type="category")
    return figure


def _products(view: pl.DataFrame, currency: str | None) -> Figure:
    """A box a product and SKU; what is not above zero has no area, and is counted in a note."""
    drawn = view.filter(pl.col("total") > 0)
    figure = Figure()
    figure.add_treemap(
        ids=[f"{place}" for place in range(drawn.height + 1)],
        parents=["", *["0"] * drawn.height],
        labels=["All products", *(_label(row) for row in drawn.iter_rows(named=True))],
        values=[0, *(as_drawn(amount) for amount in drawn["total"])],
        hovertext=["", *(_box(row, currency) for row in drawn.iter_rows(named=True))],
        hoverinfo="text",
        branchvalues="remainder",
        marker={"colorscale": [[0, "#D6E6F2"], [1, "#5AA2D0"]],
                "colors": [0, *(as_drawn(amount) for amount in drawn["total"])],
                "line": {"color": "#ffffff", "width": 1}},
        textfont={"color": INK},
        tiling={"pad": 1},
        pathbar={"visible": False},
    )  # fmt: skip
    note = _left_out(view.height - drawn.height, "products, not above zero,")
    _lay_out(figure, f"Products, {currency_name(currency)}", note, "", 560)
    return figure


def _label(row: dict[str, Any]) -> str:
    name = row["product_name"] or row["product_id"] or "(no product)"
    return literal(shorten(name, NAME_WIDTH))


def _box(row: dict[str, Any], currency: str | None) -> str:
    lines = [
        row["product_name"] or "",
        " ".join(filter(None, (row["product_id"], row["sku_id"]))),
        f"{exact(row['total'], currency)} {currency_name(currency)}",
        f"{row['customers']:,} customers",
    ]
    return "<br>".join(literal(line) for line in lines if line)


DRAWN: dict[str, Callable[[pl.DataFrame, str | None], Figure]] = {
    "customers": _customers,
    "products": _products,
    "families by month": _families,
    "changes by month": _changes,
    "seats": _seats,
    "renewals": _renewals,
    "partner earned credit": _earned,
    "open balance": _balance,
}


def _months(months: Iterable[str | None]) -> list[str]:
    return [month or "(no month)" for month in months]


def _left_out(number: int, what: str) -> str:
    return f"{number:,} more {what} are not shown, see the table" if number > 0 else ""


def _stacked(
    title: str,
    names: Sequence[str],
    series: Sequence[Series],
    currency: str | None,
    *,
    last: bool = False,
) -> Figure:
    """Bars on top of one another, those below zero beneath it; the first, or last, of many."""
    left_out = max(len(names) - MOST_BARS, 0)
    shown = slice(-MOST_BARS, None) if last else slice(MOST_BARS)
    kept = [literal(name) for name in names[shown]]
    figure = Figure()
    for place, one in enumerate(series):
        amounts = one.amounts[shown]
        colour = COLOURS[place] if len(series) > 1 else COLOURS[0]
        figure.add_bar(
            name=literal(one.name),
            x=list(range(len(kept))),  # a place on the axis, so that equal names stay two bars
            y=[None if amount is None else as_drawn(amount) for amount in amounts],
            hovertext=[
                f"{literal(one.name)}, {name}: "
                f"{literal(exact(amount, currency))} {literal(currency_name(currency))}"
                for name, amount in zip(kept, amounts, strict=True)
            ],
            hoverinfo="text",
            marker={"color": colour, "line": {"color": "#ffffff", "width": 0.5},
                    "pattern": {"shape": PATTERNS[place], "fgcolor": "#ffffff", "size": 6,
                                "solidity": 0.2}},
        )  # fmt: skip
    _lay_out(
        figure,
        f"{title}, {currency_name(currency)}" if names else title,
        _left_out(left_out, "bars") if names else "Nothing to draw",
        f"Amount ({literal(currency_name(currency))})",
        440,
    )
    figure.update_layout(barmode="relative", bargap=0.3)
    _name_bars(figure, kept)
    return figure


def _name_bars(figure: Figure, names: Sequence[str]) -> None:
    crowded = max(map(len, names), default=0) * len(names) > ROOM
    figure.update_layout(
        xaxis={"tickvals": list(range(len(names))), "ticktext": names, "automargin": True,
               "tickangle": -40 if crowded else 0, "range": [-0.6, max(len(names), 1) - 0.4]},
    )  # fmt: skip


def _lay_out(figure: Figure, title: str, note: str, axis: str, height: int) -> None:
    heading = literal(title)
    if note:
        heading += f'<br><span style="font-size:12px">{literal(note)}</span>'
    figure.update_layout(
        template="plotly_white",
        title={"text": heading, "x": 0, "xref": "container", "pad": {"l": 12},
               "font": {"size": 17, "color": INK}},
        autosize=True,
        height=height,
        margin={"l": 12, "r": 24, "t": 76, "b": 40},
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK},
        hoverlabel={"align": "left"},
        showlegend=len(figure.data) > 1,
        legend={"traceorder": "normal"},
        yaxis={"title": {"text": axis}, "tickformat": ",", "zeroline": True,
               "zerolinecolor": "#888888", "automargin": True, "rangemode": "tozero"},
        xaxis={"showgrid": False},
    )  # fmt: skip

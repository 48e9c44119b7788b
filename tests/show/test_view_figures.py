"""Figures of views: what is drawn, what is said of the rest, and that nothing is loaded."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest

import invoicekit as ik
from invoicekit.analysis.views.table import VIEWS, view_named
from invoicekit.frames.charges import CHARGES
from invoicekit.show.view_figures import DRAWN, MOST_BARS, MOST_SERIES, figure_of_view
from invoicekit.sources.partner_center.header import BILLED
from support.charges import charge

DATED = {**CHARGES, "invoice_date": pl.Date(), "month": pl.String()}


def view(name, *rows):
    lines = [{"month": "2026-09", **row} for row in rows]
    return view_named(name).make(pl.DataFrame(lines, schema=DATED).lazy())


def drawn(name, *rows):
    return figure_of_view(name, view(name, *rows))


def amount(total, **fields):
    return charge(total=Decimal(total), subtotal=Decimal(total), **fields)


def test_what_is_drawn_is_a_view():
    assert set(DRAWN) < {one.name for one in VIEWS}


def test_a_view_that_is_better_read_is_refused(demo):
    with pytest.raises(ValueError, match="'credits' is better read: there are figures of c"):
        demo.latest.figure("credits")
    with pytest.raises(ValueError, match=r"no view 'seat'; .* Did you mean 'seats'"):
        demo.figure("seat")


def test_families_stand_upon_one_another_month_by_month():
    figure = drawn(
        "families by month",
        amount(10, charge_family="recurring", month="2026-08"),
        amount(20, charge_family="recurring"),
        amount(-5, charge_family="credit"),
    )
    bars = {trace.name: list(trace.y) for trace in figure.data}
    assert bars == {"Recurring": [10, 20], "Credit": [None, -5]}
    assert list(figure.layout.xaxis.ticktext) == ["2026-08", "2026-09"]
    assert figure.layout.barmode == "relative"
    assert figure.data[1].hovertext[1] == "Credit, 2026-09: -5.00 USD"


def test_changes_that_are_many_parts_are_drawn_as_the_largest_and_the_rest():
    parts = [f"part {number}" for number in range(11)]
    rows = {"currency": ["USD"], "since": ["2026-08"], "month": ["2026-09"], "before": [Decimal(0)],
            **{name: [Decimal(place)] for place, name in enumerate(parts)},
            "after": [Decimal(55)]}  # fmt: skip
    figure = figure_of_view("changes by month", pl.DataFrame(rows))
    assert [trace.name for trace in figure.data] == [f"Part {n}" for n in range(4, 11)] + [
        "Other parts"
    ]
    assert figure.data[-1].y == (6,)
    assert figure.data[-1].hovertext == ("Other parts, 2026-09: 6.00 USD",)
    exact = rows | {"part 0": [Decimal("10000000000.000000000000000000000001")]}
    for name in parts[1:9]:
        exact[name] = [Decimal(10) ** 12]
    drawn = figure_of_view("changes by month", pl.DataFrame(exact))
    assert "10,000,000,019.000000000000000000000001 USD" in drawn.data[-1].hovertext[0]
    assert sum(trace.y[0] for trace in figure.data) == 55


def test_many_bars_are_cut_and_it_is_said():
    rows = [amount(10, offer_id="o", subscription_id=f"s{n}", customer_id=f"c{n}",
                   credit_reason="PEC Applied") for n in range(MOST_BARS + 3)]  # fmt: skip
    figure = drawn("partner earned credit", *rows)
    assert len(figure.data[0].x) == MOST_BARS
    assert "3 more bars are not shown, see the table" in figure.layout.title.text


def test_seats_are_steps_of_the_offers_that_have_most():
    rows = [
        charge(offer_id=f"o{n}", offer_name=f"Offer {n}", subscription_id="s", term="1 Year",
               billable_quantity=Decimal(n), month=month)
        for n in range(1, MOST_SERIES + 2) for month in ("2026-08", "2026-09")
    ]  # fmt: skip
    figure = drawn("seats", *rows)
    names = [trace.name for trace in figure.data]
    assert names[0] == f"Offer {MOST_SERIES + 1}"
    assert len(names) == MOST_SERIES
    assert "1 more offers are not shown" in figure.layout.title.text
    assert figure.data[0].line.shape == "hvh"
    one = drawn("seats", *rows[1::2])
    assert [trace.type for trace in one.data] == ["bar"]
    assert one.data[0].y == tuple(range(MOST_SERIES + 1, 0, -1))
    assert one.layout.xaxis.ticktext[0] == f"Offer {MOST_SERIES + 1}"


def test_products_below_zero_have_no_box_and_are_counted():
    figure = drawn("products", amount(10), amount(-1, offer_id="back"), amount(5, offer_id="p:2"))
    (boxes,) = figure.data
    assert list(boxes.values) == [0, 10, 5]
    assert "1 more products, not above zero, are not shown" in figure.layout.title.text


@pytest.mark.parametrize("name", DRAWN)
def test_nothing_is_drawn_as_nothing_and_currencies_are_not_mixed(name):
    if name != "open balance":
        assert drawn(name) is not None
    frame = view_named(name).make(
        pl.DataFrame(schema=DATED if name != "open balance" else BILLED).lazy()
    )
    two = pl.DataFrame({"currency": ["EUR", "USD"]}, schema={"currency": pl.String()})
    mixed = pl.concat([frame, two], how="diagonal")
    with pytest.raises(ik.CurrencyError, match=r"EUR, USD.*currency='EUR'"):
        figure_of_view(name, mixed)


@pytest.mark.parametrize("name", DRAWN)
def test_names_from_outside_are_no_markup(name):
    evil = "<img src=x onerror=alert(1)>"
    rows = [
        amount(10, customer_name=evil, offer_id=f"{evil}:1", offer_name=evil, term=evil,
               subscription_id="s", billable_quantity=Decimal(1), credit_reason="PEC Applied",
               charge_family="recurring", month=month)
        for month in ("2026-08", evil)
    ]  # fmt: skip
    frame = view(name, *rows) if name != "open balance" else pl.DataFrame(
        [(evil, None, evil, "USD", Decimal(1), Decimal(0), Decimal(1))], orient="row",
        schema={**BILLED, "open": CHARGES["total"]},
    )  # fmt: skip
    text = figure_of_view(name, frame).to_html(include_plotlyjs=False)
    assert "<img" not in text
    assert "\\u003cimg" not in text


def test_a_figure_says_that_its_invoice_does_not_tie(demo):
    for name in DRAWN.keys() - {"changes by month"}:
        figure = demo.invoice("G012345607").figure(name)
        assert "✘ differs: the lines do not add up" in figure.layout.title.text, name
    assert "differs" not in demo.invoice("G012345611").figure("products").layout.title.text


@pytest.mark.browser
def test_every_figure_is_drawn_by_a_browser_without_the_network(demo, page, tmp_path):
    demo.sync(since="2026-09", tell=lambda _: None)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    for name in DRAWN:
        figure = demo.figure(name, since="2026-09", currency="USD")
        path = tmp_path / "figure.html"
        path.write_text(figure.to_html(full_html=True), encoding="utf-8")
        page.goto(path.as_uri())
        page.wait_for_selector(".main-svg .trace, .main-svg .slice, .main-svg .point")
    assert {url.split(":")[0] for url in asked} <= {"file", "data", "blob"}

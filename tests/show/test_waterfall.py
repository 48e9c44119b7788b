"""The waterfall of a comparison: plotly's own trace, what is said, what is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

import invoicekit as ik
from invoicekit.show.waterfall import figure_of_comparison
from support.charges import charge, frame


def drawn(before, after):
    change = ik.compare(frame(*before), frame(*after))
    return figure_of_comparison(change.totals, change.parts)


BEFORE = [charge(total=Decimal(10), subtotal=Decimal(10)), charge(offer_id="lost")]
AFTER = [charge(total=Decimal(10), subtotal=Decimal(10)), charge(customer_id="<b>new")]


def test_it_runs_from_before_by_the_parts_that_moved_to_after():
    figure = drawn(BEFORE, AFTER)
    (trace,) = figure.data
    assert trace.type == "waterfall"
    assert list(trace.measure) == ["absolute", "relative", "relative", "total"]
    assert list(trace.x) == [11, 1, -1, 11]
    assert list(trace.text) == ["11.00", "+1.00", "-1.00", "11.00"]
    assert list(figure.layout.yaxis.ticktext) == ["Before", "New customers", "Lost offers", "After"]
    assert trace.hovertext[1] == "new customers: 1.00 USD"
    assert "showSendToCloud" in figure.to_html(include_plotlyjs=False)


def test_it_says_which_side_does_not_tie():
    change = ik.compare(frame(*BEFORE), frame(*AFTER))
    states = {"before": "incomplete", "after": "ties"}
    title = figure_of_comparison(change.totals, change.parts, states=states).layout.title.text
    assert "⚠ before: incomplete" in title
    assert "after" not in title
    assert "before" not in drawn(BEFORE, AFTER).layout.title.text


def test_where_little_changed_of_much_the_axis_says_that_it_does_not_begin_at_0():
    much = [charge(subtotal=Decimal(10**6), total=Decimal(10**6))]
    figure = drawn(much, [*much, charge(customer_id="new")])
    assert "The axis does not begin at 0" in figure.layout.title.text
    low, high = figure.layout.xaxis.range
    assert 0 < low < 10**6 < high
    figure = drawn([], much)
    assert figure.layout.xaxis.range[0] == 0
    assert "The axis" not in figure.layout.title.text


def test_a_comparison_is_drawn_in_one_currency_and_says_what_does_not_tie(demo):
    change = ik.compare(frame(*BEFORE, charge(currency="EUR")), frame(*AFTER))
    assert list(ik.waterfall(change, currency="USD").data[0].x) == [11, 1, -1, 11]
    with pytest.raises(ik.CurrencyError, match=r"EUR, USD.*currency='EUR'"):
        ik.waterfall(change)
    untied = ik.waterfall(demo.compare("G012345607", "G012345608"))
    assert "✘" in untied.layout.title.text


def test_nothing_is_drawn_as_nothing_and_several_currencies_are_refused():
    assert list(drawn([], []).data[0].x) == [0, 0]
    with pytest.raises(ik.CurrencyError, match="several currencies"):
        drawn([charge()], [charge(currency="EUR")])
    evil = drawn([charge(currency="<b>")], [])
    assert "&lt;b&gt;" in evil.layout.title.text

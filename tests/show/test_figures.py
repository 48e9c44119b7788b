"""Figures: what is drawn, what is said, and what never leaves the machine."""

import json
from decimal import Decimal

import plotly.io as pio
import polars as pl
import pytest

from invoicekit.analysis.sides import charges_and_credits
from invoicekit.analysis.totals import totals
from invoicekit.errors import CurrencyError
from invoicekit.show.figures import figure_of_charge_types, figure_of_totals, plotly_config
from support.charges import frame
from support.show_samples import EVIL, PlainInvoice, charge, many

ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;"


@pytest.fixture
def by_customer():
    return totals(frame(*many()), "customer")


def test_every_row_is_a_bar_of_its_own_largest_first(by_customer):
    """Two customers of one name stay two bars, told apart by the start of their ids."""
    figure = figure_of_totals(by_customer)

    assert list(figure.data[0].x) == [float(total) for total in by_customer["total"]]
    assert list(figure.data[0].y) == list(range(8))
    labels = figure.layout.yaxis.ticktext
    assert {"Contoso (c3)", "Contoso (c4)"} < set(labels)
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]


def test_names_are_shown_letter_by_letter(by_customer):
    """Plotly takes some HTML for markup; a name is none of it."""
    figure = figure_of_totals(by_customer, title="<i>title</i>")
    labels = figure.layout.yaxis.ticktext

    assert ESCAPED in labels
    assert "&lt;b&gt;Bold &amp; Co&lt;/b&gt;" in labels
    assert "red[31m and left" in labels
    assert "(no customer)" in labels
    assert figure.layout.title.text.startswith("&lt;i&gt;title")
    assert all(trace.hovertemplate is None for trace in figure.data)
    assert (
        "<script"
        not in figure.to_html(include_plotlyjs=False).split("newPlot")[1].split("</script>")[0]
    )


def test_long_names_are_short_on_the_axis_and_whole_in_the_hover(by_customer):
    figure = figure_of_totals(by_customer)

    assert any(label.endswith("…") for label in figure.layout.yaxis.ticktext)
    assert any("for any axis whatsoever GmbH" in hover for hover in figure.data[0].hovertext)


def test_the_hover_says_the_exact_amount():
    """A float would say 1,234,567,890,123.4568."""
    exact = "1234567890123.456789012345"
    figure = figure_of_totals(totals(frame(charge(total=exact)), "customer"))

    assert "1,234,567,890,123.456789012345 USD" in figure.data[0].hovertext[0]


def test_a_share_is_of_the_invoice_and_of_nothing_else(by_customer):
    """Some of its customers, or the lines read so far, do not end at 100 %."""
    invoice = PlainInvoice()
    some = by_customer.head(3)
    share = figure_of_totals(some, proof=invoice.reconcile()).data[2]
    running = some["total"].sum() / invoice.total * 100

    assert list(figure_of_totals(some).data[2].x) == []
    assert share.x[-1] == pytest.approx(float(running))
    assert share.x[-1] < 50
    assert figure_of_totals(by_customer, proof=invoice.reconcile()).data[2].x[-1] == 100


def test_a_share_stands_beside_the_bars_on_an_axis_of_its_own(by_customer):
    """Drawn over them, the longest bar seemed to be 100 %."""
    layout = figure_of_totals(by_customer, proof=PlainInvoice().reconcile()).layout

    assert layout.xaxis.domain[1] < layout.xaxis2.domain[0]
    assert figure_of_totals(by_customer).layout.xaxis.domain == (0, 1)
    assert not figure_of_totals(by_customer).layout.xaxis2.visible


@pytest.mark.parametrize(
    "invoice",
    [
        PlainInvoice(lines=frame(charge(total="-5"))),  # of a credit it would mislead
        PlainInvoice(currency="EUR"),
    ],
)
def test_an_invoice_of_credits_or_in_another_currency_has_no_share(by_customer, invoice):
    assert list(figure_of_totals(by_customer, proof=invoice.reconcile()).data[2].x) == []


@pytest.mark.parametrize(
    ("mark", "said", "invoice"),
    [
        ("✘", "differs: the lines do not add up to the invoice, difference -57.07 USD",
         PlainInvoice(credit=Decimal("-57.07"))),
        ("⚠", "incomplete: not everything could be read, difference 0.00 USD",
         PlainInvoice(unread=True)),
    ],
)  # fmt: skip
def test_a_figure_says_where_the_invoice_does_not_tie(by_customer, mark, said, invoice):
    sums, proof = charges_and_credits(invoice.lines), invoice.reconcile()

    for figure in (
        figure_of_totals(by_customer, proof=proof),
        figure_of_charge_types(sums, proof=proof),
    ):
        assert f"{mark} {said}" in figure.layout.title.text


def test_a_figure_says_where_lines_are_in_other_currencies(by_customer):
    two = PlainInvoice(lines=frame(*many(), charge(currency="EUR")))
    figure = figure_of_totals(by_customer, proof=two.reconcile())

    assert "✘ differs: not all lines are in USD" in figure.layout.title.text


def test_a_figure_of_an_invoice_that_ties_says_nothing_of_it(by_customer):
    figure = figure_of_totals(by_customer, proof=PlainInvoice().reconcile())

    assert figure.layout.title.text == "Total by customer, USD"


def test_several_currencies_share_no_axis():
    two = totals(frame(charge(), charge(currency="EUR")), "customer")

    for draw in (figure_of_totals, figure_of_charge_types):
        with pytest.raises(CurrencyError, match=r"EUR, USD.*filter\(currency='EUR'\)"):
            draw(two)


def test_charges_and_credits_of_one_type_stand_apart():
    lines = [*many(), charge(total="-5000.25", charge_type="New")]
    sums = charges_and_credits(frame(*lines))
    figure = figure_of_charge_types(sums)
    charges, credited, share = figure.data

    assert figure.layout.yaxis.ticktext == ("new", "renew", "customerCredit")
    assert list(charges.x) == [606.0, 606.0]
    assert list(charges.y) == [0, 1]
    assert list(credited.x) == [-5000.25, -33.1]
    assert list(credited.y) == [0, 2]
    assert credited.hovertext[0] == "new<br>-5,000.25 USD"
    assert charges.marker.color != credited.marker.color
    assert charges.marker.pattern.shape != credited.marker.pattern.shape
    assert list(share.x) == []
    assert credited.showlegend
    assert "net" not in figure.layout.title.text


def test_totals_by_charge_type_are_said_to_be_net():
    figure = figure_of_charge_types(totals(frame(*many()), "charge_type"))

    assert "net within each charge type" in figure.layout.title.text
    assert list(figure.data[1].x) == [-33.1]


def test_what_has_no_total_is_left_out_and_said_so():
    lines = frame(charge(), charge(("c9", "Nothing"), None))
    figure = figure_of_totals(totals(lines, "customer"))

    assert len(figure.data[0].x) == 1
    assert "1 more not shown" in figure.layout.title.text


def test_nothing_to_draw_is_a_figure_that_says_so(by_customer):
    figure = figure_of_totals(by_customer.clear())

    assert "Nothing to draw" in figure.layout.title.text
    with pytest.raises(ValueError, match="top is 0"):
        figure_of_totals(by_customer, top=0)


def test_no_figure_offers_to_upload_itself(by_customer, monkeypatch, tmp_path):
    """The flag is in every way out: HTML, file, and a notebook's cell."""
    figure = figure_of_totals(by_customer)
    monkeypatch.setattr(pio.renderers, "default", "plotly_mimetype")
    bundle = figure._repr_mimebundle_()["application/vnd.plotly.v1+json"]
    figure.write_html(tmp_path / "figure.html")

    assert plotly_config()["showSendToCloud"] is False
    assert bundle["config"]["showSendToCloud"] is False
    assert bundle["config"]["plotlyServerURL"] == ""
    for html in (
        figure.to_html(include_plotlyjs=False),
        figure._repr_html_(),
        (tmp_path / "figure.html").read_text("utf-8"),
    ):
        assert '"showSendToCloud": false' in html
        assert "cdn.plot.ly/plotly" not in html.split("Plotly.newPlot")[-1]


def test_a_cell_result_is_shown_with_the_configuration(by_customer, monkeypatch):
    """IPython asks a figure to display itself, and what arrives holds the flag."""
    shown = []
    monkeypatch.setattr(pio.renderers, "default", "plotly_mimetype")
    monkeypatch.setattr(pio.renderers, "render_on_display", True)
    monkeypatch.setattr("IPython.display.display", lambda bundle, **_: shown.append(bundle))

    figure_of_totals(by_customer)._ipython_display_()

    assert shown[0]["application/vnd.plotly.v1+json"]["config"]["showSendToCloud"] is False


def test_the_same_totals_give_the_same_figure(by_customer):
    first, second = figure_of_totals(by_customer), figure_of_totals(by_customer.clone())

    assert first.to_json() == second.to_json()
    assert EVIL not in json.dumps(json.loads(first.to_json()))


def test_a_key_without_a_name_is_itself():
    figure = figure_of_totals(totals(frame(charge(charge_type=None)), "charge_type"))

    assert figure.layout.yaxis.ticktext == ("(none)",)
    assert isinstance(figure.data[0].x[0], float)
    assert figure_of_totals(
        pl.DataFrame({"currency": ["USD"], "total": [1]}).cast({"total": pl.Decimal(38, 24)})
    ).layout.yaxis.ticktext == ("all lines",)

"""The explorer: what is picked is shown, is a value, and can be had as code."""

from decimal import Decimal

import ipywidgets as w
import pytest

import invoicekit as ik
from invoicekit.errors import NotFoundError
from invoicekit.show.explorer.widget import Explorer, Selection
from support.charges import frame
from support.show_samples import EVIL, PlainClient, PlainInvoice, charge, many


@pytest.fixture
def client():
    two_providers = [*many(), charge(provider="azure", total="7.77")]
    return PlainClient(
        PlainInvoice(lines=frame(*two_providers), id="G2"),
        PlainInvoice(lines=frame(*many(), *many("EUR")), id=f"G1{EVIL}"),
        PlainInvoice(lines=frame(), id="G0"),
    )


def texts(explorer):
    """All HTML that is in the explorer."""
    found, todo = [], [explorer]
    while todo:
        widget = todo.pop()
        todo += getattr(widget, "children", ())
        found += [widget.value] if isinstance(widget, w.HTML) else []
    return "\n".join(found)


def pick(explorer, description, value):
    """Pick as a user does."""
    pickers = explorer.children[0].children
    next(p for p in pickers if p.description == description).value = value


def charts(explorer):
    return explorer._charts.shown


def test_it_starts_with_the_newest_invoice(client):
    explorer = Explorer(client)

    assert explorer.selection == Selection("G2", None, "customer")
    assert explorer.totals.equals(ik.totals(explorer.lines, "customer"))
    assert "✔ ties" in texts(explorer)
    assert client.asked == 1


def test_displaying_asks_nobody(client):
    explorer = Explorer(client)
    asked = client.asked
    bundle = explorer._repr_mimebundle_()

    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert client.asked == asked


def test_all_follows_what_is_picked(client):
    explorer = Explorer(client)
    pick(explorer, "Totals by", "charge_type")

    assert explorer.totals.columns[0] == "charge_type"
    assert "customerCredit" in texts(explorer)
    assert "by charge type" in charts(explorer)[0].layout.title.text
    assert list(charts(explorer)[0].data[1].x) == [-33.1]
    assert ">Credits</th>" in texts(explorer)
    pick(explorer, "Totals by", "provider")
    assert list(charts(explorer)[0].data[0].y) == [0, 1]
    assert client.asked == 1


def test_a_provider_narrows_the_lines_and_not_the_proof():
    invoice = PlainInvoice(lines=frame(*many(), charge(provider="azure", total="7.77")), id="G2")
    invoice.unread = True  # its details name azure too
    explorer = Explorer(PlainClient(invoice))
    pick(explorer, "Provider", "azure")

    assert explorer.lines.height == 1
    assert explorer.totals["total"].to_list() == [Decimal("7.77")]
    assert f"{invoice.total:,.2f} USD invoiced" in texts(explorer)
    assert "provider='azure'" in texts(explorer).replace("&#39;", "'")


def test_what_is_odd_is_told_and_open_where_the_invoice_differs():
    lines = frame(*many())
    tied = Explorer(PlainClient(PlainInvoice(lines=lines)))
    differs = Explorer(PlainClient(PlainInvoice(lines=lines, credit=Decimal("-100.25"))))

    assert "<details><summary>What is odd about it: no customer</summary>" in texts(tied)
    assert "<details open><summary>What is odd about it: " in texts(differs)
    assert "What the difference may be" in texts(differs)
    clean = Explorer(PlainClient(PlainInvoice(lines=frame(charge(total="1.00")))))
    assert "What is odd" not in texts(clean)


def test_a_figure_widget_is_used_again(client):
    """Each carries all of plotly; redrawn in place it sends the numbers only."""
    explorer = Explorer(client)
    first = charts(explorer)[0]
    pick(explorer, "Invoice", f"G1{EVIL}")

    assert charts(explorer)[0] is first
    assert len(charts(explorer)) == 2
    pick(explorer, "Invoice", "G2")
    assert len(charts(explorer)) == 1


def test_no_figure_widget_offers_to_upload_itself(client):
    explorer = Explorer(client)
    pick(explorer, "Invoice", f"G1{EVIL}")

    assert [chart._config["showSendToCloud"] for chart in charts(explorer)] == [False, False]


def test_no_name_is_markup(client):
    explorer = Explorer(client)
    pick(explorer, "Invoice", f"G1{EVIL}")
    shown = texts(explorer)

    assert "&lt;script&gt;" in shown
    assert "<script" not in shown
    assert "<b>Bold" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in charts(explorer)[0].layout.yaxis.ticktext


def test_an_error_is_shown_in_place_with_nothing_stale_beside_it(client):
    explorer = Explorer(client)
    pick(explorer, "Invoice", "G0")

    assert "NotFoundError" in texts(explorer)
    assert "<img" not in texts(explorer)
    assert "ties" not in texts(explorer)
    assert charts(explorer) == []
    assert explorer.totals is None
    pick(explorer, "Invoice", "G2")
    assert "NotFoundError" not in texts(explorer)
    assert explorer.totals is not None


def test_a_list_that_cannot_be_had_is_an_error_in_place():
    class Refused(PlainClient):
        def invoices(self):
            raise NotFoundError("no such partner")

    explorer = Explorer(Refused())

    assert "no such partner" in texts(explorer)
    assert explorer.selection is None


def test_no_invoices_is_said():
    explorer = Explorer(PlainClient())

    assert "There are no invoices to show." in texts(explorer)
    assert explorer.selection is None


def test_it_says_that_it_is_loading(client):
    explorer = Explorer(client)
    said = []
    explorer._status.observe(lambda change: said.append(change["new"]), names="value")
    pick(explorer, "Invoice", f"G1{EVIL}")

    assert "loading invoice G1&lt;script&gt;" in said[0]
    assert said[-1] == ""


def test_lines_come_a_page_at_a_time():
    explorer = Explorer(PlainClient(PlainInvoice(lines=frame(*many() * 2))))
    pager = explorer._pager

    assert pager._count.value == "1 to 25 of 34 lines"
    pager._on.click()
    assert pager._count.value == "26 to 34 of 34 lines"
    assert pager._on.disabled
    pager._back.click()
    assert pager._back.disabled


def test_there_is_no_output_widget(client):
    todo = [Explorer(client)]
    while todo:
        widget = todo.pop()
        todo += getattr(widget, "children", ())
        assert not isinstance(widget, w.Output)


def test_an_id_stays_data_in_the_code():
    code = Selection("G1'\n); boom(", "one'time", "customer").code()

    assert "boom" not in compile(code, "", "exec").co_names
    assert "G1'\n); boom(" in compile(code, "", "exec").co_consts


@pytest.mark.parametrize(("place", "provider"), [(0, None), (0, "onetime"), (1, "office")])
def test_the_code_gives_the_frame_that_is_shown(demo, place, provider):
    explorer = ik.explore(demo)
    pick(explorer, "Invoice", demo.invoices()["invoice_id"][place])
    if provider:
        pick(explorer, "Provider", provider)
    named = {"client": demo}
    exec(explorer.selection.code(), named)

    assert explorer.selection.provider == provider
    assert named["totals"].equals(explorer.totals)

"""What is seen and typed in a real JupyterLab."""

from importlib.util import find_spec

import pytest

from support.browser import missing
from support.jupyter import Lab

pytestmark = pytest.mark.browser
AS_WIDE_AS_THE_CELL = """() => {
    const width = (words) => document.querySelector(`.invoicekit-explorer ${words}`).clientWidth;
    return Math.abs(width(".main-svg") - width(".tie-out")) < 40;
}"""
LOAD = "import invoicekit as ik\nclient = ik.demo()"


@pytest.fixture
def lab(page, tmp_path):
    """Opens a notebook of these cells in JupyterLab and runs them; gives the page."""
    if find_spec("jupyterlab") is None:
        missing("jupyterlab")
    labs = []

    def run(*cells):
        labs.append(Lab(tmp_path / "lab", [LOAD, *cells]))
        page.set_default_timeout(60_000)
        page.route(lambda url: not url.startswith(labs[0].root), lambda route: route.abort())
        page.goto(labs[0].url)
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        for name in ("Run", "Run All Cells"):
            page.get_by_role("menuitem", name=name, exact=True).click()
        return page

    yield run
    for one in labs:
        one.close()


def test_what_is_typed_in_a_picker_does_nothing_to_the_notebook(lab):
    """`dd` deletes a cell, `a` adds one, and an arrow goes to another, where no text is typed."""
    page = lab("ik.explore(client)", '"stays"')
    cells = page.locator(".jp-Notebook .jp-Cell")
    page.wait_for_selector(".invoicekit-explorer .bars .point")
    for picker in page.locator(".invoicekit-explorer select").all():
        picker.focus()
        page.keyboard.type("ddab", delay=50)
    assert cells.count() == 3

    by = page.locator(".invoicekit-explorer select").last
    by.select_option("Provider")
    by.focus()
    page.keyboard.press("ArrowUp")
    page.get_by_text("Totals by charge type").wait_for()
    assert by.evaluate("select => select === document.activeElement")

    page.locator(".invoicekit-explorer button").last.focus()
    page.keyboard.type("dd", delay=50)
    assert cells.count() == 3


def test_a_figure_is_as_wide_as_its_cell_whatever_was_drawn_before(lab):
    """A new height would fix the width that it happens to have."""
    page = lab("explorer = ik.explore(client); explorer",
               "explorer.children[0].children[0].index = 11")  # fmt: skip
    page.get_by_text("✘ differs: 204,234.51 USD").first.wait_for()
    page.wait_for_function(AS_WIDE_AS_THE_CELL)
    page.set_viewport_size({"width": 1150, "height": 1000})
    page.wait_for_function(AS_WIDE_AS_THE_CELL)


def test_a_figure_keeps_its_height_when_the_window_gets_another(lab):
    """JupyterLab fits it to the window; where plotly was told to as well, both made it flat."""
    page = lab('client.latest.figure("customers")')
    page.wait_for_selector(".jp-RenderedPlotly .bars .point")
    for height in (1300, 900, 1200):
        page.set_viewport_size({"width": 1400, "height": height})
        page.wait_for_timeout(1000)  # plotly waits a tenth of a second for the window to stand
        assert page.locator(".jp-RenderedPlotly").bounding_box()["height"] > 500


def test_the_state_of_each_part_of_a_proof_is_in_sight(lab):
    """At 1400 pixels, without the file browser beside it; untrimmed amounts would push it out."""
    page = lab("client.latest.reconcile().parts")
    page.set_viewport_size({"width": 1400, "height": 900})
    state = page.locator(".jp-OutputArea-output th", has_text="state")
    state.wait_for()
    page.keyboard.press("Control+b")
    page.locator(".jp-FileBrowser").wait_for(state="hidden")
    ends = state.evaluate(
        "th => [th, th.closest('.jp-OutputArea-output')].map(e => e.getBoundingClientRect().right)"
    )
    assert ends[0] <= ends[1] <= 1400

"""The explorer in a kernel: on screen at once, loaded by the end of its cell, no heavy imports."""

import subprocess
import sys
import textwrap

import nbformat
from nbclient import NotebookClient

from support.paths import ROOT

HERE = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
import invoicekit as ik
from support.show_samples import PlainClient, PlainInvoice

class Telling(PlainClient):
    def invoices(self):
        print("asked")
        return super().invoices()

class Interrupted(PlainClient):
    def invoice(self, invoice_id):
        raise KeyboardInterrupt

client = Telling(PlainInvoice())
"""


def run(*cells):
    """The outputs of each of these cells."""
    made = [nbformat.v4.new_code_cell(textwrap.dedent(cell)) for cell in (HERE, *cells)]
    notebook = nbformat.v4.new_notebook(cells=made)
    NotebookClient(notebook, timeout=90, kernel_name="python3").execute()
    return [
        [output.get("text") or output["data"]["text/plain"] for output in cell.outputs]
        for cell in notebook.cells[1:]
    ]


def test_it_is_on_screen_before_anything_is_asked_and_loaded_when_its_cell_ends():
    shown, later, at_once, no_cell = run(
        "explorer = ik.explore(client); explorer",
        "client.asked, explorer.totals.height, explorer._status.value",
        "ik.explore(client).selection.invoice_id",
        """
        shell = get_ipython()
        cell = shell.get_parent()
        shell.set_parent(cell | {"header": cell["header"] | {"msg_type": "comm_msg"}})
        clicked = ik.explore(client)
        shell.set_parent(cell)
        clicked._totals.height
        """,
    )

    assert shown[0].startswith("Explorer(")
    assert shown[1:] == ["asked\n"]
    assert later == ["(1, 8, '')"]
    assert at_once == ["asked\n", "'G1'"]  # once, and not again at the cell's end
    assert no_cell == ["asked\n", "8"]


def test_when_it_is_interrupted_it_says_so_in_place():
    shown, later = run(
        "explorer = ik.explore(Interrupted(PlainInvoice())); None", "explorer._status.value"
    )

    assert shown == []
    assert "Stopped. Run the cell again" in later[0]


def test_the_first_explorer_imports_no_grammar_compiler():
    """Plotly wants nbformat's version, nbformat jsonschema, jsonschema a grammar compiler: seconds.

    Whoever wants nbformat gets it, plotly as well.
    """
    code = f"""
    {textwrap.indent(HERE, "    ").strip()}
    from invoicekit.show.figures import figure_of_totals
    explorer = ik.explore(client)
    figure_of_totals(explorer.totals)._repr_mimebundle_()
    chart, = explorer._charts.shown
    chart.add_bar(x=[1], y=[2])
    heavy = {{"nbformat", "jsonschema", "lark"}} & set(sys.modules)
    import plotly.io._renderers as plotly
    print(sorted(heavy), plotly.nbformat.__version__, len(chart.data), "nbformat" in sys.modules)
    import nbformat
    print(plotly.nbformat.v4 is nbformat.v4, nbformat.__version__, type(nbformat).__name__)
    """
    told = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        check=True, capture_output=True, encoding="utf-8",
    ).stdout  # fmt: skip

    assert told.splitlines()[1:] == [
        f"[] {nbformat.__version__} 4 False",
        f"True {nbformat.__version__} module",
    ]

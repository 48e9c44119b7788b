"""What an analyst sees in a kernel: amounts without needless zeros, and errors without our way."""

from __future__ import annotations

import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

DEMO = "import invoicekit as ik, polars as pl\nclient = ik.demo()"
TOTAL = 'client.invoices().select("total_charges").head(1)'
OFF = "import polars as pl\npl.Config.set_trim_decimal_zeros(False)"
ELSEWHERE = 'getattr(pl.Config, "set_trim_" + "decimal_zeros")(False)'  # as a module of the user's
FULL = "247259.680000000000000000000000"


def run(*cells: str) -> list[list[nbformat.NotebookNode]]:
    """The outputs of cells in a kernel of their own."""
    made = [nbformat.v4.new_code_cell(cell) for cell in cells]
    notebook = nbformat.v4.new_notebook(cells=made)
    NotebookClient(notebook, timeout=100, kernel_name="python3", allow_errors=True).execute()
    return [cell.outputs for cell in made]


def text_of(outputs: list[nbformat.NotebookNode]) -> str:
    return outputs[-1]["data"]["text/plain"] + outputs[-1]["data"]["text/html"]


def test_amounts_have_no_needless_zeros_and_errors_are_short():
    _, shown, error, _, off = run(
        DEMO,
        TOTAL,
        "def ask():\n    return client.invoice('G9')\nask()",
        ELSEWHERE,
        f"{DEMO}\n{TOTAL}",
    )
    assert "247259.68" in text_of(shown)
    assert "247259.680" not in text_of(shown)
    assert FULL in text_of(off), "who sets it afterwards has the last word"
    (told,) = error
    assert told.ename == "NotFoundError"
    assert [line.split(", in ")[0] for line in told.traceback[:2]] == [
        "Cell In[3], line 3",
        "Cell In[3], line 2",
    ]
    assert told.traceback[2].startswith("NotFoundError: 404 for http://127.0.0.1")
    assert len(told.traceback) == 4
    assert "fetch" not in "".join(told.traceback)


@pytest.mark.parametrize(
    "own", [OFF, "import polars as pl; c = pl.Config(trim_decimal_zeros=False)"]
)
def test_what_the_user_has_set_before_stays(own):
    assert FULL in text_of(run(own, f"{DEMO}\n{TOTAL}")[-1])


def test_a_script_is_left_as_it_is():
    done = subprocess.run(
        [sys.executable, "-c", f"{DEMO}\nprint({TOTAL})"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert FULL[:16] in done.stdout

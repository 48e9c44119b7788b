"""Progress in a notebook: seen while it lasts, and gone from what is saved."""

import io

import nbformat
import pytest
from nbclient import NotebookClient

from invoicekit.fetch.progress import Progress

COUNTED = """
import time
from invoicekit.fetch.progress import Counted
with Counted(range(25), 25, "things") as things:
    for _ in things:
        time.sleep(0.06)
"""
IN_A_THREAD = """
import threading, time
from invoicekit.fetch.progress import Progress
class Page:
    rows = 1000
def pages():
    for _ in range(25):
        time.sleep(0.06)
        yield Page
with Progress("G1") as progress:
    thread = threading.Thread(target=lambda: list(progress.over(pages())))
    thread.start()
    thread.join()
"""
WAITING = """
import time
from invoicekit.fetch.progress import Progress
with Progress("G1") as progress:
    time.sleep(1.1)
    progress.waits("an export is made")
"""


class Watched(NotebookClient):
    """Runs a notebook and keeps what the kernel says meanwhile."""

    def __init__(self, notebook):
        super().__init__(notebook, timeout=60, kernel_name="python3")
        self.said = []

    def process_message(self, msg, cell, cell_index):
        self.said += [msg["content"].get("data", {}).get("text/plain", "")]
        return super().process_message(msg, cell, cell_index)


@pytest.mark.parametrize(
    ("code", "words"),
    [(COUNTED, "things/s]"), (IN_A_THREAD, "000 lines ["), (WAITING, "an export is made [")],
)
def test_progress_is_seen_in_a_cell_and_not_saved_with_it(code, words):
    cell = nbformat.v4.new_code_cell(code)
    watched = Watched(nbformat.v4.new_notebook(cells=[cell]))
    watched.execute()

    assert any(words in text for text in watched.said)
    assert [(output.output_type, output.data) for output in cell.outputs] == [
        ("display_data", {"text/plain": ""})
    ]


def test_what_was_waited_for_is_wiped_from_the_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    with Progress("G1") as progress:
        progress._seen -= 2
        progress.waits("an export is made")

    _, waited, wiped, last = terminal.getvalue().split("\r")
    assert waited.startswith("an export is made [")
    assert (wiped, last) == (" " * len(waited), "")
    with Progress("G1", wish=False) as silent:
        silent._seen -= 2
        silent.waits("an export is made")
    assert terminal.getvalue().count("export") == 1

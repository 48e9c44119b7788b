"""What examples in docstrings start from: `ik`, the demo partner (`client`, `invoice`), files."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import invoicekit as ik

SAMPLES = Path(__file__).parent / "data" / "portal" / "2025"
FILES = {
    "july.csv": "G012345651-onetime-billing.csv",
    "july-usage.csv": "G012345651-onetime-usage.csv",
}


@pytest.fixture(scope="session")
def demo() -> Iterator[ik.Client]:
    """The demo partner, once for all tests: what it sends never changes.

    What its cache and store hold is what other tests have asked, in any order: `fresh_demo` is for
    those to whom that matters.
    """
    with ik.demo() as client:
        yield client


@pytest.fixture(autouse=True)
def example(request: pytest.FixtureRequest) -> None:
    """An example runs in an empty folder, and has the names that its module has not."""
    if not isinstance(request.node, pytest.DoctestItem):
        return
    request.getfixturevalue("monkeypatch").chdir(request.getfixturevalue("tmp_path"))
    names = request.node.dtest.globs
    names.setdefault("ik", ik)
    source = "".join(one.source for one in request.node.dtest.examples)
    for name, sample in FILES.items():
        if name in source:
            shutil.copy(SAMPLES / sample, name)
    if {"client", "invoice"} & set(re.findall(r"\w+", source)) - set(names):
        client = request.getfixturevalue("demo")
        names.setdefault("client", client)
        names.setdefault("invoice", client.invoice("G012345611"))

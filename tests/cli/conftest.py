"""The command line in this process, on the demo partner of both services."""

from __future__ import annotations

import pytest

from invoicekit.sandbox.server import demo_sandbox
from support.shell import in_process


@pytest.fixture(scope="package")
def both_services():
    with demo_sandbox(graph=True) as sandbox:
        yield sandbox


@pytest.fixture(scope="package")
def kept_answers(tmp_path_factory):
    return tmp_path_factory.mktemp("answers")


@pytest.fixture
def inside(both_services, kept_answers, tmp_path, monkeypatch, capfd):
    """The exit code of a command, and what it printed."""
    settings = {**both_services.settings, "cache_dir": kept_answers}
    return in_process(settings, tmp_path, monkeypatch, capfd)

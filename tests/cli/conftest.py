"""The command line in this process, on the demo partner of both services."""

from __future__ import annotations

import warnings

import pytest

from invoicekit.cli.app import main
from invoicekit.sandbox.server import demo_sandbox


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
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    for name, value in both_services.settings.items():
        monkeypatch.setenv(f"INVOICEKIT_{name.upper()}", value)
    monkeypatch.setenv("INVOICEKIT_CACHE_DIR", str(kept_answers))
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        shown = capfd.readouterr()
        return left.value.code, shown.out, shown.err

    return run

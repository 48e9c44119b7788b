"""What Tab offers, from a real bash, without loading what asks a service."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from invoicekit.cli.completion import keys_begun
from support.paths import ROOT

ASKS = ["requests", "requests_cache", "msal", "invoicekit.client", "invoicekit.fetch.session",
        "plotly", "ipywidgets", "jinja2", "xlsxwriter", "tqdm"]  # fmt: skip


def offered(*words: str, begun: str = "") -> list[str]:
    """What is offered behind these words, as typer's bash script asks for it."""
    line = ["invoicekit", *words, begun]
    done = subprocess.run(
        [sys.executable, "-m", "invoicekit"],
        env={
            **os.environ,
            "_INVOICEKIT_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(line),
            "COMP_CWORD": str(len(line) - 1),
            "INVOICEKIT_BASE_URL": "http://127.0.0.1:9",  # who asked there would fail
        },
        capture_output=True, check=True, encoding="utf-8",
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "begun", "there"),
    [
        ([], "", ["totals", "reconcile", "cache", "tax-receipts", "sandbox"]),
        ([], "re", ["reconcile", "read", "report"]),
        (["totals"], "", ["latest"]),
        (["totals", "G1", "--by"], "custo", ["customer", "customer_id", "customer_name"]),
        (["totals", "G1", "--by"], "offer,char", ["offer,charge_type", "offer,charge_family"]),
        (["totals", "G1", "--format"], "", ["table", "json", "csv"]),
        (["lines", "G1", "--format"], "", ["parquet", "csv"]),
        (["lines", "G1", "--provider"], "", ["onetime", "office", "azure", "marketplace"]),
        (["read", "x.csv", "--dates"], "", ["mdy", "dmy"]),
        (["--cloud"], "", ["global", "usgov", "china"]),
        (["cache"], "", ["info", "clear"]),
        (["totals", "G1"], "--by", ["--by"]),
    ],
    ids=str,
)
def test_tab_offers(words, begun, there):
    found = set(offered(*words, begun=begun))
    assert set(there) <= found
    assert all(word.startswith(begun) for word in found)


def test_a_key_that_is_there_is_not_offered_again():
    assert "customer,customer" not in keys_begun("customer,")
    assert keys_begun("nothing") == []


@pytest.mark.skipif(not shutil.which("bash"), reason="wants a bash")
def test_bash_completes_with_the_script_that_is_shown(tmp_path):
    command = tmp_path / "invoicekit"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m invoicekit "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    script = """
        eval "$(invoicekit --show-completion)"
        COMP_WORDS=(invoicekit totals G1 --by custo) COMP_CWORD=4
        _invoicekit_completion invoicekit
        printf '%s\\n' "${COMPREPLY[@]}"
        invoicekit --show-completion > /dev/null; echo "code $?"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env={
            **os.environ,
            "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True, check=True, encoding="utf-8",
    )  # fmt: skip
    assert done.stdout.split("\n")[:3] == ["customer", "customer_id", "customer_name"], done.stderr
    assert "code 0" in done.stdout


def test_the_command_line_is_light():
    """Help, completion and a wrong word load nothing that could ask a service."""
    code = f"import sys, invoicekit.cli.app; print([one for one in {ASKS} if one in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, encoding="utf-8"
    )
    assert done.stdout.strip() == "[]"

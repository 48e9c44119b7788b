"""`invoicekit read`: files, without a service and without a sign-in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.portal_files import SAMPLES

TOTAL = ("--total", "22471.94", "--currency", "eur")
FOLDER = str(SAMPLES / "2025")


def run(*arguments: str, cwd: Path | None = None):
    """The command, with nothing that could ask anybody."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INVOICEKIT")}
    return subprocess.run(
        [sys.executable, "-m", "invoicekit", "read", *arguments],
        capture_output=True,
        encoding="utf-8",
        env={**kept, "PYTHONIOENCODING": "utf-8"},
        check=False,
        timeout=120,
        cwd=cwd,
    )


def test_what_there_is_is_listed_and_what_is_not_proven_said():
    found = run(FOLDER, "--format", "json")
    assert found.returncode == 0
    assert [(row["object_type"], row["lines"]) for row in json.loads(found.stdout)] == [
        ("OneTimeInvoiceLineItem", 38),
        ("DailyRatedUsageLineItem", 60),
    ]
    assert "G012345651  38 lines in 2 files; not proven" in found.stderr


@pytest.mark.parametrize(
    ("total", "code", "state"), [("22471.94", 0, "ties"), ("22471.95", 3, "differs")]
)
def test_the_proof_and_its_exit_codes(total, code, state):
    found = run(FOLDER, "reconcile", "--total", total, "--currency", "EUR", "--format", "json")
    assert found.returncode == code
    proof = json.loads(found.stdout)
    assert proof["state"] == state
    assert proof["lines_total"] == "22471.94"
    assert proof["invoice_id"] == "G012345651"


def test_totals_bear_the_proof():
    found = run(FOLDER, "totals", "--by", "charge_family", *TOTAL)
    assert found.returncode == 0
    assert "✔ ties: 22,471.94 EUR" in found.stdout
    assert run(FOLDER, "totals", "--total", "1", "--currency", "EUR").returncode == 0


def test_lines_as_csv_are_guarded_unless_they_are_to_be_raw(tmp_path):
    sample = next((SAMPLES / "2025").glob("*billing.csv")).read_text(encoding="utf-8-sig")
    file = tmp_path / "file.csv"
    file.write_text(sample.replace("Blaue Gie", "=1+Gie"), encoding="utf-8")
    for more, guarded in (((), True), (("--raw",), False)):
        made = run(str(file), "lines", "-o", str(tmp_path / "out"), "--format", "csv", *more)
        assert made.returncode == 0, made.stderr
        (written,) = (tmp_path / "out").glob("*.csv")
        text = written.read_text(encoding="utf-8")
        assert "=1+Gie" in text
        assert ("'=1+Gie" in text) == guarded


def test_lines_and_report_are_written(tmp_path):
    made = run(FOLDER, "lines", "-o", str(tmp_path / "lines"), "--format", "csv")
    assert made.returncode == 0, made.stderr
    assert len(list((tmp_path / "lines").glob("*.csv"))) == 2
    report = tmp_path / "new" / "r.html"
    made = run(FOLDER, "report", "-o", str(report), *TOTAL)
    assert made.returncode == 0, made.stderr
    assert "ties: 22,471.94 EUR" in report.read_text(encoding="utf-8")
    assert "G012345651-onetime-billing.csv" in report.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["reconcile"], "name a file"),
        ([FOLDER, "reconcile"], "wants --total and --currency"),
        ([FOLDER, "report", "-o", "x.html"], "wants --total and --currency"),
        ([FOLDER, "totals", "--total", "1"], "go together"),
        ([FOLDER, "reconcile", "--total", "1,5", "--currency", "EUR"], "decimal point"),
        ([FOLDER, "reconcile", "--total", "nan", "--currency", "EUR"], "decimal point"),
        ([FOLDER, "reconcile", "--total", "1e400", "--currency", "EUR"], "decimal point"),
        ([FOLDER, "reconcile", "--total", "9" * 40, "--currency", "EUR"], "decimal point"),
        ([FOLDER, "reconcile", "--total", "1", "--currency", "US"], "three letters"),
        ([FOLDER, "reconcile", "--total", "1", "--currency", "<b>"], "three letters"),
        ([FOLDER, "lines"], "wants -o"),
        ([FOLDER, "total"], "total is no file, and nothing that can be done; it is one of totals"),
        (["reconcile", FOLDER, *TOTAL], "what to do, reconcile, comes once, after all files"),
        ([FOLDER, "totals", "report"], "what to do, totals, comes once"),
        ([FOLDER, "lines", "-o", "x", "--format", "json"], "as Parquet"),
        ([FOLDER, "--dates", "ymd"], "'mdy', 'dmy'"),
        ([FOLDER, "totals", "--by", "weather"], "weather"),
    ],
)
def test_wrong_usage_is_told_and_leaves_with_2(arguments, words, tmp_path):
    found = run(*arguments, cwd=tmp_path)
    assert found.returncode == 2
    assert words in " ".join(found.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_none_is_an_error_of_one_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"<html>")
    for argument in (str(path), str(tmp_path / "gone.csv")):
        found = run(argument)
        assert found.returncode == 1
        assert found.stderr.startswith("error: ")
        assert found.stderr.count("\n") == 1


def test_a_pattern_is_as_good_as_its_files():
    """Shells of Windows leave it to the command."""
    found = run(str(SAMPLES / "2025" / "*.csv"), "reconcile", *TOTAL)
    assert found.returncode == 0, found.stderr
    assert run(str(SAMPLES / "2025" / "*.xml")).returncode == 1

"""The shell: what it prints, and the codes that it leaves with."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from invoicekit.sandbox.demo import demo_partner
from invoicekit.sandbox.server import Sandbox, demo_sandbox
from support.partner import refused
from support.paths import ROOT
from support.server import TOKEN
from support.shell import run


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(demo_partner()) as server:
        yield server


@pytest.fixture
def shell(sandbox, tmp_path_factory):
    cache = tmp_path_factory.getbasetemp() / "shell-cache"
    return lambda *arguments, **more: run(
        *arguments, url=sandbox.url, token=sandbox.token, cache=cache, **more
    )


def test_demo_is_the_main_job_with_nothing_to_configure(tmp_path):
    folder = str(tmp_path / "new folder")
    done = run("demo", "-o", folder, url="", token="", cache=tmp_path, COLUMNS="80")
    assert done.returncode == 0, done.stderr
    partner = demo_partner()
    found = partner.newest_invoice_id
    assert f"✔ ties: {partner.total(found):,} USD" in done.stdout
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.split("```")[3].strip().splitlines()
    assert [text for text in shown[:-1] if text != "…" and text not in done.stdout] == []
    assert next(line for line in done.stdout.splitlines() if "✔" in line) in shown
    report = tmp_path / "new folder" / f"{found}.html"
    assert str(report.resolve()) in done.stdout
    assert report.stat().st_size > 1_000_000


def test_demo_writes_into_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("demo", url="", token="", cache=tmp_path / "cache", PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["invoicekit-demo"]
    assert [path.suffix for path in (tmp_path / "invoicekit-demo").iterdir()] == [".html"]


def test_invoices_in_each_format(shell):
    table = shell("invoices")
    assert table.returncode == 0, table.stderr
    assert "247," in table.stdout
    found = json.loads(shell("invoices", "--format", "json").stdout)
    assert found[0]["invoice_id"] == demo_partner().newest_invoice_id
    assert found[0]["total_charges"] == str(demo_partner().total(found[0]["invoice_id"]))
    lines = list(csv.DictReader(io.StringIO(shell("invoices", "--format", "csv").stdout)))
    assert [row["invoice_id"] for row in lines] == [row["invoice_id"] for row in found]


def test_totals_are_exact_and_the_badge_goes_with_them(shell):
    partner = demo_partner()
    found = partner.newest_invoice_id
    done = shell("totals", found, "--by", "customer, offer", "--format", "json")
    assert done.returncode == 0
    assert "✔ ties" in done.stderr
    from decimal import Decimal

    assert sum(Decimal(row["total"]) for row in json.loads(done.stdout)) == partner.total(found)
    table = shell("totals", found)
    assert "✔ ties" in table.stdout
    yen = shell("totals", partner.yen_invoice_id, "--by", "", "--format", "json")
    assert json.loads(yen.stdout)[0]["total"] == str(partner.total(partner.yen_invoice_id))


def test_compare_adds_up_and_both_badges_go_with_it(shell):
    from decimal import Decimal

    partner = demo_partner()
    before, after = partner.planted_invoice_id, partner.newest_invoice_id
    totals = [
        Decimal(json.loads(shell("totals", one, "--by", "", "--format", "json").stdout)[0]["total"])
        for one in (before, after)
    ]
    for more in ([], ["--details"]):
        done = shell("compare", before, after, "--format", "json", *more)
        assert done.returncode == 0, done.stderr
        rows = json.loads(done.stdout)
        assert sum(Decimal(row["difference"]) for row in rows) == totals[1] - totals[0]
        assert f"{before}  ✘ differs" in done.stderr
        assert f"{after}  ✔ ties" in done.stderr
    assert "new offers" in shell("compare", before, after).stdout


def test_reconcile_says_by_its_exit_code_whether_it_ties(shell):
    partner = demo_partner()
    ties = shell("reconcile", partner.newest_invoice_id, "--format", "json")
    assert ties.returncode == 0
    total = str(partner.total(partner.newest_invoice_id))
    assert json.loads(ties.stdout) == {
        "invoice_id": partner.newest_invoice_id,
        "state": "ties",
        "ties": True,
        "currency": "USD",
        "invoice_total": total,
        "lines_total": total,
        "difference": "0.00",
        "lines": 5157,
        "pages": 14,
    }
    differs = shell("reconcile", partner.planted_invoice_id)
    assert differs.returncode == 3
    assert "✘ differs" in differs.stdout
    assert "difference -1,250.50" in differs.stdout
    assert shell("totals", partner.planted_invoice_id).returncode == 0


def test_incomplete_leaves_with_4_and_a_warning_on_one_line(serve, tmp_path):
    service = serve(refused("Azure", 404))
    done = run("reconcile", "G1", url=service.url, token=TOKEN, cache=tmp_path)
    assert done.returncode == 4
    assert "⚠ incomplete" in done.stdout
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("warning: azure/billing of G1 is left out, not found (404)")


def test_lines_are_written_exactly(shell, tmp_path):
    partner = demo_partner()
    found = partner.planted_invoice_id
    done = shell("lines", found, "-o", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    written = [Path(text) for text in done.stdout.split()]
    assert [path.name for path in written] == [
        f"{found}-OneTimeInvoiceLineItem.parquet",
        f"{found}-DailyRatedUsageLineItem.parquet",
    ]
    frame = pl.read_parquet(written[0])
    assert frame["total_for_customer"].sum() == partner.total(found) - partner.planted_credit
    assert frame.schema["unit_price"] == pl.Decimal(38, 24)
    done = shell("lines", found, "-o", str(tmp_path / "csv"), "--format", "csv", "--safe")
    text = Path(done.stdout.split()[0]).read_text(encoding="utf-8")
    assert "\"'=SUM" in text
    again = pl.read_csv(io.StringIO(text), schema_overrides={"total_for_customer": pl.String})
    exact = again["total_for_customer"].cast(pl.Decimal(38, 24))
    assert exact.equals(frame["total_for_customer"], check_names=False)


def test_lines_of_one_provider_and_the_proof_of_all(shell, tmp_path):
    found = demo_partner().newest_invoice_id
    done = shell("lines", found, "-o", str(tmp_path), "--provider", "OneTime")
    assert done.returncode == 0, done.stderr
    assert {path.name.split("-")[1] for path in tmp_path.iterdir()} == {
        "OneTimeInvoiceLineItem.parquet", "DailyRatedUsageLineItem.parquet",
    }  # fmt: skip
    assert "✔ ties" in done.stderr


def test_doctor_passes_our_own_sandbox(tmp_path):
    with demo_sandbox(graph=True) as both:
        more = {f"INVOICEKIT_{name.upper()}": value for name, value in both.settings.items()}
        done = run("doctor", "--ask", "--format", "json", url="", token="", cache=tmp_path, **more)
    assert (done.returncode, done.stderr) == (0, "")
    found = {row["topic"]: row["state"] for row in json.loads(done.stdout)}
    assert set(found.values()) <= {"fine", "note", "unknown"}
    for topic in ("list of invoices", "line items", "service answers", "Graph line items"):
        assert found[topic] == "fine"


def test_report_is_written_where_it_is_wanted(shell, tmp_path):
    target = tmp_path / "a" / "report.html"
    done = shell("report", demo_partner().planted_invoice_id, "-o", str(target))
    assert done.returncode == 0, done.stderr
    assert "✘ differs" in done.stdout
    assert target.read_text(encoding="utf-8").startswith("<!")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["totals", "G0"], 1, "404 for"),
        (["totals", "../x"], 2, "is no id"),
        (["totals", "G012345612", "--by", "custmer"], 2, "possible are customer"),
        (["totals"], 2, "Missing argument"),
        (["invoices", "--format", "yaml"], 2, "yaml"),
        (["--cloud", "germany", "invoices"], 2, "closed its German cloud"),
        (["--page-size", "0", "invoices"], 2, "--page-size 0"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_without_a_traceback(shell, arguments, code, words):
    done = shell(*arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    if code == 1:
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1


def test_no_token_is_said_with_the_way_out(tmp_path):
    done = run("invoices", url="", token="", cache=tmp_path)
    assert done.returncode == 1
    assert "INVOICEKIT_TOKEN" in done.stderr


def test_an_output_that_cannot_show_the_mark_gets_ascii(shell):
    done = shell("reconcile", demo_partner().planted_invoice_id, PYTHONIOENCODING="ascii")
    assert done.returncode == 3
    assert "!! differs" in done.stdout


def test_a_file_where_a_folder_should_be_is_one_line_and_a_traceback_on_demand(shell, tmp_path):
    wrong = tmp_path / "file" / "report.html"
    wrong.parent.write_text("a file where a folder should be")
    arguments = ("report", demo_partner().planted_invoice_id, "-o", str(wrong))
    done = shell(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "Traceback" in shell(*arguments, INVOICEKIT_DEBUG="1").stderr


def test_sign_out_says_whether_there_was_a_sign_in(shell, tmp_path):
    done = shell("sign-out")
    assert (done.returncode, done.stdout) == (0, "no sign-in is kept\n")
    nobody = {"INVOICEKIT_TOKEN": "", "INVOICEKIT_TENANT_ID": "t", "INVOICEKIT_CLIENT_ID": "app"}
    done = shell("sign-out", **nobody, HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "no sign-in is kept\n")


def test_a_host_of_the_environment_is_passed_over_for_a_sign_in_and_one_of_the_call_is_not(
    shell, sandbox
):
    app = {"INVOICEKIT_TOKEN": "", "INVOICEKIT_TENANT_ID": "t", "INVOICEKIT_CLIENT_ID": "app"}
    done = shell("doctor", **app)
    assert "INVOICEKIT_BASE_URL is passed over" in done.stderr
    assert "https://api.partnercenter.microsoft.com" in done.stdout
    done = shell("--base-url", sandbox.url, "doctor", **app)
    assert "passed over" not in done.stderr
    assert sandbox.url in done.stdout


def test_sandbox_says_how_to_be_asked_and_ends_on_interrupt(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-m", "invoicekit", "sandbox"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
    ) as process:  # fmt: skip
        lines = [process.stdout.readline() for _ in range(5)]
        settings = dict(text.split(maxsplit=1)[1].strip().split("=", 1) for text in lines[1:])
        done = run(
            "invoices", "--format", "csv", url=settings["INVOICEKIT_BASE_URL"],
            token=settings["INVOICEKIT_TOKEN"], cache=tmp_path,
        )  # fmt: skip
        assert done.stdout.count("\n") == 31
        done = run("reconcile", "G012345605", url="", token="", cache=tmp_path, **settings)
        assert (done.returncode, done.stderr) == (0, "")
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 130
        process.communicate()


def test_sync_brings_in_and_leaves_with_what_it_found(sandbox, tmp_path):
    def shell(*arguments):
        return run(*arguments, url=sandbox.url, token=sandbox.token, cache=tmp_path)

    done = shell("sync", "--since", "2026-10")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("✔ ties") == 4
    again = shell("sync", "--since", "2026-06")
    assert again.returncode == 3
    assert again.stdout.count("(was there)") == 4
    assert "✘ differs" in again.stdout
    wrong = shell("sync", "--since", "June")
    assert (wrong.returncode, "is no month" in wrong.stderr) == (2, True)


def test_the_cache_says_what_it_holds_and_forgets_it(sandbox, tmp_path):
    def ask(*arguments):
        return run(*arguments, url=sandbox.url, token=sandbox.token, cache=tmp_path / "cache")

    assert "0 answers" in ask("cache", "info").stdout
    ask("reconcile", demo_partner().planted_invoice_id)
    ask("invoices")
    (held,) = json.loads(ask("cache", "info", "--format", "json").stdout)
    assert (held["collections"], held["entries"]) == (4, 4)
    assert held["size"] > 10_000
    gone = ask("cache", "clear", "--invoice", demo_partner().planted_invoice_id.lower())
    assert gone.stdout == "3 collections forgotten\n"
    assert list((tmp_path / "cache").rglob("*.parquet")) == []
    assert ask("cache", "clear").stdout == "1 collections forgotten\n"


def test_the_cache_needs_no_token(tmp_path):
    done = run("cache", "info", url="", token="", cache=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_doctor_asks_nobody_unless_told_to(sandbox, tmp_path):
    before = len(sandbox.requests)
    done = run("doctor", url=sandbox.url, token=sandbox.token, cache=tmp_path)
    assert "list of invoices" in done.stdout
    assert len(sandbox.requests) == before
    asked = run("doctor", "--ask", url=sandbox.url, token=sandbox.token, cache=tmp_path)
    assert "26 invoices in the list" in asked.stdout
    assert sandbox.token not in done.stdout + done.stderr + asked.stdout + asked.stderr

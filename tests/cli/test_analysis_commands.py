"""Commands that explain: what they print is what the library gives, and its proof goes with it."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from rich.cells import cell_len

import invoicekit as ik
from invoicekit.cli.completion import VIEW_NAMES
from invoicekit.sandbox.faults import FAULTS
from invoicekit.show.export import rows_for_json
from support.shell import run

BEFORE, AFTER = "G012345607", "G012345612"


def test_compare_says_parts_sentences_and_what_does_not_tie(inside):
    code, out, err = inside("compare", BEFORE, "latest")
    assert code == 0, err
    table, sentences, badges = out.split("\n\n")
    assert table.count("\n") == 12  # heading, rule, eleven parts
    assert sentences.startswith("USD: +41,774.67, from ")
    assert "difference -1,250.50" in sentences
    assert badges.splitlines() == [f"{BEFORE}  ✘ differs", f"{AFTER}  ✔ ties"]


def test_compare_takes_months_and_adds_up(inside):
    code, out, err = inside("compare", "2026-08", "2026-09", "--format", "json")
    assert code == 0, err
    with_details = inside("compare", "2026-08", "2026-09", "--details", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(with_details[1])))
    parts = sum(Decimal(row["difference"]) for row in json.loads(out) if row["currency"] == "USD")
    details = sum(Decimal(row["difference"]) for row in rows if row["currency"] == "USD")
    assert parts == details != 0
    assert err.splitlines() == ["2026-08  ✔ ties", "2026-09  ✔ ties"]


@pytest.mark.parametrize("name", VIEW_NAMES)
def test_each_view_is_what_the_library_gives(inside, both_services, kept_answers, name):
    code, out, err = inside("view", name.title(), AFTER, "--format", "json")
    assert code == 0, err
    assert err == f"{AFTER}  ✔ ties: 247,259.68 USD, 5,157 lines, 6 pages, difference 0.00\n"
    with ik.connect(**both_services.settings, cache_dir=kept_answers) as client:
        frame = client.invoice(AFTER).view(name.replace("-", " "))
    assert json.loads(out) == rows_for_json(frame)


def test_a_view_of_all_says_what_is_not_in_the_store(inside, both_services, kept_answers):
    assert inside("sync", "--since", "2026-08")[0] == 0
    code, out, err = inside("view", "seats", "--since", "2026-08", "--limit", "2")
    assert (code, err) == (0, "")
    assert "the first 2 of " in out
    more = {f"INVOICEKIT_{name.upper()}": value for name, value in both_services.settings.items()}
    done = run("view", "seats", "--limit", "2", url="", token="", cache=kept_answers, **more)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("warning: not among these charges")
    assert done.stderr.endswith(" more. invoicekit sync brings them in\n")


def test_explain_tells_each_line_in_a_sentence_that_fits(inside, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    code, out, err = inside("explain", AFTER, "--limit", "3")
    assert code == 0, err
    assert out.startswith("the first 3 of 5,157 rows\n0: ")
    assert max(map(cell_len, out.splitlines()[:-1])) <= 60
    told = [line for line in out.splitlines() if line[:3] in {"0: ", "1: ", "2: "}]
    assert len(told) == 3
    assert "takes back row 1" in " ".join(out.split())
    _, out, _ = inside("explain", AFTER, "--limit", "3", "--format", "json")
    assert [row["row"] for row in json.loads(out)] == [0, 1, 2]
    assert [row["mate"] for row in json.loads(out)] == [None, None, 1]
    code, out, _ = inside("explain", AFTER, "--unexplained")
    assert out.startswith("(no lines)\n")


def test_glossary_needs_no_service(inside, both_services):
    before = len(both_services.requests)
    code, out, err = inside("glossary")
    assert (code, err) == (0, "")
    assert out.startswith("new (one-off, a charge; also purchase): A new purchase.\n")
    code, out, _ = inside("glossary", "REFUND", "--format", "csv")
    assert next(iter(csv.DictReader(io.StringIO(out))))["charge_type"] == "cancel"
    code, out, err = inside("glossary", "newish")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "ik." not in err
    assert len(both_services.requests) == before


def test_fields_need_no_service(inside, both_services):
    before = len(both_services.requests)
    code, out, err = inside("fields", "OneTimeInvoiceLineItem", "--format", "csv")
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["column"] for row in rows[:2]] == ["partner_id", "customer_id"]
    code, out, err = inside("fields", "--limit", "2", "--format", "table")
    assert (code, out.count("LicenseBasedLineItem")) == (0, 2)
    code, out, err = inside("fields", "OneTimeLineItem")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "Did you mean 'OneTimeInvoiceLineItem'?" in err
    assert len(both_services.requests) == before


def test_demo_plants_faults(inside):
    code, out, err = inside("demo", "--faults", "one-cent,missing customer", "-o", "there")
    assert code == 0, err
    assert "✘ differs: 247,259.69 USD" in out
    assert "difference 0.01" in out
    report = Path("there", "G012345612.html").read_text(encoding="utf-8")
    no_customer = report.split("no customer", 1)[1][:200]
    assert '<td class="number">6</td>' in no_customer  # three of them are in the clean one too
    code, out, err = inside("demo", "--faults", "one-cnt")
    assert (code, out, err.count("\n")) == (2, "", 1)
    for name in FAULTS:
        assert name.replace(" ", "-") in err


def test_since_goes_by_the_dates_of_invoices_and_help_says_so(inside):
    """The month in a table is the one that was billed: the one before, mostly."""
    assert inside("sync", "--since", "2026-11")[0] == 0
    code, out, err = inside("view", "families-by-month", "--since", "2026-11", "--format", "json")
    assert code == 0, err
    assert {row["month"] for row in json.loads(out)} == {"2026-10"}
    for command in ("view", "sync"):
        assert "Invoices dated in this month or later" in " ".join(inside(command, "-h")[1].split())

"""What is odd about an invoice, at the shell."""

from __future__ import annotations

import csv
import io
import json

import pytest
from rich.cells import cell_len

import invoicekit as ik
from invoicekit.cli import proving
from invoicekit.show.export import rows_for_json
from support.partner import BILLING, Partner
from support.server import TOKEN, invoice, line, page, rows
from support.shell import run

TIES, DIFFERS = "G012345612", "G012345607"


@pytest.fixture
def client(both_services, kept_answers):
    with ik.connect(**both_services.settings, cache_dir=kept_answers) as one:
        yield one


@pytest.mark.parametrize("columns", ["60", "80", "200"])
def test_below_a_proof_that_differs_are_findings_and_suspects(inside, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    code, out, err = inside("reconcile", DIFFERS)
    assert (code, err) == (3, "")
    *told, badge = out.splitlines()
    assert badge.startswith(f"{DIFFERS}  ✘ differs")
    assert max(map(cell_len, told)) <= int(columns)
    table, findings, suspects = out.split("\n\n")[:3]
    assert table.count("\n") in {3, 4}
    assert findings.startswith("error: header only, -1,250.50 USD: the header's total")
    assert "note:" not in findings
    assert suspects.startswith("suspect 1: with these 5 lines once more")
    assert "- and 2 more lines" in suspects


def test_a_proof_that_ties_has_nothing_below(inside):
    code, out, _ = inside("reconcile", TIES)
    assert code == 0
    assert out.splitlines()[-1].startswith(f"{TIES}  ✔ ties")
    assert "\n\n" not in out


def test_the_proof_as_data_has_its_fields_alone(inside):
    code, out, _ = inside("reconcile", DIFFERS, "--format", "json")
    assert code == 3
    assert list(json.loads(out)) == [
        "invoice_id", "state", "ties", "currency", "invoice_total", "lines_total", "difference",
        "lines", "pages",
    ]  # fmt: skip


@pytest.mark.parametrize("command", ["findings", "suspects", "quality"])
def test_data_is_what_the_library_gives(inside, client, command):
    invoice = client.invoice(DIFFERS)
    if command == "quality":
        frame = ik.quality(invoice.line_items())
    else:
        frame = getattr(invoice.reconcile(), command)
    code, out, err = inside(command, DIFFERS, "--format", "json")
    assert code == 0, err
    assert json.loads(out) == rows_for_json(frame)
    assert err.startswith(f"{DIFFERS}  ✘ differs")
    code, out, _ = inside(command, DIFFERS, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (code, len(rows), list(rows[0])) == (0, frame.height, frame.columns)


def test_nothing_odd_is_said(inside):
    code, out, _ = inside("suspects", TIES)
    assert code == 0
    assert out.startswith("no suspects\n")
    code, out, _ = inside("findings", "D070001001")
    assert code == 0
    assert out.startswith("nothing is odd\n")


def test_quality_tells_what_has_drifted(inside):
    code, out, err = inside("quality", "latest", "--before", DIFFERS)
    assert code == 0, err
    assert "note: no customer, OneTimeInvoiceLineItem, customer_id, 3 lines, 42.84 USD" in out


def test_what_goes_wrong_behind_the_proof_does_not_hide_it(serve, tmp_path):
    """Usage that cannot be added is none of the proof, but of what is odd."""
    huge = {"billingPreTaxTotal": "99999999999999", "billingCurrency": '"USD"'}
    usage = rows(*[line(object_type="DailyRatedUsageLineItem", **huge)] * 3)

    def lines(asked):
        return page(usage if "usage" in asked.target.lower() else rows(line()))

    pairs = (("one_time", BILLING), ("one_time", "usage_line_items"))
    service = serve(Partner(invoice(total="1.11", pairs=pairs), lines=lines))
    done = run("reconcile", "G1", url=service.url, token=TOKEN, cache=tmp_path)
    assert done.returncode == 3
    assert done.stdout.splitlines()[-1] == (
        "G1  ✘ differs: 1.11 USD, 1 line, 2 pages, difference 0.01"
    )
    assert "onetime/billing" in done.stdout
    *_, last = done.stderr.splitlines()
    assert last.startswith("error: what is odd could not be looked for: the amounts are too large")
    assert "Traceback" not in done.stderr


def test_an_interrupt_while_suspects_are_looked_for_leaves_the_proof(inside, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(proving, "told_below", interrupted)  # it may take seconds
    code, out, err = inside("reconcile", DIFFERS)
    assert code == 130
    assert out.splitlines()[-1].startswith(f"{DIFFERS}  ✘ differs")
    assert err.startswith("interrupted")

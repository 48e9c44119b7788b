"""Scripts as users write them: each short, typed, and run in a process of its own."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal

import duckdb
import polars as pl
import pytest

from invoicekit.sandbox.server import Sandbox, demo_sandbox
from support.paths import TESTS

SCRIPTS = sorted((TESTS / "scripts").glob("*.py"))
SHORT = 15  # lines


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with demo_sandbox(graph=True) as server:
        yield server


@pytest.fixture(scope="module")
def run(sandbox, tmp_path_factory):
    """Runs a script with the sandbox's settings in its environment, as a user has his own."""
    cache = tmp_path_factory.mktemp("scripts")
    settings = {**sandbox.settings, "tenant_id": "demo", "cache_dir": str(cache)}
    ours = {f"INVOICEKIT_{name.upper()}": value for name, value in settings.items()}

    def run(name: str, *arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", str(TESTS / "scripts" / name)]
        done = subprocess.run(
            [*command, *map(str, arguments)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONIOENCODING": "utf-8", **ours},
            check=False,
            timeout=120,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        assert sandbox.token not in done.stdout + done.stderr
        return done

    return run


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_is_short(script):
    assert len(script.read_text(encoding="utf-8").splitlines()) < SHORT


def test_a_csv_per_customer_of_a_month(run, tmp_path, demo):
    run("csv_per_customer.py", "2026-10", tmp_path)
    october = pl.concat([demo.invoice(name).charges() for name in ("G012345612", "D070001012")])
    wanted = dict(october.group_by("customer_id").agg(pl.col("total").sum()).iter_rows())
    found = {}
    for path in tmp_path.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        assert {line["month"] for line in lines} == {"2026-10"}
        found[lines[0]["customer_id"] or None] = sum(Decimal(line["total"]) for line in lines)
    assert found == wanted


def test_an_alert_on_what_does_not_tie(run, demo):
    proofs = {one.id: one.reconcile() for one in demo}
    wanted = [f"{name} {proof}" for name, proof in proofs.items() if not proof.ties]
    assert wanted
    assert run("alert.py", code=1).stderr.splitlines() == wanted


def test_feeding_duckdb_loses_no_digit(run, tmp_path, demo):
    run("into_duckdb.py", tmp_path / "charges.duckdb")
    with duckdb.connect(str(tmp_path / "charges.duckdb")) as database:
        found = database.execute("select invoice_id, sum(total) from charges group by 1").fetchall()
    demo.sync(tell=lambda _: None)
    assert dict(found) == dict(demo.totals("invoice_id").select("invoice_id", "total").iter_rows())


def test_a_join_with_a_crm_export_keeps_every_total(run, tmp_path, demo):
    demo.sync(tell=lambda _: None)
    totals = demo.totals("month", "customer")
    known = totals["customer_id"].drop_nulls().unique().sort().to_list()
    crm = tmp_path / "crm.csv"
    crm.write_text("customer_id,manager\n" + "".join(f"{one},M\n" for one in known[::2]), "utf-8")
    run("with_crm.py", crm, tmp_path / "out.csv")
    joined = pl.read_csv(tmp_path / "out.csv", infer_schema=False)
    assert joined.columns == [*totals.columns, "manager"]
    assert sum(map(Decimal, joined["total"])) == totals["total"].sum()
    of_known = joined.filter(pl.col("customer_id").is_in(known[::2]))
    assert set(of_known["manager"]) == {"M"}
    assert of_known.height < joined.height == totals.height


def test_a_nightly_sync_of_24_invoices_with_a_log(run, tmp_path, sandbox, demo):
    done = run("nightly.py", "2026-01", tmp_path / "sync.log")
    states = [one.reconcile().state for one in demo if str(one.date) >= "2026-01"]
    assert len(states) == 24
    assert done.stdout.strip() == str(
        [(state, states.count(state)) for state in ("ties", "differs")]
    )
    log = (tmp_path / "sync.log").read_text(encoding="utf-8")
    assert log.count("nightly INFO ") == 24
    assert "nightly INFO G012345612  ✔ ties: 247,259.68 USD" in log
    assert "invoicekit.fetch" in log
    assert sandbox.token not in log

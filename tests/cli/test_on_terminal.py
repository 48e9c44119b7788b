"""What people see: colours where they are wanted, and tables that fit the terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from rich.cells import cell_len

from support.partner import BILLING, Partner, whose
from support.server import TOKEN, Reply, Service, invoice, line, page, rows
from support.shell import environment, on_terminal

if os.name == "nt":
    pytest.skip("pseudo-terminals of POSIX", allow_module_level=True)

MODULE = [sys.executable, "-m", "invoicekit"]
GUID = "8b23fcd2-4f36-4e61-9d3a-{:012d}"
NAMES = ["Gießkanne Vermögensverwaltungsgesellschaft", "日本マイクロソフト販売株式会社", "✔ ties"]
GREEN, RED, YELLOW = ("\x1b[32m✔ ties\x1b[0m", "\x1b[31m✘ differs\x1b[0m",
                      "\x1b[33m⚠ incomplete\x1b[0m")  # fmt: skip


@pytest.fixture(scope="module")
def service():
    """G1 ties, G2 differs, G3 lacks a collection; a customer pretends that all is well."""
    lines = [
        line("-12345678.90", name=name, customerId=f'"{GUID.format(n)}"', chargeType='"new"')
        for n, name in enumerate(NAMES)
    ]

    def answer(asked):
        return page(rows(*lines)) if whose(asked)[1] == "OneTime" else Reply(b"{}", 404)

    partner = Partner(
        invoice("G1", "-37037036.70", date="2024-01-05T00:00:00Z"),
        invoice("G2", "5", date="2024-02-05T00:00:00Z"),
        invoice(
            "G3", "5", date="2024-03-05T00:00:00Z",
            pairs=(("one_time", BILLING), ("azure", BILLING)),
        ),
        lines=answer,
    )  # fmt: skip
    with_service = Service(partner)
    yield with_service
    with_service.close()


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def shown(service, cache):
    """What a terminal of so many columns gets."""

    def ask(*arguments, columns=80, **more):
        env = environment(service.url, TOKEN, cache, **{"TERM": "xterm-256color", **more})
        for name in ("NO_COLOR", "COLUMNS"):
            if name not in more:
                env.pop(name, None)
        return on_terminal([*MODULE, *arguments], env, columns=columns)

    return ask


@pytest.mark.parametrize(
    ("arguments", "code", "badge"),
    [
        (["totals", "G1"], 0, GREEN),
        (["totals", "G1", "--format", "csv"], 0, GREEN),
        (["totals", "G2", "--format", "json"], 0, RED),
        (["reconcile", "G2"], 3, RED),
        (["reconcile", "G3"], 4, YELLOW),
        (["sync"], 4, GREEN),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_badge_is_coloured_on_a_terminal(shown, arguments, code, badge):
    got, left = shown(*arguments)
    assert left == code
    assert badge in got
    if arguments[0] != "sync":
        assert re.findall(r"\x1b\[\d+m", got) == re.findall(r"\x1b\[\d+m", badge)


def test_words_from_outside_are_not_coloured(shown):
    got, _ = shown("totals", "G1", "--by", "customer")
    assert got.count("✔ ties") == 2
    assert got.count("\x1b[32m") == 1


@pytest.mark.parametrize("more", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_no_color_and_a_dumb_terminal_hold_colours_off(shown, more):
    got, _ = shown("totals", "G1", **more)
    assert "✔ ties" in got
    assert "\x1b" not in got


def test_a_pipe_and_a_file_get_no_colours(service, cache, tmp_path):
    env = environment(service.url, TOKEN, cache, TERM="xterm-256color")
    env.pop("NO_COLOR", None)
    out = tmp_path / "totals.txt"
    for more in ([], ["-o", str(out)], ["--format", "csv"]):
        done = subprocess.run(
            [*MODULE, "totals", "G1", *more], env=env, capture_output=True, check=True
        )
        assert b"\x1b" not in done.stdout + done.stderr
    assert b"\x1b" not in out.read_bytes()


@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize(
    "arguments",
    [["invoices"], ["totals", "G1"], ["totals", "G1", "--by", "charge_type"], ["reconcile", "G1"]],
    ids=" ".join,
)
def test_a_table_fits_the_terminal(shown, arguments, columns):
    got, _ = shown(*arguments, columns=columns, NO_COLOR="1")
    table = got.split("G1  ✔ ties")[0].splitlines()
    assert len(table) >= 3
    assert max(map(cell_len, table)) <= columns
    amounts = re.findall(r"-[\d,]+\.\d\d", got)
    assert amounts
    assert all(amount in {"-12,345,678.90", "-37,037,036.70"} for amount in amounts)
    if arguments == ["totals", "G1"]:
        assert table[0].startswith("customer_name  ")
        assert ("customer_id" in table[0]) == (columns == 200)
        assert re.search(r"left out: .*customer_id\)", got) or columns == 200

"""What reaches a terminal, a pipe, a file, or nobody: whole processes on real ones."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import pytest

from support.partner import BILLING, ONE_TIME_AND_AZURE, Partner, whose
from support.server import TOKEN, Reply, Service, invoice, line, page, rows
from support.shell import environment, on_terminal, run, screen

if os.name == "nt":
    pytest.skip("pseudo-terminals and signals of POSIX", allow_module_level=True)

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\x08\x7f\r\n\u202e\u2066\u200b\ufeff\u2028\U000e0041Evil"
NAME = "Gießkanne 日本"
# What tqdm and the terminal itself put between our words, and the coloured badge.
OURS = re.compile(r"\x1b\[A|[\r\n]|\x1b\[3[123]m[✔✘⚠] (?:ties|differs|incomplete)\x1b\[0m")
MODULE = [sys.executable, "-m", "invoicekit"]


def invisible(got: str) -> set[str]:
    """The characters in it that show nothing, or turn the rest about."""
    return {
        ascii(letter)
        for letter in OURS.sub("", got)
        if unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    }


@pytest.fixture(scope="module")
def service():
    """Three invoices: G1 ties, G2 differs, G3 has a collection that is not to be had."""
    partner = Partner(
        invoice("G1", "1.10", date="2024-01-05T00:00:00Z"),
        invoice("G2", "-1249.40", date="2024-02-05T00:00:00Z"),
        invoice("G3", date="2024-03-05T00:00:00Z", pairs=ONE_TIME_AND_AZURE),
        lines={"OneTime": page(rows(line("1.10", name=NAME))), "Azure": Reply(b"{}", 404)},
    )
    with_service = Service(partner)
    yield with_service
    with_service.close()


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def env(service, cache):
    return environment(service.url, TOKEN, cache, COLUMNS="40", NO_COLOR="1")


@pytest.fixture
def shell(service, cache):
    return lambda *arguments, **more: run(
        *arguments, url=service.url, token=TOKEN, cache=cache, **more
    )


@pytest.fixture
def hostile(serve):
    """A service whose every word tries to steer the terminal."""
    header = invoice(
        "G1",
        date="2024-01-05T00:00:00Z",
        pairs=(("one_time", BILLING), (EVIL, BILLING), ("azure", BILLING)),
        documentType=EVIL,
        invoiceType=EVIL,
    )
    wrong = json.dumps({"code": EVIL, "description": EVIL}).encode()

    def answer(asked):
        target = asked.target.lower()
        if "azure" in target:
            return Reply(wrong, 404)
        if "lineitems" in target:
            words = {"name": EVIL, "customerId": '"c"', "chargeType": json.dumps(EVIL)}
            odd = line(**words, object_type=f"New{EVIL}", **{"new\u202e": "1"})
            return page(rows(line(**words), odd))
        if target.endswith("g1"):
            return header.encode()
        if target.endswith("g2"):
            return Reply(wrong, 400)
        return f'{{"items":[{header}]}}'.encode()

    return serve(answer)


PRINTS = """
import invoicekit as ik
client = ik.connect()
found = client.invoice("G1")
print(client, found.reconcile(), found, found.line_items(), sep="\\n")
print(found.details.height, client.doctor())
client.invoice("G2")
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["invoices"],
        ["invoices", "--format", "json"],
        ["invoices", "--format", "csv"],
        ["totals", "G1", "--by", "customer,charge_type"],
        ["totals", "G1", "--by", "customer,charge_type", "--format", "json"],
        ["reconcile", "G1"],
        ["findings", "G1"],
        ["suspects", "G1"],
        ["quality", "G1"],
        ["explain", "G1"],
        ["view", "customers", "G1"],
        ["compare", "G1", "G1"],
        ["sync"],
        ["invoices", "G2"],
        ["totals", "G2"],
    ],
    ids=" ".join,
)
def test_nothing_that_steers_reaches_a_terminal(hostile, tmp_path, arguments):
    env = environment(hostile.url, TOKEN, tmp_path, INVOICEKIT_DEBUG="1")
    got, _ = on_terminal([*MODULE, *arguments], env)
    assert len(got) > 40
    assert invisible(got) == set()
    if "json" in arguments:
        found = json.loads(got[got.index("[\r\n") : got.rindex("]") + 1])
        assert EVIL in {value for row in found for value in row.values()}


def test_nothing_that_steers_is_in_what_python_prints(hostile, tmp_path):
    # from 3.13 on Python colours tracebacks by itself
    env = environment(hostile.url, TOKEN, tmp_path, PYTHON_COLORS="0")
    got, code = on_terminal([sys.executable, "-c", PRINTS], env)
    assert code == 1
    assert "Traceback" in got
    assert "incomplete" in got
    assert invisible(got) == set()


WAITS = """
import invoicekit as ik
from invoicekit.sandbox.graph.script import Script
from invoicekit.sandbox.server import demo_sandbox
with demo_sandbox(graph=True) as sandbox:
    sandbox.graph.script = Script(("queued", "running", "succeeded"), retry_after="3")
    client = ik.connect(**sandbox.settings, tenant_id="t", client_id="one-app")
    client.latest.line_items()
"""


def test_a_bar_shows_what_is_waited_for(tmp_path):
    env = environment("", "", tmp_path)
    got, code = on_terminal([sys.executable, "-c", WAITS], env)
    assert code == 0, got
    waits = re.findall(r"\r(the export of [a-z/]+ of G012345612 is \w+), \d s so far \[00:0", got)
    assert 2 <= len(waits) <= 20  # about one a second; five a second would be 60 or more
    assert re.search(r"\rG012345612: \d+ lines \[00:0", got)
    told = re.findall(r"\rinvoicekit: the export of .* is queued, 0 s so far; waiting 3 s\r\n", got)
    assert told
    assert screen(got)[-1] == ""


def test_json_on_a_pipe_is_what_the_service_said(hostile, tmp_path):
    done = run("invoices", "--format", "json", url=hostile.url, token=TOKEN, cache=tmp_path)
    assert json.loads(done.stdout)[0]["document_type"] == EVIL


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-16"])
def test_data_is_utf_8_whatever_the_locale(service, cache, encoding):
    env = environment(service.url, TOKEN, cache, PYTHONIOENCODING=encoding)

    def out(*arguments):
        done = subprocess.run(
            [*MODULE, "totals", "G1", *arguments], env=env, capture_output=True, check=True
        )
        return done.stdout

    text = out("--format", "csv").decode()
    assert "\r" not in text
    assert next(csv.DictReader(io.StringIO(text)))["customer_name"] == NAME
    assert json.loads(out("--format", "json").decode())[0]["customer_name"] == NAME


def test_a_table_says_in_ascii_what_the_stream_cannot(service, cache):
    env = environment(service.url, TOKEN, cache, PYTHONIOENCODING="cp1252")
    done = subprocess.run([*MODULE, "totals", "G1"], env=env, capture_output=True, check=True)
    text = done.stdout.decode("cp1252")
    assert "Gießkanne ??" in text
    assert "G1  OK ties" in text


def test_a_script_s_sync_prints_what_its_output_can_show(service, cache):
    env = environment(service.url, TOKEN, cache, PYTHONIOENCODING="cp1252")
    code = "import invoicekit as ik; ik.connect().sync()"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)
    assert "G1  OK ties" in done.stdout.decode("cp1252")


@pytest.mark.parametrize(
    ("arguments", "code", "badge"),
    [
        (["totals", "G1"], 0, "✔ ties"),
        (["totals", "G1", "--format", "csv"], 0, "✔ ties"),
        (["totals", "G2", "--format", "json"], 0, "✘ differs"),
        (["reconcile", "G1"], 0, "✔ ties"),
        (["reconcile", "G2"], 3, "✘ differs"),
        (["reconcile", "G3"], 4, "⚠ incomplete"),
        (["invoices"], 0, ""),
        (["--help"], 0, ""),
        (["sync"], 4, ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_reader_who_has_gone_is_no_error_and_the_badge_is_kept(env, arguments, code, badge):
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        [*MODULE, *arguments],
        env=env, stdout=writes, stderr=subprocess.PIPE, check=False, encoding="utf-8",
    )  # fmt: skip
    os.close(writes)
    assert done.returncode == code, done.stderr
    assert badge in done.stderr
    assert "Traceback" not in done.stderr
    assert "error" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_the_badge_is_kept_where_head_takes_the_first_line(env):
    done = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$@" totals G1 | head -1', "-", *MODULE],
        env=env, capture_output=True, check=False, encoding="utf-8",
    )  # fmt: skip
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert done.stderr.count("✔ ties") == 1
    both = subprocess.run(
        ["bash", "-c", '"$@" totals G1 2>&1 | cat', "-", *MODULE],
        env=env, capture_output=True, check=False, encoding="utf-8",
    )  # fmt: skip
    assert both.stdout.count("✔ ties") == 1


@pytest.mark.parametrize(
    ("closed", "found", "code"),
    [(">&-", "G2", 3), (">&- 2>&-", "G3", 4), (">&- 2>&- <&-", "G1", 0), ("2>&-", "G2", 3)],
)
def test_with_its_output_closed_reconcile_leaves_with_what_it_found(env, closed, found, code):
    done = subprocess.run(
        ["bash", "-c", f'"$@" reconcile {found} {closed}', "-", *MODULE],
        env=env, capture_output=True, check=False, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_an_output_that_is_full_is_an_error_of_one_line(env):
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run(
            [*MODULE, "reconcile", "G1"],
            env=env, stdout=full, stderr=subprocess.PIPE, check=False, encoding="utf-8",
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["invoices"], 0),
        (["totals", "G1"], 0),
        (["reconcile", "G2"], 3),
        (["sync", "--since", "2024-02"], 4),
        (["doctor"], 0),
        (["cache", "info"], 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_each_data_command_writes_a_file(shell, tmp_path, arguments, code):
    out = tmp_path / "new" / "out.JSON"
    shell(*arguments)  # what a sync brings in is new but once
    done = shell(*arguments, "-o", str(out))
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    found = json.loads(out.read_bytes())
    assert found == json.loads(shell(*arguments, "--format", "json").stdout) or "cache" in arguments
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert list(out.parent.iterdir()) == [out]


def test_a_file_gets_the_table_with_its_badge_or_csv(shell, tmp_path):
    out = tmp_path / "out.txt"
    done = shell("totals", "G1", "-o", str(out))
    assert "✔ ties" in done.stderr
    assert out.read_text(encoding="utf-8") == shell("totals", "G1").stdout
    shell("totals", "G1", "--format", "csv", "-o", str(out))
    assert out.read_bytes().startswith(b"customer_id,customer_name,")
    assert shell("totals", "G0", "-o", str(out)).returncode == 1
    assert out.read_bytes().startswith(b"customer_id,customer_name,")
    assert shell("totals", "G1", "-o", str(tmp_path)).returncode == 2
    assert shell("totals", "G1", "-o", "-", "--format", "csv").stdout == out.read_text("utf-8")


def test_a_report_goes_into_a_pipe_or_the_output_and_words_beside_it(env, tmp_path):
    got = tmp_path / "report.html"
    with got.open("wb") as file:
        done = subprocess.run(
            [*MODULE, "report", "G1", "-o", "/dev/stdout"],
            env=env, stdout=file, stderr=subprocess.PIPE, check=True, encoding="utf-8",
        )  # fmt: skip
    html = got.read_bytes()
    assert html.startswith(b"<!doctype html>")
    assert html.rstrip().endswith(b"</html>")
    assert "✔ ties" in done.stderr
    cut = subprocess.run(
        ["bash", "-c", '"$@" report G1 -o >(head -c 9); echo code $?', "-", *MODULE],
        env=env, capture_output=True, check=False, encoding="utf-8",
    )  # fmt: skip
    assert "code 0" in cut.stdout
    assert "✔ ties" in cut.stderr


def test_sync_sums_up_and_says_so_where_there_is_nothing(shell):
    done = shell("sync")
    assert done.returncode == 4
    *told, last = done.stdout.splitlines()
    assert [text.split()[0] for text in told] == ["G3", "G2", "G1"]
    assert last == "1 ties, 1 differs: G2 -1,250.50 USD, 1 incomplete: G3"
    nothing = shell("sync", "--since", "2031-01")
    assert (nothing.returncode, nothing.stdout) == (0, "no invoice since 2031-01\n")
    assert json.loads(shell("sync", "--since", "2031-01", "--format", "json").stdout) == []


def test_sync_gives_data_a_row_an_invoice(shell):
    shell("sync")
    done = shell("sync", "--format", "json")
    assert done.returncode == 4
    assert [row["state"] for row in json.loads(done.stdout)] == ["incomplete", "differs", "ties"]
    assert json.loads(done.stdout)[1] == {
        "invoice_id": "G2",
        "invoice_date": "2024-02-05",
        "state": "differs",
        "currency": "USD",
        "invoice_total": "-1249.40",
        "lines_total": "1.10",
        "difference": "-1250.50",
        "lines": 1,
        "pages": 1,
        "new": False,
        "source": "v1",
    }
    assert "1 ties, 1 differs: G2 -1,250.50 USD" in done.stderr
    of_csv = shell("sync", "--since", "2024-02", "--format", "csv")
    found = list(csv.DictReader(io.StringIO(of_csv.stdout)))
    assert [(row["invoice_id"], row["difference"]) for row in found] == [
        ("G3", "0"),
        ("G2", "-1250.5"),
    ]


def test_sync_gives_what_it_could_and_ends_with_the_error(serve, tmp_path):
    headers = [invoice(f"G{n}", date=f"2024-0{n}-05T00:00:00Z") for n in (1, 2, 3)]

    def lines(asked):
        wrong = whose(asked)[0] == "G2"
        return Reply(b"nothing like a page") if wrong else page(rows(line()))

    service = serve(Partner(*headers, lines=lines))

    def sync(*arguments):
        return run("sync", *arguments, url=service.url, token=TOKEN, cache=tmp_path)

    done = sync()
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "2 tie"
    assert "G2  not synced: " in done.stdout
    assert done.stderr.startswith("error: 1 of 3 invoices not synced: G2")
    done = sync("--format", "json")
    assert done.returncode == 1
    assert [row["invoice_id"] for row in json.loads(done.stdout)] == ["G3", "G1"]
    before = len(service.asked)
    assert [row["new"] for row in json.loads(sync("--format", "json").stdout)] == [False, False]
    again = json.loads(sync("--refresh", "--format", "json").stdout)
    assert [row["new"] for row in again] == [True, True]
    asked = [one.target for one in service.asked[before:] if "ineitems" in one.target]
    assert len([target for target in asked if "G1" in target]) == 1  # by --refresh alone


def test_sync_writes_its_lines_above_the_bar(serve, tmp_path):
    """A bar is drawn from a second on; no line of ours is left beside a piece of it."""
    headers = [invoice(f"G{n}", date=f"2024-0{n}-05T00:00:00Z") for n in range(1, 6)]

    def lines(asked):
        return Reply(page(rows(line())), delay=1.4 if whose(asked)[0] == "G5" else 0.3)

    service = serve(Partner(*headers, lines=lines))
    env = environment(service.url, TOKEN, tmp_path, NO_COLOR="1")
    got, code = on_terminal([*MODULE, "sync"], env)
    assert code == 0
    assert "invoices" in got.replace("1 ties", "")  # the bar was there
    told = [text for text in screen(got) if text]
    assert [text.split()[0] for text in told] == ["G5", "G4", "G3", "G2", "G1", "5"]
    assert all(text.endswith("difference 0.00") for text in told[:-1])
    assert told[-1] == "5 tie"


def test_interrupted_in_the_middle(serve, tmp_path):
    header = invoice(date="2024-01-05T00:00:00Z")
    service = serve(Partner(header, lines=Reply(page(rows(line())), delay=20)))
    env = environment(service.url, TOKEN, tmp_path)
    with subprocess.Popen(
        [*MODULE, "sync"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        end = time.monotonic() + 60
        while len(service.asked) < 2 and time.monotonic() < end:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors == "interrupted; what was read is kept for the next try\n"


def test_amounts_are_exact_text_in_json_and_csv(serve, tmp_path):
    """More digits than a binary float has, and a currency without decimals beside."""
    amount = "12345678901234.123456789012345678"
    service = serve(Partner(invoice(total=amount), lines=page(rows(line(amount)))))

    def ask(*arguments):
        return run(*arguments, url=service.url, token=TOKEN, cache=tmp_path).stdout

    (row,) = json.loads(ask("totals", "G1", "--format", "json"))
    assert (row["total"], row["tax"]) == (amount, "0.00")
    (row,) = csv.DictReader(io.StringIO(ask("totals", "G1", "--format", "csv")))
    assert row["total"] == amount
    proof = json.loads(ask("reconcile", "G1", "--format", "json"))
    assert (proof["lines_total"], proof["difference"]) == (amount, "0.00")


def test_lines_as_csv_are_guarded_unless_raw(serve, tmp_path):
    service = serve(Partner(lines=page(rows(line(name="=1+1")))))

    def written(*arguments):
        done = run(
            "lines", "G1", "-o", str(tmp_path / "out"), *arguments,
            url=service.url, token=TOKEN, cache=tmp_path / "cache",
        )  # fmt: skip
        (path,) = map(Path, done.stdout.split())
        return path.read_bytes().decode()

    assert "'=1+1" in written("--format", "csv")
    assert "'=1+1" not in written("--format", "csv", "--raw")
    assert ",=1+1" in written("--format", "csv", "--raw")
    assert "'=1+1" in written("--format", "csv", "--safe")

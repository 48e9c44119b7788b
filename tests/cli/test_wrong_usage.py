"""Wrong command lines: one plain line each, exit code 2, and nothing of Python in it."""

from __future__ import annotations

import os
import re
import shlex
import warnings

import polars as pl
import pytest
import typer

from invoicekit.auth.given import NO_GRAPH_TOKEN
from invoicekit.cli.app import COMMANDS, app
from invoicekit.cli.arguments import FLAGS, SETTINGS
from invoicekit.cli.plain import plain_words
from invoicekit.cli.terminal import run as run_app
from invoicekit.errors import AccessError, SettingsError
from invoicekit.sandbox.demo import demo_partner
from invoicekit.sandbox.server import Sandbox
from support.server import Reply
from support.shell import in_process

WRONG = """
nonsense
--nonsense
--versions
--cloud
--cloud germany invoices
--cloud mars invoices
--page-size 0 invoices
--page-size 2001 invoices
--page-size many invoices
--page-size
totals
totals G012345612 extra
totals G012345612 --by custmer
totals G012345612 --by total
totals G012345612 --by currency
totals G012345612 --by customer,customer
totals G012345612 --by
totals G012345612 --format yaml
totals G012345612 --limit 0
totals G012345612 --limit -1
totals G012345612 --limit few
totals G012345612 --nonsense
totals G012345612 --cloud mars
totals G012345612 --page-size 0
totals G012345612 --cache-dir
totals ../x
invoices extra
invoices --format xml
invoices --limit 0
invoices -o
invoices --offline=yes
lines G012345612
lines G012345612 -o
lines G012345612 -o out --format xlsx
lines G012345612 -o out --provider mars
compare
compare G012345612
compare G012345611 G012345612 extra
reconcile
reconcile G012345612 --format html
reconcile ../x
reconcile G012345611 G012345612
report G012345612
report
statement G012345612
workbook G012345612
statements G012345612
statements G012345612 -o x --markup ten
statements G012345612 -o x --markup 5% --markup 6%
statements G012345612 -o x --markup one=
statements G012345612 -o x --format pdf
evidence
evidence G012345612 -o
view
view nonsense
view seats G012345612 --since 2026-01
view seats --since June
explain
explain G012345612 --limit 0
glossary nonsense
findings
suspects G012345612 --format xml
quality G012345612 --before
demo --faults nonsense
tax-receipts G012345612
sync --since June
sync --since 2026-13
sync extra
sync --format html
read
read totals
read x.csv --total 1
read x.csv reconcile
read x.csv lines
read x.csv --decimal ;
read x.csv --dates ymd
read x.csv totals --by custmer
cache nonsense
cache clear extra
cache info --format yaml
cache clear --invoice
doctor extra
sandbox --port 70000
sandbox --port -1
sandbox --port web
sign-out extra
demo extra
totals G012345612 -o ""
lines G012345612 -o ""
lines G012345612 -o -
lines G012345612 -o out --provider ""
report G012345612 -o -
report G012345612 --output=
workbook G012345612 -o -
evidence G012345612 -o -
statement G012345612 -o -
statement G012345612 -o ""
statements G012345612 -o ""
statements G012345612 -o -
statements G012345612 -o x --markup ""
tax-receipts G012345612 -o -
demo -o ""
demo -o -
read ""
read x.csv report --total 1 --currency EUR -o -
read x.csv lines -o -
invoices --cache-dir ""
--cache-dir "" cache info
cache clear --invoice ""
compare 2026-13 2026-08
compare 2026-08 2026-13
compare 2026/08 2026/09
compare 2026-08-01 2026-09-01
compare 08-2026 09-2026
view price movers
totals G012345612 -o totals.xlsx
invoices -o invoices.Parquet
findings G012345612 -o odd.html --format csv
read x.csv totals -o totals.xlsx
view seat
redact
totals G012345612 --limit 1.5
statements G012345612 -o x --markup =5
""".strip().split("\n")
PYTHON = re.compile(
    r"Value error|unable to parse|\?\. |"
    r"\w\(|\w\.\w+\(|=True|=False|=None|Error\b|Traceback|<class|\bNone\b|_dir\b|_size\b|Enum|client\."
)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(demo_partner()) as server:
        yield server


@pytest.fixture
def shell(sandbox, tmp_path, monkeypatch, capfd):
    """The command line in this process: its exit code, and what it printed."""
    settings = {"base_url": sandbox.url, "token": sandbox.token, "cache_dir": tmp_path / "cache"}
    return in_process(settings, tmp_path, monkeypatch, capfd)


def test_the_nearest_key_is_named(shell):
    assert "Did you mean 'customer'" in shell("totals", "G1", "--by", "custmer")[2]


def test_there_are_forty_at_least():
    assert len(WRONG) >= 40


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_command_line_is_told_in_one_plain_line(shell, sandbox, tmp_path, line):
    asked = len(sandbox.requests)
    code, out, err = shell(*shlex.split(line))
    assert (code, out) == (2, ""), err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert PYTHON.search(err) is None, err
    assert len(sandbox.requests) == asked, "told before anything is asked"
    assert not [path for path in tmp_path.iterdir() if path.name != "cache"], "nothing is written"


@pytest.mark.parametrize(
    ("name", "value", "code", "said"),
    [
        ("CLOUD", "mars", 2, "cloud"),
        ("CLOUD", "germany", 2, "Microsoft closed"),
        ("PAGE_SIZE", "0", 2, "--page-size"),
        ("PAGE_SIZE", "many", 2, "--page-size"),
        ("CONNECTIONS", "99", 2, "INVOICEKIT_CONNECTIONS"),
        ("CONNECTIONS", "many", 2, "INVOICEKIT_CONNECTIONS"),
        ("READ_TIMEOUT", "-1", 2, "INVOICEKIT_READ_TIMEOUT"),
        ("OFFLINE", "perhaps", 2, "INVOICEKIT_OFFLINE"),
        ("BASE_URL", "http://there.example", 1, "--base-url"),
        ("TOKEN", "a b", 1, "token"),
    ],
)
def test_a_setting_outside_its_set_or_range_is_wrong_usage_wherever_it_comes_from(
    shell, monkeypatch, name, value, code, said
):
    monkeypatch.setenv(f"INVOICEKIT_{name}", value)
    left, out, err = shell("invoices")
    assert (left, out, err.count("\n")) == (code, "", 1)
    assert err.startswith(f"error: {said} ")
    assert PYTHON.search(err) is None, err


def test_a_setting_without_an_option_is_told_by_its_variable():
    told = plain_words(SettingsError("the key is encrypted; set client_certificate_password"))
    assert told == "the key is encrypted; set INVOICEKIT_CLIENT_CERTIFICATE_PASSWORD"


def test_the_settings_that_may_stand_after_a_command_are_all_that_stand_before_one():
    group = typer.main.get_command(app)
    before = {option for one in group.params for option in one.opts}
    assert before - {"--version", "--install-completion", "--show-completion"} == {
        *SETTINGS, *FLAGS
    }  # fmt: skip


def test_a_name_and_a_month_say_what_is_wrong_with_them(shell):
    said = shell("report", "G012345612", "-o", "-")[2]
    assert "'-o': - is for data that is printed; name what to write" in said
    assert "'-o': the name is empty" in shell("totals", "G012345612", "-o", "")[2]
    assert "'2026-13' is no month; say it as 2026-01" in shell("compare", "2026-13", "2026-08")[2]


def test_a_view_is_named_as_a_word_of_a_command_line(shell):
    said = shell("view", "price mover")[2]
    assert said.startswith("error: no view 'price mover'; the views are customers, products, fam")
    assert "Did you mean 'price-movers'? See: invoicekit view --help" in said
    assert shell("view", "PRICE_MOVERS", "D070001012", "--format", "csv")[0] == 0


def test_a_dash_is_standard_output_for_data(shell):
    code, out, _ = shell("glossary", "new", "-o", "-", "--format", "csv")
    assert (code, out.split(",")[0]) == (0, "charge_type")


def test_version_and_help_have_short_ways(shell):
    code, out, _ = shell("--version")
    assert (code, out.split()[0], out.count("\n")) == (0, "invoicekit", 1)
    commands = [f"{command.__name__.replace('_', '-')} -h" for command in COMMANDS]
    for line in ("-h", *commands, "cache -h", "cache info -h"):
        code, out, err = shell(*line.split())
        assert (code, err) == (0, "")
        assert "Usage:" in out
        assert not re.search(r"\w[.]{3}$", out, re.MULTILINE), "a command's help is said in full"
    _, out, _ = shell("totals", "-h")
    for key in ("customer", "charge_family", "reseller_id"):
        assert key in out


def test_settings_stand_after_the_command_as_well(shell, sandbox, monkeypatch):
    monkeypatch.delenv("INVOICEKIT_BASE_URL")
    code, out, err = shell("invoices", "--format", "csv", f"--base-url={sandbox.url}")
    assert (code, err) == (0, "")
    again = shell("invoices", "--base-url", sandbox.url, "--format", "csv", "--offline")
    assert again == (0, out, "")


def test_latest_is_an_id_and_limit_says_what_it_leaves_out(shell):
    code, out, err = shell("totals", "latest", "--limit", "2", "--format", "csv")
    assert (code, out.count("\n")) == (0, 3)
    assert "the first 2 of 41 rows" in err
    assert "G012345612  \u2714 ties" in err
    code, out, _ = shell("invoices", "--limit", "1")
    assert (code, out.count("\n")) == (0, 4)


def test_statement_and_tax_receipts_are_written(shell, tmp_path):
    code, _, err = shell("statement", "latest", "-o", "a/bill.pdf")
    assert code == 0, err
    assert (tmp_path / "a" / "bill.pdf").read_bytes().startswith(b"%PDF")
    code, _, err = shell("statement", "latest", "-o", "a/bill.pdf")
    assert (code, err.count("\n")) == (1, 1)
    assert err.endswith("--overwrite writes over it\n")
    assert shell("statement", "latest", "-o", "a/bill.pdf", "--overwrite")[0] == 0
    code, out, _ = shell("tax-receipts", "latest", "-o", "a")
    assert (code, len(out.split())) == (0, 2)
    none = shell("tax-receipts", "G012345611", "-o", "a")
    assert none == (0, "", "this invoice has no tax receipts\n")  # fmt: skip


def test_an_error_of_the_service_has_its_code_and_request_id(shell, serve, monkeypatch):
    body = b'{"code": 900421, "description": "no MFA"}'
    service = serve(lambda _: Reply(body, 401, headers={"MS-RequestId": "there-1"}))
    monkeypatch.setenv("INVOICEKIT_BASE_URL", service.url)
    code, _, err = shell("invoices")
    assert (code, err.count("\n")) == (1, 1)
    assert re.search(r"\(code 900421, request [\w-]{8,}\)$", err), err


@pytest.mark.skipif(os.name == "nt", reason="links there want a right")
def test_an_error_of_the_system_is_told_without_its_number(shell, tmp_path):
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    code, out, err = shell("glossary", "-o", "loop.csv")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "Errno" not in err
    assert "loop.csv: " in err


def test_what_the_library_says_to_call_is_a_command_at_the_shell():
    error = AccessError("x. Check the spelling; the list of invoices is client.invoices()")
    assert plain_words(error).endswith("the list of invoices is invoicekit invoices")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (NO_GRAPH_TOKEN, r"there\. Set INVOICEKIT_GRAPH_TOKEN to a .*, which serve both$"),
        ('no host: set graph_url as well, or take source="v1"', "--graph-url as well$"),
        ('its lines are Partner Center\'s: source="v1"', "lines are Partner Center's$"),
        ("asking (ask=True, or --ask) signs in", r"asking \(--ask\) signs in"),
        ("only the client can tell (ik.connect()); expected CSV", "can tell; expected CSV"),
    ],
)
def test_what_a_notebook_would_write_is_not_said_at_the_shell(told, said):
    words = plain_words(SettingsError(told))
    assert re.search(said, words), words
    assert PYTHON.search(words) is None


def test_a_path_is_told_as_it_is():
    assert plain_words(OSError(2, "gone", "/data/cache_dir/x.csv")) == "/data/cache_dir/x.csv: gone"


@pytest.mark.parametrize("shape", ["table", "json"])
def test_the_doctor_names_options_and_variables(shell, monkeypatch, shape):
    _, out, err = shell("doctor", "--format", shape)
    assert "--base-url is not the cloud's own, and --graph-url is not set" in out, err
    monkeypatch.setenv("INVOICEKIT_GRAPH_URL", "http://127.0.0.1:9")
    _, out, err = shell("doctor", "--format", shape)
    assert "Set INVOICEKIT_GRAPH_TOKEN" in out, err
    assert "source=" not in out


@pytest.mark.parametrize(
    ("panic", "code", "said"),
    [
        ("`unwrap()` on an `Err` value: PyErr { type: <class 'KeyboardInterrupt'> }", 130,
         "interrupted; what was read is kept for the next try\n"),
        ("index out of bounds", 1,
         "error: PanicException: index out of bounds (INVOICEKIT_DEBUG=1 shows where)\n"),
    ],
    ids=["interrupt", "bug"],
)  # fmt: skip
def test_a_panic_of_polars_shows_no_traceback(panic, code, said, monkeypatch, capfd):
    """It is no Exception; Ctrl-C is one too where it hits polars as it calls Python."""
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    app = typer.Typer(add_completion=False)

    @app.command()
    def command() -> None:
        raise pl.exceptions.PanicException(panic)

    with pytest.raises(SystemExit) as left:
        run_app(app, [])
    assert left.value.code == code
    assert capfd.readouterr() == ("", said)

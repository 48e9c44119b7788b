"""What is told where something is wrong: what it is, what to write, and at whose line."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

import invoicekit as ik
from invoicekit.errors import PACKAGE, warn
from support.partner import CLOSED, Partner, refused
from support.server import TOKEN, Reply, invoice, line, page, rows


def two(*names: str) -> Partner:
    return Partner(*(invoice(name) for name in names))


def test_a_warning_steers_no_terminal():
    with pytest.warns(UserWarning, match="^owned31m 00.21$"):
        warn("owned\x9b31m\n\u202e00.21\u200b")


# An invoice's id


@pytest.mark.parametrize("word", ["G000024135", "g000024135", " G000024135\n", "G0000 24135"])
def test_an_id_is_found_without_blanks_and_case(serve, open_client, word):
    client = open_client(serve(two("G000024135", "G000024136")))
    assert client.invoice(word).id == "G000024135"


def test_an_id_is_taken_as_it_is_written_first(serve, open_client):
    client = open_client(serve(two("G1", "g1")))
    assert [client.invoice(name).id for name in ("G1", "g1")] == ["G1", "g1"]
    with pytest.raises(ik.NotFoundError, match="such invoice; write 'g1' or 'G1'; client"):
        client.invoice("G 1")


def test_an_unknown_id_names_the_nearest(serve, open_client):
    client = open_client(serve(two("G000024135", "G000024136", "D1")))
    with pytest.raises(ik.NotFoundError, match=r"404 for .*/invoices/G00002413\. ") as told:
        client.invoice("G00002413")
    assert "did you mean 'G000024136' or 'G000024135'? client.invoices() has" in str(told.value)
    assert told.value.status == 404
    with pytest.raises(ik.NotFoundError, match=r"has no such invoice; client.invoices\(\)"):
        client.invoice("X")


def test_where_the_list_cannot_be_asked_the_first_answer_counts(serve, open_client):
    service = serve(lambda asked: Reply(b"{}", 404 if asked.target.endswith("/G9") else 400))
    with pytest.raises(ik.NotFoundError, match="404 for"):
        open_client(service).invoice("G9")


@pytest.mark.parametrize(("word", "written"), [(12345, '"12345"'), (None, '"G000024135"')])
def test_an_id_is_a_text(serve, open_client, word, written):
    with pytest.raises(TypeError, match=rf"write client.invoice\({written}\)"):
        open_client(serve(Partner())).invoice(word)


def test_latest_is_not_called(serve, open_client):
    with pytest.raises(TypeError, match=r"write client\.latest, without parentheses"):
        open_client(serve(Partner())).latest()


# Words


@pytest.mark.parametrize(
    ("keys", "kind", "words"),
    [
        (("custmer",), ValueError, "; possible are customer, offer.* Did you mean 'customer'."),
        (("Offer Name",), ValueError, "Did you mean 'offer_name'"),
        (("xyz",), ValueError, "'xyz'; possible are customer"),
        (("currency",), ValueError, "currency': it is a key by itself, leave it out"),
        (("total",), ValueError, "'total': it is an amount"),
        ((["customer", "offer"],), TypeError, r'totals\("customer", "offer"\)'),
        ((5,), TypeError, r'totals\("customer", "offer"\)'),
    ],
)
def test_a_wrong_key_is_told_before_anything_is_read(serve, open_client, keys, kind, words):
    service = serve(Partner())
    client = open_client(service)
    found = client.invoice("G1")
    before = len(service.asked)
    for ask in (found.totals, client.totals):
        with pytest.raises(kind, match=words):
            ask(*keys)
    assert len(service.asked) == before
    with pytest.raises(kind, match=words):
        ik.totals(found.charges(), *keys)


def test_a_wrong_word_for_a_collection_is_told_and_changes_nothing(serve, open_client):
    found = open_client(serve(Partner())).invoice("G1")
    for wrong, kind, words in [
        ({"provider": "ofice"}, ValueError, "it is one of onetime, .*. Did you mean 'office'."),
        ({"provider": ["azure"]}, TypeError, "a provider is a text, one of onetime"),
        ({"line_item_type": "bill"}, ValueError, "Did you mean 'billing'"),
        ({"source": "v2"}, ValueError, "'v2' is no source"),
        ({"source": "graph"}, ik.SettingsError, "graph"),
    ]:
        with pytest.raises(kind, match=words):
            found.line_items(**wrong)
        assert found.reconcile().ties


def test_what_is_no_frame_or_no_exact_amount_is_told_with_what_to_write(serve, open_client):
    found = open_client(serve(Partner())).invoice("G1")
    lines = found.line_items()
    for ask, words in [
        (lambda: ik.totals(found, "customer"), r"write invoice.totals\(…\)"),
        (lambda: ik.totals(lines, "customer"), r"ik.totals\(ik.charges\(line_items\)"),
        (lambda: ik.charges(found), r"write invoice.charges\(\)"),
        (lambda: ik.charges(found.charges()), r"ik.charges\(invoice.line_items\(\)\)"),
        (lambda: ik.reconcile(found.charges(), 1.1, currency="USD"), r'write Decimal\("2076.63"\)'),
    ]:
        with pytest.raises(TypeError, match=words):
            ask()


WRONG_THINGS = [
    (lambda _: ik.glossary(3), r'write ik.glossary\("addQuantity"\)'),
    (lambda _: ik.glossary(["new"]), "a charge type is a text"),
    (lambda it: it.client.scan(5), r'write client.scan\("OneTimeInvoiceLineItem"\)'),
    (lambda it: it.client.scan(0), "an objectType is a text"),
    (lambda it: it.client.charges(since=5), 'write since="2026-01"'),
    (lambda it: it.client.unbilled(currency=5), 'write currency="USD"'),
    (lambda it: it.client.estimate_links(currency=5), 'write currency="USD"'),
    (lambda it: it.client.unbilled_snapshot("2026-09-01"), "client.unbilled_history"),
    (lambda it: it.client.figure("customers", currency=3), 'write currency="USD"'),
    (lambda it: it.client.sync(tell="print"), "write tell=print"),
    (lambda it: it.client.compare(it.invoice, it.invoice), r"ik.compare\(\) takes invoices"),
    (lambda it: it.client.compare("2026-09", 10), r'write client.compare\("2026-09", "2026-10"\)'),
    (lambda it: it.client.cache.clear(invoice=5), r'clear\(invoice="G000024135"\)'),
    (lambda it: setattr(it.client, "retry_policy", 5), r"ik.RetryPolicy\(tries=3\)"),
    (lambda it: it.client.view(["seats"]), 'the name of a view is a text: write "seats"'),
    (lambda it: it.invoice.view(3), "the name of a view is a text"),
    (lambda it: it.invoice.figure("products", currency=5), 'write currency="USD"'),
    (lambda it: it.invoice.report(5), r'write invoice.report\("october.html"\)'),
    (lambda it: it.invoice.report(b"a.html"), r"a path is a text or a pathlib.Path"),
    (lambda it: it.invoice.report("a.html", before="G1"), r'before=client.invoice\("G000024135"\)'),
    (lambda it: it.invoice.workbook(None), r'write invoice.workbook\("october.xlsx"\)'),
    (lambda it: it.invoice.evidence(5), r'write invoice.evidence\("october.zip"\)'),
    (lambda it: it.invoice.statements(5), r'write invoice.statements\("october"\)'),
    (lambda it: it.invoice.statement(5), r'write invoice.statement\("october.pdf"\)'),
    (lambda it: it.invoice.tax_receipts(5), r'write invoice.tax_receipts\("october"\)'),
    (lambda _: ik.read(["a.csv", "b.csv"]), r'write ik.read\("october.csv", "october-usage.csv"\)'),
    (lambda _: ik.read(5), "a path is a text or a pathlib.Path"),
    (lambda _: ik.charges({"OneTimeInvoiceLineItem": 5}), "cannot make charges of a int"),
    (lambda _: ik.explain({"OneTimeInvoiceLineItem": 5}), "cannot explain a int: give line items"),
    (lambda _: ik.quality({"OneTimeInvoiceLineItem": 5}), "cannot look at a int"),
    (lambda it: ik.waterfall(it.invoice), r"write ik.waterfall\(ik.compare\(before, after\)\)"),
    (lambda it: ik.reconcile(it.charges, Decimal(1), currency=5), 'write currency="USD"'),
    (lambda it: ik.reconcile(it.charges, Decimal(1), currency="USD", details=5), "polars frame"),
    (lambda _: ik.demo(faults=5), r'write ik.demo\(faults=\["one cent"\]\)'),
]


@pytest.fixture(scope="module")
def it():
    """The demo partner, an invoice of its and the charges of that."""
    with ik.demo() as client:
        invoice = client.invoice("D070001012")
        yield SimpleNamespace(client=client, invoice=invoice, charges=invoice.charges())


@pytest.mark.parametrize(("ask", "words"), WRONG_THINGS)
def test_a_thing_of_another_kind_is_told_with_what_to_write(it, ask, words):
    with pytest.raises(TypeError, match=words):
        ask(it)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda it: it.client.scan(""), "no '' is in the store"),
        (lambda it: it.client.compare("2026-13", "2026-08"), "'2026-13' is no month; say it as"),
        (lambda it: it.client.compare("2026-08", "2026-08-31"), "'2026-08-31' is no month"),
        (
            lambda it: ik.totals(it.charges.drop("customer_id"), "customer"),
            "no column customer_id$",
        ),
        (lambda it: ik.totals(it.charges.drop("offer_name"), "offer"), "by offer: .* offer_name$"),
        (lambda it: it.client.cache.clear(invoice=""), "leave it out to forget all"),
        (lambda it: it.invoice.report(""), "the path is empty"),
        (lambda it: it.invoice.statements(""), "the path is empty"),
        (lambda _: ik.RetryPolicy(tries="x"), "tries is a number, 0 or more: 'x'"),
        (lambda _: ik.RetryPolicy(first=float("nan")), "first is a number, 0 or more: nan"),
    ],
)
def test_a_value_that_is_not_allowed_is_told(it, tmp_path, monkeypatch, ask, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=words):
        ask(it)
    assert not list(tmp_path.iterdir())


def test_a_month_may_be_written_without_its_nought(it):
    short = it.client.compare("2026-9", "2026-10")
    assert short.totals.equals(it.client.compare("2026-09", "2026-10").totals)


def test_explore_takes_a_client(serve, open_client):
    with pytest.raises(TypeError, match=r"ik.explore\(client\)"):
        ik.explore(open_client(serve(Partner())).invoice("G1"))


def test_since_is_a_text(serve, open_client):
    with pytest.raises(TypeError, match='since="2026-01"'):
        open_client(serve(Partner())).sync(since=dt.date(2026, 1, 31))


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("S3CRET\nT0KEN", "a line break, where it was cut. Copy it again, as one line"),
        ("S3CRET T0KEN", "a blank. Copy it again"),
        ("Authorization: Bearer S3CRET", "a header. Leave out what is before the token"),
        ("'S3CRET'", "has quotes around it; leave them out"),
    ],
)
def test_what_is_wrong_with_a_token_is_told(token, words):
    with pytest.raises(ik.SettingsError, match=words):
        ik.connect(token=token, offline=True)


def test_bearer_is_no_part_of_a_token(serve, open_client):
    service = serve(Partner())
    open_client(service, token=f"Bearer {TOKEN}\n").invoices()
    assert service.asked[0].headers["authorization"] == f"Bearer {TOKEN}"


# Advice


def test_a_collection_that_is_left_out_is_no_spelling_mistake(serve, open_client):
    client = open_client(serve(refused("Azure", 404)))
    with pytest.warns(UserWarning, match="azure/billing of G1 is left out") as told:
        client.invoice("G1").reconcile()
    assert "client.invoices()" not in str(told[0].message)
    assert "no such thing, or not yet" in str(told[0].message)


def test_a_hint_is_the_end_of_the_text():
    for error in (ik.FetchError("cut off.", hint="try again"), ik.AccessError("no", hint="x")):
        assert str(error).endswith(f". {error.hint.capitalize()}")
    assert str(ik.FetchError("cut. Try again", hint="try again")) == "cut. Try again"
    assert str(ik.FetchError("cut")) == "cut"


def test_a_closed_client_says_what_to_do(serve, open_client):
    client = open_client(serve(Partner()))
    client.close()
    with pytest.raises(ik.FetchError, match=r"client is closed. Open another with connect\(\)"):
        client.invoices()


# Where it is told


def test_a_traceback_is_short(serve, open_client):
    """A dozen lines of a way that is ours, not a hundred."""
    service = serve(lambda _: Reply(b"{}", 404))
    client = open_client(service)
    for ask in (client.invoices, lambda: client.invoice("G1"), client.sync):
        with pytest.raises(ik.FetchError) as told:
            ask()
        ours = [one for one in told.traceback if str(one.path).startswith(PACKAGE)]
        assert 1 <= len(ours) <= 6


def test_a_warning_is_at_the_line_of_the_caller(serve, open_client):
    """Also one of a page that is decoded on a thread of ours."""
    lines = page(rows(line(), line("5", object_type="New")))
    client = open_client(serve(Partner(invoice(date=CLOSED), lines=lines)))
    with pytest.warns(UserWarning, match="not known") as told:
        client.invoice("G1").charges()
    here = Path(__file__).read_text("utf-8").splitlines()
    assert {one.filename for one in told} == {__file__}
    assert here[told[0].lineno - 1].strip() == 'client.invoice("G1").charges()'


SCRIPT = """
import invoicekit as ik
client = ik.connect()
for _ in range(2):
    client.invoice("G1").charges()
"""


def test_a_warning_of_what_is_missing_is_shown_each_time_without_a_path_of_ours(serve, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, "utf-8")
    service = serve(refused("Azure", date=CLOSED))
    given = {"TOKEN": TOKEN, "BASE_URL": service.url, "TENANT_ID": "t", "CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={f"INVOICEKIT_{name}": value for name, value in given.items()}
        | {"PYTHONPATH": str(Path(PACKAGE).parent), "PYTHONIOENCODING": "utf-8"},
        check=True,
    )
    assert done.stderr.count("azure/billing of G1 is left out") == 2
    assert re.findall(r"^(.*):\d+: UserWarning", done.stderr, re.MULTILINE) == [str(script)] * 2
    assert PACKAGE not in done.stderr


def test_ipython_shows_the_lines_of_its_user_and_the_message():
    from IPython.core.interactiveshell import InteractiveShell

    code = compile("ik.connect(token='a b', offline=True)", "cell", "exec")
    with pytest.raises(ik.SettingsError) as told:
        exec(code)
    assert not InteractiveShell.initialized()
    *_, line, words, rest = told.value._render_traceback_()
    assert line.startswith("cell, line 1, in <module>")
    assert words.startswith("SettingsError: token holds characters that none has: a blank")
    assert "traceback.print_exception(sys.last_value)" in rest
    assert PACKAGE not in f"{told.value._render_traceback_()}"

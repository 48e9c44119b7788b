"""Secrets that do not show, and errors that leave the two borders without them."""

from __future__ import annotations

import _thread
import ast
import copy
import inspect
import io
import logging
import pickle
import signal
import threading
import traceback
from dataclasses import asdict, astuple
from functools import partial
from types import CodeType

import pytest
import requests
from rich.console import Console
from rich.pretty import pretty_repr
from rich.traceback import Traceback

import invoicekit as ik
from invoicekit.auth.entra_http import EntraHttp, open_http
from invoicekit.auth.signers import signer_for
from invoicekit.fetch.signing import SigningAdapter
from invoicekit.secret import Secret, scrub, scrubbing
from invoicekit.settings import read_settings
from invoicekit.sources.partner_center import requests as partner_center
from support.leaks import leaks_of
from support.partner import Partner
from support.server import TOKEN, Reply, invoice

TEXT = "S3CRET-of-the-value"
TENANT = "11111111-2222-3333-4444-555555555555"


def settings_with_everything():
    given = {"client_id": "app", "tenant_id": TENANT, "refresh_token": TEXT}
    given |= {"client_certificate": "-----BEGIN S3CRET", "client_certificate_password": TEXT}
    return read_settings(given, environ={})


WAYS_TO_SHOW = {
    "repr": repr,
    "str": str,
    "format": lambda value: f"{value!s:>10} {value}",
    "percent": lambda value: "%s %r" % (value, value),  # noqa: UP031
    "in a list": lambda value: repr([value, {"a": value}]),
    "rich": pretty_repr,
    "a copy": lambda value: repr((copy.copy(value), copy.deepcopy(value))),
    "a log": lambda value: logging.Formatter().format(
        logging.LogRecord("n", 10, "p", 1, "%s", (value,), None)
    ),
}


@pytest.mark.parametrize("show", WAYS_TO_SHOW.values(), ids=WAYS_TO_SHOW)
def test_neither_a_secret_nor_the_settings_show_it(show):
    assert "S3CRET" not in show(Secret(TEXT))
    assert "S3CRET" not in show(settings_with_everything())
    assert Secret(TEXT).reveal() == TEXT


def test_settings_as_a_dict_a_tuple_or_attributes_hold_no_plain_secret():
    settings = settings_with_everything()
    for fields in (asdict(settings), astuple(settings)):
        assert "S3CRET" not in repr(fields)
    assert asdict(settings)["refresh_token"] == TEXT  # it is a Secret yet, which may be revealed
    for value in (settings, Secret(TEXT)):
        with pytest.raises(TypeError):
            vars(value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_is_not_pickled_and_neither_are_settings(protocol):
    for value in (Secret(TEXT), settings_with_everything()):
        with pytest.raises(TypeError, match=r"not pickled|cannot pickle"):
            pickle.dumps(value, protocol)


def test_a_secret_does_not_change_and_equals_its_text_alone():
    secret = Secret(TEXT)
    with pytest.raises(AttributeError):
        secret._text = "x"
    assert secret == Secret(TEXT) == TEXT
    assert secret != Secret("other")
    assert secret != 1
    assert len({secret, Secret(TEXT)}) == 1
    assert [bool(Secret()), bool(secret)] == [False, True]


def test_client_session_and_signers_do_not_show_it(tmp_path):
    given = {"client_id": "app", "tenant_id": TENANT, "cache_dir": tmp_path}
    with ik.connect(**given, client_secret=TEXT) as client:
        shown = [client, client._session, client._session.signer, client.settings]
        ways = ({"token": TEXT}, {"refresh_token": TEXT}, {"client_secret": TEXT})
        shown += [signer_for(read_settings(given | way, environ={})) for way in ways]
        assert "S3CRET" not in "".join(f"{value!r}{value}" for value in shown)


# The watcher itself: a test that cannot fail is a defect.


def elsewhere(code: str) -> CodeType:
    """Code as of a library: not in a file of the tests."""
    return compile(code, "/site-packages/library.py", "exec")


def caught(call):
    try:
        call()
    except BaseException as error:  # noqa: BLE001
        return error
    raise AssertionError("nothing was raised")


LEAKS = {
    "a local": "def f():\n headers = {'Authorization': 'Bearer xyz'}\n raise ValueError('x')\nf()",
    "a request": (
        "import requests\n"
        "request = requests.Request('GET', 'http://x', headers={'A': 'S3CRET'}).prepare()\n"
        "raise requests.ConnectionError('x', request=request)"
    ),
    "a cause": "raise ValueError('x') from KeyError('S3CRET')",
    "a context": "try:\n raise KeyError('S3CRET')\nexcept KeyError:\n raise ValueError() from None",
    "an argument": "raise ValueError(ValueError('S3CRET'))",
    "an attribute": "e = ValueError('x')\ne.body = b'S3CRET'\nraise e",
}


@pytest.mark.parametrize("code", LEAKS.values(), ids=LEAKS)
def test_the_tests_notice_a_secret_on_an_error(code):
    error = caught(lambda: exec(elsewhere(code), {}))
    assert list(leaks_of(error))
    scrub(error, lambda text: text.replace("S3CRET", "(secret)"))
    assert not list(leaks_of(error))


def test_what_is_scrubbed_says_what_it_said_and_can_be_shown():
    def fail():
        requests.get("http://127.0.0.1:1/x", headers={"Authorization": "Bearer xyz"}, timeout=1)

    error = caught(lambda: scrubbing(fail))
    assert "Max retries exceeded with url: /x" in str(error)
    assert (error.request, error.response) == (None, None)
    assert [frame.name for frame in traceback.extract_tb(error.__traceback__)][-1] == "scrubbing"
    assert "Bearer" not in "".join(
        traceback.TracebackException.from_exception(
            error.args[0].reason, capture_locals=True
        ).format()
    )


def test_a_body_in_a_foreign_error_is_gone():
    def fail():
        b"\xff S3CRET".decode()

    error = caught(lambda: scrubbing(fail))
    assert "invalid start byte" in str(error)
    assert error.object == b""


# The border to the service. That no secret shows in these errors is looked at in conftest.py.


def shown(error: BaseException) -> str:
    """All that would be printed of the error with local variables, ours and by rich."""
    chain, told = error, []
    while chain is not None:
        frames = [
            line
            for frame in traceback.TracebackException.from_exception(
                chain, capture_locals=True, compact=True
            ).stack
            if "/tests/" not in frame.filename
            for line in (frame.name, *(frame.locals or {}).values())
        ]
        told += [repr(chain), str(chain), repr(vars(chain)), *frames]
        chain = chain.__cause__ or chain.__context__
    console = Console(file=io.StringIO(), width=200)
    trace = error.__traceback__
    while trace is not None and "/tests/" in trace.tb_frame.f_code.co_filename:
        trace = trace.tb_next
    console.print(Traceback.from_exception(type(error), error, trace, show_locals=True))
    return "\n".join([*told, console.file.getvalue()])


ANSWERS = {
    "401": Reply(b'{"description": "no"}', 401),
    "403": Reply(b'{"description": "no"}', 403),
    "404": Reply(b"{}", 404),
    "500": Reply(b"{}", 500),
    "a web page": Reply(b"<html>"),
    "an echo": Reply(b'{"description": "' + TOKEN.encode() + b'"}', 400),
    "a header": Reply(b"{}", 302, {"Location": f"/{TOKEN}"}),
    "nothing for a second": Reply(b"{}", delay=2),
    "reset": Reply(reset=True),
    "cut": Reply(b'{"items": []}', cut=3),
    "not JSON": Reply(b"{"),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_error_of_the_service_shows_no_token(serve, open_client, answer):
    service = serve(lambda _: answer)
    client = open_client(service, read_timeout=0.5)
    client.retry_policy = ik.RetryPolicy(first=0.01, tries=2)
    with pytest.raises(ik.InvoiceKitError) as error:
        client.invoices()
    assert any(asked.headers["authorization"] == f"Bearer {TOKEN}" for asked in service.asked)
    assert TOKEN not in shown(error.value)
    while error is not None and not isinstance(error, BaseException):
        error = error.value.__cause__
    if isinstance(error, requests.RequestException):
        assert (error.request, error.response) == (None, None)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_nobody_there_or_no_tls_shows_no_token(serve, tmp_path, scheme):
    service = serve(lambda _: b"{}")
    url = service.url.replace("http", scheme)
    if scheme == "http":
        service.close()
        service.close = lambda: None
    client = ik.connect(token=TOKEN, base_url=url, cache_dir=tmp_path, connect_timeout=1)
    client.retry_policy = ik.RetryPolicy(first=0.01, tries=2)
    with client, pytest.raises(ik.FetchError) as error:
        client.invoices()
    assert error.value.__cause__.request is None
    assert TOKEN not in shown(error.value)


@pytest.mark.parametrize("password", ["P4SSWORD", "P4SS@WORD", "P4SSWORD ", "P4SSWORD[%"])
def test_the_password_of_a_proxy_is_not_told(tmp_path, monkeypatch, password):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://user:{password}@127.0.0.1:99999")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with ik.connect(token=TOKEN, base_url="https://127.0.0.2:9", cache_dir=tmp_path) as client:
        client.retry_policy = ik.RetryPolicy(tries=1)
        with pytest.raises(ik.FetchError, match=r"HTTPS_PROXY.* an address that is none") as error:
            client.invoices()
    assert "P4SS" not in shown(error.value)
    entra = EntraHttp(open_http(), lambda _: None)
    with pytest.raises(ik.FetchError, match="a proxy") as error:
        scrubbing(lambda: entra.post("https://127.0.0.2:9/x"))
    assert "P4SS" not in shown(error.value)


def test_an_error_that_comes_through_a_thread_shows_no_token(serve, open_client):
    pairs = tuple((name, "billing_line_items") for name in ("one_time", "office", "azure"))

    partner = Partner(invoice(pairs=pairs), lines=Reply(b"{}", 500))
    client = open_client(serve(partner), connections=3)
    client.retry_policy = ik.RetryPolicy(first=0.01, tries=2)
    with pytest.raises(ik.FetchError) as error:
        client.invoice("G1").line_items()
    names = [frame.name for frame in traceback.extract_tb(error.value.__traceback__)]
    assert "_serve" in names  # of a thread of the pool
    assert TOKEN not in shown(error.value)


def test_connect_lets_go_of_each_argument_that_may_be_a_secret():
    """An error shows the frame of `connect`; a new argument is easily forgotten there."""
    tree = ast.parse(inspect.getsource(ik.connect))
    gone = {ast.unparse(name) for one in ast.walk(tree) if isinstance(one, ast.Delete)
            for name in one.targets}  # fmt: skip
    assert gone == set(inspect.signature(ik.connect).parameters) - {"progress"}


@pytest.fixture
def interruptible():
    """Whatever started the tests may have had interrupts ignored, as `command &` of a shell has."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_while_the_service_is_asked_shows_no_token(serve, open_client):
    there = threading.Event()

    def answer(_):
        there.set()
        return Reply(b"{}", delay=3)

    client = open_client(serve(answer))

    def interrupt():
        there.wait()
        threading.Event().wait(0.3)
        _thread.interrupt_main()

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt) as error:
        client._session.ask(partner_center.invoices().first, "f", correlation_id="c")
    assert TOKEN not in shown(error.value)


def test_a_setting_that_makes_no_sense_shows_no_secret_in_any_frame(monkeypatch):
    monkeypatch.setenv("INVOICEKIT_TOKEN", TEXT)
    cases = (
        {"token": TEXT, "client_secret": TEXT, "page_size": 0},
        {"token": f"{TEXT} è"},
        {"base_url": f"https://user:{TEXT}@host"},
        {"base_url": f"https://host/?sig={TEXT}"},
        {"base_url": f"http://[{TEXT}"},
        {"tenant_id": f"{TEXT}~1"},
        {"cloud": TEXT},
        {"offline": TEXT},
        {"read_timeout": TEXT},
        {"page_size": TEXT},
        {"client_id": "app", "client_secret": TEXT},
        {"client_certificate_password": TEXT, "client_certificate": TEXT},
        {"cache_dir": f"~{TEXT}/x"},
        {"graph_token": f"{TEXT} è"},
        {"graph_url": f"https://user:{TEXT}@host"},
        {"token": partial(str, TEXT), "page_size": 0},
        {"token": [TEXT]},
        {"graph_token": {TEXT: TEXT}},
        {"credential": TEXT},
        {"credential": [TEXT]},
        {"token": partial(str, f"{TEXT} è")},
        {"token": partial(int, TEXT)},
    )
    for given in cases:
        with pytest.raises((ik.SettingsError, ik.FetchError)) as error:
            ik.connect(**given)
        assert "S3CR" not in shown(error.value), given


# The token goes to one place.


def test_the_signing_adapter_sends_nothing_to_another_origin(serve, open_client):
    service, other = serve(lambda _: b"{}"), serve(lambda _: b"{}")
    client = open_client(service)
    for url in (other.url, service.url.replace("127.0.0.1", "localhost"), "https://127.0.0.1:1"):
        adapter = client._session._http.get_adapter(url)
        assert isinstance(adapter, SigningAdapter)
        with pytest.raises(ik.PageError, match="another host"):
            adapter.send(requests.Request("GET", f"{url}/v1/invoices").prepare(), timeout=1)
    assert other.asked == service.asked == []


def test_what_the_service_gets_is_signed(serve, open_client):
    service = serve(Partner())
    open_client(service).invoice("G1").line_items()
    assert {asked.headers["authorization"] for asked in service.asked} == {f"Bearer {TOKEN}"}

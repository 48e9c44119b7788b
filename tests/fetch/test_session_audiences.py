"""A session asks two services, each with its own token, headers and words of refusal."""

from __future__ import annotations

import logging
import traceback

import pytest

import invoicekit as ik
from invoicekit.auth.signers import identified
from invoicekit.fetch.retry import RetryPolicy
from invoicekit.fetch.session import Session
from invoicekit.pages import Request
from invoicekit.settings import read_settings
from support.server import Reply

PC, GRAPH = "T0KEN-of-partner-center", "T0KEN-of-graph"


@pytest.fixture
def open_session(serve, tmp_path):
    """A session on three hosts that answer as the functions given say."""
    sessions = []

    def open_session(**answers):
        places = {
            name: serve(answers.get(name, lambda _: b"{}"))
            for name in ("partner_center", "graph", "blobs")
        }
        given = {
            "token": PC,
            "graph_token": GRAPH,
            "base_url": places["partner_center"].url,
            "graph_url": places["graph"].url,
            "cache_dir": tmp_path,
            "client_id": "one-app",
        }
        sessions.append(Session(identified(read_settings(given, environ={}))))
        sessions[-1].retry_policy = RetryPolicy(first=0.01, tries=2)
        return sessions[-1], places

    yield open_session
    for session in sessions:
        session.close()


def ask(session, url, audience, **more):
    return session.ask(Request(url, audience=audience, **more), None, correlation_id="c-1")


def test_each_service_gets_its_own_token_and_its_own_headers(open_session):
    session, places = open_session()
    ask(session, "/v1/invoices", "partner_center")
    ask(session, places["graph"].url + "/v1.0/x", "graph", method="POST", body=b'{"a":1}')
    ask(session, places["blobs"].url + "/part-1?sig=S3CRET", None)
    heads = {name: place.asked[0].headers for name, place in places.items()}
    assert heads["partner_center"]["authorization"] == f"Bearer {PC}"
    assert heads["graph"]["authorization"] == f"Bearer {GRAPH}"
    assert places["partner_center"].asked[0].target == "/v1/invoices"
    assert places["graph"].asked[0].target == "/v1.0/x"
    assert places["graph"].asked[0].body == b'{"a":1}'
    assert heads["partner_center"]["ms-correlationid"] == "c-1"
    assert "client-request-id" in heads["graph"]
    for name in ("graph", "blobs"):
        assert not [one for one in heads[name] if one.startswith("ms-")], name
        assert "x-locale" not in heads[name]
    assert not {"authorization", "client-request-id"} & set(heads["blobs"])


def test_no_token_of_either_is_in_a_log_a_repr_or_a_file(open_session, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    session, places = open_session()
    ask(session, "/v1/invoices", "partner_center")
    request = Request(places["graph"].url + "/v1.0/x", audience="graph")
    session.ask(request, "a/b", correlation_id="c")
    shown = [session, session.signer, session.settings, vars(session), vars(session.signer)]
    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert "/v1.0/x" in caplog.text  # there was a log
    assert b"invoicekit page" in files  # and a file
    for token in (PC, GRAPH):
        assert token not in caplog.text + repr(shown)
        assert token.encode() not in files


def test_an_answer_that_echoes_a_token_of_the_other_is_kept_nowhere(open_session, tmp_path):
    session, places = open_session(graph=lambda _: b'{"you": "%s"}' % PC.encode())
    request = Request(places["graph"].url + "/v1.0/x", audience="graph")
    assert session.ask(request, "a/b", correlation_id="c").shows_secret
    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert PC.encode() not in files


ELSEWHERE = [
    ("graph", "https://evil.example/v1.0/x"),
    ("graph", "/v1.0/x"),
    ("graph", "{partner_center}/v1.0/x"),
    ("graph", "http://u:p@{graph_host}/v1.0/x"),
    (None, "https://evil.example/part-1?sig=S3CRET"),
    (None, "https://a1.blob.core.windows.net.evil.example/part-1?sig=S3CRET"),
    ("partner_center", "{graph}/v1/invoices"),
]


@pytest.mark.parametrize(("audience", "url"), ELSEWHERE)
def test_what_leads_elsewhere_is_not_asked_and_shows_no_secret(open_session, audience, url):
    session, places = open_session()
    urls = {name: place.url for name, place in places.items()}
    url = url.format(**urls, graph_host=urls["graph"].removeprefix("http://"))
    with pytest.raises(ik.PageError, match="another host, which is never asked") as caught:
        ask(session, url, audience)
    assert "S3CR" not in str(caught.value)
    assert [place.asked for place in places.values()] == [[], [], []]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_of_graph_is_not_followed(open_session, status):
    session, places = open_session(
        graph=lambda _: Reply(b"", status, {"Location": "https://evil.example/x"})
    )
    with pytest.raises(ik.PageError, match="redirects to another host"):
        ask(session, places["graph"].url + "/v1.0/x", "graph")
    assert len(places["graph"].asked) == 1


def test_a_refusal_of_graph_names_the_permission_and_where_it_is_granted(open_session):
    body = b'{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges."}}'
    session, places = open_session(
        graph=lambda _: Reply(body, 403, {"request-id": "r-9", "client-request-id": "c-9"}),
        partner_center=lambda _: Reply(b"{}", 403),
    )
    with pytest.raises(ik.AccessError, match=r"PartnerBilling\.Read\.All") as caught:
        ask(session, places["graph"].url + "/v1.0/x", "graph")
    error = caught.value
    assert "API permissions" in error.hint
    assert "Insufficient privileges" in str(error)
    assert (error.status, error.code) == (403, "Authorization_RequestDenied")
    with pytest.raises(ik.AccessError) as caught:
        ask(session, "/v1/invoices", "partner_center")
    assert "PartnerBilling" not in str(caught.value)


def test_a_token_that_graph_refuses_is_told_to_be_for_graph(open_session):
    session, places = open_session(graph=lambda _: Reply(b"{}", 401))
    with pytest.raises(ik.AccessError, match="not made for Microsoft Graph"):
        ask(session, places["graph"].url + "/v1.0/x", "graph")


def test_the_ids_of_a_request_to_graph_are_in_the_answer(open_session):
    session, places = open_session(graph=lambda _: Reply(b"{}", headers={"request-id": "r-9"}))
    answer = ask(session, places["graph"].url + "/v1.0/x", "graph")
    sent = places["graph"].asked[0].headers["client-request-id"]
    assert (answer.request_id, answer.correlation_id) == (sent, "r-9")


FAULTS = {
    "forbidden": Reply(b"<Error>S3CRET-of-the-store</Error>", 403),
    "a failure": Reply(b"", 500),
    "hung up": Reply(reset=True),
    "cut": Reply(b"x" * 100, cut=10),
    "elsewhere": Reply(b"", 302, {"Location": "https://evil.example/?sig=S3CRET"}),
    "a web page": Reply(b"<html>", 200),
}


@pytest.mark.parametrize("answer", FAULTS.values(), ids=FAULTS)
def test_what_goes_unsigned_tells_its_address_to_nobody(open_session, tmp_path, caplog, answer):
    caplog.set_level(logging.DEBUG)
    session, places = open_session(blobs=lambda _: answer)
    request = Request(places["blobs"].url + "/part-1?sv=1&sig=S3CRET", audience=None)
    with pytest.raises(ik.InvoiceKitError) as caught:
        session.ask(request, "some/folder", correlation_id="c")
    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert "the export" in str(caught.value)
    for word in ("S3CR", "sig=", "part-1"):
        assert word not in shown + caplog.text, word
    assert not [path for path in tmp_path.rglob("*") if b"part-1" in bytes(path)]


def test_where_no_blob_host_is_no_address_is_told(open_session):
    session, places = open_session()
    places["blobs"].close()
    request = Request(places["blobs"].url + "/part-1?sv=1&sig=S3CRET", audience=None)
    with pytest.raises(ik.FetchError, match="a file of the export") as caught:
        session.ask(request, None, correlation_id="c")
    assert "part-1" not in "".join(traceback.format_exception(caught.value))
    places["blobs"].close = lambda: None


def test_no_proxy_of_the_machine_hears_what_goes_to_loopback(open_session, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    session, places = open_session()
    ask(session, "/v1/invoices", "partner_center")
    ask(session, places["graph"].url + "/v1.0/x", "graph")
    assert session._way("https://graph.microsoft.com/v1.0/x")["proxies"]["https"].endswith(":9")

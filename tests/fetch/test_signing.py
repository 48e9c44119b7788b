"""Whose token goes where: each audience's to its own host, none to any other."""

from __future__ import annotations

import logging

import pytest
import requests

import invoicekit as ik
from invoicekit.auth.signers import signer_for
from invoicekit.fetch.signing import Origins, SigningAdapter, origin_of
from invoicekit.settings import read_settings
from support.server import Reply

PC, GRAPH = "T0KEN-of-partner-center", "T0KEN-of-graph"


@pytest.fixture
def send():
    """Send one request for an audience, through an adapter that `settings` make."""
    adapters = []

    def send(settings, url, audience, **headers):
        adapters.append(SigningAdapter(Origins.of(settings), signer_for(settings)))
        request = requests.Request("GET", url, headers=headers).prepare()
        request.invoicekit_audience = audience
        return adapters[-1].send(request, timeout=5)

    yield send
    for adapter in adapters:
        adapter.close()


@pytest.fixture
def places(serve):
    """Partner Center, Graph and a blob host, each at a port of its own, and the settings."""
    places = {name: serve(lambda _: b"{}") for name in ("partner_center", "graph", "blobs")}
    settings = read_settings(
        {
            "token": PC,
            "graph_token": GRAPH,
            "base_url": places["partner_center"].url,
            "graph_url": places["graph"].url,
        },
        environ={},
    )
    return places, settings


def test_each_audience_gets_its_own_token_and_a_blob_host_none(places, send):
    places, settings = places
    send(settings, places["partner_center"].url + "/v1/invoices", "partner_center")
    send(settings, places["graph"].url + "/v1.0/reports", "graph")
    send(
        settings, places["blobs"].url + "/part-1?sig=S3CRET", None,
        Authorization="Bearer x", Cookie="a=b",
    )  # fmt: skip
    shown = {name: [asked.headers for asked in place.asked] for name, place in places.items()}
    assert [one["authorization"] for one in shown["partner_center"]] == [f"Bearer {PC}"]
    assert [one["authorization"] for one in shown["graph"]] == [f"Bearer {GRAPH}"]
    (of_blobs,) = shown["blobs"]
    assert not {"authorization", "cookie"} & set(of_blobs)


@pytest.mark.parametrize(
    ("audience", "place"),
    [
        ("graph", "partner_center"),
        ("partner_center", "graph"),
        ("graph", "blobs"),
        ("partner_center", "blobs"),
        ("evil", "graph"),
        ("", "graph"),
    ],
)
def test_the_token_of_one_audience_never_goes_to_another_host(places, send, audience, place):
    places, settings = places
    with pytest.raises(ik.PageError, match="another host, which is never asked"):
        send(settings, places[place].url + "/x", audience)
    assert [one.asked for one in places.values()] == [[], [], []]


def test_a_request_of_which_nothing_is_said_is_partner_centers(places):
    places, settings = places
    adapter = SigningAdapter(Origins.of(settings), signer_for(settings))
    with pytest.raises(ik.PageError, match="another host"):
        adapter.send(requests.Request("GET", places["graph"].url).prepare(), timeout=5)
    adapter.close()


HOSTILE = [
    "http://graph.microsoft.com/v1.0/x",
    "https://graph.microsoft.com:8443/x",
    "https://graph.microsoft.com@evil.example/x",
    "https://u:p@graph.microsoft.com/x",
    "https://u@graph.microsoft.com/x",
    "https://graph.microsoft.com.evil.example/x",
    "https://evil.example/?https://graph.microsoft.com",
    "https://graph.microsoft.com\\@evil.example/x",
    "https://[graph.microsoft.com/x",
    "//graph.microsoft.com/x",
    "/v1.0/x",
    "",
]


@pytest.mark.parametrize("url", HOSTILE)
def test_an_address_that_only_looks_like_graphs_is_refused(url):
    origins = Origins.of(read_settings({"token": PC}, environ={}))
    origins.check("https://graph.microsoft.com/v1.0/x", "graph")
    with pytest.raises(ik.PageError, match="never asked"):
        origins.check(url, "graph")


BLOBS = [
    ("https://a1.blob.core.windows.net/c/part-1?sig=x", True),
    ("https://a1.blob.core.windows.net:443/c", True),
    ("http://a1.blob.core.windows.net/c", False),
    ("https://blob.core.windows.net/c", False),
    ("https://a1.blob.core.windows.net.evil.example/c", False),
    ("https://evilblob.core.windows.net/c", False),
    ("https://a1.blob.core.windows.net@evil.example/c", False),
    ("https://u:p@a1.blob.core.windows.net/c", False),
    ("https://a1.blob.core.windows.net:8443/c", False),
    ("https://a1.blob.core.windows.net./c", False),
    ("https://graph.microsoft.com/v1.0/x", False),
    ("https://api.partnercenter.microsoft.com/v1/x", False),
    ("http://127.0.0.1:1/c", False),
    ("https://127.0.0.1/c", False),
    ("file:///etc/passwd", False),
    ("ftp://a1.blob.core.windows.net/c", False),
]


@pytest.mark.parametrize(("url", "asked"), BLOBS)
def test_what_goes_unsigned_goes_to_blob_hosts_of_the_cloud_alone(url, asked):
    origins = Origins.of(read_settings({"token": PC}, environ={}))
    if asked:
        origins.check(url, None)
        return
    with pytest.raises(ik.PageError, match="never asked"):
        origins.check(url, None)


@pytest.mark.parametrize("given", [{"cloud": "usgov"}, {"base_url": "https://a.example"}])
def test_where_graph_is_not_asked_no_blob_host_is_either(given):
    origins = Origins.of(read_settings({"token": PC, **given}, environ={}))
    for audience, url in (("graph", "https://graph.microsoft.com/x"), (None, BLOBS[0][0])):
        with pytest.raises(ik.PageError, match="never asked"):
            origins.check(url, audience)


def test_a_blob_on_loopback_needs_graph_on_loopback():
    given = {"token": PC, "graph_token": GRAPH, "base_url": "http://127.0.0.1:1"}
    of = {
        url: Origins.of(read_settings({**given, "graph_url": url}, environ={}))
        for url in ("http://127.0.0.1:2", "https://graph.example")
    }
    of["http://127.0.0.1:2"].check("http://127.0.0.1:3/part", None)
    with pytest.raises(ik.PageError, match="never asked"):
        of["https://graph.example"].check("http://127.0.0.1:3/part", None)


def test_two_audiences_at_one_host_each_get_their_own_token(serve, send):
    service = serve(lambda _: b"{}")
    given = {"token": PC, "graph_token": GRAPH, "base_url": service.url, "graph_url": service.url}
    settings = read_settings(given, environ={})
    for audience in ("graph", "partner_center", None):
        send(settings, f"{service.url}/x", audience)
    shown = [asked.headers.get("authorization") for asked in service.asked]
    assert shown == [f"Bearer {GRAPH}", f"Bearer {PC}", None]


def test_nobody_adds_a_host_afterwards(places):
    _, settings = places
    origins = Origins.of(settings)
    evil = origin_of("https://evil.example")
    with pytest.raises(TypeError):
        origins[evil] = frozenset({"graph"})
    with pytest.raises(TypeError):
        origins._audiences[evil] = frozenset({"graph"})
    with pytest.raises(AttributeError):
        origins[origin_of(settings.graph_url)].add("partner_center")
    assert len(origins) == len(list(origins)) == 2


def test_of_a_blob_no_address_is_logged(places, send, caplog):
    places, settings = places
    caplog.set_level(logging.DEBUG)
    send(settings, places["graph"].url + "/v1.0/told", "graph")
    send(settings, places["blobs"].url + "/part-1?sv=1&sig=S3CRET", None)
    assert "/v1.0/told" in caplog.text  # there was a log
    assert "sig=" not in caplog.text
    assert "part-1" not in caplog.text


def test_a_refused_graph_token_is_renewed_as_graphs(serve, send):
    given = iter([GRAPH + "-1", GRAPH + "-2"])
    graph = serve(
        lambda asked: Reply(b"{}", 401 if "-1" in asked.headers["authorization"] else 200)
    )
    partner_center = serve(lambda _: b"{}")
    settings = read_settings(
        {
            "token": PC,
            "graph_token": lambda: next(given),
            "base_url": partner_center.url,
            "graph_url": graph.url,
        },
        environ={},
    )
    assert send(settings, f"{graph.url}/v1.0/x", "graph").status_code == 200
    shown = [asked.headers["authorization"] for asked in graph.asked]
    assert shown == [f"Bearer {GRAPH}-1", f"Bearer {GRAPH}-2"]
    assert partner_center.asked == []

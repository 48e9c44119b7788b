"""Bytes to pages, and from page to page."""

from __future__ import annotations

import json

import pytest

from invoicekit.errors import PageError
from invoicekit.pages import Request
from invoicekit.sources.partner_center.envelope import follow, parse_page, parse_resource
from support.server import page


def test_rows_are_counted_and_the_service_is_not_believed():
    found = parse_page(page([{"a": 1}, {"a": 2}], totalCount=99))
    assert (found.page.rows, found.page.total, found.next) == (2, 99, None)


@pytest.mark.parametrize(
    ("said", "total"),
    [
        (2**63 - 1, 2**63 - 1),
        (2**63, None),
        (10**30, None),
        (-(2**63) - 1, None),
        (1.5, None),
        (True, None),
        ("2", None),
        (None, None),
    ],
)
def test_a_count_that_is_none_says_nothing(said, total):
    assert parse_page(page([], totalCount=said)).page.total == total


def test_a_byte_order_mark_is_stripped():
    assert parse_page(b"\xef\xbb\xbf" + page([1])).page.body == page([1])
    assert parse_resource(b'\xef\xbb\xbf{"id":"G1"}').body == b'[{"id":"G1"}]'


@pytest.mark.parametrize(
    ("wire", "meant"),
    [
        ("/invoices?size=2&amp;offset=2", "/invoices?size=2&offset=2"),
        ("/x?size=2&offset=?seekOperation=Next", "/x?size=2&offset=&seekOperation=Next"),
        ("/x?a=1&amp;b=2?c=3?d=4", "/x?a=1&b=2&c=3&d=4"),
        ("/x?nvoicelineitemtype=usage", "/x?nvoicelineitemtype=usage"),
    ],
)
def test_a_next_link_gets_two_repairs_and_no_more(wire, meant):
    assert parse_page(page([], uri=wire)).next == Request(f"/v1{meant}")


def test_all_headers_of_a_link_are_kept_as_they_are():
    body = json.loads(page([], uri="/x"))
    body["links"]["next"]["headers"] = [
        {"key": "MS-ContinuationToken", "value": "b,A/1_=,c"},
        {"key": "accept", "value": "text/json"},
    ]
    link = parse_page(json.dumps(body).encode()).next
    assert link.headers == (("MS-ContinuationToken", "b,A/1_=,c"), ("accept", "text/json"))
    assert "b,A/1_" not in repr(link)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty where a JSON page should be"),
        (b"   ", "empty where a JSON page should be"),
        (page([{"a": 1}])[:-20], "not JSON, or cut short"),
        (b'{"totalCount":0}', "missing required field `items`"),
        (b'{"items":null}', "not a page of items"),
        (b"[]", "not a page of items"),
        (b"\xff\xfe", "not JSON"),
        (page([], uri="/a b"), "no address"),
        (page([], uri=""), "no address"),
        (page([], uri="/a\\..\\b"), "no address"),
        (page([], uri="/a", method="POST"), "only GET"),
        (page([], uri="/a", token="x\r\nHost: evil"), "not well formed"),
    ],
)
def test_what_is_no_page_is_said_to_be_none(body, words):
    with pytest.raises(PageError, match=words) as told:
        parse_page(body, collection="onetime/billing of G1", number=3)
    assert "page 3 of onetime/billing of G1" in str(told.value)


@pytest.mark.parametrize(
    "name",
    ["Authorization", "host", "Cookie", "Content-Length", "X-HTTP-Method-Override", "Range",
     "X-Forwarded-Host", "MS_Token", "MS-", "Accept-Encoding", ""],
)  # fmt: skip
def test_a_link_sends_the_service_s_own_headers_and_no_others(name):
    body = json.loads(page([], uri="/x"))
    body["links"]["next"]["headers"] = [{"key": name, "value": "x"}]
    with pytest.raises(PageError, match=r"page 1 of .* ours alone"):
        parse_page(json.dumps(body).encode())


def test_a_header_that_a_link_names_twice_is_not_believed():
    body = json.loads(page([], uri="/x", token="a"))
    body["links"]["next"]["headers"].append({"key": "ms-continuationtoken", "value": "b"})
    with pytest.raises(PageError, match="twice"):
        parse_page(json.dumps(body).encode())


@pytest.mark.parametrize(
    "uri",
    ["/v1/../x", "/v1/./x", "..", "/v1/invoices/..?a=1", "/v1/%2e%2e/x", "/v1/%2E./x",
     "/v1/..%2fx", "/v1/%252e%252e/x", "/a/%25252525252e/x", "https://api.example/v1/../x"],
)  # fmt: skip
def test_a_link_has_no_dot_segments(uri):
    with pytest.raises(PageError, match="no address"):
        parse_page(page([], uri=uri))


def test_dots_elsewhere_in_a_link_are_as_good_as_any_letter():
    uri = "/v1/a..b/.c/x.y?to=../..&size=2"
    assert parse_page(page([], uri=uri)).next == Request(uri)


def test_pages_are_followed_to_the_last_one_whatever_they_say_of_their_number():
    answers = {
        Request("/v1/a"): page([1, 2], uri="b"),
        Request("/v1/b"): page([], uri="c", totalCount=0),
        Request("/v1/c"): page([3]),
    }
    pages = list(follow(answers.__getitem__, Request("/v1/a")))
    assert [found.rows for found in pages] == [2, 0, 1]
    assert [found.number for found in pages] == [1, 2, 3]


def test_one_uri_with_two_tokens_is_two_links():
    first, second = (Request("/v1/x", headers=(("MS-ContinuationToken", value),)) for value in "aA")
    answers = {first: page([1], uri="x", token="A")}
    answers[second] = page([2])
    assert [found.rows for found in follow(answers.__getitem__, first)] == [1, 1]


def test_a_circle_of_links_is_told():
    answers = {Request("/v1/a"): page([1], uri="b"), Request("/v1/b"): page([2], uri="a")}
    with pytest.raises(PageError, match="circle"):
        list(follow(answers.__getitem__, Request("/v1/a")))


def test_empty_pages_end_after_fifty_in_a_row():
    """Samples show one or two; a chain of them with ever new tokens would be read for ever."""

    def numbered(rows_at: int, last: int = 10_000):
        def ask(link: Request) -> bytes:
            number = int(link.url.removeprefix("/v1/"))
            uri = None if number == last else str(number + 1)
            return page([1] if number % rows_at == 0 else [], uri=uri)

        return ask

    with pytest.raises(PageError, match="leads nowhere: 51 pages without a row"):
        list(follow(numbered(10_000), Request("/v1/1")))
    assert sum(found.rows for found in follow(numbered(51, last=200), Request("/v1/1"))) == 3


def test_the_same_page_twice_in_a_row_is_told():
    same = page([1], uri="/next")
    answers = {Request("/v1/a"): same, Request("/v1/next"): same}
    with pytest.raises(PageError, match="byte for byte"):
        list(follow(answers.__getitem__, Request("/v1/a")))


def test_a_resource_that_is_no_object_is_told():
    with pytest.raises(PageError, match="invoice G1"):
        parse_resource(b"[1]", collection="invoice G1")

"""Bytes to pages, and from page to page."""

from __future__ import annotations

import json

import pytest
from server import page

from invoicekit.errors import PageError
from invoicekit.pages import Link, follow, parse_page, parse_resource


def test_rows_are_counted_and_the_service_is_not_believed():
    found = parse_page(page([{"a": 1}, {"a": 2}], totalCount=99))
    assert (found.rows, found.total, found.next) == (2, 99, None)


def test_a_byte_order_mark_is_stripped():
    assert parse_page(b"\xef\xbb\xbf" + page([1])).body == page([1])
    assert parse_resource(b'\xef\xbb\xbf{"id":"G1"}').body == b'{"items":[{"id":"G1"}]}'


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
    assert parse_page(page([], uri=wire)).next == Link(meant)


def test_all_headers_of_a_link_are_kept_as_they_are():
    body = json.loads(page([], uri="/x"))
    body["links"]["next"]["headers"] = [
        {"key": "MS-ContinuationToken", "value": "b,A/1_=,c"},
        {"key": "X-More", "value": "yes"},
    ]
    link = parse_page(json.dumps(body).encode()).next
    assert link.headers == (("MS-ContinuationToken", "b,A/1_=,c"), ("X-More", "yes"))
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


@pytest.mark.parametrize("name", ["Authorization", "host", "Cookie", "Content-Length"])
def test_a_link_may_not_say_who_we_are(name):
    body = json.loads(page([], uri="/x"))
    body["links"]["next"]["headers"] = [{"key": name, "value": "x"}]
    with pytest.raises(PageError, match="ours alone"):
        parse_page(json.dumps(body).encode())


def test_pages_are_followed_to_the_last_one_whatever_they_say_of_their_number():
    answers = {
        Link("a"): page([1, 2], uri="b"),
        Link("b"): page([], uri="c", totalCount=0),
        Link("c"): page([3]),
    }
    pages = list(follow(answers.__getitem__, Link("a")))
    assert [found.rows for found in pages] == [2, 0, 1]
    assert [found.number for found in pages] == [1, 2, 3]


def test_one_uri_with_two_tokens_is_two_links():
    first, second = Link("x", headers=(("T", "a"),)), Link("x", headers=(("T", "A"),))
    answers = {first: page([1], uri="x", token="A").replace(b"MS-ContinuationToken", b"T")}
    answers[second] = page([2])
    assert [found.rows for found in follow(answers.__getitem__, first)] == [1, 1]


def test_a_circle_of_links_is_told():
    answers = {Link("a"): page([1], uri="b"), Link("b"): page([2], uri="a")}
    with pytest.raises(PageError, match="circle"):
        list(follow(answers.__getitem__, Link("a")))


def test_the_same_page_twice_in_a_row_is_told():
    same = page([1], uri="/next")
    answers = {Link("a"): same, Link("/next"): same}
    with pytest.raises(PageError, match="byte for byte"):
        list(follow(answers.__getitem__, Link("a")))


def test_a_resource_that_is_no_object_is_told():
    with pytest.raises(PageError, match="invoice G1"):
        parse_resource(b"[1]", collection="invoice G1")


def test_a_page_that_says_its_items_twice_is_not_believed():
    with pytest.raises(PageError, match="twice"):
        parse_page(b'{"items":[{"a":1}],"items":[{"a":2}]}')
    inner = b'{"items":[{"items":[1],"a":"\\"items\\""}]}'
    assert parse_page(inner).rows == 1

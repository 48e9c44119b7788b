"""The fault matrix: what goes wrong in the middle of a pull, from a real server on loopback.

For each fault: what the caller gets, the requests that were made, and what the cache keeps. The
table of it is docs/faults.md. A damaged cache file is in test_cache.py; kills, Ctrl-C, a full disk
and several processes at once are in test_interrupted.py.
"""

from __future__ import annotations

import gzip
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import invoicekit as ik
from invoicekit.fetch.pull import pull
from invoicekit.fetch.retry import seconds_in
from invoicekit.fetch.session import Session
from invoicekit.secret import Secret
from invoicekit.sources.partner_center.envelope import MOST_PAGES
from invoicekit.sources.partner_center.source import pages as pages_of
from support.chains import OFFSET, SEEK, Chain, collection_of, kept, numbers, read_whole
from support.partner import SEEK_LINK, Partner
from support.server import Reply, invoice, page, rows

PAGE = Chain().page(3)
PACKED = gzip.compress(PAGE)
YESTERDAY = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
MAD_ZONE = "Wed, 21 Oct 2015 07:28:00 +9999"
# Faults that may pass, as page 3 of 5 shows them.
PASSING = {
    "408": Reply(b"{}", 408),
    "429": Reply(b'{"statusCode":429,"message":"slow down"}', 429),
    "429, Retry-After in seconds": Reply(b"", 429, {"Retry-After": "0"}),
    "429, Retry-After as a date": Reply(b"", 429, {"Retry-After": YESTERDAY}),
    "429, Retry-After that says nothing": Reply(b"", 429, {"Retry-After": "soon"}),
    "429, Retry-After in a mad zone": Reply(b"", 429, {"Retry-After": MAD_ZONE}),
    "429, Retry-After before now": Reply(b"", 429, {"Retry-After": "-5"}),
    "500": Reply(b'{"code":800003,"description":"unexpected"}', 500),
    "500, nested too deeply to read": Reply(b'{"code":' + b"[" * 100_000, 500),
    "500, a code of 6,000 digits": Reply(b'{"code":' + b"9" * 6000 + b"}", 500),
    "502, a web page": Reply(b"<html>Bad Gateway</html>", 502),
    "503": Reply(b"", 503),
    "504": Reply(b"", 504),
    "reset before the answer": Reply(reset=True),
    "reset in the body": Reply(PAGE, cut=len(PAGE) // 2, reset=True),
    "body cut short": Reply(PAGE, cut=len(PAGE) // 2),
    "body without its last byte": Reply(PAGE, cut=len(PAGE) - 1),
    "chunks cut short": Reply(PAGE, chunked=True, cut=len(PAGE) // 2),
    "last chunk missing": Reply(PAGE, chunked=True, cut=len(PAGE) + 5),
    "gzip cut short": Reply(PAGE, zipped=True, cut=len(PACKED) // 2),
    "gzip that ends too early": Reply(PACKED[:-30], headers={"Content-Encoding": "gzip"}),
    "gzip that is none": Reply(PAGE, headers={"Content-Encoding": "gzip"}),
    "slow to answer": Reply(PAGE, delay=1.2),
    "slow in the body": Reply(PAGE, stall=1.2),
}


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_passes_costs_one_request_more(serve, open_client, fault):
    service = serve(chain := Chain(faults={3: [PASSING[fault]]}))
    client = open_client(service, read_timeout=0.5 if "slow" in fault else None)
    ledger = read_whole(client, chain).ledger
    assert numbers(service) == [1, 2, 3, 3, 4, 5]
    assert ledger["retries"].to_list() == [0, 0, 1, 0, 0]
    ids = [asked.headers["ms-requestid"] for asked in service.asked]
    assert ids[3] == ids[4]  # the header is asked for first; then pages 1 and 2
    assert len(set(ids)) == len(ids) - 1
    assert kept(client) == ("committed", 5)


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_stays_is_an_error_and_the_next_pull_goes_on_from_there(
    serve, open_client, fault
):
    service = serve(chain := Chain(faults={3: PASSING[fault]}))
    client = open_client(service, read_timeout=0.5 if "slow" in fault else None)
    client.retry_policy = ik.RetryPolicy(tries=3, first=0.01)
    with pytest.raises(ik.FetchError, match=r"Given up after 3 tries$") as told:
        client.invoice("G1").reconcile()
    status = PASSING[fault].status
    assert told.value.status == (None if status == 200 else status)
    assert told.value.request_id == service.asked[-1].headers["ms-requestid"]
    assert numbers(service) == [1, 2, 3, 3, 3]
    assert kept(client) == ("pending", 2)
    chain.faults.clear()
    read_whole(open_client(service), chain)
    assert numbers(service)[5:] == [3, 4, 5]
    assert kept(client) == ("committed", 5)


DAYS = st.from_regex(
    r"\A((Wed|Mon), )?[0-9]{1,2} (Jan|Feb|Xyz) [0-9]{1,6} [0-9]{1,3}:[0-9]{2}(:[0-9]{1,3})?"
    r" ?(GMT|EST|[+-][0-9]{1,30})?\Z"
)


@given(st.one_of(st.text(), DAYS))
@example("Wed, 21 Oct 2015 07:28:00 +9999")
@example("01 Jan 0001 00:00:00 +2359")
def test_whatever_retry_after_says_it_is_a_number_of_seconds_or_nothing(said):
    seconds = seconds_in(said)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_the_service_says_when_to_come_back(serve, open_client, form):
    """`Retry-After` comes before our own back-off, which is some milliseconds here."""
    asked_at = []

    def answer(asked):
        asked_at.append(time.time())
        until = datetime.now(UTC) + timedelta(seconds=2)  # whole seconds: it says 1 to 2
        after = "1" if form == "seconds" else format_datetime(until, usegmt=True)
        return Reply(b"", 429, {"Retry-After": after}) if len(asked_at) == 3 else chain(asked)

    chain = Chain()
    client = open_client(serve(answer))
    read_whole(client, chain)
    assert len(asked_at) == 7
    assert 0.9 <= asked_at[3] - asked_at[2] < 3


def test_a_long_wait_is_said_in_one_line(serve, open_client, capsys):
    service = serve(chain := Chain(faults={2: [Reply(b"", 429, {"Retry-After": "3"})]}))
    read_whole(open_client(service), chain)
    assert capsys.readouterr().err == "invoicekit: 429 from 127.0.0.1; waiting 3 s\n"
    assert numbers(service) == [1, 2, 2, 3, 4, 5]


def test_a_wait_that_is_too_long_is_an_error_at_once_and_names_it(serve, open_client):
    service = serve(Chain(faults={3: Reply(b"", 503, {"Retry-After": "86400"})}))
    client = open_client(service)
    with pytest.raises(ik.FetchError, match=r"86400 s of waiting is more than the 300 s"):
        client.invoice("G1").charges()
    assert numbers(service) == [1, 2, 3]
    assert kept(client) == ("pending", 2)


def test_waits_add_up_to_the_bound(serve, open_client):
    service = serve(Chain(faults={1: Reply(b"", 429, {"Retry-After": "1"})}))
    client = open_client(service)
    client.retry_policy = ik.RetryPolicy(tries=100, budget=1.5)
    with pytest.raises(ik.FetchError, match=r"2 s of waiting is more than the 1\.5 s"):
        client.invoice("G1").charges()
    assert numbers(service) == [1, 1]


def test_a_token_that_runs_out_and_cannot_be_renewed(serve, open_client):
    service = serve(chain := Chain(faults={3: Reply(b'{"code":400}', 401)}))
    client = open_client(service)
    with pytest.raises(ik.AccessError, match="expired, or not made for Partner Center"):
        client.invoice("G1").charges()
    assert numbers(service) == [1, 2, 3]
    assert kept(client) == ("pending", 2)
    chain.faults.clear()
    read_whole(open_client(service, token="a-new-one"), chain)
    assert numbers(service)[3:] == [3, 4, 5]


class Renewable:
    """A signer with a stock of tokens."""

    kind = "a stock"

    def __init__(self, *tokens: str) -> None:
        self._tokens = list(map(Secret, tokens))
        self.renewed = 0

    def token(self, _: str = "partner_center") -> Secret:
        return self._tokens[0]

    def renew(self, refused: Secret | None = None, _: str = "partner_center") -> Secret:
        if refused == self._tokens[0]:
            self.renewed += 1
            self._tokens.pop(0)
        return self._tokens[0]

    def held(self, _: str = "partner_center") -> Secret:
        return self._tokens[0]

    def secrets(self) -> tuple[Secret, ...]:
        return tuple(self._tokens)


def signed_by(client: ik.Client, signer: Renewable) -> ik.Client:
    client._session.close()
    client._session = Session(client.settings, signer)
    client.retry_policy = ik.RetryPolicy(first=0.01)
    return client


@pytest.mark.parametrize("kind", [SEEK, OFFSET])
def test_a_token_that_runs_out_is_renewed_once_and_the_page_asked_again(serve, open_client, kind):
    chain = Chain(kinds=(kind,), beyond=Reply(b"{}", 404))

    def answer(asked):
        old = asked.headers["authorization"] == "Bearer first"
        late = len(service.asked) >= 4  # the header, pages 1 and 2
        return Reply(b"{}", 401) if old and late else chain(asked)

    service = serve(answer)
    client = signed_by(open_client(service), signer := Renewable("first", "second"))
    read_whole(client, chain)
    assert signer.renewed == 1
    if kind == SEEK:
        assert numbers(service) == [1, 2, 3, 3, 4, 5]
        ids = [asked.headers["ms-requestid"] for asked in service.asked]
        assert ids[3] == ids[4]
        assert kept(client) == ("committed", 5)


def test_a_renewed_token_that_is_refused_as_well(serve, open_client):
    service = serve(Chain(faults={3: Reply(b"{}", 401)}))
    client = signed_by(open_client(service), signer := Renewable("first", "second", "third"))
    with pytest.raises(ik.AccessError):
        client.invoice("G1").charges()
    assert (numbers(service), signer.renewed) == ([1, 2, 3, 3], 1)
    assert kept(client) == ("pending", 2)


class Broken(Renewable):
    """A signer whose app was changed under it."""

    def renew(self, _: Secret | None = None, __: str = "partner_center") -> Secret:
        raise ik.SettingsError("could not sign in: the client secret has expired")


def test_a_sign_in_that_fails_in_the_middle_loses_no_page(serve, open_client):
    service = serve(chain := Chain(faults={3: Reply(b"{}", 401)}))
    client = signed_by(open_client(service), Broken("first"))
    with pytest.raises(ik.SettingsError, match="client secret"):
        client.invoice("G1").charges()
    assert kept(client) == ("pending", 2)
    chain.faults.clear()
    read_whole(open_client(service), chain)
    assert numbers(service) == [1, 2, 3, 3, 4, 5]


@pytest.mark.parametrize(("status", "words"), [(403, "refused"), (404, "not found")])
def test_a_collection_that_is_refused_is_left_out_as_a_whole(serve, open_client, status, words):
    fault = Reply(b'{"code":2032,"description":"no"}', status)
    service = serve(Chain(kinds=(OFFSET,), faults={1: fault}))
    client = open_client(service)
    found = client.invoice("G1")
    with pytest.warns(UserWarning, match=f"left out, {words}"):
        proof = found.reconcile()
    assert (proof.state, proof.lines) == ("incomplete", 0)
    assert numbers(service) == [1]
    assert kept(client)[0] == "nothing"


@pytest.mark.parametrize(("status", "error"), [(403, ik.AccessError), (404, ik.NotFoundError)])
def test_a_refusal_in_the_middle_is_an_error(serve, open_client, status, error):
    fault = Reply(b'{"code":2032,"description":"no"}', status)
    service = serve(Chain(kinds=(OFFSET,), faults={3: fault}))
    client = open_client(service)
    with pytest.raises(error):
        client.invoice("G1").reconcile()
    made = numbers(service)  # page 3 was asked ahead, and again once page 2 had named it
    assert [made.count(page) for page in (1, 2, 3)] == [1, 1, 2]
    assert kept(client)[0] == "nothing"


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_seek_token_that_dies_costs_one_restart(serve, open_client, status):
    service = serve(chain := Chain(faults={2: [Reply(b"{}", status)]}))
    client = open_client(service)
    read_whole(client, chain)
    assert numbers(service) == [1, 2, 1, 2, 3, 4, 5]
    assert kept(client) == ("committed", 5)


def test_a_seek_token_that_died_since_the_pull_was_interrupted(serve, open_client):
    """Pages 1 to 6 are kept, and of no use: page 7 is not to be had with their token."""
    service = serve(chain := Chain(9, faults={7: Reply(b"", 503)}))
    client = open_client(service)
    client.retry_policy = ik.RetryPolicy(tries=1)
    with pytest.raises(ik.FetchError, match="503"):
        client.invoice("G1").charges()
    assert kept(client) == ("pending", 6)
    chain.faults.clear()
    chain.dead.add("1-7")
    asked = len(service.asked)
    read_whole(open_client(service), chain)
    assert numbers(service, asked) == [7, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert kept(client) == ("committed", 9)


@pytest.mark.parametrize("status", [400, 404])
def test_a_seek_token_that_dies_twice_is_an_error_never_a_collection_left_out(
    serve, open_client, status
):
    service = serve(chain := Chain(9, faults={7: Reply(b"{}", status)}))
    client = open_client(service)
    with pytest.raises(ik.PageError, match=rf"own continuation token, twice \({status} for "):
        client.invoice("G1").reconcile()
    assert numbers(service) == [1, 2, 3, 4, 5, 6, 7] * 2
    assert kept(client) == ("nothing", 0)
    chain.faults.clear()
    read_whole(client, chain)
    assert numbers(service)[14:] == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_pages_without_an_end(serve, open_client):
    """Ever new tokens; the bound is 100,000 pages, and 50 here."""
    service = serve(Chain(1_000_000))
    client = open_client(service)
    with pytest.raises(ik.PageError, match="has no end: 50 pages were read"):
        pull(client._session, collection_of(client), partial(pages_of, most=50), list)
    assert numbers(service) == list(range(1, 51))
    assert kept(client) == ("nothing", 0)
    assert MOST_PAGES == 100_000


def test_empty_pages_without_an_end(serve, open_client):
    """Ever new tokens and never a row: a short page and an empty page say nothing, but 51 do."""

    def lines(asked):
        return page("[]", uri=SEEK_LINK, token=f"1-{int((asked.token or '1-1')[2:]) + 1}")

    client = open_client(service := serve(Partner(lines=lines)))
    with pytest.raises(ik.PageError, match="onetime/billing of G1 leads nowhere: 51 pages"):
        client.invoice("G1").charges()
    assert numbers(service) == list(range(1, 52))
    assert kept(client) == ("nothing", 0)


def wrongly(body: bytes | Reply, error: type[Exception], words: str, kept: str = "nothing"):
    return pytest.param(body, error, words, kept, id=words)


@pytest.mark.parametrize(
    ("answer", "error", "words", "state"),
    [
        wrongly(Chain().page(2), ik.PageError, "byte for byte"),
        wrongly(b"", ik.PageError, "page 3 of onetime/billing of G1 is empty"),
        wrongly(PAGE[:-30], ik.PageError, "cut short"),
        wrongly(page("[]", uri="https://evil.example/x"), ik.PageError, "another host"),
        wrongly(page("[]", uri="http://["), ik.PageError, "no address"),
        wrongly(page("[]", uri="http://evil.example:x/"), ik.PageError, "another host, .*: evil"),
        wrongly(page("[]", uri="/v1/%2e%2e/x"), ik.PageError, "3 of .* no address"),
        wrongly(
            page("[]", uri="/x", token="x").replace(b"MS-C", b"X-C"), ik.PageError, "ours alone"
        ),
        wrongly(page("[]", uri="/x", token=" x"), ik.PageError, "makes no request"),
        wrongly(
            Reply(b"", 302, {"Location": "https://evil.example/x"}),
            ik.PageError,
            "redirects to another host",
        ),
        wrongly(b'{"items":[{"a":1}],"\\u0069tems":[]}', ik.PageError, "a field of the page twice"),
        wrongly(Reply(b"{}", 400), ik.PageError, "continuation token, twice"),
        wrongly(b"<html>Sign in</html>", ik.FetchError, "web page where", "pending"),
        wrongly(Reply(b"", 302, {"Location": "/v1/x"}), ik.FetchError, "redirects", "pending"),
        wrongly(Reply(b"", 302, {"Location": "http://["}), ik.FetchError, "could not", "pending"),
    ],
)
def test_an_answer_that_is_wrong_is_an_error_and_never_half_a_result(
    serve, open_client, answer, error, words, state
):
    """What came before it is forgotten, unless somebody between us and the service gave it."""
    service = serve(chain := Chain(faults={3: answer}))
    if words == "byte for byte":
        chain.faults[3] = page(rows('{"a":1}'), uri="/invoices/G1/lineitems/OneTime/x", token="1-3")
        chain.faults[2] = chain.faults[3]
    client = open_client(service)
    with pytest.raises(error, match=words):
        client.invoice("G1").reconcile()
    assert kept(client) == (state, 2 if state == "pending" else 0)
    asked = len(service.asked)
    chain.faults.clear()
    read_whole(client, chain)
    assert numbers(service, asked) == ([3, 4, 5] if state == "pending" else [1, 2, 3, 4, 5])


@pytest.mark.parametrize(
    "how",
    [{"zipped": True}, {"chunked": True}, {"zipped": True, "chunked": True}, {"stall": 0.05}],
    ids=str,
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a BOM"])
def test_packed_in_chunks_slow_or_with_a_mark_it_is_the_same(serve, open_client, how, mark):
    chain = Chain()

    def answer(asked):
        reply = chain(asked)
        body = reply.body if isinstance(reply, Reply) else reply
        return Reply(mark + body, **how)

    service = serve(answer)
    for _ in range(2):  # and so it is from the cache
        client = open_client(service)
        read_whole(client, chain)
    assert numbers(service) == [1, 2, 3, 4, 5]
    assert kept(client) == ("committed", 5)


def test_ten_thousand_small_pages(serve, open_client):
    service = serve(Chain(10_000))
    client = open_client(service)
    pages, readings = pull(
        client._session, collection_of(client), pages_of, lambda pages: sum(1 for _ in pages)
    )
    assert pages == len(readings) == len(service.asked) == 10_000
    assert kept(client) == ("committed", 10_000)


def test_two_tenants_on_one_folder_share_nothing(serve, open_client):
    service = serve(chain := Chain())
    first, second = (open_client(service, tenant_id=tenant) for tenant in ("a", "b"))
    read_whole(first, chain)
    asked = len(service.asked)
    assert kept(second) == ("nothing", 0)
    read_whole(second, chain)
    assert numbers(service, asked) == [1, 2, 3, 4, 5]
    assert kept(first) == kept(second) == ("committed", 5)


def test_a_service_that_asks_us_to_slow_down_is_left_alone_by_all_hands(serve, open_client):
    """Its quota is the partner's: while one collection waits, the others do not go on asking."""
    pairs = (("one_time", "billing_line_items"), ("office", "billing_line_items"))
    times: list[tuple[float, bool]] = []
    told: list[float] = []

    def lines(asked):
        if "OneTime" in asked.target and not told:
            told.append(time.monotonic())
            return Reply(b"{}", 429, {"Retry-After": "1"})
        times.append((time.monotonic(), "OneTime" in asked.target))
        number = int(asked.token or 0)
        uri = "/invoices/G1/lineitems/Office/BillingLineItems?seekOperation=Next"
        if "OneTime" in asked.target or number == 8:
            return Reply(page("[{}]"), delay=0.05)
        body = page("[{}]", uri=uri, token=str(number + 1), self=number)
        return Reply(body, delay=0.05)

    partner = Partner(invoice(pairs=pairs), lines=lines)
    open_client(serve(partner)).invoice("G1").line_items()
    assert len(times) == 10
    since = [at - told[0] for at, _ in times]
    assert [at for at in since if 0.2 < at < 0.9] == []
    assert max(since) > 1

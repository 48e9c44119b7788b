"""What bounds an answer: its size, its codings, its time; and who may ask at all."""

from __future__ import annotations

import gzip
import sys
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator

import pytest
import requests

import invoicekit as ik
from invoicekit.fetch.bodies import MOST, zstd
from invoicekit.fetch.eviction import Quota
from invoicekit.fetch.page_cache import PageFiles
from invoicekit.fetch.pull import pull
from invoicekit.pages import Request
from invoicekit.sources.partner_center.requests import invoices, statement
from invoicekit.sources.partner_center.source import pages as pages_of
from support.chains import Chain, kept, numbers, pages_in, read_whole
from support.raw import OK, Raw, dripping, whole
from support.server import TOKEN, Reply, invoice, line, page, rows

ONE = page(rows(line()))
ANY = Request("/invoices")
ZEROS = b"0" * 100_000_000


@pytest.fixture
def serve_raw() -> Iterator[Callable[[Callable[[str], Iterator[bytes]]], Raw]]:
    """Start a server below HTTP."""
    servers: list[Raw] = []

    def start(answer: Callable[[str], Iterator[bytes]]) -> Raw:
        servers.append(Raw(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def bare(body: bytes) -> bytes:
    """Deflate without the two bytes that should come first."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def in_one_member(times: int) -> Iterator[bytes]:
    """Blocks of one gzip member, `times` over: as long as one likes, for next to nothing."""
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    yield packer.compress(ZEROS) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(ZEROS) + packer.flush(zlib.Z_FULL_FLUSH)
    yield from [again] * (times - 1)


PACKERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "GZIP": lambda body: gzip.compress(body[:9]) + gzip.compress(body[9:]),  # two members
    "deflate": zlib.compress,
    " deflate ": bare,
    "zstd": zstd.compress,
    "identity": bytes,
    "": bytes,
}


@pytest.mark.parametrize("coding", PACKERS)
@pytest.mark.parametrize("chunked", [True, False])
def test_one_coding_is_read(serve, open_client, coding, chunked):
    body = page(rows(*[line(f"{number}.25") for number in range(30_000)]))  # more than a piece
    packed = PACKERS[coding](body)
    service = serve(lambda _: Reply(packed, headers={"Content-Encoding": coding}, chunked=chunked))
    session = open_client(service)._session
    assert session.ask(ANY, None, correlation_id="x").body == body
    assert service.asked[0].headers["accept-encoding"] == "gzip, deflate, zstd"


@pytest.mark.parametrize("coding", ["gzip, gzip", "gzip,deflate", "br", "identity, gzip", "x" * 90])
def test_several_codings_or_one_that_was_not_asked_for_are_refused(serve, open_client, coding):
    packed = gzip.compress(gzip.compress(ONE))
    chain = Chain(faults={3: Reply(packed, headers={"Content-Encoding": coding})})
    client = open_client(service := serve(chain))
    with pytest.raises(ik.PageError, match="a coding that was not asked for"):
        client.invoice("G1").charges()
    assert numbers(service) == [1, 2, 3]
    assert kept(client) == ("nothing", 0)


@pytest.mark.parametrize("coding", ["deflate", "zstd"])
def test_a_packed_body_that_stops_early_is_asked_again(serve, open_client, coding):
    body = Chain().page(3)
    for packed in ((whole := PACKERS[coding](body))[:-5], b"\x28\xb5" + whole[9:]):
        fault = Reply(packed, headers={"Content-Encoding": coding})
        service = serve(chain := Chain(faults={3: [fault]}))
        read_whole(open_client(service), chain)
        assert numbers(service) == [1, 2, 3, 3, 4, 5]


BOMBS = {
    "gzip, one member": ("gzip", lambda: b"".join(in_one_member(100))),
    "gzip, a hundred members": ("gzip", lambda: gzip.compress(ZEROS) * 100),
    "zstd": ("zstd", lambda: zstd.compress(ZEROS) * 100),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_ten_gigabytes_in_a_few_kilobytes_are_not_unpacked(serve, open_client, bomb):
    coding, pack = BOMBS[bomb]
    packed = pack()
    service = serve(lambda _: Reply(packed, headers={"Content-Encoding": coding}))
    client = open_client(service)
    tracemalloc.start()
    try:
        with pytest.raises(ik.PageError, match="more than 256 MB, which is no page"):
            client.invoices()
        assert tracemalloc.get_traced_memory()[1] < 1.2 * MOST
    finally:
        tracemalloc.stop()
    assert len(service.asked) == 1


def test_a_page_that_says_it_is_too_large_is_not_read(serve_raw, open_client):
    server = serve_raw(lambda _: iter([OK + b"Content-Length: 300000000\r\n\r\n{"]))
    with pytest.raises(ik.PageError, match=r"more than 256 MB.* page_size"):
        open_client(server, read_timeout=5).invoices()


def test_a_body_without_an_end_is_read_up_to_the_bound(serve_raw, open_client):
    chunk = b"%x\r\n" % (1 << 20) + b" " * (1 << 20) + b"\r\n"

    def answer(_: str) -> Iterator[bytes]:
        yield OK + b"Transfer-Encoding: chunked\r\n\r\n"
        while True:
            yield chunk

    server = serve_raw(answer)
    with pytest.raises(ik.PageError, match="more than 256 MB"):
        open_client(server).invoices()
    assert server.sent < 1.2 * MOST


@pytest.mark.parametrize("status", [401, 403, 404, 503])
def test_of_an_error_no_more_than_a_megabyte_is_read_and_its_status_counts(
    serve_raw, open_client, status
):
    def answer(_: str) -> Iterator[bytes]:
        yield b"HTTP/1.1 %d No\r\nTransfer-Encoding: chunked\r\n\r\n" % status
        while True:
            yield b"10000\r\n" + b"[" * 0x10000 + b"\r\n"

    server = serve_raw(answer)
    client = open_client(server)
    client.retry_policy = ik.RetryPolicy(tries=2, first=0.01)
    with pytest.raises(ik.FetchError) as told:
        client.invoices()
    assert told.value.status == status
    tries = len(server.requests)
    assert tries == (2 if status == 503 else 1)
    assert server.sent < tries * 16_000_000  # what lies in the buffers of two sockets, and pieces


def test_an_error_in_an_odd_coding_is_an_error_by_its_status(serve, open_client):
    for coding in ("gzip", "br", "gzip, gzip"):
        chain = Chain(faults={3: [Reply(b"no such thing", 503, {"Content-Encoding": coding})]})
        read_whole(open_client(service := serve(chain)), chain)
        assert numbers(service) == [1, 2, 3, 3, 4, 5]


ENDLESS = {
    "a byte now and then": lambda: dripping(OK + b"Content-Length: 1000\r\n\r\n", b" "),
    "chunks now and then": lambda: dripping(
        OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"
    ),
    "a packed byte now and then": lambda: dripping(
        OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"")[:10], b"\0\0\0\xff\xff"
    ),
    "a header, letter by letter": lambda: dripping(OK + b"X: ", b"x"),
    "a status, letter by letter": lambda: dripping(b"HTTP/1.1 200 ", b"x"),
    "100 Continue now and then": lambda: dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "100 Continue without a pause": lambda: dripping(
        b"", b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n" * 50, pause=0.001
    ),
    "trailers": lambda: dripping(
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"A: b\r\n"
    ),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_an_answer_without_an_end_ends_at_the_deadline(serve_raw, open_client, what):
    """A byte within each read timeout: 0.4 s here, so all of it may take 2 s."""
    server = serve_raw(lambda _: ENDLESS[what]())
    client = open_client(server, read_timeout=0.4)
    start = time.monotonic()
    with pytest.raises(ik.FetchError, match=r"no answer came whole within 2 s.* after try 1") as no:
        client.invoices()
    assert 1.8 < time.monotonic() - start < 10  # a machine with much else to do
    assert (no.value.status, len(server.requests)) == (None, 1)


def test_headers_without_an_end_are_given_up(serve_raw, open_client):
    """The standard library reads a hundred of them, so it need not come to the deadline."""
    server = serve_raw(lambda _: dripping(OK, b"".join(b"A%d: b\r\n" % n for n in range(60))))
    client = open_client(server, read_timeout=0.4)
    client.retry_policy = ik.RetryPolicy(tries=2, first=0.01)
    with pytest.raises(ik.FetchError, match="after 2 tries"):
        client.invoices()


def test_the_deadline_is_of_all_tries_of_a_page_together(serve_raw, open_client):
    """Each is cut after 0.9 of 2 seconds: the third has 0.2 left, and there is no fourth."""

    def answer(_: str) -> Iterator[bytes]:
        yield OK + b"Content-Length: 1000\r\n\r\n"
        for _ in range(9):
            time.sleep(0.1)
            yield b" "
        raise OSError  # hang up

    server = serve_raw(answer)
    client = open_client(server, read_timeout=0.4)
    start = time.monotonic()
    with pytest.raises(ik.FetchError, match="within 2 s"):
        client.invoices()
    assert time.monotonic() - start < 10
    assert len(server.requests) <= 3


def test_pages_before_an_answer_without_an_end_are_not_lost(serve, open_client):
    service = serve(chain := Chain(faults={3: Reply(Chain().page(3), stall=1.5)}))
    client = open_client(service, read_timeout=0.25)
    with pytest.raises(ik.FetchError, match="Given up"):
        client.invoice("G1").charges()
    assert kept(client) == ("pending", 2)
    asked = len(service.asked)
    chain.faults.clear()
    read_whole(open_client(service), chain)
    assert numbers(service, asked) == [3, 4, 5]


def test_connections_are_used_again(serve_raw, open_client):
    """Read with bounds, an answer leaves its connection as good as it was; an error does too."""

    def answer(target: str) -> Iterator[bytes]:
        if target.endswith("/3"):
            return iter([b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\n{}"])
        if target.endswith("/4"):
            return iter([OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"])
        return whole(ONE)

    server = serve_raw(answer)
    session = open_client(server)._session
    for number in (1, 2, 4, 5, 6):
        session.ask(Request(f"/{number}"), "a/b", correlation_id="x")
    with pytest.raises(ik.NotFoundError):
        session.ask(Request("/3"), "a/b", correlation_id="x")
    session.ask(Request("/7"), "a/b", correlation_id="x")
    assert (len(server.requests), server.connections) == (7, 1)


@pytest.mark.parametrize(
    "sent",
    [
        b"\0" * 100,
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\n{}",
        b"HTTP/9.9 999999 \xff\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n{}",
        b"HTTP/1.1 200 OK\r\n\xff\xfe: \xff\r\n : \r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n{}",
        b"HTTP/1.1 302 Found\r\nLocation: \xff\xfehttp://[\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; expires=Wed, 99 Feb 99999 99:99:99 +9999\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nVary: *\r\nCache-Control: x=\r\nAge: x\r\n\r\n{}",
    ],
)
def test_whatever_is_sent_the_error_is_ours(serve_raw, open_client, sent):
    def answer(_: str) -> Iterator[bytes]:
        yield sent
        raise OSError  # hang up

    client = open_client(serve_raw(answer))
    client.retry_policy = ik.RetryPolicy(tries=2, first=0.01)
    with pytest.raises(ik.InvoiceKitError):
        client.invoices()


# Who may ask


def test_a_closed_client_says_so_whatever_is_wanted(serve, open_client, tmp_path):
    service = serve(chain := Chain())
    client = open_client(service)
    found = client.invoice("G1")
    read_whole(client, chain)
    asked = len(service.asked)
    client.close()
    client.close()
    for use in (
        client.invoices,
        lambda: client.invoice("G1"),
        lambda: client.latest,
        client.sync,
        lambda: found.line_items(refresh=True),
        lambda: found.statement(tmp_path / "x.pdf"),
        lambda: client._session.cached(ANY, "a/b"),
    ):
        with pytest.raises(ik.FetchError, match="the client is closed") as told:
            use()
        assert told.value.hint == "open another with connect()"
    assert len(service.asked) == asked


WAITS = {
    "for the first byte": {"delay": 30.0},
    "for the rest of the body": {"stall": 30.0},
    "as the service wants it": {"status": 429, "headers": {"Retry-After": "60"}},
    "for its turn": {"delay": 30.0},
}


@pytest.mark.parametrize("kind", ["onetime", "office"])
@pytest.mark.parametrize("wait", WAITS)
def test_whoever_waits_for_an_answer_is_told_that_the_client_is_closed(
    open_client, serve, wait, kind
):
    """At once, and nobody waits for ever: also not a page that was asked ahead."""
    chain = Chain(kinds=(kind,))
    chain.faults = {3: Reply(chain.page(3, kind), **WAITS[wait])}
    client = open_client(serve(chain), connections=2 if wait == "for its turn" else 4)
    told: list[ik.InvoiceKitError] = []

    def use() -> None:
        try:
            client.invoice("G1").charges()
        except ik.InvoiceKitError as error:
            told.append(error)

    users = [threading.Thread(target=use, daemon=True) for _ in range(3)]
    for user in users:
        user.start()
    time.sleep(1)
    assert told == []
    start = time.monotonic()
    client.close()
    for user in users:
        user.join(20)
    assert time.monotonic() - start < 10  # half a second, on a machine with nothing else to do
    assert [str(error) for error in told] == [
        "the client is closed. Open another with connect()"
    ] * 3
    assert {type(error) for error in told} == {ik.FetchError}


def test_offline_sends_nothing_whoever_asks(serve, open_client, tmp_path):
    service = serve(chain := Chain())
    read_whole(open_client(service), chain)
    asked = len(service.asked)
    client = open_client(service, offline=True)
    read_whole(client, chain)
    with pytest.raises(ik.FetchError, match="offline"):
        client.invoice("G1").statement(tmp_path / "x.pdf")
    with pytest.raises(ik.FetchError, match="offline"):
        client._session.ask(ANY, "a/b", correlation_id="x")
    with pytest.raises(ik.FetchError, match="offline"):
        client._session._transport.send(requests.Request("GET", service.url + "/v1").prepare())
    assert len(service.asked) == asked


def test_offline_asks_for_no_token_either(serve, open_client):
    """A sign-in would be a request as well; here it would go to Microsoft."""
    client = open_client(serve(Chain()), offline=True, token="", client_id="a", client_secret="b")
    with pytest.raises(ik.FetchError, match="offline"):
        client._session.ask(ANY, None, correlation_id="x")


# What is kept


def test_documents_are_neither_looked_for_on_disk_nor_kept(serve, open_client, tmp_path):
    sent = [b'{"a":1}', b"%PDF-1.7 one %%EOF", b"%PDF-1.7 two %%EOF"]

    def answer(asked) -> bytes:
        return sent.pop(0) if "documents" in asked.target else invoice().encode()

    service = serve(answer)
    client = open_client(service)
    found = client.invoice("G1")
    before = pages_in(tmp_path)
    # As if somebody had left an answer where the first release looked for them.
    client._session.ask(statement("G1"), "documents", correlation_id="x")
    assert len(pages_in(tmp_path)) == len(before) + 1
    for word in (b"one", b"two"):
        path = found.statement(tmp_path / "statement.pdf", overwrite=True)
        assert word in path.read_bytes()
    assert len(pages_in(tmp_path)) == len(before) + 1
    assert len(service.asked) == 4


ODD = ["<script>", "\x1b[31m", "x" * 65, "a b", "", TOKEN]


@pytest.mark.parametrize("said", ODD)
@pytest.mark.parametrize("name", ["MS-RequestId", "MS-CorrelationId"])
def test_an_id_that_looks_like_none_is_not_kept(serve, open_client, tmp_path, name, said):
    service = serve(lambda _: Reply(page([]), headers={name: said}))
    client = open_client(service)
    _, (reading,) = pull(client._session, invoices(), pages_of, list)
    shown = reading.request_id if name == "MS-RequestId" else reading.correlation_id
    sent = service.asked[0].headers[name.lower()]
    assert shown == ("(secret)" if said == TOKEN else sent)
    for file in pages_in(tmp_path):
        assert said.encode() not in file.read_bytes() or not said


def test_an_id_of_the_service_s_own_is_kept(serve, open_client):
    service = serve(lambda _: Reply(page([]), headers={"MS-RequestId": "Node.1:7_a-b"}))
    client = open_client(service)
    for _ in range(2):  # from the cache as well
        _, (reading,) = pull(client._session, invoices(), pages_of, list)
        assert reading.request_id == "Node.1:7_a-b"


@pytest.mark.parametrize("where", ["body", "header"])
def test_a_page_that_shows_a_secret_says_so_and_is_not_on_disk(serve, open_client, tmp_path, where):
    body = page(rows(line(name=TOKEN if where == "body" else "A")))
    headers = {"Content-Type": f"application/json; x={TOKEN}"} if where == "header" else {}

    def answer(asked) -> Reply | bytes:
        if asked.token:
            return page([])
        return Reply(body[:-1] + b',"x":1}' if "x" in asked.target else body, headers=headers)

    client = open_client(serve(answer))
    _, (reading,) = pull(client._session, invoices(), pages_of, list)
    assert reading.shows_secret
    assert pages_in(tmp_path) == []
    assert not pull(open_client(serve(lambda _: page([])))._session, invoices(), pages_of, list)[1][
        0
    ].shows_secret


class Counting(PageFiles):
    """Files that count who asks."""

    reads = 0

    def __getitem__(self, key: str):
        self.reads += 1
        return super().__getitem__(key)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_page_costs_one_look_at_the_disk_and_no_parsing_before_its_own(
    serve, open_client, zipped
):
    chain = Chain()

    def answer(asked) -> Reply:
        reply = chain(asked)
        return Reply(reply if isinstance(reply, bytes) else reply.body, zipped=zipped)

    session = open_client(serve(answer))._session
    session._http.cache.responses = files = Counting(session.root, Quota(session.root.parent, 1))
    parsed: list[str] = []

    def seen(_frame, event: str, what: object) -> None:
        name = getattr(what, "__qualname__", "")
        if event == "c_call" and "ecode" in name and "msgspec" in repr(what):
            parsed.append(name)

    link = Request("/invoices/G1/lineitems/OneTime/BillingLineItems?size=2000&offset=0")
    sys.setprofile(seen)
    try:
        answers = [session.ask(link, "a/b", correlation_id="x") for _ in range(2)]
    finally:
        sys.setprofile(None)
    assert [answer.from_cache for answer in answers] == [False, True]
    assert (files.reads, parsed) == (2, [])

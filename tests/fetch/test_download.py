"""Files from secret addresses: whole or not there, resumed, and nothing of a SAS is told."""

from __future__ import annotations

import gzip
import logging
import os
import threading
import time
from pathlib import Path

import pytest
import requests

import invoicekit as ik
from invoicekit.fetch import download as download_module
from invoicekit.fetch.download import Downloader
from invoicekit.fetch.downloads import NewFile, Wanted, find
from invoicekit.fetch.eviction import Quota
from invoicekit.fetch.retry import RetryPolicy
from invoicekit.secret import Secret
from support.leaks import leaks_of
from support.raw import Raw
from support.server import Reply

BODY = gzip.compress(os.urandom(3_000_000), compresslevel=1)
WANTED = Wanted("part-00000.json.gz", "0x8D part-00000.json.gz")
SAS = "se=2999-01-01&sig=S3CR3T%2B"
PARTNER = f"{'a' * 32}-{'b' * 32}"


@pytest.fixture
def serve_raw():
    servers = []

    def start(answer):
        servers.append(Raw(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "cache" / PARTNER / ("c" * 32) / "12345678"


@pytest.fixture
def open_downloader(tmp_path):
    opened = []

    def open_(*, cache_gb=5.0, read_timeout=5.0, check=lambda _: None):
        opened.append(
            Downloader(
                connections=4,
                timeout=(5.0, read_timeout),
                quota=Quota(tmp_path / "cache", cache_gb),
                check=check,
                user_agent="invoicekit/test",
                shut=threading.Event(),
            )
        )
        return opened[-1]

    yield open_
    for one in opened:
        one.close()


def at(service, sas=SAS, asked=None):
    """An address that is the same whatever is refused; `asked` gets what was refused."""

    def address(name, refused, refusals):
        if asked is not None:
            asked.append((bool(refused), refusals))
        return Secret(f"{service.url}/container/Version=1/{name}?{sas}")

    return address


def fetch(downloader, address, folder, earlier=None, wanted=WANTED, stop=None, tries=3):
    return downloader.fetch(
        wanted,
        address,
        folder,
        earlier,
        retry_policy=RetryPolicy(tries=tries, first=0.01),
        stop=stop or threading.Event(),
    )


def content(found):
    with found.open() as file:
        return file.read()


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize(
    "reply",
    [
        Reply(BODY),
        Reply(BODY, headers={"Content-Encoding": "gzip"}),
        Reply(BODY, chunked=True),
        Reply(gzip.compress(b"")),
    ],
    ids=["plain", "content encoding", "chunked", "empty"],
)
def test_a_file_is_kept_as_it_came(serve, open_downloader, folder, reply):
    service = serve(lambda _: reply)
    found = fetch(open_downloader(), at(service), folder)
    assert content(found) == reply.body
    assert (found.size, found.from_cache, found.retries) == (len(reply.body), False, 0)
    (name,) = names(folder)
    assert name.endswith(".blob")
    (asked,) = service.asked
    assert asked.target == f"/container/Version=1/part-00000.json.gz?{SAS}"
    assert "authorization" not in asked.headers
    assert "cookie" not in asked.headers
    if os.name == "posix":
        assert (folder / name).stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_is_not_asked_again(serve, open_downloader, folder):
    service = serve(lambda _: BODY)
    fetch(open_downloader(), at(service), folder)
    again = fetch(open_downloader(), at(service), folder)
    assert (content(again), again.from_cache, len(service.asked)) == (BODY, True, 1)


def test_another_version_of_it_is_another_file(serve, open_downloader, folder):
    service = serve(lambda _: BODY)
    fetch(open_downloader(), at(service), folder)
    fetch(open_downloader(), at(service), folder, wanted=Wanted(WANTED.name, "0x8E part-0"))
    assert len(service.asked) == len(names(folder)) == 2


def test_one_of_an_earlier_pull_is_taken_over(serve, open_downloader, folder):
    service = serve(lambda _: BODY)
    earlier = folder.with_name("87654321")
    fetch(open_downloader(), at(service), earlier)
    found = fetch(open_downloader(), at(service), folder, earlier)
    assert (content(found), found.from_cache, len(service.asked)) == (BODY, True, 1)
    for path in earlier.iterdir():
        path.unlink()
    assert content(found) == BODY


def test_one_of_an_earlier_pull_is_copied_where_there_are_no_links(
    serve, open_downloader, folder, monkeypatch
):
    def no_links(*_):
        raise OSError(1, "not permitted")

    monkeypatch.setattr(os, "link", no_links)
    service = serve(lambda _: BODY)
    earlier = folder.with_name("87654321")
    fetch(open_downloader(), at(service), earlier)
    assert content(fetch(open_downloader(), at(service), folder, earlier)) == BODY
    assert names(folder) == names(earlier)
    assert len(service.asked) == 1


def flip(path):
    spoilt = bytearray(path.read_bytes())
    spoilt[len(spoilt) // 2] ^= 1
    path.write_bytes(spoilt)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def empty(path):
    path.write_bytes(b"")


def lead_away(path):
    other = path.with_name("other")
    path.rename(other)
    path.symlink_to(other)


@pytest.mark.parametrize("damage", [flip, cut, empty, lead_away])
def test_a_damaged_file_is_not_there(serve, open_downloader, folder, damage):
    service = serve(lambda _: BODY)
    found = fetch(open_downloader(), at(service), folder)
    damage(found.path)
    assert find(WANTED, folder) is None
    assert content(fetch(open_downloader(), at(service), folder)) == BODY
    assert len(service.asked) == 2


PASSING = {
    "429": Reply(b"", 429, {"Retry-After": "0"}),
    "500": Reply(b"<Error/>", 500),
    "503": Reply(b"", 503),
    "408": Reply(b"", 408),
    "reset before the answer": Reply(reset=True),
    "reset in the body": Reply(BODY, cut=len(BODY) // 2, reset=True),
    "cut": Reply(BODY, cut=len(BODY) // 2),
    "without its last byte": Reply(BODY, cut=len(BODY) - 1),
    "chunks cut": Reply(BODY, chunked=True, cut=len(BODY) // 2),
    "last chunk missing": Reply(BODY, chunked=True, cut=len(BODY) + 6),
    "nothing at all": Reply(BODY, cut=0),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_is_tried_again(serve, open_downloader, folder, name):
    replies = [PASSING[name], Reply(BODY)]
    service = serve(lambda _: replies.pop(0))
    found = fetch(open_downloader(), at(service), folder)
    assert (content(found), found.retries) == (BODY, 1)
    assert names(folder) == [found.path.name]


@pytest.mark.parametrize("name", PASSING)
def test_what_does_not_pass_is_an_error_and_leaves_nothing(serve, open_downloader, folder, name):
    service = serve(lambda _: PASSING[name])
    with pytest.raises(ik.FetchError, match=r"part-00000.json.gz .*Given up after 3 tries"):
        fetch(open_downloader(), at(service), folder)
    assert len(service.asked) == 3
    assert names(folder) == []


def test_a_refused_address_is_renewed_twice_and_no_more(serve, open_downloader, folder):
    body = b"<Error><Code>AuthenticationFailed</Code></Error>"
    no = Reply(body, 403, {"x-ms-error-code": "AuthenticationFailed"})
    replies = [no, no, Reply(BODY)]
    service, asked = serve(lambda _: replies.pop(0)), []
    assert content(fetch(open_downloader(), at(service, asked=asked), folder)) == BODY
    assert asked == [(False, 0), (True, 1), (True, 2)]
    service = serve(lambda _: no)
    with pytest.raises(ik.AccessError, match=r"answered 403 \(AuthenticationFailed\)") as caught:
        fetch(open_downloader(), at(service), folder, wanted=Wanted("b", "b"))
    assert (caught.value.status, len(service.asked)) == (403, 3)


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (Reply(b"", 404, {"x-ms-error-code": "BlobNotFound"}), ik.NotFoundError, "BlobNotFound"),
        (Reply(b"", 409, {"x-ms-error-code": "<b>"}), ik.FetchError, "answered 409\\."),
        (Reply(b"", 302, {"Location": "/x"}), ik.FetchError, "leads elsewhere and is not followed"),
        (Reply(b"", 204), ik.FetchError, "answered 204"),
        (Reply(b"\xef\xbb\xbf <!DOCTYPE html>"), ik.FetchError, "a web page came"),
        (Reply(b"<?xml version='1.0'?><Error/>"), ik.FetchError, "a web page came"),
        (Reply(b'{"a":1}\n'), ik.PageError, "is not packed by gzip"),
        (Reply(b""), ik.PageError, "is not packed by gzip"),
        (Reply(b"\x1f"), ik.PageError, "is not packed by gzip"),
    ],
)
def test_a_wrong_answer_is_an_error_at_once(serve, open_downloader, folder, reply, error, words):
    service = serve(lambda _: reply)
    with pytest.raises(error, match=words):
        fetch(open_downloader(), at(service), folder)
    assert len(service.asked) == 1
    assert names(folder) == []


def test_the_endless_body_of_a_redirect_is_not_read(serve_raw, open_downloader, folder):
    def answer(_):
        yield b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n"
        while True:
            yield b"x" * 65536

    service = serve_raw(answer)
    start = time.monotonic()
    with pytest.raises(ik.FetchError, match="is not followed"):
        fetch(open_downloader(), at(service), folder)
    assert time.monotonic() - start < 3


def test_a_download_that_stands_still_is_given_up(serve, open_downloader, folder):
    service = serve(lambda _: Reply(BODY, stall=1.5))
    with pytest.raises(ik.FetchError, match="it stands still"):
        fetch(open_downloader(read_timeout=0.3), at(service), folder, tries=1)
    assert names(folder) == []


def test_a_download_of_drops_is_given_up(serve_raw, open_downloader, folder, monkeypatch):
    monkeypatch.setattr(download_module, "SLOWEST", 1000)

    def answer(_):
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n\x1f\x8b"
        for _ in range(1000):
            yield b"x"
            time.sleep(0.02)

    service = serve_raw(answer)
    with pytest.raises(ik.FetchError, match="it stands still"):
        fetch(open_downloader(read_timeout=0.2), at(service), folder, tries=1)
    assert service.sent < 800  # long before the last drop
    assert names(folder) == []


def test_a_slow_download_goes_on_for_longer_than_the_timeout(serve_raw, open_downloader, folder):
    def answer(_):
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\n\r\n"
        yield head.encode()
        step = len(BODY) // 10 + 1
        for start in range(0, len(BODY), step):
            time.sleep(0.1)
            yield BODY[start : start + step]

    service = serve_raw(answer)
    found = fetch(open_downloader(read_timeout=0.4), at(service), folder, tries=1)
    assert content(found) == BODY
    assert found.seconds > 0.4


def test_whoever_wants_it_no_more_stops_it(serve_raw, open_downloader, folder):
    def answer(_):
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n\x1f\x8b"
        time.sleep(5)

    stop = threading.Event()
    service = serve_raw(answer)
    threading.Timer(0.3, stop.set).start()
    start = time.monotonic()
    with pytest.raises(ik.FetchError, match="closed"):
        fetch(open_downloader(), at(service), folder, stop=stop)
    assert time.monotonic() - start < 3
    assert names(folder) == []


def test_more_than_the_cache_may_hold_is_not_begun(serve, open_downloader, folder):
    service = serve(lambda _: BODY)
    with pytest.raises(ik.FetchError, match=r"more than cache_gb allows.*Make room"):
        fetch(open_downloader(cache_gb=0.002), at(service), folder)
    assert names(folder) == []
    chunked = serve(lambda _: Reply(BODY, chunked=True))
    with pytest.raises(ik.FetchError, match="more than cache_gb allows"):
        fetch(open_downloader(cache_gb=0.002), at(chunked), folder)
    assert names(folder) == []


def test_what_is_written_at_the_same_time_counts(serve, open_downloader, folder):
    service = serve(lambda _: Reply(BODY, chunked=True, stall=0.2))
    downloader, errors = open_downloader(cache_gb=0.005), []

    def one(name):
        try:
            fetch(downloader, at(service), folder, wanted=Wanted(name, name))
        except ik.FetchError as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(f"b{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 5_000_000
    assert len(errors) >= 3
    assert all("more than cache_gb allows" in str(error) for error in errors)


def test_a_file_is_finished_only_where_there_is_room_for_those_beside_it(folder):
    folder.mkdir(parents=True)
    quota = Quota(folder.parent.parent.parent, 0.005)
    with NewFile(WANTED, folder, quota) as one, NewFile(Wanted("b", "b"), folder, quota) as other:
        for piece in (1_000_000, 900_000, 900_000):
            one.write(bytes(piece))
            other.write(bytes(piece))
        with pytest.raises(OSError, match="more than cache_gb allows"):
            one.finish()
    assert names(folder) == []


def test_what_lies_there_already_counts(serve, open_downloader, folder):
    service = serve(lambda _: BODY)
    gb = 1.5 * len(BODY) / 1e9
    fetch(open_downloader(cache_gb=gb), at(service), folder)
    with pytest.raises(ik.FetchError, match="more than cache_gb allows"):
        fetch(open_downloader(cache_gb=gb), at(service), folder, wanted=Wanted("b", "b"))
    assert len(names(folder)) == 1


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_link_in_the_way_is_not_followed(serve, open_downloader, folder, tmp_path):
    service = serve(lambda _: BODY)
    (tmp_path / "elsewhere").mkdir()
    folder.parent.mkdir(parents=True)
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ik.FetchError, match="cannot be written"):
        fetch(open_downloader(), at(service), folder)
    assert names(tmp_path / "elsewhere") == []


def test_a_host_that_may_not_be_asked_is_not(serve, open_downloader, folder):
    service = serve(lambda _: BODY)

    def check(url):
        assert url == f"{service.url}/"
        raise ik.PageError("another host")

    with pytest.raises(ik.PageError, match="another host"):
        fetch(open_downloader(check=check), at(service), folder)
    assert service.asked == []


def test_as_many_at_once_as_there_are_connections(serve, open_downloader, folder):
    service = serve(lambda _: Reply(BODY, delay=0.1))
    downloader = open_downloader()
    threads = [
        threading.Thread(
            target=fetch,
            args=(downloader, at(service), folder),
            kwargs={"wanted": Wanted(f"b{n}", f"b{n}")},
        )
        for n in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(folder)) == 10
    assert 2 <= service.most_active <= 4


@pytest.mark.parametrize(
    "reply",
    [Reply(BODY), Reply(b"", 403), Reply(b"", 500), Reply(reset=True), Reply(BODY, cut=99),
     Reply(b"<html>"), Reply(b"", 302, {"Location": f"/x?{SAS}"})],
    ids=["whole", "403", "500", "reset", "cut", "web page", "redirect"],
)  # fmt: skip
def test_no_word_of_the_address_is_told(serve, open_downloader, folder, reply, caplog, tmp_path):
    """Not at DEBUG, not in errors and their frames, not on disk."""
    caplog.set_level(logging.DEBUG)
    service, error = serve(lambda _: reply), None
    try:
        fetch(open_downloader(), at(service), folder)
    except ik.InvoiceKitError as caught:
        error = caught
    if error is not None:
        assert list(leaks_of(error)) == []
        assert getattr(error, "url", None) is None
    assert service.asked[0].target.endswith(SAS)
    for text in (caplog.text, *(record.getMessage() for record in caplog.records)):
        assert "S3CR3T" not in text
        assert "Version=1" not in text
    for path in (tmp_path / "cache").rglob("*"):
        assert "S3CR3T" not in path.name
        assert path.is_dir() or b"S3CR3T" not in path.read_bytes()


def test_a_header_that_cannot_be_read_is_logged_without_the_address(
    serve_raw, open_downloader, folder, caplog
):
    caplog.set_level(logging.DEBUG)

    def answer(_):
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nno colon here\r\n\r\n\x1f\x8b"

    service = serve_raw(answer)
    fetch(open_downloader(), at(service), folder, tries=1)
    assert "S3CR3T" not in caplog.text


def test_what_the_machine_knows_of_a_host_is_not_sent(
    serve, open_downloader, folder, tmp_path, monkeypatch
):
    """No password of a `.netrc`, no cookie of an earlier answer."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login partner password S3CR3T\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    service = serve(lambda _: Reply(BODY, headers={"Set-Cookie": "a=b"}))
    downloader = open_downloader()
    for number in range(2):
        wanted = Wanted("part-0", f"version {number}")
        fetch(downloader, at(service), folder, wanted=wanted)
    assert [set(one.headers) for one in service.asked] == [
        {"host", "user-agent", "accept-encoding"}
    ] * 2


def test_the_tests_would_notice_an_address_in_the_log(serve, caplog):
    """What `requests` itself does."""
    caplog.set_level(logging.DEBUG)
    service = serve(lambda _: BODY)
    requests.get(f"{service.url}/x?{SAS}", timeout=5)
    assert "S3CR3T" in caplog.text

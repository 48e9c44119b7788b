"""Blobs over HTTPS and through a proxy: certificates are checked, and what is wrong is told."""

from __future__ import annotations

import gzip
import socket
import threading
from contextlib import suppress

import pytest

import invoicekit as ik
from invoicekit.fetch.download import Downloader
from invoicekit.fetch.downloads import Wanted
from invoicekit.fetch.eviction import Quota
from invoicekit.fetch.retry import RetryPolicy
from invoicekit.secret import Secret
from support.entra import make_certificate
from support.leaks import leaks_of
from support.server import Reply, Service

HOST = "a1.blob.core.windows.net"
BODY = gzip.compress(b"{}\n")
OF_THE_MACHINE = (
    "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy",
    "NO_PROXY", "no_proxy",
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
)  # fmt: skip


class Proxy:
    """Lets connections to any host through to one port of loopback; `heads` is what it was told."""

    def __init__(self, port: int) -> None:
        self.heads: list[bytes] = []
        self._port = port
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._socket.accept()
                threading.Thread(target=self._through, args=(near,), daemon=True).start()

    def _through(self, near: socket.socket) -> None:
        with suppress(OSError), near:
            head = b""
            while b"\r\n\r\n" not in head:
                head += near.recv(1 << 16)
            self.heads.append(head)
            with socket.create_connection(("127.0.0.1", self._port)) as far:
                near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                threading.Thread(target=_pump, args=(near, far), daemon=True).start()
                _pump(far, near)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(1 << 16):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def store(tmp_path):
    files = make_certificate(tmp_path, host=HOST)
    server = Service(lambda _: Reply(BODY), tls=files)
    server.certificate = str(files[0])
    yield server
    server.close()


@pytest.fixture
def proxy(store):
    found = Proxy(int(store.url.rpartition(":")[2]))
    yield found
    found.close()


@pytest.fixture
def fetch(tmp_path, monkeypatch):
    """Fetch a blob as a machine that is set up so would."""
    for name in OF_THE_MACHINE:
        monkeypatch.delenv(name, raising=False)
    opened = []

    def fetch_(root=f"https://{HOST}", **machine):
        for name, value in machine.items():
            monkeypatch.setenv(name, value)
        opened.append(
            Downloader(
                connections=1,
                timeout=(5.0, 5.0),
                quota=Quota(tmp_path / "cache", 5.0),
                check=lambda _: None,
                user_agent="invoicekit/test",
                shut=threading.Event(),
            )
        )
        folder = tmp_path / "cache" / f"{'a' * 32}-{'b' * 32}" / ("c" * 32) / "12345678"
        return opened[-1].fetch(
            Wanted("part-0", "0x8D part-0"),
            lambda name, *_: Secret(f"{root}/c/Version=1/{name}?sv=1&sig=S3CR3T"),
            folder,
            retry_policy=RetryPolicy(tries=2, first=0.01),
            stop=threading.Event(),
        )

    yield fetch_
    for one in opened:
        one.close()


def test_a_blob_comes_through_the_proxy_which_hears_no_address(store, proxy, fetch):
    found = fetch(HTTPS_PROXY=proxy.url, REQUESTS_CA_BUNDLE=store.certificate)
    with found.open() as file:
        assert file.read() == BODY
    assert [one.target for one in store.asked] == ["/c/Version=1/part-0?sv=1&sig=S3CR3T"]
    assert store.asked[0].headers["host"] == HOST
    assert proxy.heads[0].startswith(f"CONNECT {HOST}:443 ".encode())
    for word in (b"S3CR3T", b"Version", b"part-0"):
        assert word not in b"".join(proxy.heads)


def test_what_goes_to_loopback_passes_no_proxy(proxy, fetch):
    server = Service(lambda _: Reply(BODY))
    machine = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), proxy.url)
    assert fetch(server.url, **machine).size == len(BODY)
    server.close()
    assert proxy.heads == []


def certificate_of_another(store, proxy):
    del store
    return {"HTTPS_PROXY": proxy.url}


def certificates_that_are_not_there(store, proxy):
    return {"HTTPS_PROXY": proxy.url, "REQUESTS_CA_BUNDLE": store.certificate + ".not"}


def proxy_that_is_not_there(store, proxy):
    del proxy
    return {"HTTPS_PROXY": "http://127.0.0.1:9", "REQUESTS_CA_BUNDLE": store.certificate}


WRONG = [
    (certificate_of_another, r"the connection is not secure \(certificate\).*REQUESTS_CA_BUNDLE"),
    (certificates_that_are_not_there, "certificates that REQUESTS_CA_BUNDLE names is not there"),
    (proxy_that_is_not_there, r"the proxy of this machine \(HTTPS_PROXY\) does not let"),
]


@pytest.mark.parametrize(("machine", "words"), WRONG)
def test_what_is_wrong_with_the_way_out_is_told(store, proxy, fetch, machine, words):
    with pytest.raises(ik.FetchError, match=words) as caught:
        fetch(**machine(store, proxy))
    assert list(leaks_of(caught.value)) == []
    assert store.asked == []


def test_a_certificate_of_another_host_is_refused(store, proxy, fetch):
    """The machine trusts who made it; it is of a host that was not asked."""
    with pytest.raises(ik.FetchError, match="not secure"):
        fetch(
            "https://b2.blob.core.windows.net",
            HTTPS_PROXY=proxy.url,
            REQUESTS_CA_BUNDLE=store.certificate,
        )
    assert store.asked == []

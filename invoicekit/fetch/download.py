"""Downloads files of any size from secret addresses, a few at once.

No token of a sign-in is known here at all.
"""

from __future__ import annotations

import http.client
import math
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import requests
from requests import Response, codes
from urllib3.exceptions import HTTPError

from invoicekit.auth.entra_http import unsigned
from invoicekit.errors import FetchError, PageError
from invoicekit.fetch.deadline import TURN, Deadline
from invoicekit.fetch.downloads import (
    PIECE,
    Download,
    NewFile,
    Wanted,
    find,
    raise_if_no_room,
    take_over,
)
from invoicekit.fetch.eviction import Quota
from invoicekit.fetch.http_errors import ERRORS, LATER, is_web_page, way_out
from invoicekit.fetch.retry import RetryPolicy, is_retryable, rest
from invoicekit.fetch.secret_address import ConcealingAdapter, sending, split
from invoicekit.fetch.transport import closed
from invoicekit.secret import NO_SECRET, Secret, scrubbing
from invoicekit.setting_values import LOOPBACK

if TYPE_CHECKING:
    import socket

    from _typeshed import WriteableBuffer

GZIP = b"\x1f\x8b"
RENEWALS = 2  # times that the address of one file is renewed because it was refused
SLOWEST = 1_000_000  # bytes in five times `read_timeout` below which a download is given up
STORAGE_CODE = re.compile(r"[A-Za-z]{1,60}")
FOREIGN = (requests.RequestException, HTTPError, http.client.HTTPException, OSError, ValueError)


class Address(Protocol):
    """Whoever knows where a file lies. Safe to share among threads."""

    def __call__(self, name: str, refused: Secret, refusals: int) -> Secret:
        """The address of a file; another one where it was `refused`, so often by now."""


class Downloader:
    """Downloads files; each is there whole, or not at all."""

    def __init__(
        self,
        *,
        connections: int,
        timeout: tuple[float, float],
        quota: Quota,
        check: Callable[[str], None],
        user_agent: str,
        shut: threading.Event,
    ) -> None:
        """Bounds, and a `check` that raises where a host may not be asked."""
        self._check = check
        self._timeout = timeout
        self._quota = quota
        self._shut = shut
        self._turns = threading.BoundedSemaphore(connections)
        self._http = requests.Session()
        self._http.auth = unsigned
        self._http.headers.clear()
        self._http.headers.update({"User-Agent": user_agent, "Accept-Encoding": "gzip"})
        for scheme in ("https://", "http://"):
            self._http.mount(scheme, ConcealingAdapter(pool_maxsize=connections))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def fetch(
        self,
        wanted: Wanted,
        address: Address,
        folder: Path,
        earlier: Path | None = None,
        *,
        retry_policy: RetryPolicy,
        stop: threading.Event,
    ) -> Download:
        """The file in `folder`: as it lies there, taken over from an `earlier` one, or downloaded.

        Tried again where that may help, as `retry_policy` says. It takes as long as it takes; but a
        download that stands still for `read_timeout` is cut.

        Raises:
            FetchError: it could not be downloaded, or not be written; what is there stays there.
            PageError: what came is not packed by gzip, or the host may not be asked.
        """
        found = find(wanted, folder)
        if found is None and earlier is not None:
            with _writing(wanted):
                found = take_over(wanted, folder, earlier, self._quota)
        if found:
            return found
        return scrubbing(lambda: self._downloaded(wanted, address, folder, retry_policy, stop))

    def _downloaded(
        self,
        wanted: Wanted,
        address: Address,
        folder: Path,
        retry_policy: RetryPolicy,
        stop: threading.Event,
    ) -> Download:
        start, waited, tried, refusals, refused = time.perf_counter(), 0.0, 0, 0, NO_SECRET
        while True:
            url = address(wanted.name, refused, refusals)
            with self._turn(stop):
                try:
                    path, size = self._tried(wanted, url, folder, stop)
                    seconds = time.perf_counter() - start
                    return Download(wanted.name, path, size, seconds, False, tried + refusals)  # noqa: FBT003
                except _FailedError as failed:
                    error, retry_after = failed.error, failed.retry_after
            self._raise_if_unwanted(stop)
            if error.status == codes.forbidden and refusals < RENEWALS:
                refused, refusals = url, refusals + 1
                continue
            if not is_retryable(error.status):
                raise error
            tried += 1
            wait = retry_policy.wait(tried, retry_after)
            end = retry_policy.end(tried, waited, wait)
            if end:
                error.args = (f"{str(error).rstrip('.')}. {end}",)
                raise error
            rest(wait, f"{error.status or 'no whole answer'} for {wanted.name}", self._shut)
            waited += wait

    def _tried(
        self, wanted: Wanted, url: Secret, folder: Path, stop: threading.Event
    ) -> tuple[Path, int]:
        host, target = split(url)
        self._check(host)
        way: dict[str, Any] = {}
        if urlsplit(host).hostname not in LOOPBACK:  # a proxy is for the way out
            way = dict(self._http.merge_environment_settings(host, {}, None, None, None))
        way |= {"timeout": self._timeout, "stream": True}
        try:
            with sending(target), _Pace(self._timeout[1], self._shut, stop).here():
                request = self._http.prepare_request(requests.Request("GET", host))
                # not by the session: it would read the body of a redirect, however long
                with self._http.get_adapter(host).send(request, **way) as response:
                    if response.status_code != codes.ok:
                        raise _refused(wanted, response)
                    return self._received(wanted, folder, response)
        except FOREIGN as cause:
            still = isinstance(cause, requests.Timeout) or "timed out" in str(cause).lower()
            cut = "it stands still" if still else "the connection was cut, or there was none"
            why = way_out(cause) or cut
            raise _FailedError(_failed(wanted, why, hint=NETWORK)) from None

    def _received(self, wanted: Wanted, folder: Path, response: Response) -> tuple[Path, int]:
        expected = response.raw.length_remaining
        piece = response.raw.read(PIECE, decode_content=False)
        if not piece.startswith(GZIP):
            raise _not_packed(wanted, piece)
        with _writing(wanted):
            raise_if_no_room(folder, expected or 0, self._quota)
            file = NewFile(wanted, folder, self._quota)
        with file:
            while piece:
                with _writing(wanted):
                    file.write(piece)
                piece = response.raw.read(PIECE, decode_content=False)
            with _writing(wanted):
                return file.finish(), file.size

    @contextmanager
    def _turn(self, stop: threading.Event) -> Iterator[None]:
        while not self._turns.acquire(timeout=TURN):
            self._raise_if_unwanted(stop)
        try:
            self._raise_if_unwanted(stop)
            yield
        finally:
            self._turns.release()

    def _raise_if_unwanted(self, stop: threading.Event) -> None:
        if self._shut.is_set() or stop.is_set():
            raise closed()


NETWORK = "check the network; what was downloaded is kept for the next try"


class _FailedError(Exception):
    """A try came to nothing; the next may help."""

    def __init__(self, error: FetchError, retry_after: str | None = None) -> None:
        super().__init__()
        self.error = error
        self.retry_after = retry_after


class _Pace(Deadline):
    """Bounds not how long a download takes, but how long it may stand still."""

    def __init__(self, silence: float, shut: threading.Event, stop: threading.Event) -> None:
        super().__init__(math.inf, shut)
        self._stop = stop
        self._turn = 5 * silence
        self._begun, self._got = time.monotonic(), 0

    def receive(self, sock: socket.socket, buffer: WriteableBuffer, silence: float) -> int:
        """Read into `buffer` what comes next.

        Raises:
            TimeoutError: nothing, or next to nothing, came for so long.
            OSError: the connection is broken, or nobody wants the file any more.
        """
        until = time.monotonic() + silence
        while not self._stop.is_set():
            try:
                got = super().receive(sock, buffer, min(silence, TURN))
            except TimeoutError:
                if time.monotonic() >= until:
                    raise
                continue
            self._got += got
            now = time.monotonic()
            if now - self._begun > self._turn:
                if self._got < SLOWEST and got:
                    raise TimeoutError("timed out")
                self._begun, self._got = now, 0
            return got
        raise OSError("not wanted any more")


@contextmanager
def _writing(wanted: Wanted) -> Iterator[None]:
    """A block in which an `OSError` is one of the disk."""
    try:
        yield
    except OSError as cause:
        raise _failed(
            wanted,
            f"it cannot be written ({cause.strerror or type(cause).__name__})",
            hint="make room; what was downloaded so far is kept for the next try",
        ) from cause


def _failed(wanted: Wanted, why: str, *, hint: str, **more: Any) -> FetchError:  # noqa: ANN401
    message = f"{wanted.name} could not be downloaded: {why}. {hint[0].upper()}{hint[1:]}"
    return ERRORS.get(more.get("status", 0), FetchError)(message, hint=hint, **more)


def _refused(wanted: Wanted, response: Response) -> Exception:
    status = response.status_code
    said = response.headers.get("x-ms-error-code", "")
    code = said if STORAGE_CODE.fullmatch(said) else None
    why = f"the store answered {status}" + (f" ({code})" if code else "")
    if status in range(300, 400):
        why += ", which leads elsewhere and is not followed"
    hint = LATER if is_retryable(status) else "ask again later; what it belongs to is made anew"
    error = _failed(wanted, why, hint=hint, status=status, code=code)
    return _FailedError(error, response.headers.get("Retry-After"))


def _not_packed(wanted: Wanted, start: bytes) -> Exception:
    if is_web_page(start):
        hint = "a proxy or a sign-in page may stand between; what was downloaded is kept"
        return _failed(wanted, "a web page came where a blob should be", hint=hint)
    return PageError(
        f"{wanted.name} is not packed by gzip, so nobody can tell whether it is whole. Ask again "
        "later; nothing was kept"
    )

"""One polite HTTP session per partner, over a cache of pages on disk."""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import requests
from requests import PreparedRequest, Request, Response
from requests_cache import NEVER_EXPIRE, CachedSession

from invoicekit.errors import PageError
from invoicekit.fetch.auth import Secrets, SigningAdapter, origin_of
from invoicekit.fetch.cache import PageCache, PageFiles, page_key
from invoicekit.fetch.crew import Crew
from invoicekit.fetch.entra import unsigned
from invoicekit.fetch.faults import Asked, is_cut, is_web_page, refused, unreached
from invoicekit.fetch.folders import partner_folder
from invoicekit.fetch.patience import Patience, may_go_better, rest
from invoicekit.fetch.sign_in import Signer, signer_for
from invoicekit.pages import BOM, Link
from invoicekit.secret import scrubbed
from invoicekit.setting_values import LOOPBACK
from invoicekit.settings import Settings

JSON_STARTS = (b"{", b"[")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered request: the body, and what is worth telling support about it."""

    body: bytes
    status: int
    seconds: float
    from_cache: bool
    retries: int
    request_id: str | None
    correlation_id: str | None


class Session:
    """Asks one partner's service, politely; the only place that touches the network."""

    def __init__(self, settings: Settings, signer: Signer | None = None) -> None:
        self.settings = settings
        self.signer = signer or signer_for(settings)
        self.patience = Patience()
        self.root = partner_folder(settings)
        self.crew = Crew(settings.connections, "invoicekit-fetch")
        self._at_once = threading.BoundedSemaphore(settings.connections)
        self._quiet_until = 0.0  # on the clock of time.monotonic
        self._secrets = Secrets(self.signer)
        self._timeout = (settings.connect_timeout, settings.read_timeout)
        self._http = CachedSession(
            backend=PageCache(self.root, settings.cache_gb),
            key_fn=page_key,
            expire_after=NEVER_EXPIRE,  # a whole collection lives or dies together: see shelf.py
            allowable_codes=(200,),
            allowable_methods=("GET",),
            filter_fn=self._may_keep,
            stale_if_error=False,
        )
        for scheme in ("https://", "http://"):
            self._http.mount(scheme, SigningAdapter(settings.base_url, self.signer))
        self._http.auth = unsigned
        self._http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._http.headers.update(
            {
                "Accept": "application/json",
                "User-Agent": f"invoicekit/{version('invoicekit')}",
                "X-Locale": "en-US",
                "MS-PartnerCenter-Application": f"invoicekit/{version('invoicekit')}",
            }
        )
        # A proxy is for the way out: what goes to loopback stays here.
        self._http.trust_env = urlsplit(settings.base_url).hostname not in LOOPBACK

    def __repr__(self) -> str:
        return f"Session({self.settings.base_url})"

    @property
    def unwritten(self) -> int:
        """How many answers could not be written to disk so far."""
        files = self._http.cache.responses
        return files.unwritten if isinstance(files, PageFiles) else 0

    def close(self) -> None:
        """Close the connections; what is on disk stays."""
        self.crew.close()
        self._http.close()  # type: ignore[no-untyped-call]

    def cached(self, link: Link, folder: str) -> Answer | None:
        """The answer that lies in `folder`, or `None`: nothing is asked."""
        start = time.perf_counter()
        found = self._http.cache.get_response(page_key(self._prepared(link, folder)))
        if found is None:
            return None
        return replace(_answer(found), from_cache=True, seconds=time.perf_counter() - start)

    def redact(self, text: str) -> str:
        """`text` without secrets."""
        return self._secrets.redact(text)

    @scrubbed
    def ask(
        self,
        link: Link,
        folder: str,
        *,
        correlation_id: str,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Answer:
        """The answer to `link`, from `folder` where it lies, else from the service.

        Tried again where that may help, as `Patience` says: under the same MS-RequestId, as the
        service wants it, and no longer than it is `wanted`. A refused token (401) is renewed once.

        Raises:
            AccessError: it refused us (401, 403).
            NotFoundError: it has no such thing (404).
            FetchError: it could not be reached, or answered with anything but 200 and JSON.
            PageError: the link leads to another host.
        """
        found = self.cached(link, folder)
        if found is not None:
            return found
        request = self._prepared(link, folder, correlation_id)
        start, waited, tried = time.perf_counter(), 0.0, 0
        while True:
            tried += 1
            response, error = self._tried(request)
            if error is None and response is not None:
                answer = _answer(response)
                return replace(answer, retries=tried - 1, seconds=time.perf_counter() - start)
            error = error or AssertionError("no answer and no error")
            status = None if response is None else response.status_code
            if not (may_go_better(status) and wanted()):
                raise error
            asked_to = None if response is None else response.headers.get("Retry-After")
            seconds = self.patience.wait(tried, asked_to)
            end = self.patience.end(tried, waited, seconds)
            if end:
                error.args = (f"{str(error).rstrip('.')}. {end}",)
                raise error
            if status == requests.codes.too_many_requests:  # it counts what all hands ask
                self._quiet_until = max(self._quiet_until, time.monotonic() + seconds)
            rest(seconds, f"{status or 'no answer'} from {origin_of(request.url or '')[1]}")
            waited += seconds

    def _tried(self, request: PreparedRequest) -> tuple[Response | None, Exception | None]:
        """One try: the response, if it came whole, and the error where it is not good."""
        asked = Asked(
            url=(request.url or "").partition("#")[0],
            request_id=request.headers.get("MS-RequestId"),
            correlation_id=request.headers.get("MS-CorrelationId"),
            redact=self._secrets.redact,
        )
        time.sleep(max(0.0, self._quiet_until - time.monotonic()))
        try:
            with self._at_once:
                response = self._http.send(
                    request, timeout=self._timeout, allow_redirects=False, **self._way(request)
                )
            if _is_cut(response):
                raise requests.exceptions.ChunkedEncodingError
        except (requests.RequestException, ValueError) as cause:  # ValueError: a senseless Location
            error = unreached(asked, cause, self._timeout)
            error.__cause__ = cause
            return None, error
        body = response.content or b""
        if response.status_code == requests.codes.ok and not is_web_page(body):
            return response, None
        location = response.headers.get("Location")
        return response, refused(asked, response.status_code, body, location)

    def _prepared(self, link: Link, folder: str, correlation_id: str = "") -> PreparedRequest:
        headers = {
            "MS-RequestId": str(uuid.uuid4()),
            "MS-CorrelationId": correlation_id,
            **dict(link.headers),
        }
        url = url_of(self.settings.base_url, link.uri)
        try:
            request = self._http.prepare_request(Request(link.method, url, headers=headers))
        except (requests.RequestException, ValueError) as cause:
            raise PageError(f"{link} makes no request, so it is not asked") from cause
        request.invoicekit_folder = folder  # type: ignore[attr-defined]
        request.invoicekit_headers = link.headers  # type: ignore[attr-defined]
        return request

    def _way(self, request: PreparedRequest) -> dict[str, Any]:
        """Proxies and certificates of the machine, as `requests` itself would use them."""
        return dict(self._http.merge_environment_settings(request.url or "", {}, None, None, None))

    def _may_keep(self, response: Response) -> bool:
        body = response.content or b""
        # JSON alone: documents are written where they are wanted.
        page = body[:64].removeprefix(BOM).lstrip().startswith(JSON_STARTS)
        return page and not _is_cut(response) and not self._secrets.show_in(body)


def url_of(base_url: str, uri: str) -> str:
    """The address of a link's `uri`, which is relative to `/v1` (RFC 3986 joining would lose it).

    Raises:
        PageError: it leads to another host.

    >>> url_of("https://api.example", "/invoices?size=2")
    'https://api.example/v1/invoices?size=2'
    >>> url_of("https://api.example", "https://evil.example/invoices")
    Traceback (most recent call last):
    invoicekit.errors.PageError: a link leads to another host, which is never asked: evil.example
    """
    try:
        parts = urlsplit(uri)
    except ValueError as cause:
        raise PageError("a link is no address, so it is not asked") from cause
    if parts.scheme or parts.netloc or uri.startswith("//"):
        if origin_of(uri) != origin_of(base_url) or "@" in parts.netloc:
            host = re.sub(r"[^\w.:-]", "?", parts.hostname or "it names none")
            raise PageError(f"a link leads to another host, which is never asked: {host}")
        uri = parts._replace(scheme="", netloc="").geturl()
    path = "/" + uri.lstrip("/")
    return base_url + (path if path.startswith("/v1/") else "/v1" + path)


def _is_cut(response: Response) -> bool:
    """Whether a packed body stopped before its end, which urllib3 does not notice."""
    return "Content-Encoding" in response.headers and is_cut(response.content or b"")


def _answer(response: Response) -> Answer:
    sent = response.request.headers if response.request is not None else {}
    return Answer(
        body=response.content or b"",
        status=response.status_code,
        seconds=0.0,
        from_cache=False,
        retries=0,
        request_id=response.headers.get("MS-RequestId") or sent.get("MS-RequestId"),
        correlation_id=response.headers.get("MS-CorrelationId") or sent.get("MS-CorrelationId"),
    )

"""One polite HTTP session per partner, over a cache of pages on disk."""

from __future__ import annotations

import http.client
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests import PreparedRequest, Response
from requests_cache import NEVER_EXPIRE, CachedSession
from requests_cache.models.response import CachedResponse
from urllib3.exceptions import HTTPError

from invoicekit.auth.entra_http import tellable, unsigned
from invoicekit.auth.signers import Signer, signer_for
from invoicekit.clouds import PARTNER_CENTER
from invoicekit.errors import PageError
from invoicekit.fetch.bodies import ACCEPTED
from invoicekit.fetch.deadline import Deadline
from invoicekit.fetch.download import Downloader
from invoicekit.fetch.eviction import Quota
from invoicekit.fetch.http_errors import FailedRequest, is_web_page, refused, unreached
from invoicekit.fetch.page_cache import KEPT_HEADERS, PageCache, PageFiles, page_key
from invoicekit.fetch.progress import Wish
from invoicekit.fetch.request_headers import USER_AGENT, headers_for, ids_in
from invoicekit.fetch.retry import RetryPolicy, is_retryable, rest
from invoicekit.fetch.signing import Origins, Secrets, SigningAdapter, origin_of
from invoicekit.fetch.thread_pool import ThreadPool
from invoicekit.fetch.transport import closed
from invoicekit.files.partner_folder import partner_folder
from invoicekit.pages import BOM, Answer, Request
from invoicekit.secret import scrubbed
from invoicekit.setting_values import LOOPBACK, tid_of
from invoicekit.settings import Settings

LOG = logging.getLogger(__name__)
# It tells of each request and each decision, addresses and all; who wants that sets a level first.
if (chatter := logging.getLogger("requests_cache")).level == logging.NOTSET:
    chatter.setLevel(logging.WARNING)

JSON_STARTS = (b"{", b"[")
GOOD = frozenset({requests.codes.ok, requests.codes.accepted})  # done, or begun (202)
READ_TIMEOUTS = 5  # as many as there are tries: how long the answers to one page may take
# What a request may end with that is not ours: a senseless Location is a ValueError, a folder of
# certificates that is not there an OSError.
FOREIGN = (requests.RequestException, HTTPError, http.client.HTTPException, OSError, ValueError)


class Session:
    """Asks one partner's service, politely; the only place that touches the network."""

    def __init__(
        self,
        settings: Settings,
        signer: Signer | None = None,
        headers: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """A session that sends these `headers` of each audience beside its own."""
        self.settings = settings
        self._headers = headers or {}
        self.signer = signer or signer_for(settings)
        self.retry_policy = RetryPolicy()
        self.progress: Wish = None
        self.root = partner_folder(settings)
        self.pool = ThreadPool(settings.connections, "invoicekit-fetch")
        self._secrets = Secrets(self.signer)
        self._timeout = (settings.connect_timeout, settings.read_timeout)
        self._http = CachedSession(
            backend=PageCache(self.root, settings.cache_gb),
            key_fn=page_key,
            expire_after=NEVER_EXPIRE,  # a whole collection lives or dies together: see manifest.py
            allowable_codes=(200,),
            allowable_methods=("GET",),
            filter_fn=self._may_keep,
            stale_if_error=False,
        )
        self._origins = Origins.of(settings)
        self._transport = SigningAdapter(
            self._origins,
            self.signer,
            connections=settings.connections,
            offline=settings.offline,
        )
        for scheme in ("https://", "http://"):
            self._http.mount(scheme, self._transport)
        self._http.auth = unsigned
        self._http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._http.headers.update(
            {"Accept": "application/json", "Accept-Encoding": ACCEPTED, "User-Agent": USER_AGENT}
        )
        self._ways: dict[str, dict[str, Any]] = {}  # by scheme and host
        self.downloader = Downloader(
            connections=settings.connections,
            timeout=self._timeout,
            quota=Quota(self.root.parent, settings.cache_gb),
            check=lambda url: self._origins.check(url, None),
            user_agent=USER_AGENT,
            shut=self._transport.closed,
        )

    def __repr__(self) -> str:
        return f"Session({self.settings.base_url})"

    @property
    def tenant(self) -> str:
        """The tenant of who signs in: as the token at hand says it, else as it is set."""
        held = self.signer.held()
        return (tid_of(held) if held else "") or self.settings.tenant_id

    @property
    def unwritten(self) -> int:
        """How many answers could not be written to disk so far."""
        files = self._http.cache.responses
        return files.unwritten if isinstance(files, PageFiles) else 0

    def close(self) -> None:
        """Close the connections, and end what is being asked; what is on disk stays."""
        self._transport.close()
        self.pool.close()
        self.downloader.close()
        self._http.close()  # type: ignore[no-untyped-call]

    def raise_if_closed(self) -> None:
        """Raise where the client was closed.

        Raises:
            FetchError: it was.
        """
        if self._transport.closed.is_set():
            raise closed()

    def wait(self, seconds: float, why: str, *, tell: bool) -> None:
        """Wait, unless the client is closed; `tell` why, where it takes some seconds."""
        rest(seconds, why, self._transport.closed, tell=tell)

    def cached(self, request: Request, folder: str) -> Answer | None:
        """The answer that lies in `folder`, or `None`: nothing is asked."""
        self.raise_if_closed()
        start = time.perf_counter()
        found = self._http.cache.get_response(page_key(self._prepared(request, folder)))
        if found is None:
            return None
        return replace(self._answer(found), seconds=time.perf_counter() - start)

    def address_of(self, request: Request) -> str:
        """Where a request goes.

        Raises:
            PageError: it leads to another host than its audience's.
        """
        if request.audience == PARTNER_CENTER:
            return url_of(self.settings.base_url, request.url)
        self._origins.check(request.url, request.audience)
        return request.url

    def redact(self, text: str) -> str:
        """`text` without secrets."""
        return self._secrets.redact(text)

    @scrubbed
    def ask(
        self,
        request: Request,
        folder: str | None,
        *,
        correlation_id: str,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Answer:
        """The answer to `request`, from `folder` where it lies, else from the service.

        Tried again where that may help, as `RetryPolicy` says: under the same MS-RequestId, as the
        service wants it, and no longer than it is `wanted`. A refused token (401) is renewed once.
        Without a folder it is neither looked for on disk nor kept there.

        Raises:
            AccessError: it refused us (401, 403).
            NotFoundError: it has no such thing (404).
            FetchError: it could not be reached, or answered with anything but 200 and JSON; the
                client is closed, or offline.
            PageError: the request leads to another host; the answer is too large.
        """
        self.raise_if_closed()
        prepared = self._prepared(request, folder or "", correlation_id)
        keeps = folder and request.audience  # the address of what is unsigned may be a secret
        send = self._http.send if keeps else partial(requests.Session.send, self._http)
        deadline = Deadline(READ_TIMEOUTS * self.settings.read_timeout, self._transport.closed)
        start, waited, tried = time.perf_counter(), 0.0, 0
        while True:
            tried += 1
            response, error = self._tried(prepared, send, deadline)
            if error is None and response is not None:
                answer = self._answer(response)
                return replace(answer, retries=tried - 1, seconds=time.perf_counter() - start)
            error = error or AssertionError("no answer and no error")
            status = None if response is None else response.status_code
            if not (is_retryable(status) and wanted()):
                raise error
            asked_to = None if response is None else response.headers.get("Retry-After")
            seconds = self.retry_policy.wait(tried, asked_to)
            end = self.retry_policy.end(tried, waited, seconds)
            if end or deadline.over:
                error.args = (f"{str(error).rstrip('.')}. {end or f'Given up after try {tried}'}",)
                raise error
            if status == requests.codes.too_many_requests:  # it counts what all threads ask
                self._transport.leave_alone(seconds)
            LOG.info("retry %d of %s after %s", tried, request.method, status or "no answer")
            why = f"{status or 'no answer'} from {origin_of(prepared.url or '')[1]}"
            rest(seconds, why, self._transport.closed)
            waited += seconds

    def _tried(
        self, request: PreparedRequest, send: Callable[..., Response], deadline: Deadline
    ) -> tuple[Response | None, Exception | None]:
        """One try: the response, if it came whole, and the error where it is not good."""
        audience: str | None = request.invoicekit_audience  # type: ignore[attr-defined]
        request_id, correlation_id = ids_in(audience, request.headers)
        asked = FailedRequest(
            url=(request.url or "").partition("#")[0] if audience else "a file of the export",
            request_id=request_id,
            correlation_id=correlation_id,
            redact=self._secrets.redact,
            audience=audience,
        )
        way = self._way(request.url or "")
        try:
            with deadline.here():
                response = send(request, timeout=self._timeout, allow_redirects=False, **way)
        except FOREIGN as cause:
            over = deadline.seconds if deadline.over else None
            error = unreached(asked, cause, self._timeout, over)
            error.__cause__ = tellable(cause) if audience else None  # its words tell the address
            return None, error
        body = response.content or b""
        if response.status_code in GOOD and not is_web_page(body):
            return response, None
        location = response.headers.get("Location")
        return response, refused(asked, response.status_code, body, location)

    def _prepared(self, request: Request, folder: str, correlation_id: str = "") -> PreparedRequest:
        headers = {
            **self._headers.get(request.audience or "", {}),
            **headers_for(request.audience, correlation_id),
            **dict(request.headers),
        }
        url = self.address_of(request)
        try:
            prepared = self._http.prepare_request(
                requests.Request(request.method, url, headers=headers, data=request.body or None)
            )
        except (requests.RequestException, ValueError) as cause:
            raise PageError(f"{request} makes no request, so it is not asked") from cause
        prepared.invoicekit_folder = folder  # type: ignore[attr-defined]
        prepared.invoicekit_headers = request.headers  # type: ignore[attr-defined]
        prepared.invoicekit_audience = request.audience  # type: ignore[attr-defined]
        return prepared

    def _way(self, url: str) -> dict[str, Any]:
        """Proxies and certificates of the machine, as `requests` itself would use them.

        A proxy is for the way out: what goes to loopback stays here.
        """
        scheme, host, _ = origin_of(url)
        if host in LOOPBACK:
            return {"proxies": {}, "verify": True}
        root = f"{scheme}://{host}/"
        if root not in self._ways:
            way = self._http.merge_environment_settings(root, {}, None, None, None)
            self._ways[root] = dict(way)
        return self._ways[root]

    def _may_keep(self, response: Response) -> bool:
        body = response.content or b""
        page = body[:64].removeprefix(BOM).lstrip().startswith(JSON_STARTS)
        return page and not self._shows_secret(response)

    def _shows_secret(self, response: Response) -> bool:
        """Whether the service echoed a secret; looked for once, as requests-cache asks twice."""
        if isinstance(response, CachedResponse):  # it would not be there
            return False
        found: bool | None = getattr(response, "invoicekit_shows_secret", None)
        if found is None:
            values = " ".join(response.headers.get(name, "") for name in KEPT_HEADERS)
            found = self._secrets.show_in(response.content or b"")
            found = found or self._secrets.redact(values) != values
            response.invoicekit_shows_secret = found  # type: ignore[attr-defined]
        return found

    def _answer(self, response: Response) -> Answer:
        sent = response.request.headers if response.request is not None else {}
        audience = getattr(response.request, "invoicekit_audience", PARTNER_CENTER)
        request_id, correlation_id = (
            found and self._secrets.redact(found)
            for found in ids_in(audience, response.headers, sent)
        )
        return Answer(
            body=response.content or b"",
            status=response.status_code,
            seconds=0.0,
            from_cache=isinstance(response, CachedResponse),
            retries=0,
            request_id=request_id,
            correlation_id=correlation_id,
            shows_secret=self._shows_secret(response),
            location=response.headers.get("Location") or response.headers.get("Operation-Location"),
            retry_after=response.headers.get("Retry-After"),
        )


def url_of(base_url: str, url: str) -> str:
    """The address of a request to the service itself, whose `url` may leave the host out.

    Raises:
        PageError: it leads to another host.

    >>> url_of("https://api.example", "/invoices?size=2")
    'https://api.example/invoices?size=2'
    >>> url_of("https://api.example", "https://evil.example/invoices")
    Traceback (most recent call last):
    invoicekit.errors.PageError: a link leads to another host, which is never asked: evil.example
    """
    try:
        parts = urlsplit(url)
    except ValueError as cause:
        raise PageError("a link is no address, so it is not asked") from cause
    if parts.scheme or parts.netloc or url.startswith("//"):
        if origin_of(url) != origin_of(base_url) or "@" in parts.netloc:
            host = re.sub(r"[^\w.:-]", "?", parts.hostname or "it names none")
            raise PageError(f"a link leads to another host, which is never asked: {host}")
        url = parts._replace(scheme="", netloc="").geturl()
    return f"{base_url}/{url.lstrip('/')}"

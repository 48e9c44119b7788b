"""One polite HTTP session per partner, over a cache of pages on disk."""

from __future__ import annotations

import re
import time
import uuid
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests
from requests import PreparedRequest, Request, Response
from requests_cache import NEVER_EXPIRE, CachedSession

from invoicekit.errors import AccessError, FetchError, NotFoundError, PageError
from invoicekit.fetch.auth import BearerFor, origin_of
from invoicekit.fetch.cache import PageCache, PageFiles, page_key
from invoicekit.pages import BOM, Link
from invoicekit.settings import LOOPBACK, Settings

# Seconds to connect, and to the first byte of an answer: Microsoft's own client gives up after
# three minutes, and its users report pages that take longer.
TIMEOUT = (10, 180)
ERRORS = {401: AccessError, 403: AccessError, 404: NotFoundError}
HINTS = {
    400: "the service does not understand the request",
    401: "the token is refused: expired, or not made for Partner Center. Get a new one",
    403: "this sign-in may not do that: some calls need App+User, some a role (Billing admin)",
    404: "check the spelling; the list of invoices is client.invoices()",
    429: "the service asks us to slow down; try again later",
}


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

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.root = settings.cache_dir / settings.scope
        self._auth = BearerFor(settings.base_url, settings.token)
        self._http = CachedSession(
            backend=PageCache(self.root),
            key_fn=page_key,
            expire_after=NEVER_EXPIRE,  # a whole collection lives or dies together: see shelf.py
            allowable_codes=(200,),
            allowable_methods=("GET",),
            filter_fn=self._may_keep,
            stale_if_error=False,
        )
        self._http.auth = self._auth
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
        self._http.close()  # type: ignore[no-untyped-call]

    def cached(self, link: Link, folder: str) -> Answer | None:
        """The answer that lies in `folder`, or `None`: nothing is asked."""
        request = self._prepared(link, folder, correlation_id="")
        found = self._http.cache.get_response(page_key(request))
        return None if found is None else _answer(found, request, seconds=0.0)

    def ask(self, link: Link, folder: str, *, correlation_id: str) -> Answer:
        """The answer to `link`, from `folder` where it lies, else from the service.

        Raises:
            AccessError: it refused us (401, 403).
            NotFoundError: it has no such thing (404).
            FetchError: it could not be reached, or answered with anything but 200 and JSON.
            PageError: the link leads to another host.
        """
        request = self._prepared(link, folder, correlation_id=correlation_id)
        start = time.perf_counter()
        try:
            response = self._http.send(
                request, timeout=TIMEOUT, allow_redirects=False, **self._environment(request)
            )
        except requests.RequestException as cause:
            raise FetchError(
                f"could not read {_shown(request)}: {_words(cause)}",
                url=_shown(request),
                request_id=request.headers.get("MS-RequestId"),
                correlation_id=correlation_id,
                hint="check the network; what was read so far is kept for the next try",
            ) from cause
        answer = _answer(response, request, seconds=time.perf_counter() - start)
        if answer.status != requests.codes.ok or not _may_be_json(answer.body):
            raise self._refusal(response, request, answer)
        return answer

    def _prepared(self, link: Link, folder: str, *, correlation_id: str) -> PreparedRequest:
        request = self._http.prepare_request(
            Request(
                link.method,
                url_of(self.settings.base_url, link.uri),
                headers={
                    "MS-RequestId": str(uuid.uuid4()),
                    "MS-CorrelationId": correlation_id,
                    **dict(link.headers),
                },
            )
        )
        request.invoicekit_folder = folder  # type: ignore[attr-defined]
        request.invoicekit_headers = link.headers  # type: ignore[attr-defined]
        return request

    def _environment(self, request: PreparedRequest) -> dict[str, Any]:
        """Proxies and certificates of the machine, as `requests` itself would use them."""
        return dict(self._http.merge_environment_settings(request.url or "", {}, None, None, None))

    def _may_keep(self, response: Response) -> bool:
        body = response.content or b""
        return _may_be_json(body) and not self._auth.shows_in(body)

    def _refusal(self, response: Response, request: PreparedRequest, answer: Answer) -> Exception:
        where = _shown(request)
        if answer.status == requests.codes.ok:
            message = f"{where} answered with a web page where JSON should be"
            code, description = None, None
            hint: str | None = "a proxy or a sign-in page may stand between; open it in a browser"
        elif response.is_redirect:
            target = response.headers.get("Location", "")
            if origin_of(requests.compat.urljoin(request.url or "", target)) != origin_of(
                self.settings.base_url
            ):
                return PageError(
                    f"{where} redirects to another host. invoicekit does not follow: the token is "
                    "for one host alone"
                )
            message, code, description = f"{where} redirects, and nothing there should", None, None
            hint = "check base_url"
        else:
            code, description = _fault(answer.body)
            description = self._auth.redact(description) if description else None
            message = f"{answer.status} for {where}" + (f": {description}" if description else "")
            hint = HINTS.get(answer.status)
        return ERRORS.get(answer.status, FetchError)(
            self._auth.redact(f"{message}. {hint[0].upper() + hint[1:]}" if hint else message),
            status=answer.status,
            code=code,
            description=description,
            url=where,
            request_id=answer.request_id,
            correlation_id=answer.correlation_id,
            hint=hint,
        )


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
    parts = urlsplit(uri)
    if parts.scheme or parts.netloc or uri.startswith("//"):
        if origin_of(uri) != origin_of(base_url) or "@" in parts.netloc:
            host = re.sub(r"[^\w.:-]", "?", parts.hostname or "it names none")
            raise PageError(f"a link leads to another host, which is never asked: {host}")
        uri = parts._replace(scheme="", netloc="").geturl()
    path = "/" + uri.lstrip("/")
    return base_url + (path if path.startswith("/v1/") else "/v1" + path)


def _answer(response: Response, request: PreparedRequest, *, seconds: float) -> Answer:
    return Answer(
        body=response.content or b"",
        status=response.status_code,
        seconds=seconds,
        from_cache=bool(getattr(response, "from_cache", False)),
        retries=0,
        request_id=response.headers.get("MS-RequestId") or request.headers.get("MS-RequestId"),
        correlation_id=response.headers.get("MS-CorrelationId")
        or request.headers.get("MS-CorrelationId"),
    )


def _may_be_json(body: bytes) -> bool:
    """Whether it is at least no HTML; `pages.parse_page` looks closer."""
    return not body[:64].removeprefix(BOM).lstrip().startswith(b"<")


def _fault(body: bytes) -> tuple[str | None, str | None]:
    """Code and description of an error body, in any of the shapes that the service has for it."""
    try:
        fault = msgspec.json.decode(body.removeprefix(BOM), type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None, None
    code = fault.get("code", fault.get("statusCode"))
    words = fault.get("description") or fault.get("message")
    text = re.sub(r"[\x00-\x1f\x7f]+", " ", str(words)).strip()[:300] if words else None
    return (None if code is None else str(code)), text


def _shown(request: PreparedRequest) -> str:
    return (request.url or "").partition("#")[0]


def _words(cause: requests.RequestException) -> str:
    """What went wrong, in a few words: the messages of urllib3 run to lines of object names."""
    if isinstance(cause, requests.exceptions.ConnectTimeout):
        return f"no connection within {TIMEOUT[0]} s"
    if isinstance(cause, requests.exceptions.Timeout):
        return f"no answer within {TIMEOUT[1]} s"
    if isinstance(cause, requests.exceptions.SSLError):
        return "the connection is not secure (certificate)"
    if isinstance(cause, requests.exceptions.ChunkedEncodingError):
        return "the answer was cut short"
    if isinstance(cause, requests.exceptions.ContentDecodingError):
        return "the answer is not in the encoding that it names"
    return "no connection, or it was reset"

"""What went wrong, as one of our errors: the service's own words, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin

import msgspec
import requests

from invoicekit.clouds import AUDIENCES, GRAPH, PARTNER_CENTER
from invoicekit.errors import AccessError, FetchError, InvoiceKitError, NotFoundError, PageError
from invoicekit.fetch.signing import origin_of
from invoicekit.pages import BOM

ERRORS = {401: AccessError, 403: AccessError, 404: NotFoundError}
# By the service's code where it says more than the status; the facts behind them are those of the
# "Partner Center REST error codes" page and of the announcements on tokens and MFA.
HINTS = {
    "900420": "the token is made for graph.windows.net; ask for one for Partner Center",
    "900421": "the sign-in was without MFA; sign in again with it",
    "900329": "this call takes no app-only token; sign in as a user (App+User)",
    400: "the service does not understand the request",
    401: "the token is refused: expired, or not made for {service}. Get a new one",
    403: "this sign-in may not do that: some calls need App+User, some a role (Billing admin)",
    404: "the service has no such thing, or not yet",
    408: "the service took too long; try again later",
    429: "the service asks us to slow down; try again later",
}
# Of an audience, where it differs.
HINTS_OF: dict[tuple[str | None, int], str] = {
    (GRAPH, 403): "this sign-in may not read billing at {service}. Its permission is {permission}: "
    "{granted}; whose token it is needs a billing role in Partner Center as well",
}
LATER = "the service has a fault of its own; try again later"


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """The request that went wrong: what may be told of it, and how secrets are kept out."""

    url: str
    request_id: str | None
    correlation_id: str | None
    redact: Callable[[str], str]
    audience: str | None = PARTNER_CENTER


def is_web_page(body: bytes) -> bool:
    """Whether a body is HTML where JSON should be."""
    return body[:64].removeprefix(BOM).lstrip().startswith(b"<")


def unreached(
    asked: FailedRequest, cause: Exception, timeout: tuple[float, float], over: float | None = None
) -> FetchError:
    """The error for a request that got no whole answer (`over`: in all the seconds it had)."""
    words = _words(cause, timeout) if over is None else f"no answer came whole within {over:g} s"
    return FetchError(
        f"could not read {asked.url}: {words}",
        url=asked.url,
        request_id=asked.request_id,
        correlation_id=asked.correlation_id,
        hint="check the network; what was read so far is kept for the next try",
    )


def refused(
    asked: FailedRequest, status: int, body: bytes, location: str | None
) -> InvoiceKitError:
    """The error for an answer that is not 200 and JSON."""
    code: str | None = None
    description: str | None = None
    hint: str | None
    if status == requests.codes.ok:
        message = f"{asked.url} answered with a web page where JSON should be"
        hint = "a proxy or a sign-in page may stand between; open it in a browser"
    elif location is not None and 300 <= status < 400:  # noqa: PLR2004 (redirects)
        if _leads_away(asked.url, location):
            return PageError(
                f"{asked.url} redirects to another host. invoicekit does not follow: the token is "
                "for one host alone"
            )
        message, hint = f"{asked.url} redirects, and nothing there should", "check base_url"
    else:
        code, description = _fault(body, asked.redact)
        message = f"{status} for {asked.url}" + (f": {description}" if description else "")
        hint = _hint(asked.audience, code, status)
        hint = hint or (LATER if status >= 500 else None)  # noqa: PLR2004
    return ERRORS.get(status, FetchError)(
        message,
        status=status,
        code=code,
        description=description,
        url=asked.url,
        request_id=asked.request_id,
        correlation_id=asked.correlation_id,
        hint=hint,
    )


def _hint(audience: str | None, code: str | None, status: int) -> str | None:
    """What to do about a refusal, in the words of its audience."""
    hint = HINTS.get(code or "") or HINTS_OF.get((audience, status)) or HINTS.get(status)
    of = AUDIENCES[audience or PARTNER_CENTER]
    words = {"service": of.name, "permission": of.permission, "granted": of.granted}
    return hint and hint.format(**words)


def _leads_away(url: str, location: str) -> bool:
    try:
        return origin_of(urljoin(url, location)) != origin_of(url)
    except ValueError:
        return True


def _fault(body: bytes, redact: Callable[[str], str]) -> tuple[str | None, str | None]:
    """Code and description of an error body, in any of the shapes that the service has for it."""
    try:
        fault = msgspec.json.decode(body.removeprefix(BOM), type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, None
    inner = fault.get("error")
    if isinstance(inner, dict):  # Graph's shape
        fault = inner
    code = _said(fault.get("code", fault.get("statusCode")), redact)
    words = _said(fault.get("description") or fault.get("message"), redact)
    return code and code[:40], words and words[:300]


def _said(value: object, redact: Callable[[str], str]) -> str | None:
    """A text or number of an error body, on one line; `None` for what is neither, or empty."""
    text = str(value) if isinstance(value, str | int | float) else ""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", redact(text)).strip() or None


def way_out(cause: Exception) -> str | None:
    """What is wrong with this machine's way out, certificates and proxy; `None` if nothing is."""
    if isinstance(cause, requests.exceptions.SSLError):
        return (
            "the connection is not secure (certificate): nobody whom this machine trusts vouches "
            "for who answered. The certificate of a proxy that looks into connections belongs in "
            "the file that REQUESTS_CA_BUNDLE names"
        )
    if isinstance(cause, requests.exceptions.InvalidURL):  # what is asked was looked at before
        return "the proxy of this machine (HTTPS_PROXY) has an address that is none"
    if isinstance(cause, requests.exceptions.ProxyError):
        return "the proxy of this machine (HTTPS_PROXY) does not let it through"
    if isinstance(cause, OSError) and "CA certificate bundle" in str(cause):
        return "the file of certificates that REQUESTS_CA_BUNDLE names is not there"
    return None


def _words(cause: Exception, timeout: tuple[float, float]) -> str:
    """What went wrong, in a few words: the messages of urllib3 run to lines of object names."""
    if isinstance(cause, requests.exceptions.ConnectTimeout):
        return f"no connection within {timeout[0]:g} s"
    if way := way_out(cause):
        return way
    if isinstance(cause, requests.exceptions.Timeout) or "timed out" in str(cause).lower():
        return f"nothing came for {timeout[1]:g} s"
    if isinstance(cause, requests.exceptions.ChunkedEncodingError):
        return "the answer was cut short"
    if isinstance(cause, requests.exceptions.ContentDecodingError):
        return "the answer is not in the encoding that it names"
    return "no connection, or it was reset"

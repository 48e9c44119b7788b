"""Signs requests: the token goes to one host and to no other, and no caller sees it."""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, urlsplit

from requests import PreparedRequest, Response, codes

from invoicekit.auth.signers import Signer
from invoicekit.errors import PageError
from invoicekit.fetch.transport import Transport
from invoicekit.secret import Secret

# Made for another audience (graph.windows.net), or without MFA.
NO_USE_RENEWING = (b"900420", b"900421")
PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of `url`: what has to be equal for two addresses to be one service.

    >>> origin_of("https://api.example/v1") == origin_of("HTTPS://API.example:443/")
    True
    >>> origin_of("https://api.example:none/"), origin_of("https://[")  # no address: like no other
    (('', '', None), ('', '', None))
    """
    try:
        parts: SplitResult = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return "", "", None


class SigningAdapter(Transport):
    """Signs what goes to one origin, and sends nothing anywhere else.

    It works below the cache: a hit needs no token, and neither the cache nor whoever holds the
    response sees the header. A request that is refused (401) is sent once more, newly signed.
    """

    def __init__(self, base_url: str, signer: Signer, **options: Any) -> None:  # noqa: ANN401
        self._origin = origin_of(base_url)
        self._signer = signer
        super().__init__(**options)

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:  # noqa: ANN401
        """Send `request`, signed, and give back the response as if it had not been.

        Raises:
            PageError: it goes to another host, or what came is no page.
            FetchError: the client is closed, or offline.
        """
        self.raise_if_shut()  # before a token is asked for
        if origin_of(request.url or "") != self._origin:
            raise PageError("a request leads to another host, which is never asked")
        token = self._signer.token()
        response = super().send(_signed(request, token), *args, **options)
        if response.status_code == codes.unauthorized and not _is_hopeless(response):
            fresh = self._signer.renew(token)
            if fresh:
                response = super().send(_signed(request, fresh), *args, **options)
        response.request = request
        return response


def _signed(request: PreparedRequest, token: Secret) -> PreparedRequest:
    signed = request.copy()
    signed.headers["Authorization"] = f"Bearer {token.reveal()}"
    return signed


def _is_hopeless(response: Response) -> bool:
    """Whether a fresh token would be refused alike."""
    body = response.content or b""
    return any(code in body for code in NO_USE_RENEWING)


class Secrets:
    """What must not be shown or kept, as far as the signer knows it."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def redact(self, text: str) -> str:
        """`text` without secrets, should the service have echoed one."""
        for secret in self._signer.secrets():
            text = text.replace(secret.reveal(), str(secret))
        return text

    def show_in(self, body: bytes) -> bool:
        """Whether `body` holds a secret: such an answer is not written to disk."""
        return any(secret.reveal().encode() in body for secret in self._signer.secrets())

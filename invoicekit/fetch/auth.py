"""The token, shown to one host and to no other, and to nobody above the wire."""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, urlsplit

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from invoicekit.errors import PageError
from invoicekit.fetch.sign_in import Signer

PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of `url`: what has to be equal for two addresses to be one service.

    >>> origin_of("https://api.example/v1") == origin_of("HTTPS://API.example:443/")
    True
    """
    parts: SplitResult = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or PORTS.get(parts.scheme)


class SigningAdapter(HTTPAdapter):
    """Signs what goes to one origin, and sends nothing anywhere else.

    It works below the cache: neither the cache nor whoever holds the response sees the header.
    """

    def __init__(self, base_url: str, signer: Signer) -> None:
        self._origin = origin_of(base_url)
        self._signer = signer
        super().__init__()

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:  # noqa: ANN401
        """Send `request`, signed, and give back the response as if it had not been.

        Raises:
            PageError: it goes to another host.
        """
        if origin_of(request.url or "") != self._origin:
            raise PageError("a request leads to another host, which is never asked")
        signed = request.copy()
        signed.headers["Authorization"] = f"Bearer {self._signer.token()}"
        response = super().send(signed, *args, **options)
        response.request = request
        return response


class Secrets:
    """What must not be shown or kept, as far as the signer knows it."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def redact(self, text: str) -> str:
        """`text` without secrets, should the service have echoed one."""
        for secret in self._signer.secrets():
            text = text.replace(secret, "(secret)")
        return text

    def show_in(self, body: bytes) -> bool:
        """Whether `body` holds a secret: such an answer is not written to disk."""
        return any(secret.encode() in body for secret in self._signer.secrets())

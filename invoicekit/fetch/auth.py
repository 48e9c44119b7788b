"""The token, shown to one host and to no other."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from requests import PreparedRequest
from requests.auth import AuthBase

PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of `url`: what has to be equal for two addresses to be one service.

    >>> origin_of("https://api.example/v1") == origin_of("HTTPS://API.example:443/")
    True
    """
    parts: SplitResult = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or PORTS.get(parts.scheme)


class BearerFor(AuthBase):
    """Signs requests to one origin, wherever else a link or a redirect may lead."""

    def __init__(self, base_url: str, token: str) -> None:
        self._origin = origin_of(base_url)
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Sign `request` if it goes to our origin."""
        if origin_of(request.url or "") == self._origin:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def redact(self, text: str) -> str:
        """`text` without the token, should the service have echoed it."""
        return text.replace(self._token, "(token)")

    def shows_in(self, body: bytes) -> bool:
        """Whether `body` holds the token: such an answer is not written to disk."""
        return self._token.encode() in body

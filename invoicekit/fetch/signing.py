"""Signs requests: each audience's token goes to its own host, and no caller sees it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import SplitResult, urlsplit

from requests import PreparedRequest, Response, codes

from invoicekit.auth.signers import Signer
from invoicekit.clouds import CLOUDS, GRAPH, PARTNER_CENTER
from invoicekit.errors import PageError
from invoicekit.fetch.transport import Transport
from invoicekit.secret import Secret, unlogged
from invoicekit.setting_values import LOOPBACK
from invoicekit.settings import Settings

# Made for another audience (graph.windows.net), or without MFA.
NO_USE_RENEWING = (b"900420", b"900421")
PORTS = {"http": 80, "https": 443}
# At DEBUG they write down the address of each request.
TELL_URLS = ("urllib3.connectionpool", "urllib3.poolmanager", "urllib3.util.retry")
NEVER_UNSIGNED = ("Authorization", "Cookie")
SIGNATURE = re.compile(r"(?i)\bsig(?:=|%3D)[^\s&\"'<>]+")  # what makes a SAS token a secret

Origin = tuple[str, str, int | None]


def origin_of(url: str) -> Origin:
    """Scheme, host and port of `url`: what has to be equal for two addresses to be one service.

    >>> origin_of("https://api.example/x") == origin_of("HTTPS://API.example:443/")
    True
    >>> origin_of("https://api.example:none/"), origin_of("https://[")  # no address: like no other
    (('', '', None), ('', '', None))
    """
    try:
        parts: SplitResult = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return "", "", None


class Origins(Mapping[Origin, frozenset[str]]):
    """Whose token each origin may be shown; read-only.

    What needs none (audience `None`: an exported file) is at hosts that nobody can list: https
    below the cloud's blob suffix, or plain http on loopback where Graph itself is there.
    """

    def __init__(
        self, roots: Mapping[str, str], *, blob_suffix: str = "", blobs_on_loopback: bool = False
    ) -> None:
        """Of `roots`, by audience, those that are asked at all."""
        found: dict[Origin, frozenset[str]] = {}
        for audience, root in roots.items():
            if root:  # two of them may be at one: a sandbox speaks for all
                found[origin_of(root)] = found.get(origin_of(root), frozenset()) | {audience}
        self._audiences = MappingProxyType(found)
        self._blob_suffix, self._on_loopback = blob_suffix, blobs_on_loopback

    @classmethod
    def of(cls, settings: Settings) -> Origins:
        """Those that `settings` name."""
        graph = origin_of(settings.graph_url)
        return cls(
            {PARTNER_CENTER: settings.base_url, GRAPH: settings.graph_url},
            blob_suffix=CLOUDS[settings.cloud].blob_suffix if settings.graph_url else "",
            blobs_on_loopback=graph[0] == "http" and graph[1] in LOOPBACK,
        )

    def __getitem__(self, origin: Origin) -> frozenset[str]:
        return self._audiences[origin]

    def __iter__(self) -> Any:  # noqa: ANN401
        return iter(self._audiences)

    def __len__(self) -> int:
        return len(self._audiences)

    def check(self, url: str, audience: str | None) -> None:
        """Raise where what is for `audience` may not be sent to `url`.

        Raises:
            PageError: the url is of another host, or holds a user name.
        """
        origin = origin_of(url)
        known = self._is_blob(origin) if audience is None else audience in self.get(origin, ())
        if not known or "@" in urlsplit(url).netloc:
            raise PageError(
                "a link leads to another host, which is never asked: "
                + (re.sub(r"[^\w.:-]", "?", origin[1]) or "it names none")
            )

    def _is_blob(self, origin: Origin) -> bool:
        scheme, host, port = origin
        if scheme == "http":
            return self._on_loopback and host in LOOPBACK
        named = bool(self._blob_suffix) and host.endswith(f".{self._blob_suffix}")
        return scheme == "https" and port == PORTS["https"] and named


class SigningAdapter(Transport):
    """Signs what goes to the origins of an audience with its token, and sends nothing elsewhere.

    It works below the cache: a hit needs no token, and neither the cache nor whoever holds the
    response sees the header. A request that is refused (401) is sent once more, newly signed.
    The audience is laid on a request as `invoicekit_audience`; without it is Partner Center's.
    """

    def __init__(self, origins: Origins, signer: Signer, **options: Any) -> None:  # noqa: ANN401
        self._origins = origins
        self._signer = signer
        super().__init__(**options)

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:  # noqa: ANN401
        """Send `request`, signed, and give back the response as if it had not been.

        Raises:
            PageError: it goes to another host, or what came is no page.
            FetchError: the client is closed, or offline.
            SettingsError: there is no token for its audience.
        """
        self.raise_if_shut()  # before a token is asked for
        audience: str | None = getattr(request, "invoicekit_audience", PARTNER_CENTER)
        self._origins.check(request.url or "", audience)
        if audience is None:
            return self._send_unsigned(request, *args, **options)
        token = self._signer.token(audience)
        response = super().send(_signed(request, token), *args, **options)
        if response.status_code == codes.unauthorized and not _is_hopeless(response):
            fresh = self._signer.renew(token, audience)
            if fresh:
                response = super().send(_signed(request, fresh), *args, **options)
        response.request = request
        return response

    def _send_unsigned(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:  # noqa: ANN401
        """Send `request` to a host that needs no token; its url is a secret of its own (SAS)."""
        bare = request.copy()
        for name in NEVER_UNSIGNED:
            bare.headers.pop(name, None)
        with unlogged(TELL_URLS):
            response = super().send(bare, *args, **options)
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
        return SIGNATURE.sub("(secret)", text)

    def show_in(self, body: bytes) -> bool:
        """Whether `body` holds a secret: such an answer is not written to disk."""
        return any(secret.reveal().encode() in body for secret in self._signer.secrets())

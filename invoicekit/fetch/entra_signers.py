"""The sign-ins that go through Microsoft Entra, by way of msal.

msal is imported when the first token is asked for, and never decides alone: which token is good
for how long is known here.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import requests

from invoicekit.clouds import CLOUDS, Cloud
from invoicekit.errors import FetchError, InvoiceKitError
from invoicekit.fetch.certificate import read_certificate
from invoicekit.fetch.entra import EntraHttp, muted, open_http
from invoicekit.fetch.kept_token import KeptToken, Storage, open_storage
from invoicekit.fetch.refusals import refusal
from invoicekit.settings import Settings

MARGIN = 300  # seconds before its end at which a token is renewed; for short ones, half their life
PAUSE = 30  # seconds until a renewal that failed is tried again, as long as the old token is good
# The answers after which another refresh token, or a person, may still help.
SPENT = frozenset({"invalid_grant", "interaction_required", "consent_required", "login_required"})


def print_to_stderr(line: str) -> None:
    """Show `line` to whoever waits, in a shell or in a notebook."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201  # a person has to read it now


@dataclass(frozen=True, slots=True)
class World:
    """What a sign-in leans on outside of us; a test brings its own."""

    clouds: dict[str, Cloud] = field(default_factory=lambda: CLOUDS)
    open_http: Callable[[], requests.Session] = open_http
    open_storage: Callable[[str], Storage] = open_storage
    say: Callable[[str], None] = print_to_stderr
    clock: Callable[[], float] = time.time  # not monotonic: that stands still while a laptop sleeps


class EntraSigner:
    """What the ways through Microsoft Entra share: one token at a time, renewed in good time."""

    kind = ""

    def __init__(self, settings: Settings, world: World) -> None:
        self._settings = settings
        self._world = world
        self._cloud = world.clouds[settings.cloud]
        self._lock = threading.Lock()
        self._app: Any = None
        self._token = ""
        self._renew_at = self._ends_at = 0.0
        self._secrets: tuple[str, ...] = ()
        self._learn(settings.client_secret)
        self._learn(settings.refresh_token)

    def __repr__(self) -> str:
        return f"Signer({self.kind}, tenant {self._settings.tenant_id})"

    def token(self) -> str:
        """A valid token: the one held, or a new one in time before it ends."""
        with self._lock:
            now = self._world.clock()
            if now < self._renew_at:
                return self._token
            try:
                return self._ask()
            except InvoiceKitError:
                if now + PAUSE >= self._ends_at:
                    raise
                # The old one is still good: a long pull outlives a hiccup of Entra.
                self._renew_at = now + PAUSE
                return self._token

    def renew(self, refused: str | None = None) -> str:
        """A new token, even where the one held seems good."""
        with self._lock:
            if refused and self._token and refused != self._token:
                return self._token
            return self._ask()

    def held(self) -> str | None:
        """The token at hand, if any."""
        return self._token or None

    def secrets(self) -> tuple[str, ...]:
        """Every token, refresh token, secret and code that was given, sent or received."""
        return self._secrets

    def _ask(self) -> str:
        asked_at = self._world.clock()
        with muted():
            try:
                result = self._result()
            except (ValueError, LookupError, TypeError, AttributeError, RuntimeError) as cause:
                # msal's words for an answer that makes no sense; their text may hold the answer.
                raise FetchError(
                    f"could not sign in: {self._cloud.authority} answered what msal does not "
                    f"understand ({type(cause).__name__})",
                    hint="try again later",
                ) from None
        token = result.get("access_token")
        if not isinstance(token, str) or not token:
            raise refusal(result, self._redact)
        life = float(result.get("expires_in") or 0)
        self._learn(token)
        self._token = token
        self._ends_at = asked_at + life
        self._renew_at = self._ends_at - min(MARGIN, life / 2)
        return token

    def _result(self) -> dict[str, Any]:
        """What msal got: tokens, or an error."""
        raise NotImplementedError

    def _application(self) -> Any:  # noqa: ANN401  # msal is not typed
        if self._app is None:
            import msal

            settings = self._settings
            credential: str | dict[str, str] | None = settings.client_secret or None
            if settings.client_certificate:
                credential = read_certificate(settings.client_certificate)
            options = {
                "authority": f"https://{self._cloud.authority}/{settings.tenant_id}",
                "http_client": EntraHttp(self._world.open_http(), self._learn),
                "instance_discovery": False,  # our table names the hosts; no other is asked
                "app_name": "invoicekit",
                "app_version": version("invoicekit"),
            }
            if credential:
                self._app = msal.ConfidentialClientApplication(
                    settings.client_id, client_credential=credential, **options
                )
            else:
                self._app = msal.PublicClientApplication(settings.client_id, **options)
        return self._app

    def _learn(self, secret: str) -> None:
        if secret and secret not in self._secrets:  # replaced whole: other threads read it
            self._secrets = tuple(sorted((*self._secrets, secret), key=len, reverse=True))

    def _redact(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "(secret)")
        return text


class AppOnly(EntraSigner):
    """An app on its own behalf, by secret or certificate (client credentials)."""

    kind = "app-only"

    def _result(self) -> dict[str, Any]:
        app = self._application()
        app.remove_tokens_for_client()  # it would hand out the one that was refused
        result: dict[str, Any] = app.acquire_token_for_client([self._cloud.app_only_scope])
        return result


class RefreshToken(EntraSigner):
    """An app on behalf of a user who consented once (secure application model)."""

    kind = "refresh token"

    def __init__(self, settings: Settings, world: World) -> None:
        super().__init__(settings, world)
        self._kept = KeptToken(settings, world.open_storage)
        self._refresh_token = ""

    def _result(self) -> dict[str, Any]:
        result: dict[str, Any] = {"error": "invalid_grant"}
        for refresh_token in dict.fromkeys(self._refresh_tokens()):
            self._learn(refresh_token)
            result = self._application().acquire_token_by_refresh_token(
                refresh_token, [self._cloud.delegated_scope]
            )
            if "access_token" in result:
                self._remember(result.get("refresh_token") or refresh_token, used=refresh_token)
            if result.get("error") not in SPENT:
                break
        return result

    def _refresh_tokens(self) -> Iterator[str]:
        """Those to try, newest first: the service replaces them as they are used."""
        candidates = (self._refresh_token or self._kept.read(), self._settings.refresh_token)
        yield from filter(None, candidates)

    def _remember(self, refresh_token: str, *, used: str) -> None:
        self._learn(refresh_token)
        self._refresh_token = refresh_token
        if refresh_token != used:
            self._kept.write(refresh_token)


class DeviceCode(RefreshToken):
    """A person who enters a code in a browser, once; afterwards by the refresh token got then."""

    kind = "device code"

    def _result(self) -> dict[str, Any]:
        result = super()._result()
        if result.get("error") not in SPENT:
            return result
        app = self._application()
        flow = app.initiate_device_flow([self._cloud.delegated_scope])
        if "device_code" not in flow:
            return dict(flow)
        self._world.say(_one_line(flow.get("message")))
        got: dict[str, Any] = app.acquire_token_by_device_flow(flow)
        if "access_token" in got and got.get("refresh_token"):
            self._remember(got["refresh_token"], used="")
        return got


def _one_line(message: object) -> str:
    """The service's own words, as far as a terminal should see them."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(message)).split())

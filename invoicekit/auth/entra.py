"""The sign-ins that go through Microsoft Entra, by way of msal.

msal is imported when the first token is asked for, and never decides alone: which token is good
for how long is known here. It works with secrets in the clear, so what it raises leaves scrubbed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import requests

from invoicekit.auth.certificate import read_certificate
from invoicekit.auth.entra_errors import lacks_consent, refusal
from invoicekit.auth.entra_http import EntraHttp, muted, open_http
from invoicekit.auth.renewing import Renewing
from invoicekit.auth.token_store import Kept, Storage, TokenStore, open_storage
from invoicekit.clouds import CLOUDS, PARTNER_CENTER, Cloud
from invoicekit.errors import FetchError
from invoicekit.secret import Secret, scrubbed
from invoicekit.settings import Settings
from invoicekit.visible import visible

# The answers after which another refresh token, or a person, may still help.
SPENT = frozenset({"invalid_grant", "interaction_required", "consent_required", "login_required"})
NAMES = ("preferred_username", "upn", "email", "name", "oid")  # of a person, the best first


def print_to_stderr(line: str) -> None:
    """Show `line` to whoever waits, in a shell or in a notebook."""
    print(visible(line), file=sys.stderr, flush=True)  # noqa: T201  # a person has to read it now


@dataclass(frozen=True, slots=True)
class SignInEnvironment:
    """What a sign-in leans on outside of us; a test brings its own."""

    clouds: dict[str, Cloud] = field(default_factory=lambda: CLOUDS)
    open_http: Callable[[], requests.Session] = open_http
    open_storage: Callable[[str], Storage] = open_storage
    say: Callable[[str], None] = print_to_stderr
    clock: Callable[[], float] = time.time  # not monotonic: that stands still while a laptop sleeps


class EntraSigner(Renewing):
    """What the ways through Microsoft Entra share."""

    def __init__(self, settings: Settings, environment: SignInEnvironment) -> None:
        known = (settings.client_secret, settings.refresh_token, settings.graph_token)
        super().__init__(settings, environment.clock, known)
        self._environment = environment
        self._cloud = environment.clouds[settings.cloud]
        self._app: Any = None
        self._account = ""

    def account(self) -> str:
        """The user who has signed in, as far as Entra says."""
        return self._account

    def sign_out(self) -> bool:
        """Forget the tokens held, and what msal keeps of them."""
        held = super().sign_out()
        with self._lock:
            self._app, self._account = None, ""
        return held

    @scrubbed
    def _ask(self, audience: str) -> tuple[Secret, float]:
        asked_at = self._clock()
        with muted():
            try:
                result = self._result(audience)
            except (ValueError, LookupError, TypeError, AttributeError, RuntimeError) as cause:
                # msal's words for an answer that makes no sense; their text may hold the answer.
                raise FetchError(
                    f"could not sign in: {self._cloud.authority} answered what msal does not "
                    f"understand ({type(cause).__name__})",
                    hint="try again later",
                ) from None
        token = result.get("access_token")
        if not isinstance(token, str) or not token:
            raise refusal(result, self.redact, audience)
        self._learn(Secret(token))
        if not token.isascii() or not token.isprintable():
            raise FetchError("could not sign in: what came as a token is none")
        return Secret(token), asked_at + _number(result.get("expires_in"))

    def _result(self, audience: str) -> dict[str, Any]:
        """What msal got: tokens, or an error."""
        raise NotImplementedError

    def _application(self) -> Any:  # noqa: ANN401  # msal is not typed
        if self._app is None:
            import msal

            settings = self._settings
            credential: str | dict[str, str] | None = settings.client_secret.reveal() or None
            if settings.client_certificate:
                credential = read_certificate(
                    settings.client_certificate, settings.client_certificate_password
                )
            options = {
                "authority": f"https://{self._cloud.authority}/{settings.tenant_id}",
                "http_client": EntraHttp(self._environment.open_http(), self._learn),
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


class AppOnly(EntraSigner):
    """An app on its own behalf, by secret or certificate (client credentials)."""

    kind = "app-only"

    def _result(self, audience: str) -> dict[str, Any]:
        app = self._application()
        app.remove_tokens_for_client()  # it would hand out the one that was refused
        scope = self._cloud.app_only_scope(audience)
        result: dict[str, Any] = app.acquire_token_for_client([scope])
        return result


class RefreshToken(EntraSigner):
    """An app on behalf of a user who consented once (secure application model)."""

    kind = "refresh token"

    def __init__(self, settings: Settings, environment: SignInEnvironment) -> None:
        super().__init__(settings, environment)
        self._kept = TokenStore(settings, environment.open_storage)
        self._refresh_token = Secret()

    def account(self) -> str:
        """The user who has signed in, in an earlier run if not in this."""
        return self._account or self._kept.read().account

    def sign_out(self) -> bool:
        """Forget the tokens held and kept; one that was given in the settings stays there."""
        self._refresh_token, held = Secret(), super().sign_out()
        return self._kept.forget() or held

    def _result(self, audience: str) -> dict[str, Any]:
        # A refresh token is of a user and an app, and serves every audience (Entra's page on them).
        scope = self._cloud.delegated_scope(audience)
        result: dict[str, Any] = {"error": "invalid_grant"}
        for refresh_token in dict.fromkeys(self._refresh_tokens()):
            self._learn(refresh_token)
            result = self._application().acquire_token_by_refresh_token(
                refresh_token.reveal(), [scope]
            )
            if "access_token" in result:
                self._remember(result, used=refresh_token)
            if result.get("error") not in SPENT:
                break
        return result

    def _refresh_tokens(self) -> Iterator[Secret]:
        """Those to try, newest first: the service replaces them as they are used."""
        yield from filter(None, (self._refresh_token or self._kept.read().refresh_token,))
        yield from filter(None, (self._settings.refresh_token,))

    def _remember(self, result: Mapping[str, Any], *, used: Secret) -> None:
        self._account = _account(result) or (self.account() if used else "")
        newest = Secret(str(result.get("refresh_token") or "")) or used
        self._learn(newest)
        self._refresh_token = newest
        if newest != used:
            self._kept.write(Kept(newest, self._account))


class DeviceCode(RefreshToken):
    """A person who enters a code in a browser, once; afterwards by the refresh token got then."""

    kind = "device code"

    def _result(self, audience: str) -> dict[str, Any]:
        result = super()._result(audience)
        if result.get("error") not in SPENT:
            return result
        if audience != PARTNER_CENTER and self._refresh_token and lacks_consent(result):
            return result  # who signed in is known: another code would end the same way
        app = self._application()
        flow = app.initiate_device_flow([self._cloud.delegated_scope(audience)])
        if "device_code" not in flow:
            return dict(flow)
        self._environment.say(_one_line(flow.get("message")))
        got: dict[str, Any] = app.acquire_token_by_device_flow(flow)
        if "access_token" in got:
            self._remember(got, used=Secret())
            self._environment.say(
                f"signed in as {self._account or 'a user whom Entra does not name'}"
            )
        return got


def _number(value: object) -> float:
    """Seconds as Entra says them; 0 where it says none, so that the token is used once."""
    try:
        return float(str(value))
    except ValueError:
        return 0.0


def _account(result: Mapping[str, Any]) -> str:
    """Who a token speaks for, by the claims of the id token that came with it."""
    claims = result.get("id_token_claims")
    named = [claims.get(name) for name in NAMES] if isinstance(claims, Mapping) else []
    return next((_one_line(name)[:100] for name in named if name), "")


def _one_line(message: object) -> str:
    """The service's own words, as far as a terminal should see them."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(message)).split())

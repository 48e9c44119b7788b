"""Signing in: bearer tokens for each audience, renewed before they expire.

Nothing is asked before the first token is. To support another way to sign in, add its row to
`SIGN_INS` of the settings and a class to `SIGNERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from invoicekit.auth.entra import AppOnly, DeviceCode, RefreshToken, SignInEnvironment
from invoicekit.auth.given import Credential, GivenToken, NoSignIn, TokenFunction
from invoicekit.clouds import CLOUDS, GRAPH, PARTNER_CENTER
from invoicekit.errors import SettingsError
from invoicekit.secret import NO_SECRET, Secret, longest_first
from invoicekit.setting_values import check_tokens, tenant_of, tid_of
from invoicekit.settings import FROM_THE_CALL, Settings


class Signer(Protocol):
    """Whoever has tokens to give, for each audience its own. Safe to share among threads."""

    @property
    def kind(self) -> str:
        """How it signs in: a kind of `SIGN_INS` of the settings, or `none`."""

    def token(self, audience: str = PARTNER_CENTER) -> Secret:
        """A token that is valid for some minutes at least; asks for one only where none is held.

        Raises:
            SettingsError, AccessError: Microsoft Entra refuses, and why; there is no way to a token
                for this audience.
            FetchError: it could not be asked.
        """

    def renew(self, refused: Secret | None = None, audience: str = PARTNER_CENTER) -> Secret | None:
        """A new token after the service refused one (401); `None` where there is no way to get it.

        Where `refused` is said and is not the token held, somebody else has renewed it already.
        """

    def held(self, audience: str = PARTNER_CENTER) -> Secret | None:
        """The token at hand; nothing is asked."""

    def secrets(self) -> tuple[Secret, ...]:
        """Every secret known so far, longest first, to be shown and kept nowhere."""

    def account(self) -> str:
        """Who has signed in, now or in an earlier run; `""` where nobody has, or it is not known.

        Nothing is asked.
        """

    def sign_out(self) -> bool:
        """Forget the tokens held and kept; returns whether there were any. Nothing is asked."""


def signer_for(settings: Settings, environment: SignInEnvironment | None = None) -> Signer:
    """The signer that `settings` make possible. Asks nothing and imports no msal yet."""
    environment = environment or SignInEnvironment()
    signer = SIGNERS[settings.sign_in](settings, environment)
    graph = signer
    if settings.graph_token_from:
        graph = TokenFunction(settings, environment, GRAPH)
    elif settings.graph_token:
        graph = GivenToken(settings, environment, GRAPH)
    return ByAudience(settings, {PARTNER_CENTER: signer, GRAPH: graph})


def identified(settings: Settings) -> Settings:
    """`settings` with the token, so the tenant and who asks, of what the call gives for tokens.

    Asks a function or a credential once, and nobody otherwise, or offline: the folder of what is
    kept depends on whose token it is.

    Raises:
        SettingsError: it gives what is no token, or one of another tenant.
        FetchError: it fails.
    """
    if settings.offline or settings.sign_in not in FROM_THE_CALL:
        return settings
    token = signer_for(settings).token()
    return replace(settings, token=token, tenant_id=tenant_of(settings.tenant_id, token))


def raise_without_graph(settings: Settings) -> None:
    """Raise where Graph is not asked, whoever signs in.

    Raises:
        SettingsError: the cloud has no billing there, or nobody says which host it is.
    """
    if settings.graph_url:
        return
    if not CLOUDS[settings.cloud].graph_root:
        raise SettingsError(
            f"cloud {settings.cloud} has no billing on Microsoft Graph, which graph_token would be "
            'for; its line items are Partner Center\'s: source="v1"'
        )
    raise SettingsError(
        "Microsoft Graph is not asked, since base_url is another host than the cloud's own: set "
        'graph_url (and graph_token, for a given token) as well, or take source="v1"'
    )


class ByAudience:
    """The sign-in, and for Graph the token that was given for it, where one was."""

    def __init__(self, settings: Settings, signers: dict[str, Signer]) -> None:
        self._settings = settings
        self._signers = signers
        self.kind = signers[PARTNER_CENTER].kind

    def __repr__(self) -> str:
        return repr(self._signers[PARTNER_CENTER])

    def token(self, audience: str = PARTNER_CENTER) -> Secret:
        """A valid token for `audience`.

        Raises:
            SettingsError: Graph is not asked, or there is no token for it; or the two that there
                are by now are of two partners.
        """
        if audience == GRAPH:
            raise_without_graph(self._settings)
        token = self._signers[audience].token(audience)
        if len(self._all()) > 1:  # who signs in to both cannot mix two
            held = [one.held(name) or NO_SECRET for name, one in self._signers.items()]
            check_tokens(*map(tid_of, held))
        return token

    def renew(self, refused: Secret | None = None, audience: str = PARTNER_CENTER) -> Secret | None:
        """A new token for `audience`."""
        return self._signers[audience].renew(refused, audience)

    def held(self, audience: str = PARTNER_CENTER) -> Secret | None:
        """The token for `audience` at hand."""
        return self._signers[audience].held(audience)

    def secrets(self) -> tuple[Secret, ...]:
        """Those of all audiences, longest first."""
        return longest_first(secret for one in self._all() for secret in one.secrets())

    def account(self) -> str:
        """Who has signed in."""
        return self._signers[PARTNER_CENTER].account()

    def sign_out(self) -> bool:
        """Forget the tokens of all audiences."""
        there = [one.sign_out() for one in self._all()]  # each has to
        return any(there)

    def _all(self) -> list[Signer]:
        return list(dict.fromkeys(self._signers.values()))


SIGNERS: dict[str, Callable[[Settings, SignInEnvironment], Signer]] = {
    kind.kind: kind
    for kind in (
        Credential, TokenFunction, GivenToken, AppOnly, RefreshToken, DeviceCode, NoSignIn,
    )
}  # fmt: skip

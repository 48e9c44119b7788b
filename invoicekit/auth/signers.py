"""Signing in: bearer tokens for Partner Center, renewed before they expire.

Nothing is asked before the first token is. To support another way to sign in, add its row to
`SIGN_INS` of the settings and a class to `SIGNERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from invoicekit.auth.entra import (
    AppOnly,
    DeviceCode,
    RefreshToken,
    SignInEnvironment,
    longest_first,
)
from invoicekit.errors import SettingsError
from invoicekit.secret import Secret
from invoicekit.settings import NO_SIGN_IN, Settings


class Signer(Protocol):
    """Whoever has tokens to give. Safe to share among threads."""

    @property
    def kind(self) -> str:
        """How it signs in: `token`, `app-only`, `refresh token`, `device code` or `none`."""

    def token(self) -> Secret:
        """A token that is valid for some minutes at least; asks for one only where none is held.

        Raises:
            SettingsError, AccessError: Microsoft Entra refuses, and why.
            FetchError: it could not be asked.
        """

    def renew(self, refused: Secret | None = None) -> Secret | None:
        """A new token after the service refused one (401); `None` where there is no way to get it.

        Where `refused` is said and is not the token held, somebody else has renewed it already.
        """

    def held(self) -> Secret | None:
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
    return SIGNERS[settings.sign_in](settings, environment or SignInEnvironment())


class GivenToken:
    """A token given as is: nobody can renew it."""

    kind = "token"

    def __init__(self, settings: Settings, _: SignInEnvironment) -> None:
        self._token = settings.token
        known = (settings.token, settings.client_secret, settings.refresh_token)
        self._secrets = longest_first(known)

    def __repr__(self) -> str:
        return "Signer(token)"

    def token(self) -> Secret:
        """The token, as it was given."""
        return self._token

    def renew(self, refused: Secret | None = None) -> None:
        """Nothing: there is no way."""

    def held(self) -> Secret:
        """The token."""
        return self._token

    def secrets(self) -> tuple[Secret, ...]:
        """The token, and what else the settings hold."""
        return self._secrets

    def account(self) -> str:
        """Nobody: the token was not got here."""
        return ""

    def sign_out(self) -> bool:
        """Nothing: the token stays where it was set."""
        return False


class NoSignIn:
    """Nobody: enough to read offline."""

    kind = "none"

    def __init__(self, _: Settings, __: SignInEnvironment) -> None:
        pass

    def __repr__(self) -> str:
        return "Signer(none)"

    def token(self) -> Secret:
        """Nothing.

        Raises:
            SettingsError: always; it lists the ways to sign in.
        """
        raise SettingsError(NO_SIGN_IN)

    def renew(self, refused: Secret | None = None) -> None:
        """Nothing."""

    def held(self) -> None:
        """Nothing."""

    def secrets(self) -> tuple[Secret, ...]:
        """Nothing."""
        return ()

    def account(self) -> str:
        """Nobody."""
        return ""

    def sign_out(self) -> bool:
        """Nothing."""
        return False


SIGNERS: dict[str, Callable[[Settings, SignInEnvironment], Signer]] = {
    kind.kind: kind for kind in (GivenToken, AppOnly, RefreshToken, DeviceCode, NoSignIn)
}

"""The sign-ins without an app of ours: a token given as is, code that gives tokens, or nobody."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Protocol

from invoicekit.auth.renewing import MARGIN, Held, Renewing
from invoicekit.clouds import AUDIENCES, GRAPH, PARTNER_CENTER
from invoicekit.errors import FetchError, SettingsError
from invoicekit.jwt import claims_of
from invoicekit.secret import Secret, longest_first, scrubbed
from invoicekit.setting_values import as_token
from invoicekit.settings import NO_SIGN_IN, Settings

if TYPE_CHECKING:
    from invoicekit.auth.entra import SignInEnvironment

SETTING = {PARTNER_CENTER: "token", GRAPH: "graph_token"}
NO_GRAPH_TOKEN = (
    "these lines come from Microsoft Graph, and there is no token for it: a token for Partner "
    "Center does not work there. Pass connect(graph_token=…) or set INVOICEKIT_GRAPH_TOKEN to a "
    f"bearer token for Microsoft Graph with {AUDIENCES[GRAPH].permission}; or sign in with an app "
    'or a credential, which serve both; or leave Graph unasked with source="v1"'
)


class TokenGiven(Protocol):
    """A token, as `TokenCredential` gives it; `expires_on`, in seconds, is heeded where it is."""

    @property
    def token(self) -> str:
        """The bearer token."""


class TokenCredential(Protocol):
    """What `connect(credential=…)` takes: those of azure-identity are so."""

    def get_token(self, scope: str, /) -> TokenGiven:
        """A token for a scope, as `https://graph.microsoft.com/.default`."""


class GivenToken:
    """A token given as is: nobody can renew it, and it serves one audience."""

    kind = "token"

    def __init__(
        self, settings: Settings, _: SignInEnvironment, audience: str = PARTNER_CENTER
    ) -> None:
        self._audience = audience
        self._token = settings.graph_token if audience == GRAPH else settings.token
        known = (self._token, settings.client_secret, settings.refresh_token)
        self._secrets = longest_first(known)

    def __repr__(self) -> str:
        return "Signer(token)"

    def token(self, audience: str = PARTNER_CENTER) -> Secret:
        """The token, as it was given.

        Raises:
            SettingsError: it is for another audience.
        """
        _raise_for_another(audience, self._audience)
        return self._token

    def renew(self, refused: Secret | None = None, audience: str = PARTNER_CENTER) -> None:
        """Nothing: there is no way."""

    def held(self, audience: str = PARTNER_CENTER) -> Secret | None:
        """The token, if it is for `audience`."""
        return self._token if audience == self._audience else None

    def secrets(self) -> tuple[Secret, ...]:
        """The token, and what else the settings hold."""
        return self._secrets

    def account(self) -> str:
        """Nobody: the token was not got here."""
        return ""

    def sign_out(self) -> bool:
        """Nothing: the token stays where it was set."""
        return False


class Called(Renewing):
    """Tokens from code of the caller's: nothing that it shows or raises is let through."""

    name = ""  # of the setting

    def __init__(
        self, settings: Settings, environment: SignInEnvironment, audience: str = PARTNER_CENTER
    ) -> None:
        known = (settings.client_secret, settings.refresh_token, settings.token)
        super().__init__(settings, environment.clock, known)
        self._cloud = environment.clouds[settings.cloud]
        self._audience = audience
        if settings.token and audience == PARTNER_CENTER:  # what it gave when the client was made
            end = _end_of(settings.token)
            self._tokens[audience] = Held(settings.token, end - MARGIN, end)

    @scrubbed
    def _ask(self, audience: str) -> tuple[Secret, float]:
        try:
            given, end = self._call(audience)
        except Exception as cause:  # noqa: BLE001  # whatever the caller's code raises
            fault = type(cause).__name__
        else:
            token = self._token(given)
            self._learn(token)
            return token, _seconds(end) or _end_of(token)
        raise FetchError(
            f"could not sign in: {self.name} raised {fault}. Its words may hold a secret and are "
            "not shown: call it by itself to see them",
            hint="call it by itself to see why",
        )

    def _call(self, audience: str) -> tuple[object, object]:
        """What the caller's code gives for a token, and says of its end."""
        raise NotImplementedError

    def _token(self, given: object) -> Secret:
        """The token in what was given."""
        text = given.reveal() if isinstance(given, Secret) else given
        if inspect.iscoroutine(text):
            text.close()  # else Python warns that it was never awaited
            raise SettingsError(f"{self.name} is async; it has to give the token when it is called")
        if not isinstance(text, str):
            raise SettingsError(f"{self.name} gave no token: {type(text).__name__}")
        token = as_token(self.name, text)
        if not token:
            raise SettingsError(f"{self.name} gave no token: an empty text")
        return token


class TokenFunction(Called):
    """A function that gives a token for one audience: asked before the one that it gave ends.

    Where a token does not say when, the function is asked each time.
    """

    kind = "token function"

    def __init__(
        self, settings: Settings, environment: SignInEnvironment, audience: str = PARTNER_CENTER
    ) -> None:
        super().__init__(settings, environment, audience)
        self.name = SETTING[audience]
        self._from = settings.graph_token_from if audience == GRAPH else settings.token_from

    def token(self, audience: str = PARTNER_CENTER) -> Secret:
        """A valid token.

        Raises:
            SettingsError: it is for another audience, or what the function gives is none.
            FetchError: the function fails.
        """
        _raise_for_another(audience, self._audience)
        return super().token(audience)

    def _call(self, _: str) -> tuple[object, object]:
        return self._from.reveal()(), None


class Credential(Called):
    """An object with `get_token(scope)`, as those of azure-identity: it serves both audiences."""

    kind = "credential"
    name = "credential"

    def _call(self, audience: str) -> tuple[object, object]:
        scope = self._cloud.app_only_scope(audience)
        given = self._settings.credential.reveal().get_token(scope)
        return getattr(given, "token", given), getattr(given, "expires_on", None)


class NoSignIn:
    """Nobody: enough to read offline."""

    kind = "none"

    def __init__(self, _: Settings, __: SignInEnvironment) -> None:
        pass

    def __repr__(self) -> str:
        return "Signer(none)"

    def token(self, audience: str = PARTNER_CENTER) -> Secret:
        """Nothing.

        Raises:
            SettingsError: always; it lists the ways to sign in.
        """
        raise SettingsError(NO_SIGN_IN if audience == PARTNER_CENTER else NO_GRAPH_TOKEN)

    def renew(self, refused: Secret | None = None, audience: str = PARTNER_CENTER) -> None:
        """Nothing."""

    def held(self, audience: str = PARTNER_CENTER) -> None:
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


def _raise_for_another(audience: str, own: str) -> None:
    if audience != own:
        raise SettingsError(NO_GRAPH_TOKEN)


def _end_of(token: Secret) -> float:
    """When a token ends, in seconds of the clock; 0 where it does not say."""
    return _seconds((claims_of(token.reveal()) or {}).get("exp"))


def _seconds(end: object) -> float:
    """A moment as tokens say it; 0 where they say none that makes sense."""
    if isinstance(end, bool) or not isinstance(end, int | float):
        return 0.0
    try:
        return float(end)
    except OverflowError:
        return 0.0

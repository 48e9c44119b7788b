"""What the sign-ins that can renew tokens share: one token an audience at a time, in good time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from invoicekit.clouds import GRAPH, PARTNER_CENTER
from invoicekit.errors import FetchError, InvoiceKitError, SettingsError
from invoicekit.secret import NO_SECRET, Secret, longest_first
from invoicekit.setting_values import check_tenant, check_tokens, tid_of
from invoicekit.settings import Settings

MARGIN = 300  # seconds before its end at which a token is renewed; for short ones, half their life
PAUSE = 30  # seconds until a renewal that failed is tried again, as long as the old token is good


@dataclass(frozen=True, slots=True)
class Held:
    """A token, and when it is renewed and ends, in seconds of the clock; 0: after one use."""

    token: Secret = NO_SECRET
    renew_at: float = 0.0
    ends_at: float = 0.0


class Renewing:
    """Tokens of several audiences. A class below says how to get one, in `_ask`."""

    kind = ""

    def __init__(
        self, settings: Settings, clock: Callable[[], float], secrets: Iterable[Secret]
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: dict[str, Held] = {}  # by audience
        self._secrets = longest_first(secrets)

    def __repr__(self) -> str:
        return f"Signer({self.kind}, tenant {self._settings.tenant_id})"

    def token(self, audience: str = PARTNER_CENTER) -> Secret:
        """A valid token: the one held, or a new one in time before it ends."""
        with self._lock:
            now, held = self._clock(), self._tokens.get(audience, Held())
            if now < held.renew_at:
                return held.token
            try:
                return self._renewed(audience)
            except InvoiceKitError:
                if now + PAUSE >= held.ends_at:
                    raise
                # The old one is still good: a long pull outlives a hiccup of Entra.
                self._tokens[audience] = Held(held.token, now + PAUSE, held.ends_at)
                return held.token

    def renew(self, refused: Secret | None = None, audience: str = PARTNER_CENTER) -> Secret | None:
        """A new token, even where the one held seems good; `None` where there is only that."""
        with self._lock:
            held = self._tokens.get(audience, Held()).token
            if refused and held and refused != held:
                return held
            fresh = self._renewed(audience)
            return None if fresh == refused else fresh

    def held(self, audience: str = PARTNER_CENTER) -> Secret | None:
        """The token at hand, if any."""
        return self._tokens.get(audience, Held()).token or None

    def secrets(self) -> tuple[Secret, ...]:
        """Every token, refresh token, secret and code that was given, sent or received."""
        return self._secrets

    def account(self) -> str:
        """Nobody, unless a class below knows better."""
        return ""

    def sign_out(self) -> bool:
        """Forget the tokens held."""
        with self._lock:
            held, self._tokens = bool(self._tokens), {}
            return held

    def redact(self, text: str) -> str:
        """`text` without the secrets known so far."""
        for secret in self._secrets:
            text = text.replace(secret.reveal(), str(secret))
        return text

    def _renewed(self, audience: str) -> Secret:
        if self._settings.offline:
            raise FetchError(
                "nobody is asked to sign in: the client is offline",
                hint="open it with offline=False",
            )
        asked_at = self._clock()
        token, ends_at = self._ask(audience)
        own, first = tid_of(token), tid_of(self._settings.token)
        if audience == GRAPH:
            check_tokens(first, own)
        elif first and own and first.casefold() != own.casefold():  # whose folder this client has
            raise SettingsError(
                "the sign-in gives a token of another tenant than when the client was made: two "
                "partners, who share no cache. Make another client with connect()"
            )
        check_tenant(self._settings.tenant_id, own)
        renew_at = ends_at - min(MARGIN, max(ends_at - asked_at, 0.0) / 2)
        self._tokens[audience] = Held(token, renew_at, ends_at)
        return token

    def _ask(self, audience: str) -> tuple[Secret, float]:
        """A new token, and when it ends; what it raises is scrubbed."""
        raise NotImplementedError

    def _learn(self, secret: Secret) -> None:
        if secret not in self._secrets:  # replaced whole: other threads read it
            self._secrets = longest_first((*self._secrets, secret))

"""Where to ask, as whom, and where to keep answers: one frozen value.

The only module that reads the environment. Nothing is created or asked here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from invoicekit.clouds import CLOUDS
from invoicekit.errors import SettingsError, warn
from invoicekit.jwt import claims_of
from invoicekit.secret import NO_SECRET, NOTHING_HIDDEN, Hidden, Secret, scrubbing
from invoicekit.setting_values import (
    AMOUNTS,
    FUNCTIONS,
    TRUE,
    WHOLES,
    as_amount,
    as_cloud,
    as_flag,
    as_function,
    as_host,
    as_text,
    as_token,
    as_whole,
    as_word,
    check_tenant,
    check_tokens,
    digest,
    home_of,
    tenant_of,
    tid_of,
)

# The kinds of sign-in, and the settings that make each: the first row that is all there wins.
SIGN_INS = (
    ("credential", ("credential",)),
    ("token function", ("token_from",)),
    ("token", ("token",)),
    ("refresh token", ("client_id", "refresh_token")),
    ("app-only", ("client_id", "client_secret")),
    ("app-only", ("client_id", "client_certificate")),
    ("device code", ("client_id",)),
)
FROM_THE_CALL = frozenset({"credential", "token function"})  # no environment can hold them
# Whose token is one that was given, so that a host of the environment may be shown it.
GIVEN_TOKEN = frozenset({"token", "token function", "none"})
NO_SIGN_IN = (
    "nothing to sign in with: no token, no app. Set INVOICEKIT_TOKEN to a bearer token for Partner "
    "Center; or INVOICEKIT_TENANT_ID and INVOICEKIT_CLIENT_ID with INVOICEKIT_CLIENT_SECRET or "
    "INVOICEKIT_CLIENT_CERTIFICATE (app-only), with INVOICEKIT_REFRESH_TOKEN (secure application "
    "model), or with nothing more (device code); or pass the same to connect(token=…), or what "
    "azure-identity gives to connect(credential=…). To look around without any: invoicekit.demo()"
)
APP = ("client_id", "client_secret", "refresh_token", "client_certificate")
PROOFS = (*APP[1:], "client_certificate_password")  # of an app's being who it says it is


@dataclass(frozen=True, slots=True)
class Settings:
    """One partner, one service, one cache folder. No secret shows in it, and it is not pickled."""

    token: Secret
    tenant_id: str
    cloud: str
    base_url: str
    cache_dir: Path
    page_size: int
    offline: bool
    connections: int = WHOLES["connections"][0]
    client_id: str = ""
    client_secret: Secret = NO_SECRET
    refresh_token: Secret = NO_SECRET
    client_certificate: Secret = NO_SECRET  # a path, or the PEM itself
    client_certificate_password: Secret = NO_SECRET
    token_from: Hidden = NOTHING_HIDDEN  # a function that gives a token
    credential: Hidden = NOTHING_HIDDEN  # has get_token(scope)
    graph_url: str = ""  # "" where Graph is not asked
    graph_token: Secret = NO_SECRET
    graph_token_from: Hidden = NOTHING_HIDDEN
    connect_timeout: float = AMOUNTS["connect_timeout"]
    read_timeout: float = AMOUNTS["read_timeout"]
    export_timeout: float = AMOUNTS["export_timeout"]
    cache_gb: float = AMOUNTS["cache_gb"]
    data_dir: Path | None = None  # what is no cache: history that cannot be asked for again

    @property
    def sign_in(self) -> str:
        """How to sign in: a kind of `SIGN_INS`, or `"none"` (offline there is no need to)."""
        for kind, needs in SIGN_INS:
            if all(getattr(self, name) for name in needs):
                return kind
        return "none"

    @property
    def tenant_folder(self) -> str:
        """What no two partners, clouds or hosts share: how the names of their cache folders begin.

        In the first release it was the whole name.
        """
        return digest(self.cloud, self.tenant_id.lower(), self.base_url)

    @property
    def history(self) -> Path:
        """Where this partner's history is kept; the user's own place for data by default."""
        if self.data_dir is not None:
            return self.data_dir / self.tenant_folder
        from platformdirs import user_data_path

        return user_data_path("invoicekit", appauthor=False) / "unbilled" / self.tenant_folder

    @property
    def who(self) -> str:
        """Who asks: the token's `oid` or `appid`, else the client id, else a digest of the token.

        Empty where nothing is said of it (offline).
        """
        claims = claims_of(self.token.reveal()) or {}
        named = claims.get("oid") or claims.get("appid") or self.client_id
        if not named and self.token:
            return "token-" + digest(self.token.reveal())
        return str(named or "").lower()

    @property
    def scope(self) -> str:
        """The name of the cache folder: a partner's, and of one user or app of it."""
        return f"{self.tenant_folder}-{digest(self.who)}"


def read_settings(
    given: Mapping[str, object], environ: Mapping[str, str] | None = None
) -> Settings:
    """The settings `given`, completed from `INVOICEKIT_*` in the environment, and checked.

    The environment completes what the call says of one partner, and never mixes two: a token that
    the call names takes no tenant and no app from it, an app that the call names no token, and
    no proofs of another app.

    Raises:
        SettingsError: a setting is missing or makes no sense; the message names it, and does not
            repeat it, for it may be a secret that has gone astray.
    """
    sources = _Sources(given, os.environ if environ is None else environ)
    del given, environ  # an error shows this frame: nothing in it shows a secret
    return scrubbing(sources.settings)


class _Sources:
    """What the call names, and what the environment adds to it."""

    __slots__ = ("_environ", "_functions", "_given", "_unread")

    def __init__(self, given: Mapping[str, object], environ: Mapping[str, str]) -> None:
        given = {name: value for name, value in given.items() if value is not None}
        self._functions = {
            name: given.pop(name)
            for name in FUNCTIONS
            if name in given and (name == "credential" or not isinstance(given[name], str | Secret))
        }
        self._given, self._environ = given, environ
        self._unread: set[str] = set()
        if as_text(given.get("token")) or self._functions.keys() & {"token", "credential"}:
            self._unread |= {"tenant_id", "token", "graph_token", *APP, *PROOFS}
        elif any(map(self._given.get, APP)):
            self._unread |= {"token", "graph_token"}
            ours, theirs = as_text(given.get("client_id")), self._from_environ("client_id")
            if ours and theirs and ours != theirs:
                self._unread |= set(PROOFS)

    def settings(self) -> Settings:
        """The settings, checked."""
        token = as_token("token", self._text("token"))
        graph_token = as_token("graph_token", self._text("graph_token"))
        tenant_id = tenant_of(self._text("tenant_id"), token)
        check_tokens(tid_of(token), tid_of(graph_token))
        check_tenant(tenant_id, tid_of(graph_token), "graph_token")
        cloud = as_cloud(self._text("cloud") or "global")
        settings = Settings(
            token=token,
            token_from=self._function("token"),
            credential=self._function("credential"),
            graph_token=graph_token,
            graph_token_from=self._function("graph_token"),
            tenant_id=tenant_id,
            cloud=cloud,
            base_url=CLOUDS[cloud].api_root,
            graph_url=CLOUDS[cloud].graph_root,
            cache_dir=cache_folder(self._given, self._environ),
            data_dir=self._data_dir(),
            page_size=as_whole("page_size", self._text("page_size")),
            connections=as_whole("connections", self._text("connections")),
            offline=as_flag("offline", self._text("offline")),
            client_id=as_word("client_id", self._text("client_id")),
            client_secret=Secret(as_word("client_secret", self._text("client_secret"))),
            refresh_token=Secret(as_word("refresh_token", self._text("refresh_token"))),
            client_certificate=Secret(self._text("client_certificate")),
            client_certificate_password=Secret(self._text("client_certificate_password")),
            **{name: as_amount(name, self._text(name)) for name in AMOUNTS},
        )
        _check_sign_in(settings)
        settings = replace(settings, base_url=self._base_url(settings))
        return replace(settings, graph_url=self._graph_url(settings))

    def _data_dir(self) -> Path | None:
        named = as_text(self._given.get("data_dir"))
        return home_of("data_dir", named) if named else None

    def _function(self, name: str) -> Hidden:
        """What the call gives for getting tokens."""
        there = name in self._functions
        return as_function(name, self._functions[name]) if there else NOTHING_HIDDEN

    def _text(self, name: str) -> str:
        """What the call says, else the environment; `""` where neither does."""
        if name in self._given:
            return as_text(self._given[name])
        return "" if name in self._unread else self._from_environ(name)

    def _from_environ(self, name: str) -> str:
        return self._environ.get(f"INVOICEKIT_{name.upper()}", "").strip()

    def _base_url(self, settings: Settings) -> str:
        """The host of Partner Center.

        The token of a sign-in goes to another than the service's own only where the call names it:
        what lies in the environment may be stale.
        """
        own, url = settings.base_url, self._text("base_url")
        may_differ = "base_url" in self._given or settings.sign_in in GIVEN_TOKEN
        return self._host("base_url", url, own, own, may_differ=may_differ) if url else own

    def _graph_url(self, settings: Settings) -> str:
        """The host of Graph; `""` where it is not asked: its own is no matter to another service.

        The token of a sign-in goes to a host of the environment as little as Partner Center's.
        """
        own, url = settings.graph_url, self._text("graph_url")
        default = own if settings.base_url == CLOUDS[settings.cloud].api_root else ""
        if not own or not url:  # this cloud has no Graph, or nobody says another
            return default
        given = settings.graph_token or settings.graph_token_from
        may_differ = "graph_url" in self._given or bool(given) or settings.sign_in in GIVEN_TOKEN
        return self._host("graph_url", url, own, default, may_differ=may_differ)

    @staticmethod
    def _host(name: str, url: str, own: str, default: str, *, may_differ: bool) -> str:
        host = as_host(name, url)
        if host == own or may_differ:
            return host
        warn(
            f"INVOICEKIT_{name.upper()} is passed over: the token of a sign-in goes to {own}. To "
            f"send it elsewhere, name the host in the call: connect({name}=…), or invoicekit "
            f"--{name.replace('_', '-')} …"
        )
        return default


def cache_folder(given: Mapping[str, object], environ: Mapping[str, str] | None = None) -> Path:
    """Where answers are kept: as given, as `INVOICEKIT_CACHE_DIR` says, or the user's own place.

    Raises:
        SettingsError: it begins with `~`, and nobody knows whose home that is.
    """
    named = as_text(given.get("cache_dir")) or as_text(
        (os.environ if environ is None else environ).get("INVOICEKIT_CACHE_DIR")
    )
    if named:
        return home_of("cache_dir", named)
    from platformdirs import user_cache_path

    return user_cache_path("invoicekit", appauthor=False)


def debugging() -> bool:
    """Whether a traceback is wanted (`INVOICEKIT_DEBUG=1`)."""
    return os.environ.get("INVOICEKIT_DEBUG", "").lower() in TRUE


def _check_sign_in(settings: Settings) -> None:
    if settings.credential and (settings.token or settings.token_from):
        raise SettingsError("token and credential are both set; one signs in")
    if settings.token:
        return
    credentials = [name for name in PROOFS if getattr(settings, name)]
    if credentials and not settings.client_id:
        raise SettingsError(f"{credentials[0]} is set and client_id is not: whose is it?")
    if settings.client_secret and settings.client_certificate:
        raise SettingsError("client_secret and client_certificate are both set; an app needs one")
    if settings.sign_in == "none" and not (settings.offline and settings.tenant_id):
        raise SettingsError(NO_SIGN_IN)
    # An app can be at home in one tenant and sign in to many, so the tenant has to be said: else
    # the next person to sign in would find the invoices of another partner in the cache.
    # What the call hands over for getting tokens is asked who it is when the client is made.
    asked = settings.sign_in in FROM_THE_CALL and not settings.offline
    if not settings.tenant_id and not asked:
        raise SettingsError(
            "tenant_id is missing: pass connect(tenant_id=…) or set INVOICEKIT_TENANT_ID to the "
            "partner's tenant, an id or a domain (Partner Center: Account settings, Identifiers)"
        )

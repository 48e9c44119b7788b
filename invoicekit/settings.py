"""Where to ask, as whom, and where to keep answers: one frozen value.

The only module that reads the environment. Nothing is created or asked here.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from invoicekit.claims import claims_of
from invoicekit.clouds import CLOSED, CLOUDS, OTHER_NAMES
from invoicekit.errors import SettingsError

# The kinds of sign-in, and the settings that make each: the first row that is all there wins.
SIGN_INS = (
    ("token", ("token",)),
    ("refresh token", ("client_id", "refresh_token")),
    ("app-only", ("client_id", "client_secret")),
    ("app-only", ("client_id", "client_certificate")),
    ("device code", ("client_id",)),
)
NO_SIGN_IN = (
    "nothing to sign in with: no token, no app. Set INVOICEKIT_TOKEN to a bearer token for Partner "
    "Center; or INVOICEKIT_TENANT_ID and INVOICEKIT_CLIENT_ID with INVOICEKIT_CLIENT_SECRET or "
    "INVOICEKIT_CLIENT_CERTIFICATE (app-only), with INVOICEKIT_REFRESH_TOKEN (secure application "
    "model), or with nothing more (device code); or pass the same to connect(token=…). To look "
    "around without any: invoicekit.demo()"
)
APP = ("client_id", "client_secret", "refresh_token", "client_certificate")
# Addresses of many tenants at once: as the name of a cache folder they would mix their invoices.
NO_TENANTS = frozenset({"common", "organizations", "consumers"})
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
# Whole numbers: what a setting is by default, and at most. 2000 is the service's own maximum for a
# page of line items. Few requests at once, because the service counts them for a whole tenant.
WHOLES = {"page_size": (2000, 2000), "connections": (4, 16)}
# Seconds to connect, and without a byte of an answer: Microsoft's own client gives up after three
# minutes, and its users report pages that take longer. Gigabytes that answers may take on disk.
AMOUNTS = {"connect_timeout": 10.0, "read_timeout": 180.0, "cache_gb": 5.0}
TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Settings:
    """One partner, one service, one cache folder. The repr shows no secret."""

    token: str = field(repr=False)
    tenant_id: str
    cloud: str
    base_url: str
    cache_dir: Path
    page_size: int
    offline: bool
    connections: int = WHOLES["connections"][0]
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    client_certificate: Path | None = None
    connect_timeout: float = AMOUNTS["connect_timeout"]
    read_timeout: float = AMOUNTS["read_timeout"]
    cache_gb: float = AMOUNTS["cache_gb"]

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
        return _digest(self.cloud, self.tenant_id.lower(), self.base_url)

    @property
    def who(self) -> str:
        """Who asks: the token's `oid` or `appid`, else the client id, else a digest of the token.

        Empty where nothing is said of it (offline).
        """
        claims = claims_of(self.token) or {}
        named = claims.get("oid") or claims.get("appid") or self.client_id
        if not named and self.token:
            return "token-" + _digest(self.token)
        return str(named or "").lower()

    @property
    def scope(self) -> str:
        """The name of the cache folder: a partner's, and of one user or app of it."""
        return f"{self.tenant_folder}-{_digest(self.who)}"


def read_settings(
    given: Mapping[str, object], environ: Mapping[str, str] | None = None
) -> Settings:
    """The settings `given`, completed from `INVOICEKIT_*` in the environment, and checked.

    Raises:
        SettingsError: a setting is missing or makes no sense; the message names it.
    """
    environ = os.environ if environ is None else environ

    def setting(name: str, default: object = None) -> object:
        value = given.get(name)
        if value is None:
            value = environ.get(f"INVOICEKIT_{name.upper()}", "").strip() or default
        return value

    client_id = _word("client_id", setting("client_id"))
    certificate = setting("client_certificate")
    token = _token(setting("token"))
    if given.get("token") is None and any(map(given.get, APP)):
        token = ""  # the app that the call names, before a token left in the environment
    offline = _flag("offline", setting("offline", ""))
    cloud = _cloud(str(setting("cloud", "global")))
    settings = Settings(
        token=token,
        tenant_id=_tenant(str(setting("tenant_id") or "").strip()) or _tenant_of(token),
        cloud=cloud,
        base_url=_base_url(str(setting("base_url") or CLOUDS[cloud].api_root)),
        cache_dir=cache_folder(given, environ),
        page_size=_whole("page_size", setting("page_size")),
        connections=_whole("connections", setting("connections")),
        offline=offline,
        client_id=client_id,
        client_secret=_word("client_secret", setting("client_secret")),
        refresh_token=_word("refresh_token", setting("refresh_token")),
        client_certificate=Path(str(certificate)).expanduser() if certificate else None,
        connect_timeout=_amount("connect_timeout", setting("connect_timeout")),
        read_timeout=_amount("read_timeout", setting("read_timeout")),
        cache_gb=_amount("cache_gb", setting("cache_gb")),
    )
    _check_sign_in(settings)
    return settings


def cache_folder(given: Mapping[str, object], environ: Mapping[str, str] | None = None) -> Path:
    """Where answers are kept: as given, as `INVOICEKIT_CACHE_DIR` says, or the user's own place."""
    environ = os.environ if environ is None else environ
    named = given.get("cache_dir") or environ.get("INVOICEKIT_CACHE_DIR", "").strip()
    if named:
        return Path(str(named)).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("invoicekit", appauthor=False)


def debugging() -> bool:
    """Whether a traceback is wanted (`INVOICEKIT_DEBUG=1`)."""
    return os.environ.get("INVOICEKIT_DEBUG", "").lower() in TRUE


def _check_sign_in(settings: Settings) -> None:
    if settings.token:
        return
    credentials = [name for name in APP[1:] if getattr(settings, name)]
    if credentials and not settings.client_id:
        raise SettingsError(f"{credentials[0]} is set and client_id is not: whose is it?")
    if settings.client_secret and settings.client_certificate:
        raise SettingsError("client_secret and client_certificate are both set; an app needs one")
    if settings.sign_in == "none" and not (settings.offline and settings.tenant_id):
        raise SettingsError(NO_SIGN_IN)
    # An app can be at home in one tenant and sign in to many, so the tenant has to be said: else
    # the next person to sign in would find the invoices of another partner in the cache.
    if not settings.tenant_id:
        raise SettingsError(
            "tenant_id is missing: pass connect(tenant_id=…) or set INVOICEKIT_TENANT_ID to the "
            "partner's tenant, an id or a domain (Partner Center: Account settings, Identifiers)"
        )
    if not re.fullmatch(r"\w[\w.-]*", settings.tenant_id, re.ASCII):  # it becomes part of a URL
        raise SettingsError(f"tenant_id {settings.tenant_id!r} is neither an id nor a domain")


def _tenant(tenant: str) -> str:
    if tenant.lower() in NO_TENANTS:
        raise SettingsError(f"tenant_id {tenant!r} is no tenant; give the partner's id or domain")
    return tenant


def _word(name: str, value: object) -> str:
    word = str(value or "").strip()
    if not word.isascii() or not word.isprintable() or " " in word:
        raise SettingsError(f"{name} holds characters that none has; copy it again")
    return word


def _token(value: object) -> str:
    return _word("token", str(value or "").strip().removeprefix("Bearer "))


def _cloud(name: str) -> str:
    cloud = "".join(letter for letter in name.lower() if letter.isalnum())
    cloud = OTHER_NAMES.get(cloud, cloud)
    if cloud in CLOSED:
        raise SettingsError(CLOSED[cloud])
    if cloud not in CLOUDS:
        raise SettingsError(f"cloud {name!r} is not known; it is one of {', '.join(CLOUDS)}")
    return cloud


def _base_url(url: str) -> str:
    parts = urlsplit(url.strip().rstrip("/"))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingsError(f"base_url {url!r} is no http(s) address of a host")
    if parts.username or parts.password:
        raise SettingsError("base_url holds a user name or password; leave them out")
    if parts.path or parts.query or parts.fragment:
        raise SettingsError(f"base_url {url!r} should be a host alone, without /v1 or other path")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise SettingsError(
            f"base_url {url!r} would send the token unencrypted; plain http goes to loopback only"
        )
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _whole(name: str, value: object) -> int:
    usual, most = WHOLES[name]
    try:
        number = int(str(usual if value is None else value))
    except ValueError as cause:
        raise SettingsError(f"{name} {value!r} is no whole number") from cause
    if not 1 <= number <= most:
        raise SettingsError(f"{name} {number} is not between 1 and {most}")
    return number


def _amount(name: str, value: object) -> float:
    try:
        amount = float(str(AMOUNTS[name] if value is None else value))
    except ValueError as cause:
        raise SettingsError(f"{name} {value!r} is no number") from cause
    if not 0 < amount < 1_000_000:  # noqa: PLR2004 (NaN and infinity as well)
        raise SettingsError(f"{name} {value!r} makes no sense; it is {AMOUNTS[name]:g} by default")
    return amount


def _flag(name: str, value: object) -> bool:
    word = str(value if value is not None else "").lower()
    if word not in TRUE | FALSE:
        raise SettingsError(f"{name} is {value!r}; say 1 or 0")
    return word in TRUE


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _tenant_of(token: str) -> str:
    """The token's own `tid` claim where it can be read, else a digest that tells tokens apart."""
    tenant = (claims_of(token) or {}).get("tid")
    if isinstance(tenant, str) and tenant:
        return tenant
    return "token-" + _digest(token) if token else ""

"""Where to ask, as whom, and where to keep answers: one frozen value.

The only module that reads the environment. Nothing is created or asked here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from invoicekit.errors import SettingsError

# Partner Center REST URLs: US Government is served from the global host.
CLOUDS = {
    "global": "https://api.partnercenter.microsoft.com",
    "usgov": "https://api.partnercenter.microsoft.com",
    "china": "https://partner.partnercenterapi.microsoftonline.cn",
}
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
MOST_ROWS = 2000  # the service's own maximum for a page of line items
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

    @property
    def scope(self) -> str:
        """What no two partners, clouds or hosts share: the name of their cache folder."""
        parts = f"{self.cloud}\n{self.tenant_id.lower()}\n{self.base_url}"
        return hashlib.sha256(parts.encode()).hexdigest()[:32]


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

    token = _token(setting("token"))
    cloud = _cloud(str(setting("cloud", "global")))
    return Settings(
        token=token,
        tenant_id=str(setting("tenant_id") or _tenant_of(token)),
        cloud=cloud,
        base_url=_base_url(str(setting("base_url") or CLOUDS[cloud])),
        cache_dir=Path(str(setting("cache_dir") or _cache_folder())).expanduser(),
        page_size=_page_size(setting("page_size", MOST_ROWS)),
        offline=_flag("offline", setting("offline", "")),
    )


def _token(value: object) -> str:
    if not value:
        raise SettingsError(
            "no token: pass connect(token=…) or set INVOICEKIT_TOKEN to a bearer token for Partner "
            "Center. To look around without one: invoicekit.demo()"
        )
    token = str(value).strip().removeprefix("Bearer ").strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise SettingsError("the token holds characters that no bearer token has; copy it again")
    return token


def _cloud(name: str) -> str:
    cloud = "".join(letter for letter in name.lower() if letter.isalnum())
    cloud = {"public": "global", "usgovernment": "usgov", "21vianet": "china"}.get(cloud, cloud)
    if cloud == "germany":
        raise SettingsError("Microsoft closed its German cloud; there is nothing left to ask there")
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


def _page_size(value: object) -> int:
    try:
        size = int(str(value))
    except (TypeError, ValueError) as cause:
        raise SettingsError(f"page_size {value!r} is no whole number") from cause
    if not 1 <= size <= MOST_ROWS:
        raise SettingsError(f"page_size {size} is not between 1 and {MOST_ROWS}")
    return size


def _flag(name: str, value: object) -> bool:
    word = str(value if value is not None else "").lower()
    if word not in TRUE | FALSE:
        raise SettingsError(f"{name} is {value!r}; say 1 or 0")
    return word in TRUE


def _tenant_of(token: str) -> str:
    """The token's own `tid` claim where it can be read, else a digest that tells tokens apart."""
    try:
        claims = token.split(".")[1]
        tenant = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["tid"]
    except (IndexError, ValueError, KeyError, TypeError):
        tenant = None
    if isinstance(tenant, str) and tenant:
        return tenant
    return "token-" + hashlib.sha256(token.encode()).hexdigest()[:32]


def _cache_folder() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("invoicekit", appauthor=False)

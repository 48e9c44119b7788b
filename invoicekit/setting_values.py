"""One setting at a time: its text made a value, or a `SettingsError` that names it.

No message repeats what was set, numbers apart: it may be a secret in the wrong place.
"""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from urllib.parse import urlsplit

from invoicekit.clouds import CLOSED, CLOUDS, OTHER_NAMES
from invoicekit.errors import SettingsError
from invoicekit.secret import Secret

# Addresses of many tenants at once: as the name of a cache folder they would mix their invoices.
NO_TENANTS = frozenset({"common", "organizations", "consumers"})
# An id or a domain: each label as long as names may be, so that no token passes for one.
TENANT = re.compile(r"(?=\w)[\w-]{1,63}(\.[\w-]{1,63})*", re.ASCII)
HOST = re.compile(r"[\w-]+(\.[\w-]+)*|[0-9a-f:.]*:[0-9a-f:.]*", re.ASCII)  # a name, IPv4 or IPv6
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
# Whole numbers: what a setting is by default, and at most. 2000 is the service's own maximum for a
# page of line items. Few requests at once, because the service counts them for a whole tenant.
WHOLES = {"page_size": (2000, 2000), "connections": (4, 16)}
# Seconds to connect, and without a byte of an answer: Microsoft's own client gives up after three
# minutes, and its users report pages that take longer. Gigabytes that answers may take on disk.
AMOUNTS = {"connect_timeout": 10.0, "read_timeout": 180.0, "cache_gb": 5.0}
TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"", "0", "false", "no", "off"})


def check_tenant(said: str, own: str) -> None:
    """Compare the tenant that is set with the one that a token is of, where both are ids.

    Raises:
        SettingsError: they differ.
    """
    ids = _guid(said), _guid(own)
    if None not in ids and ids[0] != ids[1]:
        raise SettingsError(
            f"tenant_id is another tenant than the token's, which is {own}: two partners. Leave "
            "tenant_id out, or take a token of its partner"
        )


def _guid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def as_text(value: object) -> str:
    """A setting as text, be it a number, a path or a `Secret`."""
    text = value.reveal() if isinstance(value, Secret) else str("" if value is None else value)
    return text.strip()


def as_word(name: str, word: str) -> str:
    """A word: an id, a token, a secret."""
    if not word.isascii() or not word.isprintable() or " " in word:
        raise SettingsError(f"{name} holds characters that none has; copy it again")
    return word


def as_cloud(name: str) -> str:
    """A cloud of `CLOUDS`, by any of its common names."""
    cloud = "".join(letter for letter in name.lower() if letter.isalnum())
    cloud = OTHER_NAMES.get(cloud, cloud)
    if cloud in CLOSED:
        raise SettingsError(CLOSED[cloud])
    if cloud not in CLOUDS:
        raise SettingsError(f"cloud is not known; it is one of {', '.join(CLOUDS)}")
    return cloud


def as_base_url(url: str) -> str:
    """The root of a host: scheme, host and port, in one spelling."""
    try:
        parts = urlsplit(url.rstrip("/"))
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise SettingsError("base_url is no address: look at its host and port") from None
    if parts.username or parts.password:
        raise SettingsError("base_url holds a user name or password; leave them out")
    if parts.scheme not in {"http", "https"} or not HOST.fullmatch(host) or port == 0:
        raise SettingsError("base_url is no http(s) address of a host")
    if parts.path or parts.query or parts.fragment:
        raise SettingsError("base_url should be a host alone, without /v1, other path or query")
    if parts.scheme == "http" and host not in LOOPBACK:
        raise SettingsError(
            "base_url would send the token unencrypted; plain http goes to loopback only"
        )
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + (f":{port}" if port else "")


def as_whole(name: str, text: str) -> int:
    """A number of `WHOLES`."""
    usual, most = WHOLES[name]
    try:
        number = int(text or usual)
    except ValueError:
        raise SettingsError(f"{name} is no whole number") from None
    if not 1 <= number <= most:
        raise SettingsError(f"{name} {number} is not between 1 and {most}")
    return number


def as_amount(name: str, text: str) -> float:
    """A number of `AMOUNTS`."""
    try:
        amount = float(text or AMOUNTS[name])
    except ValueError:
        raise SettingsError(f"{name} is no number") from None
    if not 0 < amount < 1_000_000:  # noqa: PLR2004 (NaN and infinity as well)
        raise SettingsError(f"{name} {amount:g} makes no sense; it is {AMOUNTS[name]:g} by default")
    return amount


def as_flag(name: str, text: str) -> bool:
    """Yes or no; no where nothing is said."""
    if text.lower() not in TRUE | FALSE:
        raise SettingsError(f"{name} is neither yes nor no; say 1 or 0")
    return text.lower() in TRUE


def home_of(name: str, path: str) -> Path:
    """`path` with its `~` replaced.

    Raises:
        SettingsError: nobody knows whose home that is.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise SettingsError(f"{name} begins with ~, and there is no such home") from None

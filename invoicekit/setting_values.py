"""One setting at a time: its text made a value, or a `SettingsError` that names it.

No message repeats what was set, numbers apart: it may be a secret in the wrong place.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from invoicekit.clouds import CLOSED, CLOUDS, OTHER_NAMES
from invoicekit.errors import SettingsError, one_of
from invoicekit.jwt import claims_of
from invoicekit.secret import Hidden, Secret

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
# minutes, and its users report pages that take longer. Seconds until an export has to be made.
# Gigabytes that answers may take on disk.
AMOUNTS = {
    "connect_timeout": 10.0,
    "read_timeout": 180.0,
    "export_timeout": 3600.0,
    "cache_gb": 5.0,
}
# Settings that may be something else than text, and what.
FUNCTIONS = {
    "token": "neither a text nor a function that gives one",
    "graph_token": "neither a text nor a function that gives one",
    "credential": "no object with get_token(scope), as those of azure-identity are",
}
# What comes along where a word is copied, and what to say of it.
ASTRAY = (
    (r"[\r\n]", ": a line break, where it was cut. Copy it again, as one line"),
    (
        r"(?i)\bauthorization\b|\bbearer\b",
        ": a header. Leave out what is before the token",
    ),
    (r"\s", ": a blank. Copy it again, and nothing beside it"),
    (r"", "; copy it again"),
)
TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"", "0", "false", "no", "off"})


def tid_of(token: Secret) -> str:
    """The tenant that a token says it is of; `""` where it says none."""
    own = str((claims_of(token.reveal()) or {}).get("tid") or "")
    return own if TENANT.fullmatch(own) else ""


def tenant_of(said: str, token: Secret) -> str:
    """The partner: as said, else the token's own `tid`, else a digest that tells tokens apart.

    Raises:
        SettingsError: what is said is no tenant, or another one than the token's.
    """
    if said.lower() in NO_TENANTS:
        raise SettingsError(f"tenant_id {said!r} is no tenant; give the partner's id or domain")
    if said and not TENANT.fullmatch(said):  # it becomes part of a URL
        raise SettingsError("tenant_id is neither an id nor a domain")
    own = tid_of(token)
    check_tenant(said, own)
    return said or own or ("token-" + digest(token.reveal()) if token else "")


def hidden(given: Mapping[str, object]) -> dict[str, object]:
    """What is given, every text as a `Secret`, for one may be in the wrong place.

    What gives tokens is hidden as well: it may show them.
    """
    texts = {name: Secret(value) for name, value in given.items() if isinstance(value, str)}
    others = {
        name: Hidden(given[name])
        for name in FUNCTIONS
        if given.get(name) is not None and not isinstance(given[name], str | Secret | Hidden)
    }
    return {**given, **texts, **others}


def digest(*parts: str) -> str:
    """A name of ours for what may be long or secret."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def check_tenant(said: str, own: str, name: str = "token") -> None:
    """Compare the tenant that is set with the one that a token (`name`) is of, if both are ids.

    Raises:
        SettingsError: they differ.
    """
    if are_two_tenants(said, own):
        raise SettingsError(
            f"tenant_id is another tenant than the {name}'s, which is {own}: two partners. Leave "
            "tenant_id out, or take a token of its partner"
        )


def are_two_tenants(one: str, other: str) -> bool:
    """Whether both are ids, and of two tenants; a domain may be anybody's.

    >>> zero, one = "0" * 32, "0" * 31 + "1"
    >>> are_two_tenants(zero, one), are_two_tenants(zero, zero), are_two_tenants(zero, "a.example")
    (True, False, False)
    """
    ids = _guid(one), _guid(other)
    return None not in ids and ids[0] != ids[1]


def check_tokens(token: str, graph_token: str) -> None:
    """Compare the tenants (`tid`) that two tokens say they are of; `""` where one says none.

    Raises:
        SettingsError: they differ.
    """
    if token and graph_token and token.casefold() != graph_token.casefold():
        raise SettingsError(
            "graph_token is of another tenant than token: two partners. Take both from one sign-in"
        )


def _guid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def as_token(name: str, text: str) -> Secret:
    """A bearer token; `Bearer ` before it is no part of it."""
    if re.fullmatch(r"""(["']).*\1""", text.strip(), re.DOTALL):
        raise SettingsError(f"{name} has quotes around it; leave them out")
    return Secret(as_word(name, re.sub(r"^bearer(\s+|$)", "", text.strip(), flags=re.IGNORECASE)))


def as_function(name: str, value: object) -> Hidden:
    """A function that gives a token; of `credential` an object that has `get_token(scope)`."""
    hidden = value if isinstance(value, Hidden) else Hidden(value)
    function = hidden.reveal()
    if name == "credential":
        function = getattr(function, "get_token", None)
    if not callable(function):
        raise SettingsError(f"{name} is {FUNCTIONS[name]}")
    return hidden


def as_text(value: object) -> str:
    """A setting as text, be it a number, a path or a `Secret`."""
    text = value.reveal() if isinstance(value, Secret) else str("" if value is None else value)
    return text.strip()


def as_word(name: str, word: str) -> str:
    """A word: an id, a token, a secret."""
    if not word.isascii() or not word.isprintable() or " " in word:
        what = next(words for pattern, words in ASTRAY if re.search(pattern, word))
        raise SettingsError(f"{name} holds characters that none has{what}")
    return word


def as_cloud(name: str) -> str:
    """A cloud of `CLOUDS`, by any of its common names."""
    cloud = "".join(letter for letter in name.lower() if letter.isalnum())
    cloud = OTHER_NAMES.get(cloud, cloud)
    if cloud in CLOSED:
        raise _outside(CLOSED[cloud])
    if cloud not in CLOUDS:
        raise _outside(f"cloud is not known{one_of(cloud, CLOUDS)}")
    return cloud


def as_host(name: str, url: str) -> str:
    """The root of a host: scheme, host and port, in one spelling."""
    try:
        parts = urlsplit(url.rstrip("/"))
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise SettingsError(f"{name} is no address: look at its host and port") from None
    if parts.username or parts.password:
        raise SettingsError(f"{name} holds a user name or password; leave them out")
    if parts.scheme not in {"http", "https"} or not HOST.fullmatch(host) or port == 0:
        raise SettingsError(f"{name} is no http(s) address of a host")
    if parts.path or parts.query or parts.fragment:
        raise SettingsError(f"{name} should be a host alone, without path or query")
    if parts.scheme == "http" and host not in LOOPBACK:
        raise SettingsError(
            f"{name} would send the token unencrypted; plain http goes to loopback only"
        )
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")


def as_whole(name: str, text: str) -> int:
    """A number of `WHOLES`."""
    usual, most = WHOLES[name]
    try:
        number = int(text or usual)
    except ValueError:
        raise _outside(f"{name} is no whole number") from None
    if not 1 <= number <= most:
        raise _outside(f"{name} {number} is not between 1 and {most}")
    return number


def as_amount(name: str, text: str) -> float:
    """A number of `AMOUNTS`."""
    try:
        amount = float(text or AMOUNTS[name])
    except ValueError:
        raise _outside(f"{name} is no number") from None
    if not 0 < amount < 1_000_000:  # noqa: PLR2004 (NaN and infinity as well)
        raise _outside(f"{name} {amount:g} makes no sense; it is {AMOUNTS[name]:g} by default")
    return amount


def as_flag(name: str, text: str) -> bool:
    """Yes or no; no where nothing is said."""
    if text.lower() not in TRUE | FALSE:
        raise _outside(f"{name} is neither yes nor no; say 1 or 0")
    return text.lower() in TRUE


def _outside(message: str) -> SettingsError:
    """The error for a word outside a listed set, or a number outside its range."""
    error = SettingsError(message)
    error.listed = True
    return error


def home_of(name: str, path: str) -> Path:
    """`path` with its `~` replaced.

    Raises:
        SettingsError: nobody knows whose home that is.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise SettingsError(f"{name} begins with ~, and there is no such home") from None

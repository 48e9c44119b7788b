"""What a bearer token says of itself, against what its audience asks of one; nothing is asked."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from invoicekit.auth.diagnosis import Check
from invoicekit.clouds import AUDIENCES, CLOUDS, GRAPH, PARTNER_CENTER
from invoicekit.jwt import claims_of, is_app_only
from invoicekit.secret import Secret
from invoicekit.setting_values import LOOPBACK
from invoicekit.settings import Settings

# What an `aud` names by the id of an application instead of by its host.
IDS = {
    "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd": PARTNER_CENTER,
    "00000003-0000-0000-c000-000000000000": GRAPH,
}
RETIRED = "401, code 900420: Partner Center no longer takes tokens made for graph.windows.net"
RETIRED_NAMES = frozenset(
    {"graph.windows.net", "graph.chinacloudapi.cn", "00000002-0000-0000-c000-000000000000"}
)
SANDBOX = "invoicekit sandbox"  # how the `aud` of its tokens begins
PREFIXES = {PARTNER_CENTER: "", GRAPH: "Graph "}  # of the topics


def token_checks(token: Secret, settings: Settings, audience: str) -> Iterator[Check]:
    """One check for each thing that the token for `audience` says, and for what it should say."""
    prefix = PREFIXES[audience]
    if not token:
        says = "none yet; asking (ask=True, or --ask) signs in first"
        yield Check(f"{prefix}token", "unknown", says)
        return
    claims = claims_of(token.reveal())
    if claims is None:
        yield Check(f"{prefix}token", "unknown", "it cannot be read here: it is no JWT")
        return
    says = "read here; only the service can check its signature"
    yield Check(f"{prefix}token", "note", says)
    yield Check(f"{prefix}audience", *_audience(claims.get("aud"), settings, audience))
    yield Check(f"{prefix}expiry", *_expiry(claims))
    yield Check(f"{prefix}tenant", *_tenant(claims.get("tid"), settings.tenant_id))
    if audience == PARTNER_CENTER and is_app_only(token.reveal()) is False:
        yield Check("MFA", *_mfa(claims.get("amr")))


def is_permitted(token: Secret, settings: Settings) -> bool | None:
    """Whether a token for Graph bears the permission; `None` where it does not say.

    An app's permissions are `roles`, those that a user granted it are `scp`.
    """
    claims = claims_of(token.reveal())
    if claims is None:
        return None
    if _is_sandbox(claims.get("aud"), settings.graph_url):
        return True
    roles, scopes = claims.get("roles"), claims.get("scp")
    granted = [*(roles if isinstance(roles, list) else ()), *str(scopes or "").split()]
    return AUDIENCES[GRAPH].permission in granted


def _audience(claim: object, settings: Settings, audience: str) -> tuple[str, str]:
    said = str(claim or "nothing")
    root = settings.graph_url if audience == GRAPH else settings.base_url
    if _is_sandbox(claim, root):
        return "fine", "the sandbox's own, good for the made-up partner alone"
    name = said.removeprefix("https://").rstrip("/").lower()
    cloud = CLOUDS[settings.cloud]
    ours = cloud.resources[audience].removeprefix("https://")
    if name == ours or IDS.get(name) == audience:
        return "fine", said
    service, of = AUDIENCES[audience].name, _audience_of(name)
    if name in RETIRED_NAMES and audience == PARTNER_CENTER:
        fault = RETIRED
    elif of == audience:
        fault = f"cloud {settings.cloud} wants {ours}"
    elif of:
        fault = f"{service} takes no tokens made for {AUDIENCES[of].name}"
    else:
        fault = f"it is not {service}"
    return "wrong", f"{said}: {fault}. Ask for a token with scope {cloud.app_only_scope(audience)}"


def _audience_of(name: str) -> str | None:
    for cloud in CLOUDS.values():
        for audience, resource in cloud.resources.items():
            if resource.removeprefix("https://") == name:
                return audience
    return IDS.get(name)


def _is_sandbox(claim: object, root: str) -> bool:
    return str(claim or "").startswith(SANDBOX) and urlsplit(root).hostname in LOOPBACK


def _expiry(claims: Mapping[str, object]) -> tuple[str, str]:
    ends, starts, now = claims.get("exp"), claims.get("nbf"), time.time()
    if not isinstance(ends, int | float):
        return "unknown", "the token does not say when it ends"
    try:
        moment = datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return "unknown", "the token does not say when it ends"
    if ends <= now:
        return "wrong", f"expired {_span(now - ends)} ago ({moment}); get a new one"
    if isinstance(starts, int | float) and starts > now + 300:  # seconds: clocks differ a little
        return "wrong", f"not valid for another {_span(starts - now)}: is this clock right?"
    return "fine", f"{_span(ends - now)} left ({moment})"


def _span(seconds: float) -> str:
    minutes = int(seconds // 60)
    hours, days = minutes // 60, minutes // 1440
    if days > 1:
        return f"{days} days"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def _tenant(said: object, tenant: str) -> tuple[str, str]:
    if not isinstance(said, str) or said.lower() == tenant.lower():
        return "fine", tenant
    return "note", f"{tenant}; the token says {said}"


def _mfa(amr: object) -> tuple[str, str]:
    methods = amr if isinstance(amr, list) else str(amr or "").split()
    if "mfa" in methods:
        return "fine", "the user signed in with MFA"
    return "wrong", (
        "the token does not say that the user signed in with MFA. Partner Center refuses such "
        "App+User tokens (401, code 900421) since 2026 (see Microsoft's "
        "page on authentication); sign in again with MFA"
    )

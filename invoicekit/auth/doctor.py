"""What a sign-in can and cannot do, in plain words, before the service has to say no.

The token is decoded here, its signature is not checked (only the service can), and it is never
shown. The network is asked only where the caller hands in how.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from invoicekit.auth.signers import Signer
from invoicekit.clouds import CLOUDS
from invoicekit.errors import InvoiceKitError, SettingsError
from invoicekit.files.partner_folder import partner_folder
from invoicekit.jwt import claims_of, is_app_only
from invoicekit.secret import Secret
from invoicekit.settings import Settings

USER = "App+User"
MARKS = {"fine": "✔", "wrong": "✘", "unknown": "?", "note": "·"}

# Which call takes an app-only token, and what becomes of it otherwise
# (https://learn.microsoft.com/partner-center/developer/get-invoice-by-id and its siblings).
CALLS = (
    ("list of invoices", True, ""),
    ("invoice by id", False, "invoicekit reads the invoice from the list instead"),
    ("line items", True, ""),
    ("statement PDF", False, "it needs App+User"),
    ("tax receipt PDFs", False, "they need App+User"),
)

RETIRED = "401, code 900420: Partner Center no longer takes tokens made for graph.windows.net"
GRAPH = "Partner Center takes no tokens made for Microsoft Graph"
# Audiences by host or by the id of the application; what is not listed here is wrong as well.
AUDIENCES = {
    "api.partnercenter.microsoft.com": "",
    "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd": "",  # Microsoft Partner Center
    "partner.partnercenterapi.microsoftonline.cn": "",
    "graph.windows.net": RETIRED,
    "graph.chinacloudapi.cn": RETIRED,
    "00000002-0000-0000-c000-000000000000": RETIRED,
    "graph.microsoft.com": GRAPH,
    "00000003-0000-0000-c000-000000000000": GRAPH,
}
SIGN_INS = {
    "token": "a token given as is; nobody can renew it",
    "app-only": "an app on its own behalf (app-only), renewed by itself",
    "refresh token": "an app on behalf of a user (App+User), renewed by itself",
    "device code": "a user who enters a code in the browser (App+User), renewed by itself",
    "none": "none; enough to read offline",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `state`: `fine`, `wrong`, `unknown`, or `note` where neither is."""

    topic: str
    state: str
    says: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the doctor found; `fine` where nothing is wrong."""

    checks: tuple[Check, ...]

    @property
    def fine(self) -> bool:
        """Whether nothing is wrong; what is unknown does not count."""
        return all(check.state != "wrong" for check in self.checks)

    def rows(self) -> list[dict[str, str]]:
        """One `topic, state, says` per check, for the shell."""
        return [{"topic": c.topic, "state": c.state, "says": c.says} for c in self.checks]

    def __repr__(self) -> str:
        width = max((len(check.topic) for check in self.checks), default=0)
        return "\n".join(f"{MARKS[c.state]} {c.topic:{width}}  {c.says}" for c in self.checks)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{MARKS[c.state]}</td><td>{escape(c.topic)}</td>"
            f'<td style="text-align:left">{escape(c.says)}</td></tr>'
            for c in self.checks
        )
        return f"<table><tbody>{rows}</tbody></table>"


def doctor(
    settings: Settings, signer: Signer, *, probe: Callable[[], str] | None = None
) -> Diagnosis:
    """What this sign-in can do, found out here; with `probe`, by asking as well.

    Args:
        settings: whose sign-in it is.
        signer: who has its token.
        probe: makes one request and returns, in words, what came back. With it we also sign in,
            if there is no token yet; without it nothing is asked.
    """
    asked: list[Check] = []
    if probe:
        asked.append(_try("sign-in works", lambda: str(signer.token() and "yes")))
        if asked[0].state == "fine":
            asked.append(_try("service answers", probe))
    token = signer.held() or Secret()
    checks = (
        Check("sign-in", "note", SIGN_INS.get(signer.kind, signer.kind)),
        *_account(signer),
        *_token_checks(token, settings),
        *_calls(_speaks_for(signer.kind, token)),
        *_places(settings),
        *_cache(settings),
        *asked,
    )
    known = signer.secrets()
    return Diagnosis(tuple(Check(c.topic, c.state, _clean(c.says, known)) for c in checks))


def _try(topic: str, ask: Callable[[], str]) -> Check:
    try:
        return Check(topic, "fine", ask())
    except InvoiceKitError as error:  # here the error is the finding
        return Check(topic, "wrong", f"{type(error).__name__}: {error}")


def _account(signer: Signer) -> Iterator[Check]:
    account = signer.account()
    if account:
        yield Check("signed in as", "note", f"{account} (invoicekit sign-out forgets the sign-in)")


def _token_checks(token: Secret, settings: Settings) -> Iterator[Check]:
    if not token:
        yield Check("token", "unknown", "none yet; asking (ask=True, or --ask) signs in first")
        return
    claims = claims_of(token.reveal())
    if claims is None:
        yield Check("token", "unknown", "it cannot be read here: it is no JWT")
        return
    yield Check("token", "note", "read here; only the service can check its signature")
    app_only = is_app_only(token.reveal())
    yield Check("audience", *_audience(claims.get("aud"), settings))
    yield Check("expiry", *_expiry(claims))
    yield Check("tenant", *_tenant(claims.get("tid"), settings.tenant_id))
    if app_only is False:
        yield Check("MFA", *_mfa(claims.get("amr")))


def _audience(audience: object, settings: Settings) -> tuple[str, str]:
    said = str(audience or "nothing")
    host = said.removeprefix("https://").rstrip("/").lower()
    fault = AUDIENCES.get(host, "it is not Partner Center")
    ours = CLOUDS[settings.cloud].resource.removeprefix("https://")
    if not fault and "." in host and host != ours:
        fault = f"cloud {settings.cloud} wants {ours}"
    if fault:
        scope = CLOUDS[settings.cloud].app_only_scope
        return "wrong", f"{said}: {fault}. Ask for a token with scope {scope}"
    return "fine", said


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


def _speaks_for(kind: str, token: Secret) -> str | None:
    app_only = is_app_only(token.reveal()) if token else None
    if app_only is None:
        return {"app-only": "app-only", "refresh token": USER, "device code": USER}.get(kind)
    return "app-only" if app_only else USER


def _calls(speaks_for: str | None) -> Iterator[Check]:
    says = speaks_for or "it does not say"
    yield Check("kind of token", "note" if speaks_for else "unknown", says)
    for topic, takes_app_only, otherwise in CALLS:
        if takes_app_only or speaks_for == USER:
            yield Check(topic, "fine", "yes")
        elif speaks_for:
            yield Check(topic, "note", f"not with an app-only token; {otherwise}")
        else:
            yield Check(topic, "unknown", f"with App+User; app-only: {otherwise}")


def _places(settings: Settings) -> Iterator[Check]:
    yield Check("cloud", "note", settings.cloud)
    ours = settings.base_url == CLOUDS[settings.cloud].api_root
    says = settings.base_url if ours else f"{settings.base_url}, which is not the cloud's own"
    yield Check("base_url", "note", says + (", never asked (offline)" if settings.offline else ""))


def _cache(settings: Settings) -> Iterator[Check]:
    try:
        folder = partner_folder(settings)
    except SettingsError as error:
        yield Check("cache", "wrong", str(error))
        return
    files = size = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                size += (Path(where) / name).stat().st_size
            except OSError:  # another process has just removed it
                continue
            files += 1
    yield Check("cache", "note", f"{folder}: {files:,} files, {size / 1e6:,.1f} MB")
    fault = _unwritable(folder)
    says = f"no ({fault}): every answer is asked for again" if fault else "yes"
    yield Check("cache writable", "wrong" if fault else "fine", says)


def _unwritable(folder: Path) -> str:
    """Why nothing can be written to `folder`, or to what stands where it would be made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or type(error).__name__


def _clean(text: str, secrets: Iterable[Secret]) -> str:
    for secret in secrets:
        text = text.replace(secret.reveal(), str(secret))
    return "".join(c if c.isprintable() else " " for c in text)[:500]

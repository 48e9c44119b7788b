"""What a sign-in can and cannot do, in plain words, before the service has to say no.

The token is decoded here, its signature is not checked (only the service can), and it is never
shown. The network is asked only by the `probe` that a caller passes.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from invoicekit.auth.diagnosis import Check, Diagnosis
from invoicekit.auth.signers import Signer
from invoicekit.auth.token_checks import is_permitted, token_checks
from invoicekit.clouds import AUDIENCES, CLOUDS, GRAPH, PARTNER_CENTER
from invoicekit.errors import InvoiceKitError, SettingsError
from invoicekit.files.partner_folder import partner_folder
from invoicekit.jwt import is_app_only
from invoicekit.secret import Secret
from invoicekit.settings import Settings

USER = "App+User"
GRAPH_PERMISSION = AUDIENCES[GRAPH].permission
# The periods of `sources.periods`, in words.
NEWER, OLDER = "new commerce from 2024-02 on", "new commerce before 2024-02"
LINES = "line items"
FROM_V1 = "line items come from Partner Center (v1)"
NEEDS_GRAPH_TOKEN = frozenset({"token", "token function", "none"})  # they serve one audience

# Which call takes an app-only token, and what becomes of it otherwise
# (https://learn.microsoft.com/partner-center/developer/get-invoice-by-id and its siblings).
CALLS = (
    ("list of invoices", True, ""),
    ("invoice by id", False, "invoicekit reads the invoice from the list instead"),
    (LINES, True, ""),
    ("balances per currency", False, "they need App+User"),
    ("statement PDF", False, "it needs App+User"),
    ("tax receipt PDFs", False, "they need App+User"),
)

SIGN_INS = {
    "token": "a token given as is; nobody can renew it",
    "token function": "a function that gives a token, called again before the token ends",
    "credential": "a credential that gives tokens (get_token), renewed by itself",
    "app-only": "an app on its own behalf (app-only), renewed by itself",
    "refresh token": "an app on behalf of a user (App+User), renewed by itself",
    "device code": "a user who enters a code in the browser (App+User), renewed by itself",
    "none": "none; enough to read offline",
}


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
            if _no_graph(settings) is None:
                asked.append(
                    _try("Graph sign-in works", lambda: str(signer.token(GRAPH) and "yes"))
                )
    token = signer.held() or Secret()
    checks = (
        Check("sign-in", "note", SIGN_INS.get(signer.kind, signer.kind)),
        *_account(signer),
        *token_checks(token, settings, PARTNER_CENTER),
        *_calls(_speaks_for(signer.kind, token), settings),
        *_graph(settings, signer),
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


def _speaks_for(kind: str, token: Secret) -> str | None:
    app_only = is_app_only(token.reveal()) if token else None
    if app_only is None:
        return {"app-only": "app-only", "refresh token": USER, "device code": USER}.get(kind)
    return "app-only" if app_only else USER


def _calls(speaks_for: str | None, settings: Settings) -> Iterator[Check]:
    says = speaks_for or "it does not say"
    yield Check("kind of token", "note" if speaks_for else "unknown", says)
    for topic, takes_app_only, otherwise in CALLS:
        if takes_app_only or speaks_for == USER:
            rest = f": legacy commerce, and {OLDER}" if settings.graph_url else ""
            yield Check(topic, "fine", "yes" + (rest if topic == LINES else ""))
        elif speaks_for:
            yield Check(topic, "note", f"not with an app-only token; {otherwise}")
        else:
            yield Check(topic, "unknown", f"with App+User; app-only: {otherwise}")


def _graph(settings: Settings, signer: Signer) -> Iterator[Check]:
    """What of Microsoft Graph can be read: the line items of new commerce of today."""
    why_not = _no_graph(settings)
    if why_not:
        yield Check("Graph line items", "note", why_not)
        return
    token = signer.held(GRAPH) or Secret()
    yield from token_checks(token, settings, GRAPH)
    permitted = is_permitted(token, settings) if token else None
    if permitted:
        yield Check("Graph line items", "fine", f"yes: {NEWER} ({GRAPH_PERMISSION})")
    elif permitted is None:
        yield Check(
            "Graph line items", "unknown", f"{NEWER}, with {GRAPH_PERMISSION}: not told here"
        )
    else:
        yield Check(
            "Graph line items",
            "wrong",
            f"no ({NEWER}): the token is without {GRAPH_PERMISSION}. Where it is granted: "
            f"{AUDIENCES[GRAPH].granted}",
        )


def _no_graph(settings: Settings) -> str | None:
    """Why nothing is read from Graph; `None` where it is. None of it is a fault."""
    if not CLOUDS[settings.cloud].graph_root:
        return f"not asked: cloud {settings.cloud} has no billing there; {FROM_V1}"
    if not settings.graph_url:
        return f"not asked: base_url is not the cloud's own, and graph_url is not set; {FROM_V1}"
    if settings.sign_in in NEEDS_GRAPH_TOKEN and not (
        settings.graph_token or settings.graph_token_from
    ):
        return (
            f"no ({NEWER}): there is no token for it, and one for Partner Center does not work "
            'there. Set graph_token, or ask for the lines with source="v1"'
        )
    return None


def _places(settings: Settings) -> Iterator[Check]:
    yield Check("cloud", "note", settings.cloud)
    ours = settings.base_url == CLOUDS[settings.cloud].api_root
    says = settings.base_url if ours else f"{settings.base_url}, which is not the cloud's own"
    yield Check("base_url", "note", says + (", never asked (offline)" if settings.offline else ""))
    if settings.graph_url:
        yield Check("graph_url", "note", settings.graph_url)


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

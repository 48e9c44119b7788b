"""Why Microsoft Entra gave no token: its codes, in plain words, each with what to do.

msal does not raise when a sign-in is refused, it returns `error` and `error_description`. To put
another refusal into words, add a row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from invoicekit.clouds import AUDIENCES, PARTNER_CENTER
from invoicekit.errors import AccessError, FetchError, InvoiceKitError, SettingsError


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reason and its remedy, of an audience. `error` is what it is raised as."""

    error: type[InvoiceKitError]
    words: str
    remedy: str


NEW_REFRESH_TOKEN = "give consent again (with MFA) and set the new refresh token"  # noqa: S105
MFA = Refusal(
    AccessError,
    "this sign-in has not been through multi-factor authentication, and has to",
    f"sign in again with MFA: by device code, or {NEW_REFRESH_TOKEN}",
)
EXPIRED = Refusal(AccessError, "the refresh token has expired or was revoked", NEW_REFRESH_TOKEN)
NO_CONSENT = Refusal(
    AccessError,
    "nobody has allowed this app to use {service}",
    "{granted}",
)
TOO_LATE = Refusal(
    AccessError, "the code was not entered in time", "try again, and enter the code that is shown"
)

# https://learn.microsoft.com/entra/identity-platform/reference-error-codes
CODES = {
    7000215: Refusal(
        SettingsError,
        "the client secret is wrong",
        "set client_secret to the secret's value, not to its id",
    ),
    7000222: Refusal(
        SettingsError, "the client secret has expired", "make a new one in Entra and set it"
    ),
    700016: Refusal(
        SettingsError,
        "the app is not known in this tenant",
        "check client_id, tenant_id and cloud; the app has to be registered with the partner",
    ),
    90002: Refusal(SettingsError, "there is no such tenant", "check tenant_id and cloud"),
    900023: Refusal(SettingsError, "tenant_id is neither an id nor a domain", "check tenant_id"),
    700027: Refusal(
        SettingsError,
        "the certificate is not known to the app, or no longer valid",
        "upload the certificate of client_certificate to the app in Entra",
    ),
    700025: Refusal(
        SettingsError,
        "the app is a public one, which takes no secret",
        "leave out client_secret and client_certificate",
    ),
    7000218: Refusal(
        SettingsError,
        "the app has to prove itself",
        "set client_secret or client_certificate; for a device code, switch on 'Allow public "
        "client flows' of the app in Entra",
    ),
    500011: Refusal(
        SettingsError,
        "{service} is not known in this tenant",
        "check that tenant_id is the partner's own tenant, and cloud",
    ),
    50076: MFA,
    50079: MFA,
    50074: MFA,
    50158: MFA,
    65001: NO_CONSENT,
    65004: NO_CONSENT,
    700082: Refusal(
        AccessError, "the refresh token has not been used for too long", NEW_REFRESH_TOKEN
    ),
    700084: EXPIRED,
    70008: EXPIRED,
    50173: Refusal(
        AccessError, "the refresh token ended when the password changed", NEW_REFRESH_TOKEN
    ),
    70043: Refusal(AccessError, "a policy of the tenant asks to sign in again", NEW_REFRESH_TOKEN),
    9002313: Refusal(SettingsError, "the refresh token is not one, or not whole", "copy it again"),
    53003: Refusal(
        AccessError,
        "Conditional Access of the tenant blocks this sign-in",
        "ask who administers it; the sign-in logs in Entra name the policy",
    ),
    50057: Refusal(AccessError, "the user's account is disabled", "sign in as another user"),
    50105: Refusal(
        AccessError, "the user is not assigned to the app", "assign the user to it in Entra"
    ),
    70020: TOO_LATE,
}
ERRORS = {
    "invalid_client": Refusal(
        SettingsError, "the app could not prove itself", "check client_id and its secret"
    ),
    "unauthorized_client": Refusal(
        SettingsError, "the app may not sign in this way", "check the app in Entra, and client_id"
    ),
    "invalid_scope": Refusal(
        SettingsError, "the app may not ask for {service}", "check the app and cloud"
    ),
    "invalid_request": Refusal(
        SettingsError, "the request is not understood", "check client_id and tenant_id"
    ),
    "invalid_grant": EXPIRED,
    "interaction_required": MFA,
    "consent_required": NO_CONSENT,
    "authorization_declined": Refusal(
        AccessError, "the sign-in was declined in the browser", "try again"
    ),
    "authorization_pending": TOO_LATE,
    "expired_token": TOO_LATE,
    "code_expired": TOO_LATE,
    "server_error": Refusal(FetchError, "Microsoft Entra failed", "try again later"),
    "temporarily_unavailable": Refusal(
        FetchError, "Microsoft Entra asks us to slow down", "try again later"
    ),
}
UNKNOWN = Refusal(AccessError, "Microsoft Entra gives no token", "look the code up")


def refusal(
    result: Mapping[str, object], redact: Callable[[str], str], audience: str = PARTNER_CENTER
) -> InvoiceKitError:
    """The error that tells what `result` of msal means; it shows nothing that `redact` removes.

    Args:
        result: what msal gave instead of a token.
        redact: removes secrets from a text.
        audience: for whom the token was to be.
    """

    def said_in(name: str) -> str:
        return _first_words(redact(str(result.get(name) or "")))  # before it is cut: see the test

    number, described = _number(result), said_in("error_description")
    error = said_in("error") or "no error named"
    why = CODES.get(number) or ERRORS.get(error, UNKNOWN)
    code = f"AADSTS{number}" if number else error
    said = "" if number in CODES or not described else f" Entra says: {described}."
    of = AUDIENCES[audience]
    words, remedy = (
        text.format(service=of.name, granted=of.granted) for text in (why.words, why.remedy)
    )
    message = f"could not sign in: {words} ({code}).{said} What helps: {remedy}"
    if not issubclass(why.error, FetchError):
        return why.error(message)
    return why.error(
        message,
        code=code,
        description=described or None,
        request_id=said_in("trace_id") or None,
        correlation_id=said_in("correlation_id") or None,
        hint=remedy,
    )


def lacks_consent(result: Mapping[str, object]) -> bool:
    """Whether the app has not been allowed what it asked for, whoever signs in."""
    return CODES.get(_number(result)) is NO_CONSENT or result.get("error") == "consent_required"


def _number(result: Mapping[str, object]) -> int:
    numbers = result.get("error_codes")
    found = re.match(r"\s*AADSTS(\d{1,9})\b", str(result.get("error_description") or ""))
    if found:
        return int(found[1])
    first = numbers[0] if isinstance(numbers, list) and numbers else 0
    return first if isinstance(first, int) else 0


def _first_words(text: str) -> str:
    """What Entra says, less the ids and the times that it adds."""
    words = re.split(r"[\r\n]|\s(?:Trace|Correlation) ID:", text.strip(), maxsplit=1)[0]
    words = re.sub(r"^AADSTS\d+:\s*", "", words)
    return re.sub(r"[^\x20-\x7e\xa0-\uffff]+", " ", words).strip()[:300].rstrip(".")

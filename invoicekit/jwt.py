"""What a bearer token says about itself, read here and checked nowhere.

Only the service can check the signature: what is read here serves to choose and to explain, never
to trust.
"""

from __future__ import annotations

import base64
import json


def claims_of(token: str) -> dict[str, object] | None:
    """The claims of `token`, or `None` where it cannot be read: not every token is a JWT.

    >>> claims_of("e30.eyJ0aWQiOiAidCJ9.")
    {'tid': 't'}
    >>> claims_of("opaque")
    """
    try:
        part = token.split(".")[1]  # between header and signature
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


def is_app_only(token: str) -> bool | None:
    """Whether `token` speaks for an app without a user; `None` where it does not say.

    Tokens of a user bear the scopes that the user granted (`scp`), those of an app never do.
    """
    claims = claims_of(token)
    if claims is None:
        return None
    if claims.get("idtyp") in {"app", "user"}:
        return claims["idtyp"] == "app"
    if "scp" in claims:
        return False
    return True if claims.keys() & {"appid", "azp", "roles"} else None

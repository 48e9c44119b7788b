"""Tokens that say what they are: good for the made-up partner alone."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode

from invoicekit.sandbox.partner.customers import PARTNER_ID


def made_up_token(audience: str) -> str:
    """A token in clear, also in its claims.

    No JWT header in front: a person and a secret scanner see at once that it is nobody's.
    """
    claims = {
        "aud": audience,
        "tid": PARTNER_ID,
        "exp": 4_102_444_800,  # the year 2100
        "note": "not a credential",
    }
    middle = urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"invoicekit-sandbox.{middle}.not-a-credential"


SANDBOX_TOKEN = made_up_token("invoicekit sandbox")
GRAPH_TOKEN = made_up_token("invoicekit sandbox graph")

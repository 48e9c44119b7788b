"""SAS tokens: a query string that opens one directory of the blob host until it runs out."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from base64 import b64encode
from collections import Counter
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

from invoicekit.sandbox.partner.customers import PARTNER_ID
from invoicekit.sandbox.partner.ids import guid


class Signatures:
    """Signs directories, and knows its own signatures again."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._guard = threading.Lock()
        self._uses: Counter[str] = Counter()

    def __repr__(self) -> str:
        return "Signatures()"

    def sign(self, directory: str, seconds: float, requests: int) -> str:
        """A query that opens `directory` for so many seconds and requests."""
        now = datetime.now(UTC)
        fields = {
            "skoid": guid("signer"),
            "sktid": PARTNER_ID,
            "skt": _stamp(now.timestamp()),
            "ske": _stamp(now.timestamp() + 86_400),
            "sks": "b",
            "skv": "2021-08-06",
            "sv": "2021-08-06",
            "se": _stamp(now.timestamp() + seconds),
            "sr": "d",
            "sp": "rl",
            "sdd": "7",
            # Not the service's: one more field, so that two signatures of a second differ.
            "sid": f"{secrets.token_hex(6)}-{requests:x}",
        }
        return urlencode({**fields, "sig": self._signature(directory, fields)})

    def opens(self, directory: str, query: str) -> bool:
        """Whether the query opens that directory now; each time counts."""
        fields = dict(parse_qsl(query, keep_blank_values=True))
        shown = fields.pop("sig", "")
        if not hmac.compare_digest(shown.encode(), self._signature(directory, fields).encode()):
            return False
        with self._guard:
            self._uses[shown] += 1
            used = self._uses[shown]
        fresh = fields["se"] > _stamp(datetime.now(UTC).timestamp())
        return fresh and used <= int(fields["sid"].rpartition("-")[2], 16)

    def _signature(self, directory: str, fields: dict[str, str]) -> str:
        text = "\n".join([directory, *(f"{name}={fields[name]}" for name in sorted(fields))])
        return b64encode(hmac.digest(self._secret, text.encode(), hashlib.sha256)).decode()


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

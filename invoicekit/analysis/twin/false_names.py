"""False names: for one key, the same text always gets the same one, and nobody tells which without.

What is false keeps the form of what it stands for: a GUID is a GUID, digits are digits, a name is a
word and a number. Each is made of an HMAC (RFC 2104) of the text.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import zip_longest
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any

GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
TENANT = "org:"  # which some payloads write before a customer's id
WORD = re.compile(r"\w+")
WORD_SIGNS = 8  # of a false word
MICROSECONDS = 86_400 * 1_000_000  # of a day
LEAST = 12  # signs of a false id: of fewer, two ids could become one
ALPHABETS = (digits, ascii_uppercase, ascii_lowercase)
BLOCK = 64  # bytes of a SHA-512
NUMBER_SIGNS = 12  # of the number of a false name
LEAST_PERCENT, MOST_PERCENT = 51, 99


class FalseNames:
    """The false names of one key.

    Raises:
        TypeError: the key is neither text nor bytes.
        ValueError: the key is empty.

    >>> names = FalseNames("a secret")
    >>> names.name("Customer")("Contoso"), names.id("4870137")
    ('Customer 029fbb054497', '050894103523')
    >>> names.id("org:0b5c1e6a-6b1c-4f8e-9a57-3d2f0c9f3a11")
    'org:4f70c11b-0a36-4827-a83c-3c391b130ff5'
    """

    def __init__(self, key: str | bytes) -> None:
        if not isinstance(key, str | bytes):
            raise TypeError(f"key is text or bytes, and not a {type(key).__name__}")
        secret = key.encode() if isinstance(key, str) else key
        if not secret.strip():
            raise ValueError("key is empty; take a long random one, as secrets.token_hex() gives")
        self._secret = secret

    @property
    def factor(self) -> Decimal:
        """What amounts are multiplied by: two decimals, below 1.

        Below 1, so that what differs by less than a cent still does; of two decimals, so that the
        product of an amount that has up to 22 is exact.
        """
        span = MOST_PERCENT - LEAST_PERCENT + 1
        percent = LEAST_PERCENT + int.from_bytes(self._noise("factor", "", 8), "big") % span
        return Decimal(percent).scaleb(-2)

    def name(self, label: str) -> Callable[[str], str]:
        """The function from a text to its false name: the label, and a number."""
        return lambda text: f"{label} {self._hex(label, text)}"

    def domain(self, text: str) -> str:
        """A domain below `.example`, which nobody can own (RFC 2606)."""
        return f"domain-{self._hex('domain', text.lower())}.example"

    def id(self, text: str) -> str:
        """An id of the same form: digits for digits, letters for letters, the rest as it is.

        Of ids that differ in their case alone, the false ones do too; `org:` before one stays.
        """
        bare = text[len(TENANT) :] if text.lower().startswith(TENANT) else text
        return text[: len(text) - len(bare)] + (
            self._guid(bare) if GUID.fullmatch(bare) else self._alike(bare)
        )

    def invoice(self, text: str) -> str:
        """An invoice's id: its first letter, which says what is billed, stays."""
        return text[:1] + self.id(text)[1:] if text[:1] in ("D", "G") else self.id(text)

    def json(self, text: str) -> str:
        """A list or an object of the same shape, its texts, keys and numbers false ones."""
        try:
            return json.dumps(self._values(json.loads(text, parse_float=str, parse_int=str)))
        except (ValueError, RecursionError):
            return self.text(text)

    def words(self, text: str) -> str:
        """Each word replaced, so that what begins with another text still does.

        >>> words = FalseNames("a secret").words
        >>> words("Storage, Tables").startswith(words("Storage"))
        True
        """
        return WORD.sub(self._word, text)

    def instant(self, instant: datetime) -> datetime:
        """Another time of the same day; midnight stays."""
        day = instant.replace(hour=0, minute=0, second=0, microsecond=0)
        if instant == day:
            return instant
        noise = int.from_bytes(self._noise("instant", instant.isoformat(), 8), "big")
        return day + timedelta(microseconds=1 + noise % (MICROSECONDS - 1))

    def text(self, text: str) -> str:
        """For whatever is not known to be harmless."""
        return self.name("Text")(text)

    def _values(self, value: Any) -> Any:  # noqa: ANN401 (JSON)
        if isinstance(value, dict):
            return {self.text(key): self._values(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self._values(one) for one in value]
        return self.text(value) if isinstance(value, str) else value

    def _word(self, word: re.Match[str]) -> str:
        """So many letters, those in upper case where the word's are."""
        text = word[0]
        made = self._alike("x" * LEAST, text.lower())[:WORD_SIGNS]
        return "".join(
            sign.upper() if was != was.lower() else sign  # some capitals have no other
            for sign, was in zip_longest(made, text[: len(made)], fillvalue="")
        )

    def _guid(self, text: str) -> str:
        made = self._noise("guid", text.lower(), 16).hex()
        made = f"{made[:8]}-{made[8:12]}-4{made[13:16]}-a{made[17:20]}-{made[20:]}"
        return made.upper() if text.isupper() else made

    def _alike(self, text: str, of: str = "") -> str:
        """Signs like those of the text; they follow from `of`, or from the text itself."""
        signs = [_alphabet(sign) for sign in text]
        known = [alphabet for alphabet in signs if alphabet]
        more = [known[-1] if known else ascii_lowercase] * (LEAST - len(known))
        noise = iter(self._noise("id", (of or text).lower(), len(signs) + len(more)))
        return "".join(
            alphabet[next(noise) % len(alphabet)] if alphabet else sign
            for sign, alphabet in zip([*text, *more], [*signs, *more], strict=True)
        )

    def _hex(self, kind: str, text: str) -> str:
        return self._noise(kind, text, NUMBER_SIGNS // 2).hex()

    def _noise(self, kind: str, text: str, size: int) -> bytes:
        made = b""
        while len(made) < size:
            message = f"{kind}\0{len(made) // BLOCK}\0{text}".encode("utf-8", "surrogatepass")
            made += hmac.digest(self._secret, message, "sha512")
        return made[:size]


def _alphabet(sign: str) -> str:
    """The signs that one is replaced by; none where it stays, as hyphens do."""
    for alphabet in ALPHABETS:
        if sign in alphabet:
            return alphabet
    return ascii_lowercase if sign.isalnum() or not sign.isascii() else ""

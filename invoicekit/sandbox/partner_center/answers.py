"""A question's address taken apart, and what an answer is made of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from invoicekit.sandbox.loopback import Answer
from invoicekit.sandbox.partner_center.protocol import Partner
from invoicekit.sandbox.wire import Exact, Row, encoded


class Refused(Exception):  # noqa: N818 - it carries an answer; nothing went wrong here
    """Ends the making of an answer with another one."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def fault(
    status: int, code: str, description: str, headers: Mapping[str, str] | None = None
) -> Answer:
    """An ApiFault."""
    body: Row = {"code": code, "description": description, "data": [], "source": "Sandbox"}
    return Answer(encoded(body).encode(), status, headers=headers or {})


def not_found(what: str) -> Answer:
    """The ApiFault for what does not exist."""
    return fault(404, "1000", f"{what} was not found.")


@dataclass(frozen=True)
class Question:
    """A GET: whom it is for, and its address with names in any case."""

    partner: Partner
    path: str
    pairs: tuple[tuple[str, str], ...]
    continuation: str | None

    @classmethod
    def of(cls, partner: Partner, target: str, continuation: str | None) -> Question:
        """The question that a request's target (path and query) asks."""
        # The seeds' own requests write `&amp;` for `&`.
        path, _, query = target.replace("&amp;", "&").partition("?")
        pairs = tuple(parse_qsl(query, keep_blank_values=True))
        return cls(partner, path, pairs, continuation)

    @property
    def uri(self) -> str:
        """The path as links have it: relative to `/v1`."""
        return self.path.removeprefix("/v1")

    def but(self, *names: str) -> list[tuple[str, str]]:
        """The parameters other than those, as given."""
        return [(name, value) for name, value in self.pairs if name.lower() not in names]

    def get(self, name: str) -> str | None:
        """The value of the parameter; None where it is absent or empty."""
        return next((value for key, value in self.pairs if key.lower() == name and value), None)

    def number(self, name: str, default: int, least: int, most: int | None = None) -> int:
        """The parameter as a number within bounds."""
        text = self.get(name)
        if text is None:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise Refused(fault(400, "900126", f"Cannot parse {name} '{text}' as a number."))
        if int(text) < least or (most is not None and int(text) > most):
            raise Refused(fault(400, "900126", f"{name} {text} is out of range."))
        return int(text)

    def word(self, name: str, allowed: Sequence[str]) -> str | None:
        """The parameter in lower case, if it is one of those allowed."""
        text = self.get(name)
        if text is not None and text.lower() not in allowed:
            raise Refused(fault(400, "900126", f"Cannot parse {name} '{text}'."))
        return text and text.lower()


def link(uri: str, headers: Sequence[Row] = ()) -> Row:
    """A link to be asked with GET."""
    return {"uri": uri, "method": "GET", "headers": headers}


def page(
    rows: Sequence[bytes], itself: Row, following: Row | None, continuation: str | None = None
) -> bytes:
    """A Collection; `totalCount` counts this page only, as the service does."""
    links: Row = {"self": itself} if following is None else {"self": itself, "next": following}
    head: Row = {} if continuation is None else {"continuationToken": continuation}
    envelope: Row = head | {
        "totalCount": len(rows),
        "items": Exact("[]"),
        "links": links,
        "attributes": {"objectType": "Collection"},
    }
    before, after = encoded(envelope).encode().split(b'"items":[]', 1)
    return b"".join((before, b'"items":[', b",".join(rows), b"]", after))

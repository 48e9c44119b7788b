"""What Graph's answers are made of, and what a submission asks for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import uuid4

from invoicekit.sandbox.graph.exports import Asked
from invoicekit.sandbox.loopback import Answer
from invoicekit.sandbox.wire import Row, encoded

WORDS = {"attributeSet": ("full", "basic"), "billingPeriod": ("current", "last")}


class Refused(Exception):  # noqa: N818 - it carries an answer; nothing went wrong here
    """Ends the making of an answer with another one."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def error(status: int, code: str, message: str) -> Answer:
    """An error as Graph tells it."""
    inner = {"date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "request-id": str(uuid4())}
    told: Row = {"error": {"code": code, "message": message, "innerError": inner}}
    return Answer(encoded(told).encode(), status)


def asked_in(body: bytes, dataset: str, *, billed: bool) -> Asked:
    """What the body of a submission says; names are as documented, values of any sort refused."""
    try:
        fields = json.loads(body)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise Refused(error(400, "BadRequest", "Unable to read JSON request payload."))
    needed = ("invoiceId",) if billed else ("currencyCode", "billingPeriod")
    known = {*needed, "attributeSet"}
    for name, value in fields.items():
        words = WORDS.get(name, ())
        if name not in known or not isinstance(value, str) or (words and value not in words):
            raise Refused(error(400, "BadRequest", f"The value of {name} is not allowed."))
    for name in needed:
        if not fields.get(name):
            raise Refused(error(400, "BadRequest", f"{name} is missing."))
    return Asked(
        dataset,
        billed,
        fields.get("invoiceId", ""),
        fields.get("currencyCode", ""),
        fields.get("billingPeriod", ""),
        fields.get("attributeSet", "full"),
    )


def entity(values: Row) -> Answer:
    """An entity as JSON."""
    return Answer(encoded(values).encode())

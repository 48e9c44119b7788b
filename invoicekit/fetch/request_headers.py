"""What an audience wants in the head of each request, and the ids that its support asks for."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from importlib.metadata import version

from invoicekit.clouds import GRAPH, PARTNER_CENTER
from invoicekit.fetch.transport import ECHOED, id_in

USER_AGENT = f"invoicekit/{version('invoicekit')}"
# The headers with the ids of a request: our own, and the one that binds it to the others of a pull,
# or to the log of the service.
TRACING: dict[str | None, tuple[str, str]] = {
    PARTNER_CENTER: ECHOED,
    GRAPH: ("client-request-id", "request-id"),
}


def headers_for(audience: str | None, correlation_id: str) -> dict[str, str]:
    """The headers of a request; those of one that is sent unsigned say nothing of us."""
    if audience == PARTNER_CENTER:
        return {
            "MS-RequestId": str(uuid.uuid4()),
            "MS-CorrelationId": correlation_id,
            "MS-PartnerCenter-Application": USER_AGENT,
        }
    return {"client-request-id": str(uuid.uuid4())} if audience else {}


def ids_in(audience: str | None, *headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The two ids of a request: each from the first of the `headers` that has it."""
    first, second = (
        next(filter(None, (id_in(one, name) for one in headers)), None)
        for name in TRACING.get(audience, ("", ""))
    )
    return first, second

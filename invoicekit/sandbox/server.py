"""The sandbox: a partner behind real HTTP on loopback, speaking as Microsoft's services do."""

from __future__ import annotations

import hmac
import secrets
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from types import TracebackType
from typing import Self
from uuid import uuid4

from invoicekit.sandbox.demo import DemoPartner, demo_partner
from invoicekit.sandbox.faults import faults_named
from invoicekit.sandbox.graph.exports import Exports
from invoicekit.sandbox.graph.script import Script
from invoicekit.sandbox.graph.server import GraphServer
from invoicekit.sandbox.loopback import Answer, Loopback, Received, Request
from invoicekit.sandbox.made_up_token import SANDBOX_TOKEN
from invoicekit.sandbox.partner.customers import PARTNER_ID
from invoicekit.sandbox.partner_center.answers import fault
from invoicekit.sandbox.partner_center.lineitems import TOKEN_HEADER
from invoicekit.sandbox.partner_center.protocol import Partner
from invoicekit.sandbox.partner_center.service import answer

TRACING = ("MS-RequestId", "MS-CorrelationId")  # what the service echoes
SERVER_ID = "202610001"
READY = Script(states=("succeeded",))


class Sandbox:
    """Serves a partner on loopback until it is closed.

    Args:
        partner: whose invoices.
        port: 0 for any that is free.
        token: what a caller has to show. By default `SANDBOX_TOKEN` where the partner is made up,
            else a random one: recorded data may be real, and other users of this machine can
            reach the port.
        exports: what Microsoft Graph has of the partner; None leaves Graph out.

    >>> from invoicekit.sandbox.demo import demo_partner
    >>> with Sandbox(demo_partner()) as sandbox:
    ...     sandbox.url.startswith("http://127.0.0.1:")
    True
    """

    def __init__(
        self,
        partner: Partner,
        *,
        port: int = 0,
        token: str = "",
        exports: Exports | None = None,
    ) -> None:
        known = SANDBOX_TOKEN if partner.made_up else ""
        self.token = token or known or f"invoicekit-sandbox-{secrets.token_urlsafe(32)}"
        self._partner = partner
        self._origin = Loopback(self._answer, _refuse, port=port)
        self.graph = GraphServer(exports) if exports else None

    def __repr__(self) -> str:
        return f"<Sandbox: {self._partner!r} at {self.url}>"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The host root, without `/v1`."""
        return self._origin.url

    @property
    def graph_url(self) -> str | None:
        """The host root of Graph, without `/v1.0`; None where there is no Graph."""
        return self.graph.url if self.graph else None

    @property
    def graph_token(self) -> str | None:
        """What a caller of Graph has to show; Partner Center's token does not open it."""
        return self.graph.token if self.graph else None

    @property
    def settings(self) -> dict[str, str]:
        """What `connect()` takes to reach it."""
        ours = {"base_url": self.url, "token": self.token}
        return ours | (
            {"graph_url": self.graph.url, "graph_token": self.graph.token} if self.graph else {}
        )

    @property
    def requests(self) -> deque[Received]:
        """What Partner Center was asked, the latest last."""
        return self._origin.requests

    def start(self) -> Self:
        """Begin to answer, in threads of its own."""
        self._origin.start()
        if self.graph:
            self.graph.start()
        return self

    def close(self) -> None:
        """Stop, and hang up on whoever is still connected; a second time does nothing."""
        self._origin.close()
        if self.graph:
            self.graph.close()

    def _answer(self, request: Request) -> Answer:
        shown = request.headers.get("authorization", "")
        if not hmac.compare_digest(shown.encode(), f"Bearer {self.token}".encode()):
            realm = {"WWW-Authenticate": f"OAuth realm=urn:cpsvc:cpid:{{{PARTNER_ID}}}"}
            refused = fault(401, "400", "Access denied: the token is missing or not known.", realm)
            return _traced(refused, request)
        continuation = request.headers.get(TOKEN_HEADER.lower())
        return _traced(answer(self._partner, request.target, continuation), request)


def demo_sandbox(
    *, port: int = 0, graph: bool = False, faults: str | Iterable[str] = ()
) -> Sandbox:
    """The demo partner's sandbox, not yet started.

    Args:
        port: of Partner Center; 0 for any that is free.
        graph: with Microsoft Graph beside it, whose exports are ready when they are first asked
            for: a client waits a second at least where they are not.
        faults: names of what is planted in the newest invoice, of `FAULTS`.

    Raises:
        ValueError: a name is none of them.
    """
    names = faults_named(faults)
    partner = DemoPartner(graph=graph, faults=names) if names else demo_partner(graph=graph)
    sandbox = Sandbox(partner, port=port, exports=partner.exports if graph else None)
    if sandbox.graph:
        sandbox.graph.script = READY
    return sandbox


def _refuse(status: int, reason: str) -> Answer:
    return fault(status, "0", reason)


def _traced(said: Answer, request: Request) -> Answer:
    traces = {name: request.headers.get(name.lower()) or str(uuid4()) for name in TRACING}
    served = {"MS-CV": f"{uuid4().hex[:16]}.0", "MS-ServerId": SERVER_ID}
    return replace(said, headers={**traces, **served, **said.headers})

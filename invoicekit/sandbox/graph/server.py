"""Graph and its blob host behind real HTTP, each an origin of its own on loopback."""

from __future__ import annotations

import hmac
from collections import deque
from dataclasses import replace
from typing import Self
from uuid import uuid4

from invoicekit.sandbox.graph import blobs
from invoicekit.sandbox.graph.answers import error
from invoicekit.sandbox.graph.exports import Asked, Exports
from invoicekit.sandbox.graph.script import Script
from invoicekit.sandbox.graph.service import GraphService, Scripts
from invoicekit.sandbox.loopback import Answer, Loopback, Received, Request
from invoicekit.sandbox.made_up_token import GRAPH_TOKEN


class GraphServer:
    """Serves exports until it is closed; a context manager.

    Args:
        exports: what there is to export.
        script: how exports go; `FAULTS` has the ways that go wrong. May be set anew later.
        token: what a caller of Graph has to show.
        port: of Graph; 0 for any that is free. The blob host takes any.

    >>> from invoicekit.sandbox.graph.exports import Prepared, export_of, packed
    >>> exports = Prepared({("reconciliation", "G1"): export_of(packed([b"{}"]))})
    >>> with GraphServer(exports) as graph:
    ...     graph.url == graph.blob_url
    False
    """

    def __init__(
        self,
        exports: Exports,
        script: Scripts = Script(),  # noqa: B008 - a frozen value
        *,
        token: str = GRAPH_TOKEN,
        port: int = 0,
    ) -> None:
        self.token = token
        self._service = GraphService(exports, script)
        self._graph = Loopback(self._answer, _refuse, methods=("GET", "POST"), port=port)
        self._blobs = Loopback(self._service.answer_blob, _refuse_blob)
        self._service.url, self._service.blob_url = self._graph.url, self._blobs.url

    def __repr__(self) -> str:
        return f"<GraphServer at {self.url}>"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Graph's host root, without `/v1.0`."""
        return self._graph.url

    @property
    def blob_url(self) -> str:
        """The blob host's root."""
        return self._blobs.url

    @property
    def requests(self) -> deque[Received]:
        """What Graph was asked, the latest last."""
        return self._graph.requests

    @property
    def blob_requests(self) -> deque[Received]:
        """What the blob host was asked, the latest last; the targets bear their SAS."""
        return self._blobs.requests

    @property
    def submitted(self) -> deque[Asked]:
        """Which exports were begun, the latest last."""
        return self._service.submitted

    @property
    def leaked(self) -> list[str]:
        """The blobs that were asked with a bearer token: a client that works leaves it empty."""
        return self._service.blobs.leaked

    @property
    def script(self) -> Scripts:
        """How exports go; set it to have its faults from now on."""
        return self._service.script

    @script.setter
    def script(self, script: Scripts) -> None:
        self._service.script = script

    def start(self) -> Self:
        """Begin to answer, in threads of its own."""
        self._graph.start()
        self._blobs.start()
        return self

    def close(self) -> None:
        """Stop; a second time does nothing."""
        self._graph.close()
        self._blobs.close()

    def _answer(self, request: Request) -> Answer:
        shown = request.headers.get("authorization", "")
        if hmac.compare_digest(shown.encode(), f"Bearer {self.token}".encode()):
            said = self._service.answer(request)
        else:
            why = "Access token validation failure. Invalid audience."
            said = error(401, "InvalidAuthenticationToken", why if shown else "No access token.")
        asked = request.headers.get("client-request-id")
        traces = {"request-id": str(uuid4()), "client-request-id": asked or str(uuid4())}
        return replace(said, headers={**traces, **said.headers})


def _refuse(status: int, reason: str) -> Answer:
    return error(status, "Refused", reason)


def _refuse_blob(status: int, reason: str) -> Answer:
    return blobs.fault(status, "Refused", reason)

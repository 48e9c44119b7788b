"""The one place that touches the service's network: who may ask now, and how much may come back."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from requests import PreparedRequest, Response, codes
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException

from invoicekit.errors import FetchError, PageError
from invoicekit.fetch.bodies import (
    ACCEPTED,
    MOST,
    CodingError,
    TooLargeError,
    read_body,
    read_error,
)
from invoicekit.fetch.deadline import TURN, bounded, pause
from invoicekit.setting_values import WHOLES

# The service echoes the ids of a request, or says its own: they reach ledger, errors and cache.
ECHOED = ("MS-RequestId", "MS-CorrelationId")
ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def id_in(headers: Mapping[str, str], name: str) -> str | None:
    """The id that a header says, if it looks like one.

    >>> id_in({"MS-RequestId": "3f2a-1"}, "MS-RequestId"), id_in({"MS-RequestId": "<b>"}, "a")
    ('3f2a-1', None)
    """
    text = headers.get(name) or ""
    return text if ID.fullmatch(text) else None


def closed() -> FetchError:
    """The error for whatever is wanted of a client that was closed."""
    return FetchError("the client is closed", hint="open another with connect()")


class Transport(HTTPAdapter):
    """Sends a few requests at once, none while the service wants to be left alone, none offline.

    What it gives back has been read whole, and within bounds: `read_timeout` and size.
    """

    def __init__(
        self, *, connections: int = WHOLES["connections"][0], offline: bool = False
    ) -> None:
        self.closed = threading.Event()
        self._quiet_until = 0.0  # on the clock of time.monotonic
        self._offline = offline
        self._turns = threading.BoundedSemaphore(connections)
        super().__init__(pool_maxsize=WHOLES["connections"][1])

    def raise_if_shut(self) -> None:
        """Raise where nothing may be sent.

        Raises:
            FetchError: the client is closed, or offline.
        """
        if self.closed.is_set():
            raise closed()
        if self._offline:
            raise FetchError(
                "nothing is asked: the client is offline, and what is wanted is not on disk",
                hint="open it with offline=False",
            )

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:  # noqa: ANN401
        """Send `request`, and read the answer whole.

        Raises:
            FetchError: the client is closed, or offline.
            PageError: the answer is too large, or in another coding than was asked for.
        """
        with self._turn():
            try:
                response = super().send(request, *args, **options)
                try:
                    body = self._body(response)
                finally:
                    response.raw.close()  # what was read to its end goes on to be used
                    response.raw.release_conn()
            except RequestException:
                self.raise_if_shut()  # that is why
                raise
            finally:
                pause()
        response._content = body  # noqa: SLF001 (requests' own reading has no bounds)
        for name in ECHOED:
            if id_in(response.headers, name) is None:
                response.headers.pop(name, None)
        return response

    def leave_alone(self, seconds: float) -> None:
        """Send nothing for so long, whoever wants it."""
        self._quiet_until = max(self._quiet_until, time.monotonic() + seconds)

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        """The connections to a host, or to the proxy on the way; what they read is bounded."""
        pool = super().get_connection_with_tls_context(*args, **options)
        pool.ConnectionCls = bounded(pool.ConnectionCls)  # type: ignore[attr-defined]
        return pool

    def close(self) -> None:
        """Let nobody send any more; who is reading stops within moments."""
        self.closed.set()
        super().close()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until the service may be asked, and for a connection to be free."""
        while (left := self._quiet_until - time.monotonic()) > 0:
            self.raise_if_shut()
            self.closed.wait(min(left, TURN))
        while not self._turns.acquire(timeout=TURN):
            self.raise_if_shut()
        try:
            self.raise_if_shut()
            yield
        finally:
            self._turns.release()

    @staticmethod
    def _body(response: Response) -> bytes:
        if response.status_code != codes.ok:
            return read_error(response)
        try:
            return read_body(response, MOST)
        except TooLargeError:
            raise PageError(
                f"{response.url} answered with more than {MOST // 1_000_000} MB, which is no page; "
                "nothing was kept. A smaller page_size asks for less"
            ) from None
        except CodingError:
            raise PageError(
                f"{response.url} answered in a coding that was not asked for; one of {ACCEPTED} is "
                "read, and not several. A proxy may stand between; nothing was kept"
            ) from None

"""A collection as a source describes it, and what the source may ask for while it is pulled."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from invoicekit.errors import FetchError
from invoicekit.fetch.download import Address
from invoicekit.fetch.downloads import Download, Wanted
from invoicekit.pages import Answer, Request


@dataclass(frozen=True, slots=True)
class Collection:
    """Rows that are read whole or not at all; which they are, and how long they hold."""

    source: str  # a key of `SOURCES`; also picks the names of fields in the schema table
    name: str  # for people: "onetime/billing of G1"
    first: Request
    lifetime: float | None  # seconds that a committed pull holds; None is for ever
    invoice_id: str = ""
    provider: str = ""
    line_item_type: str = ""
    version: str = ""  # of what it belongs to: a pull of another version is asked again
    held_by: str = ""  # the provider whose collection has these lines too; then nothing is asked

    @property
    def pair(self) -> tuple[str, str]:
        """Provider and line item type."""
        return self.provider, self.line_item_type


class Ask(Protocol):
    """The network, as one pull may use it; what it answers is kept in the pull's folder."""

    connections: int  # requests at once; 1 where nothing is to be asked ahead
    export_timeout: float  # seconds until what a service prepares has to be ready
    tenant: str  # of the partner that signs in, where it is known

    def __call__(self, request: Request) -> Answer:
        """The answer to a request, tried again where that may help."""

    def ahead(self, request: Request, wanted: Callable[[], bool]) -> Future[Answer]:
        """The answer to a request that may turn out not to be needed."""

    def file(self, wanted: Wanted, address: Address) -> Future[Download]:
        """A file of any size in the pull's folder; it is downloaded where it does not lie there."""

    def kept(self, name: str) -> bytes | None:
        """A small record that this pull has put by, also in a run that was interrupted."""

    def keep(self, name: str, record: bytes) -> None:
        """Put a small record by. It may hold no secret."""

    def alone(self) -> AbstractContextManager[None]:
        """A block of which one runs at a time, of all pulls of this collection anywhere."""

    def wait(self, seconds: float, why: str, *, tell: bool) -> None:
        """Wait, unless the client is closed.

        Progress shows `why`; `tell` prints it too, where it takes some seconds.
        """

    def redact(self, text: str) -> str:
        """The text without secrets, should the service have echoed one."""


class Restart(Exception):  # noqa: N818 (a turn of events, not an error)
    """The pages read so far are of no use: pull the collection from its beginning, once."""

    def __init__(self, why: str, cause: FetchError) -> None:
        super().__init__(why)
        self.why = why
        self.cause = cause


class LeftOut(Exception):  # noqa: N818
    """The service does not give this collection, as its first answer says: the state, and why.

    One that is `kept` is not asked again for a while, like a collection without rows.
    """

    def __init__(self, state: str, error: FetchError, *, kept: bool = False) -> None:
        super().__init__(state)
        self.state = state
        self.error = error
        self.kept = kept

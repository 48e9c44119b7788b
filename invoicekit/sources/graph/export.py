"""One export of Graph: submitted, polled until it is ready, and asked again for the way to it.

An operation lives for some days, a SAS token for an hour. So the operation is kept on disk as soon
as it is known, and an export that was interrupted in any state goes on where it was.
"""

from __future__ import annotations

import threading
import time
from urllib.parse import urljoin, urlsplit

from invoicekit.errors import FetchError, PageError
from invoicekit.fetch import lifetimes
from invoicekit.fetch.collection import Ask, Collection, LeftOut, Restart
from invoicekit.fetch.retry import seconds_in
from invoicekit.fetch.signing import origin_of
from invoicekit.pages import Request
from invoicekit.secret import Secret, scrubbing
from invoicekit.sources.graph.manifest import (
    OPERATION,
    Access,
    Blobs,
    parse_manifest,
    read_record,
)
from invoicekit.sources.graph.operation import (
    FAILED,
    NO_DATA,
    READY,
    Operation,
    parse_operation,
)

GONE = frozenset({404, 410})  # the operation or the manifest lives no more
# How a collection is left out, by the status of the answer to its first request.
REFUSED = {403: "refused (403)", 404: "not found (404)"}
MOST_SUBMITTED = 3  # times in one call
POLL = 10.0  # seconds between two looks, where the service does not say
FLOOR = 1.0  # and at least
MARGIN = 120.0  # seconds before the end of a SAS from which on no download is begun with it
TOLD_EVERY = 60.0  # seconds
# What comes of asking later for what is not ready; and when there is data where there is none yet.
BILLED = (
    "it goes on from here",
    "it is there some days after the invoice; legacy invoices are v1's",
)
UNBILLED = (
    "it begins anew; a longer export_timeout helps",
    "it is there some days after the month has begun, in the partner's billing currency alone",
)
KEPT_OPERATION, KEPT_MANIFEST = "operation", "manifest"


class NoDataError(FetchError):
    """There is nothing to export yet (code 5000)."""


class Export:
    """The blobs of one export, and the way to each of them for as long as it takes."""

    def __init__(self, ask: Ask, collection: Collection) -> None:
        self._ask = ask
        self._submission = collection.first
        self._name = collection.name
        unbilled = collection.lifetime == lifetimes.NOT_AT_ALL
        self._then, self._no_data = UNBILLED if unbilled else BILLED
        parts = urlsplit(collection.first.url)
        self._root = f"{parts.scheme}://{parts.netloc}"
        self._lock = threading.Lock()
        self._blobs: Blobs | None = None
        self._access: Access | None = None

    def blobs(self) -> Blobs:
        """What the export consists of: as kept, else the service is asked for it.

        Raises:
            NoDataError: there is no data yet.
            FetchError: it failed, was refused, or is not ready in time (the next call goes on).
            PageError: what came is no operation, or no manifest of a whole export.
        """
        found = read_record(self._ask.kept(KEPT_MANIFEST))
        if found is None:
            with self._ask.alone():
                found = read_record(self._ask.kept(KEPT_MANIFEST))  # who was here before us
                if found is None:
                    found, self._access = self._ready(self._kept_operation())
                    self._ask.keep(KEPT_MANIFEST, found.record())
        self._blobs = found
        return found

    def url(self, name: str, refused: Secret, refusals: int) -> Secret:
        """The address of a blob, with a SAS that is not about to end.

        A SAS that was `refused` is renewed: the first time by asking the operation again, then by
        a new export.

        Raises:
            Restart: the export is another one by now.
            FetchError, PageError: as of `blobs`.
        """
        with self._lock:
            access = self._access
            known = access is not None and access.url(name) != refused
            if access is None or not known or access.ends_within(MARGIN):
                access = self._access = self._renewed(anew=refusals > 1 and not known)
            return access.url(name)

    def _renewed(self, *, anew: bool) -> Access:
        with self._ask.alone():
            blobs, access = self._ready(None if anew else self._kept_operation())
        if blobs != self._blobs:
            why = "its export was made anew while it was read"
            raise Restart(why, FetchError(f"the export of {self._name} has another eTag by now"))
        return access

    def _ready(self, location: str | None) -> tuple[Blobs, Access]:
        """The manifest, once the export is ready; begun anew where it was, and is gone."""
        deadline = time.monotonic() + self._ask.export_timeout
        for _ in range(MOST_SUBMITTED):
            resumed = location is not None
            try:
                location = location or self._submit()
                operation = self._polled(location, deadline)
                if operation.state == READY:
                    return self._listed(operation)
            except FetchError as error:
                if error.status not in GONE or not (resumed or location):
                    raise
            else:
                self._ask.keep(KEPT_OPERATION, b"")
                if not resumed:  # else it may have failed long ago
                    raise self._failure(operation)
            location = None
        raise FetchError(
            f"the export of {self._name} was submitted {MOST_SUBMITTED} times, and was gone "
            "before it was ready",
            hint="ask again later",
        )

    def _submit(self) -> str:
        url = self._submission.url
        try:
            answer = self._ask(self._submission)
        except FetchError as error:
            state = REFUSED.get(error.status or 0)
            if state and self._blobs is None:
                raise LeftOut(state, error) from error
            raise
        location = _joined(url, answer.location or "")
        if not answer.location or origin_of(location) != origin_of(url):
            there = "leads to another host, which is never asked"
            raise PageError(
                f"the export of {self._name} was taken, and "
                f"{there if answer.location else 'names no operation'}. Ask again later"
            )
        path = location.removeprefix(self._root)
        self._ask.keep(KEPT_OPERATION, path.encode() if OPERATION.fullmatch(path) else b"")
        return location

    def _kept_operation(self) -> str | None:
        path = (self._ask.kept(KEPT_OPERATION) or b"").decode("ascii", "replace")
        return self._root + path if OPERATION.fullmatch(path) else None

    def _polled(self, location: str, deadline: float) -> Operation:
        start, told = time.monotonic(), -TOLD_EVERY
        while True:
            operation, seconds = self._asked(location)
            if operation.state in {READY, FAILED}:
                return operation
            now = time.monotonic()
            if now + seconds > deadline:
                raise FetchError(
                    f"the export of {self._name} is not ready: Graph says {operation.status}, and "
                    f"to look again in {seconds:g} s, which is beyond the "
                    f"{self._ask.export_timeout:g} s of export_timeout. Ask again later: "
                    f"{self._then}",
                    hint=f"ask again later: {self._then}",
                )
            lasts = now - start
            why = f"the export of {self._name} is {operation.status}, {lasts:.0f} s so far"
            tell = lasts - told >= TOLD_EVERY
            told = lasts if tell else told
            self._ask.wait(seconds, why, tell=tell)

    def _asked(self, location: str) -> tuple[Operation, float]:
        """How the export stands, and how long to wait where it runs.

        The body may hold a SAS, so it is in no variable of a frame that an error would show.
        """

        def asked() -> tuple[Operation, float]:
            answer = self._ask(Request(location, audience="graph", keep=False))
            wait = seconds_in(answer.retry_after)
            seconds = POLL if wait is None else wait
            operation = parse_operation(answer.body, self._name)
            return operation, max(FLOOR, seconds)

        return scrubbing(asked)

    def _listed(self, operation: Operation) -> tuple[Blobs, Access]:
        manifest = operation.manifest or scrubbing(lambda: self._manifest_at(operation.link))
        found = parse_manifest(manifest, self._name, self._ask.tenant)
        named = found[0].record().decode()
        if self._ask.redact(named) != named:
            raise PageError(
                f"the manifest of {self._name} repeats a secret of the sign-in where blobs are "
                "named, so none is asked; nothing was kept"
            )
        return found

    def _manifest_at(self, link: Secret) -> Secret:
        url = _joined(self._root, link.reveal())
        if origin_of(url) != origin_of(self._root):
            raise PageError(
                f"the manifest of {self._name} lies on another host, which is never asked"
            )
        body = self._ask(Request(url, audience="graph", keep=False)).body
        return Secret(body.decode("utf-8", "replace"))

    def _failure(self, operation: Operation) -> FetchError:
        # Cut after secrets are gone: of half a secret nobody would know that it is one.
        reason = self._ask.redact(operation.message)[:300] or "no reason named"
        code = self._ask.redact(operation.code)[:40] or None
        said = f"{reason} (code {code or 'none'})"
        if operation.code == NO_DATA:
            return NoDataError(
                f"Graph has no data yet for {self._name}: {said}",
                code=code,
                description=reason,
                hint=self._no_data,
            )
        return FetchError(
            f"Graph could not export {self._name}: {said}",
            code=code,
            description=reason,
            hint="ask again later; the code tells Microsoft's support more",
        )


def _joined(base: str, link: str) -> str:
    """Where a link leads; one that is no address leads to no host.

    >>> _joined("https://graph.example/a", "/b"), _joined("https://graph.example/a", "https://[")
    ('https://graph.example/b', '')
    """
    try:
        return urljoin(base, link)
    except ValueError:
        return ""

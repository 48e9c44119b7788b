"""Graph's billing exports: a request to an answer, without a socket.

To serve another address, add a row to `ROUTES`.
"""

from __future__ import annotations

import re
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeAlias, TypeVar
from uuid import uuid4

from invoicekit.sandbox.graph import blobs
from invoicekit.sandbox.graph.answers import Refused, asked_in, entity, error
from invoicekit.sandbox.graph.blobs import BlobHost, blob_name
from invoicekit.sandbox.graph.exports import Asked, Export, Exports, Unknown
from invoicekit.sandbox.graph.script import ELSEWHERE, Fault, Script
from invoicekit.sandbox.graph.signatures import Signatures
from invoicekit.sandbox.loopback import Answer, Request
from invoicekit.sandbox.partner.customers import PARTNER_ID
from invoicekit.sandbox.partner.ids import guid
from invoicekit.sandbox.wire import Row

ROOT = "/v1.0/reports/partners/billing"
TYPES = "#microsoft.graph.partners.billing."
MOST_OPERATIONS = 1_000  # remembered, the latest
SUCCESS = ("succeeded", "completed")
T = TypeVar("T")
Scripts: TypeAlias = Script | Callable[[Asked], Script]


@dataclass
class Operation:
    """One export that somebody has submitted."""

    id: str
    asked: Asked
    script: Script
    export: Export | None
    created: datetime
    polls: int = 0
    signed: int = 0


class GraphService:
    """What Graph and its blob host say; `url` and `blob_url` are where they are reached.

    `script` says how exports go that are submitted from now on; tests may set another.
    """

    def __init__(self, exports: Exports, script: Scripts) -> None:
        self.exports, self.signatures = exports, Signatures()
        self.blobs = BlobHost(self.signatures)
        self.url = self.blob_url = ""
        self._guard = threading.Lock()
        self._operations: OrderedDict[str, Operation] = OrderedDict()
        self.submitted: deque[Asked] = deque(maxlen=MOST_OPERATIONS)
        self.script = script

    @property
    def script(self) -> Scripts:
        """How exports go; setting it counts its faults from the start."""
        return self._script

    @script.setter
    def script(self, script: Scripts) -> None:
        self._script, self._met = script, Counter[Fault]()

    def answer(self, request: Request) -> Answer:
        """What Graph says to a request whose token it knows."""
        for method, pattern, serve in ROUTES:
            if (match := re.fullmatch(pattern, request.target)) and request.method == method:
                try:
                    return serve(self, request, *match.groups())
                except Refused as refused:
                    return refused.answer
        return error(404, "ResourceNotFound", "Resource not found for the segment.")

    def answer_blob(self, request: Request) -> Answer:
        """What the blob host says; no token of Graph's may be shown to it."""
        if refused := self.blobs.refuse_bearer(request):
            return refused
        script = self.blobs.script_of(request)
        return self._as_scripted(script, "blob", lambda: self.blobs.answer(request), blobs.fault)

    def submit(self, request: Request, dataset: str, kind: str) -> Answer:
        """202 and the operation's address."""
        asked = asked_in(request.body, dataset, billed=kind == "billed")
        script = self._script(asked) if callable(self._script) else self._script
        return self._as_scripted(script, "submit", lambda: self._submitted(asked, script))

    def _submitted(self, asked: Asked, script: Script) -> Answer:
        try:
            export = self.exports.export(asked)
        except Unknown:
            return error(404, "NotFound", f"Invoice {asked.invoice_id} was not found.")
        operation = Operation(str(uuid4()), asked, script, export, datetime.now(UTC))
        with self._guard:
            self._operations[operation.id] = operation
            while len(self._operations) > MOST_OPERATIONS:
                self._operations.popitem(last=False)
        self.submitted.append(asked)
        root = ELSEWHERE if script.elsewhere == "operation" else self.url
        where = {"Location": f"{root}{ROOT}/operations/{operation.id}"}
        return Answer(b"", 202, headers={} if script.elsewhere == "nowhere" else where)

    def operation(self, _: Request, operation_id: str) -> Answer:
        """Where the export stands."""
        found = self._known(operation_id)
        return self._as_scripted(found.script, "operation", lambda: self._standing(found))

    def _standing(self, operation: Operation) -> Answer:
        script = operation.script
        with self._guard:
            state = _nth(script.states, operation.polls)
            operation.polls += 1
        if operation.export is None and state.lower() in SUCCESS:
            state = "failed"
        common: Row = {
            "@odata.context": f"{self.url}/v1.0/$metadata#{ROOT[6:]}/operations/$entity",
            "@odata.type": f"{TYPES}runningOperation",
            "id": operation.id,
            # As in Graph's own examples: one without a zone, one with seven digits.
            "createdDateTime": operation.created.strftime("%Y-%m-%dT%H:%M:%S"),
            "lastActionDateTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z"),
            "status": state,
        }
        if state.lower() == "failed":
            code, message = script.error
            common["@odata.type"] = f"{TYPES}failedOperation"
            return entity(common | {"error": {"code": code, "message": message}})
        if state.lower() not in SUCCESS:
            waiting = {"Retry-After": script.retry_after} if script.retry_after else {}
            return replace(entity(common), headers=waiting)
        common["@odata.type"] = f"{TYPES}exportSuccessOperation"
        root = ELSEWHERE if script.elsewhere == "manifest" else self.url
        link = f"{root}{ROOT}/manifests/{operation.id}"
        if script.manifest == "inline":
            common["resourceLocation"] = self._manifest_of(operation)
        elif script.manifest == "link":
            common["resourceLocation"] = link
        elif script.manifest == "navigation":
            common["resourceLocation@odata.navigationLink"] = link
        return entity(common)

    def manifest(self, _: Request, operation_id: str) -> Answer:
        """The manifest, its SAS signed now."""
        found = self._known(operation_id)
        return self._as_scripted(found.script, "manifest", lambda: entity(self._manifest_of(found)))

    def _manifest_of(self, operation: Operation) -> Row:
        script, export = operation.script, operation.export
        if export is None:
            raise Refused(error(404, "NotFound", "There is no such manifest."))
        with self._guard:
            signed = operation.signed
            operation.signed += 1
        seconds, uses = _nth(script.sas_seconds, signed), _nth(script.sas_requests, signed)
        export = replace(export, etag=export.etag + _nth(script.versions, signed))
        directory = _directory(operation.asked, export)
        self.blobs.put(directory, export, script)
        host = ELSEWHERE if script.elsewhere == "blobs" else self.blob_url
        named = range(max(0, len(export.blobs) + script.blobs))
        manifest: Row = {
            "id": guid("manifest", operation.id),
            "schemaVersion": "2",
            "dataFormat": "compressedJSON",
            "createdDateTime": operation.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eTag": export.etag,
            "partnerTenantId": PARTNER_ID,
            "rootDirectory": f"{host}{directory}",
            "sasToken": self.signatures.sign(directory, seconds, uses),
            "partitionType": "default",
            "blobCount": max(0, len(export.blobs) + script.blob_count),
            "blobs": [{"name": blob_name(export, n), "partitionValue": "default"} for n in named],
        }
        return {name: value for name, value in manifest.items() if name not in script.omit}

    def _known(self, operation_id: str) -> Operation:
        with self._guard:
            found = self._operations.get(operation_id)
        if found is None:
            raise Refused(error(404, "NotFound", "There is no such operation."))
        return found

    def _as_scripted(
        self,
        script: Script,
        place: str,
        truth: Callable[[], Answer],
        refuse: Callable[[int, str, str], Answer] | None = None,
    ) -> Answer:
        """The truth, or the fault that the script has for this request at that place."""
        for fault in script.faults:
            if fault.place != place:
                continue
            with self._guard:
                met = self._met[fault]
                self._met[fault] += 1
            if not fault.after <= met < fault.after + fault.times:
                continue
            if not fault.status:
                return replace(truth(), cut=fault.cut, stall=fault.stall, packable=False)
            said = (refuse or error)(fault.status, fault.code, "As the script says.")
            if fault.body:
                said = replace(said, body=fault.body, content_type=fault.content_type)
            return replace(said, headers={**said.headers, **dict(fault.headers)})
        return truth()


def _directory(asked: Asked, export: Export) -> str:
    """Where the blobs lie: opaque to clients."""
    kind = "billed" if asked.billed else "unbilled"
    key = f"InvoiceId={asked.invoice_id}" if asked.billed else f"Currency={asked.currency}"
    return "/".join(
        [
            f"/sandbox-exports/{kind}{asked.dataset}/v1/PartnerTenantId={PARTNER_ID}",
            key,
            f"Version={export.etag}",
            f"Fragment={asked.attributes}/PartitionType=default",
        ]
    )


def _nth(values: tuple[T, ...], number: int) -> T:
    return values[min(number, len(values) - 1)]


ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    (
        "POST",
        rf"{ROOT}/(reconciliation|usage)/(billed|unbilled)/(?:microsoft\.graph\.partners\.billing\.)?export",
        GraphService.submit,
    ),
    ("GET", rf"{ROOT}/operations/([^/?]+)", GraphService.operation),
    ("GET", rf"{ROOT}/manifests/([^/?]+)", GraphService.manifest),
)

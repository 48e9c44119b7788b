"""The blob host: directories of gzip files behind a SAS; it knows no bearer token."""

from __future__ import annotations

import threading
from html import escape

from invoicekit.sandbox.graph.exports import Blob, Export
from invoicekit.sandbox.graph.script import Script
from invoicekit.sandbox.graph.signatures import Signatures
from invoicekit.sandbox.graph.spoilt import spoil
from invoicekit.sandbox.loopback import Answer, Request
from invoicekit.sandbox.partner.ids import guid

BLOB_TYPE = "application/octet-stream"


def blob_name(export: Export, number: int) -> str:
    """The name of an export's blob, by its number."""
    return f"part-{number:05}-{guid('blob', export.etag)}.c000.json.gz"


class BlobHost:
    """The blobs of every export that was signed; each is served under its directory."""

    def __init__(self, signatures: Signatures) -> None:
        self.signatures = signatures
        self.leaked: list[str] = []
        """Paths that were asked with an `Authorization` header, which no client may send here."""
        self._guard = threading.Lock()
        self._blobs: dict[str, tuple[Blob, Script]] = {}

    def put(self, directory: str, export: Export, script: Script) -> None:
        """Serve the export below `directory` from now on."""
        last = len(export.blobs) - 1
        with self._guard:
            for number, blob in enumerate(export.blobs):
                shown = spoil(blob, script.spoilt if number == last else "")
                path = f"{directory}/{blob_name(export, number)}"
                self._blobs[path] = shown, script

    def script_of(self, request: Request) -> Script:
        """How the export goes that the blob belongs to."""
        with self._guard:
            found = self._blobs.get(request.target.partition("?")[0])
        return found[1] if found else Script()

    def answer(self, request: Request) -> Answer:
        """A blob's bytes, or why not."""
        path, _, query = request.target.partition("?")
        if not self.signatures.opens(path.rpartition("/")[0], query):
            return fault(403, "AuthenticationFailed", "Server failed to authenticate the request.")
        with self._guard:
            found = self._blobs.get(path)
        if found is None:
            return fault(404, "BlobNotFound", "The specified blob does not exist.")
        blob, script = found
        headers = {"Content-Encoding": "gzip"} if script.content_encoding else {}
        return Answer(
            blob.parts(),
            content_type=BLOB_TYPE,
            headers=headers,
            packable=False,
            length=blob.length,
        )

    def refuse_bearer(self, request: Request) -> Answer | None:
        """What a request gets that shows a bearer token: a client's bug, remembered in `leaked`."""
        if "authorization" not in request.headers:
            return None
        self.leaked.append(request.target.partition("?")[0])
        return fault(400, "InvalidAuthenticationInfo", "A bearer token does not belong here.")


def fault(status: int, code: str, message: str) -> Answer:
    """An error as Azure Storage tells it."""
    text = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    body = f'<?xml version="1.0" encoding="utf-8"?><Error>{text}</Error>'.encode()
    return Answer(
        b"\xef\xbb\xbf" + body,
        status,
        "application/xml",
        {"x-ms-error-code": code},
        packable=False,
    )

"""The PDFs that belong to an invoice: its statement, and tax receipts (Taiwan)."""

from __future__ import annotations

import uuid
from pathlib import Path

from invoicekit.errors import PageError
from invoicekit.fetch.session import Session
from invoicekit.files.output import folder_at, write_file
from invoicekit.files.private import file_name
from invoicekit.pages import Request
from invoicekit.sources.base import InvoiceHeader
from invoicekit.sources.partner_center.header import receipts_of

PDF = b"%PDF-"


def write_document(session: Session, request: Request, path: Path, *, overwrite: bool) -> Path:
    """Write the PDF that `request` asks for to `path`, as `output` does, and return the path.

    The service labels some as JSON, so the first bytes are looked at and not the type.

    Raises:
        FileExistsError: there is a file already; nothing was asked.
        AccessError: it takes an App+User sign-in.
        PageError: what came is no PDF.
        ValueError: its folder is none, but a file or a device.
    """
    if path.is_file() and not overwrite:
        raise FileExistsError(f"{path} exists already; overwrite=True writes over it")
    answer = session.ask(request, None, correlation_id=str(uuid.uuid4()))
    if not answer.body.startswith(PDF):
        raise PageError(f"what came for {request.url} is no PDF; nothing was written")
    folder_at(path.parent)
    return write_file(path, answer.body)


def write_receipts(
    session: Session, header: InvoiceHeader, folder: Path, *, overwrite: bool
) -> list[Path]:
    """Write the PDFs of an invoice's tax receipts into `folder`, and return their paths.

    Raises:
        PageError: it does not name them as documented; else as of `write_document`.
    """
    return [
        write_document(
            session,
            request,
            folder / f"{file_name(header.id, 'tax-receipt', receipt)}.pdf",
            overwrite=overwrite,
        )
        for receipt, request in receipts_of(header)
    ]

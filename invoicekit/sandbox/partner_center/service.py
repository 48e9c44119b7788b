"""The protocol of the Partner Center invoice API: address to answer, without a socket.

To serve another address, add a row to `ROUTES`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

from invoicekit.sandbox.loopback import Answer
from invoicekit.sandbox.partner_center.answers import (
    Question,
    Refused,
    fault,
    link,
    not_found,
    page,
)
from invoicekit.sandbox.partner_center.balances import estimate_links
from invoicekit.sandbox.partner_center.lineitems import by_path, by_query, unbilled
from invoicekit.sandbox.partner_center.protocol import Ask, Partner

BOM = b"\xef\xbb\xbf"


def answer(partner: Partner, target: str, continuation: str | None) -> Answer:
    """What the service says to a GET of `target` (path and query)."""
    question = Question.of(partner, target, continuation)
    for pattern, serve in ROUTES:
        if match := re.fullmatch(pattern, question.path, re.IGNORECASE):
            try:
                return serve(question, *map(unquote, match.groups()))
            except Refused as refused:
                return refused.answer
    return not_found(f"Resource {question.path}")


def _list(question: Question) -> Answer:
    """The invoice list: `size` and `offset` page the legacy invoices; modern ones ignore them."""
    offset = question.number("offset", 0, 0)
    if recorded := question.partner.page(Ask(offset=offset)):
        return Answer(recorded)
    invoices = question.partner.invoices()
    size = question.number("size", 0, 1)
    legacy = [body for invoice_id, body in invoices.items() if invoice_id.startswith("D")]
    modern = [body for invoice_id, body in invoices.items() if not invoice_id.startswith("D")]
    if not size:
        body = page([*legacy, *modern], link("/invoices"), None)
    else:
        itself = link(f"/invoices?size={size}&amp;offset={offset}")
        after = link(f"/invoices?size={size}&amp;offset={offset + size}")
        following = after if offset + size < len(legacy) else None
        body = page([*legacy[offset : offset + size], *modern], itself, following)
    # Clients of this very API have met a byte order mark: here is one.
    return Answer(BOM + body)


def _invoice(question: Question, invoice_id: str) -> Answer:
    body = question.partner.invoice(invoice_id)
    return not_found(f"Invoice {invoice_id}") if body is None else Answer(body)


def _summaries(question: Question) -> Answer:
    summaries = question.partner.summaries()
    if summaries is None:
        return not_found("Summaries")
    return Answer(page(summaries, link("/invoices/summaries"), None))


def _summary(question: Question) -> Answer:
    """The balance in the partner's own currency, whose row is the last."""
    summaries = question.partner.summaries()
    return Answer(summaries[-1]) if summaries else not_found("Summary")


def _estimates(question: Question) -> Answer:
    currency = question.get("currencycode")
    if currency is None:
        raise Refused(fault(400, "3000", "currencycode is missing."))
    if question.partner.summaries() is None:
        return not_found("Estimate links")
    return Answer(estimate_links(currency))


def _document(body: bytes | None, what: str, name: str) -> Answer:
    if body is None:
        return not_found(what)
    headers = {"Content-Disposition": f"attachment; filename={name}"}
    return Answer(body, content_type="application/pdf", headers=headers)


def _statement(question: Question, invoice_id: str) -> Answer:
    body = question.partner.statement(invoice_id)
    return _document(body, f"Statement of {invoice_id}", f"Invoice_{invoice_id}.pdf")


def _receipt(question: Question, invoice_id: str, receipt_id: str) -> Answer:
    body = question.partner.receipt(invoice_id, receipt_id)
    return _document(body, f"Receipt {receipt_id} of {invoice_id}", f"E-Tax-{receipt_id}.pdf")


ROUTES: tuple[tuple[str, Callable[..., Answer]], ...] = (
    (r"/v1/invoices", _list),
    (r"/v1/invoices/summary", _summary),
    (r"/v1/invoices/summaries", _summaries),
    (r"/v1/invoices/estimates/links", _estimates),
    (r"/v1/invoices/unbilled/lineitems", unbilled),
    (r"/v1/invoices/([^/]+)", _invoice),
    (r"/v1/invoices/([^/]+)/lineitems", by_query),
    (r"/v1/invoices/([^/]+)/lineitems/([^/]+)/([^/]+)", by_path),
    (r"/v1/invoices/([^/]+)/documents/statement", _statement),
    (r"/v1/invoices/([^/]+)/receipts/([^/]+)/documents/statement", _receipt),
)

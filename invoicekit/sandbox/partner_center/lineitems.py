"""One page of line items: two styles of address, two ways of paging."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from invoicekit.sandbox.loopback import Answer
from invoicekit.sandbox.partner_center.answers import (
    Question,
    Refused,
    fault,
    link,
    not_found,
    page,
)
from invoicekit.sandbox.partner_center.protocol import Ask, Collection
from invoicekit.sandbox.partner_center.tokens import offsets, size_of, token
from invoicekit.sandbox.wire import Row

MAX_SIZE = 2000
TOKEN_HEADER = "MS-ContinuationToken"  # noqa: S105 - a header's name

# Words as addresses have them, in lower case, to the words of the JSON.
PROVIDERS = {"onetime": "one_time", "marketplace": "one_time", "office": "office", "azure": "azure"}
TYPES = {"billinglineitems": "billing_line_items", "usagelineitems": "usage_line_items"}
# Words that the service knows, yet no invoice has.
KNOWN = {"all"}
INVALID = {("office", "usagelineitems"), ("marketplace", "billinglineitems")}
DEAD_TOKEN = fault(400, "3000", "The continuation token is unknown or has expired.")
UNBILLED, OWN_CURRENCY = "unbilled", "USD"
PAGED_BY_SEEKING = "one_time"


class Wanted(NamedTuple):
    """The collection that an address names, and whether its path alone does."""

    invoice_id: str
    collection: Collection
    by_path: bool
    period: str = ""  # of what is not billed
    currency: str = ""

    @property
    def billing(self) -> bool:
        """Whether these are billing lines, not usage."""
        return self.collection[1] == "billing_line_items"

    def at(self, offset: int = 0, continuation: str | None = None) -> Ask:
        """The page of it that begins there."""
        return Ask(self.invoice_id, self.collection, offset, continuation)


def by_path(question: Question, invoice_id: str, provider: str, line_item_type: str) -> Answer:
    """The older style: the pair is in the path."""
    return _answer(
        question, Wanted(invoice_id, _collection(provider, line_item_type), by_path=True)
    )


def by_query(question: Question, invoice_id: str) -> Answer:
    """The newer style: the pair is in the query."""
    provider, asked = question.get("provider") or "", question.get("invoicelineitemtype") or ""
    question.word("period", ("current", "previous"))
    return _answer(question, Wanted(invoice_id, _collection(provider, asked), by_path=False))


def unbilled(question: Question) -> Answer:
    """Lines of a month that is not billed; by query alone, currency and period have to be said."""
    provider = (question.get("provider") or "").lower()
    asked = question.get("invoicelineitemtype") or ""
    period = question.word("period", ("current", "previous"))
    currency = question.get("currencycode")
    if not period or not currency:
        raise Refused(fault(400, "3000", "period and currencycode have to be said."))
    billing = asked.lower() == "billinglineitems"
    pair = _collection("onetime" if provider in KNOWN and billing else provider, asked)
    if pair[0] != PAGED_BY_SEEKING:
        raise Refused(fault(400, "800002", f"{asked} is not valid for {provider}."))
    here = Wanted(UNBILLED, pair, by_path=False, period=period, currency=currency.upper())
    return _answer(question, here)


def _collection(provider: str, line_item_type: str) -> Collection:
    """The pair in JSON's words, or the refusal that the service has for it."""
    asked = provider.lower(), line_item_type.lower()
    if asked[0] == "one_time":  # the JSON's own spelling is the one that addresses may not have
        raise Refused(Answer(b'{"message":"The request is invalid."}', 400))
    if asked[0] not in PROVIDERS.keys() | KNOWN:
        raise Refused(fault(400, "900126", f"Cannot parse enum value '{provider}'."))
    if asked[1] not in TYPES:
        raise Refused(fault(400, "900126", f"Cannot parse enum value '{line_item_type}'."))
    if asked[0] in KNOWN or asked in INVALID:
        raise Refused(fault(400, "800002", f"{line_item_type} is not valid for {provider}."))
    return PROVIDERS[asked[0]], TYPES[asked[1]]


def _answer(question: Question, wanted: Wanted) -> Answer:
    size = question.number("size", MAX_SIZE, 1, MAX_SIZE)
    if wanted.collection[0] == PAGED_BY_SEEKING:
        return _by_token(question, wanted, size)
    return _by_offset(question, wanted, size)


def _rows(question: Question, wanted: Wanted) -> Sequence[bytes]:
    if wanted.invoice_id == UNBILLED:
        rows = question.partner.unbilled(wanted.collection[1], wanted.period)
        if rows is not None and wanted.currency != OWN_CURRENCY:
            return ()
    else:
        rows = question.partner.collection(wanted.invoice_id, wanted.collection)
    if rows is None:
        what = " ".join(wanted.collection)
        raise Refused(not_found(f"{what} of invoice {wanted.invoice_id}"))
    return rows


def _by_offset(question: Question, wanted: Wanted, size: int) -> Answer:
    offset = question.number("offset", 0, 0)
    if recorded := question.partner.page(wanted.at(offset)):
        return Answer(recorded)
    rows = _rows(question, wanted)
    kept = [f"{name}={value}" for name, value in question.but("size", "offset")]

    def at(start: int) -> Row:
        return link(f"{question.uri}?" + "&amp;".join([*kept, f"size={size}", f"offset={start}"]))

    following = at(offset + size) if offset + size < len(rows) else None
    return Answer(page(rows[offset : offset + size], at(offset), following))


def _by_token(question: Question, wanted: Wanted, size: int) -> Answer:
    held = _held(question)
    if recorded := question.partner.page(wanted.at(continuation=held)):
        return Answer(recorded)
    if held and question.partner.page(wanted.at()):
        raise Refused(DEAD_TOKEN)
    rows = _rows(question, wanted)
    if wanted.by_path and not wanted.billing:
        rows = ()  # as the service does: the path style gives an empty list, the query style rows
    key, start = "/".join(filter(None, (wanted.invoice_id, *wanted.collection, wanted.period))), 0
    if held is not None:
        if question.get("size") is None:  # the path style's next link says no size
            size = min(size_of(held) or size, MAX_SIZE)
        if held not in offsets(key, size, len(rows)):
            raise Refused(DEAD_TOKEN)
        start = offsets(key, size, len(rows))[held]
    kept = "&".join(f"{name}={value}" for name, value in question.but("seekoperation"))
    itself = link(f"{question.uri}?{kept}" if kept else question.uri)
    if start + size >= len(rows):
        return Answer(page(rows[start:], itself, None))
    after = token(key, size, start // size + 1)
    # The path style's next link has the seek and nothing else; the query style's keeps them all.
    seek = "seekOperation=Next" if wanted.by_path else f"{kept}&seekOperation=Next"
    following = link(f"{question.uri}?{seek}", [{"key": TOKEN_HEADER, "value": after}])
    # Usage pages have the token in the link only, billing pages on top as well.
    on_top = after if wanted.billing else None
    return Answer(page(rows[start : start + size], itself, following, on_top))


def _held(question: Question) -> str | None:
    """The token that a later page is asked with; None asks for the first."""
    if not question.word("seekoperation", ("next",)):
        return None
    if question.continuation is None:
        raise Refused(fault(400, "3000", f"{TOKEN_HEADER} is missing."))
    return question.continuation

"""The proof of an invoice's total in a page: words and an icon first, a colour only beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from invoicekit.analysis.reconcile import INKS, MARKS, PAPERS
from invoicekit.show.formatting import clean, currency_name, exact
from invoicekit.show.protocols import Reconciliation


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a state means, and its colours."""

    words: str
    ink: str
    paper: str


# The inks have a contrast of at least 5 on their paper.
VERDICTS: Final[Mapping[str, Verdict]] = {
    "ties": Verdict("The lines add up to the invoice exactly", INKS["ties"], PAPERS["ties"]),
    "differs": Verdict(
        "The lines do not add up to the invoice", INKS["differs"], PAPERS["differs"]
    ),
    "incomplete": Verdict(
        "Not everything could be read: no proof", INKS["incomplete"], PAPERS["incomplete"]
    ),
}

TIE_OUT: Final = Markup(
    '<div class="tie-out" role="note" style="color:{ink};background:{paper};'
    'border-left:6px solid {ink};padding:12px 16px;border-radius:4px;line-height:1.5">'
    '<strong style="font-size:1.15em">{badge}</strong><br>'
    "{words}: {invoiced} {currency} invoiced, {added} {currency} in the lines.{reasons}</div>"
)


def html_of_tie_out(reconciliation: Reconciliation) -> Markup:
    """The one-line badge as a coloured box, what it means, and what is missing as a list."""
    verdict = VERDICTS.get(reconciliation.state, VERDICTS["incomplete"])
    badge, *reasons = clean(reconciliation).split("; ")
    currency = reconciliation.currency
    return TIE_OUT.format(
        badge=badge,
        words=verdict.words,
        ink=verdict.ink,
        paper=verdict.paper,
        invoiced=exact(reconciliation.invoice_total, currency),
        added=exact(reconciliation.lines_total, currency),
        currency=currency_name(currency),
        reasons=_list(reasons),
    )


def caveat(proof: Reconciliation | None) -> str:
    """What stands at each figure and table of an invoice that does not tie; "" where it does.

    >>> caveat(client.invoice("G012345607").reconcile())
    '✘ differs: the lines do not add up to the invoice, difference -1,250.50 USD'
    """
    if proof is None or proof.state == "ties":
        return ""
    state, words = proof.state, VERDICTS[proof.state].words.partition(":")[0]
    currency = currency_name(proof.currency)
    if state == "differs" and not proof.difference:
        return f"{MARKS[state]} {state}: not all lines are in {currency}"
    difference = f"{exact(proof.difference, proof.currency)} {currency}"
    return f"{MARKS[state]} {state}: {words[:1].lower()}{words[1:]}, difference {difference}"


def _list(reasons: list[str]) -> Markup:
    if not reasons:
        return Markup()
    items = Markup().join(Markup("<li>{}</li>").format(reason) for reason in reasons)
    return Markup('<ul style="margin:.4em 0 0;padding-left:1.2em">{}</ul>').format(items)

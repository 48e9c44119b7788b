"""What the shell offers on Tab, from what is known without opening or asking anything."""

from __future__ import annotations

from collections.abc import Iterable

from invoicekit.analysis.views.table import VIEWS
from invoicekit.cli.printing import KEYS
from invoicekit.clouds import CLOUDS
from invoicekit.frames.charge_types import CHARGE_TYPES
from invoicekit.frames.schema import KINDS
from invoicekit.sandbox.faults import FAULTS
from invoicekit.sources.partner_center.vocabulary import PROVIDERS


def one_word(name: str) -> str:
    """The name as a word of a command line.

    >>> one_word("price movers")
    'price-movers'
    """
    return name.replace(" ", "-")


VIEW_NAMES = [one_word(view.name) for view in VIEWS]
FAULT_NAMES = [one_word(name) for name in FAULTS]


def keys_begun(incomplete: str) -> list[str]:
    """The keys that go on what was typed, which may be several joined by commas.

    >>> keys_begun("customer,of")
    ['customer,offer', 'customer,offer_id', 'customer,offer_name']
    """
    return _one_more(KEYS, incomplete)


def faults_begun(incomplete: str) -> list[str]:
    """The faults of the demo, in the same way."""
    return _one_more(FAULT_NAMES, incomplete)


def views_begun(incomplete: str) -> list[str]:
    """The views whose names begin so."""
    return _begun(VIEW_NAMES, incomplete)


def charge_types_begun(incomplete: str) -> list[str]:
    """The charge types that begin so, in any case, and are one word."""
    words = [row.word for row in CHARGE_TYPES if " " not in row.word]
    return [word for word in words if word.lower().startswith(incomplete.lower())]


def object_types_begun(incomplete: str) -> list[str]:
    """The objectTypes whose names begin so."""
    return _begun([kind.object_type for kind in KINDS], incomplete)


def clouds_begun(incomplete: str) -> list[str]:
    """The clouds whose names begin so."""
    return _begun(CLOUDS, incomplete)


def providers_begun(incomplete: str) -> list[str]:
    """The providers whose names begin so."""
    return _begun(PROVIDERS, incomplete)


def invoice_begun(incomplete: str) -> list[str]:
    """The one word that stands for an invoice's id: the ids themselves would have to be asked."""
    return _begun(["latest"], incomplete)


def _begun(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _one_more(names: Iterable[str], incomplete: str) -> list[str]:
    before, comma, begun = incomplete.rpartition(",")
    there = before.split(",")
    return [f"{before}{comma}{name}" for name in _begun(names, begun) if name not in there]

"""What the shell offers on Tab, from what is known without opening or asking anything."""

from __future__ import annotations

from invoicekit.cli.printing import KEYS
from invoicekit.clouds import CLOUDS
from invoicekit.sources.partner_center.vocabulary import PROVIDERS


def keys_begun(incomplete: str) -> list[str]:
    """The keys that go on what was typed, which may be several joined by commas.

    >>> keys_begun("customer,of")
    ['customer,offer', 'customer,offer_id', 'customer,offer_name']
    """
    before, comma, begun = incomplete.rpartition(",")
    return [
        f"{before}{comma}{key}"
        for key in KEYS
        if key.startswith(begun) and key not in before.split(",")
    ]


def clouds_begun(incomplete: str) -> list[str]:
    """The clouds whose names begin so."""
    return [name for name in CLOUDS if name.startswith(incomplete)]


def providers_begun(incomplete: str) -> list[str]:
    """The providers whose names begin so."""
    return [name for name in PROVIDERS if name.startswith(incomplete)]


def invoice_begun(incomplete: str) -> list[str]:
    """The one word that stands for an invoice's id: the ids themselves would have to be asked."""
    return ["latest"] if "latest".startswith(incomplete) else []

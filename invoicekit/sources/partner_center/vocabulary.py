"""The words for a provider and a line item type, in ours and in all of the API's spellings."""

from __future__ import annotations

from invoicekit.errors import one_of

# The API writes `one_time` in JSON, `OneTime` in paths and `onetime` in queries.
PROVIDERS = ("onetime", "office", "azure", "marketplace")
LINE_ITEM_TYPES = ("billing", "usage")


def provider_of(word: str) -> str:
    """Our word for a provider.

    Raises:
        TypeError: it is no text.
        ValueError: it is none; lists those that are.

    >>> [provider_of(word) for word in ("OneTime", "one_time", "office")]
    ['onetime', 'onetime', 'office']
    """
    return _one_of(PROVIDERS, word, "provider")


def line_item_type_of(word: str) -> str:
    """Our word for a line item type.

    Raises:
        TypeError: it is no text.
        ValueError: it is none; lists those that are.

    >>> [line_item_type_of(word) for word in ("billing_line_items", "UsageLineItems")]
    ['billing', 'usage']
    """
    return _one_of(LINE_ITEM_TYPES, word, "line item type")


def fold(word: str) -> str:
    """`word` in one spelling, whether we know it or not (an invoice may name what is new).

    >>> fold("Billing_LineItems"), fold("azure_data_market")
    ('billing', 'azuredatamarket')
    """
    letters = "".join(letter for letter in word.lower() if letter.isalnum())
    return letters.removesuffix("lineitems") or letters


def _one_of(allowed: tuple[str, ...], word: str, what: str) -> str:
    if not isinstance(word, str):
        raise TypeError(f"a {what} is a text, one of {', '.join(allowed)}; or leave it out for all")
    folded = fold(word)
    if folded not in allowed:
        raise ValueError(f"{word!r} is no {what}{one_of(folded, allowed)}")
    return folded

"""The table of charge types: Microsoft's words for why a line was billed, and what they mean.

Sources: "Understand the different charge types in Partner Center reconciliation files" (legacy
commerce, and new commerce as far as it goes), the SDK's `ServiceCostLineItem.ChargeType` (the same
with underscores), and the values of `ChargeType` in new commerce's reconciliation files.
To support a new charge type, add a row here.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

import polars as pl

from invoicekit.errors import check_text

RECURRING, USAGE, ONE_OFF = "recurring", "usage", "one-off"
CHANGE, CREDIT, TAX, UNKNOWN = "change", "credit", "tax", "unknown"
FAMILIES = (RECURRING, USAGE, ONE_OFF, CHANGE, CREDIT, TAX, UNKNOWN)
GLOSSARY = {
    "charge_type": pl.String(),
    "family": pl.String(),
    "sign": pl.Int8(),
    "meaning": pl.String(),
    "also": pl.String(),
}


@dataclass(frozen=True, slots=True)
class ChargeType:
    """A word of Microsoft's, the family it belongs to, and the sign that its amounts should have.

    `sign` is 1 (a charge), -1 (money back) or 0 (both occur: the old state is taken back, the new
    one billed). `also` are other words for the same.
    """

    word: str
    family: str
    sign: int
    meaning: str
    also: tuple[str, ...] = ()


# ruff: noqa: E501 (a table is read row by row)
# fmt: off
CHARGE_TYPES = (
    # New commerce.
    ChargeType("new", ONE_OFF, 1, "A new purchase.", ("purchase",)),
    ChargeType("renew", RECURRING, 1, "A subscription was renewed for another term."),
    ChargeType("cycleCharge", RECURRING, 1, "The periodic charge of a running subscription."),
    ChargeType("addQuantity", CHANGE, 0, "Licences were added: the old number is taken back, the new one billed."),
    ChargeType("removeQuantity", CHANGE, 0, "Licences were removed: the old number is taken back, the new one billed."),
    ChargeType("moveQuantity", CHANGE, 0, "Licences were moved to another subscription: taken back here, billed there."),
    ChargeType("cancelImmediate", CHANGE, -1, "A subscription was cancelled at once; what is left of its term is refunded."),
    ChargeType("cancel", CHANGE, -1, "A purchase or subscription was cancelled and refunded.", ("refund",)),
    ChargeType("convert", CHANGE, 0, "A subscription was converted or upgraded, its number of licences unchanged."),
    ChargeType("changeBillingPlan", CHANGE, 0, "The billing plan changed, as from monthly to annual: taken back and billed anew."),
    ChargeType("extendTerm", CHANGE, 1, "The term was extended, to end together with another's."),
    ChargeType("customerCredit", CREDIT, -1, "A credit given to the customer."),
    # Legacy commerce, by licence.
    ChargeType("Purchase fee", ONE_OFF, 1, "The initial charge of a subscription."),
    ChargeType("Activation fee", ONE_OFF, 1, "Charged when a subscription is first used after its purchase."),
    ChargeType("Cycle fee", RECURRING, 1, "The periodic charge of a subscription."),
    ChargeType("Renew fee", RECURRING, 1, "The charge for renewing a subscription.", ("Renewal fee",)),
    ChargeType("Prorate fees when purchase", ONE_OFF, 1, "A purchase in the middle of a period, for the days until its end.", ("Purchase prorate",)),
    ChargeType("Prorate fees when activate", ONE_OFF, 1, "An activation in the middle of a period, for the days until its end.", ("Activation prorate",)),
    ChargeType("Prorate fee when renew", RECURRING, 1, "A renewal in the middle of a period, for the days until its end.", ("Renew prorate",)),
    ChargeType("Cancel fee", CHANGE, -1, "Refunded for the days left when the licences were changed."),
    ChargeType("Cancel instance prorate", CHANGE, -1, "Refunded for the days left when the licences were changed or suspended."),
    ChargeType("Cycle instance prorate", CHANGE, 1, "Charged for the days left when the licences were changed."),
    ChargeType("Prorate fees when cancel", CHANGE, -1, "Refunded for the days left when the subscription was cancelled.", ("Cancel prorate",)),
    ChargeType("Prorate fees when convert away from current offering", CHANGE, -1, "The monthly subscription's days left, when it became an annual one."),
    ChargeType("Prorate fees when convert to a new offering", CHANGE, 1, "The new annual subscription's days, when a monthly one became it."),
    # Legacy commerce, by usage.
    ChargeType("Assess usage fee for current cycle", USAGE, 1, "Usage in the billing period.", ("Cycle usage fee",)),
    ChargeType("Assess usage fee when cancel", USAGE, 1, "Usage not yet paid for when the subscription was cancelled.", ("Cancel usage fee",)),
    # Credits and discounts of legacy commerce.
    ChargeType("Offset a line item", CREDIT, -1, "A line refunded in part or whole, taxes included.", ("Offset line item",)),
    ChargeType("Credit", CREDIT, -1, "A credit applied to a means of payment."),
    ChargeType("One time refund", CREDIT, -1, "A refund made once."),
    ChargeType("Tax refund", TAX, -1, "Tax refunded, as a certificate of exemption was accepted."),
    ChargeType("Activation discount", CREDIT, -1, "A discount when a subscription was activated."),
    ChargeType("Cycle discount", CREDIT, -1, "A discount on a periodic charge."),
    ChargeType("Renew discount", CREDIT, -1, "A discount when a subscription was renewed."),
    ChargeType("Cancel discount", CREDIT, 1, "A discount taken back when it was cancelled."),
)
# fmt: on


def fold(word: str) -> str:
    """A word as it is compared: its letters alone, in lower case, `fees` as `fee`.

    >>> fold("PRORATE_FEES WHEN Cancel"), fold("addQuantity")
    ('proratefeewhencancel', 'addquantity')
    """
    return re.sub("[^a-z]", "", word.lower()).replace("fees", "fee")


_SPELLED = {fold(word): word for kind in CHARGE_TYPES for word in (kind.word, *kind.also)}
_BY_WORD = {fold(word): kind for kind in CHARGE_TYPES for word in (kind.word, *kind.also)}


def charge_type_of(word: str | None) -> ChargeType | None:
    """The row of the table for a word in any case and spelling; `None` where it has none.

    >>> charge_type_of("CYCLE FEE").family, charge_type_of("somethingNew")
    ('recurring', None)
    """
    return None if word is None else _BY_WORD.get(fold(word))


def spelled(word: str) -> str:
    """A charge type in the table's spelling; a word that it has not is left as it is.

    >>> spelled("New"), spelled("REFUND"), spelled("CYCLE FEES"), spelled("SomethingNew")
    ('new', 'refund', 'Cycle fee', 'SomethingNew')
    """
    return _SPELLED.get(fold(word), word)


def family_of(word: str | None) -> str:
    """The family of a charge type: one of `FAMILIES`.

    >>> family_of("Refund"), family_of("Assess usage fee for current cycle"), family_of(None)
    ('change', 'usage', 'unknown')
    """
    found = charge_type_of(word)
    return found.family if found else UNKNOWN


def glossary(charge_type: str | None = None) -> pl.DataFrame:
    """What Microsoft's charge types mean: new commerce's first, then those of legacy commerce.

    Columns: `charge_type` (Microsoft's word), `family` (as `charge_family` of the charges), `sign`
    (1 a charge, -1 money back, 0 where both occur), `meaning`, and `also`, other words for the
    same, with commas. The meanings are those of "Understand the different charge types in Partner
    Center reconciliation files"; families and signs are ours.

    >>> ik.glossary("PURCHASE FEE").row(0)
    ('Purchase fee', 'one-off', 1, 'The initial charge of a subscription.', None)
    >>> ik.glossary("refund").select("charge_type", "family", "sign", "also").row(0)
    ('cancel', 'change', -1, 'refund')
    >>> ik.glossary().filter(family="recurring")["charge_type"].to_list()[:3]
    ['renew', 'cycleCharge', 'Cycle fee']

    Args:
        charge_type: one of Microsoft's words in any case and spelling; all of them by default.

    Raises:
        TypeError: it is no text.
        ValueError: the table has no such word; names those that are spelt like it.
    """
    asked: tuple[ChargeType, ...] = CHARGE_TYPES
    if charge_type is not None:
        check_text(charge_type, "a charge type", 'ik.glossary("addQuantity")')
        found = charge_type_of(charge_type)
        if found is None:
            raise ValueError(_unknown(charge_type))
        asked = (found,)
    rows = [(row.word, row.family, row.sign, row.meaning, ", ".join(row.also)) for row in asked]
    frame = pl.DataFrame(rows, schema=GLOSSARY, orient="row")
    return frame.with_columns(pl.col("also").replace("", None))


def _unknown(word: str) -> str:
    near = difflib.get_close_matches(fold(word), _BY_WORD, n=3)
    like = f"; spelt like it are {', '.join(_BY_WORD[one].word for one in near)}" if near else ""
    return f"no charge type {word!r} in the table{like}. ik.glossary() lists all"


def charge_family(column: str) -> pl.Expr:
    """The families of a column of charge types; each word is looked up once a batch."""
    return pl.col(column).map_batches(_families, return_dtype=pl.String(), is_elementwise=True)


def _families(words: pl.Series) -> pl.Series:
    once = words.unique()
    families = pl.Series([family_of(word) for word in once], dtype=pl.String)
    return words.replace_strict(once, families, return_dtype=pl.String)

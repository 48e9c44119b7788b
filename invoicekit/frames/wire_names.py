"""What each source calls a column, in what scale, and which columns it does not have.

`schema.py` has v1's names. The others' are here where they are not v1's with a capital letter:
Graph's from its attribute lists, those of files from the reconciliation file pages of 2019 to 2025.
Every source's name is understood of every source, whatever its case: Microsoft's own pages differ.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from invoicekit.frames.schema import (
    ALIASES,
    BY_OBJECT_TYPE,
    DAILY_RATED,
    DAILY_USAGE,
    LICENSE,
    ONE_TIME,
    USAGE,
    Column,
    Kind,
    snake,
)

Source = str  # a key of NAMES; of any other, names are v1's
PERCENT = "%"  # ends a name: there it is a percentage, and ours is a ratio

_ALL_NEW = {
    "reseller_mpn_id": "Tier2MpnId",
    "pc_to_bc_exchange_rate": "PCToBCExchangeRate",
    "pc_to_bc_exchange_rate_date": "PCToBCExchangeRateDate",
}
_ONE_TIME = {**_ALL_NEW, "total_for_customer": "Total"}
_DAILY_RATED = {
    **_ALL_NEW,
    "unit_of_measure": "Unit",
    "resource_uri": "ResourceURI",
    "rate_of_partner_earned_credit": "PartnerEarnedCreditPercentage%",
    "rate_of_credit": "CreditPercentage%",
    "benefit_order_id": "BenefitOrderID",
    "benefit_id": "BenefitID",
}
_LEGACY = {"tier2_mpn_id": "ResellerMPNID", "mpn_id": "MPNID"}
# source -> objectType -> our name -> its name today, then the names of older files
NAMES: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "graph": {ONE_TIME.object_type: _ONE_TIME, DAILY_RATED.object_type: _DAILY_RATED},
    "files": {
        ONE_TIME.object_type: {
            **_ONE_TIME,
            "reference_id": "ReferenceID",
            "promotion_id": "PromotionID",
            "tax_total": "TaxTotal TotalTax",
        },
        DAILY_RATED.object_type: {
            **_DAILY_RATED,
            "billing_pre_tax_total": "BillingPreTaxTotal BillingPreTax",
            "pricing_pre_tax_total": "PricingPreTaxTotal PricingPreTax",
        },
        LICENSE.object_type: _LEGACY,
        USAGE.object_type: {**_LEGACY, "order_id": "OrderID"},
        DAILY_USAGE.object_type: {**_LEGACY, "order_id": "OrderID"},
    },
}
_ENDS = "invoice_line_item_type billing_provider attributes"
# source -> objectType -> the documented columns that it has not, today
LACKING: Mapping[str, Mapping[str, frozenset[str]]] = {
    source: {name: frozenset(f"{columns} {_ENDS}".split()) for name, columns in lacking.items()}
    for source, lacking in {
        "v1": {},
        "graph": {
            ONE_TIME.object_type: "discount_details",
            DAILY_RATED.object_type: "has_partner_earned_credit",
        },
        "files": {
            ONE_TIME.object_type: "discount_details",
            DAILY_RATED.object_type: "has_partner_earned_credit",
            LICENSE.object_type: "",
            USAGE.object_type: "",
            DAILY_USAGE.object_type: "",
        },
    }.items()
}


def columns_of(kind: Kind, source: Source = "v1") -> tuple[Column, ...]:
    """The columns of a kind under the names that a source has for them today, in our order.

    >>> [column.wire for column in columns_of(ONE_TIME, "graph")[6:9]]
    ['MpnId', 'Tier2MpnId', 'OrderId']
    """
    if source == "v1":
        return kind.columns
    lacking = LACKING.get(source, {}).get(kind.object_type, frozenset())  # these keep v1's names
    return tuple(
        column if column.name in lacking else _named(column, kind, source)[0]
        for column in kind.columns
    )


def fold(wire: str) -> str:
    """A name without case, spaces and marks, for these differ between Microsoft's own pages.

    >>> fold("Reseller MPNID"), fold("ResellerMpnId"), fold("Meter Sub-category")
    ('resellermpnid', 'resellermpnid', 'metersubcategory')
    """
    return re.sub("[^a-z0-9]", "", wire.lower()) if wire.isascii() else wire


def column_named(kind: Kind, wire: str) -> Column | None:
    """The documented column that any source calls so, in the scale that the name implies.

    >>> column_named(DAILY_RATED, "creditpercentage").type.scale
    -2
    >>> column_named(ONE_TIME, "Total").name, column_named(LICENSE, "Total")
    ('total_for_customer', None)
    """
    found = _folded(kind.object_type).get(fold(wire)) if kind.columns else None
    if found is None and wire.isascii():  # our own names, and kinds that are no line item's
        documented = {column.name: column for column in kind.columns}
        name = snake(wire)
        found = documented.get(name) or documented.get(ALIASES.get(name, ""))
    return replace(found, wire=wire) if found else None


@cache
def _folded(object_type: str) -> Mapping[str, Column]:
    """Folded name -> column, of every source's names; v1's come first."""
    kind = BY_OBJECT_TYPE.get(object_type)
    if kind is None:
        return {}
    found = {fold(column.wire): column for column in kind.columns}
    for source in NAMES:
        for column in kind.columns:
            for one in _named(column, kind, source):
                found.setdefault(fold(one.wire), one)
    for alias, name in ALIASES.items():
        for column in kind.columns:
            if column.name == name:
                found.setdefault(fold(alias), column)
    return found


def _named(column: Column, kind: Kind, source: str) -> list[Column]:
    """The column under each name that a source has for it."""
    names = NAMES[source].get(kind.object_type, {}).get(column.name)
    usual = column.wire[:1].upper() + column.wire[1:]
    return [
        replace(
            column,
            wire=name.removesuffix(PERCENT),
            type=replace(column.type, scale=-2) if name.endswith(PERCENT) else column.type,
        )
        for name in (names or usual).split()
    ]

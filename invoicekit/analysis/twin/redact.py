"""A twin of line items under false names: for screenshots and bug reports.

What each column holds is a table. A column that is not in it is text of an unknown sort, and
replaced: what is added to the schema, or comes undocumented, is never shown by mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

import polars as pl

from invoicekit.analysis.money import EXACT
from invoicekit.analysis.twin.false_names import FalseNames
from invoicekit.errors import FrameError
from invoicekit.frames.charge_types import charge_type_of
from invoicekit.frames.collection_result import CollectionResult
from invoicekit.frames.numbers import AS_SENT
from invoicekit.frames.schema import BY_OBJECT_TYPE, INSTANT, NUMBER, TYPES
from invoicekit.pages import Reading

EXACT_DECIMALS = 22  # of an amount whose product with a factor of two decimals has 24

# The sort of each column: `harmless` are words of closed lists and numbers that are no amounts; one
# with a capital is a name, and the label of the false one. What is not here is `text`.
SORTS = {
    "harmless": """
        object_type asked_provider asked_line_item_type page invoice_line_item_type billing_provider
        charge_type currency billing_currency pricing_currency customer_country
        unit unit_type unit_of_measure term_and_billing_cycle billing_cycle_type billing_frequency
        product_category credit_type credit_reason_code benefit_type sku_id
        quantity billable_quantity consumed_quantity included_quantity overage_quantity
        pc_to_bc_exchange_rate rate_of_credit rate_of_partner_earned_credit
        has_partner_earned_credit""",
    "invoice": "invoice_id invoice_number",
    "id": """
        partner_id customer_id mpn_id tier2_mpn_id reseller_mpn_id order_id subscription_id
        syndication_partner_subscription_number offer_id durable_offer_id detail_line_item_id sku
        partner_billable_account_id customer_billable_account resource_guid product_id
        availability_id publisher_id alternate_id reference_id reservation_order_id promotion_id
        meter_id entitlement_id benefit_order_id benefit_id""",
    "domain": "domain_name customer_domain_name",
    # Word by word: what is billed may begin with the words of its usage's category.
    "words": "meter_type meter_category meter_sub_category meter_name meter_description",
    "json": "product_qualifiers attributes tags additional_info discount_details",
    "Customer": "customer_name customer_company_name",
    "Partner": "partner_name",
    "Product": "offer_name product_name",
    "SKU": "sku_name",
    "Publisher": "publisher_name",
    "Subscription": "subscription_name subscription_description entitlement_description",
    "Service": "service_name metered_service consumed_service",
    "Service type": "service_type metered_service_type",
    "Resource": "resource_name",
    "Resource group": "resource_group",
    "Region": "region meter_region metered_region resource_location",
}
SORT_OF = {column: sort for sort, columns in SORTS.items() for column in columns.split()}
# Of these harmless ones, whatever is no such word goes all the same.
CODES: dict[str, Callable[[str], object]] = {
    "charge_type": charge_type_of,
    "customer_country": re.compile("[A-Za-z]{2}").fullmatch,
    **dict.fromkeys(
        ("currency", "billing_currency", "pricing_currency"), re.compile("[A-Za-z]{3}").fullmatch
    ),
}


def redacted(results: Iterable[CollectionResult], names: FalseNames) -> list[CollectionResult]:
    """The same collections under false names; what an error said is not among them."""
    return [
        replace(
            result,
            frames={
                name: redact_frame(frame, name, names, result.source)
                for name, frame in result.frames.items()
            },
            readings=[_reading(reading, result, names) for reading in result.readings],
            error=None,
        )
        for result in results
    ]


def redact_frame(
    frame: pl.DataFrame, object_type: str, names: FalseNames, source: str = ""
) -> pl.DataFrame:
    """One frame of line items under false names.

    A file's own columns may be named by anybody: of those that are not documented, the name goes.

    Raises:
        FrameError: an amount that is added up has more than 22 decimals.
    """
    kind = BY_OBJECT_TYPE.get(object_type)
    documented = {column.name: column for column in kind.columns} if kind else {}
    columns = []
    for column in frame:
        known = documented.get(column.name)
        billed = known is not None and known.type is TYPES["billed"]
        name = column.name
        if source == "files" and not _is_ours(name, documented):
            name = f"field_{names.text(name).removeprefix('Text ')}"
        columns.append(_column(column, names, billed=billed).alias(name))
    return pl.DataFrame(columns)


def _is_ours(name: str, documented: Iterable[str]) -> bool:
    ours = ("invoice_id", "object_type", "asked_provider", "asked_line_item_type", "page")
    return name.removesuffix(AS_SENT) in {*ours, *documented}


def _column(column: pl.Series, names: FalseNames, *, billed: bool) -> pl.Series:
    sort, dtype = SORT_OF.get(column.name, "text"), column.dtype
    if dtype == pl.String():
        return _renamed(column, _of_text(column.name, sort, names))
    if sort == "harmless" or dtype == pl.Date():
        return column
    if dtype == NUMBER:
        return _scaled(column, names.factor, billed=billed)
    if dtype == INSTANT:
        known = {instant: names.instant(instant) for instant in column.drop_nulls().unique()}
        return column.replace(known)
    return pl.Series(column.name, [None] * len(column), dtype)


def _of_text(name: str, sort: str, names: FalseNames) -> Callable[[str], str]:
    """How the texts of a column are replaced."""
    is_code = CODES.get(name)
    rules: dict[str, Callable[[str], str]] = {
        "harmless": lambda text: text if is_code is None or is_code(text) else names.text(text),
        "invoice": names.invoice,
        "id": names.id,
        "domain": names.domain,
        "words": names.words,
        "json": names.json,
        "text": names.text,
    }
    if name.endswith(AS_SENT):
        scales = SORT_OF.get(name.removesuffix(AS_SENT)) != "harmless"
        factor = names.factor if scales else Decimal(1)
        return lambda text: _number(text, factor) or names.text(text)
    return rules.get(sort) or names.name(sort)


def _renamed(column: pl.Series, false: Callable[[str], str]) -> pl.Series:
    known: Mapping[str, str] = {text: false(text) for text in column.drop_nulls().unique() if text}
    return column.replace(known)


def _scaled(column: pl.Series, factor: Decimal, *, billed: bool) -> pl.Series:
    if billed and not column.to_frame().filter(_too_fine(column.name)).is_empty():
        raise FrameError(
            f"{column.name} has amounts of more than {EXACT_DECIMALS} decimals, which no factor "
            "scales exactly; leave those lines out"
        )
    return (
        column.to_frame().select(pl.col(column.name) * pl.lit(factor, pl.Decimal(3, 2))).to_series()
    )


def _too_fine(name: str) -> pl.Expr:
    """Whether there is anything in the decimals that a product with a factor has no room for."""
    units = pl.col(name).to_physical()
    step = pl.lit(10 ** (NUMBER.scale - EXACT_DECIMALS), pl.Int128)
    return units % step != pl.lit(0, pl.Int128)


def _number(text: str, factor: Decimal) -> str:
    """The text of a number that did not fit its column, scaled; empty where it is none."""
    try:
        return str(EXACT.multiply(Decimal(text), factor))
    except ArithmeticError:
        return ""


def _reading(reading: Reading, result: CollectionResult, names: FalseNames) -> Reading:
    """A row of the ledger: what names an answer of the service names the partner too."""
    return replace(
        reading,
        collection=names.name("/".join(result.pair))(reading.collection),
        request_id=reading.request_id and names.id(reading.request_id),
        correlation_id=reading.correlation_id and names.id(reading.correlation_id),
    )

"""From each objectType's JSON to the charges: every cell of the table of roles, by name."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pytest

import invoicekit as ik
from invoicekit.frames.charge_types import CHARGE_TYPES, FAMILIES, charge_type_of, family_of
from invoicekit.frames.charges import CHARGES
from invoicekit.frames.decode import decode
from invoicekit.frames.schema import KINDS, NUMBER, Kind
from invoicekit.sources.partner_center.envelope import parse_page
from support.server import line, page, rows

COLUMNS = """
invoice_id object_type provider line_item_type customer_id customer_name offer_id offer_name
subscription_id subscription_name charge_type charge_start charge_end quantity unit_price subtotal
tax total currency charge_family order_id country reseller_id billable_quantity
effective_unit_price exchange_rate pricing_currency term subscription_end credit_reason
""".split()  # noqa: SIM905 (a line each would be a page)
NUMBERS = """
quantity unit_price subtotal tax total billable_quantity effective_unit_price exchange_rate
""".split()  # noqa: SIM905
DAYS = ["charge_start", "charge_end", "subscription_end"]
OBJECT_TYPES = (
    "LicenseBasedLineItem",
    "UsageBasedLineItem",
    "OneTimeInvoiceLineItem",
    "DailyUsageLineItem",
    "DailyRatedUsageLineItem",
)
# The roles of each objectType, to the letter; `-` is null. What is not in it has its own name.
ROLES = """
customer_name | customer_name | customer_company_name | customer_name | customer_company_name | customer_name
offer_id | offer_id | resource_guid | product_id:sku_id | resource_guid | product_id:sku_id
offer_name | offer_name | resource_name | product_name | resource_name | product_name
subscription_name | subscription_name | subscription_name | subscription_description | subscription_name | subscription_description
charge_type | charge_type | charge_type | charge_type | - | charge_type
charge_start | charge_start_date | charge_start_date | charge_start_date | charge_start_date | charge_start_date
charge_end | charge_end_date | charge_end_date | charge_end_date | charge_end_date | charge_end_date
quantity | quantity | consumed_quantity | quantity | consumed_quantity | quantity
unit_price | unit_price | list_price | unit_price | - | unit_price
subtotal | subtotal | pretax_charges | subtotal | - | billing_pre_tax_total
tax | tax | tax_amount | tax_total | - | -
total | total_for_customer | post_tax_total | total_for_customer | - | -
currency | currency | currency | currency | - | billing_currency
order_id | order_id | order_id | order_id | order_id | -
country | - | - | customer_country | - | customer_country
reseller_id | tier2_mpn_id | tier2_mpn_id | reseller_mpn_id | tier2_mpn_id | reseller_mpn_id
billable_quantity | quantity | overage_quantity | billable_quantity | - | quantity
effective_unit_price | unit_price | pretax_effective_rate | effective_unit_price | - | effective_unit_price
exchange_rate | - | - | pc_to_bc_exchange_rate | - | pc_to_bc_exchange_rate
pricing_currency | - | - | pricing_currency | - | pricing_currency
term | billing_cycle_type | billing_cycle_type | term_and_billing_cycle | billing_cycle_type | -
subscription_end | subscription_end_date | - | subscription_end_date | - | -
credit_reason | - | - | credit_reason_code | - | credit_type
"""  # noqa: E501
TABLE = {
    role: dict(zip(OBJECT_TYPES, sources, strict=True))
    for role, *sources in (
        [cell.strip() for cell in row.split("|")] for row in ROLES.strip().splitlines()
    )
}


def values_of(kind: Kind) -> dict[str, tuple[str, object]]:
    """For each field a value that no other field has: as it is sent, and as it is to be found."""
    values: dict[str, tuple[str, object]] = {}
    for number, column in enumerate(kind.columns, 1):
        dtype = column.type.dtype
        day = date(2020, 1, 1) + timedelta(days=number)
        if isinstance(dtype, pl.Decimal):
            text = f"{number}.0000000000000000000000{number:02}"
            values[column.name] = (text, Decimal(text))
        elif dtype == pl.Date:
            values[column.name] = (f'"{day}T00:00:00"', day)
        elif isinstance(dtype, pl.Datetime):
            values[column.name] = (f'"{day}T23:59:59.9999999Z"', day)
        elif dtype == pl.Boolean:
            values[column.name] = ("true", True)
        else:
            values[column.name] = (json.dumps(f"the {column.wire}"), f"the {column.wire}")
    values["attributes"] = (f'{{"objectType":"{kind.object_type}"}}', None)
    return values


def frames_of(kind: Kind) -> dict[str, pl.DataFrame]:
    """The frame of a row whose every field has a value that names itself."""
    values = values_of(kind)
    row = ",".join(f'"{column.wire}":{values[column.name][0]}' for column in kind.columns)
    provider, line_item_type = kind.pairs[0]
    pages = [parse_page(page(f"[{{{row}}}]"), collection="x").page]
    frames = decode(pages, invoice_id="G1", provider=provider, line_item_type=line_item_type)
    assert list(frames) == [kind.object_type]
    return frames


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.object_type)
def test_every_cell_of_the_table_of_roles(kind):
    (charge,) = ik.charges(frames_of(kind), usage=kind.usage).iter_rows(named=True)
    found = {name: value for name, (_, value) in values_of(kind).items()}
    expected: dict[str, object] = {
        "invoice_id": "G1",
        "object_type": kind.object_type,
        "provider": kind.pairs[0][0],
        "line_item_type": kind.pairs[0][1],
        "customer_id": "the customerid",
        "subscription_id": "the subscriptionId",
        "charge_family": "unknown",
    }
    for role, sources in TABLE.items():
        source = sources[kind.object_type]
        if ":" in source:
            expected[role] = ":".join(str(found[part]) for part in source.split(":"))
        else:
            expected[role] = None if source == "-" else found[source]
    assert list(charge) == COLUMNS
    assert charge == expected


def test_columns_their_order_and_types():
    assert list(CHARGES) == COLUMNS
    assert [name for name, dtype in CHARGES.items() if dtype == NUMBER] == NUMBERS
    assert [name for name, dtype in CHARGES.items() if dtype == pl.Date] == DAYS
    assert set(CHARGES.values()) == {NUMBER, pl.Date(), pl.String()}
    assert ik.charges({}).schema == pl.Schema(CHARGES)
    assert set(TABLE) | {
        "invoice_id", "object_type", "provider", "line_item_type", "customer_id",
        "subscription_id", "charge_family",
    } == set(COLUMNS)  # fmt: skip


def test_roles_name_fields_that_there_are():
    """A role of a field that a kind has not would fail on its first row, and not in the table."""
    for kind in KINDS:
        documented = {column.name for column in kind.columns}
        for role, source in kind.roles.items():
            assert role in CHARGES
            assert source is None or set(source.split(":")) <= documented


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.object_type)
@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_lazy_frames_give_the_same(kind, engine):
    frames = frames_of(kind)
    lazy = {name: frame.lazy() for name, frame in frames.items()}
    found = ik.charges(lazy, usage=kind.usage).collect(engine=engine)
    assert found.equals(ik.charges(frames, usage=kind.usage))


# --- charge types


def test_the_table_of_charge_types_is_sound():
    words = [word for row in CHARGE_TYPES for word in (row.word, *row.also)]
    assert len({family_of(word) for word in words}) == len(FAMILIES) - 1
    for row in CHARGE_TYPES:
        assert row.family in FAMILIES[:-1]
        assert row.sign in {-1, 0, 1}
        assert row.meaning.endswith(".")
        for word in (row.word, *row.also):
            for spelt in (word, word.upper(), word.lower(), word.replace(" ", "_")):
                assert charge_type_of(spelt) == row


@pytest.mark.parametrize(
    ("word", "family", "sign"),
    [
        ("New", "one-off", 1),
        ("Purchase", "one-off", 1),
        ("renew", "recurring", 1),
        ("cycleCharge", "recurring", 1),
        ("CYCLE FEE", "recurring", 1),
        ("RENEW_FEE", "recurring", 1),
        ("addQuantity", "change", 0),
        ("cancelImmediate", "change", -1),
        ("Refund", "change", -1),
        ("PRORATE FEE WHEN CANCEL", "change", -1),
        ("prorate fees when convert to a new offering", "change", 1),
        ("ASSESS USAGE FEE FOR CURRENT CYCLE", "usage", 1),
        ("CYCLE_USAGEFEE", "usage", 1),
        ("customerCredit", "credit", -1),
        ("Offset a line item", "credit", -1),
        ("OFFSET_LINEITEM", "credit", -1),
        ("TAX_REFUND", "tax", -1),
    ],
)
def test_words_of_microsoft_in_either_age(word, family, sign):
    found = charge_type_of(word)
    assert found is not None
    assert (found.family, found.sign) == (family, sign)


def test_the_glossary_is_the_whole_table():
    found = ik.glossary()
    assert found.columns == ["charge_type", "family", "sign", "meaning", "also"]
    assert found["charge_type"].to_list() == [row.word for row in CHARGE_TYPES]
    assert found["family"].to_list() == [row.family for row in CHARGE_TYPES]
    assert found["also"].drop_nulls().to_list() == [
        ", ".join(row.also) for row in CHARGE_TYPES if row.also
    ]


@pytest.mark.parametrize("spelt", ["RENEWAL_FEE", "renew fees", "Renew fee"])
def test_the_glossary_of_one_word_in_any_spelling(spelt):
    assert ik.glossary(spelt).select("charge_type", "family", "sign").rows() == [
        ("Renew fee", "recurring", 1)
    ]


def test_a_word_that_the_glossary_has_not_is_told_with_those_like_it():
    with pytest.raises(ValueError, match=r"'addQuantty' in the table; .* addQuantity"):
        ik.glossary("addQuantty")
    with pytest.raises(ValueError, match=r"''.*ik\.glossary\(\) lists all"):
        ik.glossary("")


def test_the_family_of_each_charge_and_unknown_where_the_table_has_none():
    words = ["new", "CYCLECHARGE", None, "", "surprise", "customercredit", "new"]
    lines = [line(chargeType=json.dumps(word)) for word in words]
    pages = [parse_page(page(rows(*lines))).page]
    frames = decode(pages, invoice_id="G1", provider="onetime", line_item_type="billing")
    found = ik.charges(frames)
    assert found["charge_family"].to_list() == [
        "one-off", "recurring", "unknown", "unknown", "unknown", "credit", "one-off",
    ]  # fmt: skip
    totals = ik.totals(found, "charge_family")
    assert dict(totals.select("charge_family", "lines").iter_rows())["unknown"] == 3


def test_every_charge_type_of_the_demo_partner_is_in_the_table(demo):
    for found in demo.invoices()["invoice_id"][:6]:
        charges = demo.invoice(found).charges()
        assert charges["charge_type"].null_count() == 0
        assert "unknown" not in set(charges["charge_family"])

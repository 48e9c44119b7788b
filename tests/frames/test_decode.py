"""Pages to frames: every line, every field, every digit."""

from __future__ import annotations

import json
import warnings
from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import invoicekit as ik
from invoicekit import pages
from invoicekit.analysis.money import EXACT
from invoicekit.errors import FrameError, PageError
from invoicekit.frames.decode import OURS, decode
from invoicekit.frames.resources import INVOICE
from invoicekit.frames.schema import BY_OBJECT_TYPE, KINDS, TYPES, snake
from invoicekit.sources.partner_center.envelope import parse_page
from support.server import line, page, rows

ONE_TIME = "OneTimeInvoiceLineItem"


def read(
    *bodies: bytes, provider: str = "onetime", kind: str = "billing"
) -> dict[str, pl.DataFrame]:
    found = [
        parse_page(body, collection=f"{provider}/{kind} of G1", number=number).page
        for number, body in enumerate(bodies, 1)
    ]
    return decode(found, invoice_id="G1", provider=provider, line_item_type=kind)


def one(field: str, literal: str, object_type: str = ONE_TIME) -> object:
    """What becomes of one field of one row."""
    row = f'{{"{field}":{literal},"attributes":{{"objectType":"{object_type}"}}}}'
    return read(page(f"[{row}]"))[object_type][snake(field)].item()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.object_type)
def test_columns_are_the_same_whatever_the_pages_had(kind):
    provider, line_item_type = kind.pairs[0]
    attributes = {"objectType": kind.object_type}
    bare = read(page([{"attributes": attributes}]), provider=provider, kind=line_item_type)
    full = {column.wire: None for column in kind.columns} | {"attributes": attributes}
    frame = read(page([full]), provider=provider, kind=line_item_type)[kind.object_type]
    assert bare[kind.object_type].schema == frame.schema
    assert frame.columns == [*OURS, *(column.name for column in kind.columns)]
    assert frame.schema == {**OURS, **{c.name: c.type.dtype for c in kind.columns}}


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("26.35", "26.35"),
        ('"26.35"', "26.35"),
        ("1447", "1447"),
        ("-0.01", "-0.01"),
        ("4E-7", "0.0000004"),
        ("1.5e3", "1500"),
        ("0.123456789012345678", "0.123456789012345678"),
        ("0.1234567890123456789012340000", "0.123456789012345678901234"),
        ("12345678901234.12", "12345678901234.12"),
        ("99999999999999", "99999999999999"),
        ("-99999999999999.999999999999999999999999", "-99999999999999.999999999999999999999999"),
        ("0E-30", "0"),
        ("0E99999999999999999999", "0"),
        ("1E13", "10000000000000"),
        ("123E-00019", "0.0000000000000000123"),
        ("1E-000000000000000000000000000002", "0.01"),
        ("1.00E+0000000000000000000000000001", "10"),
        ("-0", "0"),
        ('"-0"', "0"),
        ("-0.0E-99999", "0"),
        ("null", None),
    ],
)
def test_an_amount_is_exactly_what_was_sent(literal, value):
    assert one("subtotal", literal) == (None if value is None else Decimal(value))


def test_a_unit_price_keeps_22_decimals():
    assert one("unitPrice", "0.1999968000511991808131") == Decimal("0.1999968000511991808131")


def test_what_is_billed_is_what_the_roles_call_subtotal_tax_and_total():
    for kind in (*KINDS, INVOICE):
        billed = {column.name for column in kind.columns if column.type == TYPES["billed"]}
        roles = {kind.roles.get(role, role) for role in ("subtotal", "tax", "total")}
        own = {"total_charges", "paid_amount"} if kind is INVOICE else roles
        assert billed == (set() if kind.usage else own)


@pytest.mark.parametrize(
    ("object_type", "field", "literal", "value"),
    [
        ("DailyRatedUsageLineItem", "quantity", "9.31322574615478515E-10", "931322574615479E-24"),
        ("DailyRatedUsageLineItem", "billingPreTaxTotal", "0.0000000000000000000000015", "2E-24"),
        ("DailyRatedUsageLineItem", "pricingPreTaxTotal", '"-2.5E-24"', "-2E-24"),
        ("UsageBasedLineItem", "consumptionPrice", "1E-99999999999999999999", "0"),
        ("LicenseBasedLineItem", "amount", "123E-00026", "1E-24"),
        (ONE_TIME, "pcToBCExchangeRate", "0.5000000000000000000000000001", "0.5"),
        (ONE_TIME, "unitPrice", "100000000000000", None),
        (ONE_TIME, "billableQuantity", "-1E99999999999999999999", None),
        (ONE_TIME, "quantity", '"99999999999999.9999999999999999999999995"', None),
    ],
)  # fmt: skip
def test_a_number_that_is_not_billed_costs_nobody_the_invoice(object_type, field, literal, value):
    attributes = f'"attributes":{{"objectType":"{object_type}"}}'
    fine, wrong = f'{{"{field}":"1.50",{attributes}}}', f'{{"{field}":{literal},{attributes}}}'
    with pytest.warns(UserWarning, match="did not fit") as told:
        frame = read(page(rows(fine)), page(rows(wrong, fine)), page(rows(wrong)))[object_type]
    name = snake(field)
    assert len(told) == 1
    assert f"{object_type}: 2 numbers" in str(told[0].message)
    assert f"as sent in {name}_as_sent" in str(told[0].message)
    number = None if value is None else Decimal(value)
    assert frame[name].to_list() == [Decimal("1.50"), number, Decimal("1.50"), number]
    sent = literal.strip('"')
    assert frame[f"{name}_as_sent"].to_list() == [None, sent, None, sent]
    documented = [column.name for column in BY_OBJECT_TYPE[object_type].columns]
    assert frame.columns == [*OURS, *documented, f"{name}_as_sent"]


def test_a_field_of_theirs_cannot_pass_for_a_number_as_it_was_sent():
    odd = line(unitPrice="1E-25", unitPriceAsSent='"theirs"')
    with pytest.warns(UserWarning, match="did not fit|not document"):
        frame = read(page(rows(odd, line())))[ONE_TIME]
    assert frame["unit_price_as_sent"].to_list() == ["1E-25", None]
    assert frame["wire_unit_price_as_sent"].to_list() == ["theirs", None]


@pytest.mark.parametrize(
    ("field", "literal", "words"),
    [
        ("subtotal", '"abc"', "not a number"),
        ("subtotal", '""', "not a number"),
        ("subtotal", '" 1.5"', "not a number"),
        ("subtotal", '"1,5"', "not a number"),
        ("subtotal", '"NaN"', "not a number"),
        ("subtotal", '"Infinity"', "not a number"),
        ("subtotal", '"1_000"', "not a number"),
        ("subtotal", '"\u0661\u0662"', "not a number"),
        ("subtotal", "true", "not a number"),
        ("subtotal", "[1]", "not a number"),
        ("subtotal", '{"a":1}', "not a number"),
        ("subtotal", "0.1234567890123456789012345", "more than 24 decimals"),
        ("subtotal", "1E-25", "more than 24 decimals"),
        ("subtotal", "123E-00027", "more than 24 decimals"),
        ("subtotal", "1E-99999999999999999999", "more than 24 decimals"),
        ("subtotal", "15E-000000000000000000000000000000025", "more than 24 decimals"),
        ("taxTotal", "99999999999999.9999999999999999999999999", "too large"),
        ("totalForCustomer", "100000000000000", "too large"),
        ("subtotal", "1E400", "too large"),
        ("subtotal", '"1E99999999999999999999"', "too large"),
        ("subtotal", '"1E"', "not a number"),
        ("subtotal", '"1E5.5"', "not a number"),
        ("unitPrice", '""', "not a number"),
        ("quantity", '"0.1234567890123456789012345x"', "not a number"),
        ("orderDate", '"2018-02-08T25:00:00Z"', "not a date"),
        ("orderDate", '"2018-02-08T23:60:00Z"', "not a date"),
        ("orderDate", '"yesterday"', "not a date"),
        ("orderDate", '"2018-02-30T00:00:00Z"', "not a date"),
        ("orderDate", "20180208", "not a date"),
    ],
)
def test_what_does_not_fit_is_refused_by_place_and_without_its_value(field, literal, words):
    row = f'{{"{field}":{literal},"attributes":{{"objectType":"{ONE_TIME}"}}}}'
    body = page(rows(line(), row))
    with pytest.raises(FrameError, match=words) as told:
        read(page(rows(line())), body)
    place = f"page 2 of onetime/billing of G1, row 2, column {snake(field)}"
    assert place in str(told.value)
    value = literal.strip('"')
    assert len(value) < 3 or value not in str(told.value)


@pytest.mark.parametrize(
    ("literal", "instant"),
    [
        ("2018-02-08T22:31:42.9397946Z", datetime(2018, 2, 8, 22, 31, 42, 939794, tzinfo=UTC)),
        ("2018-02-08T22:31:42Z", datetime(2018, 2, 8, 22, 31, 42, tzinfo=UTC)),
        ("2018-02-08T22:31:42", datetime(2018, 2, 8, 22, 31, 42, tzinfo=UTC)),
        ("2018-02-08T16:00:00.0000000-08:00", datetime(2018, 2, 9, tzinfo=UTC)),
        ("2018-02-08T00:00:00.0000000+00:00", datetime(2018, 2, 8, tzinfo=UTC)),
        ("2018-02-08T16:00:00.000000-0800", datetime(2018, 2, 9, tzinfo=UTC)),
        ("2018-02-08T16:00-0800", datetime(2018, 2, 9, tzinfo=UTC)),
        ("2018-02-08", datetime(2018, 2, 8, tzinfo=UTC)),
        ("9999-12-31T23:59:59.9999999Z", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("0001-01-01T00:00:00", None),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
    ],
)
def test_an_instant_in_any_of_its_spellings(literal, instant):
    assert one("orderDate", json.dumps(literal)) == instant


@pytest.mark.parametrize("literal", ["2017-05-12T00:00:00", "2017-05-12", "2017-05-12T00:00:00Z"])
def test_a_calendar_day_is_the_day_as_written(literal):
    found = one("chargeStartDate", json.dumps(literal), "LicenseBasedLineItem")
    assert found == date(2017, 5, 12)


@pytest.mark.parametrize(
    "text",
    ["2017-05-12T25:00:00", "2017-05-12T24:00:00Z", "2017-05-12T1:00"],
)
def test_a_day_at_an_hour_that_does_not_exist_is_refused(text):
    with pytest.raises(FrameError, match="column charge_start_date: not a date"):
        one("chargeStartDate", json.dumps(text), "LicenseBasedLineItem")


@pytest.mark.parametrize("literal", ["-1", "0", '"0"', '""', '"-1"', "null"])
def test_no_partner_is_null_in_mpn_ids(literal):
    assert one("resellerMpnId", literal) is None


def test_zero_is_a_value_everywhere_else():
    assert one("subtotal", "0") == 0
    assert one("skuId", '"0"') == "0"
    assert one("productId", '"-1"') == "-1"


def test_ids_are_text_always():
    assert one("mpnId", "4391507", "LicenseBasedLineItem") == "4391507"
    assert one("detailLineItemId", "1", "UsageBasedLineItem") == "1"
    assert one("skuId", '"0001"') == "0001"
    assert one("orderId", "567735045559164136123") == "567735045559164136123"


@pytest.mark.parametrize(
    ("object_type", "field"),
    [
        (ONE_TIME, "productQualifiers"),
        ("DailyRatedUsageLineItem", "tags"),
        ("DailyRatedUsageLineItem", "customerName"),
        ("DailyRatedUsageLineItem", "attributes"),
    ],
)
def test_lists_and_objects_are_their_own_json_text(object_type, field):
    nested = f'{{ "b": [1.10, {{"x":"\\u00e9"}}],\n "a" :1E2, "objectType": "{object_type}" }}'
    row = {"attributes": f'{{"objectType":"{object_type}"}}', field: nested}
    text = "{" + ",".join(f'"{name}":{value}' for name, value in row.items()) + "}"
    assert read(page(rows(text)))[object_type][snake(field)].item() == nested


def test_fields_beyond_the_documented_are_kept_as_text_and_reported_once():
    extra = line(discountRate="0.10", NewFlag=True, nested='{"a": 1.0}', page='"7"')
    with pytest.warns(
        UserWarning, match=r"'discount_rate', 'nested', 'new_flag', 'wire_page'"
    ) as told:
        frame = read(page(rows(line(), extra)), page(rows(extra)))[ONE_TIME]
    assert len(told) == 1
    assert frame["discount_rate"].to_list() == [None, "0.10", "0.10"]
    assert frame["new_flag"].to_list() == [None, "true", "true"]
    assert frame["nested"].to_list() == [None, '{"a": 1.0}', '{"a": 1.0}']
    assert frame["page"].to_list() == [1, 1, 2]  # ours; theirs keeps its value under another name
    assert frame["wire_page"].to_list() == [None, "7", "7"]


def test_a_field_that_is_new_on_a_later_page_is_kept_too():
    with pytest.warns(UserWarning, match="'later'"):
        frame = read(page(rows(line())), page(rows(line(later='"x"'))), page(rows(line())))
    assert frame[ONE_TIME]["later"].to_list() == [None, "x", None]


def test_a_list_where_text_was_expected_on_a_later_page_is_kept_as_it_stands():
    nested = line(meterDescription='["a", {"b": 1.0}]')
    frame = read(page(rows(line())), page(rows(line(), nested)), page(rows(line())))[ONE_TIME]
    assert frame["meter_description"].to_list() == [None, None, '["a", {"b": 1.0}]', None]


def test_a_nested_value_is_found_while_a_new_field_changes_the_layout():
    nested, later = line(publisherName='["a"]'), line(publisherName="3", newField='"x"')
    with pytest.warns(UserWarning, match="new_field"):
        frame = read(page(rows(nested)), page(rows(later)))[ONE_TIME]
    assert frame["publisher_name"].to_list() == ['["a"]', "3"]


def test_a_bare_control_character_is_no_json():
    with pytest.raises(PageError, match="not JSON"):
        read(page(rows(line(productQualifiers='["a\x1fb"]'))))


@pytest.mark.parametrize("separators", [(",", ":"), (" ,\n", " : ")])
def test_rows_are_the_same_in_pieces_of_any_size(monkeypatch, separators):
    """A page is decoded some hundred rows at a time; that is not seen, in no order of fields."""
    lines = [
        {"attributes": {"objectType": ONE_TIME}, "customerName": f'"{{[,]}}" {n}', "quantity": n}
        for n in range(50)
    ]
    lines[20]["publisherName"] = ["a"]
    lines[30]["later"] = {"b": 1}
    lines[40]["attributes"] = {"objectType": "LicenseBasedLineItem"}
    body = json.dumps({"items": lines}, separators=separators).encode()
    frames = []
    for size in (1, 300, 10**6):
        monkeypatch.setattr(pages, "PIECE", size)
        with pytest.warns(UserWarning, match="later"):
            frames.append(read(body, body))
    assert len({len(found) for found in frames}) == 1
    for name, frame in frames[0].items():
        assert all(frame.equals(found[name]) for found in frames)
    monkeypatch.setattr(pages, "PIECE", 300)
    lines[33]["quantity"] = "x"
    with pytest.raises(FrameError, match="page 2 of onetime/billing of G1, row 34, column quant"):
        read(body, json.dumps({"items": lines}, separators=separators).encode())


def test_a_long_number_among_flags_is_kept():
    row = f'{{"new":{"7" * 45}}}'
    with pytest.warns(UserWarning, match="'new'"):
        frame = read(page(f'[{{"new":true}},{row},{{"new":"x"}},{{"new":null}}]'))[ONE_TIME]
    assert frame["new"].to_list() == ["true", "7" * 45, "x", None]


def test_frames_do_not_depend_on_how_rows_are_spread_over_pages():
    """Nested values, new fields and other kinds at any place, one row a page or all in one."""
    random = Random(7)
    extras = [
        {},
        {"publisherName": '["a"]'},
        {"publisherName": "3"},
        {"later": '"x"'},
        {"later": '{"b":1.0}'},
        {"quantity": "2"},
    ]
    for _ in range(40):
        lines = [
            line(name=str(n), **(random.choice(extras) | random.choice(extras)))
            for n in range(random.randrange(1, 8))
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            apart = read(*(page(rows(one)) for one in lines))[ONE_TIME]
            together = read(page(rows(*lines)))[ONE_TIME]
        assert (
            apart.drop("page")
            .select(sorted(apart.drop("page").columns))
            .equals(together.drop("page").select(sorted(together.drop("page").columns)))
        )


def test_pascal_case_and_misspelt_fields_are_the_documented_ones():
    row = (
        '{"CustomerName":"A","UsageDate":"2019-02-01T00:00:00Z","invoiceLineItemTypce":"x",'
        '"attributes":{"objectType":"ThirdPartyDailyRatedUsageReconLineItem"}}'
    )
    frame = read(page(f"[{row}]"), provider="marketplace", kind="usage")["DailyRatedUsageLineItem"]
    assert frame.select("customer_name", "usage_date", "invoice_line_item_type").row(0) == (
        "A",
        date(2019, 2, 1),
        "x",
    )
    assert frame["object_type"].item() == "DailyRatedUsageLineItem"


def test_the_name_that_the_documentation_has_for_a_company_is_understood():
    row = '{"customerName":"A","preTaxCharges":1.5}'
    frame = read(page(f"[{row}]"), provider="azure")["UsageBasedLineItem"]
    assert frame.select("customer_company_name", "pretax_charges").row(0) == ("A", Decimal("1.5"))


@pytest.mark.parametrize("other", ["", ',"customerName":""', ',"customerName":null'])
def test_the_company_of_an_old_daily_rated_row_is_its_customer(other):
    row = '{"customerCompanyName":"A","quantity":1' + other + "}"
    frame = read(page(f"[{row}]"), kind="usage")["DailyRatedUsageLineItem"]
    assert frame["customer_name"].to_list() == ["A"]
    assert "customer_company_name" not in frame.columns
    assert ik.charges({"DailyRatedUsageLineItem": frame}, usage=True)["customer_name"][0] == "A"


FORMER = ["providerId", "providerName", "providerSource", "quoteId", "discountDescriptions"]
IN_2019 = ["UnitOfMeasure", "RateOfPartnerEarnedCredit", "PartnerName", "MeterId", "MeterRegion"]


@pytest.mark.parametrize("object_type", [ONE_TIME, "DailyRatedUsageLineItem"])
def test_fields_of_older_samples_are_kept_and_no_news(object_type):
    old = {name: f'"the {name}"' for name in FORMER}
    if object_type != ONE_TIME:
        old |= dict.fromkeys(IN_2019, '"0.15"')
        old |= {"UsageDate": '"2019-02-01"', "IsPartnerEarnedCreditApplied": "true"}
    old["attributes/objectType"] = f'"{object_type}"'
    attributes = f'"attributes":{{"objectType":"{object_type}"}}'
    row = "{" + ",".join(f'"{name}":{value}' for name, value in old.items()) + f",{attributes}}}"
    frame = read(page(f"[{row}]"))[object_type]  # a warning would be an error
    for name in FORMER:
        assert frame[snake(name)].to_list() == [f"the {name}"]
    if object_type != ONE_TIME:
        assert frame["rate_of_partner_earned_credit"].to_list() == [Decimal("0.15")]
        assert frame["has_partner_earned_credit"].to_list() == [True]
        assert frame["meter_id"].to_list() == ["0.15"]


def test_unbilled_lines_are_one_time_lines_by_another_name():
    frames = read(page(rows(line("1.00", object_type="UnBilledOneTimeInvoiceLineItem"), line())))
    assert list(frames) == [ONE_TIME]
    assert frames[ONE_TIME]["object_type"].to_list() == [ONE_TIME, ONE_TIME]
    assert ik.charges(frames)["total"].to_list() == [Decimal("1.00"), Decimal("1.10")]


@pytest.mark.parametrize("provider", ["onetime", "marketplace", "external", "all"])
def test_rows_of_new_commerce_that_name_no_object_type(provider):
    assert list(read(page('[{"quantity":1}]'), provider=provider)) == [ONE_TIME]
    found = read(page('[{"quantity":1}]'), provider=provider, kind="usage")
    assert list(found) == ["DailyRatedUsageLineItem"]


def test_two_spellings_of_a_field_that_disagree_are_refused():
    agree = line(Subtotal="1.10")
    assert read(page(rows(agree)))[ONE_TIME]["subtotal"].item() == Decimal("1.10")
    with pytest.raises(FrameError, match="two spellings"):
        read(page(rows(line("1.10", Subtotal="1.20"))))


def test_rows_of_several_kinds_in_one_page_go_to_their_frames_in_order():
    body = page(
        rows(
            line("1.00"),
            line("2.00", object_type="LicenseBasedLineItem"),
            line("3.00"),
            line("4.00", object_type="LicenseBasedLineItem"),
        )
    )
    with pytest.warns(UserWarning, match="tax_total"):
        frames = read(body)
    assert frames[ONE_TIME]["subtotal"].to_list() == [1, 3]
    assert frames["LicenseBasedLineItem"]["subtotal"].to_list() == [2, 4]


def test_a_wrong_row_is_named_by_its_place_on_the_page_not_in_its_kind():
    body = page(rows(line(object_type="LicenseBasedLineItem"), line('"x"')))
    with pytest.raises(FrameError, match="row 2, column subtotal"):
        read(body)


def test_an_unknown_object_type_is_kept_under_its_own_name_with_a_warning():
    new = line("5.00", object_type="SurpriseLineItem")
    with pytest.warns(UserWarning, match="'SurpriseLineItem' is not known") as told:
        frames = read(page(rows(line(), new)), page(rows(new)))
    assert len(told) == 1
    frame = frames["SurpriseLineItem"]
    assert frame["total_for_customer"].to_list() == ["5.00", "5.00"]
    assert frame.columns[:5] == list(OURS)
    assert frames[ONE_TIME].height == 1


def test_without_object_type_the_pair_asked_decides():
    row = '{"customerName":"A","attributes":null}'
    assert list(read(page(f"[{row}]"), provider="office")) == ["LicenseBasedLineItem"]
    assert list(read(page('[{"preTaxCharges":1}]'), provider="azure")) == ["UsageBasedLineItem"]
    with pytest.warns(UserWarning, match="not known"):
        assert list(read(page(f"[{row}]"), provider="new")) == ["UnknownLineItem"]


@pytest.mark.parametrize("item", ["1", "null", '"x"', "[]"])
def test_an_item_that_is_no_object_is_refused(item):
    with pytest.raises(FrameError, match="row 2: not an object"):
        read(page(rows(line(), item)))


def test_a_text_that_is_no_unicode_is_refused():
    with pytest.raises(PageError, match="not JSON"):
        read(page(rows(line(customerDomainName='"\\ud800"'))))
    with pytest.raises(FrameError, match="Unicode"):
        read(page(rows(line(name="xyz"))).replace(b"xyz", b"x\xffz"))


def test_an_empty_collection_gives_the_empty_frame_of_its_kind():
    frames = read(page([]), page([]))
    assert {name: frame.height for name, frame in frames.items()} == {ONE_TIME: 0}
    assert frames[ONE_TIME].schema == read(page(rows(line())))[ONE_TIME].schema
    assert read(page([]), provider="new") == {}


MANY = 10**14 - 1
LITERALS = st.one_of(
    st.decimals(-MANY, MANY, places=24).map(lambda number: f"{number:f}"),
    st.decimals(-MANY, MANY, places=2).map(lambda number: f"{number:f}"),
    st.integers(-MANY, MANY).map(str),
    st.builds("{}e{}".format, st.integers(-(10**6), 10**6), st.integers(-30, 12)),
    st.builds(
        "{}.{}E{}{:05}".format,
        st.integers(-(10**9), 10**9),
        st.integers(0, 10**40),
        st.sampled_from("+-"),
        st.integers(0, 40),
    ),
    st.builds(  # of 25 to 50 decimals, many of them just half of the last that fits
        "{}{}.{}{}{}".format,
        st.sampled_from(["", "-"]),
        st.integers(0, MANY),
        st.text("0123456789", min_size=24, max_size=24),
        st.sampled_from(["5", "50", "500000001", "49999999", "000", "1"]),
        st.text("0123456789", max_size=20),
    ),
    st.floats(-1e9, 1e9, allow_nan=False).map(repr),
)


def fits(text: str) -> bool:
    exponent = Decimal(text).normalize(EXACT).as_tuple().exponent
    return -exponent <= 24 and abs(Decimal(text)) < 10**14


@given(st.lists(st.tuples(LITERALS.filter(fits), st.booleans()), min_size=1, max_size=20))
@settings(max_examples=150, deadline=None)
def test_no_digit_is_lost_between_the_wire_and_the_frame(literals):
    lines = [line(f'"{text}"' if quoted else text) for text, quoted in literals]
    frame = read(page(rows(*lines)))[ONE_TIME]
    assert frame["subtotal"].to_list() == [Decimal(text) for text, _ in literals]


@given(st.lists(LITERALS, min_size=1, max_size=20))
@settings(max_examples=150, deadline=None)
@pytest.mark.filterwarnings("ignore")
def test_a_price_is_exact_or_beside_its_text(literals):
    frame = read(page(rows(*[line(unitPrice=text) for text in literals])))[ONE_TIME]
    sent = frame.get_column("unit_price_as_sent", default=pl.Series([None] * len(literals)))
    for text, price, as_sent in zip(literals, frame["unit_price"], sent, strict=True):
        if fits(text):
            assert (price, as_sent) == (Decimal(text), None)
            continue
        assert as_sent == text
        rounded = Decimal(text).quantize(Decimal("1E-24"), context=EXACT)  # half-even
        assert price == (rounded if abs(rounded) < 10**14 else None)
    assert ("unit_price_as_sent" in frame.columns) is not all(map(fits, literals))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
# What a row of any shape may hold; amounts are left to the property above.
FIELDS = ["customerName", "CustomerName", "skuId", "new", "page", "wire_page", "", "a b", "é"]
ROWS = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6)
OBJECT_TYPES = st.sampled_from([None, "", ONE_TIME, "LicenseBasedLineItem", "Surprise", "../x"])


@pytest.mark.filterwarnings("ignore")
@given(st.lists(st.tuples(ROWS, OBJECT_TYPES), max_size=6))
@settings(max_examples=150, deadline=None)
def test_no_row_is_ever_lost(found):
    items = [
        {**row, "attributes": {"objectType": name}} if name is not None else row
        for row, name in found
    ]
    try:
        frames = read(page(msgspec.json.encode(items).decode()))
    except FrameError:  # two spellings that disagree, a lone surrogate: told, not lost
        return
    assert sum(frame.height for frame in frames.values()) == len(items)
    known = set(BY_OBJECT_TYPE)
    for name, frame in frames.items():
        if name in known:
            continue
        wanted = [row for row, kind in found if (BY_OBJECT_TYPE.get(kind) or kind) == name]
        assert frame.height >= len(wanted)


def literals_of(values: st.SearchStrategy) -> st.SearchStrategy:
    """JSON in any of the ways that it may be written: escaped or not, tight or spread."""
    return st.builds(
        lambda value, ascii_only, indent: json.dumps(value, ensure_ascii=ascii_only, indent=indent),
        values,
        st.booleans(),
        st.sampled_from([None, 1, "\r\n"]),
    )


# Texts that could be taken for something else: no value, a quote, an escape, an end of a line.
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    st.text(st.sampled_from('"\\\x1e\x1f\r\n, n\ufeff\u2028é😀'), max_size=4),
    st.sampled_from(["null", '"null"', "\\", '"', '\\"', "[1]", "#", "\ufeff", " x "]),
)


@pytest.mark.filterwarnings("ignore")
@given(
    st.lists(st.lists(literals_of(TEXTS | JSON), min_size=2, max_size=2), min_size=1, max_size=30)
)
@settings(max_examples=200, deadline=None)
def test_texts_are_those_that_a_plain_reader_of_json_reads(found):
    """A string is its content, anything else the characters on the wire."""
    items = ",".join(f'{{"new":{new},"productName":{known}}}' for new, known in found)
    frame = read(page(f"[{items}]"))[ONE_TIME]
    for at, column in enumerate(("new", "product_name")):
        said = [json.loads(row[at]) for row in found]
        plain = [
            value if isinstance(value, str) else None if value is None else row[at]
            for value, row in zip(said, found, strict=True)
        ]
        assert frame[column].to_list() == [text or None for text in plain]


def test_a_total_may_be_spoken_of_elsewhere():
    row = '{"totalForCustomer":7,"productName":"totalForCustomer","attributes":{"a":"b"}}'
    assert read(page(f"[{row}]"))[ONE_TIME]["total_for_customer"].item() == 7


@pytest.mark.parametrize("name", ['a\\"b', "a\\\\b", "a\\u0000b"])
def test_a_field_whose_name_cannot_be_looked_for_is_refused(name):
    with pytest.raises(FrameError, match="cannot be read"):
        read(page(f'[{{"{name}":1}}]'))


def test_a_number_of_forty_digits_is_refused():
    with pytest.raises(FrameError, match="too large"):
        one("subtotal", "9" * 40)


def test_lists_nested_too_deeply_are_no_page():
    with pytest.raises(PageError, match="too deeply"):
        one("subtotal", "[" * 100_000 + "]" * 100_000)


@pytest.mark.parametrize(
    "literal",
    [
        '"0000-01-01T00:00:00"',
        '"-2024-01-01T00:00:00"',
        '"+12024-01-01T00:00:00"',
        '"9999-12-31T23:59:59-08:00"',
        '"0000-01-01"',
    ],
)
@pytest.mark.parametrize("field", ["orderDate", "usageDate"])
def test_a_year_that_python_has_not_is_refused(field, literal):
    object_type = ONE_TIME if field == "orderDate" else "DailyRatedUsageLineItem"
    if (field, literal[1:5]) == ("usageDate", "9999"):
        assert one(field, literal, object_type) == date(9999, 12, 31)  # the day as it is written
        return
    with pytest.raises(FrameError, match="not a date"):
        one(field, literal, object_type)

"""What a page or a row says twice: of two values a reader of JSON keeps one, silently."""

from __future__ import annotations

import json
import warnings
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invoicekit.errors import FrameError, PageError
from invoicekit.frames import batch
from invoicekit.frames.charges import sources_of
from invoicekit.frames.decode import decode, decode_invoices
from invoicekit.frames.resources import INVOICE
from invoicekit.frames.schema import BY_OBJECT_TYPE
from invoicekit.sources.partner_center.envelope import parse_page, parse_resource

ONE_TIME = "OneTimeInvoiceLineItem"
DECISIVE = {
    column.wire
    for column in BY_OBJECT_TYPE[ONE_TIME].columns
    if column.name in sources_of(BY_OBJECT_TYPE[ONE_TIME]) or column.wire == "attributes"
}


def read(*bodies: str) -> dict[str, pl.DataFrame]:
    pages = [
        parse_page(body.encode(), collection="onetime/billing of G1", number=number).page
        for number, body in enumerate(bodies, 1)
    ]
    return decode(pages, invoice_id="G1", provider="onetime", line_item_type="billing")


def test_what_is_money_or_decides_where_it_goes_is_decisive():
    assert {
        "customerId",
        "subtotal",
        "taxTotal",
        "totalForCustomer",
        "currency",
        "attributes",
        "quantity",
        "unitPrice",
        "chargeType",
        "productId",
        "skuId",
        "subscriptionId",
    } <= DECISIVE


@pytest.mark.parametrize("field", sorted(DECISIVE))
def test_a_field_that_decides_is_refused_where_it_is_there_twice(field):
    value = '{"objectType":"OneTimeInvoiceLineItem"}' if field == "attributes" else "null"
    escaped = f"\\u{ord(field[0]):04X}{field[1:]}"
    for again in (field, escaped):
        twice = f'{{"{field}":{value},"skuName":"a","{again}" : {value}}}'
        with pytest.raises(FrameError, match=f"page 2 of .*, row 3: .*{field} twice"):
            read('{"items":[{}]}', f'{{"items":[{{}},{{"{field}":{value}}},{twice},{{}}]}}')


@pytest.mark.parametrize("at", [1, 7, 8, 9, 16, 17, 20])
def test_pieces_are_looked_at_some_together_and_a_repeated_field_is_named_where_it_stands(at):
    bodies = ['{"items":[{"skuId":"a","totalForCustomer":7},{"skuId":null},{}]}'] * 20
    bodies[at - 1] = '{"items":[{},{"skuId":"a","totalForCustomer":7,"totalForCustomer":5},{}]}'
    assert len(bodies) - batch.AT_ONCE > batch.AT_ONCE
    with pytest.raises(FrameError, match=rf"page {at} of .*, row 2: .*totalForCustomer twice"):
        read(*bodies)


def test_what_rows_have_not_is_null_in_every_piece_of_a_batch():
    frame = read(*['{"items":[{"skuId":"a"},{"skuId":null},{}]}'] * 20)[ONE_TIME]
    assert frame["sku_id"].to_list() == ["a", None, None] * 20
    assert frame["page"].to_list() == [page for page in range(1, 21) for _ in range(3)]


def test_a_total_that_one_row_has_twice_is_not_made_up_for_by_a_row_that_has_none():
    with pytest.raises(FrameError, match=r"row 2: .*totalForCustomer twice"):
        read('{"items":[{"skuId":"a"},{"totalForCustomer":7,"totalForCustomer":5}]}')


def test_an_object_type_that_is_there_twice_is_refused():
    two = '{"objectType":"LicenseBasedLineItem","objectType":"OneTimeInvoiceLineItem"}'
    with pytest.raises(FrameError, match="attributes of a row have a field twice"):
        read(f'{{"items":[{{"totalForCustomer":7,"attributes":{two}}}]}}')


def test_a_field_that_decides_nothing_is_told_where_it_is_there_twice():
    with pytest.warns(UserWarning, match="have a field twice.*: 'meter_description'"):
        frame = read('{"items":[{"meterDescription":"a","meterDescription":"b"}]}')[ONE_TIME]
    assert frame["meter_description"].item() == "b"


def test_a_field_that_a_row_of_another_kind_has_twice_is_refused():
    license_ = '{"attributes":{"objectType":"LicenseBasedLineItem"},"tax":1,"tax":2}'
    with pytest.raises(FrameError, match=r"row 2: .*tax twice"):
        read(f'{{"items":[{{}},{license_}]}}')


@pytest.mark.parametrize("column", INVOICE.columns, ids=lambda column: column.wire)
def test_a_field_that_an_invoice_has_twice_is_refused(column):
    header = f'{{"{column.wire}":null,"{column.wire}":null}}'.encode()
    for found in (parse_resource(header), parse_page(b'{"items":[' + header + b"]}").page):
        with pytest.raises(FrameError, match=f"{column.wire} twice"):
            decode_invoices([found])


@pytest.mark.parametrize("name", ["*", "^.*$", "^a", "$", ""])
def test_a_field_whose_name_polars_would_take_for_many_columns_is_one(name):
    with pytest.warns(UserWarning, match="does not document"):
        frame = read(f'{{"items":[{{"{name}":"x","totalForCustomer":1.5}}]}}')[ONE_TIME]
    assert frame.item(0, -1) == "x"
    assert frame["total_for_customer"].item() == Decimal("1.5")


def test_rows_are_read_one_by_one_only_where_the_count_of_keys_says_so(monkeypatch):
    """Missing fields, nulls, objects and texts that speak of JSON alone do not slow a page down."""
    read_one_by_one: list[bytes] = []
    monkeypatch.setattr(batch, "repeated", lambda body: read_one_by_one.append(body) or [])
    lines = (
        "{}",
        '{"subtotal":null,"customerId":"a : b"}',
        '{"new":{"subtotal":1,"a":[{"b":"\\":"}]},"currency":"USD"}',
        '{"meterDescription":"{\\"a\\":\\"\\\\\\":\\"}"}',
    )
    items = ",".join(lines)
    with pytest.warns(UserWarning, match="'new'"):
        read(f'{{"items":[{items}],"links":{{"self":{{"uri":"/a"}}}}}}')
    assert read_one_by_one == []
    read('{"items":[{"currency":":"}]}')  # a text that looks like the end of a key
    assert len(read_one_by_one) == 1


@pytest.mark.parametrize("text", [r"\"\\:", r"\\\":", r"\":\":", r"\\", r"\\\\", ":", r"\" :"])
def test_a_text_does_not_hide_a_field_that_is_there_twice(text):
    """Whatever it has of quotes, colons and backslashes, escaped as it may be."""
    for other in (r"\\\":", r"\":", "", r"\\"):
        row = f'"skuName":"{text}","publisherName":"{other}","offer":{{"a":"{other}"}}'
        with pytest.raises(FrameError, match="currency twice"):
            read(f'{{"items":[{{{row},"currency":"a","currency":"b"}}]}}')


SPACE = st.sampled_from(["", "", "", " ", "\n", "\t", "\r\n  "])
# Texts that look like the end of a key, or like a key, and are none.
TEXTS = st.one_of(
    st.text(st.sampled_from('": \\,{}[]aé'), max_size=8),
    st.sampled_from(['":', '\\":', '{"tax":1}', '"currency" : ', ":", "totalForCustomer", "\\"]),
)


@st.composite
def spelt(draw: st.DrawFn, text: str) -> str:
    """A string in one of the ways that JSON has to write it."""
    escape = draw(st.sets(st.integers(0, max(0, len(text) - 1)), max_size=2))
    plain = draw(st.booleans())
    form = draw(st.sampled_from(["\\u{:04x}", "\\u{:04X}"]))
    return '"{}"'.format(
        "".join(
            form.format(ord(c)) if n in escape else json.dumps(c, ensure_ascii=plain)[1:-1]
            for n, c in enumerate(text)
        )
    )


@st.composite
def spaced(draw: st.DrawFn, pairs: list[tuple[str, str]]) -> str:
    """An object of these keys and values (as they are written), with space where it may be."""
    said = [
        f"{draw(SPACE)}{draw(spelt(key))}{draw(SPACE)}:{draw(SPACE)}{value}{draw(SPACE)}"
        for key, value in pairs
    ]
    return "{" + (",".join(said) or draw(SPACE)) + "}"


NUMBERS = st.sampled_from(["null", "1", "-2.50", '"3.1"', "1e2"])
NESTED = st.sampled_from(['{"objectType":"OneTimeInvoiceLineItem"}', '{"a":{"b":[{"c":1}]}}', "[]"])
FIELDS = {
    **dict.fromkeys(["subtotal", "taxTotal", "totalForCustomer", "quantity"], NUMBERS),
    **dict.fromkeys(["customerId", "currency", "chargeType", "skuName", "new"], TEXTS),
    **dict.fromkeys(["attributes", "productQualifiers"], NESTED),
    "mixed": st.one_of(TEXTS, NESTED),
}


@st.composite
def rows(draw: st.DrawFn) -> list[tuple[str, str]]:
    """The keys of a row, each once, and their values as they are written."""
    names = draw(st.lists(st.sampled_from(sorted(FIELDS)), unique=True))
    values = ((name, draw(FIELDS[name])) for name in names)
    return [
        (name, draw(st.just(value) if value[:1] in '{["nullne-123' else spelt(value)))
        if FIELDS[name] in (NUMBERS, NESTED)
        else (name, draw(spelt(value)))
        for name, value in values
    ]


@given(st.data(), st.lists(rows(), min_size=1, max_size=5), st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_row_is_refused_where_it_has_a_decisive_field_twice_and_nowhere_else(data, found, twice):
    """However the keys are spelt, spaced and ordered, and whatever the texts look like."""
    candidates = [n for n, row in enumerate(found) if DECISIVE & dict(row).keys()]
    twice = twice and bool(candidates)
    if twice:
        row = found[data.draw(st.sampled_from(candidates))]
        name, value = data.draw(st.sampled_from([pair for pair in row if pair[0] in DECISIVE]))
        again = value if name == "attributes" else data.draw(st.sampled_from([value, "null"]))
        row.insert(data.draw(st.integers(0, len(row))), (name, again))
    apart = data.draw(st.booleans())
    items = [data.draw(spaced(row)) for row in found]
    bodies = [f'{{"items":[{item}]}}' for item in items] if apart else []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bodies = bodies or [f'{{"items":[{",".join(items)}]}}']
        if twice:
            with pytest.raises(FrameError, match="twice"):
                read(*bodies)
        else:
            assert sum(frame.height for frame in read(*bodies).values()) == len(found)


# The envelope


@pytest.mark.parametrize(
    "body",
    [
        '{"items":[1],"items":[2]}',
        '{"items":[1],"items":[1]}',
        '{"items":[],"items":[1]}',
        '{"items":[1],"items":[]}',
        '{"items":[{"a":1}],"\\u0069tems":[]}',
        '{"\\u0069tems":[{"a":1}],"items":[{"a":2}]}',
        '{"\\u0069tems":[{"a":1}],"i\\u0074ems":[{"a":1}]}',
        '{"items":[ 1 , 2 ],"items":[]}',
        '{"items":[],"links":{},"links":{"next":{"uri":"/b"}}}',
        '{"items":[{}, {}],"links":{"next":{"uri":"/b"}},"li\\u006Eks" : {}}',
        '{"items":[],"links":{"next":{"uri":"/b"},"next":null}}',
        '{"items":[],"links":{"next":null,"nex\\u0074":{"uri":"/b"}}}',
        '{"items":[],"links":{"next":{"uri":"/a","uri":"/b"}}}',
        '{"items":[],"links":{"next":{"uri":"/a","headers":[{"key":"a","value":"1","value":"2"}]}}}',
        '{"totalCount":1,"items":[],"totalCount":2}',
    ],
)
def test_a_page_that_says_a_field_twice_is_not_believed(body):
    with pytest.raises(PageError, match="page 3 of a/b of G1 says a field of the page twice"):
        parse_page(body.encode(), collection="a/b of G1", number=3)


ENVELOPE = {
    "totalCount": st.just("1"),
    "links": st.sampled_from(['{"next":null}', '{"self":{"uri":"/a"}}']),
    "attributes": st.just('{"objectType":"Collection","items":[1]}'),
    "note": st.sampled_from(['"[]"', '"\\"items\\":[1]"', '"[1]"', '{"items":[1]}']),
}
ITEMS = st.sampled_from(
    ["[]", "[ ]", "[1]", "[1, 2]", '[{"a":1,"a":2}]', '["items",[1]]', '[{"items":[1]}\n]']
)


@given(
    st.data(),
    st.lists(st.sampled_from(sorted(ENVELOPE)), unique=True),
    ITEMS,
    st.sampled_from([None, "items", *ENVELOPE]),
)
@settings(max_examples=150, deadline=None)
def test_an_envelope_is_refused_where_it_has_a_field_twice_and_nowhere_else(
    data, names, items, twice
):
    pairs = [("items", items), *((name, data.draw(ENVELOPE[name])) for name in names)]
    if twice is not None:
        pairs += [(twice, data.draw(ITEMS if twice == "items" else ENVELOPE[twice]))]
    pairs = data.draw(st.permutations(pairs))
    body = data.draw(spaced(pairs)).encode()
    if twice in {"items", *names}:
        with pytest.raises(PageError, match="twice"):
            parse_page(body)
    else:
        found = parse_page(body).page
        assert found.rows == len(json.loads(items))
        pieces = [json.loads(piece) for piece, _ in found.pieces()]
        assert [item for piece in pieces for item in piece] == json.loads(items)

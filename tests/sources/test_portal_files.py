"""Files as the portal writes them: every generation gives the lines that the API gives."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import invoicekit as ik
from invoicekit.frames.charges import CHARGES, USUAL, charges
from invoicekit.frames.schema import BY_OBJECT_TYPE, KINDS, NUMBER
from invoicekit.frames.wire_names import LACKING, column_named
from invoicekit.sources.files.reading import FileLines, read_files
from support import portal_files
from support.portal_files import HEADERS, SAMPLES, csv_of, json_lines_of, rows_of

EURO, LEGACY = "G012345651", "D070001012"
NAMES = [f"{generation}-{pair.replace('/', '-')}" for generation, pair in HEADERS]


def frames_of(read: list[FileLines]) -> dict[str, pl.DataFrame]:
    (frames,) = [one.frames for one in read]
    return frames


def lacking(generation: str, pair: str) -> set[str]:
    """The columns of charges that a generation's header has nothing for."""
    (kind,) = [kind for kind in KINDS if tuple(pair.split("/")) in kind.pairs]
    known = {column_named(kind, name).name for name in HEADERS[generation, pair]
             if column_named(kind, name)}  # fmt: skip
    sources = {name: kind.roles.get(name, USUAL.get(name, name)) for name in CHARGES}
    ours = {"invoice_id", "object_type", "provider", "line_item_type"}
    return {
        name
        for name, source in sources.items()
        if source and name not in ours and not known.intersection(source.split(":"))
    }


# What the older generations have not; today's have all.
LACKS = {
    ("2019", "onetime/billing"): {
        "billable_quantity", "exchange_rate", "pricing_currency", "subscription_end",
        "credit_reason",
    },
    ("2019", "onetime/usage"): {
        "offer_name", "effective_unit_price", "exchange_rate", "credit_reason",
    },
}  # fmt: skip


@pytest.mark.parametrize(("generation", "pair"), HEADERS, ids=NAMES)
def test_a_file_of_each_generation_gives_the_charges_of_the_api(
    v1_demo, tmp_path, generation, pair
):
    """Cut to the columns that it has; those that it lacks are null, and they are a table."""
    invoice_id = LEGACY if generation == "legacy" else EURO
    path = tmp_path / "file.csv"
    path.write_bytes(csv_of(rows_of(invoice_id, pair), generation, pair))
    frames = frames_of(read_files([path]))
    (name,) = frames
    usage = BY_OBJECT_TYPE[name].usage
    ours = charges(frames, usage=usage)
    line_items = v1_demo.invoice(invoice_id).line_items()
    theirs = charges({name: line_items[name]}, usage=usage)

    lacks = lacking(generation, pair)
    assert lacks == LACKS.get((generation, pair), set())
    if pair == "office/billing":
        lacks |= {"invoice_id"}  # of these files, no row says which invoice it is of
    assert ours.height == theirs.height > 0
    assert ours.drop(lacks).equals(theirs.drop(lacks))
    assert {name for name in lacks if ours[name].null_count() < ours.height} == set()


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("pair", ["onetime/billing", "onetime/usage"])
def test_a_blob_of_an_export_gives_the_charges_of_the_api(v1_demo, tmp_path, pair, pack):
    path = tmp_path / "part-00000-x.json.gz"
    path.write_bytes(pack(json_lines_of(rows_of(EURO, pair))))
    frames = frames_of(read_files([path]))
    (name,) = frames
    usage = BY_OBJECT_TYPE[name].usage
    theirs = charges({name: v1_demo.invoice(EURO).line_items()[name]}, usage=usage)
    assert charges(frames, usage=usage).equals(theirs)
    empty = {column for column in frames[name].columns if not frames[name][column].count()}
    assert LACKING["graph"][name] <= empty


def test_a_file_and_the_api_agree_in_every_column_that_both_have(v1_demo, tmp_path):
    """Instants by their day, as the portal writes them."""
    for pair in ("onetime/billing", "onetime/usage"):
        path = tmp_path / "file.csv"
        path.write_bytes(csv_of(rows_of(EURO, pair), "2025", pair))
        ((name, ours),) = frames_of(read_files([path])).items()
        theirs = v1_demo.invoice(EURO).line_items()[name]
        assert ours.columns == theirs.columns
        lacks = LACKING["files"][name] | {"page"}
        day = pl.selectors.temporal().cast(pl.Date)
        assert ours.drop(lacks).with_columns(day).equals(theirs.drop(lacks).with_columns(day))
        assert {column for column in lacks - {"page"} if ours[column].count()} == set()


def test_the_lines_of_a_file_are_proven_like_any(demo):
    invoice = demo.invoice(EURO)
    frames = frames_of(read_files([SAMPLES / "2025" / f"{EURO}-onetime-billing.csv"]))
    proof = ik.reconcile(charges(frames), invoice.total, currency="EUR")
    assert proof.ties
    assert proof.lines == 38
    assert ik.totals(charges(frames), "customer").equals(invoice.totals("customer"))


def test_the_samples_are_what_the_script_writes():
    """`python -m support.portal_files` in `tests/` writes them again."""
    made = portal_files.samples()
    assert {path.relative_to(SAMPLES).as_posix() for path in SAMPLES.rglob("*.*")} == set(made)
    for name, contents in made.items():
        kept = (SAMPLES / name).read_bytes()
        unpack: Callable[[bytes], bytes] = gzip.decompress if name.endswith(".gz") else bytes
        assert unpack(kept) == unpack(contents), name


def test_the_samples_are_read_without_a_warning():
    for folder in ("2019", "2022", "2025", "legacy", "export"):
        assert read_files([SAMPLES / folder])


def test_the_same_invoice_in_several_files_is_told():
    with pytest.warns(UserWarning, match=f"{EURO} comes from several files") as told:
        read_files([SAMPLES / "2022", SAMPLES / "2025"])
    assert len(told) == 2


def test_the_same_lines_without_an_invoice_number_are_told(tmp_path):
    """Licence based files name no invoice; these are one, saved again, and another month's."""
    rows = rows_of(LEGACY, "office/billing")
    names = ("may.csv", "may (2).csv", "june.csv")
    contents = (
        csv_of(rows, "legacy", "office/billing"),
        csv_of(rows[::-1], "legacy", "office/billing", bom=False).replace(b"\r\n", b"\n"),
        csv_of(rows[1:], "legacy", "office/billing"),
    )
    paths = [tmp_path / name for name in names]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    with pytest.warns(UserWarning, match=r"are the same, .* count: may.csv, may \(2\).csv\. Name"):
        read = read_files(paths)
    assert [one.rows for one in read] == [len(rows), len(rows), len(rows) - 1]


def test_parts_of_one_export_are_one(tmp_path):
    rows = rows_of(EURO, "onetime/billing")
    for number in range(2):
        name = f"part-{number:05}-5b0f3c1e-0000-4000-8000-000000000001.c000.json.gz"
        (tmp_path / name).write_bytes(gzip.compress(json_lines_of(rows[number::2])))
    read = read_files([tmp_path])
    assert [one.rows for one in read] == [19, 19]
    assert [one.frames["OneTimeInvoiceLineItem"]["page"][0] for one in read] == [1, 2]


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
DATES = st.dates(date(1900, 1, 1))
ROW = st.fixed_dictionaries(
    {
        "customerName": TEXT,
        "productName": TEXT,
        "skuId": st.sampled_from(["0001", "006G"]),
        "invoiceNumber": st.just("G1"),
        "currency": st.just("EUR"),
        "subtotal": st.decimals(-(10**9), 10**9, places=2),
        "totalForCustomer": st.decimals(-(10**9), 10**9, places=3),
        "effectiveUnitPrice": st.decimals(-(10**5), 10**5, places=22),
        "chargeStartDate": DATES.map(str),
        "orderDate": DATES.map(str),
    }
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(ROW, min_size=1, max_size=5),
    generation=st.sampled_from(["2019", "2020", "2022", "2024", "2025"]),
    delimiter=st.sampled_from([",", ";", "\t"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be-bom"]),
)
@pytest.mark.filterwarnings("ignore:.*(semicolons|spreadsheet)")
def test_what_a_file_says_is_read_exactly(tmp_path, rows, generation, delimiter, encoding):
    pair = "onetime/billing"
    text = csv_of(
        [{name: str(value) for name, value in row.items()} for row in rows],
        generation, pair, delimiter=delimiter, bom=False,
    ).decode()  # fmt: skip
    packed = text.encode(encoding.removesuffix("-bom"))
    path = tmp_path / "file.csv"
    path.write_bytes(b"\xfe\xff" + packed if encoding.endswith("-bom") else packed)
    read = frames_of(read_files([path], decimal=".", dates="mdy"))["OneTimeInvoiceLineItem"]
    assert read.height == len(rows)
    for row, ours in zip(rows, read.iter_rows(named=True), strict=True):
        assert ours["customer_name"] == (row["customerName"] or None)
        assert ours["product_name"] == (row["productName"] or None)
        assert ours["subtotal"] == row["subtotal"]
        assert ours["total_for_customer"] == row["totalForCustomer"]
        assert ours["effective_unit_price"] == row["effectiveUnitPrice"]
        assert str(ours["charge_start_date"].date()) == row["chargeStartDate"]


def test_money_has_no_way_through_a_float(tmp_path):
    """Digits that no double holds come back, of every spelling."""
    row = dict(rows_of(EURO, "onetime/billing")[0])
    amounts = ["0.1", "12345678901234.123456789012345678901234", "-0.000000000000000000000001"]
    row["effectiveUnitPrice"] = "0.0815999905861234019757293"[:24]
    text = ""
    for amount in amounts:
        row["totalForCustomer"] = amount
        text += csv_of([row], "2025", "onetime/billing", bom=False).decode().partition("\r\n")[2]
    header = csv_of([], "2025", "onetime/billing", bom=False).decode()
    (tmp_path / "a.csv").write_text(header + text, encoding="utf-8", newline="")
    frame = frames_of(read_files([tmp_path / "a.csv"]))["OneTimeInvoiceLineItem"]
    assert frame["total_for_customer"].dtype == NUMBER
    assert frame["total_for_customer"].to_list() == list(map(Decimal, amounts))


def test_an_amount_that_does_not_fit_is_refused_and_a_price_keeps_its_text(tmp_path):
    row = dict(rows_of(EURO, "onetime/billing")[0])
    fine = "0.1234567890123456789012345"
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of([row, row | {"effectiveUnitPrice": fine}], "2025", "onetime/billing"))
    with pytest.warns(UserWarning, match=r"a\.csv: 1 number did not fit"):
        frame = frames_of(read_files([path]))["OneTimeInvoiceLineItem"]
    assert frame["effective_unit_price_as_sent"].to_list() == [None, fine]
    path.write_bytes(csv_of([row, row | {"subtotal": fine}], "2025", "onetime/billing"))
    with pytest.raises(ik.FrameError, match=r"a\.csv, row 3, column subtotal: .* not rounded"):
        read_files([path])


def test_a_percentage_is_a_ratio(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows_of(EURO, "onetime/usage"), "2025", "onetime/usage"))
    assert ",15,15," in re.sub(r"15\.00", "15", path.read_text(encoding="utf-8-sig"))
    frame = frames_of(read_files([path]))["DailyRatedUsageLineItem"]
    assert set(frame["rate_of_credit"]) <= {Decimal(0), Decimal("0.15")}


def test_a_field_that_is_not_documented_is_kept_and_told(tmp_path):
    rows = rows_of(EURO, "onetime/billing")
    text = csv_of(rows, "2025", "onetime/billing", bom=False).decode().splitlines()
    (tmp_path / "a.csv").write_text(
        "\n".join([f"{text[0]},My Note", *(f"{line},=1+1" for line in text[1:])]), encoding="utf-8"
    )
    with pytest.warns(UserWarning, match=r"a\.csv: OneTimeInvoiceLineItem .* 'my_note'"):
        frame = frames_of(read_files([tmp_path / "a.csv"]))["OneTimeInvoiceLineItem"]
    assert set(frame["my_note"]) == {"=1+1"}


def test_columns_may_stand_in_any_order(tmp_path):
    rows = rows_of(EURO, "onetime/billing")
    lines = csv_of(rows, "2025", "onetime/billing").decode("utf-8-sig").splitlines()
    turned = [row[::-1] for row in csv.reader(lines)]
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(turned)
    (tmp_path / "b.csv").write_bytes(csv_of(rows, "2025", "onetime/billing"))
    turned_frame = frames_of(read_files([tmp_path / "a.csv"]))["OneTimeInvoiceLineItem"]
    assert turned_frame.equals(
        frames_of(read_files([tmp_path / "b.csv"]))["OneTimeInvoiceLineItem"]
    )


def test_a_path_may_be_text_or_a_path():
    path = SAMPLES / "2025" / f"{EURO}-onetime-billing.csv"
    assert read_files([str(path)])[0].rows == read_files([Path(path)])[0].rows == 38

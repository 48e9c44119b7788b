"""Files that are not as the portal wrote them: found out, asked, told or refused; never guessed."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import json
import os
import re
import traceback
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import invoicekit as ik
from invoicekit.frames.schema import ONE_TIME
from invoicekit.sources.files.reading import read_files
from support.portal_files import csv_of, json_lines_of, rows_of

EURO = "G012345651"
KIND = "OneTimeInvoiceLineItem"
PAIR = "onetime/billing"
Cells = list[list[str]]


@pytest.fixture(scope="module")
def good() -> Cells:
    """The cells of a good file, its header first."""
    text = csv_of(rows_of(EURO, PAIR), "2025", PAIR, bom=False).decode()
    return list(csv.reader(io.StringIO(text)))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write cells as a file."""

    def to_file(cells: Cells, *, delimiter: str = ",", encoding: str = "utf-8") -> Path:
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter).writerows(cells)
        path = tmp_path / "odd.csv"
        path.write_bytes(text.getvalue().encode(encoding))
        return path

    return to_file


def changed(cells: Cells, **columns: Callable[[str], str]) -> Cells:
    """The cells with some columns changed."""
    at = {cells[0].index(name): change for name, change in columns.items()}
    return [
        cells[0],
        *([at.get(n, str)(cell) for n, cell in enumerate(row)] for row in cells[1:]),
    ]


def frame(*paths: Path, **asked: Any) -> pl.DataFrame:
    (one,) = read_files(paths, **asked)
    return one.frames[KIND]


def as_europe(cells: Cells) -> Cells:
    """What a German spreadsheet makes of it, were it to understand all of it."""
    numbers = [
        n for n, name in enumerate(cells[0]) if re.search("Price$|otal$|Rate$|Quantity$", name)
    ]
    dates = [n for n, name in enumerate(cells[0]) if name.endswith("Date")]
    rows = [[*row] for row in cells[1:]]
    for row in rows:
        for n in numbers:
            row[n] = row[n].replace(".", ",")
        for n in dates:
            month, _, rest = row[n].partition("/")
            day, _, year = rest.partition("/")
            row[n] = f"{day:0>2}.{month:0>2}.{year}" if year else ""
    return [cells[0], *rows]


def test_a_file_in_the_european_form_is_read_as_it_is_and_told(good, write):
    expected = frame(write(good))
    with pytest.warns(UserWarning, match="semicolons between the cells, decimal commas, dates"):
        found = frame(write(as_europe(good), delimiter=";"))
    assert found.equals(expected)


def test_numbers_in_groups_of_three_are_read(good, write):
    grouped = changed(
        good, Subtotal=lambda cell: f"{float(cell):,.2f}", Total=lambda cell: f" {cell} "
    )
    assert frame(write(grouped)).equals(frame(write(good)))


@pytest.mark.parametrize(
    ("sent", "ours"),
    [("(12.50)", "-12.50"), ("$12.50", "12.50"), ("-$12.50", "-12.50"), ("$-12.50", "-12.50"),
     ("1 234.50", "1234.50"), ("1'234.50", "1234.50"), ("+3.10", "3.10"), (".5", "0.5"),
     ("-12.50 €", "-12.50"), ("(12.50\u00a0€)", "-12.50"), ("12.50$", "12.50")],
)  # fmt: skip
def test_amounts_of_other_spellings_are_what_they_say(good, write, sent, ours):
    found = frame(write(changed(good[:2], Subtotal=lambda _: sent)))
    assert found["subtotal"].cast(pl.String)[0].rstrip("0") == ours.rstrip("0")


@pytest.mark.parametrize(
    "sent", ["1.2.3", "1,2,3.0", "12,34.5", "--1.0", "(1.0", "(-1.0)", "1.0 EUR", "$1.0 €", "€",
             "0x1", "nan", "inf", "1e", "\u0661.\u0665", "#REF!"],
)  # fmt: skip
def test_an_amount_that_is_none_is_refused_with_its_place(good, write, sent):
    with pytest.raises(ik.FrameError, match=r"odd\.csv, row 3, column subtotal: not a number"):
        frame(write([*good[:2], *changed([good[0], good[2]], Subtotal=lambda _: sent)[1:]]))


def only(cells: Cells, column: str, value: str) -> Cells:
    """Rows in which no other number or date says anything of the file's forms."""
    neutral = {
        name: (lambda cell: cell and "7")
        for name in cells[0]
        if re.search("Price|otal|Rate$|Quant", name)
    }
    neutral |= {name: (lambda cell: cell and "7/7/2026") for name in cells[0] if "Date" in name}
    return changed(cells[:3], **neutral | {column: lambda _: value})


@pytest.mark.parametrize(("value", "delimiter"), [("1,234", ","), ("1,234", ";"), ("1.234", ";")])
def test_a_number_that_could_be_two_is_asked(good, write, value, delimiter):
    path = write(only(good, "Subtotal", value), delimiter=delimiter)
    with pytest.raises(ik.FrameError, match=r'row 2, Subtotal.* Say decimal="\." or decimal=","'):
        frame(path)


@pytest.mark.filterwarnings("ignore:.*spreadsheet")
@pytest.mark.parametrize(
    ("value", "decimal", "ours"),
    [("1,234", ".", "1234"), ("1,234", ",", "1.234"), ("1.234", ",", "1234"),
     ("1.234", ".", "1.234")],
)  # fmt: skip
def test_what_was_asked_is_heeded(good, write, value, decimal, ours):
    found = frame(write(only(good, "Subtotal", value), delimiter=";"), decimal=decimal)
    assert set(found["subtotal"].cast(pl.String).str.strip_chars_end("0")) == {
        ours if "." in ours else f"{ours}."
    }


@pytest.mark.parametrize(("value", "ours"), [("0,045", "0.045"), ("-0,500", "-0.5")])
def test_a_zero_before_three_digits_parts_no_thousands(good, write, value, ours):
    with pytest.warns(UserWarning, match="decimal commas"):
        found = frame(write(only(good, "Subtotal", value)))
    assert set(found["subtotal"]) == {Decimal(ours)}


def test_a_point_in_a_file_with_commas_between_cells_is_the_portals(good, write):
    found = frame(write(only(good, "Subtotal", "1.234")))
    assert set(found["subtotal"].cast(pl.String).str.strip_chars_end("0")) == {"1.234"}


def test_points_and_commas_in_one_file_are_refused_whatever_is_said(good, write):
    both = [*good[:2], *changed([good[0], good[2]], Total=lambda _: "12,5")[1:]]
    for asked in ({}, {"decimal": "."}, {"decimal": ","}):
        with pytest.raises(ik.FrameError, match=r"a decimal point in .* a decimal comma in"):
            frame(write(both), **asked)


def test_dates_that_could_be_two_are_asked_and_the_answer_heeded(good, write):
    path = write(only(good, "OrderDate", "2/1/2026"))
    with pytest.raises(ik.FrameError, match=r'row 2, OrderDate.*dates="mdy".*dates="dmy"'):
        frame(path)
    for order, day in (("mdy", "2026-02-01"), ("dmy", "2026-01-02")):
        if order == "dmy":
            with pytest.warns(UserWarning, match="dates that begin with the day"):
                found = frame(path, dates=order)
        else:
            found = frame(path, dates=order)
        assert {str(moment.date()) for moment in found["order_date"]} == {day}


def test_dates_with_points_begin_with_the_day(good, write):
    others = {name: (lambda cell: cell and "7.7.2026") for name in good[0] if "Date" in name}
    path = write(changed(good[:3], **others | {"OrderDate": lambda _: "2.1.2026"}))
    with pytest.warns(UserWarning, match="dates that begin with the day"):
        found = frame(path)
    assert {str(moment.date()) for moment in found["order_date"]} == {"2026-01-02"}


@pytest.mark.parametrize(
    ("first", "second"),
    [("2/28/2026", "28/2/2026"), ("2/28/2026", "01.02.2026"), ("2/3/2026", "01.02.2026"),
     ("2/28/2026", "2026-02-01"), ("01.02.2026", "1-2-2026")],
)  # fmt: skip
def test_dates_of_two_forms_in_a_column_are_refused(good, write, first, second):
    """A spreadsheet reads `2/1/2026` as its own, and leaves `2/28/2026` as it stands."""
    cells = only(good, "OrderDate", first)
    cells[2][cells[0].index("OrderDate")] = second
    with pytest.raises(ik.FrameError, match=r"dates of two forms, as in .*OrderDate, and"):
        frame(write(cells), dates="mdy")


def test_points_in_one_column_and_slashes_in_another_are_refused(good, write):
    cells = only(good, "OrderDate", "01.02.2026")
    with pytest.raises(ik.FrameError, match="dates of two forms"):
        frame(write(cells))


def test_dates_with_hours_and_in_isos_form_are_read(good, write):
    spellings = {
        "2/28/2026 23:59": "2026-02-28 23:59:00", "2/28/2026 11:59:58 PM": "2026-02-28 23:59:58",
        "2/28/2026 12:00:00 AM": "2026-02-28 00:00:00", "2026-02-28": "2026-02-28 00:00:00",
        "2026-02-28T10:11:12Z": "2026-02-28 10:11:12", "2026-02-28 10:11": "2026-02-28 10:11:00",
        "1/1/0001 12:00:00 AM": None, "": None,
    }  # fmt: skip
    for sent, ours in spellings.items():
        found = frame(write(changed(good[:2], OrderDate=lambda _, sent=sent: sent)))
        (moment,) = found["order_date"]
        assert (moment and str(moment.replace(tzinfo=None))) == ours, sent


@pytest.mark.parametrize("sent", ["13/13/2026", "2/30/2026", "46054", "2/1/26", "soon"])
def test_a_date_that_is_none_is_refused_with_its_place(good, write, sent):
    with pytest.raises(ik.FrameError, match=r"odd\.csv, row 2, column order_date: not a date"):
        frame(write(changed(good[:2], OrderDate=lambda _: sent)))


SPOILED = {
    "numbers": ("UnitPrice", "7.58469E-05", "UnitPrice: 38 numbers with an exponent"),
    "zero": ("UnitPrice", "0.00E+00", "UnitPrice: 38 numbers with an exponent"),
    "ids": ("OrderId", "5.67736E+17", "OrderId: 38 ids with an exponent"),
    "sku": ("SkuId", "9", "SkuId: 38 SKU ids without their leading zeros"),
    "narrow": ("AlternateId", "########", "AlternateId: 38 cells of ###"),
}


@pytest.mark.parametrize(("column", "value", "words"), SPOILED.values(), ids=SPOILED)
def test_what_a_spreadsheet_spoiled_is_told(good, write, column, value, words):
    path = write(changed(good, **{column: lambda _: value}))
    with pytest.warns(UserWarning, match=re.escape(words) + r".*\(the first in row 2\)"):
        found = frame(path)
    assert found.height == len(good) - 1


def test_ids_of_fifteen_digits_and_zeros_are_told(good, write, monkeypatch):
    rounded = iter(range(100, 200))
    path = write(changed(good, OrderId=lambda _: f"567735045559{next(rounded)}000"))
    with pytest.warns(UserWarning, match="OrderId: 38 ids of more than 15 digits that end in zero"):
        frame(path)
    monkeypatch.setattr("invoicekit.sources.files.csv_rows.AT_ONCE", 3)
    rounded = iter(range(100, 200))
    whole = changed(good, OrderId=lambda _: f"567735045559{next(rounded)}000")
    whole[5][whole[0].index("OrderId")] = "567735045559164136"
    assert frame(write(whole)).height == 38


def test_a_number_of_many_digits_with_an_exponent_is_nobodys_fault(good, write):
    """The API itself writes usage like this."""
    frame(write(changed(good, BillableQuantity=lambda _: "9.31322574615479E-10")))


@pytest.mark.parametrize(
    ("sent", "delimiter", "ours"),
    [
        ("$1,234.5678901234567890123456789", ",", "1234.567890123456789012345679"),
        ("(0,1234567890123456789012345678)", ";", "-0.123456789012345678901235"),
        ("123 456 789 012 345,5", ";", None),
    ],
)
def test_a_price_that_does_not_fit_stands_beside_it_as_the_file_has_it(
    good, write, sent, delimiter, ours
):
    cells = good if delimiter == "," else as_europe(good)
    cells = changed(cells, EffectiveUnitPrice=lambda _: sent)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = frame(write(cells, delimiter=delimiter))
    assert "did not fit" in str(told[-1].message)
    assert found["effective_unit_price"][0] == (ours and Decimal(ours))
    assert set(found["effective_unit_price_as_sent"]) == {sent}


def test_letters_of_windows_are_read_and_told(good, write):
    path = write(changed(good, CustomerName=lambda _: "Müller & Söhne"), encoding="cp1252")
    with pytest.warns(UserWarning, match=r"letters of Windows-1252"):
        assert set(frame(path)["customer_name"]) == {"Müller & Söhne"}


def test_the_unicode_text_of_a_spreadsheet_is_read_and_told(good, write):
    expected = frame(write(good))
    with pytest.warns(UserWarning, match="has tabs between the cells, text in UTF-16: a spread"):
        assert frame(write(good, delimiter="\t", encoding="utf-16")).equals(expected)


def test_letters_of_two_encodings_are_refused(good, write):
    path = write(changed(good, CustomerName=lambda _: "Müller"))
    path.write_bytes(path.read_bytes() + "Söhne".encode("cp1252"))
    with pytest.raises(ik.PageError, match="in no encoding that we know"):
        frame(path)
    path.write_bytes(write(good).read_bytes() + "ö".encode()[:1])
    with pytest.raises(ik.PageError, match="ends within a letter"):
        frame(path)


def test_a_row_of_another_width_is_refused_with_its_number(good, write):
    for row in ([*good[5], ""], good[5][:-1]):
        with pytest.raises(ik.FrameError, match=r"odd\.csv, row 6: the row has \d+ cells"):
            frame(write([*good[:5], row, *good[6:]]))


def test_rows_without_any_value_are_left_out_and_told(good, write):
    blank = [""] * len(good[0])
    with pytest.warns(UserWarning, match="2 rows without any value"):
        found = frame(write([*good[:5], blank, *good[5:], blank]))
    assert found.equals(frame(write(good)))


def test_a_delimiter_at_the_end_of_each_line_is_no_column(good, write):
    expected = frame(write(good))
    assert frame(write([[*row, ""] for row in good])).equals(expected)
    with pytest.raises(ik.FrameError, match=r"row 3: a cell in column 48, which has no name"):
        frame(write([[*row, "x" if n == 2 else ""] for n, row in enumerate(good)]))


def test_an_objecttype_without_files_is_no_files(good, write, monkeypatch):
    """However many of its columns are there."""
    from invoicekit.sources.files import recognition

    api_only = replace(ONE_TIME, object_type="OnlyTheApiHasIt")
    monkeypatch.setattr(recognition, "KINDS", (api_only, *recognition.KINDS))
    assert list(ik.read(write(good))) == [KIND]


def test_a_column_that_is_there_twice_is_refused(good, write):
    for name in ("Total", "total ", "T_otal"):
        with pytest.raises(ik.PageError, match="has a column twice"):
            frame(write([[*good[0], name], *([*row, "1"] for row in good[1:])]))


def test_two_names_of_one_column_must_agree(good, write):
    def doubled(value: str) -> Cells:
        at = good[0].index("Total")
        return [
            [*good[0], "TotalForCustomer"],
            *([*row, value or row[at]] for row in good[1:]),
        ]

    assert frame(write(doubled(""))).equals(frame(write(good)))
    with pytest.raises(ik.FrameError, match="two spellings that disagree"):
        frame(write(doubled("0.01")))


def test_a_column_that_is_needed_and_not_there_is_named(good, write):
    at = good[0].index("TaxTotal")
    with pytest.raises(ik.PageError, match=f"looks like {KIND}.* has no TaxTotal"):
        frame(write([row[:at] + row[at + 1 :] for row in good]))


def test_a_header_alone_is_an_empty_frame(good, write):
    found = frame(write(good[:1]))
    assert found.height == 0
    assert found.schema == frame(write(good)).schema


def test_a_sum_that_somebody_added_is_told(good, write):
    """It stays a row: nothing is dropped."""
    added = [["99" if name in {"Subtotal", "Total"} else "" for name in good[0]]]
    with pytest.warns(UserWarning, match=r"without a currency, .* rows: 1 \(.* row 40\)"):
        assert frame(write([*good, *added])).height == 39


def test_a_line_that_names_the_separator_comes_first(good, write):
    path = write(good, delimiter=";")
    path.write_bytes(b"sep=;\r\n" + path.read_bytes())
    with pytest.warns(UserWarning, match="semicolons"):
        assert frame(path).height == 38
    path.write_bytes(path.read_bytes() + b"x;y\r\n")
    with pytest.raises(ik.FrameError, match="row 41"):
        frame(path)


def test_cells_may_hold_delimiters_quotes_and_lines(good, write):
    name = 'a "b", c;\r\nd\n=HYPERLINK("x")\t'
    assert set(frame(write(changed(good, CustomerName=lambda _: name)))["customer_name"]) == {name}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_all_cells_may_be_in_quotation_marks(good, tmp_path, delimiter, recwarn):
    """As PowerShell's `Export-Csv` writes them."""
    paths = [tmp_path / "plain.csv", tmp_path / "quoted.csv"]
    for path, quoting in zip(paths, (csv.QUOTE_MINIMAL, csv.QUOTE_ALL), strict=True):
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=delimiter, quoting=quoting).writerows(good)
    typed = b"#TYPE System.Management.Automation.PSCustomObject\r\n"
    paths[1].write_bytes(typed + paths[1].read_bytes())
    plain, quoted = map(frame, paths)
    assert quoted.equals(plain)
    assert len(recwarn) == (0 if delimiter == "," else 2)


def test_a_quotation_mark_that_stays_open_is_refused(good, write):
    path = write(good)
    path.write_bytes(path.read_bytes() + b'"open,1\n' + b"x" * 100)
    with pytest.raises(ik.PageError, match="row 40: quotation marks"):
        frame(path)


REFUSED = {
    "nothing": (b"", "is empty"),
    "a blank": (b" \n\n", "is empty"),
    "a web page": (b"\xef\xbb\xbf \n<!DOCTYPE html><html>sign in", "is a web page"),
    "a PDF": (b"%PDF-1.7 ...", "is a PDF"),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is a workbook of Excel"),
    "four bytes a letter": ("PartnerId,CustomerId\n".encode("utf-32"), "is text in UTF-32"),
    "NUL bytes": (b"PartnerId,\0CustomerId\n", "has NUL bytes"),
    "other words": (b"date,amount\n1,2\n", "1 of the 2 cells in its first row"),
    "columns without end": (b"a," * 2000 + b"a\n", "has more than 1,000 columns"),
    "JSON of another kind": (b'{"a": 1}\n', "0 of the 1 cells"),
    "a list": (b'[{"a": 1}]', "its first line is no JSON object"),
    "a page of the API": (b'{"totalCount": 1, "items": []}', "is a page of Partner Center's API"),
    "a cut gzip": (gzip.compress(b"x" * 99)[:-6], "is cut short or damaged"),
    "a flipped gzip": (gzip.compress(b"x" * 99)[:-5] + b"flip!", "is cut short or damaged"),
    "a cut zip": (b"PK\x03\x04" + b"x" * 50, "is cut short or damaged"),
    "letters of nobody": (b"PartnerId\x81\x8d,\xff\n", "in no encoding that we know"),
}


@pytest.mark.parametrize(("contents", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_billing_file_is_refused_by_what_it_is(tmp_path, contents, words):
    path = tmp_path / "invoice.csv"
    path.write_bytes(contents)
    with pytest.raises(ik.PageError, match=re.escape(words)):
        read_files([path])


def test_a_workbook_is_refused_with_the_remedy(tmp_path):
    path = tmp_path / "invoice.csv"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    with pytest.raises(ik.PageError, match=r"workbook or document of Office.*portal as CSV"):
        read_files([path])


def test_nothing_of_a_file_is_in_the_words_about_it(good, write):
    """A file without its header has customers where the names should be."""
    secret = "Contoso GmbH"
    cells = changed(good, CustomerName=lambda _: secret, Subtotal=lambda _: secret)
    for wrong in (cells[1:], cells):
        with pytest.raises(ik.InvoiceKitError) as caught:
            frame(write(wrong))
        assert secret not in str(caught.value)


def test_no_frame_of_an_error_has_rows_of_a_file(good, write, tmp_path):
    """What prints local variables would print customers with them."""
    customer = "Contoso GmbH"
    cells = changed(good, CustomerName=lambda _: customer, Subtotal=lambda _: customer)
    narrow = [*changed(good, CustomerName=lambda _: customer), [customer]]
    blob = tmp_path / "part.json"
    blob.write_bytes(json.dumps({"CustomerName": customer, "Total": "x"}).encode())
    lines = tmp_path / "lines.json"
    lines.write_bytes(json_lines_of(rows_of(EURO, PAIR)) + f'{{"Total": "{customer}"'.encode())
    for wrong in (cells[1:], cells, narrow, blob, lines):
        path = write(wrong) if isinstance(wrong, list) else wrong
        with pytest.raises((ik.FrameError, ik.PageError)) as caught:
            ik.read(path)
        error: BaseException | None = caught.value
        while error is not None:
            told = traceback.TracebackException.from_exception(error, capture_locals=True)
            frames = [one for one in told.stack if one.filename != __file__]
            assert len(frames) <= 3, frames
            assert customer not in f"{error!r} {vars(error)} {[one.locals for one in frames]}"
            error = error.__cause__ or error.__context__


@pytest.mark.parametrize("line", [b'{"Total": 1', b'{"Total":1},{"Total":2}', b"[1", b"7"])
def test_a_line_that_is_no_object_is_refused(tmp_path, line):
    path = tmp_path / "part.json"
    path.write_bytes(json_lines_of(rows_of(EURO, PAIR)) + line + b"\n")
    with pytest.raises(ik.PageError, match=r"line 39 of part\.json is no JSON object"):
        read_files([path])


def test_a_blob_may_lack_the_last_end_of_line_and_have_a_byte_order_mark(tmp_path):
    path = tmp_path / "part.json"
    lines = json_lines_of(rows_of(EURO, PAIR))
    path.write_bytes(lines)
    expected = frame(path)
    path.write_bytes(b"\xef\xbb\xbf" + lines.replace(b"\n", b"\r\n\r\n")[:-4])
    assert frame(path).equals(expected)


def test_fields_that_are_null_may_be_missing_in_a_blob(tmp_path):
    path = tmp_path / "part.json"
    lines = json_lines_of(rows_of(EURO, PAIR))
    path.write_bytes(lines)
    expected = frame(path)
    rows = [json.loads(line, parse_float=str, parse_int=str) for line in lines.splitlines()]
    for row in rows:
        row["CreditReasonCode"] = row["TaxTotal"] = ""
    whole = [{name: value for name, value in row.items() if value} for row in rows]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in whole), encoding="utf-8")
    found = frame(path)
    lost = ["tax_total", "credit_reason_code"]
    assert found.drop(lost).equals(expected.drop(lost))
    assert found["tax_total"].null_count() == 38


def test_an_error_in_a_long_blob_names_the_row(tmp_path):
    """Row numbers go on from one part of a file to the next."""
    path = tmp_path / "part.json"
    line = json_lines_of(rows_of(EURO, PAIR)[:1])
    wrong = re.sub(rb'"Subtotal": "?[^,]*', b'"Subtotal": "x"', line)
    path.write_bytes(line * 2999 + wrong + line)
    with pytest.raises(ik.FrameError, match=r"part\.json, row 3000, column subtotal"):
        read_files([path])


def test_the_same_bytes_are_refused_wherever_they_lie(good, write, tmp_path):
    path = write(good)
    other = tmp_path / "folder" / "copy.csv"
    other.parent.mkdir()
    other.write_bytes(gzip.compress(path.read_bytes()))
    for paths in ([path, path], [path, other.parent]):
        with pytest.raises(ik.PageError, match=r"odd\.csv and .* have the same bytes"):
            read_files(paths)


def test_folders_and_zips_are_walked_and_what_is_left_out_is_named(good, write, tmp_path):
    contents = write(good).read_bytes()
    folder = tmp_path / "folder"
    (folder / "below" / ".hidden").mkdir(parents=True)
    (folder / "below" / "a.CSV").write_bytes(contents)
    (folder / "invoice.pdf").write_bytes(b"%PDF")
    (folder / ".DS_Store").write_bytes(b"\0")
    (folder / "below" / ".hidden" / "b.csv").write_bytes(b"\0")
    with pytest.warns(UserWarning, match=r"folder: left out .*: \.hidden, invoice\.pdf$"):
        assert [one.name for one in read_files([folder])] == ["folder/below/a.CSV"]
    packed = tmp_path / "all.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/../../a.csv", contents)
        archive.writestr("__MACOSX/._a.csv", b"\0")
        archive.writestr("blob.json.gz", gzip.compress(json_lines_of(rows_of(EURO, PAIR))))
    with pytest.warns(UserWarning, match="comes from several files"):
        assert [one.name for one in read_files([packed])] == [
            "all.zip/blob.json.gz", "all.zip/x/../../a.csv",
        ]  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.zip", "folder", "odd.csv"]


def test_nothing_to_read_is_said(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ik.PageError, match=r"has no file named \.csv"):
        read_files([tmp_path / "empty"])
    with pytest.raises(FileNotFoundError):
        read_files([tmp_path / "gone.csv"])
    with pytest.raises(ValueError, match="no file was named"):
        read_files([])


@pytest.mark.skipif(os.name == "nt", reason="there are no pipes and links of this kind")
def test_pipes_devices_and_links_have_no_say(tmp_path, good, write):
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "pipe.csv", Path("/dev/zero")):
        with pytest.raises(ik.PageError, match="neither a file nor a folder"):
            read_files([path])
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.csv").write_bytes(write(good).read_bytes())
    (folder / "round").symlink_to(folder)
    (folder / "out.csv").symlink_to("/etc/passwd")
    os.mkfifo(folder / "b.csv")
    with pytest.warns(UserWarning, match=r"and links: b\.csv, out\.csv, round"):
        assert len(read_files([folder])) == 1


def test_a_folder_with_too_much_in_it_is_left_early(tmp_path, monkeypatch):
    monkeypatch.setattr("invoicekit.sources.files.finding.MOST_FILES", 20)
    for number in range(21):
        (tmp_path / f"{number}.csv").touch()
    with pytest.raises(ik.PageError, match="more than 20 entries"):
        read_files([tmp_path])
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(21):
            archive.writestr(f"{number}.csv", "x")
    with pytest.raises(ik.PageError, match="more than 20 files"):
        read_files([tmp_path / "many.zip"])
    monkeypatch.setattr("invoicekit.sources.files.finding.MOST_FILES", 30)
    monkeypatch.setattr("invoicekit.sources.files.finding.MOST_DIRECTORY", 500)
    with pytest.raises(ik.PageError, match="more than 30 files"):  # or a list of them that is long
        read_files([tmp_path / "many.zip"])


def test_a_bomb_is_left_early_and_at_flat_memory(tmp_path):
    header = csv_of([], "2025", PAIR, bom=False)
    line = b"," * (header.count(b",")) + b"\n"
    path = tmp_path / "bomb.csv.gz"
    with gzip.open(path, "wb") as file:
        file.write(header)
        for _ in range(100):
            file.write(line * 20_000)
    assert path.stat().st_size * 200 < 100 * 20_000 * len(line)
    tracemalloc.start()
    with pytest.raises(ik.PageError, match="more than 200 times its size"):
        read_files([path])
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()


def test_zips_that_hide_something_are_refused(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inner.zip", b"PK")
    with pytest.raises(ik.PageError, match="a zip within the zip"):
        read_files([path])
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", b"1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.csv", b"2")
    with pytest.raises(ik.PageError, match="two files of the same name"):
        read_files([path])


@pytest.mark.parametrize("way", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, "encrypted"])
def test_a_zip_of_an_unusual_kind_is_refused(tmp_path, way):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", 0 if way == "encrypted" else way) as archive:
        archive.writestr("a.csv", b"x" * 500)
    if way == "encrypted":
        packed = bytearray(path.read_bytes())
        packed[6] |= 1
        packed[packed.index(b"PK\x01\x02") + 8] |= 1
        path.write_bytes(packed)
    with pytest.raises(ik.PageError, match=r"a\.zip/a\.csv is encrypted, or packed in another way"):
        read_files([path])


def test_a_zip_with_a_flipped_byte_is_read_or_refused(tmp_path, good, write):
    """Whatever the byte is of: nothing but an error of ours, or the very lines."""
    contents = write(good[:3]).read_bytes()
    expected = frame(write(good[:3]))
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", contents)
    whole = path.read_bytes()
    listed = whole.index(b"PK\x01\x02")
    for at in (*range(30), *range(listed, len(whole))):
        for value in (0, whole[at] ^ 128):
            path.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
            with warnings.catch_warnings(), contextlib.suppress(ik.PageError):
                warnings.simplefilter("ignore")  # a name that ends otherwise is left out
                assert frame(path).equals(expected)


def test_a_line_without_end_is_refused(tmp_path):
    for start in (b"PartnerId,", b'{"a": "'):
        path = tmp_path / "long.csv"
        path.write_bytes(start + b"x" * (17 << 20))
        with pytest.raises(ik.PageError, match="a line of more than 8,388,608 bytes"):
            read_files([path])


def test_a_file_that_changes_while_it_is_read_is_refused(good, write, monkeypatch):
    from invoicekit.sources.files import reading

    path, look_at = write(good), reading.look_at

    def change_after(file):
        look = look_at(file)
        path.write_bytes(path.read_bytes() + b"\r\n")
        return look

    monkeypatch.setattr(reading, "look_at", change_after)
    with pytest.raises(ik.PageError, match="changed while it was read"):
        read_files([path])


def test_a_blob_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch):
    from invoicekit.sources.files import export_lines

    path, kind_of_lines = tmp_path / "part.json", export_lines.kind_of_lines
    row = dict.fromkeys(
        ["ProductId", "ChargeType", "Subtotal", "TaxTotal", "Total", "Currency"], "1"
    )
    path.write_text(json.dumps(row | {"InvoiceNumber": "G1", "CustomerId": "c", "SkuId": "1"}))

    def change_after(file, look):
        kind = kind_of_lines(file, look)
        path.write_text(path.read_text().replace("G1", "G2"))
        return kind

    assert read_files([path])[0].rows == 1
    monkeypatch.setattr(export_lines, "kind_of_lines", change_after)
    with pytest.raises(ik.PageError, match="changed while it was read"):
        read_files([path])


def test_a_large_file_is_read_in_batches_twice(good, write, monkeypatch):
    """What its last row says of its forms counts for the first."""
    from invoicekit.sources.files import csv_frames, csv_rows

    path = write([good[0], *only(good, "Subtotal", "1,234")[1:], *good[1:]])
    expected = frame(path)
    monkeypatch.setattr(csv_frames, "SMALL", 0)
    monkeypatch.setattr(csv_rows, "AT_ONCE", 7)
    assert frame(path).equals(expected)
    assert expected["subtotal"][0] == 1234
    with pytest.raises(ik.FrameError, match="row 42, column subtotal"):
        frame(write([*good, *good[1:3], *changed(good[:2], Subtotal=lambda _: "x")[1:]]))


def test_words_that_are_not_allowed_are_named(good, write):
    with pytest.raises(ValueError, match=r"decimal must be one of '\.', ','"):
        ik.read(write(good), decimal=";")
    with pytest.raises(ValueError, match="dates must be one of 'mdy', 'dmy'"):
        ik.read(write(good), dates="ymd")
    for nothing in ([""], [write(good), ""]):  # as of a variable that is not set
        with pytest.raises(ValueError, match="no file was named"):
            ik.read(*nothing)


def test_a_second_byte_order_mark_is_no_part_of_a_name(good, write):
    expected = frame(write(good))
    path = write(good)
    path.write_bytes(codecs.BOM_UTF8 * 2 + path.read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert frame(path).equals(expected)

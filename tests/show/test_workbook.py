"""The workbook: cells that are what they were, and formulas that add up to the invoice."""

from __future__ import annotations

import csv
import datetime as dt
import os
import re
import shutil
import stat
import subprocess
import zipfile
from decimal import Decimal
from itertools import takewhile
from pathlib import Path

import polars as pl
import pytest

import invoicekit as ik
from invoicekit.show.spreadsheet.book import making
from invoicekit.show.workbook import write_workbook
from support.partner import ONE_TIME, Partner, refused
from support.server import invoice, line, page, rows
from support.xlsx import Cell, Workbook

EVIL = '<r><t>x</t></r></is></c><c r="A9"><f>1+1</f></c><c t="inlineStr"><is><r><t></t></r>'
TEXTS = ["=1+1", "+1", "-1", "@SUM(A1)", "{=1}", "http://example.com", "mailto:a@b.c",
         "internal:A1", "<r>", EVIL, "_x0041_", "a & b<c", " two  ", "01", "日本"]  # fmt: skip
INVOICE = "G012345611"  # of the demo partner: 369 lines, and 300 of daily usage
EMPTY = Cell("", "")
EPOCH = dt.datetime(1899, 12, 30, tzinfo=dt.UTC)


def book_of(frame: pl.DataFrame, path, **given) -> Workbook:
    """A frame written as a table of its own."""
    with making(path, **{"most_rows": 100, **given}) as book:
        book.table("Data", frame.lazy(), money=("total",), currency="currency")
    return Workbook(path)


def written(client: ik.Client, path, invoice_id: str = "G1") -> Workbook:
    return Workbook(client.invoice(invoice_id).workbook(path))


def checks(book: Workbook) -> dict[tuple[str, str], dict[str, str]]:
    """Each row of the checks, by what is checked and its currency."""
    found = [row for row in book.rows("Checks") if "F" in row and row["F"].kind == "formula"]
    return {
        (row["A"].value, row["B"].value): {letters: cell.value for letters, cell in row.items()}
        for row in found
    }


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_text_stays_text(text, tmp_path):
    frame = pl.DataFrame({text: [text, "a"], "currency": [text, None], "total": [1, 2]})
    first, second = book_of(frame, tmp_path / "a.xlsx").table("Data")
    assert (first[text].kind, first[text].value) == ("text", text)
    assert (second[text].value, second["total"].value) == ("a", "2")
    assert "currency" not in second


def test_what_is_not_seen_is_not_written(tmp_path):
    frame = pl.DataFrame({"name": ["a\x00b\u202ec\nd\x1b"]})
    (row,) = book_of(frame, tmp_path / "a.xlsx").table("Data")
    assert row["name"].value == "abc d"


def test_there_are_no_links_and_no_formulas_among_the_lines(demo, tmp_path):
    """One of the made-up customers is called =SUM(1,2)."""
    book = written(demo, tmp_path / "a.xlsx", INVOICE)
    assert "=SUM(1,2)" in {row["Customer"].value for row in book.table("Customers")}
    for name in book.sheets.keys() - {"Summary", "Checks"}:
        assert {cell.kind for cell in book.sheets[name].values()} <= {"text", "number", "flag"}
    assert not any("hyperlink" in part for name, part in book.parts.items() if "sheet" in name)


def test_ids_are_text_money_has_its_decimals_and_days_are_days(demo, tmp_path):
    invoice = demo.invoice(INVOICE)
    frame = invoice.line_items()[ONE_TIME]
    rows = Workbook(invoice.workbook(tmp_path / "a.xlsx")).table(ONE_TIME)
    assert len(rows) == frame.height
    for cells, billed in zip(rows, frame.iter_rows(named=True), strict=True):
        for name, value in billed.items():
            if value is None:
                assert name not in cells
            elif isinstance(value, Decimal):
                assert cells[name].kind == "number"
                beside = cells.get(f"{name} (exact)")
                assert float(cells[name].value) == float(value)
                assert beside is None or Decimal(beside.value) == value
            elif isinstance(value, dt.datetime):
                assert cells[name].kind == "number"
                assert cells[name].look.startswith("yyyy-mm-dd")
                at = EPOCH + dt.timedelta(days=float(cells[name].value))
                assert abs(at - value) < dt.timedelta(milliseconds=1)
            elif isinstance(value, str):
                assert cells[name].kind == "text"
        assert cells["total_for_customer"].look == "#,##0.00;[Red]-#,##0.00"


def test_amounts_have_the_decimals_of_the_currency_of_their_row(tmp_path):
    frame = pl.DataFrame({"currency": ["USD", "JPY", None, "KWD"], "total": [Decimal("1.5")] * 4})
    looks = [row["total"].look for row in book_of(frame, tmp_path / "a.xlsx").table("Data")]
    assert [look.split(";")[0] for look in looks] == ["#,##0.00", "#,##0", "#,##0.00", "#,##0.000"]


def test_a_number_of_more_digits_than_a_spreadsheet_keeps_has_its_text_beside_it(tmp_path):
    long = [
        Decimal("0.1999968000511991808131"),
        Decimal("-99999999999999.123456789012345678901234"),
    ]
    short = [
        Decimal("0.1"),
        Decimal("123456789012.345"),
        Decimal("1E-15"),
        Decimal(-12_000_000_000_000),
    ]
    frame = pl.DataFrame(
        {"unit_price": [*long, *short], "total": [*short, None, None]},
        schema_overrides=dict.fromkeys(("unit_price", "total"), pl.Decimal(38, 24)),
    )
    rows = book_of(frame, tmp_path / "a.xlsx").table("Data")
    exact = [row["unit_price (exact)"].value for row in rows if "unit_price (exact)" in row]
    assert [Decimal(text) for text in exact] == long
    assert [float(row["unit_price"].value) for row in rows[2:]] == list(map(float, short))
    assert "total (exact)" not in rows[0]


def test_days_that_a_spreadsheet_cannot_count_are_text(tmp_path):
    days = [dt.date(1900, 2, 28), dt.date(2026, 1, 1)]
    at = [dt.datetime(2026, 1, 1, 18, tzinfo=dt.UTC), None]
    frame = pl.DataFrame({"old": days, "new": days[1:] * 2, "at": at})
    rows = book_of(frame, tmp_path / "a.xlsx").table("Data")
    assert [row["old"].value for row in rows] == ["1900-02-28", "2026-01-01"]
    assert [row["new"].value for row in rows] == ["46023", "46023"]
    assert (rows[0]["at"].value, rows[0]["at"].look) == ("46023.75", "yyyy-mm-dd hh:mm:ss")


def test_a_frame_of_nothing_is_a_sheet_of_nothing(tmp_path):
    """No rows, no columns, or flags and nulls alone."""
    empty = pl.DataFrame(schema={"day": pl.Date, "total": pl.Decimal(38, 24), "name": pl.String})
    assert list(book_of(empty, tmp_path / "a.xlsx").sheets["Data"]) == ["A1", "B1", "C1"]
    assert book_of(pl.DataFrame(), tmp_path / "b.xlsx").sheets["Data"] == {}
    flags = pl.DataFrame({"yes": [True, None], "none": [None, None]})
    (row,) = book_of(flags, tmp_path / "c.xlsx").table("Data")
    assert {name: (cell.kind, cell.value) for name, cell in row.items()} == {"yes": ("flag", "1")}


def test_a_text_too_long_for_a_cell_is_cut_and_that_is_said(serve, open_client, tmp_path):
    long = "a" * 32_760 + "😀" * 4
    client = open_client(
        serve(Partner(lines=page(rows(line(name=long), line("0", name="a" * 32_767)))))
    )
    book = written(client, tmp_path / "a.xlsx")
    first, second = book.table(ONE_TIME)
    kept = first["customer_name"].value
    assert kept == "a" * 32_760 + "😀" * 3 + "…"
    assert second["customer_name"].value == "a" * 32_767
    said = " ".join(cell.value for cell in book.sheets["Summary"].values())
    assert "4 cells were longer" in said  # the name and the id, of the line and of the customer


def test_lines_beyond_a_sheet_go_on_in_the_next_and_that_is_said(demo, tmp_path):
    invoice = demo.invoice(INVOICE)
    lines = invoice.line_items()
    path = write_workbook(invoice, lines.lines, tmp_path / "a.xlsx", most_rows=101)
    book = Workbook(path)
    names = [name for name in book.sheets if name.startswith(ONE_TIME)]
    assert names == [ONE_TIME, *(f"{ONE_TIME} ({n})" for n in (2, 3, 4))]
    found = [row["order_id"].value for name in names for row in book.table(name)]
    assert found == lines[ONE_TIME]["order_id"].to_list()
    said = [cell.value for cell in book.sheets["Summary"].values()]
    assert any(
        text.startswith(f"{ONE_TIME} has 369 rows, and a sheet takes 100: they go on")
        for text in said
    )
    formula = next(cell.formula for cell in book.sheets["Checks"].values() if cell.formula)
    assert all(f"'{name}'!" in formula for name in names)


@pytest.mark.parametrize(
    ("names", "sheets"),
    [
        (["a:b?*[x]/\\'", "A_b_x_"], ["a_b_x_", "A_b_x_ (2)"]),
        (["History", "", "'", " .'"], ["History (2)", "Sheet", "_", "_ (2)"]),
        (["x" * 40, "X" * 40], ["x" * 31, "X" * 27 + " (2)"]),
        (["SORT(A1)", "日本"], ["SORT_A1_", "_"]),
    ],
)
def test_sheets_have_names_of_their_own(names, sheets, tmp_path):
    with making(tmp_path / "a.xlsx") as book:
        assert [book.sheet(name).name for name in names] == sheets
    assert list(Workbook(tmp_path / "a.xlsx").sheets) == sheets


def test_the_same_invoice_gives_the_same_bytes(demo, tmp_path):
    first, second = (
        demo.invoice(INVOICE).workbook(tmp_path / f"{n}.xlsx").read_bytes() for n in range(2)
    )
    assert first == second


def test_from_the_store_it_is_the_same_as_from_memory(demo, tmp_path):
    invoice = demo.invoice("G012345607")
    lines = invoice.line_items().lines
    memory = write_workbook(invoice, lines, tmp_path / "a.xlsx").read_bytes()
    again = demo.invoice("G012345607")  # closed: it lies in the store
    assert again.workbook(tmp_path / "b.xlsx").read_bytes() == memory
    assert not again._read.results


def test_a_new_file_is_for_its_owner_alone_and_one_that_fails_leaves_what_was(tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"before")
    with pytest.raises(RuntimeError), making(path) as book:  # noqa: PT012 (what fails is within)
        book.sheet("a")
        raise RuntimeError
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
    with making(tmp_path / "b.xlsx") as book:
        book.sheet("a")
    if os.name != "nt":
        assert stat.S_IMODE((tmp_path / "b.xlsx").stat().st_mode) == 0o600


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_disk_that_is_full_is_an_error_and_a_pipe_is_written_into(tmp_path):
    with pytest.raises(OSError, match="No space left"), making(Path("/dev/full")) as book:
        book.table("a", pl.DataFrame({"a": list(range(20_000))}).lazy())
    with (tmp_path / "pipe.xlsx").open("wb") as piped:
        cat = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=piped)
        with making(Path(f"/dev/fd/{cat.stdin.fileno()}")) as book:
            book.sheet("a")
        cat.stdin.close()
        assert cat.wait(timeout=30) == 0
    assert list(Workbook(tmp_path / "pipe.xlsx").sheets) == ["a"]


def test_what_it_writes_on_the_way_lies_in_a_folder_of_its_own_that_goes(tmp_path, monkeypatch):
    room = tmp_path / "temp"
    room.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(room))
    with making(tmp_path / "a.xlsx") as book:
        book.sheet("a")
        (folder,) = room.iterdir()
        assert list(folder.iterdir())
        if os.name != "nt":
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list(room.iterdir()) == []


def test_the_checks_of_an_invoice_that_ties(demo, tmp_path):
    invoice = demo.invoice(INVOICE)
    book = Workbook(invoice.workbook(tmp_path / "a.xlsx"))
    found = checks(book)
    assert list(found) == [
        (f"All lines: the total of invoice {invoice.id}", "USD"),
        (f"{ONE_TIME}: total", "USD"),
        (f"{ONE_TIME}: rows", "rows"),
        ("DailyRatedUsageLineItem: rows", "rows"),
        ("Customers: total", "USD"),
        ("Offers: total", "USD"),
    ]
    assert {row["F"] for row in found.values()} == {"OK"}
    assert Decimal(next(iter(found.values()))["D"]) == invoice.total


def test_its_summary_says_whose_invoice_it_is_and_of_when(demo, tmp_path):
    book = Workbook(demo.invoice(INVOICE).workbook(tmp_path / "a.xlsx"))
    said = [cell.value for cell in book.sheets["Summary"].values()]
    for name, words in demo.invoice(INVOICE).about.items():
        assert said[said.index(name.capitalize()) + 1] == words


def test_an_invoice_that_differs_says_by_how_much_in_numbers_and_exactly(
    serve, open_client, tmp_path
):
    partner = Partner(invoice(total="1.00"), lines=page(rows(line("1.004"))))
    book = written(open_client(serve(partner)), tmp_path / "a.xlsx")
    first = next(iter(checks(book).values()))
    assert (first["C"], first["E"], first["H"]) == ("1.0", "0.0", "-0.004")
    assert first["F"] == "equal when rounded, not exactly"
    partner = Partner(invoice(total="2.00"), lines=page(rows(line("1.004"))))
    book = written(open_client(serve(partner)), tmp_path / "b.xlsx")
    first = next(iter(checks(book).values()))
    assert (first["E"], first["F"], first["H"]) == ("1.0", "DIFFERS", "0.996")


def test_an_incomplete_invoice_is_never_called_fine(serve, open_client, tmp_path):
    client = open_client(serve(refused("Azure")))
    with pytest.warns(UserWarning, match="azure/billing"):
        book = written(client, tmp_path / "a.xlsx")
    assert next(iter(checks(book).values()))["F"] == "adds up, but is not complete"
    said = [cell.value for cell in book.sheets["Summary"].values()]
    assert any("azure/billing" in text for text in said)
    assert any(text.startswith("⚠ incomplete") for text in said)


OFFICE = shutil.which("soffice") or shutil.which("libreoffice")
RECALCULATE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry"><item
 oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode"
 oor:op="fuse"><value>0</value></prop></item></oor:items>"""
ALL_SHEETS = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,-1"


def recalculated(path, room) -> list[dict[str, str]]:
    """The checks as LibreOffice calculates them when it opens the file."""
    if OFFICE is None:
        required = os.environ.get("INVOICEKIT_REQUIRE_OFFICE") == "1"
        (pytest.fail if required else pytest.skip)("needs a LibreOffice on the PATH")
    profile = room / "profile"
    (profile / "user").mkdir(parents=True, exist_ok=True)
    (profile / "user" / "registrymodifications.xcu").write_text(RECALCULATE, encoding="utf-8")
    subprocess.run(
        [OFFICE, f"-env:UserInstallation={profile.as_uri()}", "--headless", "--convert-to",
         ALL_SHEETS, "--outdir", str(room / path.stem), str(path)],
        check=True, capture_output=True, timeout=180,
    )  # fmt: skip
    text = (room / path.stem / f"{path.stem}-Checks.csv").read_text("utf-8")
    table = list(csv.reader(text.splitlines()))
    head = next(number for number, row in enumerate(table) if row[0] == "Check")
    rows = takewhile(lambda row: row[0], table[head + 1 :])
    return [dict(zip(table[head], row, strict=True)) for row in rows]


def spoilt(path, to, *changes):
    """The file with other text in its sheets."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            if name.startswith("xl/worksheets/"):
                for pattern, replacement in changes:
                    text = re.sub(pattern, replacement, text)
            new.writestr(name, text)
    return to


LIES = (rb"(<f>[^<]*</f>)<v>[^<]*</v>", rb"\1<v>777</v>")  # for what a formula gave


def forty_lines(serve, open_client, path, *others):
    """An invoice of 40 lines on three sheets, and other lines."""
    lines = [line(f"{n}.10", name=f"Customer {n % 7}") for n in range(40)]
    partner = Partner(invoice(total="784.00"), lines=page(rows(*lines, *others)))
    opened = open_client(serve(partner)).invoice("G1")
    return write_workbook(opened, opened.line_items().lines, path, most_rows=17)


def test_libreoffice_recalculates_the_checks_to_the_invoices_total(serve, open_client, tmp_path):
    """What the formulas gave when the file was written is made a lie first, then a line too."""
    path = forty_lines(serve, open_client, tmp_path / "a.xlsx")
    found = recalculated(spoilt(path, tmp_path / "lies.xlsx", LIES), tmp_path)
    assert Decimal(found[0]["Added up here (live)"]) == 784
    assert {row["Result (live)"] for row in found} == {"OK"}
    dearer = (rb"<v>39\.1</v>", rb"<v>40.1</v>")
    first, *_ = recalculated(spoilt(path, tmp_path / "more.xlsx", LIES, dearer), tmp_path)
    assert (first["Difference (live)"], first["Result (live)"]) == ("-1", "DIFFERS")


def test_libreoffice_keeps_currencies_apart(serve, open_client, tmp_path):
    other = line("5.00", name="Elsewhere", currency='"EUR"')
    path = forty_lines(serve, open_client, tmp_path / "a.xlsx", other)
    first, *others = recalculated(spoilt(path, tmp_path / "lies.xlsx", LIES), tmp_path)
    assert Decimal(first["Added up here (live)"]) == 784
    assert first["Result (live)"] == "adds up, other currencies do not"
    assert {row["Result (live)"] for row in others} == {"OK"}
    assert {row["Added up here (live)"] for row in others if row["Currency"] == "EUR"} == {"5"}


def test_what_is_odd_about_the_lines_is_said(demo, tmp_path):
    """A credit that is in the header alone: the sheets cannot show it."""
    invoice = demo.invoice("G012345607")
    book = Workbook(invoice.workbook(tmp_path / "a.xlsx"))
    (found,) = [row for row in book.rows("Checks") if row.get("A", EMPTY).value == "header only"]
    assert (found["B"].value, Decimal(found["C"].value)) == ("USD", Decimal("-1250.5"))
    assert found["F"].value == invoice.reconcile().findings["detail"][0]


def test_in_very_many_lines_nothing_odd_is_looked_for_and_that_is_said(demo, tmp_path, monkeypatch):
    monkeypatch.setattr("invoicekit.show.checks.MOST_LINES", 382)  # there are 383
    book = Workbook(demo.invoice("G012345607").workbook(tmp_path / "a.xlsx"))
    said = [row["A"].value for row in book.rows("Checks") if "A" in row]
    assert "header only" not in said
    assert said[-1].startswith("Not looked for in more than 382 lines")

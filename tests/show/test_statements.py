"""Statements: each customer's own lines, adding up to the invoice, and nothing of anybody else."""

from __future__ import annotations

import os
import re
import stat
from decimal import Decimal
from html import unescape

import pytest

import invoicekit as ik
from support.partner import Partner, refused
from support.server import invoice, line, page, rows
from support.xlsx import Workbook

INVOICE = "G012345611"
DIFFERS = "G012345607"
SECRETS = ["Ben", "ben", "Cid", "3.21", "1.2345", "50.1", "157.88", ">100<", "100.00", "10%",
           "+3.33", "subtotal", "Subtotal", "Tax<"]  # fmt: skip
EVIL = '"<script>alert(1)</script>"'


def cells(html: str) -> list[list[str]]:
    """The tables of a page, row by row."""
    found = re.findall(r"<tr>(.*?)</tr>", html, flags=re.DOTALL)
    return [
        [unescape(re.sub("<[^>]*>", "", cell)) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)]
        for row in found
    ]


def written(path) -> str:
    """All that a file holds; of Excel's own parts, the theme names scripts of the world."""
    if path.suffix == ".html":
        return path.read_text("utf-8")
    return "".join(text for name, text in Workbook(path).parts.items() if "theme" not in name)


def total_of(path) -> Decimal:
    """What a statement in HTML asks for."""
    (total,) = [row[-1] for row in cells(path.read_text("utf-8")) if row[0] == "Total"]
    return Decimal(total.replace(",", ""))


@pytest.fixture
def opened(serve, open_client):
    """G1 of three customers, 100, 50.10 and 0.015 USD, and one without a name or id."""
    lines = [
        line("100", name="Ann", unitPrice="3.21"),
        line("50.10", name="Ben", pcToBCExchangeRate="1.2345"),
        line("0.015", name="Cid"),
        line("7.77", customerId='""', customerName='""'),
    ]
    partner = Partner(invoice(total="157.885"), lines=page(rows(*lines)))
    return open_client(serve(partner)).invoice("G1")


def test_there_is_one_for_each_customer_and_an_index(opened, tmp_path):
    paths = opened.statements(tmp_path / "new" / "folder")
    assert [path.name for path in paths] == [
        "G1-statement-ann.html",
        "G1-statement-ben.html",
        "G1-no-customer.html",
        "G1-statement-cid.html",
    ]
    assert {path.name for path in paths[0].parent.iterdir()} == {
        *(path.name for path in paths),
        "G1-statements.html",
    }
    assert [total_of(path) for path in paths] == [
        100,
        Decimal("50.10"),
        Decimal("7.77"),
        Decimal("0.02"),
    ]
    if os.name != "nt":
        assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}


PERIOD = "2026-10-01 to 2026-10-31"


def test_a_statement_says_which_period_it_is_for(demo, tmp_path):
    invoice = demo.latest
    one, *_ = invoice.statements(tmp_path)
    sheet, *_ = invoice.statements(tmp_path, format="xlsx")
    said = [cell.value for cell in Workbook(sheet).sheets["Statement"].values()]
    assert f"<dt>Billing period</dt><dd>{PERIOD}</dd>" in one.read_text("utf-8")
    assert said[said.index("Billing period") + 1] == PERIOD


def test_what_rounding_left_is_shown_and_the_index_adds_up(opened, tmp_path):
    *_, cid = opened.statements(tmp_path)
    foot = [(row[0], row[-1]) for row in cells(cid.read_text("utf-8"))[-3:]]
    assert foot == [("Lines", "0.015"), ("Rounding", "0.005"), ("Total", "0.02")]
    table = cells((tmp_path / "G1-statements.html").read_text("utf-8"))
    by_name = {row[0]: row[2:] for row in table[1:]}
    assert by_name["Cid"] == ["1", "0.015", "at cost", "0.00", "0.02", "-0.005"]
    assert by_name["All statements"] == ["4", "157.885", "", "0.00", "157.89", "-0.005"]
    assert by_name["In no statement"][1] == "0.00"
    assert by_name["The invoice"][1] == "157.885"


def test_the_statements_of_a_whole_invoice_come_to_its_total(demo, tmp_path):
    invoice = demo.invoice(INVOICE)
    paths = invoice.statements(tmp_path)
    assert len(paths) == invoice.totals("customer").height
    assert sum(map(total_of, paths)) == invoice.total
    marked = sum(map(total_of, invoice.statements(tmp_path, markup="12.5%")))
    table = {
        row[0]: row for row in cells((tmp_path / f"{INVOICE}-statements.html").read_text("utf-8"))
    }
    *_, added, total, rest = (Decimal(x.replace(",", "") or 0) for x in table["All statements"][3:])
    assert marked == total
    assert total + rest - added == invoice.total
    assert added == invoice.total * Decimal("0.125")


@pytest.mark.parametrize("format_", ["html", "xlsx"])
@pytest.mark.parametrize("markup", ["10%", {"*": Decimal("3.33")}], ids=str)
def test_a_customer_sees_neither_others_nor_what_the_partner_pays(
    format_, markup, opened, tmp_path
):
    """With a markup no cost, price, rate, total or difference of the partner's is there."""
    ann, *_ = opened.statements(tmp_path, markup=markup, format=format_)
    text = written(ann)
    assert [secret for secret in SECRETS if secret in text] == []
    assert "Ann" in text


def test_with_an_amount_the_lines_have_none(opened, tmp_path):
    ann, *_ = opened.statements(tmp_path, markup={"ann": Decimal("12.50"), "*": 0})
    head, first, total = cells(ann.read_text("utf-8"))
    assert (head[-1], first[-1], total[-1]) == ("Amount", "", "112.50")


def test_lines_have_shares_that_add_up(serve, open_client, tmp_path):
    lines = [line("0.10", name="Ann") for _ in range(7)]
    partner = Partner(invoice(total="0.70"), lines=page(rows(*lines)))
    (ann,) = open_client(serve(partner)).invoice("G1").statements(tmp_path, markup="7.5%")
    amounts = [Decimal(row[-1]) for row in cells(ann.read_text("utf-8"))[1:]]
    assert amounts[-1] == Decimal("0.75")
    assert sum(amounts[:-1]) == Decimal("0.75")
    assert set(amounts[:-1]) == {Decimal("0.10"), Decimal("0.11")}


@pytest.mark.parametrize("format_", ["html", "xlsx"])
def test_a_markup_may_have_more_digits_than_a_frame(format_, serve, open_client, tmp_path):
    lines = [line("99999999999999.999999999999999999999999", name="Ann")]
    partner = Partner(invoice(total="99999999999999.999999999999999999999999"),
                      lines=page(rows(*lines)))  # fmt: skip
    opened = open_client(serve(partner)).invoice("G1")
    (ann,) = opened.statements(tmp_path, markup="900%", format=format_)
    if format_ == "html":
        assert total_of(ann) == 10**15
    index = written(tmp_path / f"G1-statements.{format_}")
    assert "-0.00000000000000000000001" in index  # what rounding left


@pytest.mark.parametrize("format_", ["html", "xlsx"])
def test_an_invoice_that_does_not_tie_is_said_to_be_preliminary_without_its_amounts(
    format_, serve, open_client, demo, tmp_path
):
    paths = demo.invoice(DIFFERS).statements(tmp_path, format=format_)
    assert all("Preliminary" in written(path) for path in paths[:3])
    assert not any(
        word in written(paths[0]) for word in ("1,250.50", "1250.5", "204,234.51", "differs")
    )
    assert "1,250.50" in written(tmp_path / f"{DIFFERS}-statements.{format_}")
    client = open_client(serve(refused("Azure")))
    with pytest.warns(UserWarning, match="azure/billing"):
        (path,) = client.invoice("G1").statements(tmp_path, format=format_)
    assert "Preliminary" in written(path)
    assert "azure" not in written(path)
    assert "azure/billing" in written(tmp_path / f"G1-statements.{format_}")
    (fine, *_) = demo.invoice(INVOICE).statements(tmp_path, format=format_)
    assert "Preliminary" not in written(fine)
    assert "add up to its total" in written(fine)
    assert "add up to its total" not in written(path)


def test_names_from_outside_are_text_and_files_have_safe_ones(serve, open_client, tmp_path):
    ids = ["../../x", "NUL", "con.txt", "a:b", "x" * 300, "no-customer", '<img src="x">']
    lines = [
        line("1", name="x", customerId=f'"{one}"'.replace('="x"', "=x"), customerName=EVIL)
        for one in ids
    ]
    partner = Partner(invoice(total="7"), lines=page(rows(*lines)))
    opened = open_client(serve(partner)).invoice("G1")
    paths = opened.statements(tmp_path / "out")
    assert len({path.name.lower() for path in paths}) == len(ids)
    assert all(path.parent == tmp_path / "out" for path in paths)
    assert len(list((tmp_path / "out").iterdir())) == len(ids) + 1
    for path in (tmp_path / "out").iterdir():
        html = path.read_text("utf-8")
        assert "<script" not in html
        assert "<img" not in html
        assert "&lt;script&gt;" in html
        assert not re.search(r'[:?*<>|"\\/]', path.name)
    linked = re.findall(
        r'href="([^"]*)"', (tmp_path / "out" / "G1-statements.html").read_text("utf-8")
    )
    assert len(linked) == len(ids)
    assert not any(":" in link or "/" in link for link in linked)


def test_currencies_are_kept_apart(serve, open_client, tmp_path):
    lines = [
        line("10.001", name="Ann"),
        line("1000.6", name="Ann", currency='"JPY"'),
        line("5", name="Ben", currency='"JPY"'),
    ]
    partner = Partner(invoice(total="10.001"), lines=page(rows(*lines)))
    opened = open_client(serve(partner)).invoice("G1")
    ann, ben = opened.statements(tmp_path, markup=10)
    table = cells(ann.read_text("utf-8"))
    assert [row[-1] for row in table] == ["Amount", "1,101", "1,101", "Amount", "11.00", "11.00"]
    assert total_of(ben) == 6
    index = cells((tmp_path / "G1-statements.html").read_text("utf-8"))
    sums = [row[3:] for row in index if row[0] == "All statements"]
    assert [row[0] for row in sums] == ["1,005.6", "10.001"]
    book = Workbook(opened.statements(tmp_path, markup=10, format="xlsx")[0])
    live = [cell for cell in book.sheets["Statement"].values() if cell.formula]
    assert [cell.value for cell in live] == ["1101.0", "11.0"]
    assert all("SUMPRODUCT(EXACT(" in cell.formula for cell in live)


def test_the_sheets_of_a_statement_add_up(opened, tmp_path):
    ann, *_ = opened.statements(tmp_path, markup="7.5%", format="xlsx")
    book = Workbook(ann)
    (line_,) = book.table("Lines")
    assert Decimal(line_["Amount"].value) == Decimal("107.5")
    (live,) = [cell for cell in book.sheets["Statement"].values() if cell.formula]
    assert live.formula == "ROUND(SUM('Lines'!$G$2),2)"
    assert Decimal(live.value) == Decimal("107.5")
    index = Workbook(tmp_path / "G1-statements.xlsx").sheets["Statements"]
    assert [cell.value for cell in index.values() if cell.formula] == [
        "157.885",
        "11.841375",
        "169.73",
    ]


def test_the_same_invoice_gives_the_same_bytes(opened, tmp_path):
    for format_ in ("html", "xlsx"):
        first, second = (
            [path.read_bytes() for path in opened.statements(tmp_path / name, format=format_)]
            for name in ("a", "b")
        )
        assert first == second


def test_a_format_that_is_none_is_refused(opened, tmp_path):
    with pytest.raises(ValueError, match="no format 'pdf'; possible are html, xlsx"):
        opened.statements(tmp_path, format="pdf")
    with pytest.raises(ValueError, match="binary float"):
        opened.statements(tmp_path / "none", markup=0.1)
    assert list(tmp_path.iterdir()) == [tmp_path / "cache"]


def test_an_invoice_without_lines_has_an_index_alone(serve, open_client, tmp_path):
    opened = open_client(serve(Partner(invoice(total="0"), lines=page(rows())))).invoice("G1")
    assert opened.statements(tmp_path / "a") == []
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["G1-statements.html"]
    assert isinstance(opened, ik.Invoice)


@pytest.mark.parametrize("format_", ["html", "xlsx"])
@pytest.mark.parametrize("markup", ["0", "-0%", "-250%", {"*": Decimal("-0.00")}], ids=str)
def test_nothing_has_no_sign(format_, markup, serve, open_client, tmp_path):
    lines = [line("-500", name="Ann"), line("0.001", name="Ben"), line("-0.001", name="Cid")]
    opened = open_client(serve(Partner(invoice(total="-500"), lines=page(rows(*lines)))))
    paths = opened.invoice("G1").statements(tmp_path, markup=markup, format=format_)
    for path in (*paths, tmp_path / f"G1-statements.{format_}"):
        if format_ == "html":
            said = [cell for row in cells(path.read_text("utf-8")) for cell in row]
        else:
            sheets = Workbook(path).sheets.values()
            said = [cell.value for sheet in sheets for cell in sheet.values()]
        assert not [one for one in said if re.fullmatch(r"-[0.]+%?", one)]


def test_totals_have_the_decimals_of_iso_4217(serve, open_client, tmp_path):
    """CLDR, where decimals come from, has none for these: nobody pays them in cash."""
    lines = [
        line("10.454", name="Ann", currency='"RSD"'),
        line("10.4567", name="Ben", currency='"IQD"'),
    ]
    opened = open_client(
        serve(Partner(invoice(total="1", currency="RSD"), lines=page(rows(*lines))))
    )
    ben, ann = sorted(map(total_of, opened.invoice("G1").statements(tmp_path)), reverse=True)
    assert (ann, ben) == (Decimal("10.45"), Decimal("10.457"))


def test_a_name_too_long_for_a_cell_is_said_in_the_statement_and_the_index(
    serve, open_client, tmp_path
):
    lines = [
        line("1", name="Ann", productName='"' + "p" * 33_000 + '"'),
        line("2", name="b" * 33_000, customerId='"b"'),
    ]
    opened = open_client(serve(Partner(invoice(total="3"), lines=page(rows(*lines)))))
    paths = opened.invoice("G1").statements(tmp_path, format="xlsx")
    for path, count in zip((*paths, tmp_path / "G1-statements.xlsx"), (1, 1, 1), strict=True):
        assert f"{count} cells were longer than the 32,767 letters" in written(path)

"""Tables: exact where it matters, rounded for the eye, and no name is markup."""

import json
import re
from decimal import Decimal

import polars as pl
import pytest
from rich.cells import cell_len

from invoicekit.analysis.totals import totals
from invoicekit.show.export import csv_of
from invoicekit.show.tables import html_of_lines, html_of_totals
from invoicekit.show.text_table import text_table
from support.charges import frame
from support.show_samples import EVIL, MONEY, charge, many


def data_of(html):
    opening = '<script type="application/json">'
    return json.loads(html.split(opening)[1].split("</script>")[0])


def column(html, place):
    """A column of the line table as the page would show it."""
    words = data_of(html)["columns"][place]
    return [words["words"][place] for place in words["places"]]


def test_summary_rounds_to_the_decimals_of_each_currency():
    lines = [
        charge(total="1234.565", currency="USD"),
        charge(total="1234.4", currency="JPY"),
        charge(total="1.2344", currency="KWD"),
    ]
    html = html_of_totals(totals(frame(*lines), "offer"))

    assert [">1,234.56<" in html, ">1,234<" in html, ">1.234<" in html] == [True] * 3
    assert '<td class="number">1,234.56<' in html


def test_summary_escapes_and_is_the_same_bytes_each_time():
    by_customer = totals(frame(*many()), "customer")
    html = html_of_totals(by_customer)

    assert html == html_of_totals(by_customer.clone())
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert EVIL not in html
    assert "<b>" not in html
    assert 'id="totals"' in html


def test_summary_shows_ids_only_where_names_do_not_tell_apart():
    twins = totals(frame(*many()), "customer")
    apart = totals(frame(charge(("a", "A")), charge(("b", "B"))), "customer")

    assert "Customer id" in html_of_totals(twins)
    assert "Customer id" not in html_of_totals(apart)


def test_summary_says_how_many_rows_it_leaves_out():
    many_customers = totals(
        frame(*[charge((f"c{n}", f"Customer {n}"), f"{n}") for n in range(510)]), "customer"
    )

    assert "10 more rows are not shown." in html_of_totals(many_customers)
    assert "509 more rows" in html_of_totals(many_customers, limit=1)


def test_summary_of_nothing_is_a_table_without_rows():
    assert "<table" in html_of_totals(totals(frame(), "customer"))


def test_lines_bear_every_decimal_and_no_more():
    html = html_of_lines(frame(charge(total="0.100000000000000001"), charge(total="3")))

    assert column(html, 10) == ["0.1999968000511991808131"] * 2
    assert column(html, 8) == ["0.100000000000000001", "3.00"]
    assert column(html, 5) == ["2", "2"]


def test_lines_sort_by_place_as_their_amounts_sort():
    """The page compares places, so a float never decides; nulls are last."""
    amounts = ["10", "-2", None, "9.999999999999999999", "9.999999999999999998"]
    html = html_of_lines(frame(*[charge(total=amount) for amount in amounts]))

    assert data_of(html)["columns"][8]["places"] == [3, 0, 4, 2, 1]


def test_lines_cannot_end_their_script():
    html = html_of_lines(frame(charge(("c", "</script><img src=x onerror=alert(1)>"))))

    assert "</script><img" not in html
    assert "<img" not in html
    assert column(html, 0) == ["</script><img src=x onerror=alert(1)>"]


def test_lines_beyond_the_limit_are_said_to_be_elsewhere():
    html = html_of_lines(frame(*[charge() for _ in range(7)]), limit=5)

    assert data_of(html)["rows"] == 5
    assert "The first 5 of 7 billing lines" in html
    assert "invoicekit lines" in html


def test_lines_are_the_same_bytes_each_time():
    assert html_of_lines(frame(*many())) == html_of_lines(frame(*many()))
    assert "eval(" not in html_of_lines(frame())


def test_text_is_aligned_and_steers_no_terminal():
    table = text_table(totals(frame(*many()), "customer"))
    lines = table.splitlines()

    assert "\x1b" not in table
    assert "\u202e" not in table
    assert len({len(line) for line in lines[:2]}) == 1
    assert all(line.endswith(("total", "-", ".50", ".40")) for line in lines)


def test_text_gives_wide_letters_two_columns():
    lines = text_table(pl.DataFrame({"name": ["日本", "ab"], "n": [1, 22]})).splitlines()

    assert lines == ["name   n", "----  --", "日本   1", "ab    22"]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_text_fits_a_terminal_and_cuts_ids_before_names_and_no_amount(width):
    by_customer = totals(frame(*many()), "customer")
    whole = text_table(by_customer)
    fitted = text_table(by_customer, width=width)
    assert max(map(cell_len, fitted.splitlines())) <= width
    amounts = [line.split()[-3:] for line in whole.splitlines()]
    assert [line.split()[-3:] for line in fitted.splitlines()][: len(amounts)] == amounts
    assert "customer_name" in fitted.splitlines()[0]
    assert fitted == whole or "…" in fitted


def test_columns_that_find_no_room_are_named_and_the_total_stays():
    by_customer = totals(frame(*many()), "customer")
    fitted = text_table(by_customer, width=50).splitlines()
    assert max(map(cell_len, fitted)) <= 50
    left_out = re.findall(r"\w+", " ".join(fitted[by_customer.height + 2 :]))[4:]
    assert left_out == ["customer_id", "lines", "subtotal"]
    assert fitted[0].split() == [name for name in by_customer.columns if name not in left_out]


def test_an_invoice_s_id_is_never_cut_and_names_and_keys_outlive_other_words():
    frame = pl.DataFrame(
        {
            "invoice_id": ["G012345678901234567"],
            "country": ["DE"],
            "customer_name": ["Gießkanne und Söhne"],
            "currency": ["USD"],
            "quantity": [12345],
            "lines": [12345],
            "total": [12345],
            "document_type": ["adjustment note"],
        }
    )

    def shown(width):
        heading, _, row, *note = text_table(frame, width=width).splitlines()
        assert row.startswith("G012345678901234567  ")
        return heading.split(), " ".join(" ".join(note).split())

    assert shown(87) == (
        ["invoice_id", "country", "customer_name", "currency", "quantity", "lines", "total"],
        "(too wide, left out: document_type)",
    )
    assert shown(69) == (
        ["invoice_id", "country", "customer_name", "currency", "total"],
        "(too wide, left out: quantity, lines, document_type)",
    )


def test_what_a_change_of_quantities_costs_is_an_amount():
    row = {"currency": ["USD"], "quantity": [Decimal("1.2345")], "exchange rate": [Decimal(0)]}
    assert text_table(pl.DataFrame(row)).splitlines()[2].split() == ["USD", "1.23", "0.00"]
    counted = text_table(pl.DataFrame(row).drop("exchange rate")).splitlines()
    assert counted[2].split() == ["USD", "1.2345"]


def test_shares_are_said_as_percents():
    frame = pl.DataFrame(
        {"share": [Decimal("0.055184")], "rate": [Decimal("0.0825")], "lowest": [Decimal("0.0012")]}
    )
    assert text_table(frame).splitlines()[2].split() == ["5.52", "%", "8.25", "%", "0.0012"]


def test_text_rounds_money_and_shows_days():
    table = text_table(
        pl.DataFrame(
            {
                "currency": ["JPY"],
                "total": [Decimal("1234.4")],
                "when": ["2026-01-01"],
                "ok": [True],
                "none": [None],
                "rate": [0.5],
            },
            schema_overrides={"total": MONEY},
        ).with_columns(pl.col("when").str.to_datetime("%Y-%m-%d"))
    )

    assert table.splitlines()[2].split() == ["JPY", "1,234", "2026-01-01", "yes", "0.500"]


def test_text_of_nothing_says_so():
    assert text_table(pl.DataFrame()) == "(nothing)"
    assert text_table(pl.DataFrame(schema={"a": pl.String})).endswith("(no rows)")


def test_csv_keeps_the_zeros_of_whole_numbers_and_guards_its_header():
    whole = pl.DataFrame({"a": ["100", "0", "-50"]}).cast(pl.Decimal(38, 0))
    assert csv_of(whole) == "a\n100\n0\n-50\n"
    assert csv_of(pl.DataFrame({"=a": [1]}), safe=True) == '"\'=a"\n1\n'
    assert csv_of(pl.DataFrame({"=a": [1]})) == "=a\n1\n"

"""What changed since the month before, in a report: of what is stored, and nothing asked."""

import re

import polars as pl
import pytest

from support.partner import Partner, whose
from support.server import invoice, line, page, rows

AMOUNTS = {"G1": "1.10", "G2": "5.00", "G3": "1.10", "G4": "2.20", "G5": "0.10"}
JANUARY, FEBRUARY = "2020-01-31T23:00:00Z", "2020-02-05T00:00:00Z"


@pytest.fixture
def partner():
    headers = [
        invoice("G1", AMOUNTS["G1"], date=JANUARY),
        invoice("G2", AMOUNTS["G2"], date=FEBRUARY),
        invoice("G4", AMOUNTS["G4"], date="2019-12-05T00:00:00Z"),
    ]

    def lines(asked):
        name, _ = whose(asked)
        one = line(AMOUNTS[name], name=f"<b>{name}</b>")
        return page(rows(one.replace("USD", "EUR") if name == "G5" else one))

    return Partner(*headers, lines=lines)


def changed(client, name, path, **given):
    """The heading of the section of what changed, or nothing."""
    html = client.invoice(name).report(path / "report.html", **given).read_text("utf-8")
    found = re.search(r'<h2 id="changed">(.*?)</h2>', html)
    return found[1] if found else ""


def test_a_report_tells_the_change_where_the_month_before_is_stored(
    partner, serve, open_client, tmp_path
):
    service = serve(partner)
    client = open_client(service)

    assert changed(client, "G2", tmp_path) == ""
    assert not any("/G1" in asked.target for asked in service.asked)
    client.invoice("G1").charges()
    asked = len(service.asked)
    assert changed(client, "G2", tmp_path) == "What changed since G1 of 2020-01-31"
    assert len(service.asked) == asked
    once = (tmp_path / "report.html").read_bytes()
    assert b"USD: +3.90, from 1.10 to 5.00" in once
    assert b"&lt;b&gt;G2&lt;/b&gt;: new, (no offer), +5.00" in once
    assert changed(open_client(service), "G2", tmp_path) != ""
    assert (tmp_path / "report.html").read_bytes() == once
    assert changed(client, "G1", tmp_path) == ""


def test_another_invoice_can_be_named(partner, serve, open_client, tmp_path):
    client = open_client(serve(partner))
    before = client.invoice("G4")

    assert changed(client, "G2", tmp_path, before=before) == "What changed since G4 of 2019-12-05"


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (invoice("G3", AMOUNTS["G3"], date="2020-01-05T00:00:00Z"), False),  # which of the two?
        (invoice("G5", AMOUNTS["G5"], date=JANUARY, currency="EUR"), True),
        (
            invoice("G3", AMOUNTS["G3"], date=JANUARY, pairs=(("azure", "billing_line_items"),)),
            True,
        ),
    ],
)
def test_several_of_one_kind_are_no_month_before(
    partner, serve, open_client, tmp_path, other, told
):
    partner.headers |= Partner(other).headers
    client = open_client(serve(partner))
    for name in {"G1", *Partner(other).headers}:
        client.invoice(name).charges()

    assert bool(changed(client, "G2", tmp_path)) is told


def test_a_note_that_amends_an_invoice_has_no_month_before(partner, serve, open_client, tmp_path):
    note = invoice("G2", AMOUNTS["G2"], date=FEBRUARY, documentType="void_note")
    partner.headers |= Partner(note).headers
    client = open_client(serve(partner))
    client.invoice("G1").charges()

    assert changed(client, "G2", tmp_path) == ""


@pytest.mark.parametrize("kind", ["cut short", "another amount"])
def test_damaged_lines_are_no_month_before(partner, serve, open_client, tmp_path, kind):
    client = open_client(serve(partner))
    client.invoice("G1").charges()
    files = [one for one in (tmp_path / "cache").rglob("*.parquet") if "G1" in str(one)]
    for file in files:
        lines = pl.read_parquet(file, hive_partitioning=False)
        if kind == "cut short":
            file.write_bytes(file.read_bytes()[:-9])
        else:
            lines.with_columns(pl.col("total_for_customer") * 2).write_parquet(file)
            assert pl.read_parquet(file, hive_partitioning=False).schema == lines.schema

    assert files
    assert changed(client, "G2", tmp_path) == ""


def test_a_month_before_that_differs_is_said_at_figure_and_table(
    partner, serve, open_client, tmp_path
):
    partner.headers |= Partner(invoice("G1", "9.00", date=JANUARY)).headers
    client = open_client(serve(partner))
    client.invoice("G1").charges()
    assert changed(client, "G2", tmp_path) != ""

    html = (tmp_path / "report.html").read_text("utf-8")
    assert html.count("✘ before: differs") == 2
    assert "Before: ✘ differs: 9.00 USD" in html

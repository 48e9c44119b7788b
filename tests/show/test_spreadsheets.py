"""CSV in a spreadsheet: no cell and no heading is a formula, and the text can be had back."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invoicekit.show.export import csv_of, write_lines

FORMULAS = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20x", "﹦1", "﹢1",
    "﹣1", "﹫x", "\u22121", "\t=1", "\r=1", "\n=1", " =1", "\xa0=1", "\u3000\uff1d1",
    "\ufeff=1", "\u200b=1", "\u2060@x", "\u202e=1", "\x00=1", "\x9b=1", "\xad=1", "\u034f=1",
    "\u3164=1", "\u2800=1", "\ufe0f=1", "\U000e0041=1", "'=1", '"=1', ";=1", "a;=1", 'a";=1',
    "a,=1", "a\t=1", "a|=1", "a; \u200b\uff1d1", "a\r\n=1", "a\n+1", "a\u2028=1", "a\x85=1",
    "'", "'a", "\ta", "\na",
]  # fmt: skip
PLAIN = ["", "a", "a=b", "a - b", "Foo; Bar", "1-2", "user@example.com", "a, b", "O'Neil", "日本"]
# What the strings are made of that a careless reader takes for something else.
MEANT = st.text(
    st.sampled_from("=+-@\uff1d;,|\t\r\n'\" \ufeff\u200b\u2028\x00ab")
    | st.characters(codec="utf-8")
)


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


@pytest.mark.parametrize("text", FORMULAS, ids=ascii)
def test_a_formula_is_text(text):
    frame = pl.DataFrame({text: [text, "a"], "n": [1, 2]})
    heads, first, _ = read(csv_of(frame, safe=True))
    assert heads == [f"'{text}", "n"]
    assert first == [f"'{text}", "1"]
    assert read(csv_of(frame)) == [[text, "n"], [text, "1"], ["a", "2"]]


@pytest.mark.parametrize("text", PLAIN, ids=ascii)
def test_what_is_no_formula_is_left_alone(text):
    assert read(csv_of(pl.DataFrame({"n": [text], "m": [1]}), safe=True))[1] == [text, "1"]


@settings(deadline=None)
@given(st.lists(MEANT, min_size=1, max_size=5))
def test_one_apostrophe_less_is_the_text(texts):
    """Through a strict reader, the headings too, whatever the text is."""
    names = list(dict.fromkeys(texts))
    frame = pl.DataFrame({name: [text] for name, text in zip(names, texts, strict=False)})
    heads, row = read(csv_of(frame.with_columns(pl.lit(1).alias("one")), safe=True))
    assert [text.removeprefix("'") for text in heads[:-1]] == names
    assert [text.removeprefix("'") for text in row[:-1]] == [texts[n] for n in range(len(names))]
    for text in heads + row:
        first = text.lstrip(' \t\r\n\ufeff\u200b\u2028\x00"')[:1]
        assert first not in set("=+-@\uff1d\uff0b\uff0d\uff20")


def test_a_separator_in_text_ends_no_cell_where_it_counts_as_one():
    """LibreOffice takes comma, semicolon and tab together, and heeds quotes."""
    text = csv_of(pl.DataFrame({"a": ["x;y", "x\ty"], "b": ["=1", "2"]}), safe=True)
    for separator in ";\t":
        together = text.replace('","', f'"{separator}"')
        rows = list(csv.reader(io.StringIO(together, newline=""), delimiter=separator))
        assert [len(row) for row in rows] == [2, 2, 2]


@pytest.mark.parametrize("name", ["*", "^.*$", "^a$"])
def test_a_column_whose_name_would_be_a_pattern_is_guarded_like_any(name):
    frame = pl.DataFrame({"a": ["=1"], name: ["=2"]})
    assert csv_of(frame, safe=True) == f'"a","{name}"\n"\'=1","\'=2"\n'


def test_amounts_stay_numbers_and_nothing_stays_nothing():
    frame = pl.DataFrame({"a": ["", None], "n": [Decimal("-1.50"), Decimal(7)]})
    assert csv_of(frame, safe=True) == '"a","n"\n"","-1.5"\n,"7"\n'
    assert csv_of(frame) == 'a,n\n"",-1.5\n,7\n'


def test_files_of_lines_are_guarded_unless_told_not_to(tmp_path):
    lines = {"OneTime": pl.DataFrame({"a": ["=1"]})}
    (path,) = write_lines(lines, tmp_path, invoice_id="G1", format="csv")
    assert path.read_bytes() == b'"a"\n"\'=1"\n'
    write_lines(lines, tmp_path, invoice_id="G1", format="csv", safe=False)
    assert path.read_bytes() == b"a\n=1\n"

"""Names of files made of words from outside, on a disk of any system."""

from __future__ import annotations

import re
import zipfile

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoicekit.files.private import file_name, file_names
from invoicekit.show.export import write_lines
from support.partner import CLOSED, Partner
from support.server import invoice, line, page, rows

# Windows takes what stands before the first dot for a device, whatever follows, blanks aside.
DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9]) *(\.|$)", re.IGNORECASE)
FIT = re.compile(r"[A-Za-z0-9 ()_.~%-]{1,200}")
ODD = (
    "CON", "con.txt", "NUL.tar.gz", "aux .x", "COM1.", "lpt9 ", "prn...", "a:b", "a.", "a ", "..",
    "", "x" * 300, "con." + "x" * 300, "é" * 100, "../../x", "C:\\x", "a\x00b", "\u202egnp.x",
)  # fmt: skip
words = st.one_of(
    st.sampled_from(ODD), st.text(), st.from_regex(DEVICE), st.text(st.sampled_from(".coNAuX 1"))
)


@given(words)
def test_a_name_is_a_plain_file_of_its_folder_on_every_system(word):
    for name in (file_name(word), file_name(word) + ".csv", file_name("G1", word)):
        assert FIT.fullmatch(name)
        assert not DEVICE.match(name)
        assert name == name.strip(" ")
    assert not file_name(word).endswith(".")


@given(st.lists(words, unique=True))
def test_no_two_names_are_one_where_a_disk_ignores_case(several):
    names = file_names((word,) for word in several)
    assert len({name.casefold() for name in names}) == len(several)


@pytest.mark.parametrize("how", ["parquet", "csv"])
def test_lines_of_types_that_differ_in_case_alone_are_files_apart(tmp_path, how):
    lines = {name: pl.DataFrame({"a": [name]}) for name in ("NewItem", "NEWITEM", "Other")}
    paths = write_lines(lines, tmp_path, invoice_id="G1", format=how)
    assert len({path.name.casefold() for path in paths}) == 3
    assert paths[2].name == f"G1-Other.{how}"
    read = pl.read_parquet if how == "parquet" else pl.read_csv
    assert [read(path)["a"].item() for path in paths] == list(lines)


def test_so_are_the_frames_in_evidence(serve, open_client, tmp_path):
    lines = page(rows(line(object_type="NewItem"), line(object_type="NEWITEM")))
    client = open_client(serve(Partner(invoice(total="2.20", date=CLOSED), lines=lines)))
    with pytest.warns(UserWarning, match="is not known to invoicekit"):
        path = client.invoice("G1").evidence(tmp_path / "evidence.zip")
    names = [name for name in zipfile.ZipFile(path).namelist() if name.startswith("frames/")]
    assert len({name.casefold() for name in names}) == 2

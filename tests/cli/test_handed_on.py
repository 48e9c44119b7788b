"""Files that are handed on, from the shell: whole, private, with the proof beside them."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

import pytest

import invoicekit as ik

DIFFERS = "G012345607"


@pytest.mark.parametrize(
    ("command", "name", "starts"),
    [
        ("report", "a/b.html", b"<!doctype html>"),
        ("workbook", "a/b.xlsx", b"PK"),
        ("evidence", "a/b.zip", b"PK"),
    ],
)
def test_a_file_is_written_and_the_badge_said(inside, tmp_path, command, name, starts):
    code, out, err = inside(command, DIFFERS, "-o", name)
    assert code == 0, err
    badge, path = out.splitlines()
    assert badge.startswith(f"{DIFFERS}  ✘ differs")
    assert path == str(tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(starts)
    if os.name != "nt":
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    if starts == b"PK":
        assert zipfile.ZipFile(tmp_path / name).testzip() is None
    code, out, err = inside(command, DIFFERS, "-o", "a")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "is a folder" in err


def test_statements_are_written_and_their_index_named(inside, tmp_path):
    code, out, err = inside(
        "statements", DIFFERS, "-o", "a/b", "--markup", "7.5%", "--format", "xlsx"
    )
    assert code == 0, err
    badge, said = out.splitlines()
    index = tmp_path / "a" / "b" / f"{DIFFERS}-statements.xlsx"
    assert badge.startswith(f"{DIFFERS}  ✘ differs")
    assert said == f"41 statements, and for you alone: {index}"
    assert len(list(index.parent.iterdir())) == 42
    code, out, err = inside("statements", DIFFERS, "-o", "a", "--markup", "ten")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "'ten' are no percents" in err


def test_a_customer_s_own_markup_goes_before_that_of_all(
    inside, both_services, kept_answers, tmp_path
):
    with ik.connect(**both_services.settings, cache_dir=kept_answers) as client:
        first = client.invoice(DIFFERS).totals("customer").drop_nulls("customer_id").row(0)
    more = ("--markup", "7.5%", "--markup", f"{first[0]}=5%", "--markup", "none=0")
    code, _, err = inside("statements", DIFFERS, "-o", "taken", *more)
    assert code == 0, err
    index = (tmp_path / "taken" / f"{DIFFERS}-statements.html").read_text(encoding="utf-8")

    assert index.count("+7.5%") > 10
    assert index.count("+5%") == 1


def test_a_markup_for_nobody_is_wrong_usage(inside):
    code, out, err = inside("statements", DIFFERS, "-o", "taken", "--markup", "nobody=5%")
    assert (code, out) == (2, "")
    assert "no lines of the customers" in err


@pytest.mark.parametrize(
    "command",
    [
        ("lines", DIFFERS, "-o", "taken"),
        ("lines", DIFFERS, "-o", "taken/a"),
        ("statements", DIFFERS, "-o", "taken"),
        ("workbook", DIFFERS, "-o", "taken/a.xlsx"),
        ("totals", DIFFERS, "-o", "taken/a.csv"),
        ("statement", DIFFERS, "-o", "taken/a.pdf"),
    ],
    ids=" ".join,
)
def test_a_file_where_a_folder_should_be_is_said_in_plain_words(inside, tmp_path, command):
    (tmp_path / "taken").write_bytes(b"mine")
    code, out, err = inside(*command)
    assert (code, out) == (2, "")
    assert err == "error: taken is no folder: name one to write into, or a new one\n"
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"mine"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("command", ["report", "workbook", "evidence", "findings", "explain"])
def test_a_full_disk_is_said_with_the_name_of_the_file(inside, command):
    code, out, err = inside(command, DIFFERS, "-o", "/dev/full")
    assert (code, out) == (1, "")
    assert err == "error: /dev/full: No space left on device\n"

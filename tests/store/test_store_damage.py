"""Damage to the store: right all the same, or an error that says so; our own errors stay ours."""

from __future__ import annotations

import os
import random
from pathlib import Path

import polars as pl
import pytest

import invoicekit as ik
from invoicekit.files.private import read_note, write_note
from invoicekit.line_items import InvoiceLines
from invoicekit.store import parts
from support.partner import CLOSED, ONE_TIME, Partner, two_page_invoice
from support.server import invoice, line, page, rows

MANY = rows(*(line(f"{number}.10", name=f"Customer {number}") for number in range(40)))


def spoil(path, chance: random.Random, kind: int) -> None:
    """A flipped bit, a byte, a run of zeros: of the same length, and as old as before."""
    found, data = path.stat(), bytearray(path.read_bytes())
    at = chance.randrange(len(data))
    if kind == 0:
        data[at] ^= 1 << chance.randrange(8)
    elif kind == 1:
        data[at] ^= chance.randrange(1, 256)
    else:
        data[at : at + 16] = bytes(b ^ 0x55 for b in data[at : at + 16])
    path.write_bytes(data)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def part_of(folder: Path) -> Path:
    """The one file of lines that the manifest names."""
    (note,) = folder.rglob("_invoices/*.json")
    ((part,),) = read_note(note)["files"].values()
    return note.parents[1] / part["path"]


@pytest.mark.parametrize("kind", range(3), ids=["a bit", "a byte", "sixteen bytes"])
def test_no_damage_gives_a_wrong_total(serve, open_client, tmp_path, kind):
    service = serve(Partner(invoice(total="3.30", date=CLOSED), lines=page(MANY)))
    client = open_client(service)
    client.sync(tell=lambda _: None)
    right = client.invoice("G1").totals("customer"), client.invoice("G1").charges()
    chance = random.Random(kind)
    for _ in range(40):
        spoil(part_of(tmp_path), chance, kind)
        parts._intact.clear()  # as in another process
        with pytest.raises(ik.FrameError, match=r"gone or damaged, of G1\. client\.sync\(\)"):
            client.scan(ONE_TIME)
        assert client.invoice("G1").totals("customer").equals(right[0])
        assert str(client.invoice("G1").reconcile()).startswith("✘")
    assert open_client(service).invoice("G1").charges().equals(right[1])
    assert client.scan(ONE_TIME).collect().height == 40


def test_a_file_is_read_for_its_digest_once_a_process(serve, open_client, tmp_path, monkeypatch):
    client = open_client(serve(two_page_invoice()))
    client.sync(tell=lambda _: None)
    hashed = []
    real = parts._has_its_digest
    monkeypatch.setattr(parts, "_has_its_digest", lambda *said: hashed.append(said) or real(*said))
    parts._intact.clear()
    for _ in range(3):
        assert client.invoice("G1").reconcile().ties
    assert len(hashed) == 1
    (path,) = tmp_path.rglob("*.lines")
    path.touch()
    assert client.invoice("G1").reconcile().ties
    assert len(hashed) == 2


def with_damage(note) -> None:
    note.write_bytes(note.read_bytes()[:-2])


def of_the_first_release(note) -> None:
    said = read_note(note)
    said["key"]["version"] = 1
    write_note(note, said)


@pytest.mark.parametrize(
    ("spoil_note", "words"),
    [(with_damage, "damaged"), (of_the_first_release, "of another version of invoicekit")],
)
def test_a_scan_says_that_a_manifest_cannot_be_read(
    serve, open_client, tmp_path, spoil_note, words
):
    client = open_client(serve(two_page_invoice()))
    client.sync(tell=lambda _: None)
    (note,) = tmp_path.rglob("_invoices/*.json")
    spoil_note(note)
    with pytest.raises(ik.FrameError, match=rf"of G1 \({words}\)\. client\.sync\(\)"):
        client.scan(ONE_TIME)
    assert client.invoice("G1").reconcile().ties
    client.sync(tell=lambda _: None)
    assert client.scan(ONE_TIME).collect().height == 2
    spoil_note(note)
    client.cache.clear(invoice="G1")
    with pytest.raises(ValueError, match="nothing yet"):
        client.scan(ONE_TIME)


def test_an_error_of_our_own_analysis_is_not_taken_for_damage(serve, open_client):
    """Else a wrong answer of ours would be asked for twice, and the second time of other lines."""
    service = serve(two_page_invoice())
    open_client(service).invoice("G1").line_items()
    asked = []

    def wrong(lines: InvoiceLines) -> pl.DataFrame:
        asked.append(lines)
        return lines.charges.select("no such column").collect()

    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        open_client(service).invoice("G1")._of_lines(wrong)
    assert len(asked) == 1


def test_an_error_of_our_own_analysis_stops_a_sync(serve, open_client, monkeypatch):
    service = serve(two_page_invoice())
    client = open_client(service)
    client.sync(tell=lambda _: None)
    proven = []

    def wrong(self: InvoiceLines, *_: object, **__: object) -> None:
        proven.append(self)
        self.charges.select("no such column").collect()

    monkeypatch.setattr(InvoiceLines, "proof", wrong)
    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        client.sync(tell=lambda _: None)
    assert len(proven) == 1


@pytest.mark.parametrize("panic", [False, True])
def test_a_file_that_changes_under_a_reader_or_makes_polars_panic_is_had_elsewhere(
    serve, open_client, tmp_path, panic
):
    service = serve(two_page_invoice())
    open_client(service).invoice("G1").line_items()
    (path,) = tmp_path.rglob("*.lines")
    client, asked = open_client(service), []

    def ask(lines: InvoiceLines) -> pl.DataFrame:
        asked.append(lines)
        if len(asked) == 1:
            if not panic:
                path.write_bytes(b"PAR1")
            else:
                raise pl.exceptions.PanicException("as polars does of a page that makes no sense")
        return lines.charges.collect()

    found = client.invoice("G1")
    assert found._of_lines(ask)["customer_name"].to_list() == ["A", "B"]
    assert len(asked) == 2


def test_frames_that_polars_panics_over_are_had_elsewhere(serve, open_client, monkeypatch):
    service = serve(two_page_invoice())
    right = open_client(service).invoice("G1").charges()

    def panic(*_: object, **__: object) -> None:
        raise pl.exceptions.PanicException

    found = open_client(service).invoice("G1", refresh=True)
    assert found.date.isoformat() == CLOSED[:10]
    with monkeypatch.context() as patched:
        patched.setattr(pl.LazyFrame, "collect", panic)
        assert found._entry.recall() == {}
    assert found.charges().equals(right)

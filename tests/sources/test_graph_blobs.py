"""Packed JSON lines to pages: every row, in order, and no row that is not one."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

import invoicekit as ik
from invoicekit.sources.graph.blobs import pages_of


def read(packed):
    return list(pages_of(io.BytesIO(packed), "part-0", collection="billing of G1", number=3))


def rows_of(pages):
    return [row for page in pages for piece, _ in page.pieces() for row in json.loads(piece)]


@given(
    st.lists(
        st.dictionaries(
            st.text(), st.text() | st.integers() | st.none() | st.lists(st.integers()), max_size=4
        )
    ),
    st.booleans(),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
    st.integers(1, 4),
)
def test_all_rows_come_back_in_order(rows, ended, end, members):
    text = end.join(json.dumps(row, ensure_ascii=False) for row in rows)
    text = (text + end if ended else text).encode()
    step = max(1, -(-len(text) // members))
    parts = [text[at : at + step] for at in range(0, len(text), step)] or [b""]
    pages = read(b"".join(map(gzip.compress, parts)))
    assert rows_of(pages) == rows
    assert sum(page.rows for page in pages) == len(rows)
    assert {page.number for page in pages} == {3}


def test_a_blob_without_rows_is_one_page_without_rows():
    (page,) = read(gzip.compress(b""))
    assert (page.rows, page.number, list(page.pieces())) == (0, 3, [])


def test_rows_are_the_very_characters_that_came():
    text = b'{"Total":1.10, "a":"\\u00e9", "n":1E+3}\n'
    (page,) = read(gzip.compress(b"\xef\xbb\xbf" + text))
    assert [piece for piece, _ in page.pieces()] == [b"[" + text.strip() + b"]"]


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        ([b'{"a":1}', b'{"a":', b"1}"], 2),
        ([b'{"a":1}', b"[1]"], 2),
        ([b"1"], 1),
        ([b'{"a":1},{"b":1}'], 1),
        ([b'{"a":1}{"b":1}'], 1),
        ([b'{"a":1} {"b":1}'], 1),
        ([b'{"a":1}', b'{"a":1', b'"b":2}'], 2),
        ([b'{"a":1},{"x":2', b'"y":3}'], 1),
        ([b'{"a":1}', b"", b'{"b":"\x01"}'], 3),
        ([b'{"a":1}', b"<html>"], 2),
        ([b'{"a":1}', b'{"a":' + b"[" * 200_000 + b"}"], 2),
    ],
)
def test_a_line_that_is_no_object_is_named(lines, wrong):
    with pytest.raises(ik.PageError, match=f"line {wrong} of blob part-0 of billing of G1 is no"):
        read(gzip.compress(b"\n".join(lines) + b"\n"))


def test_the_line_is_counted_over_pages():
    row = json.dumps({"text": "x" * 1000}).encode()
    lines = [row] * 9000
    lines[8000] = row[:-1]
    with pytest.raises(ik.PageError, match="line 8,001 of blob part-0"):
        read(gzip.compress(b"\n".join(lines) + b"\n"))


def test_the_last_line_may_lack_its_end_if_it_is_whole():
    assert rows_of(read(gzip.compress(b'{"a":1}\n{"a":2}'))) == [{"a": 1}, {"a": 2}]
    with pytest.raises(ik.PageError, match="line 2 of blob part-0"):
        read(gzip.compress(b'{"a":1}\n{"a":'))


PACKED = gzip.compress(b"".join(b'{"a":%d}\n' % number for number in range(5000)))


@pytest.mark.parametrize("left", [2, 9, 100, len(PACKED) // 2, len(PACKED) - 8, len(PACKED) - 1])
def test_a_blob_that_is_cut_is_refused(left):
    with pytest.raises(ik.PageError, match="stops before its end"):
        read(PACKED[:left])


@pytest.mark.parametrize("at", [15, len(PACKED) // 2, len(PACKED) - 8, len(PACKED) - 1])
def test_a_blob_with_a_flipped_bit_is_refused(at):
    spoilt = bytearray(PACKED)
    spoilt[at] ^= 1
    with pytest.raises(ik.PageError, match=r"blob part-0 of billing of G1 (is damaged|stops)|line"):
        read(bytes(spoilt))


def test_what_follows_the_packed_text_is_not_passed_over():
    with pytest.raises(ik.PageError, match="is damaged"):
        read(PACKED + b"\0\0")


@pytest.mark.parametrize(
    ("start", "filler", "words"),
    [
        (b'{"a":"', b" ", "a line of more than 16 MB, so no row. Ask again later"),
        (b"", b" ", "a line of more than 16 MB"),
        (b'{"a":1}\n', b" " * 98 + b"\r\n", "more than 16 MB without a row. Ask again later"),
    ],
)
def test_what_has_no_rows_and_no_end_fills_neither_memory_nor_time(start, filler, words):
    packer = zlib.compressobj(1, wbits=31)
    fill = filler * (1_000_000 // len(filler))
    bomb = b"".join([packer.compress(start), *(packer.compress(fill) for _ in range(400)),
                     packer.flush()])  # fmt: skip
    tracemalloc.start()
    with pytest.raises(ik.PageError, match=words):
        read(bomb)
    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()


def test_blank_lines_between_rows_are_no_rows():
    body = b"\n" * 1_000_000 + b'{"a":1}\n' + b"\n" * 1_000_000 + b'{"a":2}'
    assert sum(page.rows for page in read(gzip.compress(body))) == 2


def test_memory_does_not_grow_with_the_blob():
    def peak(rows):
        packer = zlib.compressobj(1, wbits=31)
        row = json.dumps({f"field{n}": "x" * 20 for n in range(40)}).encode() + b"\n"
        packed = b"".join([*(packer.compress(row * 1000) for _ in range(rows // 1000)),
                           packer.flush()])  # fmt: skip
        tracemalloc.start()
        count = sum(
            page.rows for page in pages_of(io.BytesIO(packed), "b", collection="c", number=1)
        )
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == rows
        return top

    assert peak(40_000) < 1.3 * peak(10_000)

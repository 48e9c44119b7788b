"""The cache on disk: what the stock settings of requests-cache get wrong, and what damage costs."""

from __future__ import annotations

import gzip
import os
import shutil
import stat
import time
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

import invoicekit as ik
from invoicekit.fetch.page_cache import GZIPPED, MAGIC, zstd
from invoicekit.files.private import read_note, write_note
from support.partner import SEEK_LINK, Partner, whose
from support.server import TOKEN, Reply, invoice, line, page, rows


def files(folder: Path, suffix: str = ".page") -> list[Path]:
    return sorted(folder.rglob(f"*{suffix}"))


def one_invoice(*pages: bytes | Reply, header: str | None = None) -> Partner:
    """An invoice whose line items are these pages, told apart by their seek token alone."""
    return Partner(header or invoice(total="3.30"), lines=pages)


def test_pages_that_share_a_url_are_told_apart_by_their_token(serve, open_client):
    """Stock requests-cache answers page 2 of a seek chain with page 1."""
    service = serve(
        one_invoice(
            page(rows(line("1.10", name="A")), uri=SEEK_LINK, token="1"),
            page(rows(line("2.20", name="B")), uri=SEEK_LINK, token="2"),
            page(rows(line("3.30", name="C"))),
        )
    )
    for _ in range(2):
        frame = open_client(service).invoice("G1").line_items()["OneTimeInvoiceLineItem"]
        assert frame["customer_name"].to_list() == ["A", "B", "C"]
        assert frame["page"].to_list() == [1, 2, 3]
    urls = [asked.target for asked in service.asked[1:]]
    assert len(urls) == 3
    assert urls[1] == urls[2]


@pytest.mark.parametrize("tokens", [("a,B/1=,c", "a,b/1=,c"), ("x,y,z", "z,y,x"), ("a", "A")])
def test_tokens_that_differ_in_case_or_order_alone_are_two_pages(serve, open_client, tokens):
    """`match_headers` of requests-cache sorts and lower-cases a header with commas."""
    first, second = tokens
    answers = {
        None: page(rows(line(name="A")), uri=SEEK_LINK, token=first),
        first: page(rows(line(name="B")), uri=SEEK_LINK, token=second),
        second: page(rows(line(name="C"))),
    }

    service = serve(Partner(lines=lambda asked: answers[asked.token]))
    for _ in range(2):
        frame = open_client(service).invoice("G1").line_items()["OneTimeInvoiceLineItem"]
        assert frame["customer_name"].to_list() == ["A", "B", "C"]
    assert len(service.asked) == 4


def test_pages_that_changed_places_are_asked_again(serve, open_client, tmp_path):
    """Each is whole for itself, and neither leads on: only their places say which is which."""

    amounts = {"G1": "1.10", "G2": "2.20"}
    headers = [invoice(name, amount) for name, amount in amounts.items()]

    def lines(asked):
        return page(rows(line(amounts[whose(asked)[0]])))

    service = serve(Partner(*headers, lines=lines))
    client = open_client(service)
    for found in ("G1", "G2"):
        assert client.invoice(found).reconcile().ties
    pages = [path for path in files(tmp_path) if b"totalForCustomer" in body_of(path)]
    first, second = (path.read_bytes() for path in pages)
    pages[0].write_bytes(second)
    pages[1].write_bytes(first)
    asked = len(service.asked)
    for found in ("G1", "G2"):
        assert open_client(service).invoice(found).reconcile().ties
    assert len(service.asked) == asked + 2


def body_of(path: Path) -> bytes:
    """The body of a page on disk."""
    frame = path.read_bytes()
    start = len(MAGIC) + 4
    return zstd.decompress(frame[start + int.from_bytes(frame[start - 4 : start], "big") : -16])


def test_one_partner_never_gets_the_invoice_of_another(serve, open_client):
    """Stock requests-cache leaves the token out of its key, and so gives the first one's answer."""

    def answer(asked):
        total = {"Bearer first.x": "1.00", "Bearer second.x": "2.00"}[
            asked.headers["authorization"]
        ]
        return invoice(total=total).encode()

    service = serve(answer)
    first, second = "first.x", "second.x"
    callers = ((first, None), (second, None), (first, None), (first, "other"))
    totals = [
        open_client(service, token=token, tenant_id=tenant).invoice("G1").total
        for token, tenant in callers
    ]
    assert totals == [Decimal("1.00"), Decimal("2.00"), Decimal("1.00"), Decimal("1.00")]
    assert len(service.asked) == 3  # the third came from the first one's own folder


def test_what_is_read_back_is_what_was_sent_byte_for_byte(serve, open_client):
    """The stock JSON files of requests-cache write money anew, by way of a float."""
    literals = ["0.199996800051199180", "12345678901234.12", "1.10", "4E-7", "-0.00"]
    body = page(rows(*(line(literal) for literal in literals)))
    service = serve(one_invoice(body))
    cold = open_client(service).invoice("G1").charges()["total"].to_list()
    warm = open_client(service).invoice("G1").charges()["total"].to_list()
    assert cold == warm == [Decimal(literal) for literal in literals]
    assert len(service.asked) == 2


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_no_credential_is_on_disk_however_it_is_spelt(serve, open_client, tmp_path, name):
    """Stock requests-cache redacts `Authorization`, and writes `authorization` in clear."""
    leaky = {name: f"Bearer {TOKEN}", "Set-Cookie": f"session={TOKEN}", "MS-CV": TOKEN}
    service = serve(one_invoice(Reply(page(rows(line())), headers=leaky)))
    client = open_client(service)
    client._session._http.headers[name] = f"Bearer {TOKEN}"
    client.invoice("G1").line_items()
    written = [path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert len(written) == 5  # a page and a commit, of the invoice and of its lines; the marker
    assert not any(TOKEN.encode() in content for content in written)
    assert not any(TOKEN in str(path) for path in (tmp_path / "cache").rglob("*"))


def test_an_answer_that_holds_the_token_is_used_and_not_kept(serve, open_client, tmp_path):
    service = serve(one_invoice(page(rows(line(name=TOKEN)))))
    for _ in range(2):
        assert open_client(service).invoice("G1").charges()["customer_name"].item() == TOKEN
    assert len(files(tmp_path)) == 1  # the invoice alone
    assert len(service.asked) == 3


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_folders_are_for_the_user_alone(serve, open_client, tmp_path):
    open_client(serve(one_invoice(page(rows(line()))))).invoice("G1").line_items()
    for path in [tmp_path / "cache", *(tmp_path / "cache").rglob("*")]:
        wanted = 0o600 if path.is_file() else 0o700
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def garbled(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGE = {
    "truncated": lambda content: content[:-7],
    "empty": lambda _: b"",
    "foreign": lambda _: b'{"items":[]}',
    "one bit flipped": garbled,
    "a pickle": lambda _: b"\x80\x04\x95\x1f\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94.",
}


@pytest.mark.parametrize("suffix", [".page", ".json"])
@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_file_is_fetched_again_and_nothing_else_happens(
    serve, open_client, tmp_path, kind, suffix
):
    service = serve(
        one_invoice(page(rows(line("1.10")), uri=SEEK_LINK, token="1"), page(rows(line("2.20"))))
    )
    right = open_client(service).invoice("G1").charges()
    for path in files(tmp_path, suffix):
        path.write_bytes(DAMAGE[kind](path.read_bytes()))
    asked = len(service.asked)
    assert open_client(service).invoice("G1").charges().equals(right)
    assert len(service.asked) == asked + 3  # every file was spoilt, so all is asked again
    assert open_client(service).invoice("G1").charges().equals(right)
    assert len(service.asked) == asked + 3


HEAD = b'{"status":200,"reason":"","created":"2026-01-01","headers":{}}'
OF_YEAR_0 = HEAD.replace(b"2026-01-01", b"0001-01-01T00+23:00")
BODY = zstd.compress(b"{}")


def huge(key: str) -> bytes:
    """A page of 1 GB that takes 34 kB on disk, with all its lengths and checksums right."""
    packing = zstd.ZstdCompressor(1)
    body = b"".join(packing.compress(bytes(10_000_000)) for _ in range(100)) + packing.flush()
    return framed(key, HEAD, body)


def huge_as_the_first_release(_: str) -> bytes:
    body = gzip.compress(bytes(300_000_000), compresslevel=1)
    return framed("", HEAD, body, GZIPPED)


def framed(key: str, head: bytes, body: bytes, magic: bytes = MAGIC) -> bytes:
    frame = magic + len(head).to_bytes(4, "big") + head + body
    return frame + blake2b(frame + key.encode(), digest_size=16).digest()


CRAFTED = {
    "a bomb": huge,
    "a bomb of the first release": huge_as_the_first_release,
    "a head without end": lambda key: framed(key, b'"' + b"x" * 200_000 + b'"', BODY),
    "a head that nests": lambda key: framed(key, b"[" * 90_000, BODY),
    "a head of another kind": lambda key: framed(key, b"[]", BODY),
    "a year beyond": lambda key: framed(key, OF_YEAR_0, BODY),
    "a body cut off": lambda key: framed(key, HEAD, zstd.compress(b"{}" * 99)[:-5]),
}  # fmt: skip


@pytest.mark.parametrize("craft", CRAFTED.values(), ids=CRAFTED)
def test_a_crafted_page_is_a_miss(serve, open_client, tmp_path, craft):
    """Its checksum is right: a forger can make one as well as we."""
    service = serve(one_invoice(page(rows(line("1.10")))))
    right = open_client(service).invoice("G1").charges()
    for path in files(tmp_path):
        path.write_bytes(craft("/".join((*path.parts[-3:-1], path.stem))))
    assert open_client(service).invoice("G1").charges().equals(right)
    assert len(service.asked) == 4


@pytest.mark.parametrize("suffix", [".page", ".json"])
def test_a_file_of_absurd_size_is_not_read(serve, open_client, tmp_path, suffix):
    """On a disk that knows holes ten gigabytes take no room; in memory they would."""
    service = serve(one_invoice(page(rows(line("1.10")))))
    right = open_client(service).invoice("G1").charges()
    for path in files(tmp_path, suffix):
        os.truncate(path, 10_000_000_000)
    began = time.perf_counter()
    assert open_client(service).invoice("G1").charges().equals(right)
    assert time.perf_counter() - began < 20
    assert len(service.asked) == 4


def test_pages_are_packed_with_zstd(serve, open_client, tmp_path):
    body = page(rows(*(line(f"{number}.10") for number in range(500))))
    open_client(serve(one_invoice(body))).invoice("G1").line_items()
    packed = max((path.read_bytes() for path in files(tmp_path)), key=len)
    assert packed.startswith(MAGIC)
    assert zstd.compress(body, 1) in packed
    assert len(packed) < len(body) / 5


def test_a_page_that_is_missing_from_a_commit_makes_the_whole_a_miss(serve, open_client, tmp_path):
    service = serve(
        one_invoice(page(rows(line("1.10")), uri=SEEK_LINK, token="1"), page(rows(line("2.20"))))
    )
    right = open_client(service).invoice("G1").charges()
    for number in range(3):
        asked = len(service.asked)
        files(tmp_path)[number].unlink()
        assert open_client(service).invoice("G1").charges().equals(right)
        assert len(service.asked) > asked


def test_a_cache_that_cannot_be_written_costs_a_warning_not_the_result(
    serve, open_client, tmp_path
):
    (tmp_path / "cache").write_text("a file where the folder should be")
    service = serve(one_invoice(page(rows(line("3.30")))))
    client = open_client(service)
    with pytest.warns(UserWarning, match="cannot be written") as told:
        assert client.invoice("G1").reconcile().ties
    assert len(told) == 1


def test_offline_answers_from_the_cache_and_says_what_it_lacks(serve, open_client):
    service = serve(one_invoice(page(rows(line()))))
    open_client(service).invoice("G1").line_items()
    asked = len(service.asked)
    offline = open_client(service, offline=True)
    assert offline.invoice("G1").charges().height == 1
    with pytest.raises(ik.FetchError, match=r"list of invoices is not in the cache.*offline"):
        offline.invoices()
    assert len(service.asked) == asked


def test_refresh_asks_again_and_keeps_the_old_until_the_new_stands(serve, open_client):
    answers = [page(rows(line(name="old"))), page(rows(line(name="new")))]
    service = serve(Partner(lines=lambda _: answers[0]))
    first = open_client(service).invoice("G1")
    assert first.charges()["customer_name"].item() == "old"
    answers[0] = Reply(status=403, body=b"{}")
    with pytest.warns(UserWarning, match="refused"):
        refused = first.line_items(refresh=True)
    assert refused.missing == ["onetime/billing (refused (403))"]
    assert open_client(service).invoice("G1").charges()["customer_name"].item() == "old"
    answers[0] = answers[1]
    assert first.line_items(refresh=True)["OneTimeInvoiceLineItem"]["customer_name"].item() == "new"
    assert open_client(service).invoice("G1").charges()["customer_name"].item() == "new"


@pytest.mark.parametrize(
    ("date", "items", "asked_again"),
    [
        ("2020-01-05T00:00:00Z", rows(line()), False),  # closed: for ever
        ("2999-01-05T00:00:00Z", rows(line()), True),  # open: an hour
        ("2020-01-05T00:00:00Z", "[]", True),  # empty: an hour, whatever its age
    ],
)
def test_how_long_line_items_hold(serve, open_client, tmp_path, date, items, asked_again):
    service = serve(one_invoice(page(items), header=invoice(date=date)))
    open_client(service).invoice("G1").line_items()
    expire(tmp_path, seconds=3700)
    asked = len(service.asked)
    open_client(service).invoice("G1").line_items()
    assert len(service.asked) - asked == 1 + asked_again  # the header itself holds an hour


def test_a_note_from_the_future_is_not_believed(serve, open_client, tmp_path):
    """A clock that went wrong once would else keep an hour's answer for ever."""
    service = serve(one_invoice(page(rows(line()))))
    open_client(service).invoice("G1")
    ages = {"an hour ago": -3500.0, "a clock slightly behind": 30.0, "tomorrow": 86_400.0}
    asked = {}
    for name, seconds in ages.items():
        for path, note in notes(tmp_path):
            note["made"] = time.time() + seconds
            note["until"] = note["made"] + 3600
            write_note(path, note)
        before = len(service.asked)
        open_client(service).invoice("G1")
        asked[name] = len(service.asked) - before
    assert asked == {"an hour ago": 0, "a clock slightly behind": 0, "tomorrow": 1}


def notes(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    return [(path, read_note(path)) for path in files(folder, "commit.json")]


def expire(folder: Path, *, seconds: float) -> None:
    """Make every commit older, as if it had been written so long ago, and drop the store."""
    for store in folder.rglob("lines"):  # it is the answers that are looked at
        shutil.rmtree(store)
    for path, note in notes(folder):
        write_note(path, {**note, "until": note["until"] and note["until"] - seconds})

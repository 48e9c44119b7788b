"""Clearing and trimming: all that is ours goes, and nothing else, whatever lies on the disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import invoicekit as ik
from invoicekit.fetch.eviction import trim
from invoicekit.files.private import MARKER, read_note, write_note
from invoicekit.store.cache_admin import Cache
from invoicekit.store.dataset import Store
from support.chains import Chain, manifests_of, pages_in, read_whole
from support.partner import CLOSED, Partner
from support.paths import FIRST_RELEASE
from support.server import invoice

posix = pytest.mark.skipif(os.name != "posix", reason="anybody may make links on POSIX alone")


@pytest.fixture
def documents(tmp_path) -> Path:
    """A folder of the user's that has names like ours, and is none of our business."""
    folder = tmp_path / "Documents"
    for name in ("a.txt", f"{'c' * 32}.page", "commit.json", "lines/_invoices/G1.json",
                 f"{'a' * 32}/commit.json", f"{'a' * 32}/{'b' * 8}/{'c' * 32}.page",
                 "object_type=x/invoice_id=G1/part-0123456789ab-00000.parquet",
        "invoice_id=G1/part-0123456789ab-00000.parquet",
        "part-0123456789ab-00000.parquet",
        f"{'0' * 12}/part-0123456789ab-00000.parquet",
        f"{'0' * 12}/00000.lines",
        f"{'0' * 12}/superseded",
        f"G1/{'0' * 12}/00000.lines",
        f"G1/{'0' * 12}/superseded",
        "00000.lines",
        "superseded",
                 f"{'b' * 8}/{'c' * 32}.page"):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"dear to me")
        os.utime(folder / name, (0, 1_000_000_000))  # long ago: what is not in use may be swept
    for path in folder.rglob("*/"):
        os.utime(path, (0, 1_000_000_000))
    return folder


def files_in(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.fixture
def filled(serve, open_client):
    """A client whose cache holds an open and a closed invoice: answers of both, frames of one."""

    client = open_client(serve(Partner(invoice("G1", date=CLOSED), invoice("G2"))))
    for name in ("G1", "G2"):
        client.invoice(name).line_items()
    assert list(client._session.root.rglob("*.parquet"))
    return client


def clear(cache: Cache, **given: str):
    """What clearing returns, and its warnings."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        return cache.clear(**given), [str(one.message) for one in told]


def test_all_that_is_ours_goes(filled):
    size = filled.cache.info().size
    gone, told = clear(filled.cache)
    assert (gone, told, gone.left) == (4, [], ())
    assert 0 < gone.size < size
    assert list(files_in(filled.settings.cache_dir)) == [f"{filled.settings.scope}/{MARKER}"]
    assert filled.cache.info().collections == 0
    read = filled.invoice("G1").line_items()
    assert len(read) == 1


def test_the_first_release_s_folder_is_cleared_too(tmp_path):
    shutil.copytree(FIRST_RELEASE, tmp_path / "cache")
    gone, told = clear(Cache(tmp_path / "cache"))
    assert (gone, told) == (3, [])
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("name", ["0" * 32, f"{'0' * 32}-{'1' * 32}"])
def test_a_folder_that_has_our_name_alone_stays(tmp_path, documents, name):
    shutil.copytree(documents, tmp_path / "cache" / name)
    before = files_in(tmp_path)
    gone, told = clear(Cache(tmp_path / "cache"))
    trim(tmp_path / "cache", 0, tmp_path)
    assert gone == 0
    assert gone.left == (tmp_path / "cache" / name,)
    assert "not deleted" in told[0]
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("mark", [None, b"", b"Signature: 8a477f597d28d172789f06886806bc55\n"])
def test_without_its_marker_a_folder_is_read_and_written_and_not_deleted(filled, mark):
    marker = filled._session.root / MARKER
    marker.unlink() if mark is None else marker.write_bytes(mark)
    gone, told = clear(filled.cache)
    assert (gone, gone.left) == (0, (filled._session.root,))
    assert str(filled._session.root) in told[0]
    before = files_in(filled.settings.cache_dir)
    trim(filled.settings.cache_dir, 0, filled.settings.cache_dir)
    assert files_in(filled.settings.cache_dir) == before
    with ik.connect(
        base_url=filled.settings.base_url, tenant_id="t", offline=True,
        cache_dir=filled.settings.cache_dir,
    ) as offline:  # fmt: skip
        assert offline.invoice("G1").charges().height == 1
    filled.invoice("G2", refresh=True)
    assert files_in(filled.settings.cache_dir) != before


def test_what_others_keep_beside_it_is_not_even_looked_at(filled, documents):
    """The cache folder may be anything: a home, a Documents, a shared drive."""
    cache = filled.settings.cache_dir
    shutil.copytree(documents, cache, dirs_exist_ok=True)
    before = files_in(cache)
    size = filled.cache.info().size
    files = [path.lstat() for path in filled._session.root.rglob("*") if path.is_file()]
    assert size == sum({file.st_ino: file.st_size for file in files}.values())
    trim(cache, 0, cache)
    gone, told = clear(filled.cache)
    assert told == [
        f"not deleted, for it is not invoicekit's or another program holds it: {cache / ('a' * 32)}"
    ]
    assert gone.left == (cache / ("a" * 32),)
    after = files_in(cache)
    assert {name: after[name] for name in files_in(documents)} == files_in(documents)
    assert set(before) - set(after)


def test_what_others_put_into_our_folders_stays_and_is_named(filled):
    root = filled._session.root
    collection = collection_folder(root)
    pull = next(path for path in collection.iterdir() if path.is_dir())
    theirs = [
        root / "notes.txt",
        root / "lines" / "mine" / "x.parquet",
        root / "lines" / "_invoices" / "x.txt",
        root / "Documents" / "commit.json",
        collection / "notes.txt",
        collection / "0badcafe.json",
        pull / "notes.txt",
        pull / "ffff.page",
    ]
    for path in theirs:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"dear to me")
    gone, told = clear(filled.cache)
    assert gone == 3
    left = {name for name in files_in(root) if name != MARKER}
    assert left == {path.relative_to(root).as_posix() for path in theirs}
    # Whole folders that are not ours are named as such, and not gone through.
    assert set(gone.left) == {
        *theirs[:1],
        root / "lines" / "mine",
        theirs[2],
        root / "Documents",
        *theirs[4:],
    }
    assert " and 3 more" in told[0]


def collection_folder(root: Path) -> Path:
    return next(path for path in sorted(root.iterdir()) if len(path.name) == 32)


def the_partner(root: Path) -> Path:
    return root


def a_collection(root: Path) -> Path:
    return collection_folder(root)


def a_pull(root: Path) -> Path:
    return next(path for path in collection_folder(root).iterdir() if path.is_dir())


def the_store(root: Path) -> Path:
    return root / "lines"


def its_notes(root: Path) -> Path:
    return root / "lines" / "_invoices"


def an_object_type(root: Path) -> Path:
    return next((root / "lines").glob("object_type=*"))


def an_invoice(root: Path) -> Path:
    return next((root / "lines").glob("object_type=*/*"))


def its_parts(root: Path) -> Path:
    return root / "lines" / "_parts"


def an_invoice_s_parts(root: Path) -> Path:
    return root / "lines" / "_parts" / "G1"


def a_commit(root: Path) -> Path:
    return next(an_invoice_s_parts(root).iterdir())


def what_is_moved(root: Path) -> Path:
    return root / "lines" / "_moving"


def a_page(root: Path) -> Path:
    return next(a_pull(root).iterdir())


def a_note(root: Path) -> Path:
    return collection_folder(root) / "commit.json"


FOLDERS = [
    the_partner, a_collection, a_pull, the_store, its_notes, an_object_type, an_invoice, its_parts,
    an_invoice_s_parts, a_commit, what_is_moved,
]  # fmt: skip


@posix
@pytest.mark.parametrize("what", [*FOLDERS, a_page, a_note])
@pytest.mark.parametrize("invoice_id", [None, "G1"])
def test_no_link_is_followed_whatever_is_done(filled, documents, what, invoice_id):
    """A link in the place of a folder or file of ours leads to what is dear to somebody."""
    cache, path = filled.settings.cache_dir, what(filled._session.root)
    is_folder = path.is_dir()
    if is_folder:
        shutil.rmtree(path)
    else:
        path.unlink()
    path.symlink_to(documents if is_folder else documents / "a.txt", target_is_directory=is_folder)
    before = files_in(documents)
    trim(cache, 0, cache)
    gone, told = clear(filled.cache, **({"invoice": invoice_id} if invoice_id else {}))
    assert files_in(documents) == before
    if path.is_symlink() and not invoice_id:
        assert path in gone.left
        assert str(path) in told[0]
    for name in ("G1", "G2"):  # reading and writing follow it no more than deleting did
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert filled.invoice(name).reconcile().ties
            filled.invoice(name).line_items(refresh=True)
        Store(filled._session.root).sweep()
    assert files_in(documents) == before


OUTSIDE = [
    "../../../Documents",
    "..",
    ".",
    "/",
    "",
    "0badcafe/..",
    "0badcafe\n",
    "C:\\",
    "0BADCAFE",
]


@pytest.mark.parametrize("file", ["commit.json", "pending.json"])
@pytest.mark.parametrize("pull", [*OUTSIDE, None, 7, ["0badcafe"]])
def test_a_note_that_leads_elsewhere_is_no_note(serve, open_client, documents, file, pull):
    """Its checksum is right: a forger can make one as well as we."""
    service = serve(chain := Chain())
    client = open_client(service)
    read_whole(client, chain)
    here = manifests_of(client)
    before = files_in(documents)
    note = read_note(here.folder / "commit.json")
    real = note["pull"]
    write_note(here.folder / file, {**note, "pull": pull})
    if file == "pending.json":
        (here.folder / "commit.json").unlink()
    asked = len(service.asked)
    read_whole(client, chain)
    assert len(service.asked) == asked + chain.pages
    client.invoice("G1").line_items(refresh=True)
    trim(client.settings.cache_dir, 0, here.folder)
    gone, told = clear(client.cache)
    assert files_in(documents) == before
    assert (gone, told) == (1, [])  # the newest alone was spared
    assert not (here.folder / real).exists()


@pytest.mark.parametrize(
    "wrong",
    [{"pages": "5"}, {"size": None}, {"made": 1e300}, {"until": 1e300}, {"about": 7}, {"more": 1},
     {"size": -1}, {"made": float("nan")}],
)  # fmt: skip
def test_a_note_that_makes_no_sense_is_no_note(serve, open_client, wrong):
    service = serve(chain := Chain())
    client = open_client(service)
    read_whole(client, chain)
    here = manifests_of(client)
    write_note(here.folder / "commit.json", {**read_note(here.folder / "commit.json"), **wrong})
    assert here.committed() is None
    client.cache.info()
    asked = len(service.asked)
    read_whole(client, chain)
    assert len(service.asked) == asked + chain.pages


def test_one_invoice_is_cleared_by_its_very_id_where_two_differ_in_case(serve, open_client):
    service = serve(Partner(invoice("G1", "1.00"), invoice("g1", "2.00")))
    client = open_client(service)
    for _ in range(2):
        assert [str(client.invoice(name).total) for name in ("G1", "g1")] == ["1.00", "2.00"]
    assert len(service.asked) == 2  # each kept apart
    assert client.cache.clear(invoice="g1") == 1
    client.invoice("G1")
    assert len(service.asked) == 2
    assert client.cache.clear(invoice="g1") == 1  # G1: there is no other
    assert client.cache.clear(invoice="g1") == 0


def run(*words: str, cache: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "invoicekit", "cache", *words],
        env={**os.environ, "INVOICEKIT_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_shell_says_by_its_exit_code_whether_all_went(filled):
    cache = filled.settings.cache_dir
    theirs = filled._session.root / "notes.txt"
    theirs.write_bytes(b"dear to me")
    done = run("clear", cache=cache)
    assert done.returncode == 1
    assert done.stdout.startswith("4 collections forgotten")
    assert "not deleted" in done.stderr
    assert str(theirs) in done.stderr
    theirs.unlink()
    done = run("clear", cache=cache)
    assert (done.returncode, done.stderr) == (0, "")


@posix
def test_a_page_that_is_no_file_keeps_nobody_waiting(serve, open_client):
    service = serve(chain := Chain())
    client = open_client(service)
    read_whole(client, chain)
    (path, *_) = pages_in(manifests_of(client).folder)
    path.unlink()
    os.mkfifo(path)
    asked = len(service.asked)
    read_whole(client, chain)
    assert len(service.asked) == asked + chain.pages


def test_a_cache_says_where_it_is_and_what_can_be_asked_of_it(tmp_path):
    """Without reading it: it is displayed wherever it is the last word of a cell."""
    shown = repr(Cache(tmp_path / "nowhere"))
    assert (
        shown == f"Cache in {tmp_path / 'nowhere'}: .info() says what it holds, .clear() forgets it"
    )

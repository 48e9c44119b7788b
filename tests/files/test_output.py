"""Files that a user asked for: whole, in the mode they had; links followed, pipes written into."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import polars as pl
import pytest

from invoicekit.files.output import folder_at, is_written_into, write_file, writing
from invoicekit.show.export import write_lines
from invoicekit.show.report.html import write_report
from support.server import invoice
from support.show_samples import PlainInvoice

posix = pytest.mark.skipif(os.name == "nt", reason="modes, links and pipes of POSIX")
LINES = {"OneTimeInvoiceLineItem": pl.DataFrame({"a": ["x", "y"]})}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def reader_of(pipe: Path) -> tuple[threading.Thread, list[bytes]]:
    """Read a named pipe to its end beside us."""
    got: list[bytes] = []
    thread = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    thread.start()
    return thread, got


@posix
def test_a_new_file_is_for_the_user_alone_and_an_old_one_keeps_its_mode(tmp_path):
    path = tmp_path / "report.html"
    before = os.umask(0)
    try:
        write_report(PlainInvoice(), path)
    finally:
        os.umask(before)
    assert mode(path) == 0o600
    for kept in (0o644, 0o660, 0o440):
        path.chmod(kept)
        first = path.stat().st_ino
        write_report(PlainInvoice(), path)
        assert mode(path) == kept
        assert path.stat().st_ino != first  # replaced whole, not written over
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_line_items_and_documents_too(serve, open_client, tmp_path):
    (path,) = write_lines(LINES, tmp_path / "lines", invoice_id="G1", format="csv")
    assert mode(path) == 0o600
    path.chmod(0o644)
    write_lines(LINES, tmp_path / "lines", invoice_id="G1", format="csv")
    assert mode(path) == 0o644
    header = invoice().encode()
    service = serve(lambda asked: b"%PDF-1.4" if "documents" in asked.target else header)
    found = open_client(service).invoice("G1")
    pdf = found.statement(tmp_path / "one.pdf")
    assert mode(pdf) == 0o600
    pdf.chmod(0o640)
    found.statement(pdf, overwrite=True)
    assert mode(pdf) == 0o640


@posix
def test_a_link_is_followed_and_a_dangling_one_gets_its_target(tmp_path):
    target, first, second = tmp_path / "far" / "report.html", tmp_path / "a", tmp_path / "b"
    target.parent.mkdir()
    second.symlink_to("far/report.html")
    first.symlink_to(second)
    for content in (b"1", b"2"):
        write_file(first, content)
        assert target.read_bytes() == content
        assert first.is_symlink()
        assert second.is_symlink()
    second.unlink()
    second.symlink_to("b")
    with pytest.raises(OSError, match="symbolic links") as raised:
        write_file(second, b"3")
    assert raised.value.errno == errno.ELOOP


@posix
def test_a_pipe_is_written_into_by_reports_lines_and_documents(serve, open_client, tmp_path):
    header = invoice().encode()
    service = serve(lambda asked: b"%PDF-1.4" if "documents" in asked.target else header)
    found = open_client(service).invoice("G1")
    name = "G1-OneTimeInvoiceLineItem"

    def lines(how):
        return lambda path: write_lines(LINES, path.parent, invoice_id="G1", format=how)

    cases = [
        ("report.html", lambda path: write_report(PlainInvoice(), path), b"<!"),
        (f"{name}.csv", lines("csv"), b'"a"\n"x"\n"y"\n'),
        (f"{name}.parquet", lines("parquet"), b"PAR1"),
        ("one.pdf", found.statement, b"%PDF-1.4"),
    ]
    for name, write, begins in cases:
        pipe = tmp_path / name
        os.mkfifo(pipe)
        thread, got = reader_of(pipe)
        write(pipe)
        thread.join(20)
        assert got[0].startswith(begins), name
        assert stat.S_ISFIFO(pipe.stat().st_mode)
        if name.endswith("parquet"):
            assert pl.read_parquet(io.BytesIO(got[0])).equals(LINES["OneTimeInvoiceLineItem"])


@posix
def test_a_device_stays_a_device(tmp_path):
    """`-o /dev/null` as root put a file in its place."""
    try:
        null = tmp_path / "null"
        os.mknod(null, stat.S_IFCHR | 0o666, Path(os.devnull).stat().st_rdev)
        null.open("wb").close()
    except PermissionError:  # only root makes devices, and not on every file system
        null = Path(os.devnull)
    write_report(PlainInvoice(), null)
    assert stat.S_ISCHR(null.stat().st_mode)
    assert is_written_into(null)
    link = tmp_path / "link"
    link.symlink_to(os.devnull)
    write_file(link, b"x")
    assert link.is_symlink()


@posix
def test_an_open_descriptor_is_written_into_where_it_stands(tmp_path):
    """The shell has sent it to a file; what stands there already is kept."""
    path = tmp_path / "log"
    with path.open("wb", buffering=0) as file:
        file.write(b"before ")
        for name in (f"/dev/fd/{file.fileno()}", f"/proc/self/fd/{file.fileno()}"):
            if not Path(name).exists():
                continue
            assert is_written_into(Path(name))
            write_file(Path(name), b"inside ")
        file.write(b"after")
    assert path.read_bytes() in {b"before inside after", b"before inside inside after"}
    assert not is_written_into(path)
    assert not is_written_into(tmp_path / "not there")


def test_a_folder_and_a_missing_folder_are_said(tmp_path):
    with pytest.raises(ValueError, match="is a folder: name the file"):
        write_file(tmp_path, b"")
    with pytest.raises(ValueError, match=r"there is no folder .*missing"):
        write_file(tmp_path / "missing" / "report.html", b"")
    if os.name != "nt":
        (tmp_path / "link").symlink_to(tmp_path / "missing" / "report.html")
        with pytest.raises(ValueError, match=r"there is no folder .*missing"):
            write_file(tmp_path / "link", b"")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(tmp_path / "socket"))
            with pytest.raises(OSError, match=str(errno.ENXIO)):
                write_file(tmp_path / "socket", b"")


def test_whatever_goes_wrong_meanwhile_leaves_the_old_file(tmp_path):
    path = tmp_path / "report.html"
    path.write_bytes(b"old")
    with contextlib.suppress(KeyboardInterrupt), writing(path) as file:
        file.write(b"new")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


FULL = """
import resource, signal, sys
from pathlib import Path
import polars as pl
from invoicekit.files.output import write_file
from invoicekit.show.export import write_lines
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = Path(sys.argv[1])
columns = {f"c{c}": [f"{n} of many {c}" for n in range(500)] for c in range(40)}
lines = {"OneTime": pl.DataFrame(columns)}
for most in range(0, 20_000, 1_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))  # as a full disk does
    for write in (
        lambda: write_file(folder / "report.html", b"x" * 1_000_000),
        lambda: write_lines(lines, folder, invoice_id="G1", format="csv"),
        lambda: write_lines(lines, folder, invoice_id="G1", format="parquet"),
    ):
        try:
            write()
        except OSError as error:
            print("OSError", error)
"""


@posix
def test_a_full_disk_leaves_the_old_file_and_names_the_new_one(tmp_path):
    names = ["report.html", "G1-OneTime.csv", "G1-OneTime.parquet"]
    for name in names:
        (tmp_path / name).write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=False
    )
    said = done.stdout.splitlines()
    assert [line.split()[0] for line in said] == ["OSError"] * 60, done.stderr
    assert all(name in line for name, line in zip(names * 20, said, strict=True))
    assert all("File too large" in line for line in said), "in the words of the disk"
    assert "None" not in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"old"}


@pytest.mark.parametrize("below", ["", "a", "a/b"])
def test_a_folder_that_is_a_file_or_below_one_is_named_and_what_to_do(below, tmp_path):
    there = tmp_path / "file"
    there.write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"file is no folder: name one to write into"):
        folder_at(there / below)
    with pytest.raises(ValueError, match="is no folder"):
        write_lines(LINES, there / below, invoice_id="G1")
    assert there.read_bytes() == b"mine"
    assert folder_at(tmp_path / "new" / "one").is_dir()


@posix
def test_a_link_to_nowhere_is_no_folder(tmp_path):
    (tmp_path / "link").symlink_to("nowhere/at/all")
    with pytest.raises(ValueError, match="link is no folder"):
        folder_at(tmp_path / "link")


@posix
def test_a_full_device_is_named():
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full")
    with pytest.raises(OSError, match="/dev/full") as found:
        write_file(full, b"x")
    assert (found.value.errno, found.value.filename) == (errno.ENOSPC, "/dev/full")

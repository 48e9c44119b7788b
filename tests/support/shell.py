"""The command line in processes of its own: on pipes, and on a terminal."""

from __future__ import annotations

import contextlib
import os
import re
import select
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping
from pathlib import Path

import pytest

from invoicekit.cli.app import main


def environment(url: str, token: str, cache: Path, **more: str) -> dict[str, str]:
    """An environment in which the command line asks that service."""
    ours = ("INVOICEKIT", "PYTHONUNBUFFERED")  # unbuffered, a broken pipe shows itself elsewhere
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {
        **kept,
        "PYTHONIOENCODING": "utf-8",
        "INVOICEKIT_BASE_URL": url,
        "INVOICEKIT_TOKEN": token,
        "INVOICEKIT_CACHE_DIR": str(cache),
        **more,
    }


def run(*arguments: str, url: str, token: str, cache: Path, **more: str):
    """The command line with its output on pipes."""
    return subprocess.run(
        [sys.executable, "-m", "invoicekit", *arguments],
        capture_output=True,
        env=environment(url, token, cache, **more),
        encoding="utf-8",
        check=False,
        timeout=120,
    )


def on_terminal(
    command: list[str], env: dict[str, str], *, seconds: float = 120, columns: int = 80
):
    """What a terminal gets from a command, as it came, and the exit code."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    end = time.monotonic() + seconds
    got = b""
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env) as process:
        os.close(theirs)
        with contextlib.suppress(OSError):  # EIO: nobody is at the other end any more
            while time.monotonic() < end:
                if select.select([ours], [], [], 1)[0]:
                    piece = os.read(ours, 65536)
                    if not piece:
                        break
                    got += piece
        os.close(ours)
        if process.poll() is None and time.monotonic() > end:
            process.kill()
    return got.decode(), process.returncode


def in_process(settings: Mapping[str, object], folder: Path, monkeypatch, capfd):
    """The command line in this process, in that folder: its exit code, and what it printed."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    monkeypatch.delenv("COLUMNS", raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(f"INVOICEKIT_{name.upper()}", str(value))

    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        shown = capfd.readouterr()
        return left.value.code, shown.out, shown.err

    return run


def screen(got: str) -> list[str]:
    """The lines that are left on the screen: what a bar wrote and took back is gone."""
    rows, row, column = [[]], 0, 0
    for piece in re.findall(r"\x1b\[A|[\r\n]|.", got):
        if piece == "\r":
            column = 0
        elif piece == "\n":
            row, column = row + 1, 0
        elif piece == "\x1b[A":
            row -= 1
        else:
            while len(rows) <= row:
                rows.append([])
            line = rows[row]
            line.extend(" " * (column + 1 - len(line)))
            line[column] = piece
            column += 1
    return ["".join(line).rstrip() for line in rows]

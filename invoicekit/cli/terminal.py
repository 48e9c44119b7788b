"""Writes to the terminal: text that it can show, and one line for an error.

Whoever reads our output may go before its end (`| head`), or it may be closed: the work goes on,
and the exit code says what came of it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TextIO

import typer

from invoicekit.cli.arguments import settings_first
from invoicekit.cli.plain import in_shell_words, plain_words
from invoicekit.errors import InvoiceKitError, SettingsError
from invoicekit.settings import debugging
from invoicekit.visible import encodable, visible

INTERRUPTED = 130
MARK = re.compile("([✔✘⚠]) (?:ties|differs|incomplete)")
PYDANTIC = re.compile(r"\bValue error, |, unable to parse string as an? \w+")  # typer's checker
INKS = {"✔": "32", "✘": "31", "⚠": "33"}  # green, red, yellow


class Badge(str):
    """A line with a tie-out: its mark and state are coloured where a terminal shows colours."""

    __slots__ = ()


def width_of(stream: TextIO) -> int | None:
    """The columns of the terminal, or as `COLUMNS` says; `None` where there is no such thing."""
    if not stream.isatty() and not os.environ.get("COLUMNS", "").isdigit():
        return None
    return shutil.get_terminal_size().columns


def say(*lines: str, to: TextIO | None = None) -> bool:
    """Print lines, above a progress bar; returns whether anybody reads them.

    Nothing in a line ends it or steers the terminal; what the stream cannot encode is ASCII.
    """
    if not lines:
        return True
    stream = to or sys.stdout
    text = encodable("".join(f"{_shown_on(stream, line)}\n" for line in lines), stream.encoding)
    return _put(stream, lambda: stream.write(text))


def say_data(text: str) -> bool:
    """Print JSON or CSV: to a terminal as text, else as UTF-8 on every system.

    Returns whether anybody reads it.
    """
    if sys.stdout.isatty():
        return say(*text.removesuffix("\n").split("\n"))
    return _put(sys.stdout, lambda: sys.stdout.buffer.write(text.encode()))


def may_be_cut(stream: TextIO) -> bool:
    """Whether a reader may take the first lines alone (`| head`), and nobody sees the last."""
    try:
        there, errors = os.fstat(stream.fileno()), os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):  # no stream of the system's
        return False
    return stat.S_ISFIFO(there.st_mode) and not os.path.samestat(there, errors)


def run(app: typer.Typer, arguments: Sequence[str]) -> NoReturn:
    """Run a command and leave with its exit code."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the shell (`>&-`), or there never was one
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
    warnings.showwarning = _warn  # type: ignore[assignment]
    sys.exit(_code(app, list(arguments)))


def _shown_on(stream: TextIO, line: str) -> str:
    text = visible(line)
    if isinstance(line, Badge) and _has_colours(stream):
        # The first alone: what stands behind it may be somebody else's words.
        text = MARK.sub(lambda found: f"\x1b[{INKS[found[1]]}m{found[0]}\x1b[0m", text, count=1)
    return text


def _has_colours(stream: TextIO) -> bool:
    """Whether colours are seen there, and wanted (no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty():
        return False
    # An old Windows console shows escapes as they are.
    return os.name != "nt" or bool(os.environ.get("WT_SESSION") or os.environ.get("TERM"))


def _put(stream: TextIO, write: Callable[[], object]) -> bool:
    tqdm = getattr(sys.modules.get("tqdm"), "tqdm", None)  # who has not loaded it has no bar
    try:
        with tqdm.external_write_mode(file=stream) if tqdm else contextlib.nullcontext():
            stream.flush()
            write()
            stream.flush()
    except OSError as error:
        # What is left in the buffer would fail again when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if stream is sys.stderr or _reader_has_gone(error):
            return False
        raise
    return True


def _reader_has_gone(error: OSError) -> bool:
    return error.errno == errno.EPIPE or (os.name == "nt" and error.errno == errno.EINVAL)


def _code(app: typer.Typer, arguments: list[str]) -> int:
    try:
        arguments = settings_first(arguments)
        code = app(arguments, prog_name="invoicekit", standalone_mode=False)
    except typer.exceptions.TyperException as wrong:  # wrong usage
        return _shown(wrong)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except SystemExit as left:  # completion is done, or the reader has gone
        return 0 if not left.code or isinstance(left.__context__, BrokenPipeError) else 1
    except Exception as error:  # noqa: BLE001 (the last stand: nobody above would tell of it)
        return say_error(error)
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # polars', which is no Exception
            raise
        if "KeyboardInterrupt" not in str(error):  # Ctrl-C while it called Python
            return say_error(error)
        code = INTERRUPTED
    if code == INTERRUPTED:
        say("interrupted; what was read is kept for the next try", to=sys.stderr)
    return code if isinstance(code, int) else 0


def _shown(wrong: Any) -> int:  # noqa: ANN401 (typer keeps the class that has these to itself)
    if type(wrong).__name__ == "NoArgsIsHelpError":  # the help itself
        with contextlib.suppress(OSError):
            wrong.show()
        return int(wrong.exit_code)
    context = getattr(wrong, "ctx", None)
    path = context.command_path if context else "invoicekit"
    words = PYDANTIC.sub("", " ".join(wrong.format_message().replace("(s) (", " (").split()))
    words = words.removeprefix("Invalid value: ").removesuffix(".")
    end = "" if words.endswith("?") else "."
    say(f"error: {words}{end} See: {path} --help", to=sys.stderr)
    return int(wrong.exit_code)


def say_error(error: BaseException, before: str = "") -> int:
    """Say the error in one line, after words of what failed; returns the exit code."""
    if debugging():
        say(*"".join(traceback.format_exception(error)).splitlines(), to=sys.stderr)
    words = plain_words(error)
    if isinstance(error, InvoiceKitError | OSError):
        say(f"error: {before}{words}", to=sys.stderr)
        return 2 if isinstance(error, SettingsError) and error.listed else 1
    if type(error) is ValueError:  # a value that is not allowed; a subclass is somebody's bug
        say(f"error: {before}{words}", to=sys.stderr)
        return 2
    name = type(error).__name__
    say(f"error: {before}{name}: {words} (INVOICEKIT_DEBUG=1 shows where)", to=sys.stderr)
    return 1


def _warn(message: Warning | str, *_: object) -> None:
    say(f"warning: {in_shell_words(str(message))}", to=sys.stderr)

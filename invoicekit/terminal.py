"""What a terminal gets: text that it can show, and one line for whatever went wrong."""

from __future__ import annotations

import json
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn, TextIO

import typer

from invoicekit.errors import InvoiceKitError
from invoicekit.settings import debugging

# For an output that cannot show the badge's mark.
ASCII = str.maketrans({"✔": "OK", "✘": "!!", "⚠": "!!", "…": "...", "–": "-", "·": "|"})  # noqa: RUF001


def shows(text: str, stream: TextIO) -> bool:
    """Whether the stream can encode all of `text`."""
    try:
        text.encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def say_json(value: object) -> None:
    """Print a value as JSON; what standard output cannot encode is escaped, never replaced."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    say(text if shows(text, sys.stdout) else json.dumps(value, indent=2))


def say(text: str, *, to: TextIO | None = None) -> None:
    """Print `text`, in ASCII where the stream cannot encode it."""
    stream = to or sys.stdout
    if not shows(text, stream):
        text = text.translate(ASCII).encode("ascii", "replace").decode()
    print(text, file=stream, flush=True)


def run(app: typer.Typer, arguments: Sequence[str]) -> NoReturn:
    """Run a command and leave with its exit code."""
    warnings.showwarning = _warn  # type: ignore[assignment]
    sys.exit(_code(app, list(arguments)))


def _code(app: typer.Typer, arguments: list[str]) -> int:
    try:
        code = app(arguments, prog_name="invoicekit", standalone_mode=False)
    except typer.exceptions.TyperException as wrong:  # wrong usage
        return _shown(wrong)
    except (KeyboardInterrupt, typer.Abort):
        say("interrupted; what was read is kept for the next try", to=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read our output has gone (`| head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 (the last stand: nobody above would tell of it)
        return _told(error)
    return code if isinstance(code, int) else 0


def _shown(wrong: Any) -> int:  # noqa: ANN401 (typer keeps the class that has these to itself)
    wrong.show()
    return int(wrong.exit_code)


def _told(error: Exception) -> int:
    """Say the error in one line; returns the exit code."""
    if debugging():
        traceback.print_exc()
    words = " ".join(str(error).split())
    if isinstance(error, InvoiceKitError | OSError):
        say(f"error: {words}", to=sys.stderr)
        return 1
    if type(error) is ValueError:  # a value that is not allowed; a subclass is somebody's bug
        say(f"error: {words}", to=sys.stderr)
        return 2
    name = type(error).__name__
    say(f"error: {name}: {words} (INVOICEKIT_DEBUG=1 shows where)", to=sys.stderr)
    return 1


def _warn(message: Warning | str, *_: object) -> None:
    say(f"warning: {' '.join(str(message).split())}", to=sys.stderr)

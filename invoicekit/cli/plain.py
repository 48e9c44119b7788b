"""Errors in the shell's words: what a notebook is told to call is a command or an option here."""

from __future__ import annotations

import re
from collections.abc import Callable

from invoicekit.errors import FetchError

# As the library says it -> as the shell does; the first that matches wins.
OPTIONS = "page_size|cache_dir|base_url|graph_url|tenant_id"
VARIABLES = (
    "graph_token|client_id|client_secret|client_certificate|client_certificate_password"
    "|refresh_token"
    "|export_timeout|read_timeout|connect_timeout|cache_gb"
)
BARE = r"(?<![/\\])\b"  # no part of a path
AS_CALLED = r"; or pass the same to connect\(token=…\), or what azure-identity gives to \S+"
Plain = str | Callable[[re.Match[str]], str]
TABLE: tuple[tuple[str, Plain], ...] = (
    (AS_CALLED, "."),
    (r"pass connect\(\w+=…\) or set ", "set "),
    (r"Pass connect\(\w+=…\) or set ", "Set "),
    (r'(?:; or leave Graph unasked with|, or ask for the lines with|, or take|:) source="v1"', ""),
    (r"\(ask=True, or --ask\)", "(--ask)"),
    (r" \(ik\.connect\(\)\)", ""),
    (r"name the host in the call: connect\(\w+=…\), or ", "name the host in the call: "),
    (r"client\.invoices\(\)", "invoicekit invoices"),
    (r"client\.sync\(\)", "invoicekit sync"),
    (r"\. client\.scan\(…\) has the lines", ""),
    (r"ik\.glossary\(\)", "invoicekit glossary"),
    (r"client\.cache\.clear\(invoice=…\)", "invoicekit cache clear --invoice ID"),
    (r"client\.cache\.clear\(\)", "invoicekit cache clear"),
    (r"invoicekit\.demo\(\)", "invoicekit demo"),
    (r", and offline=True never asks", ", and with --offline nothing is asked"),
    (r"with offline=False", "without --offline"),
    (r"offline=(?:True|False)", "--offline"),
    (r"overwrite=True", "--overwrite"),
    (r"refresh=True", "--refresh"),
    (r"; line_items\(\) reads it into memory alone", ""),
    (rf"{BARE}({OPTIONS})\b", lambda found: "--" + found[1].replace("_", "-")),
    (rf"{BARE}({VARIABLES})\b", lambda found: f"INVOICEKIT_{found[1].upper()}"),
    # Words of every day: settings only where something is said of them.
    (r"^(connections|offline)(?= is | \S+ is not between)",
     lambda found: f"INVOICEKIT_{found[1].upper()}"),
)  # fmt: skip
WORDS = tuple((re.compile(words), plain) for words, plain in TABLE)


def in_shell_words(text: str) -> str:
    """The text in one line, and in the shell's words.

    >>> in_shell_words("not there. client.sync() brings it in")
    'not there. invoicekit sync brings it in'
    """
    text = " ".join(text.split())
    for words, plain in WORDS:
        text = words.sub(plain, text)
    return text


def plain_words(error: BaseException) -> str:
    """What went wrong in one line: no Python, and the ids by which Microsoft finds the request.

    >>> plain_words(FetchError("not found. The list is client.invoices()", code="2002"))
    'not found. The list is invoicekit invoices (code 2002)'
    """
    text = str(error)
    if isinstance(error, OSError) and error.strerror:  # without its number
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    text = in_shell_words(text)
    if isinstance(error, FetchError):
        ids = [
            f"{name} {value}"
            for name, value in (("code", error.code), ("request", error.request_id))
            if value and value not in text
        ]
        text += f" ({', '.join(ids)})" if ids else ""
    return text

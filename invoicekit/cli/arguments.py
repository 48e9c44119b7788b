"""Command lines as people type them: settings of the client may stand after the command too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from typer import BadParameter

# The options that say which service is asked, and how: they are the same for each command.
SETTINGS = (
    "--cloud", "--tenant-id", "--base-url", "--graph-url", "--cache-dir", "--page-size",
)  # fmt: skip
FLAGS = ("--offline",)
# How files are called that data is not printed as, and the command that writes them.
WRITTEN_BY = {
    ".xlsx": "workbook", ".html": "report", ".parquet": "lines", ".zip": "evidence",
    ".pdf": "statement",
}  # fmt: skip


def settings_first(arguments: Sequence[str]) -> list[str]:
    """The arguments with the client's settings before the command; after `--` nothing is moved.

    >>> settings_first(["totals", "G1", "--offline", "--cloud", "china", "--by", "offer"])
    ['--offline', '--cloud', 'china', 'totals', 'G1', '--by', 'offer']

    Raises:
        BadParameter: a setting has no value.
    """
    first: list[str] = []
    rest = list(arguments)
    others: list[str] = []
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*first, *others, word, *rest]
        if word in FLAGS or (word.partition("=")[0] in SETTINGS and "=" in word):
            first.append(word)
        elif word in SETTINGS:
            if not rest:
                raise BadParameter(f"{word} wants a value")
            first += [word, rest.pop(0)]
        else:
            others.append(word)
    return [*first, *others]


def path_in(word: str | Path) -> Path:
    """The path that an option names, or is by default.

    >>> path_in("october.csv").name
    'october.csv'

    Raises:
        BadParameter: it is empty, as a variable of the shell that is not set: that would be the
            folder where we are.
    """
    if not str(word).strip():
        raise BadParameter("the name is empty")
    return Path(word)


def data_path_in(word: str | Path) -> Path:
    """The path of printed data: a table, JSON or CSV.

    >>> data_path_in("october.csv").name
    'october.csv'

    Raises:
        BadParameter: it is empty, or its name says something else: no program would open it.
    """
    path = path_in(word)
    if command := WRITTEN_BY.get(path.suffix.lower()):
        raise BadParameter(
            f"data is printed as a table, .json or .csv; what writes {path.suffix.lower()} is "
            f"invoicekit {command}"
        )
    return path


def own_path_in(word: str | Path) -> Path:
    """The path of what never goes to the screen: a file that somebody opens, or a folder.

    >>> own_path_in("october.html").name
    'october.html'

    Raises:
        BadParameter: it is empty, or stands for standard output.
    """
    if str(word) == "-":
        raise BadParameter("- is for data that is printed; name what to write")
    return path_in(word)

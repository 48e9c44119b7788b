"""Frames as aligned text for a terminal, in the room that it has."""

from __future__ import annotations

from typing import Final

import polars as pl
from rich.cells import cell_len, set_cell_size

from invoicekit.show.formatting import as_text, shorten
from invoicekit.show.lines_table import kind_of

WIDEST: Final = 44  # letters of a cell
LEAST: Final = 8  # columns of a terminal that a cut text or id keeps
LEAST_NAMES: Final = (18, 12)  # the same of the first name, which tells the rows apart; of others
GAP: Final = 2
# What is left out of a table that is too wide, in this order; what it is about never is.
LEFT_OUT: Final = ("id", "text", "day", "number")
ALWAYS: Final = frozenset(
    {"invoice_id", "currency", "part", "state", "total", "total_charges", "difference", "amount"}
)


SHORT: Final = frozenset({"currency", "part"})  # words that are never cut


def text_table(frame: pl.DataFrame, *, widest: int = WIDEST, width: int | None = None) -> str:
    """The frame as aligned plain text, for a terminal: nothing in it can steer the terminal.

    Where the lines would be longer than `width`, ids are cut first, then the longest texts; then
    columns are left out and named below. Amounts are never cut.
    """
    if not frame.columns:
        return "(nothing)"
    cells = as_text(frame)
    columns = {
        name: [name, *(shorten(text, widest) for text in cells[name])] for name in frame.columns
    }
    kinds = {name: kind_of(frame, name) for name in frame.columns}
    names, widths = _chosen(columns, kinds, width)
    rows = [
        "  ".join(
            _fitting(text, room, right=kinds[name] == "number")
            for text, room, name in zip(row, widths, names, strict=True)
        ).rstrip()
        for row in zip(*(columns[name] for name in names), strict=True)
    ]
    rule = "  ".join("-" * room for room in widths)
    left_out = [name for name in columns if name not in names]
    note = f"(too wide, left out: {', '.join(left_out)})" if left_out else ""
    below = wrapped(note, width or WIDEST)
    return "\n".join([rows[0], rule, *(rows[1:] or ["(no rows)"]), *below])


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of a terminal's width, broken at blanks; all but the first are indented.

    >>> wrapped("one line of 日本 and more", 12)
    ['one line of', '  日本 and', '  more']
    """
    lines: list[str] = []
    for word in text.split():
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(f"  {word}" if lines else word)
    return lines


def _chosen(
    columns: dict[str, list[str]], kinds: dict[str, str], width: int | None
) -> tuple[list[str], list[int]]:
    """The columns that are shown, and how wide each is."""
    names = list(columns)
    rooms = {name: max(map(cell_len, column)) for name, column in columns.items()}
    if width is None:
        return names, list(rooms.values())
    least = _least(rooms)
    first = next((name for name in names if name.endswith("_name")), names[0])
    may_go = [
        name
        for kind in LEFT_OUT
        for name in reversed(names)
        if kinds[name] == kind and name not in {first, *ALWAYS}
    ]
    while True:
        widths = _fitted({name: rooms[name] for name in names}, kinds, least, width)
        if _over(widths, width) <= 0 or not may_go:
            return names, list(widths.values())
        names.remove(may_go.pop(0))


def _least(rooms: dict[str, int]) -> dict[str, int]:
    """How far each column may be cut: names not so far as others, the short words never."""
    least = {name: room if name in SHORT else LEAST for name, room in rooms.items()}
    of_name = iter(LEAST_NAMES)
    for name in rooms:
        if name.endswith("_name"):
            least[name] = next(of_name, LEAST_NAMES[-1])
    return least


def _fitted(
    rooms: dict[str, int], kinds: dict[str, str], least: dict[str, int], width: int
) -> dict[str, int]:
    """The widths with so much taken from ids, then from texts, that a line fits if it can."""
    rooms = dict(rooms)
    for kind in ("id", "text"):
        names = [name for name in rooms if kinds[name] == kind]
        while _over(rooms, width) > 0 and names:
            longest = max(names, key=lambda name: rooms[name] - least[name])
            if rooms[longest] <= least[longest]:
                break
            rooms[longest] -= 1
    return rooms


def _over(rooms: dict[str, int], width: int) -> int:
    return sum(rooms.values()) + GAP * (len(rooms) - 1) - width


def _fitting(text: str, room: int, *, right: bool) -> str:
    """The text in just so many columns of a terminal: letters of East Asia take two."""
    if cell_len(text) > room:
        text = set_cell_size(text, room - 1).rstrip() + "…"
    blanks = " " * (room - cell_len(text))
    return blanks + text if right else text + blanks

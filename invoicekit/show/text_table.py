"""Frames as aligned text for a terminal, in the room that it has."""

from __future__ import annotations

from typing import Final

import polars as pl
from rich.cells import cell_len, set_cell_size

from invoicekit.show.formatting import as_text, shorten
from invoicekit.show.lines_table import kind_of

WIDEST: Final = 44  # letters of a cell
LEAST: Final = 8  # columns of a terminal that a cut text or id keeps
LEAST_FIRST: Final = 18  # the same of the first name, or of the first column: it tells rows apart
LEAST_NAME: Final = 12  # the same of another name
GAP: Final = 2
# What is left out of a table that is too wide, in this order; within each from the right, numbers
# from the left. What a table is about never is.
LEFT_OUT: Final = ("id", "text", "lines", "number", "key")
ALWAYS: Final = frozenset({"total", "total_charges", "difference", "change", "amount", "state"})
SHORT: Final = frozenset({"invoice_id", "currency", "part", "month"})  # never cut either


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
    first = next((name for name in names if name.endswith("_name")), names[0])
    least = {name: _least(name, first, room) for name, room in rooms.items()}
    ranks = {name: _rank(name, kinds, names) for name in names}
    may_go = [
        name
        for rank in LEFT_OUT
        for name in (names if rank == "number" else reversed(names))
        if ranks[name] == rank and name not in {first, *ALWAYS, *SHORT}
    ]
    while True:
        widths = _fitted({name: rooms[name] for name in names}, kinds, least, width)
        if _over(widths, width) <= 0 or not may_go:
            return names, list(widths.values())
        names.remove(may_go.pop(0))


def _rank(name: str, kinds: dict[str, str], names: list[str]) -> str:
    """What a column is, when one has to go; what stands before all numbers tells rows apart."""
    numbers = [one for one in names if kinds[one] == "number"]
    before = names[: names.index(numbers[0])] if numbers else names
    if kinds[name] != "id" and (name in before or name.endswith("_name")):
        return "key"
    if name == "lines":
        return name
    return "text" if kinds[name] == "day" else kinds[name]


def _least(name: str, first: str, room: int) -> int:
    """How far a column may be cut: names not so far as others, short words never."""
    if name in SHORT:
        return room
    if name == first:
        return LEAST_FIRST
    return LEAST_NAME if name.endswith("_name") else LEAST


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

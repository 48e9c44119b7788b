"""What a spreadsheet changes when it saves a file again: found, counted, and told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from invoicekit.sources.files.finding import AGAIN

# A number as a spreadsheet shows it, with six digits at most; what came after them is gone.
SHORT = r"^[+-]?[0-9](?:[.,][0-9]{1,5})?[eE][+-][0-9]{2,3}$"
LONG_ID = r"^[0-9]{16,}$"
ROUNDED_ID = r"^[0-9]{15}0+$"  # a spreadsheet keeps 15 digits
SKU = "sku_id"
NO_ZEROS = r"^[0-9]{1,3}$"  # a SKU has four characters
HASHES = "^#{3,}$"
IN_NUMBERS = "numbers with an exponent, of which at most six digits are left"
IN_IDS = "ids with an exponent, so not the ids of the lines"
ROUNDED = "ids of more than 15 digits that end in zeros, as no others do"
ZEROS_LOST = "SKU ids without their leading zeros"
NOT_SHOWN = "cells of ### where the column was too narrow"


@dataclass(slots=True)
class Spoiled:
    """Columns and what is wrong with them: how many lines, and the first row."""

    found: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    long_ids: dict[str, set[str]] = field(default_factory=dict)
    whole_ids: set[str] = field(default_factory=set)  # columns with an id that is not rounded

    def see_numbers(self, wire: str, column: pl.Series, numbers: Sequence[int]) -> None:
        """Look at a column of numbers."""
        self._count(wire, IN_NUMBERS, column.str.contains(SHORT), numbers)
        self._count(wire, NOT_SHOWN, column.str.contains(HASHES), numbers)

    def see_texts(self, wire: str, name: str, column: pl.Series, numbers: Sequence[int]) -> None:
        """Look at a column of text; `name` is ours."""
        self._count(wire, NOT_SHOWN, column.str.contains(HASHES), numbers)
        self._count(wire, IN_IDS, column.str.contains(SHORT), numbers)
        if name == SKU:
            self._count(wire, ZEROS_LOST, column.str.contains(NO_ZEROS), numbers)
        long = column.str.contains(LONG_ID)
        if long.any() and wire not in self.whole_ids:
            ids = column.filter(long)
            rounded = ids.str.contains(ROUNDED_ID)
            if rounded.all():
                self._count(wire, ROUNDED, long, numbers)
                self.long_ids.setdefault(wire, set()).update(ids.unique().head(2))
            else:
                self.whole_ids.add(wire)

    def _count(self, wire: str, what: str, flags: pl.Series, numbers: Sequence[int]) -> None:
        count = int(flags.sum() or 0)
        if count:
            before, first = self.found.get((wire, what), (0, numbers[flags.arg_max() or 0]))
            self.found[wire, what] = before + count, first

    def told(self, name: str) -> str | None:
        """What there is, in words."""
        words = [
            f"{wire}: {count:,} {what} (the first in row {first:,})"
            for (wire, what), (count, first) in self.found.items()
            if what != ROUNDED
            or (wire not in self.whole_ids and len(self.long_ids.get(wire, ())) > 1)
        ]
        if not words:
            return None
        return (
            f"{name}: a spreadsheet has saved this file and changed it, and what is lost cannot be "
            f"brought back: {'; '.join(words)}. {AGAIN.capitalize()}, and read it as it came"
        )

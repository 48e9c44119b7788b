"""What a proof was made from, kept lazily: findings and suspects look at the lines again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from invoicekit.frames.charges import PAGED, paged_charges


@dataclass(frozen=True, slots=True)
class Grounds:
    """The charges of any engine; where the lines themselves are known, a frame an objectType.

    `notes` are what the header names beside charges, in words: documents that amend the invoice.
    `reading` is entered while any of them is read: the files that lazy frames lie in may be gone by
    then, and whoever made the frames knows how to say so.
    """

    given: Any
    frames: Mapping[str, pl.LazyFrame] = field(default_factory=dict)
    sources: Collection[str] = ()
    notes: Sequence[str] = ()
    reading: Callable[[], AbstractContextManager[None]] = nullcontext

    def charges(self) -> pl.LazyFrame:
        """The charges, columns as in `PAGED`; null where they were given without."""
        if self.frames:
            return paged_charges(self.frames)
        lazy = self.given.lazy() if isinstance(self.given, pl.DataFrame) else self.given
        if not isinstance(lazy, pl.LazyFrame):
            import narwhals as nw

            lazy = nw.from_native(self.given).lazy().collect("polars").to_native().lazy()
        have = lazy.collect_schema()
        return lazy.select(
            (pl.col(name) if name in have else pl.lit(None)).cast(dtype).alias(name)
            for name, dtype in PAGED.items()
        )

"""Frames as Parquet, into a file whose disk may be full."""

from __future__ import annotations

from typing import IO, Final, Protocol, cast

import polars as pl

ROWS: Final = 100_000  # of a row group


class Writable(Protocol):
    """A file to write to."""

    def write(self, content: bytes, /) -> int:
        """Write some bytes."""


def write_parquet(frame: pl.LazyFrame, file: Writable) -> None:
    """Write a frame's rows, which go through memory in pieces.

    Raises:
        OSError: the file does not take them, in the disk's own words: polars says "Invalid thrift".
    """
    sink = _Sink(file)
    try:
        frame.sink_parquet(cast("IO[bytes]", sink), row_group_size=ROWS, compression="zstd")
    except pl.exceptions.ComputeError as cause:
        if sink.error is None:
            raise
        raise sink.error from cause


class _Sink:
    """What polars asks of a file that it writes to."""

    def __init__(self, file: Writable) -> None:
        self.error: OSError | None = None
        self._file = file

    def write(self, content: bytes) -> int:
        """Write, and remember what went wrong."""
        try:
            return self._file.write(content)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        """Nothing is kept back."""

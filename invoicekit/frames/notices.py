"""What a user is told of rows that are not quite as documented; the words of warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from invoicekit.frames.numbers import PLACES, WHOLE
from invoicekit.frames.schema import Kind


def numbers_that_did_not_fit(name: str, counts: Mapping[str, int]) -> str:
    """How many numbers are not the very ones sent, by the columns that have their text."""
    several = sum(counts.values())
    return (
        f"{name}: {several} number{'' if several == 1 else 's'} did not fit ({WHOLE} digits before "
        f"the point, {PLACES} after it): rounded half-even at the last place, or null where too "
        f"large; as sent in {', '.join(counts)}"
    )


def undocumented(kind: Kind, lines: int, extra: Sequence[str]) -> str | None:
    """What Microsoft does not document: an objectType, or fields of one that it does."""
    if not kind.columns:
        return (
            f"objectType {kind.object_type!r} is not known to invoicekit: its {lines} lines are "
            "kept as text under its own name, and are part of no total: the invoice counts as "
            "incomplete"
        )
    if extra:
        return (
            f"{kind.object_type} came with fields that Microsoft does not document, kept as text: "
            f"{', '.join(map(repr, extra))}"
        )
    return None


def fields_said_twice(name: str, fields: Sequence[str]) -> str:
    """That rows had two values for a field that decides no amount, of which one is kept."""
    return (
        f"{name} came with rows that have a field twice, of which the last is kept: "
        f"{', '.join(map(repr, fields))}"
    )

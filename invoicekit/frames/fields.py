"""The field dictionary: every documented field, what each source calls it, and what it is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from invoicekit.errors import check_text, one_of
from invoicekit.frames.charges import CHARGES, source_of
from invoicekit.frames.schema import BY_OBJECT_TYPE, KINDS, Kind
from invoicekit.frames.wire_names import LACKING, NAMES, columns_of

SOURCES = {"v1": "partner_center", "graph": "graph", "files": "files"}  # source -> our column
FIELDS = {
    name: pl.String() for name in ("object_type", "column", "dtype", *SOURCES.values(), "charges")
}


def fields(object_type: str | None = None) -> pl.DataFrame:
    """Every field that Microsoft documents, a row each, in the order of the frames of line items.

    Columns: `object_type`; `column` (its name in those frames) and `dtype` (of polars); what it is
    called today by `partner_center` (v1), by `graph` (the attributes of its exports) and in `files`
    of the portal, null where that source has it not; `charges`, the columns of `ik.charges()` that
    are made of it, with commas, or null. The rules are those of Partner Center's resource pages,
    Graph's attribute lists and the pages on reconciliation files.

    >>> ik.fields("OneTimeInvoiceLineItem").filter(column="reseller_mpn_id").row(0)[3:]
    ('resellerMpnId', 'Tier2MpnId', 'Tier2MpnId', 'reseller_id')
    >>> ik.fields().filter(charges="total")["column"].to_list()
    ['total_for_customer', 'post_tax_total', 'total_for_customer']

    Args:
        object_type: a name like `"OneTimeInvoiceLineItem"`; all of them by default.

    Raises:
        TypeError: it is no text.
        ValueError: nothing is documented of it; names those that are.
    """
    kinds: tuple[Kind, ...] = KINDS
    if object_type is not None:
        check_text(object_type, "an objectType", 'ik.fields("OneTimeInvoiceLineItem")')
        if object_type not in BY_OBJECT_TYPE:
            names = [kind.object_type for kind in KINDS]
            raise ValueError(f"{object_type!r} is no objectType{one_of(object_type, names)}")
        kinds = (BY_OBJECT_TYPE[object_type],)
    rows = [row for kind in kinds for row in _rows(kind)]
    return pl.DataFrame(rows, schema=FIELDS)


def _rows(kind: Kind) -> Iterator[dict[str, str | None]]:
    called = {source: _called(kind, source) for source in SOURCES}
    made: dict[str, list[str]] = {}
    for role in CHARGES:
        for name in (source_of(kind, role) or "").split(":"):
            made.setdefault(name, []).append(role)
    for column in kind.columns:
        names = {ours: called[source].get(column.name) for source, ours in SOURCES.items()}
        yield {
            "object_type": kind.object_type,
            "column": column.name,
            "dtype": str(column.type.dtype),
            **names,
            "charges": ", ".join(made.get(column.name, [])) or None,
        }


def _called(kind: Kind, source: str) -> Mapping[str, str]:
    """Our name -> that of a source, of the fields that it has."""
    if source != "v1" and kind.object_type not in NAMES[source]:
        return {}
    lacking = LACKING[source].get(kind.object_type, frozenset())
    columns = columns_of(kind, source)
    return {column.name: column.wire for column in columns if column.name not in lacking}

"""What lies in the store's folder, by name: that may be deleted in there, and nothing else."""

from __future__ import annotations

from invoicekit.files.private import PART
from invoicekit.files.removal import Layout

HEX = r"[0-9a-f]{12}"
LINES: Layout = {r"[0-9]{5,}\.lines": None, PART: None}
COMMIT: Layout = {**LINES, "writing|superseded": None}
DATASET: Layout = {rf"part-{HEX}-[0-9]{{5,}}\.parquet": None}


def layout_of(invoice: str) -> Layout:
    """All there is of the invoices whose name is such a pattern; the manifests go first."""
    return {
        "_invoices": {rf"{invoice}\.json": None},
        "_parts": {invoice: {HEX: COMMIT}},
        r"object_type=.+": {rf"invoice_id={invoice}": DATASET},
    }


# The last name in `_invoices` is where the first release wrote lines before it committed them.
STORE: Layout = {
    **layout_of(r".+"),
    "_invoices": {r".+\.(json|lock)": None, PART: None, rf"\.{HEX}": {r".+": DATASET}},
    "_moving": {rf"{HEX}(-{HEX})?": DATASET},
}

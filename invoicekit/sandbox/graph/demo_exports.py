"""The demo partner's exports: each is made when somebody asks for it, once, and kept packed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import TypeVar

from invoicekit.sandbox.graph import rows
from invoicekit.sandbox.graph.exports import Asked, Export, Unknown, export_of, packed
from invoicekit.sandbox.partner.ids import digest
from invoicekit.sandbox.partner.invoices import USD, Spec
from invoicekit.sandbox.partner.lines import lines_of
from invoicekit.sandbox.partner.modern import Charge
from invoicekit.sandbox.partner.unbilled import unbilled
from invoicekit.sandbox.partner.usage import usage

LINES_A_BLOB = {"reconciliation": 2_000, "usage": 8_000}
T = TypeVar("T")


class DemoExports:
    """What can be exported of these invoices.

    Args:
        specs: the invoices by id; Graph has nothing of the legacy ones.
        charges_of: the charges of an invoice of new commerce.
        used_of: those that its daily usage tells; the same unless a fault was planted.
        version: what makes the exports other ones, whatever was asked.
    """

    def __init__(
        self,
        specs: Mapping[str, Spec],
        charges_of: Callable[[Spec], Sequence[Charge]],
        used_of: Callable[[Spec], Sequence[Charge]],
        version: Sequence[str] = (),
    ) -> None:
        self._specs, self._version = specs, version
        self._lines_of = {"reconciliation": charges_of, "usage": used_of}
        self._made: dict[Asked, Export] = {}
        self._lock = Lock()

    def export(self, asked: Asked) -> Export | None:
        """The export; None for what is legacy, older than Graph's first, or another currency's.

        Raises:
            Unknown: there is no such invoice.
        """
        if asked.billed and asked.invoice_id not in self._specs:
            raise Unknown
        with self._lock:
            if asked not in self._made:
                found = self._found(asked)
                if found is None:
                    return None
                self._made[asked] = _export(asked, *found, self._version)
            return self._made[asked]

    def _found(self, asked: Asked) -> tuple[Spec, Sequence[Charge]] | None:
        if not asked.billed:
            return unbilled(asked.period) if asked.currency.upper() == USD.code else None
        spec = self._specs[asked.invoice_id]
        return (spec, self._lines_of[asked.dataset](spec)) if spec.on_graph else None


def _export(asked: Asked, spec: Spec, charges: Sequence[Charge], version: Sequence[str]) -> Export:
    size = LINES_A_BLOB[asked.dataset]
    if asked.dataset == "usage":
        made = [
            packed(rows.usage(spec, some, asked.attributes))
            for some in _batches(list(usage(spec, charges)), size)
        ]
    else:
        made = [
            packed(rows.reconciliation(spec, some, asked.attributes))
            for some in _batches(list(lines_of(spec, charges)), size)
        ]
    # Not of the packed bytes: those are another zlib's on another machine.
    return export_of(*made, etag=digest("export", *asked, *version).hex()[:17])


def _batches(values: Sequence[T], size: int) -> list[Sequence[T]]:
    return [values[start : start + size] for start in range(0, len(values), size)]

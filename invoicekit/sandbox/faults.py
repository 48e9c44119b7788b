"""Faults that can be planted in the demo partner's newest invoice, each under its name.

Each is something that real invoices have had. The finding named beside it is what a proof
(`Reconciliation.findings`) or `ik.quality()` calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from invoicekit.errors import did_you_mean
from invoicekit.sandbox.partner.catalogue import Product
from invoicekit.sandbox.partner.customers import taxed
from invoicekit.sandbox.partner.modern import CENT, Charge

Lines: TypeAlias = tuple[Charge, ...]

CREDIT = -125_050  # minor units, as every amount below
WRONG_BY = 500
RESTATED_BY = 1_234
ODD_TAX = 2_500  # basis points; no country of the demo partner has such a tax
DEARER = 110  # percent of the price before
DRIFTED = ("migrationBatchId", "batch-7")


class Fault(NamedTuple):
    """What is planted: changes of the header's total, of billing lines, of those that usage tells.

    Where `billed` is set, the header's total follows the changed lines, and the invoice still ties.
    """

    plants: str
    finding: str
    header: int = 0
    lines: Callable[[Lines], Lines] | None = None
    usage: Callable[[Lines], Lines] | None = None
    billed: bool = False


class Planted(NamedTuple):
    """The lines of an invoice with faults; `used` are those that its daily usage tells."""

    lines: Lines
    used: Lines
    header: int  # what the header's total has beyond the sum of `lines`


def fees(lines: Sequence[Charge]) -> list[int]:
    """The places of plain monthly fees: where lines are changed, it is some of these."""
    return [place for place, line in enumerate(lines) if line.kind == "cycleFee"]


def _change(first: int, count: int, change: Callable[[Charge], Charge]) -> Callable[[Lines], Lines]:
    """Change the fees from number `first` on, so many of them."""

    def changed(lines: Lines) -> Lines:
        places = set(fees(lines)[first : first + count])
        return tuple(change(line) if n in places else line for n, line in enumerate(lines))

    return changed


def _doubled(lines: Lines) -> Lines:
    """Seven fees are sent a second time, at the end, as a page that was given twice would be."""
    return (*lines, *(lines[place] for place in fees(lines)[40:47]))


def _dearer(lines: Lines) -> Lines:
    """The second half of the fees for one SKU, at a tenth more."""
    product = lines[fees(lines)[60]].product
    places = [place for place in fees(lines) if lines[place].product is product]
    moved = product._replace(price=product.price * DEARER // 100)
    half = set(places[len(places) // 2 :])
    return tuple(_priced(line, moved) if n in half else line for n, line in enumerate(lines))


def _priced(line: Charge, product: Product) -> Charge:
    unit = product.price * CENT
    subtotal = product.price * line.quantity
    return line._replace(
        product=product, unit=unit, subtotal=subtotal, tax=taxed(subtotal, line.customer)
    )


def _restated(lines: Lines) -> Lines:
    """The usage behind the first Azure subscription comes to more than its billing line."""
    place = next(n for n, line in enumerate(lines) if line.product.unit and line.kind == "new")
    line = lines[place]
    more = line._replace(subtotal=line.subtotal + RESTATED_BY)
    return (*lines[:place], more, *lines[place + 1 :])


def _total_off(line: Charge) -> Charge:
    return line._replace(odd=line.odd._replace(total=WRONG_BY))


def _in_euro(line: Charge) -> Charge:
    return line._replace(odd=line.odd._replace(currency="EUR"))


def _oddly_taxed(line: Charge) -> Charge:
    return line._replace(tax=line.subtotal * ODD_TAX // 10_000)


def _drifted(lines: Lines) -> Lines:
    return tuple(line._replace(odd=line.odd._replace(extra=(DRIFTED,))) for line in lines)


# In the order in which they are planted, whatever the order of asking: what is sent twice comes
# last, and is the same both times.
FAULTS: dict[str, Fault] = {
    "header credit": Fault(
        "a credit of 1,250.50 that is in the header's total and in no line",
        "header only",
        header=CREDIT,
    ),
    "one cent": Fault(
        "the header's total is a cent more than its lines",
        "header only",
        header=1,
    ),
    "price moved": Fault(
        "half of the fees for one SKU have a price that is a tenth higher",
        "price moved",
        lines=_dearer,
        billed=True,
    ),
    "odd tax rate": Fault(
        "two lines are taxed at 25 %, which no country here has",
        "tax rate",
        lines=_change(80, 2, _oddly_taxed),
        billed=True,
    ),
    "missing customer": Fault(
        "three lines have lost their customer",
        "no customer",
        lines=_change(100, 3, lambda line: line._replace(customer=None)),
        billed=True,
    ),
    "wrong row total": Fault(
        "the total of one line is 5.00 more than its subtotal and tax",
        "row total",
        lines=_change(120, 1, _total_off),
    ),
    "other currency": Fault(
        "one line is in EUR, and the header adds its amount as if it were USD",
        "other currency",
        lines=_change(140, 1, _in_euro),
        billed=True,
    ),
    "drifted column": Fault(
        "every line has a field that nobody has documented",
        "drifted column",
        lines=_drifted,
    ),
    "usage restated": Fault(
        "the daily usage of one Azure subscription comes to 12.34 more than was billed",
        "restated usage",
        usage=_restated,
    ),
    "doubled rows": Fault(
        "seven lines are sent twice",
        "doubled rows",
        lines=_doubled,
    ),
}


def faults_named(names: str | Iterable[str]) -> tuple[str, ...]:
    """The names, each once, in the order of planting.

    >>> faults_named(["doubled rows", "one cent", "doubled rows"])
    ('one cent', 'doubled rows')

    Raises:
        TypeError: these are no names.
        ValueError: a name is none of them.
    """
    if not isinstance(names, Iterable):
        raise TypeError('faults are names: write ik.demo(faults=["one cent"])')
    asked = [names] if isinstance(names, str) else list(names)
    for name in asked:
        if name not in FAULTS:
            near = did_you_mean(str(name), FAULTS)
            known = ", ".join(map(repr, FAULTS))
            raise ValueError(f"{name!r} is no fault of the demo{near or ';'} there are {known}")
    return tuple(name for name in FAULTS if name in asked)


def planted(lines: Lines, names: Iterable[str]) -> Planted:
    """The lines with these faults."""
    used, header = lines, 0
    for fault in (FAULTS[name] for name in names):
        before = sum(line.total for line in lines)
        lines = fault.lines(lines) if fault.lines else lines
        used = fault.usage(used) if fault.usage else used
        more = sum(line.total for line in lines) - before
        header += fault.header - (0 if fault.billed else more)
    return Planted(lines, used, header)

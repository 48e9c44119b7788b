"""Each public function and method has an example that runs, and says what its arguments take."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import cached_property

import pytest

import invoicekit as ik
from invoicekit.analysis.checks import findings, quality
from invoicekit.analysis.comparison.changes import PARTS
from invoicekit.analysis.views.table import BY_NAME as VIEWS
from invoicekit.clouds import CLOUDS
from invoicekit.frames.charge_types import FAMILIES
from invoicekit.frames.schema import KINDS
from invoicekit.sandbox.faults import FAULTS
from invoicekit.show.view_figures import DRAWN
from invoicekit.sources.partner_center.vocabulary import LINE_ITEM_TYPES, PROVIDERS
from support.paths import TESTS

READ = (property, cached_property)


def public() -> dict[str, object]:
    """Name -> what can be reached from `invoicekit` by public names, errors aside.

    A class is reached too where a public method or property says that it returns one.
    """
    found: dict[str, object] = {}
    waiting = [(name, getattr(ik, name)) for name in ik.__all__]
    while waiting:
        name, one = waiting.pop()
        if name in found or (inspect.isclass(one) and issubclass(one, Exception)):
            continue
        found[name] = one
        if inspect.isclass(one):
            waiting += [(f"{name}.{key}", value) for key, value in members(one)]
        waiting += [(kind.__name__, kind) for kind in returned(one)]
    return found


def members(kind: type) -> Iterator[tuple[str, object]]:
    """The public methods and properties that a class of ours has of its own."""
    for name, value in vars(kind).items():
        value = getattr(value, "__func__", value)  # noqa: PLW2901 (of a static or class method)
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, READ)):
            yield name, value


def returned(one: object) -> Iterator[type]:
    """The classes of ours that its annotation names as what comes back."""
    function = getattr(one, "fget", getattr(one, "func", one))
    if inspect.isfunction(function):
        for word in re.findall(r"\w+", str(function.__annotations__.get("return", ""))):
            if word in CLASSES:
                yield CLASSES[word]


def classes() -> dict[str, type]:
    """All public classes of the package that a caller may be given."""
    names = [module.name for module in pkgutil.walk_packages(ik.__path__, "invoicekit.")]
    return {
        name: value
        for module in names
        if ".sandbox" not in module and not module.endswith(("__main__", ".protocols"))
        for name, value in vars(importlib.import_module(module)).items()
        if inspect.isclass(value) and value.__module__ == module and name[0] != "_"
    }


CLASSES = classes()
PUBLIC = public()
TYPED = (TESTS / "typing_api.py").read_text(encoding="utf-8")
AT_LEAST = {"connect", "demo", "totals", "Client.invoices", "Client.cache", "Cache.clear",
            "Invoice.line_items", "Reconciliation.ties", "Diagnosis.fine"}  # fmt: skip


def test_what_is_public_is_found():
    assert set(PUBLIC) >= AT_LEAST


CHECKED = ("Client", "Invoice", "LineItems", "Unbilled", "Reconciliation", "Comparison")


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_type_checkers_read_how_it_is_written(name):
    """Functions, and what the objects that users hold can do: in `typing_api.py`."""
    kind, _, attribute = name.partition(".")
    if attribute and kind in CHECKED:
        assert f".{attribute}" in TYPED
    elif inspect.isfunction(PUBLIC[name]) and not attribute:
        assert f"ik.{name}(" in TYPED


WORDS = {
    "demo": FAULTS,
    "connect": CLOUDS,
    "charges": FAMILIES,
    "quality": quality.CHECKS,
    "Client.scan": [kind.object_type for kind in KINDS],
    "Client.view": VIEWS,
    "Invoice.view": set(VIEWS) - {"changes by month"},
    "Invoice.figure": set(DRAWN) - {"changes by month"},
    "Invoice.line_items": [*PROVIDERS, *LINE_ITEM_TYPES, "v1", "graph"],
    "Reconciliation.findings": [check.finding for check in findings.CHECKS],
    "Comparison.lines": PARTS,
}


@pytest.mark.parametrize("name", WORDS)
def test_words_that_a_table_has_are_told(name):
    """A row that is new is missing here until its docstring says the word."""
    text = " ".join((inspect.getdoc(PUBLIC[name]) or "").split())
    told = ",".join(re.findall(r"`([^`]+)`", text)).split(",")
    assert set(WORDS[name]) <= {word.strip(' "') for word in told}


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_it_has_an_example(name):
    assert ">>> " in (inspect.getdoc(PUBLIC[name]) or ""), f"{name} has no example"


FUNCTIONS = {name: one for name, one in PUBLIC.items() if inspect.isfunction(one)}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_its_arguments_are_explained(name):
    """Each by its name, in the section `Args`."""
    parameters = [word for word in inspect.signature(FUNCTIONS[name]).parameters if word != "self"]
    text = inspect.getdoc(FUNCTIONS[name]) or ""
    section = re.search(r"^Args:\n((?:[ ]+.*\n?|\n)+)", text, re.MULTILINE)
    explained = re.findall(r"^    \*?(\w+): ", section[1], re.MULTILINE) if section else []
    assert explained == parameters

"""The house guards itself: floors, exports, sizes, a light import, what README promises."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import invoicekit as ik
from support.partner import two_page_invoice
from support.paths import ROOT
from support.server import Reply

PACKAGE = ROOT / "invoicekit"
MODULES = sorted(PACKAGE.rglob("*.py"))

# The floors, from the ground up: folders, and the modules of the root. A module imports from rooms
# that stand before its own; on one floor a folder is a stranger to its neighbour.
FLOORS = [
    ["visible"], ["errors"], ["secret"], ["clouds"], ["jwt"], ["setting_values"], ["settings"],
    ["pages"], ["files"],
    ["auth"],
    ["fetch", "frames", "sandbox"],
    ["sources", "analysis"],
    ["line_items"],
    ["store"],
    ["show"],
    ["invoice"], ["sync_all"], ["client"],
    ["cli"],
    ["__main__"],
]  # fmt: skip
LEVEL = {name: level for level, names in enumerate(FLOORS) for name in names}
KNOW_THE_SANDBOX = {"client", "cli"}


def room(file: Path) -> str:
    """The part of the house that a module belongs to."""
    return file.relative_to(PACKAGE).with_suffix("").parts[0]


def imports_of(file: Path) -> set[str]:
    """The modules of ours that a module imports, late ones too, those for types alone not."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "say the whole name"
            names = [node.module or ""]
            if node.module in {"invoicekit", *(f"invoicekit.{name}" for name in LEVEL)}:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name for name in names if name.startswith("invoicekit.")}
        elif isinstance(node, ast.Import):
            found |= {a.name for a in node.names if a.name.startswith("invoicekit.")}
    return {name.removeprefix("invoicekit.") for name in found}


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_go_down(file):
    here = room(file)
    if here == "__init__":
        return
    there = {name.partition(".")[0] for name in imports_of(file)} - {here}
    if here in KNOW_THE_SANDBOX:
        there -= {"sandbox"}
    else:
        assert "sandbox" not in there
    assert [name for name in sorted(there) if LEVEL[name] >= LEVEL[here]] == []


def test_the_root_holds_public_objects_and_values_alone():
    """Everything else has a room: a newcomer finds the way by the list of folders."""
    assert len(list(PACKAGE.glob("*.py"))) <= 14
    assert {room(file) for file in MODULES} - {"__init__"} == set(LEVEL)


@pytest.mark.parametrize(
    ("room", "strangers"),
    [
        ("partner", {"partner_center", "graph", "demo", "server"}),
        ("partner_center", {"graph", "demo", "server"}),
        ("graph", {"partner_center", "demo", "server"}),
    ],
)
def test_the_sandbox_has_its_data_and_each_wire_format_apart(room, strangers):
    for file in (PACKAGE / "sandbox" / room).glob("*.py"):
        known = {name.split(".")[1] for name in imports_of(file) if name.startswith("sandbox.")}
        assert known & strangers == set(), file.name


def test_imports_within_a_package_have_no_circle():
    graph = {
        ".".join(file.relative_to(PACKAGE).with_suffix("").parts): imports_of(file)
        for file in MODULES
    }

    known = {
        name: {one if one in graph else one.rpartition(".")[0] for one in targets} & set(graph)
        for name, targets in graph.items()
    }
    order = TopologicalSorter({name: targets - {name} for name, targets in known.items()})
    assert set(order.static_order()) == set(graph)  # else a CycleError names the circle


@pytest.mark.parametrize("file", [file for file in MODULES if file.name == "__init__.py"][1:])
def test_sub_packages_export_nothing(file):
    body = ast.parse(file.read_text(encoding="utf-8")).body
    assert [type(node) for node in body] == [ast.Expr]


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_module_is_one_idea(file):
    """Some 300 lines say it; docstrings, with their examples, do not count."""
    text = file.read_text(encoding="utf-8")
    docstrings = [
        node.body[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node)
    ]
    said = sum(node.end_lineno - node.lineno + 1 for node in docstrings)
    assert len(text.splitlines()) - said <= 300


def test_public_names_are_sorted_complete_and_there():
    assert ik.__all__ == sorted(ik.__all__)
    assert set(ik.__all__) < set(dir(ik))
    for name in ik.__all__:
        assert getattr(ik, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'conect'"):
        _ = ik.conect


def test_errors_are_one_tree_and_all_exported():
    from invoicekit import errors

    ours = {name for name in vars(errors) if name.endswith("Error")}
    assert ours <= set(ik.__all__)
    assert all(issubclass(getattr(ik, name), ik.InvoiceKitError) for name in ours)


HEAVY = ["requests", "requests_cache", "narwhals", "plotly", "ipywidgets", "anywidget", "msal",
         "jinja2", "typer", "babel", "xlsxwriter", "tqdm"]  # fmt: skip


def test_the_import_is_light():
    """Without a heavy library but polars, and under half a second of processor time."""
    code = (
        "import os, sys, invoicekit\n"
        f"print(*(name for name in {HEAVY} if name in sys.modules))\n"
        "print(sum(os.times()[:2]))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split("\n")
        for _ in range(5)
    ]
    assert [run[0] for run in runs] == [""] * 5
    assert statistics.median(float(run[1]) for run in runs) < 0.5


def test_the_installed_package_is_typed_and_the_version_is_one():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (PACKAGE / "py.typed").exists()
    assert ik.__version__ == project["version"]


def test_the_changelog_has_a_place_for_what_comes():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in text


def test_every_command_has_help_and_is_in_the_readme():
    """A row each, with options that there are."""
    import typer

    from invoicekit.cli.app import app

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    group = typer.main.get_command(app)
    rows = "\n".join(row for row in readme.splitlines() if row.startswith("| "))
    shown = re.findall(r"`invoicekit ([a-z].*?)`", rows)
    assert {words.split()[0] for words in shown} == set(group.commands)
    for words in shown:
        command = group.commands[words.split()[0]]
        assert command.help, words
        below = getattr(command, "commands", {}).values()  # of `cache`
        params = [one for each in (command, *below) for one in each.params]
        there = {option for one in params for option in (*one.opts, *one.secondary_opts)}
        assert set(re.findall(r"(?<![\w-])--?[a-z-]+", words)) <= there, words


def test_the_notebook_that_readme_shows_runs(tmp_path, monkeypatch):
    """Line by line, on the demo partner; connecting wants a sign-in, and a workbook takes long."""
    monkeypatch.chdir(tmp_path)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.split("```python\n")[1].split("```")[0].splitlines()
    lines = [line for line in shown if not re.search(r"ik\.connect\(\)|\.workbook\(", line)]
    assert len(lines) > 20
    names: dict[str, object] = {}
    for line in lines:
        exec(line, names)
    names["client"].close()
    assert str(names["invoice"].reconcile()) in readme
    assert {path.suffix for path in tmp_path.iterdir()} == {"", ".html", ".zip"}


def test_tests_lie_in_the_rooms_of_what_they_test():
    """What they share is in `support/`: none imports another, and there is one HTTP server."""
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path.parent != ROOT / "tests"]
    rooms = {path.parent.relative_to(ROOT / "tests").parts[0] for path in tests}
    assert rooms <= {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    names = [path.stem for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names)), "pytest wants each name once"
    lean = re.compile(r"^\s*(?:from|import) (test_\w+|http\.server)", re.MULTILINE)
    for path in (ROOT / "tests").rglob("*.py"):
        imported = lean.findall(path.read_text(encoding="utf-8"))
        assert imported == (["http.server"] if path.name == "server.py" else []), path.name


def test_the_test_that_contributing_shows_runs(serve, open_client):
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```python\n(def (\w+).*?)```", text, re.DOTALL)
    names = {"ik": ik, "pytest": pytest, "two_page_invoice": two_page_invoice, "Reply": Reply}
    exec(shown[0], names)
    names[shown[1]](serve, open_client)


def test_every_test_that_the_matrix_of_faults_names_is_there():
    """Its last cells name them without `test_`, and with `…` for what is left out."""
    tests = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")
    )
    there = re.findall(r"^ *def test_(\w+)", tests, re.MULTILINE)
    text = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    files = set(re.findall(r"`([\w/]*test_\w+\.py)`", text))
    assert [file for file in sorted(files) if not (ROOT / "tests" / file).is_file()] == []
    rows = [row.strip("| ").split(" | ") for row in text.splitlines() if row.startswith("| ")]
    assert len(rows) > 30
    for what, *_, cell in rows[2:]:
        named = re.findall(r"`([\w…]+)`", cell)
        assert named or cell == "F the same", what
        for name in named:
            pattern = name.removeprefix("test_").replace("…", r"\w*")
            assert any(re.fullmatch(pattern, one) for one in there), name


def test_tracked_files_name_no_machine_and_no_registry():
    listed = subprocess.run(
        ["git", "ls-files", "-z"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if listed.returncode:  # an unpacked copy: what is there is what is tracked
        names = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*.py") if ".venv" not in p.parts]
    else:
        names = [name for name in listed.stdout.split("\0") if name]
    places, hosts = ("work", "farm", "root", "home"), ("python" + "hosted", "registry" + ".npmjs")
    wrong = re.compile(
        "|".join([*(rf"(?<![\w.])/{name}/" for name in places), *map(re.escape, hosts)])
    )
    found = [
        name
        for name in names
        if (ROOT / name).is_file()
        and wrong.search((ROOT / name).read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []


# What Partner Center v1 alone knows, and the one place of each that may know it.
WORDS_OF_V1 = re.compile(
    r"seekOperation|MS-ContinuationToken|invoiceDetails|/v1(?![.\w])|billingProvider|X-Locale"
)
MAY_KNOW_V1 = ("sources/partner_center/", "sandbox/", "frames/schema.py", "frames/resources.py")


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_partner_center_is_known_in_its_room_alone(file):
    """Comments and docstrings too: another billing API is read past them."""
    place = file.relative_to(PACKAGE).as_posix()
    found = set(WORDS_OF_V1.findall(file.read_text(encoding="utf-8")))
    if not place.startswith(MAY_KNOW_V1):
        assert found == set()


def test_the_words_of_partner_center_are_where_they_are_looked_for():
    room = "".join(
        file.read_text(encoding="utf-8")
        for place in MAY_KNOW_V1
        for file in (MODULES if place.endswith("/") else [PACKAGE / place])
        if file.relative_to(PACKAGE).as_posix().startswith(place)
    )
    assert set(WORDS_OF_V1.findall(room)) == {
        "seekOperation", "MS-ContinuationToken", "invoiceDetails", "/v1", "billingProvider",
        "X-Locale",
    }  # fmt: skip

"""What is packed: our own code and words, whatever else lies about in the checkout."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile

import pytest

from support.paths import ROOT

PACKAGE = ROOT / "invoicekit"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OURS = {".py", ".css", ".js", ".j2", ".typed"}
BESIDE = {"README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml"}
# What a user leaves in a checkout: reports, lines, answers, certificates.
LEFT = (
    "G012345612.html", "lines.csv", "app.pem", "out/G1.parquet", "data/customers.csv",
    "invoicekit/G1.html", "invoicekit/show/G1.xlsx", "invoicekit/notes.md", "notebooks/mine.ipynb",
)  # fmt: skip


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """The names in an sdist and in a wheel of a checkout in which somebody has worked."""
    tree = tmp_path_factory.mktemp("tree")
    junk = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, tree / "invoicekit", ignore=junk)
    for name in BESIDE:
        shutil.copy(ROOT / name, tree / name)
    for name in LEFT:
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text("a customer's")
    built = tree / "built"
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(built)],
        cwd=tree, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        return names, set(wheel.namelist())


def test_the_sdist_holds_our_own_files_and_nothing_that_lies_about(packed):
    ours = {path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*") if path.suffix in OURS}
    assert packed[0] == ours | BESIDE | {"PKG-INFO"}


def test_the_wheel_holds_the_package_alone(packed):
    sdist, wheel = packed
    in_package = {name for name in wheel if ".dist-info/" not in name}
    assert in_package == {name for name in sdist if name.startswith("invoicekit/")}


def test_every_file_of_the_package_is_of_a_kind_that_is_packed():
    kinds = {path.suffix for path in PACKAGE.rglob("*") if path.is_file()} - {".pyc"}
    assert kinds == OURS


def test_what_is_imported_is_declared():
    """A library that another one happens to bring may be gone with its next release."""
    names = {"backports": "backports.zstd"}
    declared = {re.split(r"[^\w.-]", text)[0].lower() for text in PROJECT["dependencies"]}
    imported = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.partition(".")[0])
    foreign = imported - set(sys.stdlib_module_names) - {"invoicekit"}
    wanted = {names.get(name, name.replace("_", "-")).lower() for name in foreign}
    apart = {"compression", "-typeshed"}  # of Python 3.14 and of type checkers
    assert wanted - declared - apart == set()


def test_the_metadata_says_what_is_true():
    newest = max(
        int(text.rpartition(".")[2])
        for text in PROJECT["classifiers"]
        if text.startswith("Programming Language :: Python :: 3.")
    )
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8") if (ROOT / ".ci").is_dir() else ""
    assert not run or newest <= max(int(n) for n in re.findall(r"python3\.(\d+)", run))
    assert "urls" not in PROJECT
    assert PROJECT["authors"] == [{"name": "The invoicekit authors"}]
    assert not any("great" in text for text in PROJECT["dependencies"])

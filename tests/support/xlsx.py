"""An Excel file read by its XML alone: no library's idea of what its cells mean."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


@dataclass(frozen=True)
class Cell:
    """What a cell holds: `kind` is `text`, `number`, `flag` or `formula`; `look` its format."""

    kind: str
    value: str
    formula: str = ""
    look: str = ""


class Workbook:
    """Sheets by their names, each a dict of cells by their places (`"B3"`)."""

    def __init__(self, path: Path) -> None:
        with zipfile.ZipFile(path) as packed:
            self.parts = {name: packed.read(name).decode() for name in packed.namelist()}
        book = ET.fromstring(self.parts["xl/workbook.xml"])
        names = [one.attrib["name"] for one in book.iter(f"{MAIN}sheet")]
        self.formats = _formats(self.parts["xl/styles.xml"])
        self.sheets = {
            name: self._cells(self.parts[f"xl/worksheets/sheet{number}.xml"])
            for number, name in enumerate(names, start=1)
        }

    def rows(self, sheet: str) -> list[dict[str, Cell]]:
        """The rows of a sheet as dicts by the column's letters."""
        found: dict[int, dict[str, Cell]] = {}
        for place, cell in self.sheets[sheet].items():
            letters, number = re.fullmatch(r"([A-Z]+)(\d+)", place).groups()
            found.setdefault(int(number), {})[letters] = cell
        return [found[number] for number in sorted(found)]

    def table(self, sheet: str) -> list[dict[str, Cell]]:
        """The rows below the heading as dicts by what that says."""
        head, *rows = self.rows(sheet)
        names = {letters: cell.value for letters, cell in head.items()}
        return [{names[letters]: cell for letters, cell in row.items()} for row in rows]

    def _cells(self, text: str) -> dict[str, Cell]:
        return {one.attrib["r"]: self._cell(one) for one in ET.fromstring(text).iter(f"{MAIN}c")}

    def _cell(self, one: ET.Element) -> Cell:
        look = self.formats[int(one.attrib.get("s", 0))]
        formula, value = one.findtext(f"{MAIN}f"), one.findtext(f"{MAIN}v") or ""
        kind = one.attrib.get("t", "n")
        if formula is not None:
            return Cell("formula", value, formula, look)
        if kind == "inlineStr":
            said = "".join(part.text or "" for part in one.iter(f"{MAIN}t"))
            return Cell("text", ESCAPED.sub(lambda m: chr(int(m[1], 16)), said), look=look)
        return Cell({"n": "number", "b": "flag"}[kind], value, look=look)


def _formats(styles: str) -> list[str]:
    root = ET.fromstring(styles)
    named = {one.attrib["numFmtId"]: one.attrib["formatCode"] for one in root.iter(f"{MAIN}numFmt")}
    cells = root.find(f"{MAIN}cellXfs")
    return [named.get(one.attrib["numFmtId"], one.attrib["numFmtId"]) for one in cells]

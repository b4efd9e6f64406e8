"""Cells of an .xlsx workbook that have no value: an error, or a formula that nobody worked out."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

from fhir_blina.files import read_regular

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
MOST_XML = 512 * 2**20
_CELL = re.compile(r"([A-Z]+)([0-9]+)")


def faulty_cells(path: Path, sheet: str) -> Iterator[tuple[int, int, str, str]]:
    """Row from 1, column from 0, what is wrong and what to do, of each cell that only seems empty."""
    data = io.BytesIO(read_regular(path))
    if path.suffix.lower() not in (".xlsx", ".xlsm") or not zipfile.is_zipfile(data):
        return
    with zipfile.ZipFile(data) as archive:
        part = _part(archive, sheet)
        if part is None or archive.getinfo(part).file_size > MOST_XML:
            return
        with archive.open(part) as file:
            for _, cell in ET.iterparse(file):  # noqa: S314 - expat bounds what entities expand to
                if cell.tag != f"{MAIN}c":
                    if cell.tag == f"{MAIN}row":
                        cell.clear()
                    continue
                fault = _fault(cell)
                match = _CELL.fullmatch(cell.get("r", ""))
                if fault and match:
                    yield int(match[2]), _index(match[1]), *fault


def _fault(cell: ET.Element) -> tuple[str, str] | None:
    value = cell.find(f"{MAIN}v")
    filled = value is not None and bool(value.text)
    if cell.get("t") == "e":
        return "an error of the spreadsheet in place of a value", "Mend the formula, or empty the cell"
    if cell.find(f"{MAIN}f") is not None and not filled and cell.get("t") != "str":
        return "a formula whose value is not in the file", "Open it in a spreadsheet program and save it"
    return None


def _part(archive: zipfile.ZipFile, sheet: str) -> str | None:
    try:
        book = ET.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314
        links = ET.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    except (KeyError, ET.ParseError):
        return None
    targets = {one.get("Id"): one.get("Target", "") for one in links}
    for one in book.iter(f"{MAIN}sheet"):
        if one.get("name") == sheet:
            target = targets.get(one.get(RELATION), "").lstrip("/")
            part = target if target.startswith("xl/") else f"xl/{target}"
            return part if part in archive.namelist() else None
    return None


def _index(name: str) -> int:
    number = 0
    for letter in name:
        number = number * 26 + ord(letter) - 64
    return number - 1

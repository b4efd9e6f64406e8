"""CSV, TSV and their like, in the encoding and with the separator that the manifest names; gzip as well."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from pathlib import Path

from fhir_blina.errors import Finding, problem
from fhir_blina.files import MAX_CELL, read_regular
from fhir_blina.tabular.declaration import Declaration
from fhir_blina.tabular.sheet import RawTable, at_lines

MOST_UNPACKED = 1024 * 2**20
SUFFIXES = (".csv", ".tsv", ".txt")


def read_delimited(path: Path, declared: Declaration, findings: list[Finding]) -> RawTable | None:
    """Read a text file of rows; its titles stand in row ``header``."""
    text = decoded(path, declared.encoding, findings)
    if text is None:
        return None
    rows: list[tuple[int, list[str]]] = []
    before = len(findings)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=declared.separator or default_separator(path), strict=True
    )
    try:
        csv.field_size_limit(MAX_CELL)
        while True:
            number = reader.line_num + 1
            row = next(reader, None)
            if row is None:
                break
            if row and number >= declared.header:
                rows.append((number, [cell.strip() for cell in row]))
    except csv.Error as error:
        findings.append(problem(f"{path}:{reader.line_num}", f"not CSV: {error}"))
        return None
    if not rows:
        findings.append(problem(str(path), "no header line", "Say in which row the titles stand: header: 1"))
        return None
    (_, titles), *others = rows
    for number, row in others:
        if len(row) != len(titles):
            text = f"{len(row)} cells where the header has {len(titles)}"
            remedy = "Is the separator the right one? Quote a cell that holds it"
            findings.append(problem(f"{path}:{number}", text, remedy))
    return RawTable(path, titles, others, at_lines(path)) if len(findings) == before else None


def default_separator(path: Path) -> str:
    """A tab for ``.tsv``, a comma for all else."""
    return "\t" if ".tsv" in path.suffixes else ","


def decoded(path: Path, encoding: str, findings: list[Finding]) -> str | None:
    """The text of a file, unpacked where its name ends in ``.gz``; ``None`` with a finding."""
    try:
        data = unpacked(path, read_regular(path))
        text = data.decode(encoding)
    except OSError as error:
        reason = error.strerror or "not gzip"
        findings.append(problem(str(path), f"cannot be read: {reason}", code="not-found"))
    except (EOFError, zlib.error):
        findings.append(problem(str(path), "gzip that ends too early or is damaged", "Copy the file again"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        remedy = "Name the encoding in the manifest, for example encoding: windows-1252"
        findings.append(problem(f"{path}:{line}", f"not {encoding}", remedy))
    except LookupError:
        findings.append(problem(str(path), "an encoding that nobody knows", "utf-8, utf-16, windows-1252 …"))
    else:
        if "\x00" in text:
            line = text.count("\n", 0, text.index("\x00")) + 1
            findings.append(problem(f"{path}:{line}", "a NUL character", "Is it utf-16? Name the encoding"))
            return None
        return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return None


def unpacked(path: Path, data: bytes) -> bytes:
    """What a file holds, unpacked where its name ends in ``.gz``.

    Raises:
        OSError: it is not gzip, or holds more than 1 GiB.
    """
    if path.suffix != ".gz":
        return data
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        whole = file.read(MOST_UNPACKED + 1)
    if len(whole) > MOST_UNPACKED:
        raise OSError(0, f"is larger than {MOST_UNPACKED // 2**20} MiB when unpacked")
    return whole

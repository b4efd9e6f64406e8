"""CSV files read as text: every cell as it stands, every fault with its line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from fhir_blina.errors import Finding, did_you_mean, problem
from fhir_blina.files.yaml import read_text

MAX_CELL = 1_000_000
# A strange header may be a line of another file, a secret even: only what could be a name is shown.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_ .-]{0,29}")


def read_header(path: Path, findings: list[Finding]) -> list[str] | None:
    """The column names of a CSV file, or ``None`` with a finding."""
    text = read_text(path, findings)
    if text is None:
        return None
    csv.field_size_limit(MAX_CELL)
    try:
        return next(csv.reader(io.StringIO(text, newline=""), strict=True), [])
    except csv.Error as error:
        findings.append(problem(f"{path}:1", f"not CSV: {error}"))
        return None


def read_csv(
    path: Path,
    columns: Sequence[str],
    findings: list[Finding],
    *,
    comments: bool = False,
    optional: Sequence[str] = (),
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield ``(line, cells by column)`` of a file that has exactly these columns, in any order.

    Columns of ``optional`` may be missing. With ``comments`` lines that begin with ``#`` are passed over.
    Faults go to ``findings``; a row at fault is not yielded.
    """
    text = read_text(path, findings)
    if text is None:
        return
    csv.field_size_limit(MAX_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader)
        wanted = [*columns, *(name for name in optional if name in header)]
        if not _header_fits(path, header, wanted, findings):
            return
        while True:
            line = reader.line_num + 1
            row = next(reader, None)
            if row is None:
                return
            if comments and row and row[0].startswith("#"):
                continue
            if not row:
                findings.append(problem(f"{path}:{line}", "an empty line", "Delete it"))
            elif len(row) != len(header):
                findings.append(
                    problem(
                        f"{path}:{line}",
                        f"{len(row)} cells where the header has {len(header)}",
                        "Add or remove a comma, or quote a cell that holds one",
                    )
                )
            else:
                yield line, dict(zip(header, row, strict=True))
    except csv.Error as error:
        findings.append(problem(f"{path}:{reader.line_num}", f"not CSV: {error}"))


def _header_fits(path: Path, header: list[str], columns: Sequence[str], findings: list[Finding]) -> bool:
    before = len(findings)
    for name in sorted({name for name in header if header.count(name) > 1}):
        shown = f'column "{name}"' if _NAME.fullmatch(name) else "a column"
        findings.append(problem(f"{path}:1", f"{shown} stands twice"))
    for name in header:
        if name not in columns:
            shown = f'unknown column "{name}"' if _NAME.fullmatch(name) else "a column name that is none"
            findings.append(problem(f"{path}:1", shown, did_you_mean(name, columns)))
    for name in columns:
        if name not in header:
            findings.append(problem(f"{path}:1", f'column "{name}" is missing', "Add it, or mend its name"))
    return len(findings) == before

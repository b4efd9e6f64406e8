"""Files of SAS, SPSS and Stata, with their labels; needs the library pyreadstat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fhir_blina.errors import Finding, problem
from fhir_blina.files import open_regular
from fhir_blina.tabular.celltext import cell_text
from fhir_blina.tabular.declaration import Declaration
from fhir_blina.tabular.sheet import RawTable, at_lines

READERS = {
    ".sas7bdat": "read_sas7bdat",
    ".xpt": "read_xport",
    ".sav": "read_sav",
    ".zsav": "read_sav",
    ".por": "read_por",
    ".dta": "read_dta",
}
SUFFIXES = tuple(READERS)


def read_statistical(path: Path, declared: Declaration, findings: list[Finding]) -> RawTable | None:
    """Read a file with its coded values as they stand; labels of columns and values beside them."""
    try:
        import pyreadstat
    except ImportError:
        remedy = "pip install fhir-blina[statistical]"
        findings.append(problem(str(path), "this kind of file needs the library pyreadstat", remedy))
        return None
    try:
        open_regular(path).close()
        options = {} if declared.encoding == Declaration("").encoding else {"encoding": declared.encoding}
        read = getattr(pyreadstat, READERS[path.suffix.lower()])
        columns, meta = read(str(path), output_format="dict", **options)
    except OSError as error:
        findings.append(problem(str(path), f"cannot be read: {error.strerror}", code="not-found"))
        return None
    except (pyreadstat.ReadstatError, pyreadstat.PyreadstatError, ValueError, UnicodeError):
        findings.append(problem(str(path), "cannot be read as what its name says", "Export it as CSV"))
        return None
    titles = list(meta.column_names)
    kinds = meta.readstat_variable_types
    texts = [[_text(cell, kinds.get(title, "")) for cell in columns[title]] for title in titles]
    rows = [(number, list(row)) for number, row in enumerate(zip(*texts, strict=True), start=1)]
    words = {
        title: {cell_text(value): str(word) for value, word in labels.items()}
        for title, labels in meta.variable_value_labels.items()
    }
    labels = {title: text for title, text in meta.column_names_to_labels.items() if text}
    return RawTable(path=path, titles=titles, rows=rows, place=at_lines(path), labels=labels, words=words)


def _text(cell: Any, kind: str) -> str:
    if kind == "float" and isinstance(cell, float) and cell == cell:
        import numpy as np

        return cell_text(float(str(np.float32(cell))))
    if hasattr(cell, "item"):
        cell = cell.item()
    return cell_text(cell)

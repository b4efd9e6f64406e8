"""Tables from the files that people have: workbooks, text, databases, Parquet, statistics programs."""

from __future__ import annotations

from fhir_blina.tabular.damage import damage, is_serial
from fhir_blina.tabular.declaration import Declaration, declaration_of, file_of
from fhir_blina.tabular.reading import DATES, Content, read_table
from fhir_blina.tabular.shape import TableRow, column_names, name_of

__all__ = [
    "DATES",
    "Content",
    "Declaration",
    "TableRow",
    "column_names",
    "damage",
    "declaration_of",
    "file_of",
    "is_serial",
    "name_of",
    "read_table",
]

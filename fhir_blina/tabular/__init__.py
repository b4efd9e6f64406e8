"""Tables from the files that people have: workbooks, text, databases, Parquet, statistics programs."""

from __future__ import annotations

from fhir_blina.tabular.damage import damage
from fhir_blina.tabular.dates import is_serial, iso_date
from fhir_blina.tabular.declaration import Declaration, Unpivot, declaration_of, file_of
from fhir_blina.tabular.delimited import unpacked
from fhir_blina.tabular.reading import DATES, Content, read_sheet, read_table
from fhir_blina.tabular.shape import TableRow, column_names, name_of, unpivoted
from fhir_blina.tabular.sheet import RawTable
from fhir_blina.tabular.workbook import sheet_names

__all__ = [
    "DATES",
    "Content",
    "Declaration",
    "RawTable",
    "TableRow",
    "Unpivot",
    "column_names",
    "damage",
    "declaration_of",
    "file_of",
    "is_serial",
    "iso_date",
    "name_of",
    "read_sheet",
    "read_table",
    "sheet_names",
    "unpacked",
    "unpivoted",
]

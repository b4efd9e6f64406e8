"""Files read and written strictly: JSON, YAML, CSV, each whole or not at all."""

from __future__ import annotations

from fhir_blina.files.blanks import Gap, fill_constants, gaps_of, pieces_of
from fhir_blina.files.cells import as_text, is_missing
from fhir_blina.files.csv import MAX_CELL, read_csv, read_header
from fhir_blina.files.json import (
    MAX_DIGITS,
    MAX_LINE_BYTES,
    Resource,
    dumps,
    loads,
    read_lines,
    read_ndjson,
    resource_of,
    same,
    sync_folder,
    write_whole,
)
from fhir_blina.files.locks import locked
from fhir_blina.files.named import naming
from fhir_blina.files.regular import files_in, keep_within, open_regular, read_regular
from fhir_blina.files.shipped import (
    CANONICAL,
    COHORT_SYSTEM,
    RESOURCE_KEY_SYSTEM,
    mappings_folder,
    schema,
)
from fhir_blina.files.spreadsheets import as_plain_cell
from fhir_blina.files.temporary import scratch
from fhir_blina.files.yaml import Document, Keys, check_schema, read_text, read_yaml, walk

__all__ = [
    "CANONICAL",
    "COHORT_SYSTEM",
    "MAX_CELL",
    "MAX_DIGITS",
    "MAX_LINE_BYTES",
    "RESOURCE_KEY_SYSTEM",
    "Document",
    "Gap",
    "Keys",
    "Resource",
    "as_plain_cell",
    "as_text",
    "check_schema",
    "dumps",
    "files_in",
    "fill_constants",
    "gaps_of",
    "is_missing",
    "keep_within",
    "loads",
    "locked",
    "mappings_folder",
    "naming",
    "open_regular",
    "pieces_of",
    "read_csv",
    "read_header",
    "read_lines",
    "read_ndjson",
    "read_regular",
    "read_text",
    "read_yaml",
    "resource_of",
    "same",
    "schema",
    "scratch",
    "sync_folder",
    "walk",
    "write_whole",
]

"""SQL on FHIR views: from resources to tables."""

from __future__ import annotations

from fhir_blina.views.account import ReadingAccount, Tables
from fhir_blina.views.export import export_tables, write_tables
from fhir_blina.views.tables import read_tables, tables_by_type, view_sql

__all__ = [
    "ReadingAccount",
    "Tables",
    "export_tables",
    "read_tables",
    "tables_by_type",
    "view_sql",
    "write_tables",
]

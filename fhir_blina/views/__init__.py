"""SQL on FHIR views: from resources to tables."""

from __future__ import annotations

from fhir_blina.views.tables import export_tables, read_tables, view_sql, write_tables

__all__ = ["export_tables", "read_tables", "view_sql", "write_tables"]

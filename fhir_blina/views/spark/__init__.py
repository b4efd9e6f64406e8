"""Views run by Spark, over parts of a folder's files or over the lines of a Spark DataFrame."""

from __future__ import annotations

from fhir_blina.views.spark.frames import view_frame

__all__ = ["view_frame"]

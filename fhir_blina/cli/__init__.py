"""The command line."""

from __future__ import annotations

from fhir_blina.cli.parser import main
from fhir_blina.cli.pipeline import run

__all__ = ["main", "run"]

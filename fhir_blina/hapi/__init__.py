"""A real HAPI server and HAPI's validator on this machine."""

from __future__ import annotations

from fhir_blina.hapi import server
from fhir_blina.hapi.validator import validate_with_hapi

__all__ = ["server", "validate_with_hapi"]

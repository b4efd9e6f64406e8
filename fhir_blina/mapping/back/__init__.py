"""The way back: templates read backwards, and every cell compared."""

from __future__ import annotations

from fhir_blina.mapping.back.roundtrip import RoundTrip, round_trip

__all__ = ["RoundTrip", "round_trip"]

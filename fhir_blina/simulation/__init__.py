"""Synthetic cohorts of any size in the shape of a cohort, with the truth beside them."""

from __future__ import annotations

from fhir_blina.simulation.resampling import simulate_cohort

__all__ = ["simulate_cohort"]

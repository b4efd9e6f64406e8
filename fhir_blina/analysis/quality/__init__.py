"""Contradictions and implausible data, found by rules that are data."""

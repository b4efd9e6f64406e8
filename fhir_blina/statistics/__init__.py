"""Survival, rank tests, proportions and regression over plain arrays."""

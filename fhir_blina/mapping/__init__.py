"""Rows become resources, and resources become rows again."""

"""Compiled views run on DuckDB."""

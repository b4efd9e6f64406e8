"""Cohort folders: manifest, dictionary, tables, code maps, and how one is begun."""

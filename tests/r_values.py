"""What R printed, kept so that its values can be compared with where R is not installed."""

from __future__ import annotations

from pathlib import Path


def r_values() -> dict[str, list[float]]:
    """The numbers of each line of data/r_values.txt by name; data/r_values.R made them."""
    values: dict[str, list[float]] = {}
    for line in (Path(__file__).parent / "data" / "r_values.txt").read_text("utf-8").splitlines():
        name, value = line.rsplit(" ", 1)
        values.setdefault(name, []).append(float(value))
    return values

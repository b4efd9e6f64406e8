"""The published numbers beside the recomputed ones: what differs, what agrees, and the others by kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fhir_blina.report.blocks import FOLD_ROWS
from fhir_blina.report.grids import Cell, Grid, Head, number, unit, words
from fhir_blina.report.material import Material
from fhir_blina.results import AGREES, DISAGREES, NOT_COMPUTABLE, TRUNCATED, ComparedClaim

TONES = {AGREES: "good", TRUNCATED: "warn", DISAGREES: "bad", NOT_COMPUTABLE: "missing"}
OTHER_PARTS = {
    "result": "Published results that cannot be computed from printed data",
    "patient": "Single patients' numbers that the text prints",
    "method": "Rules of the study, which no data can recompute",
    "cited": "Numbers cited from other publications",
    "other": "Other methods that could have given a printed number",
}
_NUMBERS = {"Printed", "Recomputed"}
_WHOLE = ("Claim", "Printed", "Recomputed", "Agreement", "Why, and by which method", "Printed in")


def _kind(row: ComparedClaim) -> str:
    return "other" if row.reading != "main" else row.kind


def claims_grids(material: Material) -> list[Grid]:
    """The published results that can be recomputed: what differs with the reason, then what agrees."""
    rows = [row for row in material.results.claims if _kind(row) == "result"]
    differ = sorted(
        (row for row in rows if row.agreement in (DISAGREES, TRUNCATED)),
        key=lambda row: row.agreement != DISAGREES,
    )
    agree = [row for row in rows if row.agreement == AGREES]
    grids = []
    if differ:
        grids.append(_grid(material, "Published results that differ from the recomputed ones", differ))
    if agree:
        short = ("Claim", "Printed", "Recomputed", "Printed in")
        cells = tuple(tuple(_claim_row(material, row)[place] for place in (0, 1, 2, 5)) for row in agree)
        caption = "Published results that agree with the recomputed ones"
        fold = f"show {len(cells)} rows" if len(cells) > FOLD_ROWS else ""
        grids.append(Grid(caption, _head(short), cells, layout="plain", fold=fold))
    return grids


def other_claims_grids(material: Material) -> list[Grid]:
    """The claims that the report only counts, by kind, each kind behind a button."""
    parts: dict[str, list[ComparedClaim]] = {kind: [] for kind in OTHER_PARTS}
    for row in material.results.claims:
        kind = _kind(row)
        if kind != "result" or row.agreement == NOT_COMPUTABLE:
            parts.setdefault(kind, []).append(row)
    return [
        _grid(material, OTHER_PARTS.get(kind, kind), rows, fold=f"show {len(rows)} rows")
        for kind, rows in parts.items()
        if rows
    ]


def _head(titles: Iterable[str]) -> tuple[Head, ...]:
    return tuple(Head(title, kind="number" if title in _NUMBERS else "text") for title in titles)


def _grid(material: Material, caption: str, rows: list[ComparedClaim], fold: str = "") -> Grid:
    return Grid(caption, _head(_WHOLE), tuple(_claim_row(material, row) for row in rows), fold=fold)


def _claim_row(material: Material, row: ComparedClaim) -> tuple[Cell, ...]:
    of = "" if row.unit in {"1", ""} else f" {row.unit}" if row.unit == "%" else unit(row.unit)
    return (
        Cell(row.title, quote=row.quote),
        Cell(f"{row.value_printed}{of}"),
        Cell("–" if row.recomputed is None else f"{number(_short(row.recomputed))}{of}"),
        Cell(row.agreement, tone=TONES[row.agreement]),
        Cell(material.spoken(row.why)),
        Cell(row.printed_in),
    )


def _short(value: Any) -> Any:
    """A recurring decimal cut to six significant digits; a short one as it stands."""
    text = words(value)
    return value if len(text.replace("−", "").replace(".", "")) <= 8 else float(value)

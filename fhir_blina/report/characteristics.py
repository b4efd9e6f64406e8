"""The first table of a clinical paper, those without a value in it, and who is left out of every number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from fhir_blina.analysis import whole
from fhir_blina.report.blocks import folded
from fhir_blina.report.grids import Cell, Grid, Head, number, recorded_places, sensible_places, unit, words
from fhir_blina.report.layout import Block
from fhir_blina.report.material import Material
from fhir_blina.report.missing import known_of
from fhir_blina.statistics import median, spread


def characteristics(material: Material, block: Block) -> Grid:
    """The first table of a clinical paper: medians and counts, overall and by group."""
    everyone = list(material.facts.labels)
    columns = material.columns
    head = [Head("Characteristic")]
    head += [Head(f"{title} (n = {len(keys)})", kind="number") for title, keys in columns.items()]
    rows: list[tuple[Cell, ...]] = []
    told = known_of(material) if "missing" in material.kinds else {}
    for entry in block["rows"]:
        first = Cell(entry["label"], tone="strong" if "heading" in entry else "")
        if "heading" in entry:
            rows.append((first, *(Cell("") for _ in columns)))
        elif "measure" in entry:
            found = material.facts.measured(entry["measure"])
            bounds = material.facts.bounds(entry["measure"])
            of = unit(material.facts.unit(entry["measure"]))
            bounds_said = "quartiles" if material.large else "range"
            label = f"{entry['label']}, median ({bounds_said}){',' if of else ''}{of}"
            cells = (
                _median([found[key][0] for key in keys if key in found], len(keys), large=material.large)
                for keys in columns.values()
            )
            rows.append((Cell(label), *cells))
            rows += _without(set(everyone) - set(bounds), columns, "a bound only (<, >)")
            if entry["measure"] not in told:
                rows += _without({*found, *bounds}, columns)
        elif "set" in entry:
            members = set(material.facts.members(entry["set"]))
            known = set(everyone) - set(material.facts.unknown(entry["set"]))
            rows.append((first, *(_share(members & known, known, keys) for keys in columns.values())))
            if entry["set"] not in told:
                rows += _without(known, columns)
        else:
            rows += _categories(material, entry, columns)
    notes = ("Counts are n (%).", *block.get("notes", ()))
    return Grid(block["caption"], tuple(head), tuple(rows), notes, layout="cards")


def _share(members: set[str], known: set[str], keys: list[str]) -> Cell:
    """How many have a property, of those of whom it is known; the denominator where it is not all."""
    size = sum(key in known for key in keys)
    count = sum(key in members for key in keys)
    if size == len(keys):
        return _count(count, size)
    return Cell(f"{count}/{size} ({number(Decimal(100 * count) / size, 0)})" if size else "–")


def _without(
    known: set[str], columns: Mapping[str, list[str]], word: str = "no value"
) -> list[tuple[Cell, ...]]:
    """A row that counts those without a value, where there are any."""
    missing = [sum(key not in known for key in keys) for keys in columns.values()]
    if not any(missing):
        return []
    counts = (_count(count, len(keys)) for count, keys in zip(missing, columns.values(), strict=True))
    return [(Cell(f"  {word}", tone="missing"), *counts)]


def _median(values: list[Any], size: int, *, large: bool) -> Cell:
    """Median with the range; of many patients with the quartiles."""
    if not values:
        return Cell("–", tone="missing")
    exact = [whole(value) for value in values]
    middle = whole(median(exact))
    if large:
        found = spread(exact)
        low, high = whole(found.first_quartile), whole(found.third_quartile)
    else:
        low, high = min(exact), max(exact)
    places = sensible_places(middle, low, high)
    if large and places is None:
        places = max(recorded_places(value) for value in exact)
    text = f"{number(middle, places)} ({number(low, places)}–{number(high, places)})"
    return Cell(text if len(values) == size else f"{text}, n = {len(values)}")


def _count(count: int, size: int) -> Cell:
    return Cell(f"{count} ({number(Decimal(100 * count) / size, 0)})" if size else "–")


def _categories(
    material: Material, entry: Block, columns: Mapping[str, list[str]]
) -> Iterable[tuple[Cell, ...]]:
    reword = entry.get("reword", {})
    found: dict[str, set[str]] = {word: set() for word in reword.values()}
    for row in material.rows(entry):
        word = words(row.get(entry["value"]))
        if word:
            found.setdefault(reword.get(word, word), set()).add(str(row["patient_id"]))
    yield (Cell(entry["label"], tone="strong"), *(Cell("") for _ in columns))
    known = {key for members in found.values() for key in members}
    for word, members in found.items():
        if members:
            yield (Cell(f"  {word}"), *(_share(members, known, keys) for keys in columns.values()))
    yield from _without(known, columns)


def populations_grid(material: Material) -> Grid | None:
    """How many each endpoint, measure and set counts, and why not the others; ``None`` if all are counted."""
    rows = tuple(
        (
            Cell(material.spoken(str(row.name))),
            Cell(str(row.kind)),
            Cell(f"{row.n} of {row.of}"),
            Cell(material.spoken("; ".join(f"{out.n}: {out.reason}" for out in row.out))),
        )
        for row in material.results.populations
        if row.n < row.of and (row.kind != "interval" or material.large)
    )
    head = (Head("What"), Head("Kind"), Head("Counted", kind="number"), Head("Left out, and why"))
    return (
        Grid("Who is left out of what", head, rows, layout="plain", fold=folded(len(rows))) if rows else None
    )

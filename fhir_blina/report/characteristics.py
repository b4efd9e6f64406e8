"""The first table of a clinical paper, those without a value in it, and who is left out of every number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from fhir_blina.analysis import whole
from fhir_blina.report.blocks import Material, folded
from fhir_blina.report.grids import Cell, Grid, Head, number, unit, words
from fhir_blina.report.layout import Block
from fhir_blina.statistics import median


def characteristics(material: Material, block: Block) -> Grid:
    """The first table of a clinical paper: medians and counts, overall and by group."""
    everyone = list(material.facts.labels)
    columns = {"All": everyone} | {
        label: [key for key in everyone if material.groups.get(key) == label]
        for label in material.group_labels
    }
    head = [Head("Characteristic")]
    for label, keys in columns.items():
        title = "All" if label == "All" else material.group_title(label)
        head.append(Head(f"{title} (n = {len(keys)})", kind="number"))
    rows: list[tuple[Cell, ...]] = []
    for entry in block["rows"]:
        first = Cell(entry["label"], entry.get("local", ""), "strong" if "heading" in entry else "")
        if "heading" in entry:
            rows.append((first, *(Cell("") for _ in columns)))
        elif "measure" in entry:
            found = material.facts.measured(entry["measure"])
            bounds = material.facts.bounds(entry["measure"])
            of = unit(material.facts.unit(entry["measure"]))
            label = f"{entry['label']}, median (range){',' if of else ''}{of}"
            cells = (
                _median([found[key][0] for key in keys if key in found], len(keys))
                for keys in columns.values()
            )
            rows.append((Cell(label, first.local), *cells))
            rows += _without(set(everyone) - set(bounds), columns, "a bound only (<, >)")
            rows += _without({*found, *bounds}, columns)
        elif "set" in entry:
            members = set(material.facts.members(entry["set"]))
            known = set(everyone) - set(material.facts.unknown(entry["set"]))
            rows.append((first, *(_share(members & known, known, keys) for keys in columns.values())))
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


def _median(values: list[Any], size: int) -> Cell:
    if not values:
        return Cell("–", tone="missing")
    exact = [whole(value) for value in values]
    text = f"{number(whole(median(exact)))} ({number(min(exact))}–{number(max(exact))})"
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
    yield (Cell(entry["label"], entry.get("local", ""), "strong"), *(Cell("") for _ in columns))
    known = {key for members in found.values() for key in members}
    for word, members in found.items():
        if members:
            yield (Cell(f"  {word}"), *(_share(members, known, keys) for keys in columns.values()))
    yield from _without(known, columns)


def populations_grid(material: Material) -> Grid | None:
    """How many each endpoint, measure and set counts, and why not the others; ``None`` if all are counted."""
    rows = tuple(
        (
            Cell(row.name.replace("_", " ")),
            Cell(row.kind),
            Cell(f"{row.n} of {row.of}"),
            Cell("; ".join(f"{out.n}: {out.reason}" for out in row.out)),
        )
        for row in material.results.populations
        if row.n < row.of
    )
    head = (Head("What"), Head("Kind"), Head("Counted", kind="number"), Head("Left out, and why"))
    return Grid("Who is left out of what", head, rows, fold=folded(len(rows))) if rows else None

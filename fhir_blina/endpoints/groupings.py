"""Groups by a measure's value: cut points that are named, or quantiles of the values themselves.

A value equal to a cut point belongs to the group above it or below it, as the definition says; values that
are equal are always in one group.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from fhir_blina.endpoints.dates import as_number
from fhir_blina.endpoints.definition import Grouping
from fhir_blina.errors import AnalysisError, problem
from fhir_blina.statistics import quantile


def read_grouping(name: str, entry: Mapping[str, Any], place: str) -> Grouping:
    """One entry of the section ``groups``.

    Raises:
        AnalysisError: cut points that do not rise, or labels that are not one a group.
    """
    if "sets" in entry:
        return Grouping(name=name, labels=entry["sets"], place=place)
    cut, quantiles = tuple(entry.get("cut", ())), entry.get("quantiles", 0)
    if not cut and not quantiles:
        return Grouping(name=name, measure=entry["measure"], labels=entry["labels"], place=place)
    points = tuple(Decimal(str(one)) for one in cut)
    if any(one >= other for one, other in itertools.pairwise(points)):
        raise AnalysisError([problem(place, f'group "{name}": the cut points must rise')])
    said = entry.get("labels")
    labels = said or (interval_labels(cut, entry["at_cut"]) if cut else quantile_labels(quantiles))
    wanted = len(cut) + 1 if cut else quantiles
    if len(labels) != wanted or len(set(labels)) < wanted:
        text = (
            f'group "{name}": {wanted} groups need {wanted} labels that differ, and there are {len(labels)}'
        )
        raise AnalysisError([problem(place, text, "Leave labels out to have them made")])
    return Grouping(
        name=name,
        measure=entry["measure"],
        labels={str(number): str(label) for number, label in enumerate(labels)},
        cut=points,
        quantiles=quantiles,
        at_cut=entry["at_cut"],
        place=place,
    )


def interval_labels(cut: Sequence[Any], at_cut: str) -> list[str]:
    """What the groups between cut points are called: ``below 18``, ``18 to below 65``, ``65 and above``."""
    pairs = list(itertools.pairwise(cut))
    if at_cut == "above":
        between = [f"{low} to below {high}" for low, high in pairs]
        return [f"below {cut[0]}", *between, f"{cut[-1]} and above"]
    between = [f"above {low} to {high}" for low, high in pairs]
    return [f"{cut[0]} and below", *between, f"above {cut[-1]}"]


def quantile_labels(count: int) -> list[str]:
    """``Q1`` (the lowest) and so on."""
    return [f"Q{number}" for number in range(1, count + 1)]


def cut_points(wanted: Grouping, values: Iterable[Any]) -> tuple[Decimal, ...]:
    """Where the groups of a definition part: as it says, or quantiles (R's type 7) of the exact values.

    Raises:
        AnalysisError: values that are no numbers.
    """
    numbers = [as_number(value) for value in values]
    if None in numbers:
        raise AnalysisError(
            f'{wanted.place}: group "{wanted.name}": measure "{wanted.measure}" has values that are no '
            "numbers. Name its values by labels: {value: label}"
        )
    if wanted.cut or not numbers:
        return wanted.cut
    known = [Decimal(number) for number in numbers if number is not None]
    return tuple(quantile(known, Fraction(part, wanted.quantiles)) for part in range(1, wanted.quantiles))


def between_cuts(value: Any, comparator: str, points: Sequence[Decimal], at_cut: str) -> int | None:
    """Which group a value is in, counted from the lowest; ``None`` where a bound leaves it open."""
    number = as_number(value)
    if number is None:
        return None
    exact = Decimal(number)
    place = (bisect_right if at_cut == "above" else bisect_left)(points, exact)
    if not comparator:
        return place
    if comparator.startswith("<"):
        just = bisect_left(points, exact) if comparator == "<" else place
        return 0 if just == 0 else None
    if comparator.startswith(">"):
        just = bisect_right(points, exact) if comparator == ">" else place
        return len(points) if just == len(points) else None
    return None

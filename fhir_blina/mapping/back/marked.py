"""Elements that carry beside them what they were made from: study days, and cells in another unit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fhir_blina.cohorts import Cohort
from fhir_blina.files import CANONICAL, as_text
from fhir_blina.mapping.back.matching import Match
from fhir_blina.mapping.back.outcomes import MISSING
from fhir_blina.mapping.filling import ORIGINAL_TEXT, RELATIVE_DATE
from fhir_blina.mapping.functions import StudyDate, converted
from fhir_blina.mapping.nodes import Blank, Node

_STUDY_DAY = f"{CANONICAL}/StructureDefinition/study-day"
_LEFT_BY = {"studyDate": {RELATIVE_DATE, _STUDY_DAY}, "convert": {ORIGINAL_TEXT}}


def is_marked(node: Node | None) -> bool:
    """Whether what a node gives carries what it was made from."""
    return isinstance(node, Blank) and bool(node.marks)


def made_from(node: Node, value: Any, sibling: Any, cohort: Cohort) -> Match | None:
    """What a marked element says of its cell; ``None`` where element and mark contradict each other."""
    assert isinstance(node, Blank)  # noqa: S101 - is_marked
    column = node.study_day_column or (node.units[0] if node.units is not None else None)
    if column is None:
        return Match()
    if value is MISSING:
        return Match({column: frozenset({""})})
    found = sibling.get("extension", ()) if isinstance(sibling, dict) else ()
    for extension in found:
        if node.study_day_column and extension.get("url") == _STUDY_DAY:
            return _study_day(column, value, extension.get("valueInteger"), cohort)
        if node.units is not None and extension.get("url") == ORIGINAL_TEXT:
            return _cell(node.units, value, extension.get("valueString"))
    return None


def _study_day(column: str, value: Any, day: Any, cohort: Cohort) -> Match | None:
    if not isinstance(day, int) or cohort.anchor is None or value != StudyDate(cohort.anchor, day):
        return None
    return Match({column: frozenset({as_text(day)})})


def _cell(units: tuple[str, str, str], value: Any, printed: Any) -> Match | None:
    column, unit, wanted = units
    if not isinstance(printed, str) or not printed.endswith(f" {unit}"):
        return None
    text = printed.removesuffix(f" {unit}")
    try:
        expected = converted(Decimal(text), unit, wanted)
    except (ArithmeticError, ValueError):
        return None
    same = isinstance(value, int | Decimal) and as_text(Decimal(expected)) == as_text(Decimal(value))
    return Match({column: frozenset({text})}) if same else None


def without_marks(node: Node, value: Any) -> Any:
    """The extensions of an element without those that its blank put there."""
    if not isinstance(value, dict) or "extension" not in value or not isinstance(node, Blank):
        return value
    own = {url for name in node.marks for url in _LEFT_BY[name]}
    kept = [extension for extension in value["extension"] if extension.get("url") not in own]
    rest = {key: one for key, one in value.items() if key != "extension"}
    return {**rest, "extension": kept} if kept else (rest or MISSING)

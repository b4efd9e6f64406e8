"""Small counts hidden, and what they would follow from, so that a page can be shown to others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from fhir_blina.exploration.inventory import (
    CodeFound,
    ElementFound,
    Inventory,
    SubjectsFound,
    TypeFound,
    UnitFound,
)

Found = TypeVar("Found", CodeFound, UnitFound)
_OF_PATIENTS = (
    "born",
    "dead",
    "dead_on_a_date",
    "with_contact",
    "seen_after_death",
    "never_named",
    "missing",
)


def suppressed(known: Inventory, threshold: int) -> Inventory:
    """An inventory without a count of patients below a number, or one that such a count follows from.

    Codes and units of fewer patients are left out and counted; where those left out are together of fewer
    patients too, the next one goes with them. Dates become years. Types that are of no patient stay.
    """
    types = tuple(_type(one, threshold) for one in known.types)
    whole = {one.name for one in types if one.resources is not None}
    codes, hidden_codes = _lists(
        known.codes, threshold, lambda one: f"{one.resource_type}.{one.element}", whole
    )
    units, hidden_units = _lists(
        known.units,
        threshold,
        lambda one: f"{one.resource_type}.{one.element} {one.system}|{one.code}",
        whole,
    )
    return replace(
        known,
        types=types,
        subjects=_subjects(known.subjects, threshold),
        codes=codes,
        units=units,
        suppressed=threshold,
        hidden_codes=hidden_codes,
        hidden_units=_by_element(hidden_units),
    )


def _by_element(hidden: dict[str, int]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for name, count in hidden.items():
        found[name.partition(" ")[0]] += count
    return dict(found)


def _is_small(count: int, of: int, threshold: int) -> bool:
    """Whether a count is small, or what is left of the whole."""
    return 0 < count < threshold or 0 < of - count < threshold


def _type(one: TypeFound, threshold: int) -> TypeFound:
    if one.subjects is None or one.resources is None:
        return one
    if one.subjects == 0 and not one.unknown_subject and one.name != "Patient":
        return one  # of no patient
    if one.subjects < threshold:
        return replace(one, resources=None, subjects=None, elements=(), never=())
    return replace(one, elements=tuple(_element(part, one.resources, threshold) for part in one.elements))


def _element(one: ElementFound, of: int, threshold: int) -> ElementFound:
    if one.present is None:
        return one
    few = any(0 < (count or 0) < threshold for count in (one.subjects, one.subjects_without))
    if few or _is_small(one.present, of, threshold):
        return ElementFound(name=one.name, present=None, subjects=None, subjects_without=None, partial=None)
    partial = None if one.partial else 0  # of forms and partial dates no patients are counted
    return replace(one, forms={}, partial=partial, first=one.first[:4], last=one.last[:4])


def _subjects(one: SubjectsFound, threshold: int) -> SubjectsFound:
    if one.patients is None or one.patients < threshold:
        nothing: dict[str, Any] = dict.fromkeys(_OF_PATIENTS)
        return SubjectsFound(patients=None, **nothing)
    hidden: dict[str, Any] = {
        name: None for name in _OF_PATIENTS if _is_small(getattr(one, name) or 0, one.patients, threshold)
    }
    with_date = (one.dead or 0) - (one.dead_on_a_date or 0)
    if 0 < with_date < threshold:
        hidden["dead_on_a_date"] = None
    few = (one.with_contact or 0) < threshold
    years: dict[str, Any] = {
        name: ("", "") if few else (getattr(one, name)[0][:4], getattr(one, name)[1][:4])
        for name in ("first_contacts", "last_contacts")
    }
    return replace(one, **hidden, **years, median_days=None if few else one.median_days)


def _lists(
    found: Sequence[Found], threshold: int, group: Callable[[Found], str], whole: Iterable[str]
) -> tuple[tuple[Found, ...], dict[str, int]]:
    """What is of enough patients, and how many of each group are left out."""
    kept: list[Found] = []
    hidden: dict[str, int] = {}
    parts: dict[str, list[Found]] = {}
    for one in found:
        parts.setdefault(group(one), []).append(one)
    known = set(whole)
    for name, part in parts.items():
        of_nobody = not any(one.subjects for one in part)
        if part[0].resource_type in known and of_nobody:
            kept += part
            continue
        shown = [one for one in part if one.subjects >= threshold]
        gone = [one for one in part if one.subjects < threshold]
        if gone and shown and sum(one.subjects for one in gone) < threshold:
            gone.append(shown.pop(shown.index(min(shown, key=lambda one: one.subjects))))
        kept += shown
        if gone:
            hidden[name] = len(gone)
    return tuple(kept), hidden

"""An inventory as a page: sections of words and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from fhir_blina.errors import printable
from fhir_blina.exploration.inventory import ElementFound, Inventory, SubjectsFound, TypeFound

MOST = 10
_WORDS = 80


@dataclass(frozen=True)
class PagePart:
    """A heading with words and a table below it.

    Attributes:
        title: The heading.
        words: Paragraphs.
        header: Of the table, empty where there is none; a name that begins with ``#`` is of numbers.
        rows: Of the table.
    """

    title: str
    words: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def page_parts(known: Inventory, most: int = MOST) -> Iterator[PagePart]:
    """The parts of the page.

    Args:
        known: What was found.
        most: So many codes of an element are listed, the others counted.
    """
    yield PagePart("What is here", _opening(known), *_types(known.types))
    yield PagePart("Subjects", tuple(_subject_words(known.subjects)))
    yield PagePart("Dates", (), *_dates(known.types))
    yield PagePart("Codes", tuple(_hidden("codes", known, known.hidden_codes)), *_codes(known, most))
    yield PagePart("Units", tuple(_hidden("units", known, known.hidden_units)), *_units(known, most))
    yield PagePart(
        "Elements",
        ("Of the resources of a type, how many have an element and how many lack it.",),
        *_elements(known.types),
    )


def _opening(known: Inventory) -> tuple[str, ...]:
    told = [f"Read from {known.source}. Counts of resources and of patients; no value of a patient."]
    if known.suppressed:
        told.append(
            f"Counts below {known.suppressed} are hidden, and what they would follow from; days are years."
        )
    else:
        told.append("Small counts stand here as they are: do not hand them on, or hide them with --suppress.")
    return (*told, *(f"{note[:1].upper()}{note[1:]}." for note in known.notes))


def _types(types: Sequence[TypeFound]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    rows = tuple(
        (
            one.name,
            _count(one.resources),
            _count(one.subjects),
            ", ".join(one.tables) or "no table",
            str(one.without_subject or ""),
            str(one.unknown_subject or ""),
        )
        for one in types
    )
    return (
        "type",
        "#resources",
        "#patients",
        "table",
        "#name nobody",
        "#of a patient who is not there",
    ), rows


def _subject_words(one: SubjectsFound) -> Iterator[str]:
    of = _count(one.patients)
    yield f"{of} patients; {_count(one.born)} with a date of birth."
    yield f"{_count(one.dead)} are said to be dead, {_count(one.dead_on_a_date)} of them with a date."
    contact = f"{_count(one.with_contact)} have a contact on a date (encounter, observation, procedure …)"
    if one.first_contacts[0]:
        contact += (
            f": the first ones from {one.first_contacts[0]} to {one.first_contacts[1]}, "
            f"the last ones from {one.last_contacts[0]} to {one.last_contacts[1]}"
        )
    if one.median_days is not None:
        contact += f", the median of days between them is {one.median_days}"
    yield f"{contact}."
    for count, words in (
        (one.seen_after_death, "have a contact after the day of death"),
        (one.never_named, "are named by no resource"),
        (one.missing, "others are named by resources and are not there"),
    ):
        if count != 0:
            yield f"{_count(count)} {words}."


def _dates(types: Sequence[TypeFound]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    rows = tuple(
        (kind.name, one.name, _count(one.present), one.first, one.last, _count(one.partial) or "")
        for kind in types
        for one in kind.elements
        if one.first or one.last
    )
    return ("type", "element", "#resources", "from", "to", "#without a day"), rows


def _codes(known: Inventory, most: int) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    rows: list[tuple[str, ...]] = []
    for (kind, element), group in groupby(known.codes, lambda one: (one.resource_type, one.element)):
        found = list(group)
        rows += [
            (
                kind,
                element,
                _short(one.system),
                _short(one.code) or "(text only)",
                _short(one.display),
                str(one.resources),
                str(one.subjects),
            )
            for one in found[:most]
        ]
        if len(found) > most:
            rows.append((kind, element, "", "", f"{len(found) - most} other codes", "", ""))
    return ("type", "element", "system", "code", "words", "#resources", "#patients"), tuple(rows)


def _units(known: Inventory, most: int) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    rows: list[tuple[str, ...]] = []
    for (kind, element), group in groupby(known.units, lambda one: (one.resource_type, one.element)):
        found = list(group)
        totals: dict[tuple[str, str], int] = {}
        for one in found:
            totals[one.system, one.code] = totals.get((one.system, one.code), 0) + one.values
        ranked = sorted(totals, key=lambda key: (-totals[key], key))
        for key in ranked[: 2 * most]:
            rows += [
                (
                    kind,
                    element,
                    _short(one.code),
                    _short(one.display),
                    (_short(one.unit) or "(none)") + ("" if one.coded or not one.unit else " (no UCUM code)"),
                    str(one.values),
                    str(one.subjects),
                )
                for one in found
                if (one.system, one.code) == key
            ]
        if len(ranked) > 2 * most:
            rows.append((kind, element, "", f"{len(ranked) - 2 * most} other codes", "", "", ""))
    return ("type", "element", "code", "words", "unit", "#values", "#patients"), tuple(rows)


def _elements(types: Sequence[TypeFound]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    rows: list[tuple[str, ...]] = []
    for kind in types:
        for one in kind.elements:
            absent = None if one.present is None or kind.resources is None else kind.resources - one.present
            share = f"{100 * absent / kind.resources:.0f} %" if absent and kind.resources else ""
            rows.append((kind.name, one.name, _forms(one), _count(one.present), _count(absent), share))
        if kind.never:
            rows.append((kind.name, "in none", ", ".join(kind.never), "", "", ""))
    return ("type", "element", "as", "#have it", "#lack it", "#lack it, %"), tuple(rows)


def _forms(one: ElementFound) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(one.forms.items()))


def _hidden(what: str, known: Inventory, hidden: dict[str, int] | object) -> Iterator[str]:
    if isinstance(hidden, dict) and hidden:
        told = ", ".join(f"{name} {count}" for name, count in sorted(hidden.items()))
        yield f"Left out, because they are of fewer than {known.suppressed} patients, {what}: {told}."


def _count(value: int | None) -> str:
    return "–" if value is None else str(value)


def _short(text: str) -> str:
    """Words of somebody else, cut and made printable."""
    shown = printable(text)
    return shown if len(shown) <= _WORDS else f"{shown[: _WORDS - 1]}…"

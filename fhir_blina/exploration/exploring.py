"""Go once through what a store holds, and count."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from fhir_blina.exploration.counting import (
    OTHERS,
    OfType,
    Tally,
    contacts_of,
    count_into,
    plan_for,
    subject_of,
)
from fhir_blina.exploration.inventory import (
    CodeFound,
    ElementFound,
    Inventory,
    SubjectsFound,
    TypeFound,
    UnitFound,
)
from fhir_blina.exploration.plans import EVERYWHERE
from fhir_blina.exploration.rendering import PagedInventory
from fhir_blina.exploration.small import suppressed
from fhir_blina.files import Resource, read_ndjson
from fhir_blina.gathering import Gathered, plainly
from fhir_blina.r4 import R4, FhirRelease
from fhir_blina.views import tables_by_type

_PATIENT = "Patient"


@dataclass
class _Patients:
    """The patients by id: a number of ours, first and last contact, death."""

    numbers: dict[str, int] = field(default_factory=dict)
    there: set[int] = field(default_factory=set)
    named: set[int] = field(default_factory=set)
    contacts: dict[int, tuple[str, str]] = field(default_factory=dict)
    died: dict[int, str] = field(default_factory=dict)
    dead: int = 0
    born: int = 0

    def number(self, name: str) -> int:
        """The number of a patient."""
        return self.numbers.setdefault(name, len(self.numbers))

    def seen(self, number: int, day: str) -> None:
        """A contact."""
        first, last = self.contacts.get(number, (day, day))
        self.contacts[number] = (min(first, day), max(last, day))

    def take(self, resource: Resource) -> int:
        """A Patient itself."""
        number = self.number(resource["id"])
        self.there.add(number)
        self.born += bool(resource.get("birthDate"))
        day = resource.get("deceasedDateTime")
        self.dead += bool(day) or resource.get("deceasedBoolean") is True
        if isinstance(day, str):
            self.died[number] = day[:10]
        return number


def explore(
    source: Path | str,
    *,
    views: Path | str | None = None,
    release: FhirRelease = R4,
    suppress: int = 0,
    shown_as: str = "",
) -> Inventory:
    """Count what a folder or file holds.

    Args:
        source: As for ``read_tables``: a store folder, or files as others have them.
        views: A folder of views of your own beside the shared ones, to say which tables read what.
        release: The release of FHIR that the resources are of.
        suppress: Hide counts below this number, and what they would follow from; 0 hides none.
        shown_as: How the source is called on the page; its path where that is empty.

    Raises:
        StoreIncomplete: nothing there, no resource in it, or a line that is none.
    """
    tables = tables_by_type(views, release)
    with plainly(source, release) as (folder, found):
        types, patients = _counted(folder, release)
        known: Inventory = PagedInventory(
            source=shown_as or str(source),
            types=tuple(_type(kind, held, tables.get(kind, ())) for kind, held in types.items()),
            subjects=_subjects(patients),
            codes=tuple(one for kind, held in types.items() for one in _codes(kind, held)),
            units=tuple(one for kind, held in types.items() for one in _units(kind, held)),
            notes=tuple(_notes(found)),
        )
    return suppressed(known, suppress) if suppress else known


def _notes(found: Gathered | None) -> Iterator[str]:
    if found is not None:
        yield from found.sentences()


def _counted(folder: Path, release: FhirRelease) -> tuple[dict[str, OfType], _Patients]:
    """The counts by type; patients first, so that it is known who is there."""
    patients, types = _Patients(), {}
    paths = sorted(folder.glob("*.ndjson"), key=lambda path: (path.stem != _PATIENT, path.stem))
    for path in paths:
        held = plan_for(path.stem, release)
        for _, resource in read_ndjson(path):
            count_into(held, resource, _patient(resource, held, patients), release)
        if held.tally.count:
            types[path.stem] = held
    return dict(sorted(types.items())), patients


def _patient(resource: Resource, held: OfType, patients: _Patients) -> int | None:
    """The number of the patient whom a resource is of; contacts and strangers are kept on the way."""
    if resource["resourceType"] == _PATIENT:
        return patients.take(resource)
    if not held.plan.subject:
        return None
    kind, name = subject_of(resource, held.plan)
    held.without_subject += kind not in {_PATIENT, "Group"}
    if kind != _PATIENT:
        return None
    number = patients.number(name)
    patients.named.add(number)
    held.unknown_subject += number not in patients.there
    for day in contacts_of(resource):
        patients.seen(number, day)
    return number


def _type(kind: str, held: OfType, tables: tuple[str, ...]) -> TypeFound:
    names = [name for name in dict.fromkeys(held.plan.names.values()) if name not in EVERYWHERE]
    elements, never = [], []
    for name in names:
        keys = {key for key, of in held.plan.names.items() if of == name}
        with_it = [(shape & keys, tally) for shape, tally in held.shapes.items() if shape & keys]
        if not with_it:
            never.append(name)
            continue
        lacking = [tally for shape, tally in held.shapes.items() if not shape & keys]
        forms: Counter[str] = Counter()
        for found, tally in with_it:
            forms.update(dict.fromkeys(found, tally.count))
        days = [held.days[key] for key in forms if key in held.days]
        elements.append(
            ElementFound(
                name=name,
                present=sum(tally.count for _, tally in with_it),
                subjects=_patients([tally for _, tally in with_it]),
                subjects_without=_patients(lacking),
                forms=dict(sorted(forms.items())) if name.endswith("[x]") else {},
                first=min((one.first for one in days), default=""),
                last=max((one.last for one in days), default=""),
                partial=sum(one.partial for one in days),
            )
        )
    return TypeFound(
        name=kind,
        resources=held.tally.count,
        subjects=len(held.tally.patients),
        tables=tables,
        without_subject=held.without_subject,
        unknown_subject=held.unknown_subject,
        elements=tuple(elements),
        never=tuple(never),
    )


def _patients(tallies: Iterable[Tally]) -> int:
    """How many patients are behind several counts."""
    return len(set().union(*(tally.patients for tally in tallies)))


def _codes(kind: str, held: OfType) -> Iterator[CodeFound]:
    for element, found in sorted(held.codes.items()):
        ranked = sorted(found.items(), key=lambda one: (one[0] == OTHERS, -one[1].count, one[0]))
        for (system, code), tally in ranked:
            yield CodeFound(
                resource_type=kind,
                element=element,
                system=system,
                code=code,
                display=held.displays.get((system, code), ""),
                resources=tally.count,
                subjects=len(tally.patients),
            )


def _units(kind: str, held: OfType) -> Iterator[UnitFound]:
    ranked = sorted(held.units.items(), key=lambda one: (one[0][0], -one[1].count, one[0]))
    for (element, (system, code), unit, coded), tally in ranked:
        yield UnitFound(
            resource_type=kind,
            element=element,
            system=system,
            code=code,
            display=held.displays.get((system, code), ""),
            unit=unit,
            coded=coded,
            values=tally.count,
            subjects=len(tally.patients),
        )


def _subjects(patients: _Patients) -> SubjectsFound:
    contacts = {number: ends for number, ends in patients.contacts.items() if number in patients.there}
    days = [length for ends in contacts.values() if (length := _length(*ends)) is not None]
    first, last = ([ends[place][:7] for ends in contacts.values()] for place in (0, 1))
    after = sum(
        contacts[number][1] > day
        for number, day in patients.died.items()
        if number in contacts and len(day) == 10
    )
    return SubjectsFound(
        patients=len(patients.there),
        born=patients.born,
        dead=patients.dead,
        dead_on_a_date=len(patients.died),
        with_contact=len(contacts),
        first_contacts=(min(first), max(first)) if first else ("", ""),
        last_contacts=(min(last), max(last)) if last else ("", ""),
        median_days=int(median(days)) if days else None,
        seen_after_death=after,
        never_named=len(patients.there - patients.named),
        missing=len(patients.named - patients.there),
    )


def _length(first: str, last: str) -> int | None:
    try:
        return (dt.date.fromisoformat(last) - dt.date.fromisoformat(first)).days
    except ValueError:
        return None

"""Date shift: every date of a patient moved by one keyed number of whole days, and back again.

A resource belongs to the patient in its ``subject``, ``patient``, ``individual``, ``for`` or ``beneficiary``,
else to the only patient that it refers to, else to the one whose resources it refers to. A resource about
several, such as a Group, has the dates of each list item moved with the patient of that item. What refers to
nobody stays: a ResearchStudy has no patient.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from fhir_blina.cohorts import Cohort
from fhir_blina.files import CANONICAL, Resource
from fhir_blina.r4 import FhirRelease, references_in, targets_of

TAG = {"system": f"{CANONICAL}/CodeSystem/provenance-tag", "code": "shifted-dates"}
DATES = frozenset({"date", "dateTime", "instant"})
OWNERS = ("subject", "patient", "individual", "for", "beneficiary")
DAYS_IN_YEAR = 365.2425
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2})(T.+)?)?)?", re.ASCII)
_ZONE = re.compile(r"(?:Z|[+-]\d{2}:\d{2})$", re.ASCII)
_IN_TEXT = re.compile(r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})(?!\d)", re.ASCII)


class Fault(NamedTuple):
    """Why a date cannot be moved: ``Type/id``, a path below the type, what is wrong."""

    resource: str
    path: str
    text: str
    remedy: str


class DateShift:
    """One offset a patient.

    Args:
        key: Secret bytes; whoever has them can move the dates back.
        most: The largest offset in days, 1 or more.
        release: The release of FHIR that says which elements are dates.
        weeks: Whether every offset is of whole weeks, so that weekdays stay; ``most`` is 7 or more then.
    """

    def __init__(self, key: bytes, most: int, release: FhirRelease, *, weeks: bool = False) -> None:
        self.key = key
        self.release = release
        self.step = 7 if weeks else 1
        self.most = most // self.step

    def days(self, patient_id: str) -> int:
        """The offset of a patient: -most to most, never 0, from HMAC-SHA256 of the readable id."""
        # no id holds a colon, so this is never the message of a hashed id
        digest = hmac.new(self.key, f"shift_dates:{patient_id}".encode(), hashlib.sha256).digest()
        place = int.from_bytes(digest) % (2 * self.most)
        return self.step * (place - self.most if place < self.most else place - self.most + 1)

    def moved(self, resources: Sequence[Resource], faults: list[Fault]) -> list[Resource]:
        """The resources, the dates of each patient moved; what has one gets the tag ``shifted-dates``.

        Args:
            resources: With readable ids.
            faults: Gets what cannot be moved, or stands in a text as well, where it would stay as it was.
        """
        owners = _owners(resources)
        known: dict[str, set[str]] = {}
        zones = self._zones(resources, owners)
        found = []
        for resource in resources:
            name = f"{resource['resourceType']}/{resource['id']}"
            walk = _Walk(self, 1, zones)
            result = walk.resource(resource, owners.get(name))
            for owner, date in walk.seen:
                known.setdefault(owner, set()).add(date[:10])
            if walk.seen:
                meta = result.get("meta", {})
                result = {**result, "meta": {**meta, "tag": [*meta.get("tag", ()), TAG]}}
            if walk.lost:
                text = "shift_dates cannot move this: it is no date, or leaves the years 1 to 9999"
                faults.append(Fault(name, walk.lost[0], text, "Write YYYY, YYYY-MM or YYYY-MM-DD"))
            if walk.left and _may_name_a_patient(resource["resourceType"], self.release):
                text = "a date that shift_dates cannot move: the resource does not say whose it is"
                faults.append(Fault(name, walk.left[0], text, "Refer to the Patient, or leave the date out"))
            found.append(result)
        faults += _written_out(resources, owners, known, self.release)
        return found

    def _zones(self, resources: Sequence[Resource], owners: Mapping[str, str]) -> dict[str, str]:
        """The one time zone of each patient whose times have several: the westernmost of them.

        A zone that changes with summer time stays where the calendar has it, and would give the shift away.
        """
        seen: dict[str, set[str]] = {}
        for resource in resources:
            walk = _Walk(self, 1, {})
            walk.resource(resource, owners.get(f"{resource['resourceType']}/{resource['id']}"))
            for owner, date in walk.seen:
                zone = _ZONE.search(date) if "T" in date else None
                if zone is not None:
                    seen.setdefault(owner, set()).add(zone[0])
        return {owner: min(zones, key=_minutes) for owner, zones in seen.items() if len(zones) > 1}

    def moved_back(self, resources: Sequence[Resource]) -> list[Resource]:
        """The resources with readable ids, each date where it was before ``moved``; tags stay."""
        owners = _owners(resources)
        return [
            _Walk(self, -1, {}).resource(one, owners.get(f"{one['resourceType']}/{one['id']}"))
            for one in resources
        ]


def shift_of(cohort: Cohort, key: bytes) -> DateShift:
    """The shift that a cohort's manifest asks for."""
    return DateShift(key, cohort.shift_dates, cohort.release, weeks=cohort.shift_by_weeks)


def without_zone(text: str) -> str:
    """A date and time without its time zone; anything else as it is."""
    return _ZONE.sub("", text) if "T" in text and _DATE.fullmatch(text) else text


def _minutes(zone: str) -> int:
    """A zone as minutes east of UTC."""
    if zone == "Z":
        return 0
    return (1 if zone[0] == "+" else -1) * (60 * int(zone[1:3]) + int(zone[4:]))


def shifted(text: str, days: int) -> str:
    """A FHIR date or dateTime moved by whole days; time of day and time zone stay as they are.

    A date without day moves by the nearest number of whole months, one without month by the nearest number of
    whole years: both depend on ``days`` alone, so that the way back is exact.

    Raises:
        ValueError: no date, or not within the years 1 to 9999.
        OverflowError: the same, of a date with a day.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError("not a FHIR date")
    year, month, day, clock = match.groups()
    date = dt.date(int(year), int(month or 1), int(day or 1))
    if day is not None:
        return (date + dt.timedelta(days=days)).isoformat() + (clock or "")
    if month is None:
        return f"{date.replace(year=date.year + round(days / DAYS_IN_YEAR)).year:04d}"
    years, months = divmod(date.year * 12 + date.month - 1 + round(days * 12 / DAYS_IN_YEAR), 12)
    return date.replace(year=years, month=months + 1).isoformat()[:7]


class _Walk:
    """One resource: its dates moved, and what was met on the way."""

    def __init__(self, shift: DateShift, sign: int, zones: Mapping[str, str]) -> None:
        self.shift = shift
        self.zones = zones
        self.sign = sign
        self.seen: list[tuple[str, str]] = []
        self.left: list[str] = []
        self.lost: list[str] = []

    def resource(self, node: Resource, owner: str | None) -> Resource:
        return self.node(node, node["resourceType"], owner, "")

    def node(self, node: dict[str, Any], kind: str, owner: str | None, path: str) -> dict[str, Any]:
        types = _children(kind, self.shift.release)
        return {
            key: self.value(value, types.get(key, ""), owner, f"{path}.{key.removeprefix('_')}")
            for key, value in node.items()
        }

    def value(self, value: Any, kind: str, owner: str | None, path: str) -> Any:
        if not kind:
            return value
        if isinstance(value, list):
            return [self.item(one, kind, owner, f"{path}[{place}]") for place, one in enumerate(value)]
        return self.one(value, kind, owner, path)

    def item(self, value: Any, kind: str, owner: str | None, path: str) -> Any:
        patients = set(_patients(value)) if owner is None else set()
        return self.one(value, kind, patients.pop() if len(patients) == 1 else owner, path)

    def one(self, value: Any, kind: str, owner: str | None, path: str) -> Any:
        if isinstance(value, dict):
            inner = str(value.get("resourceType")) if kind == "Resource" else kind
            return self.node(value, inner, owner, path)
        if kind not in DATES or not isinstance(value, str):
            return value
        if owner is None:
            self.left.append(path)
            return value
        self.seen.append((owner, value))
        try:
            moved = shifted(value, self.sign * self.shift.days(owner))
            return _ZONE.sub(self.zones[owner], moved) if owner in self.zones and "T" in moved else moved
        except (ValueError, OverflowError):
            self.lost.append(path)
            return value


@functools.cache
def _children(kind: str, release: FhirRelease) -> Mapping[str, str]:
    """The FHIR type of each JSON key of a type that is a date, or an object that may hold one."""
    types = release.keys(kind)
    found = {key: one for key, one in types.items() if one in DATES or one[0].isupper()}
    found |= {f"_{key}": "Element" for key, one in types.items() if one[0].islower()}
    if kind == "Meta":
        found.pop("lastUpdated", None)  # of the server, about no patient
    return found


@functools.cache
def _may_name_a_patient(kind: str, release: FhirRelease) -> bool:
    """Whether the release lets an element of a resource type refer to a Patient."""
    return any(
        (element["type"] == "Reference" and "Patient" in element.get("targets", ("Patient",)))
        or (isinstance(element["type"], list) and "Reference" in element["type"])
        for name, stated in release.types.items()
        if name == kind or name.startswith(f"{kind}.")
        for element in stated["elements"].values()
    )


def _patients(node: Any) -> Iterator[str]:
    """The ids of the patients that a node refers to."""
    for found in references_in(node):
        kind, _, name = found["reference"].partition("/")
        if kind == "Patient" and name:
            yield name


def _owners(resources: Sequence[Resource]) -> dict[str, str]:
    """The patient of each resource that has one, by ``Type/id``."""
    direct: dict[str, str] = {}
    indirect: dict[str, str] = {}
    rest = []
    for resource in resources:
        name = f"{resource['resourceType']}/{resource['id']}"
        owner = resource["id"] if resource["resourceType"] == "Patient" else _owner(resource)
        if owner is not None:
            direct[name] = owner
        elif not any(_patients(resource)):
            rest.append((name, resource))
    for name, resource in rest:
        named = {direct[target] for target in targets_of(resource) if target in direct}
        if len(named) == 1:
            indirect[name] = named.pop()
    return direct | indirect


def _owner(resource: Resource) -> str | None:
    for name in OWNERS:
        element = resource.get(name)
        named = next(_patients(element), None) if isinstance(element, dict) else None
        if named is not None:
            return named
    patients = set(_patients(resource))
    return patients.pop() if len(patients) == 1 else None


def _written_out(
    resources: Sequence[Resource],
    owners: Mapping[str, str],
    known: Mapping[str, set[str]],
    release: FhirRelease,
) -> Iterator[Fault]:
    """Whole dates of a patient that stand in a text, an id or an identifier of theirs, too."""
    for resource in resources:
        name = f"{resource['resourceType']}/{resource['id']}"
        dates = known.get(owners.get(name, ""))
        if dates:
            path = next(_places(resource, resource["resourceType"], dates, "", release), None)
            if path is not None:
                text = "a date of the patient stands in a text, where shift_dates leaves it as it is"
                yield Fault(name, path, text, "Take the date out of the text, the id or the identifier")


def _places(node: Any, kind: str, dates: set[str], path: str, release: FhirRelease) -> Iterator[str]:
    if isinstance(node, dict):
        kind = str(node.get("resourceType", "")) if kind == "Resource" else kind
        types = _children(kind, release) if kind else {}
        for key, value in node.items():
            below = f"{path}.{key.removeprefix('_')}"
            yield from _places(value, types.get(key, ""), dates, below, release)
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield from _places(value, kind, dates, f"{path}[{place}]", release)
    elif isinstance(node, str) and kind not in DATES:
        yield from (path for match in _IN_TEXT.finditer(node) if "-".join(match.groups()) in dates)

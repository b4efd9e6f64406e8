"""Endpoint definitions: what to measure, read from ``endpoints.yaml`` and checked strictly.

A definition says which table, which rows (``where``, ``having``) and which column. It names codes of the
cohort; the code that runs it knows none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fhir_blina.errors import AnalysisError, Finding, did_you_mean, problem
from fhir_blina.files import Document, check_schema, read_yaml


@dataclass(frozen=True)
class Selection:
    """Rows of one table.

    Attributes:
        table: Name of a view.
        where: Column to the value, list of values, ``None`` (missing) or bounds that a row must have.
        having: Further selections; a row stays if its ``on`` is among theirs.
        on: Column that links this selection to the one that has it in ``having``.
    """

    table: str
    where: Mapping[str, Any] = field(default_factory=dict)
    having: tuple[Selection, ...] = ()
    on: str = ""


@dataclass(frozen=True)
class Value:
    """One value per patient: a column of a selection. ``pick`` says which row where several fit."""

    name: str
    selection: Selection
    column: str
    unit: str = "1"
    pick: str = "only"


@dataclass(frozen=True)
class Time:
    """One study day per patient: a column of a selection, or a constant for the members of a set."""

    name: str
    selection: Selection | None
    column: str = ""
    pick: str = "only"
    of_set: str = ""
    day: int = 0


@dataclass(frozen=True)
class PatientSet:
    """Patients with a property: those that have a row, or a combination of other sets."""

    name: str
    selection: Selection | None = None
    all_of: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grouping:
    """A label per patient, from the value of a measure or from membership in sets."""

    name: str
    measure: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Endpoint:
    """A time to an event. Names refer to ``times``, ``sets``, ``groups`` and ``measures``."""

    name: str
    title: str
    start: str
    events: tuple[str, ...]
    censor: str
    among: str = ""
    competing: tuple[str, ...] = ()
    censor_reason: str = ""
    unit: str = "d"
    compare: tuple[str, ...] = ()
    not_compared: Mapping[str, str] = field(default_factory=dict)
    survival_at_days: tuple[int | str, ...] = ()
    restrict_at_days: tuple[int, ...] = ()
    landmark_days: tuple[int, ...] = ()
    state: Mapping[str, str] = field(default_factory=dict)
    lost: str = ""


@dataclass(frozen=True)
class Endpoints:
    """A whole definitions file. ``sections`` holds the parts that describe analyses, as read."""

    path: Path
    subjects: Mapping[str, str]
    measures: Mapping[str, Value]
    sets: Mapping[str, PatientSet]
    groups: Mapping[str, Grouping]
    times: Mapping[str, Time]
    endpoints: Mapping[str, Endpoint]
    sections: Mapping[str, Any]


def read_document(path: Path, schema_name: str) -> Document:
    """One YAML document, checked against ``mappings/schemas/<schema_name>.schema.json``.

    In its ``systems``, ``{{ %cohort }}`` is the name of the folder that the file lies in.

    Raises:
        AnalysisError: unreadable, not YAML, or not as the schema says; every problem with its line.
    """
    from fhir_blina.files import fill_constants, schema

    findings: list[Finding] = []
    documents = read_yaml(path, findings)
    if not findings and len(documents) != 1:
        findings.append(problem(f"{path}:1", f"{len(documents)} YAML documents where one is expected"))
    if findings or not check_schema(documents[0], schema(schema_name), findings):
        raise AnalysisError(findings)
    systems = documents[0].data.get("systems", {})
    cohort = {"cohort": path.resolve().parent.name}
    systems.update({alias: fill_constants(url, cohort) for alias, url in systems.items()})
    return documents[0]


def _systems(where: Mapping[str, Any], systems: Mapping[str, str]) -> dict[str, Any]:
    return {
        column: systems.get(value, value) if column.endswith("system") and isinstance(value, str) else value
        for column, value in where.items()
    }


def selection(entry: Mapping[str, Any], systems: Mapping[str, str]) -> Selection:
    """A selection from its YAML mapping; short names of code systems are written out."""
    return Selection(
        entry["table"],
        _systems(entry.get("where", {}), systems),
        tuple(selection(item, systems) for item in entry.get("having", ())),
        entry.get("on", ""),
    )


def measures_of(content: Mapping[str, Any]) -> dict[str, Value]:
    """The section ``measures`` of a file as read."""
    systems = content.get("systems", {})
    return {
        name: Value(
            name,
            selection(entry, systems),
            entry["value"],
            entry.get("unit", "1"),
            entry.get("pick", "only"),
        )
        for name, entry in content.get("measures", {}).items()
    }


def sets_of(content: Mapping[str, Any]) -> dict[str, PatientSet]:
    """The section ``sets`` of a file as read."""
    systems = content.get("systems", {})
    return {
        name: PatientSet(
            name,
            selection(entry, systems) if "table" in entry else None,
            *(tuple(entry.get(key, ())) for key in ("all_of", "any_of", "none_of")),
        )
        for name, entry in content.get("sets", {}).items()
    }


def times_of(content: Mapping[str, Any]) -> dict[str, Time]:
    """The section ``times`` of a file as read."""
    systems = content.get("systems", {})
    return {
        name: Time(name, None, of_set=entry["set"], day=entry["day"])
        if "set" in entry
        else Time(name, selection(entry, systems), entry["day"], entry.get("pick", "only"))
        for name, entry in content.get("times", {}).items()
    }


def read_endpoints(path: Path) -> Endpoints:
    """Read ``endpoints.yaml``, from its path or from the cohort folder that holds it.

    Raises:
        AnalysisError: not as the schema says, or a name that nothing defines; each with file and line.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "endpoints.yaml"
    document = read_document(path, "endpoints")
    content = document.data
    measures, sets, times = measures_of(content), sets_of(content), times_of(content)
    groups = {
        name: Grouping(name, entry.get("measure", ""), entry.get("labels") or entry["sets"])
        for name, entry in content.get("groups", {}).items()
    }
    endpoints = {name: _endpoint(name, entry) for name, entry in content["endpoints"].items()}
    known: dict[str, Mapping[str, Any]] = {
        "measure": measures,
        "set": sets,
        "time": times,
        "group": groups,
        "endpoint": endpoints,
    }
    unknown = [
        problem(document.where(where), f'no {kind} is named "{name}"', did_you_mean(name, known[kind]))
        for where, kind, name in _uses(content)
        if name not in known[kind]
    ]
    if unknown:
        raise AnalysisError(unknown)
    _refuse_circles(path, sets)
    parts = ("summaries", "listed", "proportions", "intervals", "sums", "exposure", "power")
    sections = {key: content[key] for key in parts if key in content}
    return Endpoints(path, content["subjects"], measures, sets, groups, times, endpoints, sections)


def _endpoint(name: str, entry: Mapping[str, Any]) -> Endpoint:
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
    }
    return Endpoint(name=name, **values)


def _uses(content: Mapping[str, Any]) -> Iterable[tuple[tuple[Any, ...], str, str]]:
    """``(path in the file, kind, name)`` of each name that refers to a definition."""
    for name, entry in content.get("sets", {}).items():
        for key in ("all_of", "any_of", "none_of"):
            yield from ((("sets", name, key), "set", used) for used in entry.get(key, ()))
    for name, entry in content.get("times", {}).items():
        if "set" in entry:
            yield ("times", name, "set"), "set", entry["set"]
    for name, entry in content.get("groups", {}).items():
        if "measure" in entry:
            yield ("groups", name, "measure"), "measure", entry["measure"]
        yield from ((("groups", name, "sets"), "set", used) for used in entry.get("sets", {}))
    for name, entry in content["endpoints"].items():
        at = ("endpoints", name)
        for key, kind in (
            ("start", "time"),
            ("censor", "time"),
            ("among", "set"),
            ("censor_reason", "measure"),
        ):
            if key in entry:
                yield (*at, key), kind, entry[key]
        for key, kind in (
            ("events", "time"),
            ("competing", "time"),
            ("compare", "group"),
            ("not_compared", "group"),
        ):
            yield from (((*at, key), kind, used) for used in entry.get(key, ()))
        if "state" in entry:
            yield (*at, "state", "time"), "time", entry["state"]["time"]
            yield (*at, "state", "group"), "group", entry["state"]["group"]
    for name, entry in content.get("summaries", {}).items():
        yield ("summaries", name), "measure", name
        if "by" in entry:
            yield ("summaries", name, "by"), "group", entry["by"]
    yield from ((("listed",), "measure", used) for used in content.get("listed", ()))
    for name, entry in content.get("proportions", {}).items():
        yield ("proportions", name), "set", entry.get("set", name)
        if "among" in entry:
            yield ("proportions", name, "among"), "set", entry["among"]
    for name, entry in content.get("intervals", {}).items():
        yield from ((("intervals", name, key), "time", entry[key]) for key in ("from", "to"))
    for name, entry in content.get("sums", {}).items():
        yield from ((("sums", name, "parts"), "measure", used) for used in entry["parts"])
        yield ("sums", name, "total"), "time", entry["total"]
    if "exposure" in content:
        yield ("exposure", "body_surface_area"), "measure", content["exposure"]["body_surface_area"]
        if "step_up" in content["exposure"]:
            yield ("exposure", "step_up", "measure"), "measure", content["exposure"]["step_up"]["measure"]
    if "power" in content:
        yield ("power", "endpoint"), "endpoint", content["power"]["endpoint"]
        yield ("power", "group"), "group", content["power"]["group"]


def _refuse_circles(path: Path, sets: Mapping[str, PatientSet]) -> None:
    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise AnalysisError(
                [Finding("error", "invalid", f'set "{name}" is defined by itself', location=str(path))]
            )
        entry = sets[name]
        for used in (*entry.all_of, *entry.any_of, *entry.none_of):
            visit(used, (*above, name))

    for name in sets:
        visit(name, ())

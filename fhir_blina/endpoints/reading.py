"""Endpoint definitions read from ``endpoints.yaml``, strictly: every fault at once, each with its line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from fhir_blina.endpoints.asked import sections_of
from fhir_blina.endpoints.choices import spelled
from fhir_blina.endpoints.dates import AS_WRITTEN, DateRule, zone_of
from fhir_blina.endpoints.definition import (
    CoxAsked,
    Cutoff,
    Endpoint,
    Endpoints,
    Grouping,
    PatientSet,
    State,
    Subjects,
    Time,
    Value,
)
from fhir_blina.endpoints.elapsed import refuse_half
from fhir_blina.endpoints.groupings import read_grouping
from fhir_blina.endpoints.naming import refuse_circles, uses
from fhir_blina.endpoints.picking import Picking
from fhir_blina.endpoints.queries import queries_of
from fhir_blina.endpoints.responses import duration_entries, response_sets
from fhir_blina.endpoints.selection import selection
from fhir_blina.endpoints.windows import read_picking
from fhir_blina.errors import AnalysisError, Finding, did_you_mean, problem
from fhir_blina.files import Document, check_schema, read_yaml

Entry = TypeVar("Entry")


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


def _each(document: Document, section: str, make: Callable[[str, Any, str], Entry]) -> dict[str, Entry]:
    """Every entry of a section, or every fault in it."""
    found: dict[str, Entry] = {}
    findings: list[Finding] = []
    for name, entry in document.data.get(section, {}).items():
        try:
            found[name] = make(name, entry, document.where((section, name)))
        except AnalysisError as error:
            findings += error.findings
    if findings:
        raise AnalysisError(findings)
    return found


def measures_of(document: Document) -> dict[str, Value]:
    """The section ``measures`` of a file as read."""
    systems = document.data.get("systems", {})
    return _each(document, "measures", lambda name, entry, where: _measure(name, entry, systems, where))


def _measure(name: str, entry: Mapping[str, Any], systems: Mapping[str, str], where: str) -> Value:
    wrong = refuse_half(entry)
    if wrong:
        raise AnalysisError([problem(where, f'measure "{name}": {wrong}')])
    if "from" in entry:
        return Value(name=name, begin=entry["from"], end=entry["to"], count=entry["count"], place=where)
    return Value(
        name=name,
        selection=selection(entry, systems, where),
        column=entry["value"],
        unit=entry.get("unit", "1"),
        picking=read_picking(entry),
        unit_asked="unit" in entry,
        place=where,
    )


def sets_of(document: Document) -> dict[str, PatientSet]:
    """The section ``sets`` of a file as read."""
    systems = document.data.get("systems", {})
    return _each(
        document,
        "sets",
        lambda name, entry, where: _set(name, entry, systems, where),
    )


def _set(name: str, entry: Mapping[str, Any], systems: Mapping[str, str], where: str) -> PatientSet:
    windows = [key for key in ("before", "after", "within") if key in entry]
    wrong = ""
    if "time" in entry and "table" in entry:
        wrong = "names a table and a time. Make two sets and join them by all_of"
    elif windows and not {"time", "table"} & set(entry):
        wrong = f"has {windows[0]}, and no table or time that it is about"
    elif len(windows) > 1 or ("within" in windows) != ("to" in entry):
        wrong = "needs one of before: TIME, after: TIME, or to: TIME with within: [low, high]"
    if wrong:
        raise AnalysisError([problem(where, f'set "{name}" {wrong}')])
    return PatientSet(
        name=name,
        selection=selection(entry, systems, where) if "table" in entry else None,
        all_of=tuple(entry.get("all_of", ())),
        any_of=tuple(entry.get("any_of", ())),
        none_of=tuple(entry.get("none_of", ())),
        missing=entry.get("missing", "unknown"),
        time=entry.get("time", ""),
        picking=read_picking(entry),
        place=where,
    )


def times_of(document: Document) -> dict[str, Time]:
    """The section ``times`` of a file as read."""
    systems = document.data.get("systems", {})
    return _each(
        document,
        "times",
        lambda name, entry, where: _time(name, entry, systems, where),
    )


def _time(name: str, entry: Mapping[str, Any], systems: Mapping[str, str], where: str) -> Time:
    if "set" in entry:
        return Time(name=name, of_set=entry["set"], day=entry["day"], place=where)
    for which in ("earliest_of", "latest_of"):
        if which in entry:
            pick = "last" if which == "latest_of" else "first"
            return Time(name=name, picking=Picking(pick=pick), parts=tuple(entry[which]), place=where)
    windows = [key for key in ("before", "after", "within") if key in entry]
    nearest = entry.get("pick") == "nearest"
    if len(windows) > 1 or (not nearest and ("within" in windows) != ("to" in entry)):
        text = f'time "{name}" needs one of before: TIME, after: TIME, or to: TIME with within: [low, high]'
        raise AnalysisError([problem(where, text)])
    if nearest and "to" not in entry:
        raise AnalysisError([problem(where, f'time "{name}" needs to: TIME, which nearest is near to')])
    return Time(
        name=name,
        selection=selection(entry, systems, where),
        column=spelled(entry["day"]),
        picking=read_picking(entry),
        place=where,
    )


def _groups_of(document: Document) -> dict[str, Grouping]:
    return _each(document, "groups", read_grouping)


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
    findings: list[Finding] = []
    sections = (measures_of, sets_of, times_of, _groups_of)
    parsed = [_or_findings(one, document, findings) for one in sections]
    dates = _or_findings(_dates, document, findings)
    queries = _or_findings(queries_of, document, findings)
    asked = _or_findings(sections_of, document, findings)
    subjects = _or_findings(_subjects, document, findings)
    if findings:
        raise AnalysisError(findings)
    measures, sets, times, groups = parsed
    sets |= {name: PatientSet(**one) for name, one in response_sets(asked.responses).items()}
    entries = {**content["endpoints"], **duration_entries(content)}
    endpoints = {name: _endpoint(name, entry) for name, entry in entries.items()}
    known: dict[str, Mapping[str, Any]] = {
        "measure": measures,
        "set": sets,
        "time": times,
        "group": groups,
        "endpoint": endpoints,
        "covariate": {**sets, **measures, **groups},
    }
    unknown = [
        problem(document.where(where), f'no {kind} is named "{name}"', did_you_mean(name, known[kind]))
        for where, kind, name in uses(content)
        if name not in known[kind]
    ]
    if unknown:
        raise AnalysisError(unknown)
    refuse_circles(document)
    return Endpoints(
        path=path,
        subjects=subjects,
        measures=measures,
        sets=sets,
        groups=groups,
        times=times,
        endpoints=endpoints,
        sections=asked,
        dates=dates,
        queries=queries,
    )


def _or_findings(read: Callable[[Document], Any], document: Document, findings: list[Finding]) -> Any:
    try:
        return read(document)
    except AnalysisError as error:
        findings += error.findings
    return None


def _subjects(document: Document) -> Subjects:
    """Who or what is counted."""
    entry, place = document.data["subjects"], document.where(("subjects",))
    if entry["key"] != "patient_id" and "unit" not in entry:
        text = 'subjects: a key other than patient_id counts something else; say what one is by "unit"'
        raise AnalysisError([problem(place, text, "For example unit: tumour")])
    chosen = None
    if "where" in entry:
        part = {"table": entry["table"], "where": entry["where"]}
        chosen = selection(part, document.data.get("systems", {}), place)
    return Subjects(
        table=entry["table"],
        key=entry["key"],
        label=entry["label"],
        unit=entry.get("unit", "patient"),
        selection=chosen,
        link=entry.get("link", {}),
    )


def _dates(document: Document) -> DateRule:
    """The rule for dates; a zone that does not exist is an error with its line."""
    rule = DateRule(**document.data.get("dates", {}))
    if rule.zone != AS_WRITTEN:
        try:
            zone_of(rule.zone)
        except ValueError as error:
            remedy = 'Write a name such as "Asia/Shanghai", UTC, +08:00 or as-written'
            raise AnalysisError([problem(document.where(("dates", "zone")), str(error), remedy)]) from None
    return rule


def _endpoint(name: str, entry: Mapping[str, Any]) -> Endpoint:
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
    }
    if "cutoff" in entry:
        ((kind, day),) = entry["cutoff"].items()
        values["cutoff"] = Cutoff(kind=kind, day=day)
    if "state" in entry:
        values["state"] = State(**entry["state"])
    values["cox"] = {
        model: CoxAsked(
            covariates=tuple(parts["covariates"]),
            strata=parts.get("strata", ""),
            robust=parts.get("robust", False),
        )
        for model, parts in entry.get("cox", {}).items()
    }
    return Endpoint(name=name, **values)

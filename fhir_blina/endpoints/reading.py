"""Endpoint definitions read from ``endpoints.yaml``, strictly: every fault at once, each with its line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from fhir_blina.endpoints.dates import AS_WRITTEN, DateRule, zone_of
from fhir_blina.endpoints.definition import (
    Cutoff,
    Endpoint,
    Endpoints,
    Grouping,
    PatientSet,
    Selection,
    Time,
    Value,
)
from fhir_blina.endpoints.picking import Picking
from fhir_blina.endpoints.valuesets import value_set
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


def _system(word: Any, systems: Mapping[str, str], where: str) -> Any:
    """A code system in full; a short name that nothing defines is an error, a URI is not."""
    if isinstance(word, list):
        return [_system(one, systems, where) for one in word]
    if isinstance(word, Mapping):
        return {key: _system(one, systems, where) for key, one in word.items()}
    if not isinstance(word, str) or word in systems or ":" in word:
        return systems.get(word, word) if isinstance(word, str) else word
    remedy = did_you_mean(word, systems)
    text = f'no code system is named "{word}" under systems'
    raise AnalysisError([problem(where, text, remedy or "Define it there, or write its URI")])


def _grouped(word: Any, where: str) -> Any:
    """A condition with the value set that it names, from the folder of the file that it stands in."""
    if not isinstance(word, Mapping) or "in" not in word:
        return word
    beside = Path(where.rpartition(":")[0] or ".").parent
    try:
        return {**word, "in": value_set(word["in"], beside)}
    except ValueError as error:
        raise AnalysisError([problem(where, str(error))]) from None


def selection(entry: Mapping[str, Any], systems: Mapping[str, str], where: str = "") -> Selection:
    """A selection from its YAML mapping; short names of code systems are written out.

    Raises:
        AnalysisError: a short name of a code system that nothing defines.
    """
    return Selection(
        entry["table"],
        {
            column: _system(word, systems, where) if column.endswith("system") else _grouped(word, where)
            for column, word in entry.get("where", {}).items()
        },
        tuple(selection(item, systems, where) for item in entry.get("having", ())),
        entry.get("on", ""),
        where,
    )


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
    return _each(
        document,
        "measures",
        lambda name, entry, where: Value(
            name,
            selection(entry, systems, where),
            entry["value"],
            entry.get("unit", "1"),
            _picking(entry),
            "unit" in entry,
        ),
    )


def _picking(entry: Mapping[str, Any]) -> Picking:
    order = entry.get("order", ())
    return Picking(
        entry.get("pick", "only"),
        entry.get("by", ""),
        entry.get("to", ""),
        (entry["within"][0], entry["within"][1]) if "within" in entry else None,
        order if isinstance(order, str) else tuple(map(str, order)),
        entry.get("ties", "refuse"),
    )


def sets_of(document: Document) -> dict[str, PatientSet]:
    """The section ``sets`` of a file as read."""
    systems = document.data.get("systems", {})
    return _each(
        document,
        "sets",
        lambda name, entry, where: PatientSet(
            name,
            selection(entry, systems, where) if "table" in entry else None,
            tuple(entry.get("all_of", ())),
            tuple(entry.get("any_of", ())),
            tuple(entry.get("none_of", ())),
            entry.get("missing", "unknown"),
        ),
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
        return Time(name, None, of_set=entry["set"], day=entry["day"])
    for which in ("earliest_of", "latest_of"):
        if which in entry:
            return Time(
                name, None, pick="last" if which == "latest_of" else "first", parts=tuple(entry[which])
            )
    return Time(name, selection(entry, systems, where), entry["day"], entry.get("pick", "only"))


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
    parsed = [_or_findings(one, document, findings) for one in (measures_of, sets_of, times_of)]
    dates = _or_findings(_dates, document, findings)
    if findings:
        raise AnalysisError(findings)
    measures, sets, times = parsed
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
        "covariate": {**sets, **measures, **groups},
    }
    unknown = [
        problem(document.where(where), f'no {kind} is named "{name}"', did_you_mean(name, known[kind]))
        for where, kind, name in _uses(content)
        if name not in known[kind]
    ]
    if unknown:
        raise AnalysisError(unknown)
    _refuse_circles(path, "set", {k: (*one.all_of, *one.any_of, *one.none_of) for k, one in sets.items()})
    _refuse_circles(path, "time", {name: one.parts for name, one in times.items()})
    parts = ("summaries", "listed", "proportions", "intervals", "sums", "exposure", "power")
    sections = {key: content[key] for key in parts if key in content}
    return Endpoints(path, content["subjects"], measures, sets, groups, times, endpoints, sections, dates)


def _or_findings(read: Callable[[Document], Any], document: Document, findings: list[Finding]) -> Any:
    try:
        return read(document)
    except AnalysisError as error:
        findings += error.findings
    return None


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
        values["cutoff"] = Cutoff(kind, day)
    return Endpoint(name=name, **values)


def _uses(content: Mapping[str, Any]) -> Iterable[tuple[tuple[Any, ...], str, str]]:
    """``(path in the file, kind, name)`` of each name that refers to a definition."""
    for name, entry in content.get("sets", {}).items():
        for key in ("all_of", "any_of", "none_of"):
            yield from ((("sets", name, key), "set", used) for used in entry.get(key, ()))
    for name, entry in content.get("times", {}).items():
        if "set" in entry:
            yield ("times", name, "set"), "set", entry["set"]
        for key in ("earliest_of", "latest_of"):
            yield from ((("times", name, key), "time", used) for used in entry.get(key, ()))
    for name, entry in content.get("groups", {}).items():
        if "measure" in entry:
            yield ("groups", name, "measure"), "measure", entry["measure"]
        yield from ((("groups", name, "sets"), "set", used) for used in entry.get("sets", {}))
    for name, entry in content.get("measures", {}).items():
        if "to" in entry:
            yield ("measures", name, "to"), "time", entry["to"]
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
        for model, parts in entry.get("cox", {}).items():
            here = (*at, "cox", model)
            yield from (((*here, "covariates"), "covariate", used) for used in parts["covariates"])
            if "strata" in parts:
                yield (*here, "strata"), "group", parts["strata"]
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


def _refuse_circles(path: Path, kind: str, uses: Mapping[str, tuple[str, ...]]) -> None:
    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise AnalysisError(
                [Finding("error", "invalid", f'{kind} "{name}" is defined by itself', location=str(path))]
            )
        for used in uses[name]:
            visit(used, (*above, name))

    for name in uses:
        visit(name, ())

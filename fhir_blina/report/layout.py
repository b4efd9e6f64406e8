"""What a report shows, in which order and words: ``report.yaml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fhir_blina.analysis import STATISTIC_NAMES, is_statistic
from fhir_blina.endpoints import Endpoints, read_document
from fhir_blina.errors import AnalysisError, did_you_mean, problem
from fhir_blina.report.language import ENGLISH, own_words

Block = Mapping[str, Any]
_Use = tuple[tuple[str | int, ...], str, str]


@dataclass(frozen=True)
class Section:
    """A section of the report: its title and its blocks."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Layout:
    """A whole report definition.

    Attributes:
        title: Title of the report, empty for the cohort's.
        language: BCP 47 language of the whole page.
        local_language: BCP 47 language of the publication's own words, empty where there are none.
        group: Group of the endpoints file that splits tables and figures, empty for none.
        group_titles: The report's words for the labels of the group.
        systems: Short names of code systems.
        sections: In order.
    """

    title: str = ""
    language: str = "en"
    local_language: str = ""
    group: str = ""
    group_titles: Mapping[str, str] = field(default_factory=dict)
    systems: Mapping[str, str] = field(default_factory=dict)
    sections: tuple[Section, ...] = ()


def read_layout(path: Path, endpoints: Endpoints) -> Layout:
    """Read ``report.yaml``.

    Args:
        path: The file.
        endpoints: The definitions whose names it uses.

    Raises:
        AnalysisError: not as ``mappings/schemas/report.schema.json`` says, or a measure, set, time, group or
            endpoint that the endpoints file does not define; each with file and line.
    """
    document = read_document(path, "report")
    content = document.data
    known: dict[str, Mapping[str, Any]] = {
        "measure": endpoints.measures,
        "set": endpoints.sets,
        "time": endpoints.times,
        "group": endpoints.groups,
        "by": endpoints.groups,
        "endpoint": endpoints.endpoints,
        "proportion": endpoints.sections.proportions,
        "number": _numbered(endpoints),
        "statistic": dict.fromkeys(STATISTIC_NAMES),
    }
    unknown = [
        problem(document.where(where), f'no {kind} is named "{name}"', did_you_mean(name, known[kind]))
        for where, kind, name in _uses(content, ())
        if name not in known[kind]
    ]
    if unknown:
        raise AnalysisError(unknown)
    sections = tuple(
        Section(entry["title"], tuple(entry["blocks"]))
        for entry in own_words(
            content["sections"], own=content.get("language") == content.get("local_language")
        )
    )
    return Layout(
        content.get("title", ""),
        content.get("language", ENGLISH),
        content.get("local_language", ""),
        content.get("group", ""),
        content.get("group_titles", {}),
        content.get("systems", {}),
        sections,
    )


def _numbered(endpoints: Endpoints) -> dict[str, Any]:
    """What the name of a number in the results can begin with."""
    asked = endpoints.sections
    parts = (
        endpoints.endpoints,
        endpoints.measures,
        endpoints.sets,
        asked.proportions,
        asked.intervals,
        asked.sums,
    )
    return {"subjects": None, "dose": None} | {name: None for part in parts for name in part}


def _numbers_named(node: Mapping[str, Any], keys: tuple[str | int, ...]) -> Iterator[_Use]:
    """The parts of the names of numbers that a block shows: of what, and which statistic."""
    record = node.get("record")
    named: list[tuple[tuple[str | int, ...], Any]] = []
    if record:
        named.append((("record",), record["name"] if isinstance(record, dict) else record))
    for key in ("tests", "names"):
        if isinstance(node.get(key), list):
            named += [((key, place), name) for place, name in enumerate(node[key])]
    for where, name in named:
        first, _, statistic = str(name).partition(".")
        if "*" not in first:
            yield (*keys, *where), "number", first
        if statistic and not is_statistic(statistic):
            yield (*keys, *where), "statistic", statistic


def _uses(node: Any, keys: tuple[str | int, ...]) -> Iterator[_Use]:
    """``(path in the file, kind, name)`` of each name that the endpoints file must define."""
    if isinstance(node, dict):
        yield from _numbers_named(node, keys)
        for key, value in node.items():
            here = (*keys, key)
            if key in {"where", "having", "record", "reword", "titles"}:
                continue
            if isinstance(value, str) and key in {
                "measure",
                "set",
                "time",
                "group",
                "by",
                "endpoint",
                "proportion",
            }:
                yield here, key, value
            else:
                yield from _uses(value, here)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _uses(value, (*keys, index))
<<<<<<< HEAD


#: Statistics of an endpoint that stand in no figure.
_NUMBERS = [
    "median",
    "followup_*",
    "rate",
    "restricted_mean*",
    "hazard_ratio",
    "cox_*",
    "landmark_*",
    "mantel_byar",
    "simon_makuch",
    "naive_*",
    "lost_*",
    "power_*",
    "events_needed_*",
    "detectable_*",
    "smallest_exact_p",
]


def generic_layout(endpoints: Endpoints, *, large: bool = False) -> Layout:
    """A report for a cohort without ``report.yaml``: everything that the endpoints file names.

    Args:
        endpoints: The definitions.
        large: Too many patients for a row each: the flow of patients, what is missing, and follow-up instead.
    """
    first, asked = next(iter(endpoints.endpoints.values()), None), endpoints.sections
    shares = [{"label": _title(name), "proportion": name} for name in asked.proportions]
    measures = [{"label": _title(name), "measure": name} for name in asked.summaries]
    compared = [(one, by) for one in endpoints.endpoints.values() for by in one.compare]
    group = compared[0][1] if compared else next(iter(endpoints.groups), "")
    headline: list[Block] = [{"label": "Patients", "record": {"name": "subjects.count"}}]
    if first is not None:
        median = {
            "label": f"Median of {_title(first.name).lower()}",
            "record": {"name": f"{first.name}.median"},
        }
        headline += [_at_last_follow_up(first), median]
    rows = [
        *measures,
        *({"label": _title(name), "set": share.wanted} for name, share in asked.proportions.items()),
    ]
    patients: list[Block] = []
    if large and first is not None:
        split = {"by": group} if group else {}
        patients.append({"kind": "flow", "caption": "Flow of patients", "endpoint": first.name, **split})
    if rows:
        patients.append({"kind": "characteristics", "caption": "Characteristics", "rows": rows})
    if large:
        patients.append({"kind": "missing", "caption": "Values that are missing"})
    if large and first is not None:
        caption = f"Follow-up, {first.title[:1].lower()}{first.title[1:]}"
        patients.append({"kind": "follow_up", "caption": caption, "endpoint": first.name})
    if any(summary.test for summary in asked.summaries.values()):
        patients.append({"kind": "records", "caption": "Comparisons by rank", "names": ["*.mann_whitney*"]})
    columns = [{"label": _title(name), "measure": name} for name in endpoints.measures]
    curves: list[Block] = []
    for endpoint in endpoints.endpoints.values():
        curves += _curves(endpoint)
    sections: list[tuple[str, list[Block]]] = [
        ("Summary", [{"kind": "headline", "items": headline}, *_said(group, compared)]),
        ("Patients", patients),
        (
            "One row per patient",
            [{"kind": "patients", "caption": "Values by patient", "columns": columns}]
            if columns and not large
            else [],
        ),
        (
            "Proportions",
            [{"kind": "proportions", "caption": "Proportions", "items": shares}] if shares else [],
        ),
        ("Time to events", curves),
        ("Published numbers", [{"kind": "claims"}]),
        ("Findings", [{"kind": "findings"}]),
        ("Methods and sources", [{"kind": "methods"}, {"kind": "derivation"}]),
    ]
    return Layout(
        group=group, sections=tuple(Section(title, tuple(blocks)) for title, blocks in sections if blocks)
    )


def _said(group: str, compared: list[tuple[Endpoint, str]]) -> Iterator[Block]:
    """By which group the report is split, and why."""
    if group:
        why = (
            f", which {compared[0][0].title[:1].lower()}{compared[0][0].title[1:]} is compared by"
            if compared
            else ""
        )
        yield {"kind": "text", "texts": [f"Tables and figures are split by {_title(group).lower()}{why}."]}


def _at_last_follow_up(endpoint: Endpoint) -> Block:
    """The headline of what the curve of an endpoint ends with."""
    if not endpoint.competing:
        survival = {"name": f"{endpoint.name}.survival", "time_days": "last"}
        return {"label": f"{_title(endpoint.name)} at last follow-up", "record": survival}
    cause = "+".join(endpoint.events)
    incidence = {"name": f"{endpoint.name}.cumulative_incidence", "group": cause, "time_days": "last"}
    label = f"{_title(endpoint.name)}, cumulative incidence at last follow-up"
    return {"label": label, "record": incidence}


def _curves(endpoint: Endpoint) -> Iterator[Block]:
    """The figure of an endpoint, and one for each group that it is compared by, with the days and tests."""
    days = list(endpoint.survival_at_days)
    block = {"kind": "survival", "endpoint": endpoint.name, "at_days": days}
    yield {**block, "caption": endpoint.title}
    for by in endpoint.compare:
        plain = ("log_rank", "log_rank_exact", "log_rank_trend")
        named = ["gray", "log_rank"] if endpoint.competing else list(plain)
        named += [f"log_rank_by_{group}" for group in endpoint.stratify]
        tests = [f"{endpoint.name}.{test}" for test in named]
        yield {**block, "caption": f"{endpoint.title}, by {by}", "by": by, "tests": tests}
        if endpoint.subgroups:
            caption = f"{endpoint.title}, by {by}, in subgroups"
            yield {"kind": "forest", "endpoint": endpoint.name, "caption": caption, "by": by}
    names = [f"{endpoint.name}.{pattern}" for pattern in _NUMBERS]
    caption = f"{endpoint.title}: medians, hazard ratios and further tests"
    yield {"kind": "records", "caption": caption, "names": names, "fold": True}


def _title(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]
=======
>>>>>>> 4b125c0 (Refuse names of statistics that do not exist, and keep the layout of its own in a module)

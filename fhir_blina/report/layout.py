"""What a report shows, in which order and words: ``report.yaml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fhir_blina.analysis import STATISTIC_NAMES, is_statistic
from fhir_blina.endpoints import Endpoints, read_document
from fhir_blina.errors import AnalysisError, did_you_mean, problem
from fhir_blina.files import Document
from fhir_blina.report.language import ENGLISH, languages, own_words, unknown_language

Block = Mapping[str, Any]
_Use = tuple[tuple[str | int, ...], str, str]


@dataclass(frozen=True)
class Section:
    """A section of the report: its title and its blocks."""

    title: str
    blocks: tuple[Block, ...]


PLACE = "place"  # key of a block; no file has it


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
        sections: In order; none where the file leaves them to what the endpoints file names.
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
        "response": endpoints.sections.responses,
        "number": _numbered(endpoints),
        "statistic": dict.fromkeys(STATISTIC_NAMES),
    }
    unknown = [
        problem(document.where(where), f'no {kind} is named "{name}"', did_you_mean(name, known[kind]))
        for where, kind, name in _uses(content, ())
        if name not in known[kind]
    ]
    if content.get("language", ENGLISH) not in languages():
        unknown.append(unknown_language(document.where(("language",)), content["language"]))
    if unknown:
        raise AnalysisError(unknown)
    asked = content.get("sections", [])
    _mark(asked, ("sections",), document)
    own = content.get("language") == content.get("local_language")
    sections = tuple(Section(entry["title"], tuple(entry["blocks"])) for entry in own_words(asked, own=own))
    return Layout(
        content.get("title", ""),
        content.get("language", ENGLISH),
        content.get("local_language", ""),
        content.get("group", ""),
        content.get("group_titles", {}),
        content.get("systems", {}),
        sections,
    )


def _mark(node: Any, keys: tuple[str | int, ...], document: Document) -> None:
    """Say in each selection of rows where it stands, for messages and for the value sets beside the file."""
    if isinstance(node, dict):
        for key, value in node.items():
            _mark(value, (*keys, key), document)
        if "table" in node or "where" in node:
            node[PLACE] = document.where(keys)
    elif isinstance(node, list):
        for number, value in enumerate(node):
            _mark(value, (*keys, number), document)


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
        asked.responses,
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
                "response",
            }:
                yield here, key, value
            else:
                yield from _uses(value, here)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _uses(value, (*keys, index))

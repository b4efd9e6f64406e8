"""Response by named criteria: who can be judged, who responded, and for how long.

A response adds two sets to the definitions, ``<name>_evaluable`` and ``<name>_responders``, and where it has
a ``duration`` the endpoint ``<name>_duration`` of the responders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fhir_blina.errors import AnalysisError, Finding, did_you_mean, problem
from fhir_blina.files import Document


@dataclass(frozen=True, kw_only=True)
class ResponseAsked:
    """A response by named criteria.

    Attributes:
        name: Its name.
        title: What it is, in words.
        criteria: Whose rules judged it, for example ``RECIST 1.1``.
        best: The measure that holds each patient's best response, a word.
        categories: Each word of it, best first, to its title.
        responders: The words that are a response.
        among: The set of patients who were to be treated; ``all`` is everyone.
        not_evaluable: Sets of patients who cannot be judged, to the reason.
        by: Groups whose labels have rates of their own.
    """

    name: str
    title: str
    criteria: str
    best: str
    categories: Mapping[str, str]
    responders: tuple[str, ...]
    among: str = "all"
    not_evaluable: Mapping[str, str] = field(default_factory=dict)
    by: tuple[str, ...] = ()

    @property
    def evaluable_set(self) -> str:
        """Name of the set of those who can be judged."""
        return f"{self.name}_evaluable"

    @property
    def responder_set(self) -> str:
        """Name of the set of those who can be judged and responded."""
        return f"{self.name}_responders"


def responses_of(document: Document) -> dict[str, ResponseAsked]:
    """The section ``responses`` of a file as read.

    Raises:
        AnalysisError: responders that are no category, or a name that something else has already.
    """
    content = document.data
    found: dict[str, ResponseAsked] = {}
    findings: list[Finding] = []
    for name, entry in content.get("responses", {}).items():
        one = ResponseAsked(
            name=name,
            title=entry["title"],
            criteria=entry["criteria"],
            best=entry["best"],
            categories={str(word): str(title) for word, title in entry["categories"].items()},
            responders=tuple(map(str, entry["responders"])),
            among=entry.get("among", "all"),
            not_evaluable=entry.get("not_evaluable", {}),
            by=tuple(entry.get("by", ())),
        )
        for word in one.responders:
            if word not in one.categories:
                where = document.where(("responses", name, "responders"))
                findings.append(
                    problem(where, f'"{word}" is no category', did_you_mean(word, one.categories))
                )
        taken = [
            (kind, used)
            for kind, used in (
                ("sets", one.evaluable_set),
                ("sets", one.responder_set),
                ("endpoints", f"{name}_duration"),
                ("proportions", name),
                ("measures", name),
                ("endpoints", name),
            )
            if used in content.get(kind, {})
        ]
        findings += [
            problem(
                document.where((kind, used)), f'response "{name}" makes "{used}" itself', "Rename this one"
            )
            for kind, used in taken
        ]
        found[name] = one
    if findings:
        raise AnalysisError(findings)
    return found


def response_sets(responses: Mapping[str, ResponseAsked]) -> dict[str, dict[str, Any]]:
    """The fields of the sets that responses add: who can be judged, and who of them responded."""
    made: dict[str, dict[str, Any]] = {}
    for one in responses.values():
        among = () if one.among == "all" else (one.among,)
        for name, words in (
            (one.evaluable_set, tuple(one.categories)),
            (one.responder_set, one.responders),
        ):
            made[name] = {
                "name": name,
                "measure": one.best,
                "words": words,
                "all_of": among,
                "none_of": tuple(one.not_evaluable),
                "missing": "no",
            }
    return made


def duration_entries(content: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The endpoint that each response with a ``duration`` adds, as it would stand under ``endpoints``."""
    return {
        f"{name}_duration": {
            "title": f"{entry['title']}: duration of response",
            **entry["duration"],
            "among": f"{name}_responders",
        }
        for name, entry in content.get("responses", {}).items()
        if "duration" in entry
    }

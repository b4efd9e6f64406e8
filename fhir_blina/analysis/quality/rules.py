"""Rules of data quality as data: their shape, their files, and what a rule finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fhir_blina.endpoints import (
    Endpoints,
    Facts,
    PatientSet,
    Time,
    Value,
    measures_of,
    read_document,
    selection,
    sets_of,
    times_of,
)
from fhir_blina.errors import AnalysisError, Finding, did_you_mean, problem
from fhir_blina.results import Results


@dataclass(frozen=True)
class DataFinding:
    """Something that the data or the printed numbers contradict or leave open. Nothing is corrected.

    Attributes:
        rule: Name of the rule or note.
        kind: Kind of rule, or ``note`` for what was curated by hand from the publication's prose.
        severity: ``error`` (a contradiction), ``warning`` (implausible or unclear) or ``information``.
        subject: Label of a patient, several joined by a comma, a group, or empty for the whole cohort.
        title: What is the matter, in one sentence.
        printed: What is printed or recorded.
        follows: What follows from it.
        evidence: ``Type/id`` of resources, claims as ``claim:<key>``, records as ``record:<name>``.
        where: Where it is printed, for notes.
    """

    rule: str
    kind: str
    severity: str
    subject: str
    title: str
    printed: str
    follows: str
    evidence: tuple[str, ...]
    where: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON types."""
        return {**self.__dict__, "evidence": list(self.evidence)}


@dataclass(frozen=True)
class Rule:
    """One rule of a file. ``settings`` are the parameters of its kind."""

    name: str
    kind: str
    severity: str
    title: str
    printed: str
    follows: str
    settings: Mapping[str, Any]
    where: str


@dataclass(frozen=True)
class Hit:
    """What a kind of rule reports: whom, with which words for the rule's texts, and on what evidence."""

    subject: str
    words: Mapping[str, Any]
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Context:
    """What a rule may look at: the tables through the definitions, and the results with their claims."""

    facts: Facts
    results: Results

    def subject(self, key: str) -> str:
        """Label of a patient."""
        return self.facts.labels[key]


@dataclass(frozen=True)
class RuleBook:
    """Rules and notes of one or more files, with the definitions that they bring."""

    rules: tuple[Rule, ...] = ()
    notes: tuple[DataFinding, ...] = ()
    measures: Mapping[str, Value] | None = None
    sets: Mapping[str, PatientSet] | None = None
    times: Mapping[str, Time] | None = None

    def within(self, endpoints: Endpoints) -> Endpoints:
        """Definitions of a cohort with those of the rules added; the cohort's own come first."""
        return replace(
            endpoints,
            measures={**(self.measures or {}), **endpoints.measures},
            sets={**(self.sets or {}), **endpoints.sets},
            times={**(self.times or {}), **endpoints.times},
        )

    def __add__(self, other: RuleBook) -> RuleBook:
        names = {rule.name for rule in self.rules} & {rule.name for rule in other.rules}
        if names:
            raise AnalysisError(f"two rules are named {', '.join(sorted(names))}")
        return RuleBook(
            self.rules + other.rules,
            self.notes + other.notes,
            {**(self.measures or {}), **(other.measures or {})},
            {**(self.sets or {}), **(other.sets or {})},
            {**(self.times or {}), **(other.times or {})},
        )


def read_rules(path: Path, kinds: Mapping[str, frozenset[str]]) -> RuleBook:
    """Read a file of rules.

    Args:
        path: The file.
        kinds: The kinds of rule that exist, with the settings that each needs.

    Raises:
        AnalysisError: not as the schema says, an unknown kind, or a setting that is missing; with its line.
    """
    document = read_document(path, "findings")
    content = document.data
    systems = content.get("systems", {})
    findings: list[Finding] = []
    rules = []
    for index, entry in enumerate(content.get("rules", ())):
        where = document.where(("rules", index))
        needed = kinds.get(entry["kind"])
        if needed is None:
            text = f'no kind of rule is called "{entry["kind"]}"'
            findings.append(problem(where, text, did_you_mean(entry["kind"], kinds)))
            continue
        settings = entry.get("with", {})
        for name in sorted(needed - set(settings)):
            findings.append(
                problem(where, f'rule "{entry["name"]}" lacks the setting "{name}"', "Add it to with")
            )
        rows = {"rows": selection(settings["rows"], systems, where)} if "rows" in settings else {}
        rules.append(
            Rule(
                entry["name"],
                entry["kind"],
                entry["severity"],
                entry["title"],
                entry["printed"],
                entry["follows"],
                settings | rows,
                where,
            )
        )
    if findings:
        raise AnalysisError(findings)
    notes = tuple(
        DataFinding(
            entry["name"],
            "note",
            entry["severity"],
            entry.get("subject", ""),
            entry["title"],
            entry["printed"],
            entry["follows"],
            tuple(entry.get("evidence", ())),
            entry["where"],
        )
        for entry in content.get("notes", ())
    )
    return RuleBook(
        tuple(rules),
        notes,
        measures_of(document),
        sets_of(document),
        times_of(document),
    )

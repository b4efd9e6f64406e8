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
from fhir_blina.results import DataFinding, Results


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule of a file. ``settings`` are the parameters of its kind."""

    name: str
    kind: str
    severity: str
    grade: str
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
            rules=self.rules + other.rules,
            notes=self.notes + other.notes,
            measures={**(self.measures or {}), **(other.measures or {})},
            sets={**(self.sets or {}), **(other.sets or {})},
            times={**(self.times or {}), **(other.times or {})},
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
                name=entry["name"],
                kind=entry["kind"],
                severity=entry["severity"],
                grade=entry.get("grade", ""),
                title=entry["title"],
                printed=entry["printed"],
                follows=entry["follows"],
                settings=settings | rows,
                where=where,
            )
        )
    if findings:
        raise AnalysisError(findings)
    notes = tuple(
        DataFinding(
            rule=entry["name"],
            kind="note",
            severity=entry["severity"],
            grade=entry.get("grade", ""),
            subject=entry.get("subject", ""),
            title=entry["title"],
            printed=entry["printed"],
            follows=entry["follows"],
            evidence=tuple(entry.get("evidence", ())),
            where=entry["where"],
        )
        for entry in content.get("notes", ())
    )
    return RuleBook(
        rules=tuple(rules),
        notes=notes,
        measures=measures_of(document),
        sets=sets_of(document),
        times=times_of(document),
    )

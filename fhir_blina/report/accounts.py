"""Blocks of the report that give account: the numbers of the summary, numbers by name, findings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from fhir_blina.report.blocks import folded
from fhir_blina.report.grids import Cell, Grid, Head, counted, estimate, interval, number, p_value, words
from fhir_blina.report.layout import Block
from fhir_blina.report.material import Material
from fhir_blina.results import DataFinding, Record

SEVERITIES = {"error": "bad", "warning": "warn", "information": "missing"}
MOST_SOURCES = 8
_OF_CLAIMS = "claim-differs"


@dataclass(frozen=True)
class Headline:
    """A number of the summary: label, value, interval, what it rests on, and how to read it."""

    label: str
    value: str
    interval: str
    rests_on: str
    says: str


def headline(material: Material, block: Block) -> list[Headline]:
    """The numbers of the summary that the results have; the others are left out."""
    made = []
    for item in block["items"]:
        record = _one(material, item["record"])
        if record is None:
            continue
        ends = interval(record)
        rests = (
            f"{record.events} of {counted(record.n or 0, 'patient')}"
            if record.events is not None and record.name.endswith("proportion")
            else ""
        )
        if not rests and record.n is not None and record.name != "subjects.count":
            rests = counted(record.n, "patient") + (
                f", {counted(record.events, 'event')}" if record.events is not None else ""
            )
        made.append(
            Headline(
                item["label"],
                estimate(record),
                f"95 % interval {ends} ({record.ci_method})" if ends else "",
                rests,
                item.get("says", record.note if record.value is None else ""),
            )
        )
    return made


def _one(material: Material, wanted: Mapping[str, Any]) -> Record | None:
    found = material.results.find(wanted["name"], wanted.get("group", "all"), None, wanted.get("ci_method"))
    when = wanted.get("time_days")
    if when == "last":
        known = [one.time_days for one in found if one.time_days is not None and one.value is not None]
        latest = max(known, default=None)
        found = tuple(record for record in found if record.time_days == latest)
    elif when is not None:
        found = tuple(record for record in found if record.time_days == when)
    return found[0] if found else None


def records_grid(material: Material, block: Block) -> Grid:
    """Numbers of the results with interval, method and size; of many patients, none of a single one."""
    single = set(material.facts.labels.values())
    chosen = [
        record
        for pattern in block["names"]
        for record in material.results
        if fnmatchcase(record.name, pattern)
        and not (material.large and record.group in single)
        and (not block.get("ci_method") or record.ci_method in (None, block["ci_method"]))
    ]
    titles = block.get("titles", {})
    rows: list[tuple[Cell, ...]] = [
        (
            Cell(titles.get(record.name) or material.spoken(record_words(record.name))),
            Cell(record.group),
            Cell(number(record.time_days) if record.time_days is not None else ""),
            Cell(estimate(record), tone="missing" if record.value is None else ""),
            Cell(f"{interval(record)} ({record.ci_method})" if interval(record) else ""),
            Cell(p_value(record.p_value)),
            Cell("" if record.n is None else str(record.n)),
            Cell("" if record.events is None else str(record.events)),
            Cell(material.spoken(_note(record))),
        )
        for record in dict.fromkeys(chosen)
    ]
    names = ("Number", "Group", "Day", "Value", "95 % interval", "P", "n", "Events", "Notes")
    used = [place for place in range(len(names)) if place == 0 or any(row[place].text for row in rows)]
    numbers = {"Day", "Value", "P", "n", "Events"}
    head = tuple(Head(names[place], kind="number" if names[place] in numbers else "text") for place in used)
    rows = [tuple(row[place] for place in used) for row in rows]
    fold = f"show {len(rows)} rows" if block.get("fold") else folded(len(rows))
    return Grid(block["caption"], head, tuple(rows), tuple(block.get("notes", ())), fold=fold)


def _note(record: Record) -> str:
    """The note of a number without what the column of the group says."""
    said = [part for part in record.note.split("; ") if part and not part.startswith("by ")]
    return "; ".join(said)


#: Statistics whose names are no words for readers.
_WORDS = {
    "followup_reverse": "median follow-up (reverse Kaplan-Meier)",
    "followup_all": "median of all times",
    "followup_censored": "median time of those without event",
    "median_midpoint": "median (middle of the interval)",
    "log_rank": "log-rank test",
    "log_rank_exact": "exact log-rank test",
    "log_rank_exact_scores": "exact log-rank test by scores",
    "log_rank_trend": "log-rank test for trend",
    "mantel_byar": "Mantel-Byar test",
    "simon_makuch": "survival by state (Simon-Makuch)",
    "firth_hazard_ratio": "hazard ratio (Firth)",
    "efron_hazard_ratio": "hazard ratio (ties by Efron)",
    "breslow_hazard_ratio": "hazard ratio (ties by Breslow)",
    "peto_hazard_ratio": "hazard ratio (Peto)",
    "logrank_hazard_ratio": "hazard ratio (O / E of the log-rank test)",
}
_SHAPES = (
    (re.compile(r"cox_(.+)_hazard_ratio"), "hazard ratio in the model {}"),
    (re.compile(r"cox_(.+)_proportional_hazards"), "proportional hazards in the model {}"),
    (re.compile(r"naive_(.+)_log_rank"), "log-rank test by {}, naive"),
    (re.compile(r"landmark_(.+)_log_rank"), "log-rank test by {}, from the landmark"),
    (re.compile(r"landmark_(log_rank)"), "log-rank test from the landmark"),
    (re.compile(r"log_rank_by_(.+)"), "log-rank test within strata of {}"),
)


def record_words(name: str) -> str:
    """The name of a number in words."""
    of, _, statistic = name.partition(".")
    said = _WORDS.get(statistic, statistic)
    for pattern, words_ in _SHAPES:
        match = pattern.fullmatch(statistic)
        if match:
            said = words_.format(match[1])
    return f"{of}: {said}".replace("_", " ")


def findings_grid(material: Material, block: Block) -> Grid | None:
    """The findings that somebody has to judge; ``None`` where there are none.

    Not those that are only to know, and not those of compared claims where the report lists these.
    """
    claims = "claims" in material.kinds
    judged = [
        found
        for found in material.results.findings
        if found.severity != "information" and not (claims and found.kind == _OF_CLAIMS)
    ]
    return _found(material, judged, block.get("caption", "Findings"), tuple(block.get("notes", ())))


def other_findings_grid(material: Material) -> Grid | None:
    """The findings that the report does not list; ``None`` where there are none."""
    rest = [
        found
        for found in material.results.findings
        if found.severity == "information" or found.kind == _OF_CLAIMS
    ]
    return _found(material, rest, "Findings to know, and those of published numbers", ())


def _found(
    material: Material, findings: list[DataFinding], caption: str, notes: tuple[str, ...]
) -> Grid | None:
    """Findings, those of one kind in one row."""
    merged: dict[tuple[str, str, str], list[DataFinding]] = {}
    for found in findings:
        grade = found.grade
        merged.setdefault((words(found.title), words(found.follows), grade), []).append(found)
    rows = []
    for (title, follows, grade), alike in merged.items():
        subjects = [words(one.subject) for one in alike if words(one.subject)]
        printed = list(dict.fromkeys(words(one.printed) for one in alike))
        more = f" and {len(printed) - 2} more" if len(printed) > 2 else ""
        rows.append(
            (
                Cell(material.spoken(title)),
                Cell(grade, tone=SEVERITIES.get(alike[0].severity, "")),
                Cell(_who(material, subjects)),
                Cell(material.spoken("; ".join(printed[:2]) + more)),
                Cell(material.spoken(follows)),
            )
        )
    if not rows:
        return None
    titles = ("Finding", "Grade", "Patient", "What is printed", "What follows")
    fold = folded(len(rows)) if len(rows) > 60 else ""
    return Grid(caption, tuple(Head(title) for title in titles), tuple(rows), notes, fold=fold)


def _who(material: Material, subjects: list[str]) -> str:
    """The patients that findings are about; of many patients how many, and none by name."""
    if not subjects:
        return "all"
    named = list(dict.fromkeys(", ".join(subjects).split(", ")))
    single = set(material.facts.labels.values())
    if material.large and any(name.split(" and ")[0] in single for name in named):
        return ""
    return ", ".join(named)


def evidence_grid(material: Material) -> Grid | None:
    """What found each finding, and the evidence; ``None`` where there are none, or many patients."""
    if material.large:
        return None
    rows = []
    for found in material.results.findings:
        evidence = [str(item) for item in found.evidence]
        more = f" and {len(evidence) - MOST_SOURCES} more" if len(evidence) > MOST_SOURCES else ""
        note = found.kind == "note"
        by = f"note by hand: {words(found.where)}" if note else f"rule {found.rule}"
        kept = ", ".join(evidence[:MOST_SOURCES]) + more
        rows.append(
            (
                Cell(words(found.title)),
                Cell(words(found.subject) or "all"),
                Cell(by),
                Cell(kept, tone="refs"),
            )
        )
    head = tuple(Head(title) for title in ("Finding", "Patient", "Found by", "Evidence"))
    return Grid("Findings and their evidence", head, tuple(rows)) if rows else None

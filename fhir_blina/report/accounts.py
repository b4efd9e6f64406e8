"""Blocks of the report that give account: numbers, claims, findings, derivation, methods and versions."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fhir_blina.report.blocks import FOLD_ROWS, Material, folded
from fhir_blina.report.grids import (
    Cell,
    Grid,
    Head,
    estimate,
    interval,
    number,
    p_value,
    unit,
    words,
)
from fhir_blina.report.layout import Block
from fhir_blina.results import (
    AGREES,
    DISAGREES,
    NOT_COMPUTABLE,
    TRUNCATED,
    ComparedClaim,
    DerivedTime,
    Record,
)

TONES = {AGREES: "good", TRUNCATED: "warn", DISAGREES: "bad", NOT_COMPUTABLE: "missing"}
SEVERITIES = {"error": "bad", "warning": "warn", "information": "missing"}
SEVERITY_WORDS = {"error": "contradiction", "warning": "implausible or unclear", "information": "to know"}
PACKAGES = (
    "fhir-blina",
    "fhir.resources",
    "lifelines",
    "scipy",
    "numpy",
    "pandas",
    "duckdb",
    "matplotlib",
    "Jinja2",
)
CLAIM_PARTS = {
    "result": "Published results beside the same numbers recomputed",
    "patient": "Single patients' numbers that the text prints",
    "method": "Rules of the study, which no data can recompute",
    "cited": "Numbers cited from other publications",
    "other": "Other methods that could have given a printed number",
}
MOST_SOURCES, MOST_CLAIMS = 8, 120


@dataclass(frozen=True)
class Headline:
    """A number of the summary: label, value, interval, what it rests on, and how to read it."""

    label: str
    local: str
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
            f"{record.events} of {record.n} patients"
            if record.events is not None and record.name.endswith("proportion")
            else ""
        )
        if not rests and record.n is not None and record.name != "subjects.count":
            rests = f"{record.n} patients" + (
                f", {record.events} events" if record.events is not None else ""
            )
        made.append(
            Headline(
                item["label"],
                item.get("local", ""),
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
    """Numbers of the results with interval, method and size."""
    chosen = [
        record
        for pattern in block["names"]
        for record in material.results
        if fnmatchcase(record.name, pattern)
        and (not block.get("ci_method") or record.ci_method in (None, block["ci_method"]))
    ]
    titles = block.get("titles", {})
    rows: list[tuple[Cell, ...]] = [
        (
            Cell(titles.get(record.name) or record.name.replace(".", ": ").replace("_", " ")),
            Cell(record.group),
            Cell(number(record.time_days) if record.time_days is not None else ""),
            Cell(estimate(record), tone="missing" if record.value is None else ""),
            Cell(f"{interval(record)} ({record.ci_method})" if interval(record) else ""),
            Cell(p_value(record.p_value)),
            Cell("" if record.n is None else str(record.n)),
            Cell("" if record.events is None else str(record.events)),
            Cell("; ".join(text for text in (record.method, record.test, record.note) if text)),
        )
        for record in dict.fromkeys(chosen)
    ]
    names = ("Number", "Group", "Day", "Value", "95 % interval", "P", "n", "Events", "Method and notes")
    used = [place for place in range(len(names)) if place == 0 or any(row[place].text for row in rows)]
    numbers = {"Day", "Value", "P", "n", "Events"}
    head = tuple(Head(names[place], kind="number" if names[place] in numbers else "text") for place in used)
    rows = [tuple(row[place] for place in used) for row in rows]
    fold = f"show {len(rows)} rows" if block.get("fold") else folded(len(rows))
    return Grid(block["caption"], head, tuple(rows), tuple(block.get("notes", ())), fold=fold)


def claims_count(material: Material) -> str:
    """How many printed numbers agree, in a sentence; empty where no claims were compared."""
    found = Counter(claim.agreement for claim in material.results.claims if claim.reading == "main")
    if not found:
        return ""
    words_ = {
        AGREES: ("agrees", "agree"),
        TRUNCATED: ("is cut off instead of rounded", "are cut off instead of rounded"),
        DISAGREES: ("disagrees", "disagree"),
        NOT_COMPUTABLE: ("cannot be computed from printed data", "cannot be computed from printed data"),
    }
    said = ", ".join(f"{found[w]} {forms[found[w] != 1]}" for w, forms in words_.items() if found[w])
    return f"Of {sum(found.values())} published numbers {said}."


def claims_grids(material: Material) -> list[Grid]:
    """The reproduction table: results first, then single patients' data, rules, citations, other readings."""
    parts: dict[str, list[ComparedClaim]] = {title: [] for title in CLAIM_PARTS.values()}
    for claim in material.results.claims:
        parts[CLAIM_PARTS["other" if claim.reading != "main" else claim.kind]].append(claim)
    order = {DISAGREES: 0, TRUNCATED: 1, AGREES: 2, NOT_COMPUTABLE: 3}
    titles = ("Claim", "Printed", "Recomputed", "Agreement", "Why, and by which method", "Printed in")
    head = tuple(
        Head(title, kind="number" if title in {"Printed", "Recomputed"} else "text") for title in titles
    )
    grids = []
    for title, rows in parts.items():
        rows.sort(key=lambda claim: order[claim.agreement])
        fold = "" if title == CLAIM_PARTS["result"] and len(rows) <= MOST_CLAIMS else f"show {len(rows)} rows"
        if rows:
            grids.append(Grid(title, head, tuple(_claim_row(row) for row in rows), fold=fold))
    return grids


def _claim_row(claim: ComparedClaim) -> tuple[Cell, ...]:
    of = "" if claim.unit in {"1", ""} else f" {claim.unit}" if claim.unit == "%" else unit(claim.unit)
    return (
        Cell(claim.title, claim.quote),
        Cell(f"{claim.value_printed}{of}"),
        Cell("–" if claim.recomputed is None else f"{number(_short(claim.recomputed))}{of}"),
        Cell(claim.agreement, tone=TONES[claim.agreement]),
        Cell(claim.why),
        Cell(claim.printed_in),
    )


def _short(value: Any) -> Any:
    """A recurring decimal cut to six significant digits; a short one as it stands."""
    text = words(value)
    return value if len(text.replace("−", "").replace(".", "")) <= 8 else float(value)


def findings_grid(material: Material, block: Block) -> Grid | None:
    """The data-quality findings; ``None`` where there are none."""
    rows = []
    for found in material.results.findings:
        more = f" and {len(found.evidence) - MOST_SOURCES} more" if len(found.evidence) > MOST_SOURCES else ""
        kept = ", ".join(found.evidence[:MOST_SOURCES]) + more
        by = f"note by hand: {words(found.where)}" if found.kind == "note" else f"rule {found.rule}"
        rows.append(
            (
                Cell(words(found.title)),
                Cell(SEVERITY_WORDS[found.severity], tone=SEVERITIES[found.severity]),
                Cell(words(found.subject) or "all"),
                Cell(words(found.printed)),
                Cell(words(found.follows)),
                Cell(f"{by}. {kept}" if kept else by, tone="refs"),
            )
        )
    if not rows:
        return None
    titles = ("Finding", "Kind", "Patient", "What is printed", "What follows", "Found by, and evidence")
    head = tuple(Head(title) for title in titles)
    notes = tuple(block.get("notes", ()))
    return Grid(
        block.get("caption", "Findings"),
        head,
        tuple(rows),
        notes,
        fold=folded(len(rows)) if len(rows) > 60 else "",
    )


def derivation_grids(material: Material) -> list[Grid]:
    """For each endpoint and patient: start, end, event, and the resources that say so."""
    titles = {name: item.title for name, item in material.facts.endpoints.endpoints.items()}
    head = tuple(
        Head(title)
        for title in (
            "Patient",
            "From day",
            "To day",
            "Duration (days)",
            "Ends with",
            "Start from",
            "End from",
        )
    )
    grids = []
    for name, title in titles.items():
        cells = tuple(
            (
                Cell(words(row.study_subject) or row.patient_id, source=f"Patient/{row.patient_id}"),
                Cell(number(row.start_day)),
                Cell(number(row.stop_day)),
                Cell(number(row.duration_days)),
                Cell(_ends_with(row)),
                Cell(", ".join(filter(None, row.start_from)), tone="refs"),
                Cell(", ".join(filter(None, row.stop_from)), tone="refs"),
            )
            for row in material.results.derivation
            if row.endpoint == name
        )
        if cells:
            grids.append(Grid(title, head, cells, fold=f"show {len(cells)} rows"))
    return grids


def _ends_with(row: DerivedTime) -> str:
    said = (words(row.event), words(row.censor_reason))
    return " ".join(word.replace("-", " ") for word in said if word).replace("_", " ")


def sources_grid(material: Material) -> Grid:
    """Every number with the resources or tables it was worked out from."""
    rows = []
    for record in material.results:
        if record.name.endswith((".duration", ".value")) and len(material.facts.labels) > FOLD_ROWS:
            continue
        found = record.derived_from
        more = f" and {len(found) - MOST_SOURCES} more" if len(found) > MOST_SOURCES else ""
        day = f", day {number(record.time_days)}" if record.time_days is not None else ""
        rows.append(
            (
                Cell(f"{record.name.replace('.', ': ').replace('_', ' ')}{day}"),
                Cell(record.group),
                Cell(estimate(record), tone="missing" if record.value is None else ""),
                Cell(interval(record)),
                Cell("; ".join(text for text in (record.method, record.ci_method) if text)),
                Cell(", ".join(found[:MOST_SOURCES]) + more or "–", tone="refs"),
            )
        )
    head = tuple(Head(t) for t in ("Number", "Group", "Value", "95 % interval", "Method", "From"))
    return Grid(
        "Every number and what it was worked out from",
        head,
        tuple(rows),
        fold=f"show all {len(rows)} numbers",
    )


def methods_grids(material: Material) -> list[Grid]:
    """The methods used, with how many numbers each gave, and the versions of the software."""
    methods = Counter(
        (record.method, "estimate") for record in material.results if record.method and record.n != 1
    )
    methods.update((record.ci_method, "95 % interval") for record in material.results if record.ci_method)
    methods.update((record.test, "P-value, two-sided") for record in material.results if record.test)
    rows = tuple(
        (Cell(str(name)), Cell(kind), Cell(str(count)))
        for (name, kind), count in sorted(methods.items(), key=lambda item: (item[0][1], str(item[0][0])))
    )
    head = (Head("Method"), Head("Gives"), Head("Numbers in this report", kind="number"))
    versions = [("Python", platform.python_version()), *((name, _version(name)) for name in PACKAGES)]
    software = tuple((Cell(name), Cell(found)) for name, found in versions if found)
    return [
        Grid("Methods", head, rows, fold=folded(len(rows))),
        Grid("Software", (Head("Package"), Head("Version")), software, layout="plain"),
    ]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""

"""Where numbers come from: days and resources of each patient, sources of each number, methods, versions."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fhir_blina.endpoints import source
from fhir_blina.report.grids import Cell, Grid, Head, estimate, interval, number, words
from fhir_blina.report.material import Material
from fhir_blina.report.reading import reading_sentences
from fhir_blina.results import DerivedTime

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
MOST_SOURCES = 8


def derivation_grids(material: Material) -> list[Grid]:
    """For each endpoint and patient: start, end, event, and the resources that say so; for few patients."""
    if material.large:
        return []
    head = tuple(
        Head(title)
        for title in ("Patient", "From", "To", "Duration (days)", "Ends with", "Start from", "End from")
    )
    grids = []
    for name, endpoint in material.facts.endpoints.endpoints.items():
        day = material.day_words(endpoint.start)
        rows = [row for row in material.results.derivation if row.endpoint == name]
        cells = tuple(
            (
                Cell(
                    words(row.study_subject) or str(row.patient_id),
                    source=_resource(material, row.patient_id),
                ),
                Cell(day(row.start_day)),
                Cell(day(row.stop_day)),
                Cell(number(float(row.duration_days))),
                Cell(_ending(row)),
                *(
                    Cell(", ".join(found), tone="refs")
                    for found in (_list(row.start_from), _list(row.stop_from))
                ),
            )
            for row in rows
        )
        if cells:
            grids.append(Grid(endpoint.title, head, cells, fold=f"show {len(cells)} rows"))
    return grids


def _ending(row: DerivedTime) -> str:
    said = [word for word in (row.event, row.censor_reason) if word]
    return " ".join(said).replace("-", " ").replace("_", " ")


def _list(value: Any) -> list[str]:
    return (
        [str(item) for item in value if item]
        if isinstance(value, Iterable) and not isinstance(value, str)
        else []
    )


def sources_grid(material: Material) -> Grid:
    """Every number with its method and, for few patients, the resources or tables it was worked out from."""
    rows = []
    for record in material.results:
        if material.large and record.name.endswith((".duration", ".value", ".days", ".sum")):
            continue
        found = record.derived_from
        more = f" and {len(found) - MOST_SOURCES} more" if len(found) > MOST_SOURCES else ""
        day = f", day {number(record.time_days)}" if record.time_days is not None else ""
        row = (
            Cell(f"{record.name.replace('.', ': ').replace('_', ' ')}{day}"),
            Cell(record.group),
            Cell(estimate(record), tone="missing" if record.value is None else ""),
            Cell(interval(record)),
            Cell("; ".join(text for text in (record.method, record.ci_method) if text)),
            Cell(", ".join(found[:MOST_SOURCES]) + more or "–", tone="refs"),
        )
        rows.append(row[:-1] if material.large else row)
    names = ("Number", "Group", "Value", "95 % interval", "Method", "From")
    head = tuple(Head(name) for name in names[: len(rows[0]) if rows else None])
    return Grid("Every number", head, tuple(rows))


#: What a method is said in, by the last part of the names of the numbers that it gives.
METHOD_SENTENCES: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("minimum", "maximum"),
        "Medians are middle values, or the means of the two middle values, of those with a value.",
    ),
    (("proportion",), "Proportions: exact (Clopper-Pearson) and Wilson intervals."),
    (
        ("mann_whitney_asymptotic", "mann_whitney_exact"),
        "Mann-Whitney: exact over all rankings; asymptotic with ties, without continuity correction.",
    ),
    (
        ("survival",),
        "Survival: Kaplan-Meier with Greenwood's variance; log-log intervals unless another is named.",
    ),
    (
        ("median",),
        "A median time is the first at which survival is 0.5 or less; the curve's interval gives its own.",
    ),
    (
        ("cumulative_incidence",),
        "Competing events: Aalen-Johansen with log-log intervals.",
    ),
    (("gray",), "Cumulative incidences are compared by Gray's test."),
    (("followup_reverse",), "Follow-up: reverse Kaplan-Meier, in which censoring is the event."),
    (
        ("log_rank", "log_rank_exact"),
        "Log-rank tests: chi-square, and by permutation of the groups, all labelings or a seeded sample.",
    ),
    (("rate",), "Rates: events in person-years, with exact Poisson intervals."),
    (("restricted_mean",), "Restricted mean survival: the area under the curve to the day named."),
    (
        ("hazard_ratio",),
        "Hazard ratios: Cox regression, ties by Efron; Firth's penalty where events are fewer than 10.",
    ),
    (
        ("subgroup_tests",),
        "Subgroups: likelihood ratio tests of interaction; a subgroup has no P-value of its own.",
    ),
    (("adjusted",), "Adjusted hazard ratios: Cox regression, ties by Efron, Wald intervals."),
    (
        ("mantel_byar", "simon_makuch", "landmark_log_rank"),
        "A state entered during follow-up: Mantel-Byar and landmark analyses.",
    ),
)


def method_sentences(material: Material) -> list[str]:
    """The methods of the numbers that there are, in a dozen sentences, and the software in one more."""
    used = {record.name.rsplit(".", 1)[-1] for record in material.results if record.value is not None}
    ends = tuple(used)
    said = [
        sentence
        for names, sentence in METHOD_SENTENCES
        if any(name in used or (name == "adjusted" and _adjusted(ends)) for name in names)
    ]
    if any(record.p_value is not None for record in material.results):
        said.append("Tests are two-sided.")
    if any(record.ci_method for record in material.results):
        said.append("Intervals are of 95 %.")
    versions = ", ".join(f"{name} {found}" for name, found in _versions())
    return [*reading_sentences(material), *said, f"Software: {versions}."]


def _adjusted(names: tuple[str, ...]) -> bool:
    return any(name.startswith("cox_") and name.endswith("hazard_ratio") for name in names)


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
    software = tuple((Cell(name), Cell(found)) for name, found in _versions())
    return [
        Grid("Methods", head, rows, fold=""),
        Grid("Software", (Head("Package"), Head("Version")), software, layout="plain"),
    ]


def _versions() -> list[tuple[str, str]]:
    found = [("Python", platform.python_version()), *((name, _version(name)) for name in PACKAGES)]
    return [(name, version_) for name, version_ in found if version_]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _resource(material: Material, key: str) -> str:
    """``Type/id`` of a patient, or of what is counted instead."""
    subjects = material.facts.endpoints.subjects
    return f"Patient/{key}" if subjects.of_patients else source(subjects.table, {subjects.key: key})

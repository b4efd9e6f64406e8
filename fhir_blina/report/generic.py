"""The layout of a report without ``report.yaml``: everything that the endpoints file names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fhir_blina.endpoints import Endpoint, Endpoints, ResponseAsked
from fhir_blina.report.layout import Block, Layout, Section, read_layout

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


def layout_of(path: Path, endpoints: Endpoints, *, large: bool = False) -> Layout:
    """The layout of a report file, with the sections that the endpoints file asks for where it has none.

    Args:
        path: The file; there may be none.
        endpoints: The definitions.
        large: As for :func:`generic_layout`.

    Raises:
        AnalysisError: as for :func:`~fhir_blina.report.layout.read_layout`.
    """
    generic = generic_layout(endpoints, large=large)
    if not path.is_file():
        return generic
    stated = read_layout(path, endpoints)
    if stated.sections:
        return stated
    group = stated.group or generic.group
    return replace(stated, sections=generic.sections, group=group)


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
        ("Response", [_response(one) for one in asked.responses.values()]),
        ("Time to events", curves),
        ("Published numbers", [{"kind": "claims"}]),
        ("Findings", [{"kind": "findings"}]),
        ("Methods and sources", [{"kind": "methods"}, {"kind": "derivation"}]),
    ]
    return Layout(
        group=group, sections=tuple(Section(title, tuple(blocks)) for title, blocks in sections if blocks)
    )


def _response(asked: ResponseAsked) -> Block:
    """The rates of a response, with the best responses and how many cannot be judged."""
    return {"kind": "response", "caption": asked.title, "response": asked.name}


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

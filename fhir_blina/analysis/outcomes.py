"""Records of time-to-event endpoints: curves, medians, follow-up, restricted means, log-rank tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from fhir_blina.analysis.descriptive import MOST_SUBJECTS, whole
from fhir_blina.endpoints import Endpoint, Endpoints
from fhir_blina.results import Record
from fhir_blina.statistics import (
    INTERVALS,
    WEIGHTS,
    Curve,
    kaplan_meier,
    log_rank,
    median,
    permutation_log_rank,
    reverse_kaplan_meier,
)

SMALL_GROUP = 10


def sources(frame: pd.DataFrame) -> tuple[str, ...]:
    """The resources behind the rows of a derivation, each once; more than 100 become table names."""
    found = list(dict.fromkeys(item for cell in frame["stop_from"] for item in cell if item))
    return tuple(found) if len(found) <= 100 else tuple(sorted({item.split("/")[0] for item in found}))


def by_group(frame: pd.DataFrame, labels: pd.Series[Any], order: list[str]) -> dict[str, pd.DataFrame]:
    """The rows of a derivation by label, in the order given; a label nobody has gives an empty frame."""
    mine = frame["patient_id"].map(labels)
    return {label: frame[mine == label] for label in order}


def describe_endpoint(
    endpoint: Endpoint, frame: pd.DataFrame, groups: dict[str, dict[str, pd.DataFrame]]
) -> Iterator[Record]:
    """All records of one endpoint.

    Args:
        endpoint: Its definition.
        frame: Its rows of the derivation.
        groups: For each group to compare, its rows by label.
    """
    yield from _durations(endpoint, frame)
    yield from _curves(endpoint, frame, groups)
    yield from _followup(endpoint, frame)
    for name, parts in groups.items():
        yield from compare(endpoint.name, parts, f"by {name}")
    for name, reason in endpoint.not_compared.items():
        yield Record(f"{endpoint.name}.log_rank", f"by {name}", n=len(frame), note=f"not reported: {reason}")


def _durations(endpoint: Endpoint, frame: pd.DataFrame) -> Iterator[Record]:
    if len(frame) > MOST_SUBJECTS:
        return
    ends = ", ".join((*endpoint.events, *endpoint.competing))
    for row in frame.to_dict(orient="records"):
        said = (
            row["event"] if row["event_observed"] else f"{row['event']} {row['censor_reason'] or ''}".strip()
        )
        yield Record(
            f"{endpoint.name}.duration",
            str(row["study_subject"]),
            value=whole(row["duration_days"]),
            unit="d",
            method=f"from {endpoint.start} to the earliest of {ends}, else {endpoint.censor}",
            n=1,
            events=int(row["event_observed"]),
            note=said,
            derived_from=tuple(dict.fromkeys((*row["start_from"], *row["stop_from"]))),
        )


def _curve(frame: pd.DataFrame) -> Curve:
    return kaplan_meier(
        frame["duration_days"].to_numpy(dtype=float), frame["event_observed"].to_numpy(dtype=bool)
    )


def _curves(
    endpoint: Endpoint, frame: pd.DataFrame, groups: dict[str, dict[str, pd.DataFrame]]
) -> Iterator[Record]:
    parts = {"all": frame} | {label: part for split in groups.values() for label, part in split.items()}
    last = float(frame["duration_days"].max()) if len(frame) else 0.0
    competing = "competing events count as censored; see cumulative_incidence" if endpoint.competing else ""
    for group, part in parts.items():
        curve, made = _curve(part), sources(part)
        for asked in dict.fromkeys(
            last if day == "last" else float(day) for day in endpoint.survival_at_days
        ):
            at = min(asked, float(curve.times[-1])) if asked == last else asked
            for interval in INTERVALS:
                estimate = curve.at(at if curve.survival[-1] else asked, interval)
                yield Record(
                    f"{endpoint.name}.survival",
                    group,
                    whole(asked),
                    estimate.value,
                    ci_low=estimate.low,
                    ci_high=estimate.high,
                    ci_method=interval if estimate.low is not None else None,
                    method="Kaplan-Meier, Greenwood variance",
                    n=len(part),
                    events=curve.events_until(asked),
                    note="; ".join(
                        text
                        for text in (
                            estimate.note,
                            f"at risk: {curve.number_at_risk(asked)}",
                            f"last follow-up of the group: day {whole(at)}" if at != asked else "",
                            competing,
                        )
                        if text
                    ),
                    derived_from=made,
                )
                if estimate.low is None:
                    break
        yield from _medians(endpoint, group, curve, made)
        for limit in endpoint.restrict_at_days:
            mean = curve.restricted_mean(limit)
            note = (
                mean.note
                or f"standard error {mean.standard_error:.6g}; no P-value: at this size it means nothing"
            )
            small = len(part) < SMALL_GROUP
            yield Record(
                f"{endpoint.name}.restricted_mean",
                group,
                limit,
                mean.value,
                "d",
                None if small else mean.low,
                None if small else mean.high,
                None if small or mean.low is None else "normal, Greenwood",
                f"area under the Kaplan-Meier curve to day {limit}",
                len(part),
                curve.events_until(limit),
                note=note,
                derived_from=made,
            )


def _medians(endpoint: Endpoint, group: str, curve: Curve, made: tuple[str, ...]) -> Iterator[Record]:
    rules = (
        ("median", False, "first time at which survival is 0.5 or less"),
        ("median_midpoint", True, "middle of the interval on which survival is 0.5 (R)"),
    )
    for name, midpoint, rule in rules:
        for interval in (*INTERVALS, *(() if midpoint else ("percentile-SE",))):
            estimate = curve.median(interval, midpoint=midpoint)
            yield Record(
                f"{endpoint.name}.{name}",
                group,
                value=estimate.value,
                unit="d",
                ci_low=estimate.low,
                ci_high=estimate.high,
                ci_method=interval if estimate.low is not None else None,
                method=f"Kaplan-Meier, {rule}",
                n=curve.n,
                events=int(curve.events.sum()),
                note=estimate.note if curve.n else "nobody is in the group",
                derived_from=made,
            )
            if estimate.value is None:
                break


def _followup(endpoint: Endpoint, frame: pd.DataFrame) -> Iterator[Record]:
    durations = [whole(value) for value in frame["duration_days"]]
    ended = frame["event"].to_numpy() != "censored"
    made = sources(frame)
    curve = reverse_kaplan_meier(frame["duration_days"].to_numpy(dtype=float), ended)
    estimate = curve.median("log")
    yield Record(
        f"{endpoint.name}.followup_reverse",
        value=estimate.value,
        unit="d",
        ci_low=estimate.low,
        ci_high=estimate.high,
        ci_method="log" if estimate.value is not None else None,
        method="reverse Kaplan-Meier: censoring is the event, first time at 0.5 or less",
        n=len(frame),
        events=int((~ended).sum()),
        note=estimate.note if len(frame) else "nobody is at risk",
        derived_from=made,
    )
    censored = [value for value, end in zip(durations, ended, strict=True) if not end]
    for name, values, method in (
        ("followup_all", durations, "median of all times, events counted as follow-up"),
        ("followup_censored", censored, "median of the times without event"),
    ):
        yield Record(
            f"{endpoint.name}.{name}",
            value=whole(median(values)) if values else None,
            unit="d",
            method=method,
            n=len(values),
            note="" if values else "there are none",
            derived_from=made,
        )


def compare(name: str, parts: dict[str, pd.DataFrame], note: str = "", *, only: str = "") -> Iterator[Record]:
    """Log-rank records of two or more groups; ``only`` leaves out all but one weight."""
    pair = " v ".join(parts)
    frame = pd.concat(list(parts.values()))
    t = frame["duration_days"].to_numpy(dtype=float)
    d = frame["event_observed"].to_numpy(dtype=bool)
    labels = [label for label, part in parts.items() for _ in range(len(part))]
    made = sources(frame)
    empty = [label for label, part in parts.items() if not len(part)]
    for weight, said in WEIGHTS.items():
        if only and weight != only:
            continue
        test = log_rank(t, d, labels, weight=weight)
        reason = f"not estimable: nobody is in {', '.join(empty)}" if empty else test.note
        slug = weight.lower().replace("-", "_").replace(" (", "_").replace(",", "_").replace(")", "")
        yield Record(
            f"{name}.{slug}",
            pair,
            value=None if empty else test.chi2,
            method=f"chi-square, {said}",
            n=len(frame),
            events=int(d.sum()),
            p_value=None if empty else test.p,
            test=f"{weight}, {test.df} degree{'s' * (test.df != 1)} of freedom",
            note="; ".join(text for text in (reason, note) if text),
            derived_from=made,
        )
    if len(parts) != 2 or only or empty:
        return
    exact = permutation_log_rank(t, d, labels)
    for kind, p, method in (
        (
            "log_rank_exact",
            exact.p_statistic,
            "chi-square of the log-rank test, variance worked out anew for each",
        ),
        ("log_rank_exact_scores", exact.p_scores, "sum of log-rank scores (R: coin)"),
    ):
        observed = log_rank(t, d, labels).chi2
        yield Record(
            f"{name}.{kind}",
            pair,
            value=observed if p is not None else None,
            method=f"permutation: {method}",
            n=len(frame),
            events=int(d.sum()),
            p_value=p,
            test=f"log-rank, exact, {exact.labelings} labelings",
            note=exact.note or "assumes that censoring does not depend on the group",
            derived_from=made,
        )


def endpoint_groups(endpoints: Endpoints, endpoint: Endpoint) -> list[tuple[str, list[str]]]:
    """``(group, labels in order)`` of each group that an endpoint is compared by."""
    return [(name, list(endpoints.groups[name].labels.values())) for name in endpoint.compare]

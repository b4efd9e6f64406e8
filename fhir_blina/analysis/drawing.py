"""The curves of an endpoint for a notebook: one by one, as a DataFrame, as a figure, as a small table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from fhir_blina.analysis.incidences import incidence_curves
from fhir_blina.analysis.outcomes import by_group, survival_curve
from fhir_blina.endpoints import Endpoint, Endpoints, Facts, Tables, derive_endpoint, read_endpoints
from fhir_blina.errors import AnalysisError, did_you_mean
from fhir_blina.results import DerivedTime
from fhir_blina.statistics import Curve, Incidence

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class EndpointCurves(Mapping[str, Curve | Incidence]):
    """The curves of an endpoint by label: Kaplan-Meier, or cumulative incidence where other events compete.

    Attributes:
        title: Of the endpoint.
        start: Name of the time that it counts from.
        interval: Name of the interval of survival.
        curves: By label; ``all`` without a group, ``label: cause`` where events compete.
    """

    title: str
    start: str
    interval: str
    curves: Mapping[str, Curve | Incidence]

    def __getitem__(self, label: str) -> Curve | Incidence:
        return self.curves[label]

    def __iter__(self) -> Iterator[str]:
        return iter(self.curves)

    def __len__(self) -> int:
        return len(self.curves)

    def frame(self) -> pd.DataFrame:
        """One row for each label and time: ``estimate``, ``ci_low``, ``ci_high``, ``at_risk``, ``events``."""
        return pd.concat([_frame(label, curve, self.interval) for label, curve in self.items()])

    def plot(self, axes: Axes | None = None, *, intervals: bool = True) -> Axes:
        """Draw the curves with their 95 % intervals, and with a mark where somebody was censored.

        Args:
            axes: Where to draw; a new figure where None.
            intervals: Whether to draw the intervals.
        """
        if axes is None:
            from matplotlib import pyplot as plt

            axes = plt.subplots()[1]
        assert axes is not None  # noqa: S101 - for the type checker
        for label, curve in self.items():
            held = _frame(label, curve, self.interval)
            days, values = held["time_days"].to_numpy(), held["estimate"].to_numpy()
            (line,) = axes.step(days, values, where="post", label=f"{label} (n = {curve.n})")
            if intervals:
                low, high = held["ci_low"].to_numpy(), held["ci_high"].to_numpy()
                axes.fill_between(days, low, high, step="post", alpha=0.15, color=line.get_color())
            if isinstance(curve, Curve):
                gone = curve.censored > 0
                axes.plot(days[gone], values[gone], "|", color=line.get_color(), markersize=8)
        competing = any(isinstance(curve, Incidence) for curve in self.values())
        axes.set(
            title=self.title,
            xlabel=f"Days from {self.start.replace('_', ' ')}",
            ylabel="Cumulative incidence" if competing else "Without event",
            ylim=(0, 1.02),
        )
        axes.set_xlim(left=0)
        axes.legend(frameon=False)
        return axes

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(label)}</td><td>{curve.n}</td><td>{int(curve.events.sum())}</td>"
            f"<td>{_median(curve, self.interval)}</td></tr>"
            for label, curve in self.items()
        )
        head = f"<tr><th></th><th>n</th><th>events</th><th>median days (95 %, {self.interval})</th></tr>"
        return f"<table><caption>{escape(self.title)}</caption>{head}{rows}</table>"


def survival_curves(
    tables: Tables, definitions: Endpoints | str | Path, endpoint: str = "", *, by: str = ""
) -> EndpointCurves:
    """The curves of an endpoint, of everybody or by a group.

    Args:
        tables: As for ``analyze``.
        definitions: As for ``analyze``.
        endpoint: Its name; the first where empty.
        by: A group of the definitions; labels that nobody has are left out.

    Raises:
        AnalysisError: definitions at fault, or no such endpoint or group.
    """
    asked = definitions if isinstance(definitions, Endpoints) else read_endpoints(Path(definitions))
    facts = Facts(tables, asked)
    chosen = _chosen(asked, endpoint)
    frame = derive_endpoint(facts, chosen)
    parts: Mapping[str, pd.DataFrame] = {"all": frame}
    if by:
        if by not in asked.groups:
            raise AnalysisError(f'{asked.path}: no group "{by}". {did_you_mean(by, asked.groups)}')
        labels = dict.fromkeys(asked.groups[by].labels.values())
        found = by_group(frame, facts.group(by), {label: label for label in labels})
        parts = {label: part for label, part in found.items() if len(part)}
    curves: dict[str, Curve | Incidence] = {}
    for label, part in parts.items():
        if chosen.competing:
            for cause, curve in incidence_curves(chosen, part).items():
                curves[cause if label == "all" else f"{label}: {cause}"] = curve
        else:
            curves[label] = survival_curve([_derived(row) for row in part.to_dict(orient="records")])
    return EndpointCurves(title=chosen.title, start=chosen.start, interval=chosen.interval, curves=curves)


def _chosen(asked: Endpoints, name: str) -> Endpoint:
    if not asked.endpoints:
        raise AnalysisError(f"{asked.path}: there is no endpoint")
    name = name or next(iter(asked.endpoints))
    if name not in asked.endpoints:
        raise AnalysisError(f'{asked.path}: no endpoint "{name}". {did_you_mean(name, asked.endpoints)}')
    return asked.endpoints[name]


def _derived(row: Mapping[Any, Any]) -> DerivedTime:
    return DerivedTime(**{str(key): cell for key, cell in row.items()})


def _frame(label: str, curve: Curve | Incidence, interval: str) -> pd.DataFrame:
    if isinstance(curve, Curve):
        estimate, (low, high) = curve.survival, curve.bounds(interval)
    else:
        estimate, (low, high) = curve.incidence, curve.interval()
    return pd.DataFrame(
        {
            "group": label,
            "time_days": curve.times,
            "estimate": estimate,
            "ci_low": low,
            "ci_high": high,
            "at_risk": curve.at_risk,
            "events": curve.events,
        }
    )


def _median(curve: Curve | Incidence, interval: str) -> str:
    found = curve.median(interval) if isinstance(curve, Curve) else curve.median()
    if found.value is None:
        return "not reached" if found.low is None else f"not reached (from {found.low:g})"
    if found.low is None:
        return f"{found.value:g}"
    return f"{found.value:g} ({found.low:g} to {'not reached' if found.high is None else f'{found.high:g}'})"

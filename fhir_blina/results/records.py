"""Results: one tidy record per number, with its interval, method, size and sources.

``results.json`` holds the lists ``records``, ``derivation``, ``claims``, ``findings``, ``populations`` and
``left_out``; its JSON Schema is ``mappings/schemas/results.schema.json``. Nothing in it depends on when or
where it was written.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, field, fields
from html import escape
from pathlib import Path
from typing import Any

from fhir_blina.errors import AnalysisError
from fhir_blina.files import dumps, write_whole
from fhir_blina.results.entries import ComparedClaim, DataFinding, DerivedTime, LeftOut, PopulationCount
from fhir_blina.results.numbers import Number, as_json


@dataclass(frozen=True)
class Record:
    """One number and all that is needed to read it.

    Attributes:
        name: What it is, ``<endpoint or measure>.<statistic>``; lower case with underscores.
        group: ``all``, a group's label, a pair ``A v B``, or one subject's label.
        time_days: The time that the number belongs to, or ``None``.
        value: The estimate or test statistic; ``None`` where nothing can be estimated.
        unit: UCUM; ``1`` for proportions, probabilities, ratios and statistics.
        ci_low: Lower end of the 95 % interval, ``None`` where it has none.
        ci_high: Upper end; ``None`` with a ``ci_low`` means that it is not reached.
        ci_method: Name of the interval's method.
        method: How ``value`` was worked out.
        n: Subjects counted.
        events: Events, or for a proportion the subjects that have the property.
        p_value: Two-sided.
        test: Name of the test that gave ``p_value``.
        note: What a reader must know; the reason wherever ``value`` is ``None``.
        derived_from: ``Type/id`` of resources, or names of tables.
        comparator: ``<``, ``<=``, ``>=`` or ``>`` where ``value`` is a bound only, as it was recorded.
    """

    name: str
    group: str = "all"
    _: KW_ONLY
    time_days: Number | None = None
    value: Number | None = None
    unit: str = "1"
    ci_low: Number | None = None
    ci_high: Number | None = None
    ci_method: str | None = None
    method: str = ""
    n: int | None = None
    events: int | None = None
    p_value: Number | None = None
    test: str | None = None
    note: str = ""
    derived_from: tuple[str, ...] = ()
    comparator: str = ""

    def __post_init__(self) -> None:
        for name in ("time_days", "value", "ci_low", "ci_high", "p_value"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise AnalysisError(f"{self.name} ({self.group}): {name} is not a finite number")
        if self.value is None and not self.note:
            raise AnalysisError(f"{self.name} ({self.group}): no value and no reason given")

    def as_dict(self) -> dict[str, Any]:
        """The record as JSON types, floats rounded to 12 significant digits."""
        return dict(as_json(self))


RECORD_FIELDS = tuple(item.name for item in fields(Record))


#: So many numbers are shown in a notebook.
SHOWN = 200


def _row(one: Record) -> str:
    ends = (
        "" if one.ci_low is None and one.ci_high is None else f"{_said(one.ci_low)} to {_said(one.ci_high)}"
    )
    cells = (
        one.name,
        one.group,
        one.time_days,
        one.value,
        f"{ends} {one.ci_method or ''}",
        one.n,
        one.events,
    )
    return f"<tr>{''.join(f'<td>{escape(_said(cell))}</td>' for cell in cells)}</tr>"


def _said(cell: object) -> str:
    return "" if cell is None else f"{cell:.4g}" if isinstance(cell, float) else str(cell).strip()


@dataclass(frozen=True)
class Results:
    """What an analysis found.

    Attributes:
        records: The numbers, in a fixed order.
        derivation: One per patient and endpoint: where each time and status came from.
        claims: One per published number and reading compared, empty without a claims file.
        findings: One per contradiction, implausible datum or remark on the rows behind a number.
        populations: One per endpoint, measure, set or group: how many of how many, and why.
        left_out: One per patient who is not counted where they could be, with the reason.
    """

    records: tuple[Record, ...] = ()
    derivation: tuple[DerivedTime, ...] = ()
    claims: tuple[ComparedClaim, ...] = ()
    findings: tuple[DataFinding, ...] = ()
    populations: tuple[PopulationCount, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    _names: dict[str, tuple[Record, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def _repr_html_(self) -> str:
        """Numbers of more than one patient, and who is counted in what, for a notebook."""
        many = [one for one in self.records if one.n is None or one.n > 1]
        rows = "".join(_row(one) for one in many[:SHOWN])
        names = ("number", "group", "day", "value", "95 % interval", "n", "events")
        head = "".join(f"<th>{name}</th>" for name in names)
        counted = "".join(
            f"<li>{escape(one.kind)} {escape(one.name)}: {one.n} of {one.of}</li>"
            for one in self.populations
            if one.n < one.of
        )
        more = f"<p>and {len(many) - SHOWN} more</p>" if len(many) > SHOWN else ""
        return f"<table><tr>{head}</tr>{rows}</table>{more}<ul>{counted}</ul>"

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def find(
        self,
        name: str,
        group: str | None = None,
        time_days: Number | None = None,
        ci_method: str | None = None,
    ) -> tuple[Record, ...]:
        """The records of a name, narrowed by whatever else is given; empty where there is none."""
        if not self._names:
            for record in self.records:
                self._names[record.name] = (*self._names.get(record.name, ()), record)
        return tuple(
            record
            for record in self._names.get(name, ())
            if (group is None or record.group == group)
            and (time_days is None or (record.time_days is not None and record.time_days == time_days))
            and (ci_method is None or record.ci_method == ci_method)
        )

    def one(
        self,
        name: str,
        group: str = "all",
        time_days: Number | None = None,
        ci_method: str | None = None,
    ) -> Record:
        """The first record that fits.

        Raises:
            AnalysisError: there is none.
        """
        found = self.find(name, group, time_days, ci_method)
        if not found:
            at = "" if time_days is None else f" at {time_days} days"
            raise AnalysisError(f"no record {name} for {group}{at}")
        return found[0]

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON types."""
        return {item.name: as_json(getattr(self, item.name)) for item in fields(self) if item.init}


def write_results(results: Results, path: Path | str) -> None:
    """Write ``results.json``: the same results give the same bytes; whole or not at all."""
    write_whole(Path(path), dumps(results.as_dict(), indent=1) + "\n")

"""Endpoint definitions: what to measure, as ``endpoints.yaml`` says it.

A definition says which table, which rows (``where``, ``having``) and which column. It names codes of the
cohort; the code that runs it knows none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from fhir_blina.endpoints.asked import Sections
from fhir_blina.endpoints.dates import DateRule
from fhir_blina.endpoints.picking import Picking
from fhir_blina.endpoints.queries import Query
from fhir_blina.endpoints.selection import Selection


@dataclass(frozen=True, kw_only=True)
class Value:
    """One value per patient: a column of a selection, in a unit of UCUM where one is asked for.

    Or what lies between two times, ``begin`` and ``end``, counted in ``count``: days, weeks, months or years.
    """

    name: str
    selection: Selection | None = None
    column: str = ""
    begin: str = ""
    end: str = ""
    count: str = ""
    place: str = ""
    unit: str = "1"
    picking: Picking = field(default_factory=Picking)
    unit_asked: bool = False


@dataclass(frozen=True, kw_only=True)
class Time:
    """One study day per patient: of a column, a constant for a set, or the first or last of other times."""

    name: str
    selection: Selection | None = None
    column: str = ""
    picking: Picking = field(default_factory=Picking)
    of_set: str = ""
    day: int = 0
    parts: tuple[str, ...] = ()
    place: str = ""


@dataclass(frozen=True, kw_only=True)
class PatientSet:
    """Patients with a property: those that have a row, a day of ``time``, or a combination of other sets.

    A set of a response has one of the ``words`` of a ``measure``.

    ``picking`` says how far from its time ``to`` a row, or the day of ``time``, may be; ``missing`` what a
    missing value means: ``unknown``, neither in the set nor outside it, or ``no``.
    """

    name: str
    selection: Selection | None = None
    all_of: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    missing: str = "unknown"
    time: str = ""
    picking: Picking = field(default_factory=Picking)
    place: str = ""
    measure: str = ""
    words: tuple[str, ...] = ()

    @property
    def looked_up(self) -> bool:
        """Whether rows or days decide, and not other sets alone."""
        return self.selection is not None or bool(self.time)


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """A label per patient, from the value of a measure or from membership in sets.

    With ``cut`` or ``quantiles`` the keys of ``labels`` number the groups from the lowest; ``at_cut`` says
    whether a value equal to a cut point is in the group ``above`` or ``below`` it.
    """

    name: str
    measure: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    cut: tuple[Decimal, ...] = ()
    quantiles: int = 0
    at_cut: str = ""
    place: str = ""


@dataclass(frozen=True, kw_only=True)
class Cutoff:
    """An administrative end: nothing later counts.

    ``kind`` is ``date``, ``study_day`` or ``days`` since the start.
    """

    kind: str
    day: str | int


@dataclass(frozen=True, kw_only=True)
class State:
    """A state entered during follow-up at ``time``; ``group`` is the naive split by it."""

    name: str
    time: str
    group: str


@dataclass(frozen=True, kw_only=True)
class CoxAsked:
    """A Cox model: groups, measures and sets as covariates, a group whose labels are strata."""

    covariates: tuple[str, ...]
    strata: str = ""
    robust: bool = False


@dataclass(frozen=True, kw_only=True)
class Subjects:
    """The table with one row per patient or other unit, its key, and the column with the study's label.

    Attributes:
        table: Its name.
        key: The column of its keys.
        label: The column of what a unit is called in the study.
        unit: What one is called, for example ``tumour``.
        selection: Which rows are counted, ``None`` for all.
        link: Column of the key in other tables, by table, where it has another name.
    """

    table: str
    key: str
    label: str
    unit: str = "patient"
    selection: Selection | None = None
    link: Mapping[str, str] = field(default_factory=dict)

    @property
    def of_patients(self) -> bool:
        """Whether a unit is a patient."""
        return self.key == "patient_id"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A time to an event. Names refer to ``times``, ``sets``, ``groups`` and ``measures``."""

    name: str
    title: str
    start: str
    events: tuple[str, ...]
    censor: str
    among: str = ""
    competing: tuple[str, ...] = ()
    censor_reason: str = ""
    censored_by: tuple[str, ...] = ()
    cutoff: Cutoff | None = None
    unit: str = "d"
    compare: tuple[str, ...] = ()
    not_compared: Mapping[str, str] = field(default_factory=dict)
    interval: str = "log-log"
    survival_at_days: tuple[int | str, ...] = ()
    restrict_at_days: tuple[int, ...] = ()
    landmark_days: tuple[int, ...] = ()
    stratify: tuple[str, ...] = ()
    subgroups: tuple[str, ...] = ()
    trend: bool = False
    rate_per_years: int | None = None
    state: State | None = None
    lost: str = ""
    cox: Mapping[str, CoxAsked] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """A whole definitions file."""

    path: Path
    subjects: Subjects
    measures: Mapping[str, Value]
    sets: Mapping[str, PatientSet]
    groups: Mapping[str, Grouping]
    times: Mapping[str, Time]
    endpoints: Mapping[str, Endpoint]
    sections: Sections
    dates: DateRule = field(default_factory=DateRule)
    queries: Mapping[str, Query] = field(default_factory=dict)

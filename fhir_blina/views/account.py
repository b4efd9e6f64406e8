"""What tables were made of: resources by type, rows by table, types without one, rows without a patient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fhir_blina.files import open_regular
from fhir_blina.gathering import Gathered
from fhir_blina.views.definition import View

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ReadingAccount:
    """The account of a reading.

    Attributes:
        resources: How many were read, by type.
        rows: How many rows each table has.
        without_table: How many resources are of a type that no view reads, by type.
        without_patient: For each table of one row a resource, how many of its rows name no patient or group.
        unknown_patient: The same for rows that name a patient who is not among those read.
        notes: What else is to be known of the files, a sentence each.
    """

    resources: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    without_table: Mapping[str, int] = field(default_factory=dict)
    without_patient: Mapping[str, int] = field(default_factory=dict)
    unknown_patient: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def sentences(self) -> Iterator[str]:
        """What a reader is to know, a sentence each."""
        total = sum(self.resources.values())
        yield f"{total} resources read: {_listed(self.resources) or 'none'}"
        yield from self.warnings()

    def warnings(self) -> Iterator[str]:
        """The part of it that a number may suffer from."""
        yield from self.notes
        if self.without_table:
            yield f"no table for {_listed(self.without_table)}"
        for what, counts in (
            ("rows without a patient", self.without_patient),
            ("rows of a patient who is not there", self.unknown_patient),
        ):
            if counts:
                shown = ", ".join(f"{name} {count} of {self.rows[name]}" for name, count in counts.items())
                yield f"{what}: {shown}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "resources": dict(self.resources),
            "rows": dict(self.rows),
            "without_table": dict(self.without_table),
            "without_patient": dict(self.without_patient),
            "unknown_patient": dict(self.unknown_patient),
            "notes": list(self.notes),
        }


class Tables(dict[str, "pd.DataFrame"]):
    """DataFrames by name, with the account of what they were made of."""

    def __init__(self, tables: Mapping[str, pd.DataFrame], account: ReadingAccount) -> None:
        super().__init__(tables)
        self.account = account

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{len(frame)}</td>"
            f"<td>{escape(', '.join(frame.columns))}</td></tr>"
            for name, frame in self.items()
            if len(frame)
        )
        empty = ", ".join(name for name, frame in self.items() if not len(frame))
        said = "".join(f"<p>{escape(one)}</p>" for one in self.account.sentences())
        head = "<tr><th>table</th><th>rows</th><th>columns</th></tr>"
        return f"<table>{head}{rows}</table><p>without rows: {escape(empty) or 'none'}</p>{said}"


def patients_named(frame: pd.DataFrame, known: frozenset[str] | None) -> tuple[int, int]:
    """How many rows name no patient (nor a group), and how many one who is not known, if that is known."""
    named = frame["patient_id"].notna()
    grouped = frame["group_id"].notna() if "group_id" in frame.columns else ~named & False
    strangers = named & ~frame["patient_id"].isin(list(known)) if known is not None else named & False
    return int((~named & ~grouped).sum()), int(strangers.sum())


def account_of(
    folder: Path,
    views: Mapping[str, View],
    rows: Mapping[str, int],
    patients: Mapping[str, tuple[int, int]],
    found: Gathered | None,
) -> ReadingAccount:
    """An account from counts.

    Args:
        folder: Of ``<Type>.ndjson``.
        views: What was run over it.
        rows: By table.
        patients: What :func:`patients_named` says of each table.
        found: The account of the files, where they were gathered.
    """
    types = {view.resource for view in views.values()}
    counts = dict(found.counts) if found else resources_in(folder)
    return ReadingAccount(
        resources=counts,
        rows=dict(rows),
        without_table={kind: count for kind, count in counts.items() if kind not in types},
        without_patient={name: none for name, (none, _) in patients.items() if none},
        unknown_patient={name: other for name, (_, other) in patients.items() if other},
        notes=tuple(found.sentences()) if found else (),
    )


def account_of_frames(
    folder: Path, views: Mapping[str, View], tables: Mapping[str, pd.DataFrame], found: Gathered | None
) -> ReadingAccount:
    """An account of tables; arguments as for :func:`account_of`."""
    known = frozenset(tables["patients"]["patient_id"]) if "patients" in tables else None
    patients = {
        name: patients_named(frame, known)
        for name, frame in tables.items()
        if name != "patients" and views[name].one_row_each and "patient_id" in frame.columns
    }
    return account_of(folder, views, {name: len(one) for name, one in tables.items()}, patients, found)


def resources_in(folder: Path) -> dict[str, int]:
    """The lines of each ``<Type>.ndjson`` of a folder that hold something."""
    counts = {}
    for path in sorted(folder.glob("*.ndjson")):
        with open_regular(path) as file:
            counts[path.stem] = sum(1 for line in file if not line.isspace())
    return {kind: count for kind, count in counts.items() if count}


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))

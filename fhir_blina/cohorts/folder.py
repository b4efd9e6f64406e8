"""A cohort folder as typed rows: manifest, dictionary, tables and code maps, read strictly.

Every fault is collected; ``read_cohort`` raises once, with all of them.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fhir_blina.cohorts.codes import Codes, read_codes
from fhir_blina.cohorts.dictionary import Column, read_dictionary
from fhir_blina.cohorts.tables import Table, tables_of_folder
from fhir_blina.errors import CohortError, Finding, did_you_mean, faults, problem
from fhir_blina.files import (
    CANONICAL,
    Document,
    check_schema,
    fill_constants,
    gaps_of,
    keep_within,
    mappings_folder,
    read_yaml,
    schema,
    walk,
)
from fhir_blina.r4 import R4, FhirRelease

_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")


@dataclass(frozen=True)
class Cohort:
    """A cohort folder, read.

    Attributes:
        name: The folder's name; begins every id, identifier system and tag.
        folder: Where it lies.
        manifest: ``cohort.yaml`` with its line numbers.
        tables: By name.
        codes: ``codes.csv``.
        systems: URL of each short name of a code system.
        anchor: The synthetic date of study day 0, ``None`` where the dates are the real ones.
        release: The release of FHIR that its templates are written in.
    """

    name: str
    folder: Path
    manifest: Document
    tables: Mapping[str, Table]
    codes: Codes
    systems: Mapping[str, str]
    anchor: dt.date | None
    constants: Mapping[str, str] = field(repr=False)
    release: FhirRelease

    @property
    def base(self) -> str:
        """Canonical base of own systems and profiles."""
        return self.constants["base"]

    @property
    def readable_ids(self) -> bool:
        """False where ids must be keyed hashes."""
        published = bool(self.manifest.data.get("published", False))
        return bool(self.manifest.data.get("ids", "readable" if published else "hmac") == "readable")

    @property
    def shift_dates(self) -> int:
        """The most days by which the dates of a patient are moved; 0 where they stay."""
        return int(self.manifest.data.get("shift_dates", 0))

    @property
    def shift_by_weeks(self) -> bool:
        """Whether dates move by whole weeks, so that weekdays stay what they are."""
        return bool(self.manifest.data.get("shift_by") == "weeks")

    def with_anchor(self, anchor: dt.date) -> Cohort:
        """The same cohort with another synthetic date for study day 0."""
        return replace(self, anchor=anchor, constants={**self.constants, "anchor": anchor.isoformat()})


def cohort_names() -> list[str]:
    """The names of the cohorts that come with the package."""
    return sorted(path.parent.name for path in (mappings_folder() / "cohorts").glob("*/cohort.yaml"))


def find_cohort(name_or_folder: str | Path) -> Path:
    """The folder of a cohort, given as a path or as the name of one that comes with the package.

    Raises:
        CohortError: there is none.
    """
    path = Path(name_or_folder)
    if path.is_dir():
        return path
    packaged = mappings_folder() / "cohorts" / path
    if len(path.parts) == 1 and packaged.is_dir():
        return packaged
    remedy = did_you_mean(str(name_or_folder), cohort_names())
    raise CohortError([problem("", f'no cohort "{name_or_folder}"', remedy, code="not-found")])


def read_cohort(name_or_folder: str | Path, *, release: FhirRelease = R4) -> Cohort:
    """Read a cohort folder.

    Args:
        name_or_folder: A path, or the name of a cohort that comes with the package.
        release: The release of FHIR that its templates are written in.

    Raises:
        CohortError: every fault of manifest, dictionary, tables and codes, each with ``file:line``.
    """
    findings: list[Finding] = []
    cohort = gather_cohort(find_cohort(name_or_folder), release, findings)
    if cohort is None or faults(findings):
        raise CohortError(findings)
    return cohort


def gather_cohort(folder: Path, release: FhirRelease, findings: list[Finding]) -> Cohort | None:
    """Like ``read_cohort``, but faults go to ``findings``; ``None`` if the manifest cannot be used."""
    keep_within(folder)
    name = folder.resolve().name
    if not _NAME.fullmatch(name):
        findings.append(
            problem(
                str(folder),
                "the folder's name is the cohort's name and begins every id",
                "Use a-z, 0-9 and -, at most 20 characters, a letter first",
            )
        )
    manifest = _read_manifest(folder / "cohort.yaml", findings)
    if manifest is None:
        return None
    data = manifest.data
    anchor = None
    try:
        if "anchor" in data:
            anchor = dt.date.fromisoformat(data["anchor"])
    except ValueError:
        findings.append(problem(manifest.where(("anchor",)), "anchor is not a date", "Write YYYY-MM-DD"))
        return None
    constants = {
        "cohort": name,
        "base": data.get("base", CANONICAL),
        "canonical": CANONICAL,
        "title": data["title"],
        "citation": data.get("citation", ""),
    }
    if anchor is not None:
        constants["anchor"] = data["anchor"]
    if data.get("shift_by") == "weeks" and data.get("shift_dates", 0) < 7:
        text = "shift_by: weeks needs shift_dates of 7 days or more"
        findings.append(problem(manifest.where(("shift_by",)), text, "Write shift_dates: 364, for example"))
    manifest = _filled(manifest, constants, findings)
    data = manifest.data
    systems: dict[str, str] = data["systems"]
    without = frozenset(data.get("without_systems", ()))
    for alias in sorted(without - set(systems)):
        where = manifest.where(("without_systems",))
        findings.append(problem(where, f'"{alias}" is not in systems', did_you_mean(alias, systems)))
    columns = read_dictionary(folder / "dictionary.csv", findings)
    maps = {name: folder / file for name, file in data.get("codes", {}).items()}
    codes = read_codes(folder / "codes.csv", systems, without, findings, maps)
    tables = tables_of_folder(manifest, columns, findings)
    _check_relative_to(manifest, constants, columns, findings)
    return Cohort(
        name=name,
        folder=folder,
        manifest=manifest,
        tables=tables,
        codes=codes,
        systems=systems,
        anchor=anchor,
        constants=constants,
        release=release,
    )


def _read_manifest(path: Path, findings: list[Finding]) -> Document | None:
    documents = read_yaml(path, findings)
    if len(documents) != 1:
        if documents:
            findings.append(problem(f"{path}:1", "a manifest is one YAML document"))
        return None
    return documents[0] if check_schema(documents[0], schema("cohort"), findings) else None


def _filled(manifest: Document, constants: Mapping[str, str], findings: list[Finding]) -> Document:
    """The manifest with the constants filled in, but for ``relative_to``, which has columns too."""
    data = dict(manifest.data)
    for key in ("systems", "every_resource", "profiles"):
        if key in data:
            data[key] = _fill_all(data[key], constants)
            for keys, value in walk(data[key], (key,)):
                if isinstance(value, str) and ("{{" in value or "}}" in value):
                    remedy = f"Known: {', '.join(f'%{name}' for name in sorted(constants))}"
                    text = "a blank that names no constant"
                    findings.append(problem(manifest.where(keys), text, remedy))
    return replace(manifest, data=data)


def _fill_all(data: Any, constants: Mapping[str, str]) -> Any:
    if isinstance(data, dict):
        return {key: _fill_all(value, constants) for key, value in data.items()}
    if isinstance(data, list):
        return [_fill_all(value, constants) for value in data]
    return fill_constants(data, constants) if isinstance(data, str) else data


def _check_relative_to(
    manifest: Document,
    constants: Mapping[str, str],
    columns: Mapping[str, Mapping[str, Column]],
    findings: list[Finding],
) -> None:
    known = {f"%{name}" for name in constants} | {name for table in columns.values() for name in table}
    for name in sorted(gaps_of(manifest.data.get("relative_to", ""))):
        if name not in known:
            text = f'relative_to: no constant or column "{name}"'
            remedy = did_you_mean(name, known)
            findings.append(problem(manifest.where(("relative_to",)), text, remedy))

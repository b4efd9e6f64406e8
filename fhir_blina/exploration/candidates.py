"""What tables offer to a starter: start, death, last contact, sexes, values, diagnoses; all of it guessed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

#: Tables and their columns of days on which something was done with a patient.
CONTACT_DAYS = (
    ("encounters", "start_date"),
    ("encounters", "end_date"),
    ("observations", "effective_date"),
    ("observations", "effective_start_date"),
    ("procedures", "performed_date"),
    ("procedures", "performed_start_date"),
    ("administrations", "effective_date"),
    ("administrations", "start_date"),
    ("diagnostic_reports", "effective_date"),
    ("immunizations", "occurrence_date"),
    ("imaging_studies", "started_date"),
)
#: Columns that say when a diagnosis was made, the best first.
DIAGNOSIS_DAYS = ("onset_date", "onset_start_date", "recorded_date")
SHORT_SYSTEMS = {
    "http://snomed.info/sct": "snomed",
    "http://loinc.org": "loinc",
    "http://hl7.org/fhir/sid/icd-10": "icd10",
    "http://hl7.org/fhir/sid/icd-10-cm": "icd10cm",
    "http://fhir.de/CodeSystem/bfarm/icd-10-gm": "icd10gm",
    "http://hl7.org/fhir/sid/icd-o-3": "icdo3",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "rxnorm",
    "http://www.whocc.no/atc": "atc",
}
#: From this part of the patients on a diagnosis is taken for that of the data set.
SHARED_BY = 0.5
MOST_VALUES = 3
MOST_DIAGNOSES = 3


@dataclass(frozen=True)
class Coded:
    """A code in a table.

    Attributes:
        system: Its URI, empty where it has none.
        code: The code.
        words: Its words in the data.
        patients: How many patients have it.
        unit: The most frequent unit of its values.
        units: How many units its values have.
    """

    system: str
    code: str
    words: str
    patients: int
    unit: str = ""
    units: int = 0

    @property
    def name(self) -> str:
        """A name for definitions, made of the words."""
        words = re.sub(r"\(.*?\)|\[.*?\]", "", self.words).strip() or f"code {self.code}"
        name = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
        name = name if name[:1].isalpha() else f"code_{name}"
        return name[:40].strip("_")


def known_days(frame: pd.DataFrame | None, column: str) -> pd.DataFrame:
    """The rows of a table that have a patient and a date in a column; empty where there is none such."""
    if frame is None or column not in frame.columns or "patient_id" not in frame.columns:
        return pd.DataFrame({"patient_id": []})
    return frame[frame["patient_id"].notna() & frame[column].notna()]


def ranked_codes(frame: pd.DataFrame, words: str = "code_display") -> Iterator[Coded]:
    """The codes of a table with how many patients have each, the most frequent first."""
    held = frame[frame["patient_id"].notna() & frame["code"].notna()]
    systems = held["code_system"].fillna("") if len(held) else held["code_system"]
    found = []
    for (system, code), rows in held.groupby([systems, held["code"]], sort=True):
        shown = next((str(one) for one in rows[words] if not pd.isna(one)), "")
        units = rows["value_unit"].dropna() if "value_unit" in rows.columns else pd.Series([], dtype=object)
        counted = units.value_counts()
        unit = str(min(counted.index[counted == counted.max()])) if len(counted) else ""
        patients = int(rows["patient_id"].nunique())
        found.append(Coded(str(system), str(code), shown, patients, unit, len(counted)))
    yield from sorted(found, key=lambda one: (-one.patients, one.system, one.code))


def valued(tables: Mapping[str, pd.DataFrame]) -> list[Coded]:
    """Observations with numbers, those of most patients first."""
    frame = tables.get("observations")
    if frame is None or not len(frame):
        return []
    return list(ranked_codes(frame[frame["value_quantity"].notna()]))[:MOST_VALUES]


def diagnosis_days(frame: pd.DataFrame) -> list[str]:
    """The columns that say when diagnoses were made: that of most patients, and those that add patients."""
    people = {column: set(known_days(frame, column)["patient_id"]) for column in DIAGNOSIS_DAYS}
    chosen: list[str] = []
    covered: set[object] = set()
    for column in sorted(DIAGNOSIS_DAYS, key=lambda one: -len(people[one])):
        if people[column] - covered:
            chosen.append(column)
            covered |= people[column]
    return chosen


def diagnoses(tables: Mapping[str, pd.DataFrame]) -> list[Coded]:
    """The diagnoses with a day, those of most patients first."""
    frame = tables.get("conditions")
    if frame is None or not len(frame):
        return []
    return list(ranked_codes(frame[frame[list(DIAGNOSIS_DAYS)].notna().any(axis=1)]))


def contacts(tables: Mapping[str, pd.DataFrame]) -> list[tuple[str, str]]:
    """The columns of contacts that somebody has a date in."""
    return [(table, column) for table, column in CONTACT_DAYS if len(known_days(tables.get(table), column))]


def longest_days(tables: Mapping[str, pd.DataFrame]) -> int:
    """About how many days a patient is followed at most: between the first and last contact, or death."""
    ends = [*contacts(tables), ("patients", "deceased_date")]
    ends += [("conditions", column) for column in DIAGNOSIS_DAYS]
    frames = [
        pd.DataFrame(
            {
                "patient": rows["patient_id"].astype(str),
                "day": pd.to_datetime(rows[column].astype(str).str[:10], errors="coerce", format="%Y-%m-%d"),
            }
        )
        for table, column in ends
        if len(rows := known_days(tables.get(table), column))
    ]
    if not frames:
        return 0
    spread = pd.concat(frames).dropna().groupby("patient")["day"].agg(["min", "max"])
    return int((spread["max"] - spread["min"]).dt.days.max()) if len(spread) else 0


def sexes(tables: Mapping[str, pd.DataFrame]) -> dict[str, int]:
    """How many patients of each sex, in FHIR's order."""
    found = tables["patients"]["gender"].value_counts().to_dict()
    return {one: int(found[one]) for one in ("female", "male", "other", "unknown") if one in found}


def has_partial(frame: pd.DataFrame, column: str) -> bool:
    """Whether some date of a column has no day."""
    texts = frame[column].dropna().astype(str) if column in frame.columns else pd.Series([], dtype=object)
    return bool((texts.str.len() < len("2020-01-01")).any())

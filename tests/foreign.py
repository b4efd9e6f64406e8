"""Five patients as other programs write them, with survival that can be worked out by hand.

Days from the first diagnosis: ana dies on day 100, ben on 200, eve on 300; cem is last seen on day 150, dan on
day 400. By Kaplan-Meier S(100) = 4/5, S(200) = 4/5 · 2/3 = 8/15 and S(300) = 8/15 · 1/2 = 4/15.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import uuid
from pathlib import Path
from typing import Any

FIRST_DAY = dt.date(2019, 3, 4)
BREAST_CANCER = "254837009"
# name: sex, day of death, last day seen
PATIENTS: dict[str, tuple[str, int | None, int]] = {
    "ana": ("female", 100, 90),
    "ben": ("male", 200, 120),
    "cem": ("male", None, 150),
    "dan": ("male", None, 400),
    "eve": ("female", 300, 10),
}
SURVIVAL = {100: 4 / 5, 200: 8 / 15, 300: 4 / 15, 365: 4 / 15}
ENDPOINTS = """\
subjects: {table: patients, key: patient_id, label: patient_id}
systems: {sct: http://snomed.info/sct}
times:
  diagnosis: {table: conditions, where: {code_system: sct, code: "254837009"}, day: onset_date, pick: first}
  death: {table: patients, day: deceased_date}
  last_seen: {table: encounters, day: start_date, pick: last}
measures:
  gender: {table: patients, value: gender}
groups:
  sex: {measure: gender, labels: {female: women, male: men}}
endpoints:
  os:
    title: Overall survival
    start: diagnosis
    events: [death]
    censor: last_seen
    survival_at_days: [100, 200, 300]
    compare: [sex]
"""


def _day(number: int) -> str:
    return (FIRST_DAY + dt.timedelta(days=number)).isoformat()


def resources_of(name: str) -> list[dict[str, Any]]:
    """What a server holds of a patient: references by ``Type/id``."""
    sex, death, seen = PATIENTS[name]
    who = {"reference": f"Patient/{name}"}
    code = {"coding": [{"system": "http://snomed.info/sct", "code": BREAST_CANCER}]}
    visits = [0, seen // 2, seen]
    patient: dict[str, Any] = {
        "resourceType": "Patient",
        "id": name,
        "gender": sex,
        "birthDate": f"19{50 + len(name) + seen % 7}-02-01",
    }
    if death is not None:
        patient["deceasedDateTime"] = f"{_day(death)}T12:00:00+00:00"
    hb = {"system": "http://loinc.org", "code": "718-7", "display": "Hemoglobin"}
    return [
        patient,
        {
            "resourceType": "Condition",
            "id": f"{name}-c1",
            "clinicalStatus": {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
                        "code": "active",
                    }
                ]
            },
            "code": code,
            "subject": who,
            "onsetDateTime": f"{_day(0)}T08:00:00+00:00",
        },
        *(
            {
                "resourceType": "Encounter",
                "id": f"{name}-e{number}",
                "status": "finished",
                "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
                "subject": who,
                "period": {"start": f"{_day(at)}T08:00:00+00:00", "end": f"{_day(at)}T09:00:00+00:00"},
            }
            for number, at in enumerate(visits, 1)
        ),
        {
            "resourceType": "Observation",
            "id": f"{name}-o1",
            "status": "final",
            "code": {"coding": [hb]},
            "subject": who,
            "effectiveDateTime": f"{_day(0)}T08:30:00+00:00",
            "valueQuantity": {
                "value": 11 + len(visits) / 10,
                "unit": "g/dL",
                "system": "http://unitsofmeasure.org",
                "code": "g/dL",
            },
        },
    ]


def everything() -> list[dict[str, Any]]:
    """The resources of all patients."""
    return [one for name in PATIENTS for one in resources_of(name)]


def transaction_of(name: str) -> dict[str, Any]:
    """The same as a transaction for a server that gives the ids: ``urn:uuid`` wherever one names another."""
    held = resources_of(name)
    urls = {f"{one['resourceType']}/{one['id']}": f"urn:uuid:{_uuid(one['id'])}" for one in held}
    entries = []
    for one in held:
        text = json.dumps({key: value for key, value in one.items() if key != "id"})
        for key, url in urls.items():
            text = text.replace(f'"{key}"', f'"{url}"')
        entries.append(
            {
                "fullUrl": urls[f"{one['resourceType']}/{one['id']}"],
                "resource": json.loads(text),
                "request": {"method": "POST", "url": one["resourceType"]},
            }
        )
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _uuid(name: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"https://example.org/{name}")


def write_parts(folder: Path) -> Path:
    """A Bulk Data export: each type in two parts, every second one as gzip, with the export's manifest."""
    folder.mkdir(parents=True)
    outputs = []
    by_type: dict[str, list[dict[str, Any]]] = {}
    for one in everything():
        by_type.setdefault(one["resourceType"], []).append(one)
    for kind, held in by_type.items():
        for part, some in enumerate((held[::2], held[1::2])):
            name = f"{kind}.{part:03}.ndjson"
            text = "".join(json.dumps(one) + "\n" for one in some)
            url = f"https://bulk.example/files/{name}"
            outputs.append({"type": kind, "url": url, "count": len(some)})
            if part:
                (folder / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
            else:
                (folder / name).write_text(text, "utf-8")
    manifest = {
        "transactionTime": "2024-01-01T00:00:00Z",
        "request": "https://bulk.example/$export",
        "requiresAccessToken": True,
        "output": outputs,
        "error": [],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return folder


def write_transactions(folder: Path) -> Path:
    """One transaction a patient, each a file in a sub-folder, as a synthetic patient generator leaves them."""
    for name in PATIENTS:
        path = folder / "fhir" / name / f"{name}.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(transaction_of(name)), "utf-8")
    return folder


def write_singles(folder: Path) -> Path:
    """A file for each resource, sub-folders by type."""
    for one in everything():
        path = folder / one["resourceType"] / f"{one['id']}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(one, indent=2), "utf-8")
    return folder


def write_searchset(folder: Path, kind: str = "searchset") -> Path:
    """One Bundle with everything, its full URLs those of a server."""
    folder.mkdir(parents=True)
    entries = [
        {"fullUrl": f"https://fhir.example/{one['resourceType']}/{one['id']}", "resource": one}
        for one in everything()
    ]
    bundle = {"resourceType": "Bundle", "type": kind, "entry": entries}
    (folder / "bundle.json").write_text(json.dumps(bundle), "utf-8")
    return folder


def write_bundle_lines(folder: Path) -> Path:
    """NDJSON of Bundles, a collection a line."""
    folder.mkdir(parents=True)
    lines = []
    for name in PATIENTS:
        entries = [{"resource": one} for one in resources_of(name)]
        lines.append(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    (folder / "bundles.ndjson").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def write_plain(folder: Path) -> Path:
    """Exactly ``<Type>.ndjson``, with a manifest that others wrote."""
    folder.mkdir(parents=True)
    by_type: dict[str, list[str]] = {}
    for one in everything():
        by_type.setdefault(one["resourceType"], []).append(json.dumps(one))
    outputs = []
    for kind, lines in by_type.items():
        (folder / f"{kind}.ndjson").write_text("\n".join(lines) + "\n", "utf-8")
        outputs.append({"type": kind, "url": f"{kind}.ndjson", "count": len(lines)})
    manifest = {
        "transactionTime": "2024-01-01T00:00:00Z",
        "request": "https://bulk.example/$export",
        "requiresAccessToken": False,
        "output": outputs,
        "error": [],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return folder


FORMS = {
    "parts": write_parts,
    "transactions": write_transactions,
    "singles": write_singles,
    "searchset": write_searchset,
    "bundle lines": write_bundle_lines,
    "plain": write_plain,
}

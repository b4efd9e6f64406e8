"""Write made-up tumour cases in the shape that German cancer registries turn into FHIR: NDJSON by type.

python3 docs/example/registry/make.py FOLDER

FOLDER/fhir has the files, FOLDER/truth.csv what the script knows of each patient: entity and stage of the
first tumour, days from its diagnosis to death, progression or the last report. The same seed gives the same
bytes.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import random
import sys
from pathlib import Path
from typing import Any

PATIENTS = 240
SITES = {"breast": "C50.9", "colon": "C18.7", "prostate": "C61"}
STAGES = ("I", "II", "III", "IV")
ICD, OPS, ATC = (
    "http://fhir.de/CodeSystem/bfarm/icd-10-gm",
    "http://fhir.de/CodeSystem/bfarm/ops",
    "http://fhir.de/CodeSystem/bfarm/atc",
)
OWN = "https://tumours.example/CodeSystem/"
UCUM = "http://unitsofmeasure.org"
TERMS = "http://terminology.hl7.org/CodeSystem/"

Resource = dict[str, Any]


def concept(system: str, code: str, **more: Any) -> dict[str, Any]:
    """A CodeableConcept of one coding."""
    return {"coding": [{"system": system, "code": code, **more}]}


class Registry:
    """All resources, by type."""

    def __init__(self) -> None:
        self.resources: dict[str, list[Resource]] = {}

    def add(self, kind: str, name: str, **elements: Any) -> dict[str, str]:
        """Add a resource; gives a Reference to it."""
        self.resources.setdefault(kind, []).append({"resourceType": kind, "id": name, **elements})
        return {"reference": f"{kind}/{name}"}

    def write(self, folder: Path) -> None:
        """Write a file for each type."""
        folder.mkdir(parents=True, exist_ok=True)
        for kind, resources in self.resources.items():
            lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in resources)
            (folder / f"{kind}.ndjson").write_text(lines, encoding="utf-8")


def tumour(
    registry: Registry, subject: dict[str, str], name: str, day: dt.date, site: str, stage: str
) -> dict[str, str]:
    """Diagnosis with stage, receptor and histology; gives a Reference."""
    grouping = registry.add(
        "Observation",
        f"{name}-stage",
        status="final",
        code=concept(OWN + "observation", "uicc-stage"),
        subject=subject,
        focus=[{"reference": f"Condition/{name}"}],
        effectiveDateTime=day.isoformat(),
        valueCodeableConcept=concept(OWN + "uicc", stage, version="8"),
    )
    registry.add(
        "Observation",
        f"{name}-histology",
        status="final",
        code={
            "coding": [
                {"system": OWN + "observation", "code": "histology"},
                {"system": "http://loinc.org", "code": "59847-4"},
            ]
        },
        subject=subject,
        focus=[{"reference": f"Condition/{name}"}],
        effectiveDateTime=day.isoformat(),
        method=concept(OWN + "method", "microscopy"),
        valueCodeableConcept={
            "coding": [
                {"system": OWN + "icd-o-3", "code": "8140/3", "version": "32"},
                {"system": OWN + "grading", "code": "G2"},
            ]
        },
    )
    return registry.add(
        "Condition",
        name,
        identifier=[{"system": "https://tumours.example/case", "value": name}],
        clinicalStatus=concept(TERMS + "condition-clinical", "active"),
        code=concept(ICD, SITES[site], version="2024"),
        bodySite=[concept(OWN + "laterality", "L"), concept(OWN + "icd-o-3-topography", SITES[site])],
        subject=subject,
        onsetDateTime=day.isoformat(),
        recordedDate=(day + dt.timedelta(days=20)).isoformat(),
        stage=[
            {
                "summary": concept(OWN + "uicc", stage),
                "assessment": [grouping],
                "type": concept(OWN + "stage", "pathological"),
            }
        ],
    )


def treatment(
    registry: Registry,
    chance: random.Random,
    subject: dict[str, str],
    name: str,
    tumour: dict[str, str],
    day: dt.date,
) -> None:
    """Surgery, and by chance radiotherapy and systemic therapy."""
    registry.add(
        "Procedure",
        f"{name}-surgery",
        status="completed",
        category=concept(OWN + "therapy", "OP"),
        code={"coding": [{"system": OPS, "code": "5-870.a1"}, {"system": OPS, "code": "5-401.11"}]},
        subject=subject,
        performedDateTime=(day + dt.timedelta(days=25)).isoformat(),
        reasonReference=[tumour],
        outcome=concept(OWN + "residual", "R0"),
    )
    if chance.random() < 0.5:
        begin = day + dt.timedelta(days=60)
        registry.add(
            "Procedure",
            f"{name}-radiotherapy",
            status="completed",
            category=concept(OWN + "therapy", "ST"),
            code=concept(OPS, "8-52"),
            subject=subject,
            performedPeriod={"start": begin.isoformat(), "end": (begin + dt.timedelta(days=38)).isoformat()},
            reasonReference=[tumour],
        )
    if chance.random() < 0.5:
        begin = day + dt.timedelta(days=50)
        registry.add(
            "MedicationStatement",
            f"{name}-systemic",
            status="completed",
            category=concept(OWN + "therapy", "CH"),
            medicationCodeableConcept=concept(ATC, "L01CD01", display="Paclitaxel"),
            subject=subject,
            effectivePeriod={"start": begin.isoformat(), "end": (begin + dt.timedelta(days=120)).isoformat()},
            reasonReference=[tumour],
            dosage=[
                {
                    "text": "80 mg/m2 weekly",
                    "doseAndRate": [
                        {"doseQuantity": {"value": 80, "unit": "mg/m2", "system": UCUM, "code": "mg/m2"}}
                    ],
                }
            ],
        )


def one_patient(registry: Registry, chance: random.Random, number: int) -> dict[str, Any]:
    """A case; gives its line of the truth."""
    site, stage = chance.choice(list(SITES)), chance.choice(STAGES)
    day = dt.date(2012, 1, 1) + dt.timedelta(days=chance.randrange(365 * 6))
    hazard = 4000 / (1 + STAGES.index(stage)) ** 1.5
    death = int(chance.expovariate(1 / hazard)) + 1
    progress = int(chance.expovariate(1 / (hazard * 0.7))) + 1
    known = min(
        death - 1, chance.randrange(300, 3000)
    )  # the last report; who dies later is told by the registry of deaths
    died = chance.random() < 0.9 and death <= known + 400
    progressed = progress <= known
    name = f"p{number}"
    subject = registry.add(
        "Patient",
        name,
        identifier=[{"system": "https://tumours.example/patient", "value": f"R{number:04}"}],
        gender="female"
        if site == "breast"
        else "male"
        if site == "prostate"
        else chance.choice(["female", "male"]),
        birthDate=(day - dt.timedelta(days=chance.randrange(365 * 40, 365 * 85))).strftime("%Y-%m"),
        **({"deceasedDateTime": (day + dt.timedelta(days=death)).isoformat()} if died else {}),
    )
    case = tumour(registry, subject, f"t{number}", day, site, stage)
    if number % 40 == 0 and known > 400:  # a second tumour, of another site, later
        other = "colon" if site != "colon" else "breast"
        tumour(registry, subject, f"t{number}-2", day + dt.timedelta(days=200), other, "I")
    treatment(registry, chance, subject, f"t{number}", case, day)
    reports = (
        sorted({chance.randrange(1, known) for _ in range(2)} | {known}) if known > 2 else [max(known, 0)]
    )
    days = sorted({*reports, progress} if progressed else {*reports})
    for order, since in enumerate(days):
        registry.add(
            "Observation",
            f"t{number}-report-{order}",
            status="final",
            code=concept(OWN + "observation", "overall-assessment"),
            subject=subject,
            focus=[case],
            effectiveDateTime=(day + dt.timedelta(days=since)).isoformat(),
            valueCodeableConcept=concept(
                OWN + "assessment", "P" if progressed and since >= progress else "V"
            ),
        )
    stop = death if died else known
    first = min([progress] * progressed + [stop])
    return {
        "patient": name,
        "entity": site,
        "stage": stage,
        "days": stop,
        "died": int(died),
        "progression_days": first,
        "progressed_or_died": int(progressed or died),
    }


def main(folder: Path) -> None:
    """Write all of it."""
    chance, registry = random.Random(20240331), Registry()
    truth = [one_patient(registry, chance, number) for number in range(1, PATIENTS + 1)]
    registry.write(folder / "fhir")
    with (folder / "truth.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, truth[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(truth)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Write made-up patients in the shape that Synthea writes: one transaction Bundle a patient, with urn:uuid.

python3 docs/example/synthea/make.py FOLDER

FOLDER/fhir has the Bundles, FOLDER/truth.csv what the script knows of who has lung cancer: sex, days from the
first diagnosis to death or to the last visit, and whether it was death. The same seed gives the same bytes.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import random
import sys
import uuid
from pathlib import Path
from typing import Any

PATIENTS = 100
LUNG_CANCER = ("254637007", "Non-small cell lung cancer (disorder)")
SNOMED, LOINC, RXNORM = (
    "http://snomed.info/sct",
    "http://loinc.org",
    "http://www.nlm.nih.gov/research/umls/rxnorm",
)
CVX, UCUM = "http://hl7.org/fhir/sid/cvx", "http://unitsofmeasure.org"
TERMS = "http://terminology.hl7.org/CodeSystem/"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
OMB = "urn:oid:2.16.840.1.113883.6.238"
SYNTHEA = "https://github.com/synthetichealth/synthea"

Resource = dict[str, Any]


def concept(system: str, code: str, display: str) -> dict[str, Any]:
    """A CodeableConcept of one coding."""
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def at(day: dt.date, hour: int = 9, minute: int = 30) -> str:
    """A moment as Synthea writes it: with the offset of Massachusetts in winter."""
    return f"{day.isoformat()}T{hour:02}:{minute:02}:00-05:00"


class Bundle:
    """The Bundle of one patient."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.entries: list[Resource] = []

    def add(self, kind: str, **elements: Any) -> str:
        """Add a resource; gives the reference to it."""
        name = str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
        resource = {"resourceType": kind, "id": name, **elements}
        request = {"method": "POST", "url": kind}
        self.entries.append({"fullUrl": f"urn:uuid:{name}", "resource": resource, "request": request})
        return f"urn:uuid:{name}"

    def write(self, file: Path) -> None:
        """Write it."""
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": self.entries}
        file.write_text(json.dumps(bundle, indent=1) + "\n", encoding="utf-8")


def person(bundle: Bundle, number: int, sex: str, birth: dt.date, death: dt.date | None) -> dict[str, str]:
    """The patient; gives a Reference."""
    chance = bundle.chance
    race = chance.choice([("2106-3", "White"), ("2054-5", "Black or African American"), ("2028-9", "Asian")])
    extension = [
        {
            "url": f"{US_CORE}race",
            "extension": [
                {"url": "ombCategory", "valueCoding": {"system": OMB, "code": race[0], "display": race[1]}},
                {"url": "text", "valueString": race[1]},
            ],
        },
        {"url": f"{US_CORE}birthsex", "valueCode": "F" if sex == "female" else "M"},
    ]
    of_type = concept(f"{TERMS}v2-0203", "MR", "Medical Record Number")
    reference = bundle.add(
        "Patient",
        text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">made up</div>'},
        extension=extension,
        identifier=[
            {"system": SYNTHEA, "value": f"made-up-{number}"},
            {"type": of_type, "system": "http://hospital.smarthealthit.org", "value": f"MR{number:05}"},
        ],
        name=[{"use": "official", "family": f"Family{number}", "given": [f"Given{number}"]}],
        gender=sex,
        birthDate=birth.isoformat(),
        **({"deceasedDateTime": at(death, 23, 50)} if death else {}),
        address=[{"city": "Boston", "state": "MA", "country": "US"}],
        maritalStatus=concept(f"{TERMS}v3-MaritalStatus", chance.choice("MS"), "Married or never"),
        multipleBirthBoolean=False,
        communication=[{"language": concept("urn:ietf:bcp:47", "en-US", "English")}],
    )
    return {"reference": reference}


def visit(bundle: Bundle, subject: dict[str, str], day: dt.date, code: tuple[str, str]) -> dict[str, str]:
    """An encounter; gives a Reference. The hospital is named by a search, as Synthea does."""
    reference = bundle.add(
        "Encounter",
        status="finished",
        **{"class": {"system": f"{TERMS}v3-ActCode", "code": "AMB"}},
        type=[concept(SNOMED, *code)],
        subject=subject,
        period={"start": at(day), "end": at(day, 10, 15)},
        serviceProvider={
            "reference": f"Organization?identifier={SYNTHEA}|hospital-1",
            "display": "HOSPITAL 1",
        },
    )
    return {"reference": reference}


def diagnosis(
    bundle: Bundle,
    subject: dict[str, str],
    encounter: dict[str, str],
    day: dt.date,
    code: tuple[str, str],
    verified: str = "confirmed",
    also: dict[str, str] | None = None,
) -> None:
    """A condition; ``also`` is a coding of another system that stands before SNOMED's."""
    coded = concept(SNOMED, *code)
    if also:
        coded["coding"].insert(0, also)
    bundle.add(
        "Condition",
        clinicalStatus=concept(f"{TERMS}condition-clinical", "active", "Active"),
        verificationStatus=concept(f"{TERMS}condition-ver-status", verified, verified.capitalize()),
        category=[concept(f"{TERMS}condition-category", "encounter-diagnosis", "Encounter Diagnosis")],
        code=coded,
        subject=subject,
        encounter=encounter,
        onsetDateTime=at(day),
        recordedDate=at(day),
    )


def routine(bundle: Bundle, subject: dict[str, str], encounter: dict[str, str], day: dt.date) -> None:
    """A visit leaves measurements, a report, a procedure, by chance a drug or a vaccination, a bill."""
    chance = bundle.chance
    vital = concept(f"{TERMS}observation-category", "vital-signs", "Vital signs")
    seen = {"subject": subject, "encounter": encounter}

    def amount(value: float, unit: str) -> dict[str, Any]:
        return {"value": value, "unit": unit, "system": UCUM, "code": unit}

    parts = [("8462-4", "Diastolic Blood Pressure", 80), ("8480-6", "Systolic Blood Pressure", 120)]
    bundle.add(
        "Observation",
        status="final",
        category=[vital],
        code=concept(LOINC, "85354-9", "Blood pressure panel with all children optional"),
        **seen,
        effectiveDateTime=at(day),
        issued=f"{day.isoformat()}T09:30:00.123-05:00",
        component=[
            {
                "code": concept(LOINC, code, name),
                "valueQuantity": amount(usual + chance.randint(-9, 9), "mm[Hg]"),
            }
            for code, name, usual in parts
        ],
    )
    weight = bundle.add(
        "Observation",
        status="final",
        category=[vital],
        code=concept(LOINC, "29463-7", "Body Weight"),
        **seen,
        effectiveDateTime=at(day),
        issued=f"{day.isoformat()}T09:30:00.123-05:00",
        valueQuantity=amount(round(chance.uniform(50, 110), 1), "kg"),
    )
    bundle.add(
        "DiagnosticReport",
        status="final",
        category=[concept(LOINC, "34117-2", "History and physical note")],
        code=concept(LOINC, "34117-2", "History and physical note"),
        **seen,
        effectiveDateTime=at(day),
        issued=f"{day.isoformat()}T09:30:00.123-05:00",
        result=[{"reference": weight, "display": "Body Weight"}],
    )
    bundle.add(
        "Procedure",
        status="completed",
        code=concept(SNOMED, "430193006", "Medication Reconciliation (procedure)"),
        **seen,
        performedPeriod={"start": at(day), "end": at(day, 9, 45)},
    )
    if chance.random() < 0.4:
        drug = concept(RXNORM, "314076", "lisinopril 10 MG Oral Tablet")
        medication: dict[str, Any] = {"medicationCodeableConcept": drug}
        if chance.random() < 0.5:
            medication = {
                "medicationReference": {"reference": bundle.add("Medication", status="active", code=drug)}
            }
        daily = {"repeat": {"frequency": 1, "period": 1.0, "periodUnit": "d"}}
        dose = {"doseAndRate": [{"doseQuantity": {"value": 1.0}}]}
        bundle.add(
            "MedicationRequest",
            status="active",
            intent="order",
            **medication,
            **seen,
            authoredOn=at(day),
            dosageInstruction=[{"sequence": 1, "timing": daily, "asNeededBoolean": False, **dose}],
        )
    if chance.random() < 0.3:
        bundle.add(
            "Immunization",
            status="completed",
            vaccineCode=concept(CVX, "140", "Influenza, seasonal, injectable, preservative free"),
            patient=subject,
            encounter=encounter,
            occurrenceDateTime=at(day),
            primarySource=True,
        )
    product = concept(SNOMED, "162673000", "General examination of patient (procedure)")
    claim = bundle.add(
        "Claim",
        status="active",
        type=concept(f"{TERMS}claim-type", "professional", "Professional"),
        use="claim",
        patient=subject,
        billablePeriod={"start": at(day), "end": at(day, 10, 15)},
        created=at(day, 10, 15),
        provider={"reference": f"Organization?identifier={SYNTHEA}|hospital-1"},
        priority=concept(f"{TERMS}processpriority", "normal", "Normal"),
        insurance=[{"sequence": 1, "focal": True, "coverage": {"display": "Medicare"}}],
        item=[{"sequence": 1, "productOrService": product, "encounter": [encounter]}],
        total={"value": 129.16, "currency": "USD"},
    )
    referral = {"resourceType": "ServiceRequest", "id": "referral", "status": "completed", "intent": "order"}
    coverage = {
        "resourceType": "Coverage",
        "id": "coverage",
        "status": "active",
        "type": {"text": "Medicare"},
    }
    payer = {"display": "Medicare"}
    bundle.add(
        "ExplanationOfBenefit",
        contained=[
            {**referral, "subject": subject},
            {**coverage, "beneficiary": subject, "payor": [payer]},
        ],
        status="active",
        type=concept(f"{TERMS}claim-type", "professional", "Professional"),
        use="claim",
        patient=subject,
        billablePeriod={"start": at(day), "end": at(day, 10, 15)},
        created=at(day, 10, 15),
        insurer=payer,
        provider={"reference": f"Organization?identifier={SYNTHEA}|hospital-1"},
        referral={"reference": "#referral"},
        claim={"reference": claim},
        outcome="complete",
        insurance=[{"focal": True, "coverage": {"reference": "#coverage", "display": "Medicare"}}],
        total=[
            {
                "category": concept(f"{TERMS}adjudication", "submitted", "Submitted Amount"),
                "amount": {"value": 129.16, "currency": "USD"},
            }
        ],
        payment={"amount": {"value": 103.33, "currency": "USD"}},
    )


def one_patient(bundle: Bundle, number: int) -> dict[str, Any] | None:
    """A life; gives its line of the truth, None for who never had lung cancer."""
    chance = bundle.chance
    sex = chance.choice(["female", "male"])
    birth = dt.date(1930, 1, 1) + dt.timedelta(days=chance.randrange(365 * 30))
    first = dt.date(2004, 1, 5) + dt.timedelta(days=chance.randrange(365 * 10))
    ill = chance.random() < 0.7
    days = int(chance.expovariate(1 / (900 if sex == "female" else 600))) + 1
    followed = chance.randrange(200, 2200)
    died = ill and days <= followed + 120  # up to four months after the last visit
    last = first + dt.timedelta(days=min(followed, days - 1) if died else followed)
    subject = person(bundle, number, sex, birth, first + dt.timedelta(days=days) if died else None)
    before = visit(
        bundle, subject, first - dt.timedelta(days=90), ("162673000", "General examination of patient")
    )
    diagnosis(
        bundle,
        subject,
        before,
        first - dt.timedelta(days=90),
        ("59621000", "Essential hypertension (disorder)"),
    )
    here = visit(bundle, subject, first, ("185347001", "Encounter for problem"))
    routine(bundle, subject, here, first)
    if ill:
        icd = {
            "system": "http://hl7.org/fhir/sid/icd-10-cm",
            "code": "C34.90",
            "display": "Lung, unspecified",
        }
        diagnosis(bundle, subject, here, first, LUNG_CANCER, also=icd if chance.random() < 0.2 else None)
    elif chance.random() < 0.2:
        diagnosis(bundle, subject, here, first, LUNG_CANCER, verified="refuted")
    seen = first
    while seen < last:
        seen = min(last, seen + dt.timedelta(days=chance.randrange(150, 600)))
        here = visit(bundle, subject, seen, ("185349003", "Encounter for check up"))
        routine(bundle, subject, here, seen)
        if ill and chance.random() < 0.1:  # told again, later: not the first
            diagnosis(bundle, subject, here, seen, LUNG_CANCER)
    if not ill:
        return None
    stop = first + dt.timedelta(days=days) if died else seen
    line = {
        "sex": sex,
        "days": (stop - first).days,
        "died": int(died),
        "days_to_last_visit": (seen - first).days,
    }
    age = first.year - birth.year - ((first.month, first.day) < (birth.month, birth.day))
    return {"patient": bundle.entries[0]["resource"]["id"], **line, "age": age}


def main(folder: Path) -> None:
    """Write all of it."""
    chance = random.Random(20240229)
    place = folder / "fhir"
    place.mkdir(parents=True, exist_ok=True)
    hospitals = Bundle(chance)
    hospitals.add(
        "Organization",
        identifier=[{"system": SYNTHEA, "value": "hospital-1"}],
        active=True,
        name="HOSPITAL 1",
    )
    hospitals.write(place / "hospitalInformation.json")
    truth = []
    for number in range(1, PATIENTS + 1):
        bundle = Bundle(chance)
        if line := one_patient(bundle, number):
            truth.append(line)
        bundle.write(place / f"Given{number}_Family{number}.json")
    with (folder / "truth.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, truth[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(truth)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

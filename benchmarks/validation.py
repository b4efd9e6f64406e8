"""How fast resources are judged, beside fhir.resources alone, in one run.

::

    python benchmarks/validation.py [PATIENTS]

Makes a cohort of eight resources a patient (default 1,000 patients), judges it with
``fhir_blina.validate`` and with bare ``model_validate`` of fhir.resources R4B, best of three each.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from fhir.resources.R4B import get_fhir_model_class

from fhir_blina.validation.validation import validate

BASE = "https://fhir-blina.example"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"


def concept(system: str, code: str, text: str) -> dict[str, Any]:
    """A CodeableConcept with one coding."""
    return {"coding": [{"system": system, "code": code, "display": text}], "text": text}


def cohort(patients: int) -> list[dict[str, Any]]:
    """Valid resources of the shapes that cohorts are mapped to."""
    made: list[dict[str, Any]] = []
    for number in range(patients):
        name = f"bench-P{number}"

        def head(kind: str, what: str, name: str = name) -> dict[str, Any]:
            key = f"{name}-{what}" if what else name
            return {
                "resourceType": kind,
                "id": key,
                "meta": {
                    "security": [{"system": f"{TERMINOLOGY}/v3-Confidentiality", "code": "R"}],
                    "tag": [
                        {"system": f"{BASE}/CodeSystem/cohort", "code": "bench"},
                        {"system": f"{BASE}/CodeSystem/provenance-tag", "code": "synthetic-dates"},
                    ],
                },
                "identifier": [{"system": f"{BASE}/NamingSystem/resource-key", "value": key}],
            }

        day = {"extension": [{"url": f"{BASE}/StructureDefinition/study-day", "valueInteger": 15}]}
        timepoint = {
            "url": f"{BASE}/StructureDefinition/timepoint",
            "valueCoding": {"system": f"{BASE}/CodeSystem/timepoint", "code": "mid-treatment"},
        }
        subject = {"reference": f"Patient/{name}"}
        made.append({**head("Patient", ""), "gender": "male", "deceasedBoolean": False})
        made.append(
            {
                **head("Condition", "condition"),
                "clinicalStatus": concept(f"{TERMINOLOGY}/condition-clinical", "active", "Active"),
                "verificationStatus": concept(
                    f"{TERMINOLOGY}/condition-ver-status", "confirmed", "Confirmed"
                ),
                "category": [concept(f"{TERMINOLOGY}/condition-category", "problem-list-item", "Problem")],
                "code": concept("http://snomed.info/sct", "1", "disease"),
                "subject": subject,
            }
        )
        made.append(
            {
                **head("MedicationAdministration", "dose"),
                "status": "completed",
                "medicationCodeableConcept": concept("http://www.whocc.no/atc", "L01", "drug"),
                "subject": subject,
                "effectivePeriod": {"start": "2000-01-01", "end": "2000-01-28", "_start": day, "_end": day},
                "dosage": {
                    "text": "15 ug/d",
                    "rateQuantity": {
                        "value": Decimal("15.0"),
                        "unit": "ug/d",
                        "system": "http://unitsofmeasure.org",
                        "code": "ug/d",
                    },
                },
            }
        )
        made.extend(
            {
                **head("Observation", f"observation-{index}"),
                "extension": [timepoint],
                "status": "final",
                "category": [concept(f"{TERMINOLOGY}/observation-category", "laboratory", "Laboratory")],
                "code": concept("http://loinc.org", "26881-3", "Interleukin 6"),
                "subject": subject,
                "effectiveDateTime": "2000-01-15",
                "_effectiveDateTime": day,
                "valueQuantity": {
                    "value": Decimal("14.00"),
                    "unit": "pg/mL",
                    "system": "http://unitsofmeasure.org",
                    "code": "pg/mL",
                },
                "note": [{"text": "as printed"}],
            }
            for index in range(5)
        )
    return made


def best_seconds(task: Callable[[], object]) -> float:
    """Processor time of the fastest of three runs."""
    times = []
    for _ in range(3):
        start = time.process_time()
        task()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    """Print resources per second of both, and their ratio."""
    resources = cohort(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
    models = {kind: get_fhir_model_class(kind) for kind in {node["resourceType"] for node in resources}}
    if validate(resources):
        raise SystemExit("the made cohort is not valid")

    def bare() -> None:
        for node in resources:
            models[node["resourceType"]].model_validate(node)

    ours, theirs = best_seconds(lambda: validate(resources)), best_seconds(bare)
    count = len(resources)
    print(f"{count} resources, processor time of one core")
    print(f"fhir_blina.validate   {count / ours:8.0f} resources/s")
    print(f"fhir.resources alone  {count / theirs:8.0f} resources/s")
    print(f"time ratio            {ours / theirs:8.2f}")


if __name__ == "__main__":
    main()

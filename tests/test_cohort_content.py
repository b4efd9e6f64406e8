"""The published cohort against the paper: figures and words typed from it, not read from the CSVs."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fhir_blina.cohorts.codes import read_codes
from fhir_blina.cohorts.conformance import conformance_resources
from fhir_blina.cohorts.folder import Cohort, read_cohort
from fhir_blina.files import json as fhirjson
from fhir_blina.hapi import java
from fhir_blina.hapi.validator import validate_with_hapi
from fhir_blina.mapping.check import check_cohort
from fhir_blina.mapping.mapping import map_cohort
from fhir_blina.validation.validation import validate

Resource = dict[str, Any]

NAME = "cjcp2023"
BASE = "https://fhir-blina.example"
SCT = "http://snomed.info/sct"
TESTS = Path(__file__).parent
ROOT = TESTS.parent
PATIENTS = ("P1", "P2", "P3", "P4", "P5", "P6")


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return read_cohort(NAME)


@pytest.fixture(scope="module")
def store(cohort: Cohort) -> dict[str, Resource]:
    """Every resource by ``Type/id``."""
    resources = map_cohort(cohort).resources
    return {f"{one['resourceType']}/{one['id']}": one for one in resources}


def observation(store: dict[str, Resource], name: str) -> Resource:
    return store[f"Observation/{NAME}-{name}"]


def each(node: Any) -> Iterator[dict[str, Any]]:
    """Every object at or below a node."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from each(value)
    elif isinstance(node, list):
        for value in node:
            yield from each(value)


def coded(node: Any) -> Iterator[tuple[str, str, str | None]]:
    """System, code and display of every Coding and Quantity."""
    for one in each(node):
        if isinstance(one.get("system"), str) and isinstance(one.get("code"), str):
            yield one["system"], one["code"], one.get("display")


def codes_of(concept: Resource | None) -> list[str]:
    return [coding["code"] for coding in (concept or {}).get("coding", [])]


def tags(resource: Resource, system: str) -> set[str]:
    return {
        tag["code"]
        for tag in resource["meta"].get("tag", [])
        if tag["system"] == f"{BASE}/CodeSystem/{system}"
    }


def study_day(resource: Resource, element: str) -> int:
    extensions = resource[f"_{element}"]["extension"]
    return next(one["valueInteger"] for one in extensions if one["url"].endswith("/study-day"))


def read_csv(name: str) -> list[dict[str, str]]:
    with (TESTS / "data" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# -- counts ------------------------------------------------------------------------------------------


def test_resources_of_each_type(store: dict[str, Resource]) -> None:
    assert Counter(one["resourceType"] for one in store.values()) == {
        "Patient": 6,
        "ResearchStudy": 1,
        "ResearchSubject": 6,
        "Condition": 6 + 3,  # B-ALL; multiple organ failure, pneumonia, GVHD
        "MedicationAdministration": 9,
        "Procedure": 13 + 5 + 4,  # regimens, frontline of P2-P6, transplantations
        "Specimen": 15,
        "AdverseEvent": 5,
        "Group": 8,
        "Observation": 217,
    }


def test_check_finds_no_fault() -> None:
    assert check_cohort(NAME) == []
    assert check_cohort(NAME, profiles=["mcode"]) == []


def test_resources_and_definitions_are_valid(cohort: Cohort, store: dict[str, Resource]) -> None:
    definitions = conformance_resources(cohort)
    assert validate(definitions, definitions=definitions) == []
    assert validate(store.values(), definitions=definitions) == []
    claimed = map_cohort(cohort, profiles=["mcode"]).resources
    assert validate(claimed, definitions=definitions) == []


# -- Table 1 and Table 2 -----------------------------------------------------------------------------

#: Value (digits as printed), or what stands in its place.
BLASTS = {
    "pre-treatment": ("6.5", "95.0", "0", "15.0", "10.0", "78.0"),
    "post-treatment": ("未测", "未测", "0", "0", "0", "未测"),
}
FUSION = {
    "pre-treatment": ("14.00", "未测", "6.99", "4.50", "20.66", "NA"),
    "post-treatment": ("未测", "未测", "2.16", "0", "0", "NA"),
}
MARROW_MRD = {
    "pre-treatment": ("22.64", "78.30", "0.08", "8.37", "5.79", "66.37"),
    "post-treatment": (None, None, "骨髓阴性", "骨髓阴性", "骨髓阴性", "82.6"),
}
CD19 = {
    "pre-treatment": ("中等表达", "中等表达", "弱表达", "强表达", "中等表达", "中等表达"),
    "post-treatment": ("中等表达", "未测", "未测到", "未测到", "未测到", "中等表达"),
    "after-relapse": ("未复发", "未复发", "未复发", "未复发", "中等表达", "未复发"),
}


def said(resource: Resource) -> str:
    """The number with its digits, or the word in its place."""
    if "valueQuantity" in resource:
        return str(resource["valueQuantity"]["value"])
    return str((resource.get("dataAbsentReason") or resource["valueCodeableConcept"])["text"])


@pytest.mark.parametrize(
    ("measure", "printed"),
    [("blasts", BLASTS), ("fusion-transcript", FUSION), ("mrd", MARROW_MRD), ("cd19", CD19)],
    ids=["blasts", "fusion", "mrd", "cd19"],
)
def test_assessments_as_printed(
    store: dict[str, Resource], measure: str, printed: dict[str, tuple[str | None, ...]]
) -> None:
    for timepoint, cells in printed.items():
        for patient, cell in zip(PATIENTS, cells, strict=True):
            found = store.get(f"Observation/{NAME}-{patient}-{measure}-{timepoint}")
            assert (said(found) if found else None) == cell, (patient, timepoint)


def test_blood_is_never_in_marrow_mrd(store: dict[str, Resource]) -> None:
    found = {
        one["id"]: (
            str(one["valueQuantity"]["value"]),
            one["specimen"]["reference"],
            tags(one, "data-quality"),
        )
        for one in store.values()
        if one["resourceType"] == "Observation" and "pb-tumour-cell-percent" in codes_of(one["code"])
    }
    quality = {"blood-in-marrow-column"}
    assert found == {
        f"{NAME}-P1-pb-tumour-cells-post-treatment": (
            "92.3",
            f"Specimen/{NAME}-P1-peripheral-blood-day-14",
            quality,
        ),
        f"{NAME}-P2-pb-tumour-cells-post-treatment": (
            "35.0",
            f"Specimen/{NAME}-P2-peripheral-blood-day-22",
            quality,
        ),
    }


#: sex, age, disease status, BSA, response, CRS grade, follow-up, outcome
TABLE_1 = {
    "P1": ("男", "13", "难治", "1.36", "NR", 1, 91, "死亡"),
    "P2": ("男", "5", "复发", "0.78", "NR", 1, 32, "死亡"),
    "P3": ("女", "11", "复发", "1.67", "CR", 0, 126, "死亡"),
    "P4": ("女", "5", "复发", "0.73", "CR", 2, 267, "存活"),
    "P5": ("女", "10", "复发", "1.45", "CR", 2, 170, "复发"),
    "P6": ("男", "12", "复发", "0.90", "NR", 1, 52, "失访"),
}


@pytest.mark.parametrize("patient", PATIENTS)
def test_patient_as_printed(store: dict[str, Resource], patient: str) -> None:
    person = store[f"Patient/{NAME}-{patient}"]
    disease = store[f"Condition/{NAME}-{patient}-b-all"]
    followup = observation(store, f"{patient}-os-time")
    assert (
        person["_gender"]["extension"][0]["valueString"],
        str(observation(store, f"{patient}-age")["valueQuantity"]["value"]),
        disease["clinicalStatus"]["text"],
        str(observation(store, f"{patient}-body-surface-area")["valueQuantity"]["value"]),
        observation(store, f"{patient}-best-overall-response")["valueCodeableConcept"]["text"],
        observation(store, f"{patient}-crs-grade")["valueInteger"],
        followup["valueQuantity"]["value"],
        observation(store, f"{patient}-outcome-printed")["valueCodeableConcept"]["text"],
    ) == TABLE_1[patient]
    assert person["gender"] == {"男": "male", "女": "female"}[TABLE_1[patient][0]]
    assert "birthDate" not in person
    assert all(set(name) == {"extension"} for name in person["name"])


def test_dead_alive_and_unknown(store: dict[str, Resource]) -> None:
    patients = {name: store[f"Patient/{NAME}-{name}"] for name in PATIENTS}
    dates = {name: one.get("deceasedDateTime") for name, one in patients.items()}
    # 2000-01-01 + 91, 32, 126 days
    assert dates == {
        "P1": "2000-04-01",
        "P2": "2000-02-02",
        "P3": "2000-05-06",
        "P4": None,
        "P5": None,
        "P6": None,
    }
    assert {name: one.get("deceasedBoolean") for name, one in patients.items() if not dates[name]} == {
        "P4": False,
        "P5": False,
        "P6": None,
    }
    assert "_deceasedBoolean" not in patients["P6"]
    events = {
        name: [
            component.get("valueBoolean", codes_of(component.get("valueCodeableConcept")))
            for component in observation(store, f"{name}-os-time")["component"]
        ]
        for name in PATIENTS
    }
    alive = [False, ["alive-at-last-contact"]]
    lost = [False, ["lost-to-follow-up", "C48227", "399307001"]]
    assert events == {"P1": [True], "P2": [True], "P3": [True], "P4": alive, "P5": alive, "P6": lost}
    status = {name: store[f"ResearchSubject/{NAME}-{name}-enrolment"]["status"] for name in PATIENTS}
    assert {name for name, word in status.items() if word == "follow-up"} == {"P4", "P5"}


def test_causes_of_death(store: dict[str, Resource]) -> None:
    assert observation(store, "P1-cause-of-death")["valueCodeableConcept"]["text"] == "多脏器功能衰竭"
    assert observation(store, "P3-cause-of-death")["valueCodeableConcept"]["text"] == "重症肺炎"
    unknown = observation(store, "P2-cause-of-death")
    assert codes_of(unknown["dataAbsentReason"]) == ["unknown", "not-reported"]
    assert "valueCodeableConcept" not in unknown
    assert not [key for key in store if re.search(r"P[456]-cause-of-death", key)]


#: start, end, rate, unit, status
DOSING = {
    "P1-blinatumomab-step-1": (1, 7, "5", "ug/m2/d", "completed"),
    "P1-blinatumomab-step-2": (8, 14, "15", "ug/m2/d", "stopped"),
    "P2-blinatumomab-step-1": (1, 7, "5", "ug/m2/d", "completed"),
    "P2-blinatumomab-step-2": (8, 22, "15", "ug/m2/d", "stopped"),
    "P3-blinatumomab-step-1": (1, 28, "28", "ug/d", "completed"),
    "P4-blinatumomab-step-1": (1, 28, "15", "ug/d", "completed"),
    "P5-blinatumomab-step-1": (1, 28, "28", "ug/d", "completed"),
    "P6-blinatumomab-step-1": (1, 11, "9", "ug/d", "completed"),
    "P6-blinatumomab-step-2": (12, 24, "28", "ug/d", "stopped"),
}


def test_dosing_as_printed(store: dict[str, Resource]) -> None:
    steps = [one for one in store.values() if one["resourceType"] == "MedicationAdministration"]
    found = {
        one["id"].removeprefix(f"{NAME}-"): (
            study_day(one["effectivePeriod"], "start"),
            study_day(one["effectivePeriod"], "end"),
            str(one["dosage"]["rateQuantity"]["value"]),
            one["dosage"]["rateQuantity"]["code"],
            one["status"],
        )
        for one in steps
    }
    assert found == DOSING
    assert {one["id"][9:11] for one in steps if tags(one, "data-quality")} == {"P4", "P6"}
    assert all(bool(one.get("statusReason")) == (one["status"] == "stopped") for one in steps)
    assert all("dose" not in one["dosage"] for one in steps)
    assert all(
        one["partOf"] == [{"reference": f"MedicationAdministration/{one['id'][:-1]}1"}]
        for one in steps
        if one["id"].endswith("step-2")
    )
    assert not [one for one in steps if one["id"].endswith("step-1") and "partOf" in one]


def test_transplants_as_printed(store: dict[str, Resource]) -> None:
    days = {
        key.split("-")[1]: study_day(one, "performedDateTime")
        for key, one in store.items()
        if key.startswith("Procedure/") and key.endswith("-hsct")
    }
    assert days == {"P1": 14 + 70, "P3": 28 + 41, "P4": 28 + 40, "P5": 28 + 60}
    intervals = [said(observation(store, f"{name}-interval-to-hsct")) for name in PATIENTS]
    assert intervals == ["70", "NA", "41", "40", "60", "NA"]
    donors = [said(observation(store, f"{name}-donor-type")) for name in PATIENTS]
    assert donors == ["Haploid", "NA", "Haploid", "10/10 UCB", "8/10 UCB", "NA"]
    complications = [said(observation(store, f"{name}-post-hsct-complication")) for name in PATIENTS]
    assert complications == ["MOF", "NA", "感染", "无", "aGVHD", "NA"]
    hla = {
        name: [
            component["valueInteger"] for component in observation(store, f"{name}-hla-match")["component"]
        ]
        for name in ("P4", "P5")
    }
    assert hla == {"P4": [10, 10], "P5": [10, 8]}


#: The printed "+n d", and the study day.
EVENTS = {
    "P1-death-after-hsct": (7, 91),
    "P3-neutrophil-engraftment": (15, 84),
    "P3-platelet-engraftment": (28, 97),
    "P3-death-after-hsct": (58, 126),  # 69 + 58 = 127: the paper contradicts itself
    "P4-neutrophil-engraftment": (18, 86),
    "P4-platelet-engraftment": (33, 101),
    "P5-neutrophil-engraftment": (24, 112),
    "P5-platelet-engraftment": (33, 121),
    "P5-relapse-after-hsct": (70, 158),
}


def test_events_after_transplantation(store: dict[str, Resource]) -> None:
    for name, (day, on) in EVENTS.items():
        one = observation(store, name)
        assert one["valueQuantity"]["value"] == day, name
        assert study_day(one, "effectiveDateTime") == on, name
    for name, on in (("P4-donor-chimerism", 89), ("P5-donor-chimerism", 109)):
        one = observation(store, name)
        assert (one["valueQuantity"]["value"], one["component"][0]["valueQuantity"]["value"]) == (100, 21)
        assert study_day(one, "effectiveDateTime") == on
    assert observation(store, "P5-agvhd-grade")["valueInteger"] == 3
    assert said(observation(store, "P5-blasts-after-relapse")) == "88"


def test_counts_of_t_cells(store: dict[str, Resource]) -> None:
    values = {
        name: (one.get("comparator", ""), str(one["value"]), one["code"])
        for name in PATIENTS
        if (one := observation(store, f"{name}-t-cells").get("valueQuantity"))
    }
    assert values == {
        "P2": ("<", "150", "/uL"),
        "P4": (">", "480", "/uL"),
        "P5": (">", "480", "/uL"),
        "P6": ("", "212", "/uL"),
    }
    for name in ("P1-t-cells", "P3-t-cells", "P1-il-6"):
        one = observation(store, name)
        assert (one["status"], codes_of(one["dataAbsentReason"])) == ("cancelled", ["not-performed"])


def test_genes(store: dict[str, Resource]) -> None:
    found: dict[str, list[str]] = {}
    for one in store.values():
        if "-variant-" not in one["id"]:
            continue
        genes = [
            coding["display"]
            for component in one.get("component", [])
            for coding in component["valueCodeableConcept"]["coding"]
            if coding["system"] == "http://www.genenames.org"
        ]
        found.setdefault(one["id"][9:11], []).append("::".join(genes))
    assert found == {
        "P1": ["EBF1::PDGFRB", "TP53"],
        "P2": ["CREBBP::SLC9A5", "NRAS"],
        "P3": ["BCR::ABL1", "RUNX1"],
        "P4": ["KMT2A::SEPTIN6", ""],
        "P5": ["TCF3::PBX1", "CDKN2A", "IKZF2", "PHF6"],
        "P6": ["", "PTPN11", "TP53", "RAD21"],
    }
    for name in ("P4-variant-mutation-1", "P6-variant-fusion-1"):
        assert codes_of(observation(store, name)["valueCodeableConcept"]) == ["LA9634-2"]
    deletion = observation(store, "P5-variant-mutation-1")
    assert "SO:0000159" in {code for _, code, _ in coded(deletion["component"])}


#: What the paper names, and the letters of one meaning.
DRUGS = {
    "VDLD": "vincristine daunorubicin pegaspargase dexamethasone",
    "CAM": "cyclophosphamide cytarabine mercaptopurine",
    "CAMVP": "cyclophosphamide cytarabine mercaptopurine vincristine pegaspargase",
    "Dasa+Ven": "dasatinib venetoclax",
    "VILD": "idarubicin",
    "Dasa+HAG": "dasatinib omacetaxine cytarabine filgrastim",
    "Ven+VLP": "venetoclax prednisone",
    "Ven+ALD": "venetoclax cytarabine",
    "As2O3": "arsenic",
    "CD19 CAR-T": "",
    "VMLD": "mitoxantrone",
    "VD+Dasa": "vincristine dexamethasone dasatinib",
}


def test_prior_regimens(store: dict[str, Resource]) -> None:
    regimens: dict[str, list[str]] = {}
    for one in store.values():
        if "-regimen-" in one["id"]:
            label = one["code"]["text"]
            regimens.setdefault(one["id"][9:11], []).append(label)
            drugs = [concept["coding"][0]["display"].split()[0] for concept in one.get("usedCode", [])]
            assert " ".join(drugs) == DRUGS[label]
            assert ("category" in one) == (label not in {"As2O3", "CD19 CAR-T"})
    assert regimens == {
        "P1": ["VDLD", "CAM", "CAMVP", "Dasa+Ven"],
        "P2": ["VILD", "Dasa+HAG", "Ven+VLP", "Ven+ALD", "As2O3", "CD19 CAR-T", "VMLD"],
        "P3": ["VD+Dasa"],
        "P5": ["VMLD"],
    }
    frontline = {key.split("-")[1] for key in store if key.endswith("-frontline")}
    assert frontline == {"P2", "P3", "P4", "P5", "P6"}


# -- what is not a number ----------------------------------------------------------------------------


def test_seven_kinds_of_missing_stay_apart(store: dict[str, Resource]) -> None:
    def kind(name: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        one = observation(store, name)
        value = tuple(codes_of(one.get("valueCodeableConcept")))
        return one["status"], value, tuple(codes_of(one.get("dataAbsentReason")))

    kinds = {
        "not tested": kind("P1-blasts-post-treatment"),
        "not detected": kind("P3-cd19-post-treatment"),
        "negative": kind("P3-mrd-post-treatment"),
        "not applicable": kind("P6-fusion-transcript-pre-treatment"),
        "not relapsed": kind("P3-cd19-after-relapse"),
        "none": kind("P4-post-hsct-complication"),
        "not reported": kind("P2-cause-of-death"),
    }
    assert kinds == {
        "not tested": ("cancelled", (), ("not-performed",)),
        "not detected": ("final", ("not-detected", "260415000"), ()),
        "negative": ("final", ("260385009",), ()),
        "not applicable": ("final", (), ("not-applicable",)),
        "not relapsed": ("final", (), ("not-applicable", "not-relapsed")),
        "none": ("final", ("none-printed",), ()),
        "not reported": ("final", (), ("unknown", "not-reported")),
    }
    assert len(set(kinds.values())) == 7
    # A measured zero is none of them.
    zero = observation(store, "P4-fusion-transcript-post-treatment")
    assert (zero["valueQuantity"]["value"], "dataAbsentReason" in zero) == (0, False)


def test_words_without_a_number(store: dict[str, Resource]) -> None:
    fallen = observation(store, "P4-mrd-mid-treatment")
    assert fallen["valueCodeableConcept"] == {"text": "显著减低"}
    again = observation(store, "P5-fusion-transcript-off-treatment")
    assert codes_of(again["valueCodeableConcept"]) == ["10828004"]
    assert study_day(again, "effectiveDateTime") == 40
    assert f"Observation/{NAME}-P4-mrd-status-mid-treatment" not in store


def test_derived_mrd_status(store: dict[str, Resource]) -> None:
    negative, positive = "C124428", "C124432"
    found = {
        one["id"].removeprefix(f"{NAME}-").replace("-mrd-status", ""): codes_of(one["valueCodeableConcept"])[
            0
        ]
        for one in store.values()
        if "-mrd-status-" in one["id"]
    }
    assert found == {f"{name}-pre-treatment": positive for name in PATIENTS} | {
        "P3-post-treatment": negative,
        "P4-post-treatment": negative,
        "P5-post-treatment": negative,
        "P6-post-treatment": positive,
        "P5-mid-treatment": negative,
        "P3-post-hsct": negative,
        "P5-post-hsct": negative,
    }


def test_debulking_therapy_of_three(store: dict[str, Resource]) -> None:
    found = {
        name: codes_of(one.get("valueCodeableConcept")) or codes_of(one["dataAbsentReason"])
        for name in PATIENTS
        if (one := observation(store, f"{name}-prior-debulking"))
    }
    given, none = ["LA9633-4"], ["none-printed"]
    assert found == {"P1": ["not-applicable"], "P2": given, "P3": given, "P4": none, "P5": given, "P6": none}


# -- tags, labels and dates --------------------------------------------------------------------------


def test_what_the_paper_contradicts_is_tagged(store: dict[str, Resource]) -> None:
    tagged: dict[str, set[str]] = {}
    for one in store.values():
        for code in tags(one, "data-quality"):
            tagged.setdefault(code, set()).add(one["id"].removeprefix(f"{NAME}-"))
    assert tagged == {
        "dose-unit-contradicts-protocol": {
            "P4-blinatumomab-step-1",
            "P6-blinatumomab-step-1",
            "P6-blinatumomab-step-2",
        },
        "day-sum-mismatch": {"P3", "P3-os-time", "P3-death-after-hsct"},
        "table-text-mismatch": {
            "P3-mrd-post-treatment",
            "P4-mrd-post-treatment",
            "P5-mrd-post-treatment",
            "P3-pneumonia",
            "P3-post-hsct-complication",
        },
        "blood-in-marrow-column": {"P1-pb-tumour-cells-post-treatment", "P2-pb-tumour-cells-post-treatment"},
        "not-applicable-printed-as-negative": {
            "P1-cd19-after-relapse",
            "P2-cd19-after-relapse",
            "P6-cd19-after-relapse",
        },
        "not-reproducible": {"group-crs-grade-1-il6-fold-change", "group-crs-grade-2-il6-fold-change"},
    }


def test_security_labels(store: dict[str, Resource]) -> None:
    genetic = set()
    for key, one in store.items():
        labels = {label["code"] for label in one["meta"]["security"]}
        assert labels >= {"R", "PSEUDED", "HRESCH"}
        if "GDIS" in labels:
            genetic.add(key)
    assert genetic == {key for key in store if "-variant-" in key or "-fusion-transcript-" in key}


def test_every_synthetic_date_says_so(store: dict[str, Resource]) -> None:
    for key, one in store.items():
        dated = any(
            extension["url"].endswith("/study-day")
            for node in each(one)
            for extension in node.get("extension", [])
        )
        assert ("synthetic-dates" in tags(one, "provenance-tag")) == dated, key


def test_days_of_the_assessment_after_treatment(store: dict[str, Resource]) -> None:
    days = {}
    for name in PATIENTS:
        one = observation(store, f"{name}-cd19-post-treatment")
        days[name] = study_day(one, "effectiveDateTime")
        assert "derived" in tags(one, "provenance-tag")
    assert days == {"P1": 14, "P2": 22, "P3": 29, "P4": 29, "P5": 29, "P6": 24}


# -- groups ------------------------------------------------------------------------------------------


def test_groups_have_the_members_that_the_text_names(store: dict[str, Resource]) -> None:
    found = {
        key.removeprefix(f"Group/{NAME}-group-"): " ".join(
            member["entity"]["reference"].removeprefix(f"Patient/{NAME}-") for member in one["member"]
        )
        for key, one in store.items()
        if key.startswith("Group/")
    }
    assert found == {
        "cohort": "P1 P2 P3 P4 P5 P6",
        "relapsed": "P2 P3 P4 P5 P6",
        "cr": "P3 P4 P5",
        "nr": "P1 P2 P6",
        "crs-any": "P1 P2 P4 P5 P6",
        "crs-grade-1": "P1 P2 P6",
        "crs-grade-2": "P4 P5",
        "t-cell-pair": "P4 P5",
    }
    assert all(
        one["quantity"] == len(one["member"]) for one in store.values() if one["resourceType"] == "Group"
    )


#: Components in order: median, minimum, maximum, or count and denominator.
GROUP_FACTS = {
    "relapsed-relapse-interval": ["30", "9", "60"],
    "relapsed-relapse-timing-very-early": ["1", "5"],
    "relapsed-relapse-timing-early": ["3", "5"],
    "relapsed-relapse-timing-late": ["1", "5"],
    "relapsed-relapse-site-marrow": ["4", "5"],
    "relapsed-relapse-site-marrow-and-cns": ["1", "5"],
    "crs-any-crs-onset": ["7", "24"],
    "crs-grade-1-il6-fold-change": ["12.1", "1.6", "34.7"],
    "crs-grade-2-il6-fold-change": ["563.0", "75.8", "1613.2"],
    "crs-grade-1-fever-duration": ["2"],
    "t-cell-pair-tcell-fold-change": ["0.8", "1.8"],
}


def test_facts_of_groups(store: dict[str, Resource]) -> None:
    for name, figures in GROUP_FACTS.items():
        components = observation(store, f"group-{name}")["component"]
        found = [
            str(one["valueInteger"] if "valueInteger" in one else one["valueQuantity"]["value"])
            for one in components
        ]
        assert found == figures, name


def test_adverse_events_of_the_cohort(store: dict[str, Resource]) -> None:
    found: dict[str, set[str]] = {}
    for key, one in store.items():
        if key.startswith(f"Observation/{NAME}-group-cohort-ae-"):
            numbers = [part["valueInteger"] for part in one["component"] if "valueInteger" in part]
            kind = f"{codes_of(one['valueCodeableConcept'])[0]} {numbers}"
            found.setdefault(kind, set()).add(key.rsplit("-ae-")[1])
    assert found == {
        "LA9634-2 [0, 6]": {
            "tumour-lysis-syndrome",
            "neurological",
            "severe-infection",
            "major-organ-damage",
        },
        "LA9634-2 []": {"haematological"},
        "LA9633-4 []": {
            "fever",
            "hypotension",
            "anorexia",
            "nausea-vomiting",
            "transaminases-raised",
            "creatinine-raised",
        },
    }
    assert sorted(key[-6:-4] for key in store if key.startswith("AdverseEvent/")) == [
        "P1",
        "P2",
        "P4",
        "P5",
        "P6",
    ]


# -- codes -------------------------------------------------------------------------------------------


def every_code(cohort: Cohort) -> set[tuple[str, str]]:
    """Codes of codes.csv, of the manifest, and of every resource with each option on."""
    found = {
        (coding["system"], coding["code"])
        for words in cohort.codes.maps.values()
        for codings in words.values()
        for coding in codings
    }
    resources = map_cohort(cohort, profiles=["mcode"]).resources
    return found | {(system, code) for system, code, _ in coded(resources)}


def test_no_rejected_code(cohort: Cohort) -> None:
    rejected = {(row["system"], row["code"]) for row in read_csv("codes_rejected.csv")}
    assert len(rejected) == 16
    assert not every_code(cohort) & rejected


def test_every_code_is_verified_or_defined(cohort: Cohort) -> None:
    verified = {(row["system"], row["code"]) for row in read_csv("verified_codes.csv")}
    defined = {
        (one["url"], concept["code"])
        for one in conformance_resources(cohort)
        if one["resourceType"] == "CodeSystem"
        for concept in one["concept"]
    }
    own = {(f"{BASE}/CodeSystem/cohort", NAME)}
    assert every_code(cohort) - verified - defined == own


def test_displays_of_own_codes_are_those_of_the_code_systems(cohort: Cohort) -> None:
    displays = {
        (one["url"], concept["code"]): concept["display"]
        for one in conformance_resources(cohort)
        if one["resourceType"] == "CodeSystem"
        for concept in one["concept"]
    }
    compared = 0
    for words in cohort.codes.maps.values():
        for codings in words.values():
            for coding in codings:
                if coding["system"].startswith(BASE):
                    assert coding["display"] == displays[coding["system"], coding["code"]]
                    compared += 1
    assert compared > 100


def test_shared_profiles_name_no_cohort() -> None:
    for path in (ROOT / "mappings" / "profiles").glob("*.json"):
        text = path.read_text("utf-8").replace(BASE, "").lower()
        assert not re.search(r"cjcp|blina|cd19|ebf1|pdgfrb|p[1-6]\b", text), path.name
        one = fhirjson.loads(path.read_text("utf-8"))
        assert path.name == f"{one['resourceType']}-{one['id']}.json"
        assert one["url"] == f"{BASE}/{one['resourceType']}/{one['id']}"


def test_without_snomed_ct_nothing_breaks(cohort: Cohort) -> None:
    findings: list[Any] = []
    codes = read_codes(cohort.codes.path, cohort.systems, frozenset({"sct"}), findings)
    resources = map_cohort(replace(cohort, codes=codes)).resources
    assert findings == []
    assert SCT not in {system for system, _, _ in coded(resources)}
    assert validate(resources, definitions=conformance_resources(cohort)) == []


# -- HAPI --------------------------------------------------------------------------------------------


@pytest.mark.hapi
def test_hapi_finds_no_error_and_no_unlisted_warning(
    cohort: Cohort, store: dict[str, Resource], tmp_path: Path
) -> None:
    if absent := java.missing():
        pytest.skip(absent)
    data, profiles = tmp_path / "data", tmp_path / "profiles"
    data.mkdir()
    profiles.mkdir()
    lines = [fhirjson.dumps(one) for one in store.values()]
    (data / "all.ndjson").write_text("\n".join(lines) + "\n", "utf-8")
    for number, one in enumerate(conformance_resources(cohort)):
        (profiles / f"{number}.json").write_text(fhirjson.dumps(one), "utf-8")
    findings = validate_with_hapi(data, [profiles], values=True)
    assert [finding for finding in findings if finding.severity in {"fatal", "error"}] == []
    listed = {re.compile(row["pattern"]): row["reason"] for row in read_csv("hapi_warnings.csv")}
    warnings = [finding.diagnostics for finding in findings if finding.severity == "warning"]
    assert [text for text in warnings if not any(pattern.search(text) for pattern in listed)] == []
    assert [pattern.pattern for pattern in listed if not any(map(pattern.search, warnings))] == []
    assert all(listed.values())

"""Reading EHRs: one patient and one type after the other, by GET, by category, without totals."""

from __future__ import annotations

import json
import re

import pytest

from fhir_blina.cli.parser import main
from fhir_blina.errors import StoreRefused
from fhir_blina.store.rest import RestStore, read_patients
from tests.fake_fhir import BASE, FakeFhir, Refused, resource
from tests.fault_proxy import served

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


class Ehr(FakeFhir):
    """By what is known of Epic: no search by POST, none without a patient, Observations by category only."""

    def __init__(self, **more):
        super().__init__(
            software="Epic", posts_searches=False, counts=False, exports=False, bundle="", page=2, **more
        )
        self.asked = []

    def metadata(self):
        said = super().metadata()
        for part in said["rest"][0]["resource"]:
            if part["type"] in {"Observation", "Condition"}:
                part["searchParam"] += [{"name": name, "type": "token"} for name in ("patient", "category")]
        return said

    def matches(self, kind, params):
        asked = {name: value for name, value in params if not name.startswith("_")}
        if "patient" not in asked:
            raise Refused(400, "a search needs a patient")
        if kind == "Observation" and "category" not in asked:
            raise Refused(400, "a search of Observation needs a category")
        self.asked.append((kind, asked))
        return [
            key
            for key, one in sorted(self.held.items())
            if key.startswith(f"{kind}/")
            and one["subject"]["reference"] == f"Patient/{asked['patient']}"
            and asked.get("category", "") in json.dumps(one.get("category", [{"code": ""}]))
        ]

    def address(self, kind, params):
        return f"{self.host}/{kind}?" + "&".join(f"{name}={value}" for name, value in params)


def hospital():
    fake = Ehr()
    for patient in ("a", "b", "c"):
        subject = {"reference": f"Patient/{patient}"}
        found = [resource("Patient", patient), resource("Condition", f"{patient}-1", subject=subject)]
        for number, codes in enumerate((["laboratory"], ["laboratory"], ["laboratory", "exam"], ["exam"])):
            category = [{"coding": [{"system": CATEGORY, "code": code}]} for code in codes]
            found.append(resource("Observation", f"{patient}-{number}", subject=subject, category=category))
        for one in found:
            one["meta"] = {}
            fake.put(f"{one['resourceType']}/{one['id']}", one, fake.held)
    return fake


def ids(folder, kind):
    return [json.loads(line)["id"] for line in (folder / f"{kind}.ndjson").read_text().splitlines()]


def test_patients_are_read_one_after_the_other_and_observations_by_category(tmp_path):
    fake = hospital()
    store = RestStore(BASE, client=fake.client(), sleep=lambda _: None)
    done = store.pull(tmp_path / "out", patients=["a", "c"], types=["Patient", "Condition", "Observation"])
    assert done.counts == {"Condition": 2, "Observation": 8, "Patient": 2}  # in two categories, and once here
    assert ids(done.folder, "Observation") == [f"{one}-{number}" for one in "ac" for number in range(4)]
    assert {asked["patient"] for _, asked in fake.asked} == {"a", "c"}
    categories = {asked.get("category") for kind, asked in fake.asked if kind == "Observation"}
    assert len(categories) == 9
    assert "twice" in done.certificate["compared_with"]
    assert "2 patients" in done.certificate["query"]
    assert not re.search(r"Patient/[ac]|patient=", json.dumps(done.certificate))
    assert any("its parameters went in the address" in note for note in done.notes)
    assert [one for one in fake.requests if one.method == "POST"] == []  # the profile says that none is taken


def test_a_category_that_is_asked_for_is_the_only_one(tmp_path):
    fake = hospital()
    store = RestStore(BASE, client=fake.client(), sleep=lambda _: None)
    done = store.pull(tmp_path / "out", patients=["b"], params={"Observation": {"category": "exam"}})
    assert done.counts == {"Observation": 2}


def test_what_is_of_no_patient_is_named(tmp_path):
    store = RestStore(BASE, client=hospital().client(), sleep=lambda _: None)
    done = store.pull(tmp_path / "out", patients=["a"])
    (note,) = (note for note in done.notes if "of no patient" in note)
    assert "ResearchStudy" in note
    assert "Condition" not in note


def test_a_patient_who_is_not_there_is_an_error_without_the_id(tmp_path):
    store = RestStore(BASE, client=hospital().client(), sleep=lambda _: None)
    with pytest.raises(StoreRefused, match="no patient of the id number 2") as refused:
        store.pull(tmp_path / "out", patients=["a", "secret-1"])
    assert "secret" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_patients_are_not_chosen_beside_a_cohort(tmp_path):
    store = RestStore(BASE, client=hospital().client())
    with pytest.raises(StoreRefused, match="in place of a cohort or a Group"):
        store.pull(tmp_path / "out", patients=["a"], cohort="tiny")


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "holds no id"), ("a\na\n", "number 2 is none, or stands there twice"), ("a\n../x\n", "number 2")],
)
def test_a_file_of_patients_is_read_strictly(tmp_path, text, said):
    path = tmp_path / "patients.txt"
    path.write_text(text)
    with pytest.raises(StoreRefused, match=said):
        read_patients(path)
    with pytest.raises(StoreRefused, match="is not readable"):
        read_patients(tmp_path / "absent")


def test_the_command_line_takes_a_file_of_patients(tmp_path, capsys):
    (tmp_path / "patients.txt").write_text("Patient/a\n\nb\n")
    with served(hospital()) as url:
        out = tmp_path / "out"
        arguments = ["pull", "--store", url, "--out", str(out), "--patients", str(tmp_path / "patients.txt")]
        assert main([*arguments, "--types", "Patient,Observation"]) == 0
    assert ids(out / "fhir", "Patient") == ["a", "b"]
    assert len(ids(out / "fhir", "Observation")) == 8
    capsys.readouterr()

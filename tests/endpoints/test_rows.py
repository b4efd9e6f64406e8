"""Which resources a table is of, and where its further codings stand, told by names."""

from __future__ import annotations

import json

import pytest

from fhir_blina.endpoints.facts import Facts
from fhir_blina.endpoints.reading import read_endpoints
from fhir_blina.endpoints.rows import THINGS, type_behind
from fhir_blina.views.loading import load_views
from fhir_blina.views.tables import read_tables, views_folder

VIEWS = load_views(views_folder())
OF_PARTS = ("_codes", "_codings", "_tags", "_members", "_dosages", "_items", "_totals", "_results", "_stages")
MAIN = {
    name: view
    for name, view in VIEWS.items()
    if view.one_row_each and not name.endswith(OF_PARTS) and name != "group_members"
}


@pytest.mark.parametrize("name", MAIN)
def test_a_table_tells_the_type_and_the_key_of_its_resources(name):
    assert type_behind(name) == (MAIN[name].resource, MAIN[name].columns[0].name)


@pytest.mark.parametrize("name", [name for name in VIEWS if name.endswith("_codings")])
def test_each_table_of_codings_belongs_to_a_table_with_its_key(name):
    columns = [column.name for column in VIEWS[name].columns]
    thing = name.removesuffix("_codings").removesuffix("_medication").removesuffix("_value")
    (table,) = [one for one in MAIN if (THINGS.get(one) or one.removesuffix("s")) == thing]
    assert columns[0] == type_behind(table)[1]
    assert {"system", "code"} <= set(columns)


def test_a_drug_is_found_however_a_prescription_names_it(tmp_path):
    """Beside the prescription, in another file, contained in it, by a second coding; and not where it is another."""
    paclitaxel = {"coding": [{"system": "local", "code": "x"}, {"system": "atc", "code": "L01CD01"}]}
    others = {"coding": [{"system": "atc", "code": "L02BG03"}]}
    inside = {"resourceType": "Medication", "id": "m", "code": paclitaxel}
    named = {
        "coded": {"medicationCodeableConcept": paclitaxel},
        "other": {"medicationCodeableConcept": others},
        "elsewhere": {"medicationReference": {"reference": "Medication/shelf"}},
        "contained": {"medicationReference": {"reference": "#m"}, "contained": [inside]},
        "another": {"medicationReference": {"reference": "Medication/aside"}},
        "nowhere": {"medicationReference": {"display": "Paclitaxel"}},
    }
    lines = [{**inside, "id": "shelf"}, {"resourceType": "Medication", "id": "aside", "code": others}]
    for name, drug in named.items():
        lines.append({"resourceType": "Patient", "id": name})
        request = {
            "resourceType": "MedicationRequest",
            "id": f"r-{name}",
            "subject": {"reference": f"Patient/{name}"},
        }
        lines.append({**request, **drug, "status": "active", "intent": "order"})
    (tmp_path / "all.ndjson").write_text("".join(json.dumps(one) + "\n" for one in lines))
    (
        tmp_path / "endpoints.yaml"
    ).write_text("""subjects: {table: patients, key: patient_id, label: patient_id}
systems: {atc: atc}
sets: {given: {table: medication_requests, where: {medication_system: atc, medication_code: L01CD01}}}
endpoints: {}
""")
    facts = Facts(read_tables(tmp_path), read_endpoints(tmp_path / "endpoints.yaml"))
    assert set(facts.members("given")) == {"coded", "elsewhere", "contained"}

"""Files as people have them: every form gives the same resources, and nothing is left without a word."""

import gzip
import json
from pathlib import Path

import pytest

from fhir_blina.errors import StoreIncomplete
from fhir_blina.gathering import gather, is_plain, plainly
from fhir_blina.r4 import R4

PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "gender": "female",
    "identifier": [{"system": "urn:clinic", "value": "77"}],
}
CONDITION = {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}}
BOTH = [PATIENT, CONDITION]


def lines(*resources) -> str:
    return "".join(json.dumps(one) + "\n" for one in resources)


def bundle(*resources, kind="collection", **more) -> dict:
    entries = [
        {"fullUrl": f"urn:uuid:{one.get('id', place)}", "resource": one}
        for place, one in enumerate(resources)
    ]
    return {"resourceType": "Bundle", "type": kind, "entry": entries, **more}


def gathered(source: Path, tmp_path: Path, **how):
    folder = tmp_path / "gathered"
    folder.mkdir()
    found = gather(source, folder, R4, **how)
    held = {
        f"{one['resourceType']}/{one['id']}": one
        for path in folder.glob("*.ndjson")
        for one in map(json.loads, path.read_text().splitlines())
    }
    return found, held


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


def several_files(folder):
    (folder / "Patient.000.ndjson").write_text(lines(PATIENT))
    (folder / "Patient.001.ndjson").write_text(lines({**PATIENT, "id": "p2"}))
    (folder / "Condition.000.ndjson").write_text(lines(CONDITION))


def packed(folder):
    (folder / "all.ndjson.gz").write_bytes(gzip.compress(lines(*BOTH).encode()))
    (folder / "p.json.gz").write_bytes(gzip.compress(json.dumps({**PATIENT, "id": "p2"}).encode()))


def deep(folder):
    place = folder / "2026" / "one"
    place.mkdir(parents=True)
    (place / "patient.json").write_text(json.dumps(PATIENT, indent=2))
    (folder / "2026" / "c.json").write_text("\ufeff" + json.dumps(CONDITION))
    (folder / "p2.json").write_text(json.dumps({**PATIENT, "id": "p2"}))


def one_bundle(folder):
    (folder / "b.json").write_text(json.dumps(bundle(*BOTH, {**PATIENT, "id": "p2"}), indent=1))


def bundles_by_line(folder):
    (folder / "bundles.ndjson").write_text(lines(bundle(*BOTH), bundle({**PATIENT, "id": "p2"})))


def a_bundle_in_a_bundle(folder):
    inner = bundle(*BOTH, kind="searchset")
    (folder / "b.json").write_text(json.dumps(bundle(inner, {**PATIENT, "id": "p2"})))


def without_a_last_line_end(folder):
    (folder / "x.ndjson").write_text(lines(*BOTH, {**PATIENT, "id": "p2"}).rstrip("\n"))


FORMS = [
    several_files,
    packed,
    deep,
    one_bundle,
    bundles_by_line,
    a_bundle_in_a_bundle,
    without_a_last_line_end,
]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_resources(form, source, tmp_path):
    form(source)
    found, held = gathered(source, tmp_path)
    assert held == {"Patient/p1": PATIENT, "Patient/p2": {**PATIENT, "id": "p2"}, "Condition/c1": CONDITION}
    assert found.counts == {"Condition": 1, "Patient": 2}
    assert not found.rejected
    assert not is_plain(source, R4)


def test_a_file_alone_can_be_given(tmp_path):
    path = tmp_path / "b.json"
    path.write_text(json.dumps(bundle(*BOTH)))
    assert gathered(path, tmp_path)[0].counts == {"Condition": 1, "Patient": 1}


def test_a_transaction_without_ids_is_resolved_by_its_full_urls(tmp_path):
    """Synthea's usual form: POST entries whose references are the full URLs of others."""
    patient = {"resourceType": "Patient", "gender": "male"}
    condition = {"resourceType": "Condition", "subject": {"reference": "urn:uuid:0a-1"}}
    stated = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": "urn:uuid:0a-1",
                "resource": patient,
                "request": {"method": "POST", "url": "Patient"},
            },
            {"fullUrl": "urn:uuid:0a-2", "resource": condition, "request": {"method": "POST"}},
        ],
    }
    path = tmp_path / "b.json"
    path.write_text(json.dumps(stated))
    found, held = gathered(path, tmp_path)
    assert held["Condition/0a-2"]["subject"] == {"reference": "Patient/0a-1"}
    assert found.given == {"Condition": 1, "Patient": 1}
    assert found.resolved == {"urn": 1}
    assert not found.unresolved


def test_urns_in_ndjson_are_ids_of_what_is_there(source, tmp_path):
    """Bundles split into NDJSON keep their URNs; the uuid is the id."""
    (source / "Patient.ndjson").write_text(lines({"resourceType": "Patient", "id": "aa-1"}))
    (source / "Condition.ndjson").write_text(
        lines(
            {**CONDITION, "subject": {"reference": "urn:uuid:aa-1"}},
            {**CONDITION, "id": "c2", "subject": {"reference": "urn:uuid:nobody"}},
        )
    )
    found, held = gathered(source, tmp_path)
    assert held["Condition/c1"]["subject"] == {"reference": "Patient/aa-1"}
    assert held["Condition/c2"]["subject"] == {"reference": "urn:uuid:nobody"}
    assert (found.resolved, found.unresolved) == ({"urn": 1}, {"urn": 1})


def test_a_uuid_that_two_types_share_names_neither(tmp_path):
    path = tmp_path / "x.ndjson"
    shared = [{"resourceType": kind, "id": "a"} for kind in ("Patient", "Group")]
    path.write_text(lines(*shared, {**CONDITION, "subject": {"reference": "urn:uuid:a"}}))
    assert gathered(path, tmp_path)[0].unresolved == {"urn": 1}


def test_a_conditional_reference_is_resolved_by_the_identifier(tmp_path):
    path = tmp_path / "x.ndjson"
    conditional = {"reference": "Patient?identifier=urn:clinic|77"}
    unknown = {**CONDITION, "id": "c2", "subject": {"reference": "Patient?name=x"}}
    path.write_text(lines(PATIENT, {**CONDITION, "subject": conditional}, unknown))
    found, held = gathered(path, tmp_path)
    assert held["Condition/c1"]["subject"] == {"reference": "Patient/p1"}
    assert (found.resolved, found.unresolved) == ({"conditional": 1}, {"conditional": 1})


def test_for_tables_identifiers_and_contained_resources_have_a_key_too(tmp_path):
    given = {
        "resourceType": "MedicationAdministration",
        "id": "m1",
        "contained": [
            {"resourceType": "Medication", "id": "med", "code": {"text": "aspirin"}},
            {"resourceType": "Patient", "id": "who"},
        ],
        "medicationReference": {"reference": "#med"},
        "subject": {"identifier": {"system": "urn:clinic", "value": "77"}},
        "performer": [{"actor": {"reference": "#who"}}],
    }
    path = tmp_path / "x.ndjson"
    path.write_text(lines(PATIENT, given))
    found, held = gathered(path, tmp_path, keyed=True)
    assert held["MedicationAdministration/m1"]["medicationReference"] == {"reference": "Medication/m1.med"}
    assert held["MedicationAdministration/m1"]["subject"]["reference"] == "Patient/p1"
    assert held["Medication/m1.med"]["code"] == {"text": "aspirin"}
    assert [key for key in held if key.startswith("Patient/")] == ["Patient/p1"]  # nobody is counted twice
    assert found.counts == {"MedicationAdministration": 1, "Patient": 1}
    assert found.contained == {"Medication": 1}
    assert found.unresolved == {"contained": 1}


def test_what_is_to_be_stored_is_left_as_it_is(tmp_path):
    given = {
        **CONDITION,
        "contained": [{"resourceType": "Practitioner", "id": "x"}],
        "asserter": {"reference": "#x"},
        "subject": {"identifier": {"system": "urn:clinic", "value": "77"}},
    }
    path = tmp_path / "x.ndjson"
    path.write_text(lines(PATIENT, given))
    assert gathered(path, tmp_path)[1] == {"Patient/p1": PATIENT, "Condition/c1": given}


def test_what_is_no_resource_of_r4_is_counted_or_rejected_and_the_rest_goes_on(source, tmp_path):
    text = lines(PATIENT, {"resourceType": "InventoryItem", "id": "i"}) + '{"resourceType": "Pat\n'
    text += lines({**PATIENT, "id": "a b"}, CONDITION)
    (source / "x.ndjson").write_text(text)
    (source / "b.json").write_text(json.dumps(bundle(PATIENT) | {"entry": [{"resource": 5}, "no", {}]}))
    (source / "readme.md").write_text("hello")
    (source / "package.json").write_text('{"name": "hl7.fhir.r4.core"}')
    (source / ".index.json").write_text("{}")
    found, held = gathered(source, tmp_path)
    assert set(held) == {"Patient/p1", "Condition/c1"}
    assert found.left == {"InventoryItem": 1}
    assert found.passed == {".md": 1, ".json without a resourceType": 1}
    places = [one.place.removeprefix(str(source)) for one in found.rejected]
    assert places == ["/b.json entry 1", "/b.json entry 2", "/x.ndjson:3", "/x.ndjson:4"]
    assert "1 of types that FHIR R4 lacks, left: InventoryItem 1" in list(found.sentences())


def test_a_gzip_that_is_cut_off_is_said(tmp_path):
    path = tmp_path / "x.ndjson.gz"
    many = lines(*({**PATIENT, "id": f"p{n}"} for n in range(5000)))
    path.write_bytes(gzip.compress(many.encode())[:-2000])
    found, held = gathered(path, tmp_path)
    assert 0 < len(held) < 5000
    assert [one.reason for one in found.rejected if "gzip" in one.reason]


def test_copies_are_kept_once_and_another_content_under_the_same_id_is_rejected(tmp_path):
    path = tmp_path / "x.ndjson"
    path.write_text(lines(PATIENT, PATIENT, {**PATIENT, "gender": "male"}))
    found, held = gathered(path, tmp_path)
    assert held == {"Patient/p1": PATIENT}
    assert found.twice == 1
    assert [one.reason for one in found.rejected] == [
        f"another Patient has this id, with other content ({path}:1)"
    ]


def test_of_a_history_the_newest_version_counts_and_what_was_deleted_is_gone(tmp_path):
    history = {
        "resourceType": "Bundle",
        "type": "history",
        "entry": [
            {"fullUrl": "http://x/Patient/p1", "resource": PATIENT, "request": {"method": "PUT"}},
            {"fullUrl": "http://x/Patient/p1", "resource": {**PATIENT, "gender": "male"}},
            {"fullUrl": "http://x/Condition/c1", "request": {"method": "DELETE", "url": "Condition/c1"}},
            {"fullUrl": "http://x/Condition/c1", "resource": CONDITION},
        ],
    }
    path = tmp_path / "b.json"
    path.write_text(json.dumps(history))
    found, held = gathered(path, tmp_path)
    assert held == {"Patient/p1": PATIENT}
    assert found.older == 3


def test_a_page_of_a_search_is_said(tmp_path):
    path = tmp_path / "b.json"
    path.write_text(json.dumps(bundle(PATIENT, kind="searchset", link=[{"relation": "next", "url": "x"}])))
    assert [one for one in gathered(path, tmp_path)[0].notes if "one page of a search" in one]


def test_signs_of_another_release_are_said(tmp_path):
    path = tmp_path / "x.ndjson"
    r5 = {"resourceType": "MedicationAdministration", "id": "m", "medication": {"concept": {}}}
    stu3 = {**CONDITION, "clinicalStatus": "active"}
    path.write_text(lines(PATIENT, {**r5, "occurenceDateTime": "2020"}, stu3))
    found, _ = gathered(path, tmp_path)
    assert found.strange == {
        "MedicationAdministration": (1, ("medication", "occurenceDateTime")),
        "Condition": (1, ("clinicalStatus",)),
    }
    assert any("another release of FHIR" in one for one in found.sentences())


@pytest.mark.parametrize("name", ["", "a.md"])
def test_nothing_to_read_is_an_error(name, source, tmp_path):
    if name:
        (source / name).write_text("x")
    with pytest.raises(StoreIncomplete, match="holds no FHIR resource"):
        gathered(source, tmp_path)


MANIFESTS = {
    "absolute": ("https://x.example/files/Patient.000.ndjson", 1, None),
    "relative": ("Patient.000.ndjson", 1, None),
    "no count": ("https://x.example/Patient.000.ndjson", None, None),
    "another name": ("https://x.example/files/4711", 1, None),
    "too few": ("Patient.000.ndjson", 2, r"says 2 lines of Patient\.000\.ndjson, it has 1"),
    "too few by type": ("https://x.example/files/4711", 2, "says 2 Patient, the files hold 1"),
}


@pytest.mark.parametrize(("url", "count", "fault"), MANIFESTS.values(), ids=MANIFESTS)
def test_a_bulk_data_manifest_is_compared(url, count, fault, source, tmp_path):
    (source / "Patient.000.ndjson").write_text(lines(PATIENT))
    output = [{"type": "Patient", "url": url} | ({"count": count} if count else {})]
    manifest = {"transactionTime": "2026-01-01T00:00:00Z", "output": output, "error": []}
    (source / "manifest.json").write_text(json.dumps(manifest))
    if fault:
        with pytest.raises(StoreIncomplete, match=fault):
            gathered(source, tmp_path)
    else:
        assert gathered(source, tmp_path)[0].counts == {"Patient": 1}


def test_a_file_that_the_manifest_names_must_be_there(source, tmp_path):
    (source / "Patient.000.ndjson").write_text(lines(PATIENT))
    output = [{"type": "Patient", "url": f"Patient.00{n}.ndjson"} for n in range(2)]
    (source / "manifest.json").write_text(json.dumps({"transactionTime": "2026", "output": output}))
    with pytest.raises(StoreIncomplete, match=r"names Patient\.001\.ndjson, which is not there"):
        gathered(source, tmp_path)


def test_a_link_to_a_file_or_folder_is_not_followed_and_named(source, tmp_path):
    (tmp_path / "secret.json").write_text(json.dumps(CONDITION))
    (source / "p.json").write_text(json.dumps(PATIENT))
    (source / "c.json").symlink_to(tmp_path / "secret.json")
    (source / "d").symlink_to(tmp_path)
    found, held = gathered(source, tmp_path)
    assert set(held) == {"Patient/p1"}
    assert [Path(one.place).name for one in found.rejected] == ["d", "c.json"]


def test_a_plain_folder_is_read_as_it_is_unless_a_reference_needs_a_key(tmp_path):
    (tmp_path / "Patient.ndjson").write_text(lines(PATIENT))
    (tmp_path / "Condition.ndjson").write_text(lines(CONDITION))
    with plainly(tmp_path, R4) as (folder, found):
        assert (folder, found) == (tmp_path, None)
    (tmp_path / "Condition.ndjson").write_text(lines({**CONDITION, "subject": {"reference": "urn:uuid:p1"}}))
    with plainly(tmp_path, R4) as (folder, found):
        assert folder != tmp_path
        assert found.resolved == {"urn": 1}


def test_the_order_of_files_changes_nothing(tmp_path):
    made = []
    for name, order in (("a", 1), ("b", -1)):
        source, target = tmp_path / name, tmp_path / f"{name}-out"
        source.mkdir()
        target.mkdir()
        for place, one in enumerate([PATIENT, CONDITION, {**PATIENT, "id": "p0"}][::order]):
            (source / f"{place}.json").write_text(json.dumps(one))
        gather(source, target, R4)
        made.append({path.name: path.read_bytes() for path in target.iterdir()})
    assert made[0] == made[1]

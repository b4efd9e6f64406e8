"""FHIR as people have it in files: every resource counted, each form of it, each reference that can be resolved."""

from __future__ import annotations

import gzip
import json

import pytest

from fhir_blina.cli.parser import main
from fhir_blina.errors import StoreIncomplete
from fhir_blina.gathering import gather
from fhir_blina.r4 import R4
from fhir_blina.views import read_tables

PATIENT = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1980-02-03"}
OTHER = {"resourceType": "Patient", "id": "p2"}
URN = "urn:uuid:3f5a2c1e-0000-4000-8000-00000000000a"


def observation(name, subject, **more):
    code = {"coding": [{"system": "http://loinc.org", "code": "718-7"}]}
    quantity = {"value": 12.50, "unit": "g/dL", "system": "http://unitsofmeasure.org", "code": "g/dL"}
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": code,
        "subject": subject,
        "effectiveDateTime": "2024-01-01",
        "valueQuantity": quantity,
        **more,
    }


def lines(*resources):
    return "".join(json.dumps(one) + "\n" for one in resources)


@pytest.fixture
def files(tmp_path):
    """Write files below a folder: text, bytes, or objects as JSON."""

    def write(**contents):
        source = tmp_path / "given"
        for name, content in contents.items():
            path = source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(content) if isinstance(content, dict) else content
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return source

    return write


@pytest.fixture
def gathered(files, tmp_path):
    """Gather such files; the account, and the resources by key."""

    def run(*, keyed=False, tag="", **contents):
        target = tmp_path / "made"
        target.mkdir()
        found = gather(files(**contents), target, R4, keyed=keyed, tag=tag)
        held = {}
        for path in sorted(target.glob("*.ndjson")):
            for line in path.read_text("utf-8").splitlines():
                one = json.loads(line)
                assert path.stem == one["resourceType"]
                held[f"{one['resourceType']}/{one['id']}"] = one
        return found, held

    return run


def test_one_folder_of_every_form_gives_each_resource_once(gathered):
    found, held = gathered(
        **{
            "Patient.000.ndjson": lines(PATIENT),
            "Patient.001.ndjson.gz": gzip.compress(lines(OTHER).encode()),
            "deep/er/one.json": observation("o1", {"reference": "Patient/p1"}),
            "bundles/collection.json": {
                "resourceType": "Bundle",
                "type": "collection",
                "entry": [{"resource": observation("o2", {"reference": "Patient/p2"})}],
            },
            "bundles.ndjson": lines(
                {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": PATIENT}]}
            ),
            "notes.txt": "no FHIR",
            ".hidden.json": "{",
        }
    )
    assert sorted(held) == ["Observation/o1", "Observation/o2", "Patient/p1", "Patient/p2"]
    assert dict(found.counts) == {"Observation": 2, "Patient": 2}
    assert (found.bundles, found.twice, dict(found.passed)) == (2, 1, {".txt": 1})
    assert found.rejected == []


def test_numbers_keep_their_digits(gathered, tmp_path):
    gathered(
        **{
            "x.ndjson": lines(PATIENT).replace("1980-02-03", "1980-02-03")
            + '{"resourceType":"Observation","id":"n","valueQuantity":{"value":1.500}}\n'
        }
    )
    assert '"value":1.500' in (tmp_path / "made" / "Observation.ndjson").read_text("utf-8")


def test_full_urls_of_a_transaction_are_resolved_within_and_across_bundles(gathered):
    patient = {"resourceType": "Patient", "gender": "male"}
    far = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"fullUrl": "urn:uuid:x2", "resource": observation("o9", {"reference": URN})}],
    }
    near = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"fullUrl": URN, "resource": patient},
            {"fullUrl": "urn:uuid:x1", "resource": observation("o8", {"reference": URN})},
        ],
    }
    found, held = gathered(**{"a.json": far, "b.json": near})
    (name,) = (key for key in held if key.startswith("Patient/"))
    assert name == f"Patient/{URN.removeprefix('urn:uuid:')}"
    assert held["Observation/o8"]["subject"]["reference"] == name
    assert held["Observation/o9"]["subject"]["reference"] == name
    assert (dict(found.resolved), dict(found.unresolved)) == ({"urn": 2}, {})
    assert dict(found.given) == {"Patient": 1}


def test_references_that_lead_nowhere_are_counted_and_left_as_they_are(gathered):
    found, held = gathered(
        **{"a.ndjson": lines(PATIENT, observation("o1", {"reference": "urn:uuid:nobody"}))}
    )
    assert held["Observation/o1"]["subject"] == {"reference": "urn:uuid:nobody"}
    assert dict(found.unresolved) == {"urn": 1}
    assert "references without a key: urn 1" in " ".join(found.sentences())


def test_identifiers_and_contained_resources_get_keys_for_tables(gathered):
    known = {**PATIENT, "identifier": [{"system": "urn:x", "value": "7"}]}
    by_identifier = observation("o1", {"type": "Patient", "identifier": {"system": "urn:x", "value": "7"}})
    drug = {"resourceType": "Medication", "id": "m", "code": {"text": "a drug"}}
    given = {
        "resourceType": "MedicationAdministration",
        "id": "a1",
        "status": "completed",
        "subject": {"reference": "Patient/p1"},
        "medicationReference": {"reference": "#m"},
        "contained": [drug],
    }
    found, held = gathered(keyed=True, **{"a.ndjson": lines(known, by_identifier, given)})
    assert held["Observation/o1"]["subject"]["reference"] == "Patient/p1"
    assert held["MedicationAdministration/a1"]["medicationReference"]["reference"] == "Medication/a1.m"
    assert held["Medication/a1.m"]["code"]["text"] == "a drug"
    assert dict(found.contained) == {"Medication": 1}


def test_types_that_r4_lacks_are_counted_and_left_and_a_bad_line_does_not_take_others_along(gathered):
    found, held = gathered(
        **{
            "mixed.ndjson": lines(PATIENT)
            + "{not json\n"
            + lines({"resourceType": "SubscriptionTopic", "id": "s"}, {"id": "no-type"}, OTHER)
        }
    )
    assert sorted(held) == ["Patient/p1", "Patient/p2"]
    assert dict(found.left) == {"SubscriptionTopic": 1}
    assert [one.place.rsplit(":", 1)[1] for one in found.rejected] == ["2", "4"]


def test_two_resources_of_one_id_with_other_content_are_told(gathered):
    found, held = gathered(**{"a.ndjson": lines(PATIENT, {**PATIENT, "gender": "male"})})
    assert held["Patient/p1"]["gender"] == "female"
    (rejected,) = found.rejected
    assert "another Patient has this id, with other content" in rejected.reason


def test_a_manifest_of_an_export_is_held_to_its_counts(files, tmp_path):
    manifest = {
        "transactionTime": "2024-01-01T00:00:00Z",
        "request": "https://example.org/$export",
        "requiresAccessToken": False,
        "output": [{"type": "Patient", "url": "https://example.org/files/Patient.000.ndjson", "count": 3}],
        "error": [],
    }
    source = files(**{"manifest.json": manifest, "Patient.000.ndjson": lines(PATIENT, OTHER)})
    (tmp_path / "made").mkdir()
    with pytest.raises(StoreIncomplete, match="3"):
        gather(source, tmp_path / "made", R4)


def test_a_folder_without_fhir_is_an_error_and_not_empty_tables(files):
    source = files(**{"a.txt": "x", "b.json": {"some": "thing"}})
    with pytest.raises(StoreIncomplete, match="holds no FHIR resource"):
        read_tables(source)


def test_links_are_named_and_not_followed(gathered, files, tmp_path):
    (tmp_path / "secret.ndjson").write_text(lines(OTHER))
    files(**{"a.ndjson": lines(PATIENT)})
    (tmp_path / "given" / "b.ndjson").symlink_to(tmp_path / "secret.ndjson")
    found, held = gathered()
    assert list(held) == ["Patient/p1"]
    (unread,) = found.rejected
    assert unread.place.endswith("b.ndjson")
    assert "symbolic link" in unread.reason
    with pytest.raises(StoreIncomplete, match=r"b\.ndjson"):
        read_tables(tmp_path / "given")


def test_tables_say_what_was_read_and_what_reached_none(files):
    basic = {"resourceType": "Basic", "id": "b", "code": {"text": "x"}}
    source = files(
        **{
            "Patient.000.ndjson": lines(PATIENT, basic),
            "obs.ndjson": lines(
                observation("o1", {"reference": "Patient/p1"}),
                observation("o2", {"reference": "urn:uuid:nobody"}),
                observation("o3", {"reference": "Patient/stranger"}),
            ),
        }
    )
    tables = read_tables(source)
    assert len(tables["patients"]) == 1
    assert len(tables["observations"]) == 3
    account = tables.account
    assert account.resources == {"Basic": 1, "Observation": 3, "Patient": 1}
    assert account.without_table == {"Basic": 1}
    assert account.unknown_patient["observations"] == 1


@pytest.mark.parametrize("engine", ["duckdb", "python"])
def test_the_same_tables_from_ndjson_bundles_and_single_files(files, tmp_path, engine):
    resources = [PATIENT, OTHER, *(observation(f"o{n}", {"reference": "Patient/p1"}) for n in range(5))]
    entries = [{"resource": one} for one in resources]
    forms = {
        "ndjson": {"Patient.ndjson": lines(*resources[:2]), "Observation.ndjson": lines(*resources[2:])},
        "bundle": {"all.json": {"resourceType": "Bundle", "type": "collection", "entry": entries}},
        "single": {f"{one['id']}.json": one for one in resources},
    }
    made = {}
    for form, contents in forms.items():
        source = files(**{f"{form}/{name}": content for name, content in contents.items()}) / form
        made[form] = {name: frame.to_csv() for name, frame in read_tables(source, engine=engine).items()}
    assert made["ndjson"] == made["bundle"] == made["single"]


def test_push_gives_a_tag_and_pull_of_it_gives_everything(files, tmp_path, capsys):
    source = files(
        **{
            "Patient.000.ndjson": lines(PATIENT, OTHER),
            "x/o.json": observation("o1", {"reference": "Patient/p1"}),
        }
    )
    store = str(tmp_path / "store")
    assert main(["push", str(source), "--tag", "theirs", "--store", store, "--out", str(tmp_path)]) == 0
    assert "3 created" in capsys.readouterr().out
    assert main(["push", str(source), "--tag", "theirs", "--store", store, "--out", str(tmp_path)]) == 0
    assert "3 unchanged" in capsys.readouterr().out


def test_validate_reads_them_and_names_the_file(files, tmp_path, capsys):
    wrong = {**observation("o1", {"reference": "Patient/p1"}), "status": "no such status"}
    source = files(**{"a.ndjson": lines(PATIENT, wrong)})
    assert main(["validate", str(source)]) == 3
    said = capsys.readouterr()
    assert "a.ndjson:2" in said.out + said.err
    assert "2 resources" in said.out


@pytest.mark.parametrize("engine", ["duckdb", "python"])
def test_names_written_with_escapes_keep_their_digits(tmp_path, engine):
    line = json.dumps(observation("o1", {"reference": "Patient/p1"})).replace("12.5", "12.500")
    escaped = line.replace('"value":', '"valu\\u0065":').replace('"unit": "g/dL"', '"unit": "g\\u002fdL"')
    assert escaped.count("\\u00") == 2
    (tmp_path / "Observation.ndjson").write_text(escaped + "\n")
    (row,) = read_tables(tmp_path, engine=engine)["observations"].to_dict("records")
    assert str(row["value_quantity"]) == "12.500"
    assert row["value_unit_text"] == "g/dL"

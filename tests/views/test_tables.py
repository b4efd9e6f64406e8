"""Views on resources written by hand; expected cells read off them by eye."""

import json
import re
import subprocess
import sys
from decimal import Decimal

import pandas as pd
import pytest

from fhir_blina.errors import StoreIncomplete, ViewError
from fhir_blina.files import json as fhirjson
from fhir_blina.views.export import export_tables, write_tables
from fhir_blina.views.tables import (
    ENGINES,
    evaluate_view,
    load_view,
    load_views,
    read_tables,
    read_view,
    view_sql,
    views_folder,
)

X = "https://fhir-blina.example"
ALL_ENGINES = pytest.mark.parametrize("engine", sorted(ENGINES))


def study_day(day):
    return {"extension": [{"url": f"{X}/StructureDefinition/study-day", "valueInteger": day}]}


def timepoint(code):
    coding = {"system": f"{X}/CodeSystem/timepoint", "code": code}
    return {"url": f"{X}/StructureDefinition/timepoint", "valueCoding": coding}


def concept(system, code, text):
    return {"coding": [{"system": system, "code": code, "display": f"{code} shown"}], "text": text}


RESOURCES = [
    {
        "resourceType": "Patient",
        "id": "t-P1",
        "meta": {"tag": [{"system": f"{X}/CodeSystem/cohort", "code": "t"}]},
        "identifier": [
            {"system": f"{X}/NamingSystem/resource-key", "value": "t-P1"},
            {"type": {"text": "Study subject number"}, "value": "P1"},
        ],
        "gender": "female",
        "deceasedDateTime": "2020-03-01",
        "_deceasedDateTime": study_day(60),
    },
    {"resourceType": "Patient", "id": "t-P2", "gender": "male", "deceasedBoolean": False},
    {"resourceType": "Patient", "id": "t-P3"},
    {
        "resourceType": "Observation",
        "id": "t-P1-blasts",
        "meta": {"tag": [{"system": f"{X}/CodeSystem/provenance-tag", "code": "derived"}]},
        "extension": [timepoint("post-treatment")],
        "status": "final",
        "category": [concept("c", "laboratory", "Lab")],
        "code": {
            "coding": [{"system": "http://loinc.org", "code": "11150-0"}, {"system": "o", "code": "blasts"}]
        },
        "subject": {"reference": "Patient/t-P1"},
        "effectiveDateTime": "2020-01-30",
        "_effectiveDateTime": study_day(29),
        "valueQuantity": {"value": Decimal("14.00"), "comparator": "<", "unit": "percent", "code": "%"},
        "specimen": {"reference": "Specimen/t-P1-marrow"},
        "note": [{"text": 'as "printed", twice'}],
        "component": [
            {"code": concept("o", "count", "Count"), "valueInteger": 3},
            {"code": concept("o", "event", "Event"), "valueBoolean": False},
            {"code": concept("o", "why", "Why"), "valueCodeableConcept": concept("r", "lost", "Lost")},
            {"code": concept("o", "none", "None"), "dataAbsentReason": concept("d", "unknown", "Unknown")},
        ],
    },
    {
        "resourceType": "Observation",
        "id": "t-group-fact",
        "status": "cancelled",
        "code": {"text": "=formula"},
        "subject": {"reference": "Group/t-all"},
        "dataAbsentReason": concept("d", "not-performed", "Not performed"),
    },
    {
        "resourceType": "MedicationAdministration",
        "id": "t-P1-step2",
        "status": "stopped",
        "statusReason": [concept("s", "266721009", "No response")],
        "medicationCodeableConcept": concept("a", "L01FX07", "a drug"),
        "subject": {"reference": "Patient/t-P1"},
        "partOf": [{"reference": "MedicationAdministration/t-P1-step1"}],
        "effectivePeriod": {
            "start": "2020-01-01",
            "_start": study_day(0),
            "end": "2020-01-08",
            "_end": study_day(7),
        },
        "dosage": {"text": "5 a day", "rateQuantity": {"value": Decimal("5.0"), "code": "ug/d"}},
    },
    {
        "resourceType": "Group",
        "id": "t-all",
        "type": "person",
        "actual": True,
        "code": concept("g", "all", "All"),
        "name": "Everyone",
        "quantity": 2,
        "member": [{"entity": {"reference": "Patient/t-P1"}}, {"entity": {"reference": "Patient/t-P2"}}],
    },
    {"resourceType": "Group", "id": "t-none", "type": "person", "actual": True},
    {
        "resourceType": "Procedure",
        "id": "t-P1-regimen",
        "status": "completed",
        "code": {"text": "Regimen"},
        "subject": {"reference": "Patient/t-P1"},
        "usedCode": [concept("atc", "L01CA02", "vincristine"), {"text": "spelled out only"}],
    },
    {
        "resourceType": "AdverseEvent",
        "id": "t-P1-crs",
        "extension": [{"url": f"{X}/StructureDefinition/ctcae-grade", "valueInteger": 2}],
        "actuality": "actual",
        "event": concept("m", "10052015", "CRS"),
        "subject": {"reference": "Patient/t-P1"},
        "suspectEntity": [{"instance": {"reference": "MedicationAdministration/t-P1-step1"}}],
    },
    {
        "resourceType": "ResearchSubject",
        "id": "t-P1-subject",
        "status": "off-study",
        "period": {"start": "2020-01-01", "_start": study_day(0)},
        "study": {"reference": "ResearchStudy/t-study"},
        "individual": {"reference": "Patient/t-P1"},
    },
    {
        "resourceType": "ResearchStudy",
        "id": "t-study",
        "identifier": [
            {"system": f"{X}/NamingSystem/resource-key", "value": "t-study"},
            {"system": f"{X}/NamingSystem/study", "value": "IIT-1"},
        ],
        "title": "A study",
        "status": "completed",
    },
    {
        "resourceType": "Specimen",
        "id": "t-P1-marrow",
        "extension": [timepoint("pre-treatment")],
        "type": concept("s", "119359002", "Bone marrow"),
        "subject": {"reference": "Patient/t-P1"},
        "collection": {"collectedDateTime": "2020-01-01", "_collectedDateTime": study_day(0)},
    },
    {
        "resourceType": "Condition",
        "id": "t-P1-disease",
        "clinicalStatus": concept("cs", "active", "Active"),
        "code": concept("s", "277571004", "a disease"),
        "subject": {"reference": "Patient/t-P1"},
        "severity": concept("s", "24484000", "Severe"),
    },
]


@pytest.fixture
def store(tmp_path):
    folder = tmp_path / "fhir"
    for resource_type in {resource["resourceType"] for resource in RESOURCES}:
        chosen = [resource for resource in RESOURCES if resource["resourceType"] == resource_type]
        fhirjson.write_ndjson(folder / f"{resource_type}.ndjson", chosen)
    return folder


def row(frame, **key):
    ((name, value),) = key.items()
    found = frame[frame[name] == value]
    assert len(found) == 1
    return {column: None if cell is pd.NA else cell for column, cell in found.iloc[0].items()}


@ALL_ENGINES
def test_shared_views(store, engine):
    tables = read_tables(store, engine=engine)
    assert list(tables) == sorted(load_views(views_folder()))
    patients = tables["patients"]
    person = row(patients, patient_id="t-P1")
    assert {name: value for name, value in person.items() if not pd.isna(value)} == {
        "patient_id": "t-P1",
        "study_subject": "P1",
        "gender": "female",
        "deceased": True,
        "deceased_date": "2020-03-01",
        "deceased_study_day": 60,
    }
    assert list(patients["deceased"].fillna(value=True)) == [True, False, True]
    assert list(patients["deceased"].isna()) == [False, False, True]
    assert [str(patients[name].dtype) for name in list(patients)[:7]] == [
        "object",
        "object",
        "object",
        "boolean",
        "object",
        "Int64",
        "object",
    ]
    blasts = row(tables["observations"], observation_id="t-P1-blasts")
    assert {name: value for name, value in blasts.items() if value is not None} == {
        "observation_id": "t-P1-blasts",
        "patient_id": "t-P1",
        "status": "final",
        "category": "laboratory",
        "category_system": "c",
        "category_text": "Lab",
        "code_system": "http://loinc.org",
        "code": "11150-0",
        "timepoint": "post-treatment",
        "effective_date": "2020-01-30",
        "study_day": 29,
        "value_kind": "quantity",
        "value_quantity": Decimal("14.00"),
        "value_comparator": "<",
        "value_unit": "%",
        "value_unit_text": "percent",
        "specimen_id": "t-P1-marrow",
        "derived": True,
        "note_text": 'as "printed", twice',
    }
    assert str(blasts["value_quantity"]) == "14.00"
    fact = row(tables["observations"], observation_id="t-group-fact")
    assert (fact["patient_id"], fact["group_id"], fact["value_kind"]) == (None, "t-all", None)
    assert fact["data_absent_reason"] == "not-performed"
    components = tables["components"]
    assert list(components["component_code"]) == ["count", "event", "why", "none"]
    assert [None if v is pd.NA else v for v in components["value_integer"]] == [3, None, None, None]
    assert [None if v is pd.NA else bool(v) for v in components["value_boolean"]] == [None, False, None, None]
    assert list(components["value_code"]) == [None, None, "lost", None]
    assert list(components["data_absent_reason"]) == [None, None, None, "unknown"]
    codings = tables["observation_codings"]
    assert list(zip(codings["system"], codings["code"], strict=True)) == [
        ("http://loinc.org", "11150-0"),
        ("o", "blasts"),
    ]
    step = row(tables["administrations"], administration_id="t-P1-step2")
    assert {name: value for name, value in step.items() if value is not None} == {
        "administration_id": "t-P1-step2",
        "patient_id": "t-P1",
        "status": "stopped",
        "status_reason_code": "266721009",
        "status_reason_text": "No response",
        "medication_system": "a",
        "medication_code": "L01FX07",
        "medication_display": "L01FX07 shown",
        "medication_text": "a drug",
        "start_date": "2020-01-01",
        "start_study_day": 0,
        "end_date": "2020-01-08",
        "end_study_day": 7,
        "rate_value": Decimal("5.0"),
        "rate_unit": "ug/d",
        "dosage_text": "5 a day",
        "part_of_id": "t-P1-step1",
    }
    members = tables["group_members"]
    assert list(zip(members["group_id"], members["member_id"], strict=True)) == [
        ("t-all", "t-P1"),
        ("t-all", "t-P2"),
        ("t-none", None),
    ]
    used = tables["procedure_used_codes"]
    assert list(zip(used["code"], used["text"], strict=True)) == [
        ("L01CA02", "vincristine"),
        (None, "spelled out only"),
    ]
    event = row(tables["adverse_events"], adverse_event_id="t-P1-crs")
    assert (event["grade"], event["suspect_id"], event["event_code"]) == (2, "t-P1-step1", "10052015")
    subject = row(tables["study_subjects"], research_subject_id="t-P1-subject")
    assert (subject["patient_id"], subject["study_id"], subject["start_study_day"]) == ("t-P1", "t-study", 0)
    assert row(tables["studies"], study_id="t-study")["identifier"] == "IIT-1"
    specimen = row(tables["specimens"], specimen_id="t-P1-marrow")
    assert (specimen["timepoint"], specimen["collected_study_day"]) == ("pre-treatment", 0)
    assert row(tables["conditions"], condition_id="t-P1-disease")["severity_code"] == "24484000"
    assert list(tables["observation_tags"]["code"]) == ["derived"]
    assert list(tables["patient_tags"]["patient_id"]) == ["t-P1"]
    assert row(tables["procedures"], procedure_id="t-P1-regimen")["code_text"] == "Regimen"


@ALL_ENGINES
def test_a_type_without_a_file_is_an_empty_table_with_its_dtypes(tmp_path, engine):
    full = load_views(views_folder())
    tables = read_tables(tmp_path, engine=engine)
    for name, frame in tables.items():
        assert len(frame) == 0
        assert list(frame.columns) == [column.name for column in full[name].columns]
    kinds = tables["observations"].dtypes
    assert (str(kinds["study_day"]), str(kinds["derived"]), str(kinds["value_quantity"])) == (
        "Int64",
        "boolean",
        "object",
    )


@ALL_ENGINES
@pytest.mark.parametrize(
    ("line", "error", "words"),
    [
        ('{"resourceType":"Patient","id":"a"', StoreIncomplete, "Patient.ndjson:2"),
        ('{"resourceType":"Patient","id":"a"} x', StoreIncomplete, "Patient.ndjson:2"),
        ('["Patient"]', StoreIncomplete, "Patient.ndjson:2"),
        ("", StoreIncomplete, "Patient.ndjson:2"),
        ('{"resourceType":"Group","id":"a"}', ViewError, "Patient.ndjson:2"),
    ],
)
def test_a_bad_line_stops_with_file_and_line(tmp_path, engine, line, error, words):
    good = '{"resourceType":"Patient","id":"b"}\n'
    (tmp_path / "Patient.ndjson").write_text(good + line + "\n" + good, encoding="utf-8")
    with pytest.raises(error, match=words):
        read_tables(tmp_path, engine=engine)


@ALL_ENGINES
@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("name.given", "string", "2 values"),
        ("name", "string", "element"),
        ("id", "integer", "not of type integer"),
        ("name.where(given.first() > 1).family", "string", "column"),
    ],
)
def test_a_resource_that_a_view_cannot_read_is_named(tmp_path, engine, path, kind, words):
    view = read_view(
        {"resource": "Patient", "select": [{"column": [{"name": "x", "path": path, "type": kind}]}]}
    )
    person = {"resourceType": "Patient", "id": "p9", "name": [{"given": ["Ann", "Bea"]}]}
    fhirjson.write_ndjson(tmp_path / "Patient.ndjson", [person])
    with pytest.raises(ViewError) as caught:
        read_tables(tmp_path, {"view": view}, engine=engine)
    assert words in str(caught.value) or engine != "python"
    assert "Ann" not in str(caught.value)


def definition(**changes):
    base = {
        "resource": "Patient",
        "name": "v",
        "select": [{"column": [{"name": "a", "path": "id", "type": "id"}]}],
    }
    return base | changes


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({}, "needs the resource type"),
        ([], "not an object"),
        (definition(selects=[]), 'unknown key "selects" (ViewDefinition.selects). Did you mean "select"?'),
        (definition(name="1a"), "needs a name"),
        (definition(select=[]), "empty list"),
        ({"resource": "Patient"}, "ViewDefinition.select"),
        (definition(select=[{"column": [{"name": "a b", "path": "id"}]}]), "select[0].column[0].name"),
        (definition(select=[{"column": [{"name": "a", "path": "id."}]}]), "ends too early"),
        (definition(select=[{"column": [{"name": "a", "path": 1}]}]), "not a FHIRPath string"),
        (
            definition(select=[{"column": [{"name": "a", "path": "id", "type": "sting"}]}]),
            'Did you mean "string"?',
        ),
        (
            definition(select=[{"column": [{"name": "a", "path": "id"}, {"name": "A", "path": "id"}]}]),
            "2 times",
        ),
        (definition(select=[{"forEach": "name", "repeat": ["x"], "select": [{}]}]), "forEach and repeat"),
        (definition(select=[{"forEach": "name"}]), "without column"),
        (definition(select=[{"column": [{"name": "a", "path": "%b"}]}]), "%b is not defined"),
        (definition(constant=[{"name": "c"}]), "exactly one value"),
        (definition(constant=[{"name": "c", "valueInteger": "1"}]), "not a integer"),
        (definition(constant=[{"name": "c", "valueDate": "2020-13"}]), "no such month"),
        (definition(constant=[{"name": "rowIndex", "valueInteger": 1}]), "built in"),
        (definition(where=[{"path": "a = = 1"}]), "where[0].path"),
        (
            definition(
                select=[
                    {
                        "unionAll": [
                            {"column": [{"name": "a", "path": "id"}]},
                            {"column": [{"name": "b", "path": "id"}]},
                        ]
                    }
                ]
            ),
            "unionAll[1]",
        ),
    ],
)
def test_a_wrong_view_is_refused_with_its_json_path(tmp_path, wrong, words):
    path = tmp_path / "ViewDefinition-v.json"
    path.write_text(json.dumps(wrong), encoding="utf-8")
    with pytest.raises(ViewError) as caught:
        load_view(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_every_fault_is_collected():
    with pytest.raises(ViewError) as caught:
        read_view(definition(nam="x", where=[{"path": "("}], select=[{"column": [{"name": "", "path": ""}]}]))
    assert len(caught.value.findings) == 4


def test_files_that_are_no_views(tmp_path):
    with pytest.raises(ViewError, match="no ViewDefinition"):
        load_views(tmp_path)
    (tmp_path / "ViewDefinition-a.json").write_text("{", encoding="utf-8")
    with pytest.raises(ViewError, match="not JSON"):
        load_views(tmp_path)
    with pytest.raises(ViewError, match="not readable"):
        load_view(tmp_path / "ViewDefinition-b.json")
    for name in ("a", "b"):
        (tmp_path / f"ViewDefinition-{name}.json").write_text(json.dumps(definition()), encoding="utf-8")
    with pytest.raises(ViewError, match="more than one view is called v"):
        load_views(tmp_path)
    with pytest.raises(ViewError, match="no such folder"):
        read_tables(tmp_path / "nowhere")
    with pytest.raises(ViewError, match='no engine "pyton"'):
        read_tables(tmp_path, engine="pyton")


def test_shared_views_are_described_and_typed():
    for path in sorted(views_folder().glob("*.json")):
        raw = json.loads(path.read_text(encoding="utf-8"))
        assert raw["name"] == path.stem.removeprefix("ViewDefinition-")
        assert raw["status"] == "active"
        assert raw["description"]
        assert all(column.type for column in load_view(path).columns)


def test_conditions_and_rows_in_the_spirit_of_the_algorithm():
    view = read_view(
        {
            "resource": "Patient",
            "where": [{"path": "active"}],
            "select": [
                {"column": [{"name": "id", "path": "id"}]},
                {
                    "forEachOrNull": "name",
                    "column": [{"name": "what", "path": "'name'"}, {"name": "index", "path": "%rowIndex"}],
                    "select": [{"forEach": "given", "column": [{"name": "given", "path": "$this"}]}],
                },
            ],
        }
    )
    people = [
        {
            "resourceType": "Patient",
            "id": "1",
            "active": True,
            "name": [{"given": ["a", "b"]}, {"given": ["c"]}],
        },
        {"resourceType": "Patient", "id": "2", "active": True},
        {"resourceType": "Patient", "id": "3", "active": False},
        {"resourceType": "Patient", "id": "4"},
        {"resourceType": "Group", "id": "5"},
    ]
    assert evaluate_view(view, people).rows == [
        ("1", "name", 0, "a"),
        ("1", "name", 0, "b"),
        ("1", "name", 1, "c"),
        ("2", None, 0, None),
    ]
    wrong = read_view(definition(where=[{"path": "id"}]))
    with pytest.raises(ViewError, match="Patient/1: where"):
        evaluate_view(wrong, people)


def test_csv_is_the_same_bytes_and_starts_no_formula(store, tmp_path):
    tables = read_tables(store)
    written = write_tables(tables, tmp_path / "a")
    write_tables(read_tables(store), tmp_path / "b")
    assert [path.name for path in written] == sorted(f"{name}.csv" for name in tables)
    for path in written:
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
        assert b"\r" not in path.read_bytes()
    observations = (tmp_path / "a" / "observations.csv").read_text(encoding="utf-8").splitlines()
    assert observations[0].startswith("observation_id,patient_id,group_id,status,category,code_system,code,")
    assert ",14.00,<,%," in observations[1]
    assert ',t-P1-marrow,true,"as ""printed"", twice",' in observations[1]
    assert ",'=formula," in observations[2]
    patients = (tmp_path / "a" / "patients.csv").read_text(encoding="utf-8")
    assert re.search(r"^t-P1,P1,female,true,2020-03-01,60,,*$", patients, re.MULTILINE)
    assert re.search(r"^t-P3,,*$", patients, re.MULTILINE)
    frame = pd.DataFrame({"n": [Decimal("-1.50")], "l": [["a", Decimal("1.0")]]})
    write_tables({"x": frame}, tmp_path)
    assert (tmp_path / "x.csv").read_text(encoding="utf-8") == 'n,l\n-1.50,"[""a"",1.0]"\n'


def test_importing_leaves_pandas_and_duckdb_alone():
    code = "import sys, fhir_blina.views.tables; sys.exit(any(name in sys.modules for name in ('pandas', 'duckdb', 'lark')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_bad_lines_go_to_a_reject_file(store, tmp_path):
    path = store / "Patient.ndjson"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1:1] = [b'{"resourceType":"Patient",\n', b'{"resourceType":"Group"}\n', b'{"id":"\xff"}\n']
    path.write_bytes(b"".join(lines) + b'{"resourceType":"Patient","id":"cut"}')
    target = tmp_path / "tables"
    with pytest.raises(StoreIncomplete, match=r"Patient\.ndjson:2"):
        export_tables(store, target)
    for engine in sorted(ENGINES):
        files, rejected, _ = export_tables(store, target, engine=engine, keep_going=True)
        assert rejected == {"Patient": 4}
        assert (target / "patients.csv").read_text(encoding="utf-8").count("\n") == 1 + 3
        assert len(files) == len(load_views(views_folder()))
    rejects = [
        json.loads(line) for line in (target / "rejects" / "Patient.rejects.ndjson").read_text().splitlines()
    ]
    assert [one["line"] for one in rejects] == [2, 3, 4, 7]
    assert [one["reason"].partition(":")[0] for one in rejects] == [
        "not readable as JSON",
        "not a Patient",
        "not UTF-8",
        "cut off",
    ]
    assert rejects[0]["text"] == '{"resourceType":"Patient",'


def test_formats_and_sql(store, tmp_path):
    files, rejected, _ = export_tables(store, tmp_path / "p", format="parquet")
    assert {path.suffix for path in files} == {".parquet"}
    assert rejected == {}
    assert [path.name for path in export_tables(store, tmp_path / "d", format="duckdb")[0]] == [
        "tables.duckdb"
    ]
    with pytest.raises(ViewError, match='no format "xlsx"'):
        export_tables(store, tmp_path / "x", format="xlsx")
    with pytest.raises(ViewError, match="written by engine duckdb"):
        export_tables(store, tmp_path / "x", format="parquet", engine="python")
    assert "FROM read_json(" in view_sql("patients", store)
    with pytest.raises(ViewError, match='Did you mean "patients"'):
        view_sql("patient", store)


def test_every_engine_writes_the_same_bytes(store, tmp_path):
    written = {engine: export_tables(store, tmp_path / engine, engine=engine)[0] for engine in ENGINES}
    for ours, *others in zip(*written.values(), strict=True):
        assert {one.name for one in others} == {ours.name}
        assert {one.read_bytes() for one in others} == {ours.read_bytes()}

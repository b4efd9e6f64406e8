"""From a folder or a server that others filled to numbers and a report, without a cohort."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import httpx
import pytest

from fhir_blina.cli.parser import main
from tests.foreign import ENDPOINTS, FORMS, PATIENTS, SURVIVAL, everything, transaction_of

pytestmark = pytest.mark.long

PLACES = [
    *FORMS,
    pytest.param("hapi, by transactions", marks=[pytest.mark.hapi, pytest.mark.timeout(900)]),
    "helios, by single requests",
]


class Words(HTMLParser):
    """The words of a page."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_data(self, data):
        self.found.append(data)

    def __str__(self):
        return " ".join(" ".join(self.found).split())


@pytest.fixture
def endpoints(tmp_path):
    """Overall survival from the diagnosis, by sex."""
    path = tmp_path / "asked" / "os.yaml"
    path.parent.mkdir()
    path.write_text(ENDPOINTS, "utf-8")
    return path


@pytest.fixture
def place(request, tmp_path):
    """A folder in a form that others write, or a server filled with plain requests."""
    if request.param in FORMS:
        return str(FORMS[request.param](tmp_path / "theirs"))
    if request.param.startswith("hapi"):
        url = request.getfixturevalue("hapi_by_hand")
        for name in PATIENTS:
            _once(url, transaction_of(name))
        return url
    url = request.getfixturevalue("helios_by_hand")
    for one in everything():
        answer = httpx.put(f"{url}/{one['resourceType']}/{one['id']}", json=one, headers=FHIR)
        assert answer.status_code in {200, 201}, answer.text
    return url


FHIR = {"Content-Type": "application/fhir+json"}


def _once(url, bundle):
    """Send a transaction, unless the server was filled before."""
    (birth,) = [one["resource"]["birthDate"] for one in bundle["entry"] if "birthDate" in one["resource"]]
    found = httpx.get(f"{url}/Patient", params={"_summary": "count", "birthdate": birth})
    if not found.json()["total"]:
        httpx.post(url, json=bundle, headers=FHIR, timeout=60).raise_for_status()


def survival(results):
    """The curve of everybody at the days asked for."""
    return {
        one["time_days"]: one["value"]
        for one in results["records"]
        if one["name"] == "os.survival" and one["group"] == "all"
    }


@pytest.mark.parametrize("place", PLACES, indirect=True)
def test_two_commands_lead_from_what_others_wrote_to_a_report(place, endpoints, tmp_path, capsys):
    out = tmp_path / "out"
    asked = ["--store", place, "--endpoints", str(endpoints), "--out", str(out)]
    assert main(["analyze", *asked]) == 0
    said = capsys.readouterr()
    assert "resources read: Condition 5, Encounter 15, Observation 5, Patient 5" in said.err
    results = json.loads((out / "results.json").read_text("utf-8"))
    found = survival(results)
    for day in (100, 200, 300):
        assert found[day] == pytest.approx(SURVIVAL[day], abs=1e-12)
    assert not results["claims"]
    assert main(["report", *asked, "--title", "Five of theirs"]) == 0
    assert capsys.readouterr().out.strip().endswith("report.html")
    assert json.loads((out / "results.json").read_text("utf-8")) == results
    words = str(Words((out / "report.html").read_text("utf-8")))
    assert "Five of theirs" in words
    assert "5 patients." in words
    assert "Overall survival" in words
    assert "FHIR resources of" in words
    assert "published" not in words
    sources = str(Words((out / "sources.html").read_text("utf-8")))
    assert "Encounter 15" in sources
    assert (out / "tables" / "encounters.csv").read_text("utf-8").count("\n") == 16


def test_views_of_ones_own_reach_the_report(endpoints, tmp_path):
    theirs = FORMS["searchset"](tmp_path / "theirs")
    mine = tmp_path / "mine"
    mine.mkdir()
    view = {
        "resourceType": "ViewDefinition",
        "name": "visits",
        "status": "active",
        "resource": "Encounter",
        "select": [
            {
                "column": [
                    {"name": "encounter_id", "path": "getResourceKey()", "type": "id"},
                    {"name": "patient_id", "path": "subject.getReferenceKey(Patient)", "type": "id"},
                    {"name": "begun", "path": "period.start", "type": "dateTime"},
                ]
            }
        ],
    }
    (mine / "ViewDefinition-visits.json").write_text(json.dumps(view), "utf-8")
    text = ENDPOINTS.replace("{table: encounters, day: start_date", "{table: visits, day: begun")
    endpoints.write_text(text, "utf-8")
    asked = ["--store", str(theirs), "--endpoints", str(endpoints), "--out", str(tmp_path / "out"), "--quiet"]
    for command in ("analyze", "report", "export"):
        assert main([command, *asked]) == 6, "without the view there is no such table"
        assert main([command, *asked, "--views", str(mine)]) == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text("utf-8"))
    assert survival(results)[300] == pytest.approx(SURVIVAL[300], abs=1e-12)


@pytest.mark.parametrize("command", ["analyze", "report", "export"])
def test_what_is_not_said_is_asked_for(command, tmp_path, capsys):
    theirs = FORMS["plain"](tmp_path / "theirs")
    assert main([command, "--store", str(theirs), "--out", str(tmp_path / "out"), "--quiet"]) == 6
    assert "Name a cohort, or give --endpoints FILE" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["tables", "analyze", "report", "export", "explore"])
@pytest.mark.parametrize("form", ["plain", "parts", "bundle lines"])
def test_a_bad_line_of_others_goes_aside_and_the_rest_is_read(command, form, endpoints, tmp_path, capsys):
    """Also where the manifest names exactly <Type>.ndjson, as ours do."""
    theirs = FORMS[form](tmp_path / "theirs")
    for path in theirs.glob("manifest.json"):
        stated = json.loads(path.read_text("utf-8"))
        for one in stated["output"]:
            one["count"] += one["url"].endswith(("Patient.ndjson", "Patient.000.ndjson"))
        path.write_text(json.dumps(stated), "utf-8")
    path = next(theirs.glob("Patient.*ndjson"), theirs / "bundles.ndjson")
    with path.open("a", encoding="utf-8") as file:
        file.write('{"resourceType": "Patient", "id": \n')
    out = tmp_path / "out"
    where = [str(theirs)] if command == "explore" else ["--store", str(theirs)]
    asked = ["--endpoints", str(endpoints)] if command in {"analyze", "report", "export"} else []
    assert main([command, *where, "--out", str(out), *asked]) == 0
    told = capsys.readouterr()
    (reject,) = (out / "rejects.ndjson").read_text("utf-8").splitlines()
    assert json.loads(reject)["source"].startswith(str(path))
    assert "1 lines or entries hold no resource" in told.err
    if command != "explore":
        assert "30 resources read: Condition 5, Encounter 15, Observation 5, Patient 5" in told.err
        assert "rows by table: " in told.err or "table" in told.err
    if command == "report":
        assert "1 lines or entries could not be read" in str(Words((out / "report.html").read_text("utf-8")))


def test_a_store_of_ours_stays_strict(endpoints, tmp_path, capsys):
    theirs, out = FORMS["plain"](tmp_path / "theirs"), tmp_path / "out"
    assert main(["pull", "--store", str(theirs), "--out", str(out), "--quiet"]) == 0
    with (out / "fhir" / "Patient.ndjson").open("a", encoding="utf-8") as file:
        file.write('{"resourceType": "Patient", "id": \n')
    capsys.readouterr()
    assert main(["report", "--endpoints", str(endpoints), "--out", str(out), "--quiet"]) == 4
    assert "Patient.ndjson:6" in capsys.readouterr().err
    assert not (out / "report.html").exists()


@pytest.mark.parametrize("command", ["tables", "validate", "push", "explore"])
@pytest.mark.parametrize("form", FORMS)
def test_each_command_says_what_it_read_on_each_kind_of_folder(command, form, tmp_path, capsys):
    """By type; what R4 lacks is counted and left; references to nobody are said."""
    theirs, out = FORMS[form](tmp_path / "theirs"), tmp_path / "out"
    extra = [
        {"resourceType": "Transport", "id": "t1", "status": "completed"},  # of R5
        {
            "resourceType": "Flag",
            "id": "f1",
            "status": "active",
            "code": {"text": "x"},
            "subject": {"reference": "Patient/nobody"},
        },
    ]
    (theirs / "more.ndjson").write_text("".join(json.dumps(one) + "\n" for one in extra), "utf-8")
    where = [str(theirs)] if command in {"explore", "validate", "push"} else ["--store", str(theirs)]
    more = {"push": ["--tag", "theirs", "--out", str(out)], "validate": []}.get(command, ["--out", str(out)])
    assert main([command, *where, *more]) == (3 if command == "validate" else 0)  # whose Flag leads nowhere
    told = capsys.readouterr()
    said = " ".join((told.err + told.out).split())
    counts = {"Condition": 5, "Encounter": 15, "Flag": 1, "Observation": 5, "Patient": 5}
    assert "1 of types that FHIR R4 lacks, left: Transport 1" in said
    if command == "explore":
        for kind, count in counts.items():
            assert f"{kind} {count}" in said
        assert "Flag 1 1 no table 1" in said  # of a patient who is not there
        assert "1 others are named by resources and are not there" in said
        return
    assert f"31 resources read: {', '.join(f'{kind} {count}' for kind, count in counts.items())}" in said
    if command == "tables":
        assert "no table for Flag 1" in said
        assert "encounters 15" in said
    else:
        assert "references to what is not among these: Patient 1" in said
    if command == "push":
        assert "stored: Condition 5, Encounter 15, Flag 1, Observation 5, Patient 5" in said

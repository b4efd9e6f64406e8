"""Dates moved by patient: every kind of date, the right patient, the same numbers, and all of it undone."""

from __future__ import annotations

import datetime as dt
import json
import re
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_blina.analysis.analysis import analyze
from fhir_blina.cohorts.folder import read_cohort
from fhir_blina.errors import AnalysisError, CohortError
from fhir_blina.files.json import dumps, loads
from fhir_blina.mapping.back.roundtrip import round_trip
from fhir_blina.mapping.check import check_cohort
from fhir_blina.mapping.dateshift import TAG, DateShift, shifted
from fhir_blina.mapping.mapping import map_cohort
from fhir_blina.r4 import R4
from fhir_blina.store import open_store
from fhir_blina.views.tables import read_tables

KEY = b"q7Zk2PwX9tLmC4vRb8NfJ3hYsD6aGuEe"

PATIENTS = """\
table: people
resource:
  resourceType: Patient
  id: "{{ %cohort }}-{{ id }}"
  birthDate: "{{ born }}"
  deceasedDateTime: "{{ died }}"
---
table: people
resource:
  resourceType: ResearchSubject
  id: "{{ %cohort }}-{{ id }}-enrolled"
  status: on-study
  study: {reference: "ResearchStudy/{{ %cohort }}-study"}
  individual: {reference: "Patient/{{ %cohort }}-{{ id }}"}
  period: {start: "{{ enrolled }}", end: "{{ seen }}"}
---
table: people
resource:
  resourceType: Condition
  id: "{{ %cohort }}-{{ id }}-found"
  subject: {reference: "Patient/{{ %cohort }}-{{ id }}"}
  onsetDateTime: "{{ onset }}"
  code: {text: anything}
---
resource:
  resourceType: ResearchStudy
  id: "{{ %cohort }}-study"
  status: completed
  period: {start: 2011-01-01, end: 2014-12-31}
"""
COLUMNS = "id* born enrolled seen died onset"
PEOPLE = [  # born, enrolled, last seen, died, onset; the durations below are counted on a calendar
    "A,1990-05-17,2012-01-31,2012-03-01,2012-03-01,2012-01",
    "B,1985,2012-02-28,2013-02-28,,2012",
    "C,2001-12-31,2011-12-31,2012-01-01,2012-01-01,2011-12-30",
    "D,1970-01-01,2012-06-15,2012-12-31,,2012-06",
]
DURATIONS = {"A": 30, "B": 366, "C": 1, "D": 199}
ENDPOINTS = """\
subjects: {table: patients, key: patient_id, label: patient_id}
times:
  begin: {table: study_subjects, day: start_date}
  death: {table: patients, day: deceased_date}
  seen: {table: study_subjects, day: end_date}
groups:
  half: {sets: {early: early, late: late}}
sets:
  late: {table: patients, where: {deceased_date: null}}
  early: {none_of: [late]}
endpoints:
  survival:
    title: death
    start: begin
    events: [death]
    censor: seen
    compare: [half]
    survival_at_days: [1, 30, 90, last]
    restrict_at_days: [100]
intervals:
  follow_up: {from: begin, to: seen}
"""


@pytest.fixture(autouse=True)
def key_file(tmp_path, monkeypatch):
    path = tmp_path / "id-key"
    path.write_bytes(KEY)
    path.chmod(0o600)
    monkeypatch.setenv("FHIR_BLINA_ID_KEY_FILE", str(path))
    return path


@pytest.fixture
def people(made):
    """A cohort with real dates; ``people("shift_dates: 365")`` adds to its manifest."""

    def make(manifest="shift_dates: 365\n", rows=PEOPLE, templates=PATIENTS):
        folder = made({"people": [COLUMNS, *rows]}, templates, manifest=manifest)
        (folder / "endpoints.yaml").write_text(ENDPOINTS)
        return read_cohort(folder)

    return make


def tables_of(cohort, folder):
    store = open_store(folder)
    store.push(map_cohort(cohort).resources, cohort=cohort.name)
    return read_tables(folder)


# One date ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "days", "expected"),
    [
        ("2012-02-28", 2, "2012-03-01"),
        ("2011-02-28", 1, "2011-03-01"),
        ("2012-01-01", -1, "2011-12-31"),
        ("2011-12-31T23:59:59.999+14:00", 1, "2012-01-01T23:59:59.999+14:00"),
        ("2012-03-01T00:00:00Z", -1, "2012-02-29T00:00:00Z"),
        ("2012-11", 45, "2012-12"),  # 45 days are 1.48 months
        ("2012-11", 46, "2013-01"),  # 46 are 1.51, so 2
        ("2012-01", -15, "2012-01"),
        ("2012-01", -16, "2011-12"),
        ("2012", 182, "2012"),
        ("2012", 183, "2013"),
        ("2012", -365, "2011"),
    ],
)
def test_a_date_moves_within_its_precision(text, days, expected):
    assert shifted(text, days) == expected


@pytest.mark.parametrize("text", ["2012-13", "2012-02-30", "2012/02/03", "", "2012-05T10:00", "P1"])
def test_what_is_no_date_is_refused(text):
    with pytest.raises(ValueError):
        shifted(text, 5)


moments = st.one_of(
    st.dates(dt.date(1850, 1, 1), dt.date(2150, 1, 1)).map(str),
    st.dates(dt.date(1850, 1, 1), dt.date(2150, 1, 1)).map(lambda day: f"{day}T07:08:09.10-05:00"),
    st.integers(1850, 2150).map(str),
    st.builds("{:04d}-{:02d}".format, st.integers(1850, 2150), st.integers(1, 12)),
)


@given(moments, st.integers(-3650, 3650))
def test_the_way_back_is_exact(text, days):
    assert shifted(shifted(text, days), -days) == text
    assert len(shifted(text, days)) == len(text)


@given(st.dates(dt.date(1850, 1, 1)), st.dates(dt.date(1850, 1, 1)), st.integers(-365, 365))
def test_intervals_stay(one, other, days):
    if max(one, other) > dt.date(9990, 1, 1):
        return
    first, second = (dt.date.fromisoformat(shifted(str(day), days)) for day in (one, other))
    assert second - first == other - one


# The offset --------------------------------------------------------------------------------------


def test_the_offset_is_the_keyed_hash_of_the_patient():
    """HMAC-SHA256 as openssl has it, of shift_dates:demo-P1, modulo twice 365, less 365, without 0."""
    assert DateShift(KEY, 365, R4).days("demo-P1") == -155


def test_offsets_are_within_bounds_never_zero_and_every_one_occurs():
    shift = DateShift(KEY, 3, R4)
    found = [shift.days(f"p{number}") for number in range(600)]
    assert set(found) == {-3, -2, -1, 1, 2, 3}
    assert all(found.count(one) > 60 for one in set(found))
    assert [DateShift(KEY + b"x", 3, R4).days(f"p{number}") for number in range(600)] != found


# Which dates, of whom ------------------------------------------------------------------------------

DAY = "2012-05-03"


def patient(name):
    return {"reference": f"Patient/{name}"}


def moved(*resources):
    faults = []
    found = DateShift(KEY, 365, R4).moved(loads(json.dumps(resources)), faults)
    assert faults == []
    return found


def expected(name, text=DAY):
    return shifted(text, DateShift(KEY, 365, R4).days(name))


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ("effectiveDateTime", DAY),
        ("effectiveInstant", f"{DAY}T10:00:00Z"),
        ("effectivePeriod", {"start": DAY, "end": DAY}),
        ("effectiveTiming", {"event": [DAY, DAY], "repeat": {"boundsPeriod": {"start": DAY}}}),
        ("issued", f"{DAY}T10:00:00+08:00"),
        ("valueDateTime", DAY),
        ("valuePeriod", {"end": DAY}),
        ("identifier", [{"system": "urn:x", "value": "1", "period": {"start": DAY}}]),
        ("component", [{"code": {"text": "x"}, "valueDateTime": DAY}]),
        (
            "extension",
            [{"url": "urn:x", "valueDate": DAY}, {"url": "urn:y", "valueInstant": f"{DAY}T00:00:00Z"}],
        ),
        ("extension", [{"url": "urn:x", "extension": [{"url": "z", "valueTiming": {"event": [DAY]}}]}]),
        ("_status", {"extension": [{"url": "urn:x", "valueDateTime": DAY}]}),
        ("contained", [{"resourceType": "Specimen", "id": "s", "collection": {"collectedDateTime": DAY}}]),
        ("note", [{"text": "x", "time": DAY}]),
        ("subject", {**patient("A"), "identifier": {"period": {"end": DAY}}}),
    ],
)
def test_every_kind_of_date_moves(element, value):
    given = {"resourceType": "Observation", "id": "o", "subject": patient("A"), element: value}
    (found,) = moved(given)
    assert json.loads(dumps(found[element])) == json.loads(json.dumps(value).replace(DAY, expected("A")))
    assert found["meta"]["tag"] == [TAG]


def test_what_is_no_date_of_the_patient_stays():
    given = {
        "resourceType": "Observation",
        "id": "o",
        "meta": {"lastUpdated": "2020-01-01T00:00:00Z"},
        "subject": patient("A"),
        "identifier": [{"system": "urn:x", "value": "2012-04-04"}],
        "code": {"coding": [{"system": "urn:x", "version": "2019-01-01", "code": "2012"}]},
        "valueTime": "10:00:00",
        "note": [{"text": "2013"}],
    }
    assert moved(given) == [given]


def test_a_date_is_of_the_subject_whoever_else_is_named():
    given = {"resourceType": "Observation", "id": "o", "subject": patient("A"), "performer": [patient("B")]}
    assert moved({**given, "effectiveDateTime": DAY})[0]["effectiveDateTime"] == expected("A")


def test_birth_and_death_of_a_patient_move_together():
    (found,) = moved({"resourceType": "Patient", "id": "A", "birthDate": "1950", "deceasedDateTime": DAY})
    assert found["deceasedDateTime"] == expected("A")
    assert found["birthDate"] == expected("A", "1950")


def test_members_of_a_group_move_each_with_their_patient_and_a_study_stays():
    group = {
        "resourceType": "Group",
        "id": "g",
        "member": [{"entity": patient(name), "period": {"start": DAY}} for name in "AB"],
    }
    study = {"resourceType": "ResearchStudy", "id": "s", "period": {"start": DAY}}
    found, same = moved(group, study)
    assert [one["period"]["start"] for one in found["member"]] == [expected("A"), expected("B")]
    assert expected("A") != expected("B")
    assert same == study


def test_a_resource_about_a_resource_moves_with_its_patient():
    given = {"resourceType": "Observation", "id": "o", "subject": patient("A")}
    proof = {
        "resourceType": "Provenance",
        "id": "p",
        "target": [{"reference": "Observation/o"}],
        "recorded": f"{DAY}T10:00:00Z",
    }
    assert moved(given, proof)[1]["recorded"] == expected("A", f"{DAY}T10:00:00Z")


def faults_of(*resources):
    faults = []
    DateShift(KEY, 365, R4).moved(resources, faults)
    return [(one.resource, one.path, one.text) for one in faults]


def test_a_date_of_nobody_is_a_fault_where_it_could_be_a_patients():
    ((where, path, text),) = faults_of({"resourceType": "Observation", "id": "o", "effectiveDateTime": DAY})
    assert (where, path) == ("Observation/o", ".effectiveDateTime")
    assert "whose it is" in text
    two = {
        "resourceType": "List",
        "id": "l",
        "date": DAY,
        "entry": [{"item": patient(name)} for name in "AB"],
    }
    assert [path for _, path, _ in faults_of(two)] == [".date"]


@pytest.mark.parametrize("text", ["seen on 2012-05-03", "lab-20120503", "x2012-05-03T10"])
def test_a_date_of_the_patient_in_a_text_is_a_fault(text):
    given = {"resourceType": "Observation", "id": "o", "subject": patient("A"), "effectiveDateTime": DAY}
    ((where, path, said),) = faults_of({**given, "note": [{"text": text}]})
    assert (where, path) == ("Observation/o", ".note[0].text")
    assert "2012" not in said
    other = {"resourceType": "Condition", "id": "c", "subject": patient("A"), "code": {"text": text}}
    assert [where for where, *_ in faults_of(given, other)] == ["Condition/c"]


def test_a_date_that_cannot_move_is_a_fault():
    for text in ("0001-01-01", "2012-02-30"):
        given = {"resourceType": "Patient", "id": NEGATIVE, "birthDate": text}
        assert [path for _, path, _ in faults_of(given)] == [".birthDate"]


NEGATIVE = next(name for name in map(str, range(99)) if DateShift(KEY, 365, R4).days(name) < 0)


# A cohort ------------------------------------------------------------------------------------------


def test_the_dates_of_a_cohort_move_and_come_back(people):
    cohort = people()
    mapped = map_cohort(cohort)
    found = {f"{one['resourceType']}/{one['id']}": one for one in mapped.resources}
    days = DateShift(KEY, 365, R4).days("demo-A")
    assert found["Patient/demo-A"]["birthDate"] == str(dt.date(1990, 5, 17) + dt.timedelta(days))
    assert found["Patient/demo-A"]["deceasedDateTime"] == str(dt.date(2012, 3, 1) + dt.timedelta(days))
    assert found["ResearchStudy/demo-study"]["period"] == {"start": "2011-01-01", "end": "2014-12-31"}
    account = round_trip(cohort, mapped, loads(dumps(mapped.resources)))
    assert account.differences == ()
    assert (account.mapped, account.lost) == (22, 0)  # 4 rows of 6 cells less 2 empty ones
    assert account.tables["people"][0]["onset"] == "2012-01"
    assert check_cohort(cohort.folder) == []


def test_hashed_ids_do_not_change_the_offset(people):
    plain = map_cohort(people()).resources
    cohort = people("shift_dates: 365\nids: hmac\n")
    mapped = map_cohort(cohort)
    assert [one.get("birthDate") for one in mapped.resources] == [one.get("birthDate") for one in plain]
    assert round_trip(cohort, mapped, mapped.resources).differences == ()


def test_another_key_does_not_bring_them_back(people, key_file):
    cohort = people()
    mapped = map_cohort(cohort)
    key_file.write_bytes(KEY[::-1])
    account = round_trip(cohort, mapped, mapped.resources)
    assert account.lost >= len(PEOPLE)


def test_a_changed_date_is_told(people):
    cohort = people()
    mapped = map_cohort(cohort)
    changed = loads(dumps(mapped.resources))
    death = next(one for one in changed if "deceasedDateTime" in one)
    death["deceasedDateTime"] = shifted(death["deceasedDateTime"], 1)
    account = round_trip(cohort, mapped, changed)
    assert [one.column for one in account.differences] == ["died"]


def test_an_id_with_a_date_is_refused(people):
    cohort = people(templates=PATIENTS.replace("{{ id }}-found", "{{ id }}-{{ enrolled }}"))
    with pytest.raises(CohortError, match="stands in a text") as caught:
        map_cohort(cohort)
    assert not re.search("2012|2011", str(caught.value))


def test_numbers_are_the_same_with_and_without(people, tmp_path):
    """All of results.json but absolute days; the durations are those counted on a calendar."""
    results = []
    for number, manifest in enumerate(["", "shift_dates: 365\n"]):
        cohort = people(manifest)
        results.append(analyze(tables_of(cohort, tmp_path / str(number)), cohort.folder))
    plain, moved_ = ([record.as_dict() for record in one.records] for one in results)
    assert len(plain) > 60
    assert plain == moved_
    drop = {"start_day", "stop_day"}
    rows = [
        [{k: v for k, v in vars(row).items() if k not in drop} for row in one.derivation] for one in results
    ]
    assert rows[0] == rows[1]
    assert [row.start_day for row in results[0].derivation] != [
        row.start_day for row in results[1].derivation
    ]
    durations = {row.patient_id.removeprefix("demo-"): row.duration_days for row in results[1].derivation}
    assert durations == DURATIONS


def test_a_synthetic_cohort_keeps_its_study_days_and_its_way_back(tiny, tmp_path):
    """The anchor date + study day moves like any date; the days in the extensions are intervals and stay."""
    plain = tables_of(read_cohort(tiny), tmp_path / "plain")
    manifest = tiny / "cohort.yaml"
    manifest.write_text(manifest.read_text() + "shift_dates: 30\n")
    cohort = read_cohort(tiny)
    shifted_ = tables_of(cohort, tmp_path / "shifted")
    days, dates = (
        [list(one["observations"][name]) for one in (plain, shifted_)]
        for name in ("study_day", "effective_date")
    )
    assert days[0] == days[1]
    assert not set(dates[0]) & set(dates[1])
    mapped = map_cohort(cohort)
    assert round_trip(cohort, mapped, mapped.resources).differences == ()


# Times from dates ----------------------------------------------------------------------------------


def test_who_has_no_whole_date_is_left_out_and_named(people, tmp_path):
    cohort = people("", [*PEOPLE[:3], "D,1970-01-01,2012-06,2012-12-31,,2012-06"])
    results = analyze(tables_of(cohort, tmp_path / "out"), cohort.folder)
    assert {row.study_subject for row in results.derivation} == {"demo-A", "demo-B", "demo-C"}
    (left_out,) = (row for row in results.left_out if row.name == "survival")
    assert (left_out.study_subject, left_out.reason) == ("demo-D", 'day of "begin" is not a whole date')
    assert "2012" not in str(results.findings)


def test_dates_and_study_days_are_not_mixed(people, tmp_path):
    cohort = people("")
    path = cohort.folder / "endpoints.yaml"
    text = ENDPOINTS.replace("{table: study_subjects, day: start_date}", "{set: early, day: 0}")
    path.write_text(text[: text.index("intervals:")])
    with pytest.raises(
        AnalysisError, match=r'endpoint "survival" mixes dates \(death, seen\) with study days'
    ):
        analyze(tables_of(cohort, tmp_path / "out"), cohort.folder)


def test_the_zone_of_summer_time_does_not_give_the_shift_away():
    """45 days across the end of winter time: the day on which the zone changes would be the real one."""
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    start = dt.datetime(2021, 3, 1, 8, tzinfo=berlin)
    times = [(start + dt.timedelta(days=day)).isoformat() for day in range(45)]
    assert len({one[-6:] for one in times}) == 2
    resources = [{"resourceType": "Patient", "id": "p"}] + [
        {
            "resourceType": "Observation",
            "id": f"o{number}",
            "subject": {"reference": "Patient/p"},
            "effectiveDateTime": one,
        }
        for number, one in enumerate(times)
    ]
    shift, faults = DateShift(KEY, 365, R4), []
    seen = [one["effectiveDateTime"] for one in shift.moved(resources, faults)[1:]]
    assert faults == []
    assert {one[-6:] for one in seen} == {"+01:00"}
    assert [one[10:19] for one in seen] == ["T08:00:00"] * 45
    days = [dt.date.fromisoformat(one[:10]) for one in seen]
    assert [(day - days[0]).days for day in days] == list(range(45))
    assert days[0] - start.date() == dt.timedelta(days=shift.days("p"))


def test_whole_weeks_keep_the_weekday():
    shift = DateShift(KEY, 364, R4, weeks=True)
    found = {shift.days(f"p{number}") for number in range(2000)}
    assert found == {7 * week for week in range(-52, 53) if week}


def test_a_cohort_says_that_it_moves_by_weeks(people):
    moved = map_cohort(people("shift_dates: 364\nshift_by: weeks\n")).resources
    subjects = [one["period"]["start"] for one in moved if one["resourceType"] == "ResearchSubject"]
    weekdays = sorted(dt.date.fromisoformat(one).weekday() for one in subjects)
    assert weekdays == sorted(dt.date.fromisoformat(row.split(",")[2]).weekday() for row in PEOPLE)
    with pytest.raises(CohortError, match="7 days or more"):
        people("shift_dates: 3\nshift_by: weeks\n")


def test_times_of_several_zones_come_back_but_for_the_zone(made):
    """The cells hold two zones; the resources one; the round trip loses no cell."""
    template = (
        PATIENTS.split("---", maxsplit=1)[0]
        + """---
table: people
resource:
  resourceType: Observation
  id: "{{ %cohort }}-{{ id }}-o"
  status: final
  code: {text: anything}
  subject: {reference: "Patient/{{ %cohort }}-P"}
  effectiveDateTime: "{{ taken }}"
---
resource:
  resourceType: Patient
  id: "{{ %cohort }}-P"
"""
    )
    template = "---".join(template.split("---")[1:])
    rows = ["a,2021-03-01T08:00:00+01:00", "b,2021-04-01T08:00:00+02:00"]
    folder = made({"people": ["id* taken", *rows]}, template, manifest="shift_dates: 365\n")
    cohort = read_cohort(folder)
    mapped = map_cohort(cohort)
    taken = [one["effectiveDateTime"] for one in mapped.resources if one["resourceType"] == "Observation"]
    assert {one[-6:] for one in taken} == {"+01:00"}
    account = round_trip(cohort, mapped, mapped.resources)
    assert account.differences == ()

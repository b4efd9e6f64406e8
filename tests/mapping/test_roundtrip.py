"""The way back: no difference where there is none, and every planted one found and located."""

from __future__ import annotations

import copy
import datetime as dt
from decimal import Decimal

import pytest

from fhir_blina.cohorts.folder import read_cohort
from fhir_blina.errors import CohortError
from fhir_blina.files.json import dumps, loads
from fhir_blina.mapping.back.roundtrip import round_trip
from fhir_blina.mapping.mapping import map_cohort

TAG = {"system": "https://fhir-blina.example/CodeSystem/cohort", "code": "tiny"}


def stored(resources):
    """The resources as a store gives them back: through JSON text, in another order."""
    return sorted(loads(dumps(resources)), key=lambda one: (one["id"], one["resourceType"]))


class Returned:
    """What a store returned of a cohort, free to be changed by ``Type/id``."""

    def __init__(self, folder, profiles=()):
        self.folder = folder
        self.cohort = read_cohort(folder)
        self.mapped = map_cohort(self.cohort, profiles=profiles)
        self.resources = {f"{one['resourceType']}/{one['id']}": one for one in stored(self.mapped.resources)}

    def __getitem__(self, key):
        return self.resources[key]

    def account(self):
        return round_trip(self.cohort, self.mapped, list(self.resources.values()))

    def differences(self):
        return [str(one).replace(f"{self.folder}/", "") for one in self.account().differences]


@pytest.fixture
def back(tiny):
    return Returned(tiny)


def test_the_small_cohort_comes_back_whole(back):
    account = back.account()
    assert account.differences == ()
    # patients 2 + 2 + 1 (one note), labs 3 + 3 + 2 + 3, groups 2, members 3 + 3; the clerk is unmapped.
    assert (account.mapped, account.unmapped, account.lost) == (5 + 11 + 2 + 6, 2, 0)
    assert account.tables["labs"] == [
        {"patient_id": "A", "day": "0", "level": "14.00", "level_status": "measured"},
        {"patient_id": "A", "day": "29", "level": "", "level_status": "not-tested"},
        {"patient_id": "B", "day": "0", "level": "0.100", "level_status": "measured"},
    ]
    assert account.tables["patients"][1] == {"patient_id": "B", "sex": "male", "note": "二号", "clerk": ""}
    assert account.tables["group_members"] == [
        {"group_id": "all", "patient_id": "A"},
        {"group_id": "all", "patient_id": "B"},
        {"group_id": "girls", "patient_id": "A"},
    ]


@pytest.mark.parametrize("profiles", [(), ("mcode",)])
def test_the_published_cohort_comes_back_whole(profiles):
    cohort = read_cohort("cjcp2023")
    mapped = map_cohort(cohort, profiles=profiles)
    account = round_trip(cohort, mapped, stored(mapped.resources))
    assert account.differences == ()
    assert account.lost == 0
    filled = {
        table.name: [[text for text in row.text.values() if text] for row in table.rows]
        for table in cohort.tables.values()
    }
    assert account.mapped + account.unmapped == sum(len(row) for rows in filled.values() for row in rows)
    for table in cohort.tables.values():
        unmapped = {column.name for column in table.columns.values() if column.unmapped}
        wanted = [{k: "" if k in unmapped else v for k, v in row.text.items()} for row in table.rows]
        assert account.tables[table.name] == wanted


def test_a_known_account_stands_for_the_same_resources_only(back):
    known = back.account()
    again = round_trip(back.cohort, back.mapped, list(back.resources.values()), checked=known)
    assert again is known
    changed = copy.deepcopy(back.resources)
    one = next(one for one in changed.values() if "valueQuantity" in one)
    one["valueQuantity"]["value"] = one["valueQuantity"]["value"].quantize(
        Decimal("0.0001")
    )  # only its digits
    for returned in (list(changed.values()), list(back.resources.values())[1:]):
        account = round_trip(back.cohort, back.mapped, returned, checked=known)
        assert account == round_trip(back.cohort, back.mapped, returned)
        assert account.differences
    stranger = {**one, "id": "tiny-stranger"}
    returned = [*back.resources.values(), stranger]
    assert round_trip(back.cohort, back.mapped, returned, checked=known).differences


def test_one_resource_of_each_type_missing_is_found():
    cohort = read_cohort("cjcp2023")
    mapped = map_cohort(cohort)
    first = {one["resourceType"]: one for one in reversed(mapped.resources)}
    gone = [f"{kind}/{one['id']}" for kind, one in first.items()]
    left = [one for one in mapped.resources if f"{one['resourceType']}/{one['id']}" not in gone]
    located = {one.location for one in round_trip(cohort, mapped, left).differences}
    for key in gone:
        row = mapped.origins[key].row
        assert (row.location if row else key) in located, key


def observation(back, name="A-blasts-0"):
    return back[f"Observation/tiny-{name}"]


# One planted difference each: what is changed, and the one message that must come.
def digit(back):
    observation(back)["valueQuantity"]["value"] = Decimal("14.0")
    return 'data/labs.csv:2: column "level": came back different'


def value_gone(back):
    del observation(back)["valueQuantity"]
    return 'data/labs.csv:2: column "level": came back different'


def value_added(back):
    observation(back, "A-blasts-29")["valueQuantity"] = observation(back)["valueQuantity"]
    return 'data/labs.csv:3: column "level": came back different'


def code(back):
    back["Patient/tiny-A"]["gender"] = "male"
    return 'data/patients.csv:2: column "sex": came back different'


def unknown_code(back):
    back["Patient/tiny-A"]["gender"] = "other"
    return "Patient/tiny-A: differs from its template"


def constant_code(back):
    observation(back)["code"]["coding"][0]["code"] = "11151-8"
    return "Observation/tiny-A-blasts-0: differs from its template"


def constant_display(back):
    observation(back)["code"]["coding"][0]["display"] = "Blasts"
    return "Observation/tiny-A-blasts-0: differs from its template"


def constant(back):
    observation(back)["valueQuantity"]["unit"] = "mg"
    return "Observation/tiny-A-blasts-0: differs from its template"


def constant_of_a_resource_without_row(back):
    back["ResearchStudy/tiny-study"]["status"] = "active"
    return "ResearchStudy/tiny-study: differs from its template"


def text_added(back):
    back["Patient/tiny-A"]["contact"] = [{"name": {"text": "someone"}}]
    return 'data/patients.csv:2: column "note": came back different'


def date(back):
    observation(back)["effectiveDateTime"] = "2000-01-02"
    return "Observation/tiny-A-blasts-0: differs from its template"


def relative_date(back):
    extension = observation(back)["_effectiveDateTime"]["extension"][0]["extension"][3]
    extension["valueDuration"]["value"] = 1
    return (
        "Observation/tiny-A-blasts-0: Observation._effectiveDateTime.extension[0].extension[3].valueDuration.value "
        "is not what the template gives"
    )


def tag_lost(back):
    observation(back)["meta"]["tag"] = [TAG]
    return "Observation/tiny-A-blasts-0: Observation.meta.tag is not what the template gives"


def tag_changed(back):
    observation(back)["meta"]["tag"][1]["code"] = "derived"
    return "Observation/tiny-A-blasts-0: Observation.meta.tag[1].code is not what the template gives"


def security_changed(back):
    back["Group/tiny-group-all"]["meta"]["security"][0]["code"] = "HRESCH"
    return "Group/tiny-group-all: Group.meta.security[0].code is not what the template gives"


def element_added(back):
    back["Patient/tiny-A"]["birthDate"] = "2000-01-01"
    return "Patient/tiny-A: Patient.birthDate is not what the template gives"


def another_subject(back):
    observation(back)["subject"]["reference"] = "Patient/tiny-B"
    return "Observation/tiny-A-blasts-0: differs from its template"


def resource_gone(back):
    del back.resources["Observation/tiny-A-blasts-29"]
    return "data/labs.csv:3: the row did not come back"


def resource_gone_whose_row_came_back(back):
    del back.resources["ResearchSubject/tiny-A-enrolment"]
    return "data/patients.csv:2: its ResearchSubject did not come back"


def resource_without_row_gone(back):
    del back.resources["ResearchStudy/tiny-study"]
    return "ResearchStudy/tiny-study: its ResearchStudy did not come back"


def resource_added(back):
    extra = copy.deepcopy(observation(back, "A-blasts-29"))
    extra["id"] = extra["identifier"][0]["value"] = "tiny-A-blasts-30"
    extra["effectiveDateTime"] = "2000-01-31"
    extension = extra["_effectiveDateTime"]["extension"]
    extension[0]["extension"][3]["valueDuration"]["value"] = extension[1]["valueInteger"] = 30
    back.resources["Observation/tiny-A-blasts-30"] = extra
    return "data/labs.csv: a row that the data file does not have came back"


def resource_of_no_template(back):
    back.resources["Basic/x"] = {"resourceType": "Basic", "id": "x", "meta": {"tag": [TAG]}}
    return "Basic/x: is of no template of the cohort"


def id_stored_twice(back):
    twin = copy.deepcopy(back["ResearchStudy/tiny-study"])
    twin["id"] = "a-twin"
    back.resources["ResearchStudy/a-twin"] = twin
    return "ResearchStudy/tiny-study: another resource has the same resource-key"


def member_gone(back):
    del back["Group/tiny-group-all"]["member"][1]
    return "data/group_members.csv:3: the row did not come back"


def members_swapped(back):
    back["Group/tiny-group-all"]["member"].reverse()
    return "Group/tiny-group-all: Group.member[0].entity.reference is not what the template gives"


PLANTED = [
    digit,
    value_gone,
    value_added,
    code,
    unknown_code,
    constant_code,
    constant_display,
    constant,
    constant_of_a_resource_without_row,
    text_added,
    date,
    relative_date,
    tag_lost,
    tag_changed,
    security_changed,
    element_added,
    another_subject,
    resource_gone,
    resource_gone_whose_row_came_back,
    resource_without_row_gone,
    resource_added,
    resource_of_no_template,
    id_stored_twice,
    member_gone,
    members_swapped,
]


@pytest.mark.parametrize("plant", PLANTED, ids=lambda one: one.__name__)
def test_a_planted_difference_is_found_and_located(plant, back):
    message = plant(back)
    found = back.differences()
    assert message in found
    # Beside it at most what follows from it: the row of a resource that could not be read, the group of a row.
    follows = ("did not come back", "no blank gives the cell back", "is not what the template gives")
    assert all(any(text in one for text in follows) for one in found if one != message)


def test_members_of_two_groups_exchanged_are_found(back):
    groups = [back["Group/tiny-group-all"], back["Group/tiny-group-girls"]]
    groups[0]["member"], groups[1]["member"] = groups[1]["member"], groups[0]["member"]
    assert back.differences() == [
        "data/group_members.csv:3: the row did not come back",
        "data/group_members.csv: a row that the data file does not have came back",
        "Group/tiny-group-all: Group.member is not what the template gives",
        "Group/tiny-group-girls: Group.member is not what the template gives",
    ]


def test_a_cell_that_came_back_different_is_lost_and_its_neighbours_are_not(back):
    digit(back)
    account = back.account()
    assert (account.mapped, account.lost) == (23, 1)
    assert account.tables["labs"][0]["level"] == "14.0"


def test_an_empty_cell_that_came_back_filled_is_a_difference(back):
    value_added(back)
    assert back.account().lost == 1


def test_resources_of_another_cohort_are_passed_over(back):
    stranger = {"resourceType": "Patient", "id": "other-A", "meta": {"tag": [{**TAG, "code": "other"}]}}
    back.resources["Patient/other-A"] = stranger
    back.resources["Patient/untagged"] = {"resourceType": "Patient", "id": "untagged"}
    assert back.differences() == []


def test_a_resource_that_lost_the_cohorts_tag_did_not_come_back(back):
    back["Observation/tiny-A-blasts-29"]["meta"]["tag"].pop(0)
    assert back.differences() == ["data/labs.csv:3: the row did not come back"]


def test_nothing_returned_is_every_row_missing(back):
    back.resources.clear()
    account = back.account()
    assert (account.mapped, account.unmapped, account.lost) == (0, 2, 24)
    assert sum(one.text == "the row did not come back" for one in account.differences) == 10


def test_the_store_of_another_anchor_is_not_this_cohort(back, tiny):
    back.cohort = read_cohort(tiny).with_anchor(dt.date(2001, 1, 1))
    assert "Observation/tiny-A-blasts-0: differs from its template" in back.differences()


def test_a_cohort_with_another_anchor_comes_back_whole(tiny):
    cohort = read_cohort(tiny).with_anchor(dt.date(1990, 12, 31))
    mapped = map_cohort(cohort)
    assert round_trip(cohort, mapped, stored(mapped.resources)).differences == ()


def test_no_difference_shows_a_cell(back):
    for resource in back.resources.values():
        if resource["resourceType"] == "Patient":
            resource["gender"] = "CANARY"
            resource["contact"] = [{"name": {"text": "CANARY"}}]
    assert back.differences()
    assert "CANARY" not in "".join(back.differences())


# Profiles ----------------------------------------------------------------------------------------


@pytest.fixture
def optional(made):
    base = 'table: people\nresource: {resourceType: Basic, id: "{{ id }}", l: [{a: "{{ word }}"}]}\n'
    added = (
        "table: people\nprofiles: extra\nresource:\n  resourceType: Basic\n"
        '  id: "{{ id }}"\n  l: [{more: x}]\n  extra: yes\n  meta: {tag: [{system: t, code: c}]}\n'
        "---\nresource: {resourceType: Patient, id: only-here}\nprofiles: extra\n"
    )
    options = "profiles: {extra: {Basic: [urn:b, urn:a]}}\n"
    folder = made({"people": ["id* word", "A,x", "B,"]}, base, added, manifest=options)
    return Returned(folder, ["extra"])


def test_what_a_profiles_option_added_comes_back(optional):
    assert optional["Basic/A"]["l"] == [{"a": "x"}, {"more": "x"}]
    assert optional.differences() == []


def test_profiles_may_come_back_in_any_order(optional):
    optional["Basic/A"]["meta"]["profile"].reverse()
    assert optional.differences() == []
    optional["Basic/A"]["meta"]["profile"].pop()
    assert optional.differences() == ["Basic/A: Basic.meta.profile is not what the template gives"]


def test_what_a_profiles_option_added_is_missed_where_it_is_gone(optional):
    optional["Basic/A"]["l"].pop()
    assert optional.differences() == ["Basic/A: Basic.l is not what the template gives"]


# Hashed ids --------------------------------------------------------------------------------------


@pytest.fixture
def hashed(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("FHIR_BLINA_ID_KEY_FILE", str(tmp_path / "key"))
    (tiny / "cohort.yaml").write_text((tiny / "cohort.yaml").read_text().replace("published: true\n", ""))
    return Returned(tiny)


def test_a_cohort_with_hashed_ids_comes_back_whole(hashed):
    assert not any(key.startswith("Patient/tiny") for key in hashed.resources)
    account = hashed.account()
    assert account.differences == ()
    assert (account.mapped, account.lost) == (24, 0)


def test_a_difference_under_a_hashed_id_is_located_without_the_readable_one(hashed):
    (patient,) = (
        one
        for one in hashed.resources.values()
        if one.get("gender") == "female" and one["resourceType"] == "Patient"
    )
    patient["gender"] = "other"
    assert hashed.differences()[0] == f"Patient/{patient['id']}: differs from its template"
    assert "tiny-A" not in "".join(hashed.differences())


# Cells that no plain blank gives -----------------------------------------------------------------


def with_read_back(folder, text):
    path = folder / "dictionary.csv"
    path.write_text(
        path.read_text().replace("people,word,string,,,,,,,", f'people,word,string,,,,,,,"{text}"')
    )
    return folder


READ_BACK = 'table: people\nresource: {resourceType: Basic, id: "{{ id }}", a: [{b: "{{ word & \'!\' }}"}]}\n'


def test_read_back_says_where_a_cell_stands_that_no_blank_gives(made):
    folder = made({"people": ["id* word", "A,x", "B,y z"]}, READ_BACK)
    assert Returned(folder).account().lost == 2
    back = Returned(with_read_back(folder, "t0: a.b.replace('!', '')"))
    assert (back.differences(), back.account().mapped) == ([], 4)
    back["Basic/B"]["a"][0]["b"] = "y!"
    assert back.differences() == ['data/people.csv:3: column "word": came back different']


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("b.c", "dictionary.csv:3: error: read_back names no template. Write template: FHIRPath"),
        ("t1: b.c", "dictionary.csv:3: error: read_back names no template. Known: t0"),
        ("t0: b..c", "dictionary.csv:3: error: read_back: "),
        ("t0:", "dictionary.csv:3: error: read_back: "),
    ],
)
def test_a_read_back_that_cannot_be_used_is_a_fault_of_the_dictionary(text, message, made):
    folder = with_read_back(made({"people": ["id* word", "A,x"]}, READ_BACK), text)
    with pytest.raises(CohortError) as error:
        Returned(folder).account()
    assert str(error.value).replace(f"{folder}/", "").startswith(message)


# Rows in resources -------------------------------------------------------------------------------


def test_rows_inside_rows_come_back(made):
    tables = {
        "a": ["id*", "1", "2"],
        "b": ["id* no*", "1,x", "1,y", "2,x"],
        "c": ["id* no* leaf* n:decimal", "1,x,p,1.0", "1,x,q,", "2,x,r,2.50"],
    }
    template = (
        'table: a\nresource:\n  resourceType: Basic\n  id: "{{ id }}"\n'
        "  b:\n    - embed: {table: b, on: [id]}\n      no: '{{ no }}'\n"
        "      c:\n        - embed: {table: c, on: [id, no]}\n          leaf: '{{ leaf }}'\n          n: '{{ n }}'\n"
    )
    back = Returned(made(tables, template))
    assert back.differences() == []
    back["Basic/1"]["b"][0]["c"][0]["n"] = Decimal("1.00")
    assert back.differences() == [
        'data/c.csv:2: column "n": came back different',
        "Basic/1: Basic.b[0].c[0].n is not what the template gives",
    ]


def test_a_column_that_only_embedded_rows_show_comes_back(made):
    tables = {"g": ["id* word", "1,x", "2,y"], "m": ["id* who*", "1,A", "1,B", "2,A"]}
    template = (
        'table: g\nresource:\n  resourceType: Basic\n  id: "{{ id }}"\n'
        "  m:\n    - embed: {table: m, on: [id]}\n      who: '{{ who }}'\n      text: 'of {{ %row.word }}'\n"
    )
    back = Returned(made(tables, template))
    assert back.differences() == []
    back["Basic/1"]["m"][0]["text"] = "of y"
    assert back.differences() == ['data/g.csv:2: column "word": resources of this row contradict each other']


def test_rows_chosen_by_a_condition_come_back_with_what_it_says(made):
    tables = {
        "g": ["id*", "1", "2"],
        "m": ["id* who* role=child|adult", "1,A,child", "1,B,adult", "2,C,adult"],
    }
    template = (
        'table: g\nresource:\n  resourceType: Basic\n  id: "{{ id }}"\n'
        "  child:\n    - embed: {table: m, on: [id], where: \"role = 'child'\"}\n      who: '{{ who }}'\n"
        "  adult:\n    - embed: {table: m, on: [id], where: \"role = 'adult'\"}\n      who: '{{ who }}'\n"
    )
    back = Returned(made(tables, template))
    assert (back.differences(), back.account().mapped) == ([], 2 + 9)
    back["Basic/1"]["adult"] = back["Basic/1"].pop("child") + back["Basic/1"]["adult"]
    assert 'data/m.csv:2: column "role": came back different' in back.differences()


def test_a_date_keeps_what_the_template_says_beside_it(made):
    text = (
        'table: people\nresource:\n  resourceType: Basic\n  id: "{{ id }}"\n  d: "{{ day.studyDate() }}"\n'
        "  _d: {id: x, extension: [{url: own, valueString: '{{ word }}'}]}\n"
    )
    back = Returned(made({"people": ["id* day:integer word", "A,3,w", "B,,", "C,4,"]}, text))
    assert back["Basic/A"]["_d"]["extension"][0] == {"url": "own", "valueString": "w"}
    assert (back.differences(), back.account().mapped) == ([], 6)
    back["Basic/A"]["_d"]["extension"][0]["valueString"] = "v"
    assert back.differences() == ['data/people.csv:2: column "word": came back different']


def test_a_row_whose_key_stands_nowhere_cannot_be_placed(made):
    tables = {"g": ["id*", "1"], "m": ["id* who* n:integer", "1,A,3"]}
    template = (
        'table: g\nresource:\n  resourceType: Basic\n  id: "{{ id }}"\n'
        "  m:\n    - embed: {table: m, on: [id]}\n      n: '{{ n }}'\n      w: '{{ who.upper() }}'\n"
    )
    assert Returned(made(tables, template)).differences() == [
        'Basic/1: column "who": the key of the row cannot be read back',
        "data/m.csv:2: the row did not come back",
    ]


def test_a_word_that_shares_its_codes_with_another_is_told_from_a_word_that_no_blank_gives(made):
    codes = "m,x,one,1,,\nm,y,one,1,,\n"
    text = (
        'table: people\nresource: {resourceType: Basic, id: "{{ id }}", '
        'a: "{{ word.translate(\'m\').code }}", b: "{{ free.upper() }}"}\n'
    )
    assert Returned(made({"people": ["id* word free", "A,x,f"]}, text, codes=codes)).differences() == [
        'data/people.csv:2: column "word": several words have these codes; keep the printed word in a text element',
        'data/people.csv:2: column "free": no blank gives the cell back; use the column as a blank of its own, or read_back',
    ]

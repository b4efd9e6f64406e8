"""What was filled before is not filled again: the same resources as when every part is worked out each time."""

from __future__ import annotations

import pytest

from fhir_blina.cohorts.folder import read_cohort
from fhir_blina.errors import CohortError
from fhir_blina.files.json import dumps
from fhir_blina.mapping import filling
from fhir_blina.mapping.mapping import map_cohort

HEAD = 'table: people\nresource:\n  resourceType: Basic\n  id: "{{ id }}"\n'
CODES = "words,x,one,X,,\nwords,y,one,Y,,\n"


def lines(folder):
    return [dumps(resource) for resource in map_cohort(read_cohort(folder)).resources]


@pytest.fixture
def forgetful(monkeypatch):
    """Switch the memory off."""

    def switch():
        monkeypatch.setattr(filling, "remembered_parts", lambda root, dated: {})

    return switch


BODIES = {
    "a code of a few words": "  code: {coding: [\"{{ word.translate('words') }}\"], text: '{{ word }}'}\n",
    "a code beside an id": "  code: {text: '{{ id }} {{ word }}', coding: [\"{{ word.translate('words') }}\"]}\n",
    "a decimal in each of its spellings": "  a: {value: '{{ n }}', twice: '{{ n }} and {{ n }}'}\n",
    "a date of a study day": "  d: '{{ day.studyDate() }}'\n  e: {f: '{{ day.studyDate() }}'}\n",
    "a truth": "  a: {b: \"{{ iif(yes, word, 'no') }}\"}\n",
    "the row itself": "  a: {b: \"{{ iif($this.yes, $this.id, 'no') }}\"}\n",
    "an empty cell": "  a: {b: '{{ word }}', c: d}\n  e: ['{{ word }}', f]\n",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_template_gives_what_it_gives_without_memory(made, forgetful, body):
    spellings = ("1", "1.0", "1.00", "0.10", "")
    rows = [
        f"A{place},{('x', 'y', '')[place % 3]},{spellings[place % 5]},{place % 7},{('true', 'false')[place % 2]}"
        for place in range(700)
    ]
    folder = made(
        {"people": ["id* word n:decimal day:integer yes:boolean", *rows]},
        HEAD + "  language: en\n" + body,
        codes=CODES,
        manifest='relative_to: "Basic/{{ id }}"\n',
    )
    remembered = lines(folder)
    forgetful()
    assert len(remembered) == 700
    assert remembered == lines(folder)


def test_equal_numbers_keep_their_own_digits(made):
    folder = made(
        {"people": ["id* n:decimal", "A,1.0", "B,1.00", "C,1", "D,1.0"]}, HEAD + "  a: {value: '{{ n }}'}\n"
    )
    values = [line.split('"value":')[1].split("}")[0] for line in lines(folder)]
    assert values == ["1.0", "1.00", "1", "1.0"]


def test_every_row_at_fault_is_named_and_not_the_first_alone(made):
    folder = made(
        {"people": ["id* word", "A,z", "B,x", "C,z"]},
        HEAD + "  code: {coding: [\"{{ word.translate('words') }}\"]}\n",
        codes=CODES,
    )
    with pytest.raises(CohortError) as error:
        map_cohort(read_cohort(folder))
    places = [
        str(finding).split("(row ")[1].split(")")[0].rsplit(":", 1)[1] for finding in error.value.findings
    ]
    assert places == ["2", "4"]


def test_embedded_rows_are_those_of_their_row_in_file_order(made):
    folder = made(
        {
            "people": ["id* word", "A,x", "B,y", "C,x"],
            "visits": ["id* seq*:integer", "B,2", "A,1", "B,1", "A,3"],
        },
        HEAD
        + "  a:\n    - embed: {table: visits, on: [id], where: 'seq < 3'}\n"
        + "      b: '{{ %row.word }}{{ seq }}'\n",
    )
    found = {one["id"]: one.get("a") for one in map_cohort(read_cohort(folder)).resources}
    assert found == {"A": [{"b": "x1"}], "B": [{"b": "y2"}, {"b": "y1"}], "C": None}

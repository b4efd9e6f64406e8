"""Code maps as ConceptMaps of R4: valid, read in their order, to and fro without a loss."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_blina.cohorts.codes import read_codes
from fhir_blina.cohorts.conceptmaps import CodeLine, concept_map, read_concept_map
from fhir_blina.cohorts.folder import cohort_names, read_cohort
from fhir_blina.errors import CohortError
from fhir_blina.files import dumps
from fhir_blina.validation import validate

SYSTEMS = {"sct": "http://snomed.info/sct", "own": "urn:own"}


def bare(lines):
    return [replace(line, where="") for line in lines]


def back(lines, folder):
    path = folder / "map.json"
    path.write_text(dumps(concept_map(lines, "https://example.org", "demo", "A cohort")), "utf-8")
    findings = []
    found = read_concept_map(path, lines[0].map, findings)
    assert findings == []
    return bare(found)


def by_value(lines):
    found = {}
    for line in lines:
        found.setdefault(line.value, []).append(line)
    return found


@pytest.mark.parametrize("name", cohort_names())
def test_every_map_of_the_shipped_cohorts_is_valid_and_comes_back(name, tmp_path):
    cohort = read_cohort(name)
    maps = {}
    for line in bare(cohort.codes.told):
        maps.setdefault(line.map, []).append(line)
    made = [concept_map(lines, cohort.base, name, "title") for lines in maps.values()]
    assert validate(made) == []
    for lines in maps.values():
        assert by_value(back(lines, tmp_path)) == by_value(lines)


WORDS = st.from_regex(r"[a-zß中é#]{1,3}( [a-z\\/|]{1,3})?", fullmatch=True)


@given(
    st.dictionaries(
        WORDS,
        st.one_of(
            st.just([("", "")]),
            st.lists(
                st.tuples(st.sampled_from(["urn:a", "urn:b", "urn:c"]), st.sampled_from("xyz")),
                min_size=1,
                max_size=5,
                unique=True,
            ),
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(["", "equivalent", "wider"]),
)
def test_any_order_of_codes_over_systems_comes_back(tmp_path, words, equivalence):
    lines = [
        CodeLine("m", word, system, code, "shown" * bool(code), "said", equivalence * bool(code))
        for word, codes in words.items()
        for system, code in codes
    ]
    assert by_value(back(lines, tmp_path)) == by_value(lines)


def test_a_cohort_with_conceptmaps_in_place_of_codes_csv_maps_the_same(tiny):
    from fhir_blina.mapping import check_cohort, map_cohort

    before = map_cohort(read_cohort(tiny)).resources
    cohort = read_cohort(tiny)
    maps = {}
    for line in cohort.codes.told:
        maps.setdefault(line.map, []).append(line)
    (tiny / "maps").mkdir()
    for name, lines in maps.items():
        (tiny / "maps" / f"{name}.json").write_text(
            dumps(concept_map(lines, cohort.base, cohort.name, "t")), "utf-8"
        )
    named = "".join(f"  {name}: maps/{name}.json\n" for name in maps)
    with (tiny / "cohort.yaml").open("a") as manifest:
        manifest.write(f"codes:\n{named}")
    (tiny / "codes.csv").unlink()
    assert map_cohort(read_cohort(tiny)).resources == before
    assert check_cohort(tiny) == []


def test_a_map_in_both_files_and_a_system_unknown_to_the_manifest_are_errors(tiny):
    resource = concept_map(
        [CodeLine("gender", "female", "urn:elsewhere", "f")], "https://example.org", "tiny", "t"
    )
    (tiny / "gender.json").write_text(dumps(resource), "utf-8")
    with (tiny / "cohort.yaml").open("a") as manifest:
        manifest.write("codes: {gender: gender.json}\n")
    with pytest.raises(CohortError) as error:
        read_cohort(tiny)
    assert 'map "gender" stands in codes.csv and in a ConceptMap' in str(error.value)
    assert 'group[0].element[0]: error: system "urn:elsewhere" is not in the manifest' in str(error.value)


@pytest.mark.parametrize("file", ["../codes.json", "/etc/codes.json", "a/../../b.json", "codes.csv"])
def test_a_conceptmap_lies_in_the_folder(tiny, file):
    with (tiny / "cohort.yaml").open("a") as manifest:
        manifest.write(f"codes: {{gender: {file}}}\n")
    with pytest.raises(CohortError, match=r"cohort\.yaml:"):
        read_cohort(tiny)


def test_a_word_that_is_no_code_of_fhir_is_said():
    with pytest.raises(ValueError, match="no code of FHIR"):
        concept_map([CodeLine("m", "two  blanks", "urn:a", "x")], "https://example.org", "c", "t")


@pytest.mark.parametrize(
    ("group", "told"),
    [
        ({"unmapped": {"mode": "fixed", "code": "x"}, "element": [{"code": "a"}]}, "unmapped gives a code"),
        ({"target": "urn:own", "element": [{"target": []}]}, "an element without a code"),
        ({"target": "urn:own", "element": [{"code": "a", "target": [{"code": "x"}]}]}, "without equivalence"),
        (
            {
                "target": "urn:own",
                "element": [{"code": "a", "target": [{"code": "x", "relationship": "equal"}]}],
            },
            "R5's relationship is not read",
        ),
        (
            {"element": [{"code": "a", "target": [{"code": "x", "equivalence": "equal"}]}]},
            "group without target",
        ),
        (
            {"target": "urn:own", "element": [{"code": "a", "target": [{"equivalence": "equal"}]}]},
            "a target without code",
        ),
        (
            {
                "target": "urn:own",
                "element": [{"code": "a", "target": [{"code": "x", "equivalence": "unmatched"}]}],
            },
            "an unmatched target with a code",
        ),
        (
            {
                "target": "urn:own",
                "element": [
                    {"code": "a", "target": [{"code": "x", "equivalence": "equal", "dependsOn": []}]}
                ],
            },
            "dependsOn and product are not read",
        ),
        *(
            (
                {
                    "target": "urn:own",
                    "element": [{"code": "a", "target": [{"code": "x", "equivalence": word}]}],
                },
                f"{word}: the code says something that the word does not",
            )
            for word in ("narrower", "specializes", "inexact", "disjoint")
        ),
        (
            {
                "target": "urn:own",
                "element": [{"code": "a", "target": [{"code": "x", "equivalence": "equals"}]}],
            },
            'Did you mean "equal"?',
        ),
    ],
)
def test_what_a_conceptmap_may_not_say_is_said(tmp_path, group, told):
    path = tmp_path / "map.json"
    path.write_text(json.dumps({"resourceType": "ConceptMap", "group": [group]}), "utf-8")
    findings = []
    read_codes(tmp_path / "codes.csv", SYSTEMS, frozenset(), findings, {"m": path})
    (finding,) = findings
    assert told in str(finding)
    assert "map.json: group[0]" in str(finding)


@pytest.mark.parametrize("text", ["{", "[]", '{"resourceType": "CodeSystem"}'])
def test_a_file_that_is_no_conceptmap_is_said(tmp_path, text):
    path = tmp_path / "map.json"
    path.write_text(text, "utf-8")
    findings = []
    assert read_concept_map(path, "m", findings) == []
    assert len(findings) == 1


def test_codes_csv_may_say_the_equivalence(tmp_path):
    path = tmp_path / "codes.csv"
    path.write_text(
        "map,value,system,code,display,note,equivalence\nm,a,own,x,,,wider\nm,b,own,y,,,relatedto\n", "utf-8"
    )
    findings = []
    codes = read_codes(path, SYSTEMS, frozenset(), findings)
    assert findings == []
    assert [line.equivalence for line in codes.told] == ["wider", ""]
    path.write_text("map,value,system,code,display,note,equivalence\nm,a,own,x,,,narrower\n", "utf-8")
    read_codes(path, SYSTEMS, frozenset(), findings)
    assert "codes.csv:2: error: narrower: the code says" in str(findings[0])

"""ViewDefinitions of SQL on FHIR 3.0.0-ballot: new metadata is taken, the logic of a view is as before."""

import itertools

import pytest

from fhir_blina.errors import ViewError
from fhir_blina.files import json as fhirjson
from fhir_blina.views.engines import ENGINES
from fhir_blina.views.reader import read_view
from fhir_blina.views.tables import read_rows

# The elements of https://build.fhir.org/ig/HL7/sql-on-fhir/en/StructureDefinition-ViewDefinition.html, in its
# order; an identifier repeats there, in 2.0.0 it was one.
METADATA = {
    "resourceType": "ViewDefinition",
    "resourceDefinition": "http://hl7.org/fhir/StructureDefinition/ViewDefinition|3.0.0-ballot",
    "id": "names",
    "meta": {"profile": ["http://hl7.org/fhir/uv/sql-on-fhir/StructureDefinition/ShareableViewDefinition"]},
    "implicitRules": "http://example.org/rules",
    "language": "en",
    "text": {"status": "generated", "div": "<div/>"},
    "contained": [],
    "extension": [],
    "modifierExtension": [],
    "url": "http://example.org/ViewDefinition/names",
    "identifier": [{"value": "names"}],
    "version": "1.0.0",
    "versionAlgorithmString": "semver",
    "title": "Names",
    "status": "draft",
    "experimental": True,
    "date": "2026-01-01",
    "publisher": "A publisher",
    "contact": [],
    "description": "One row for each name.",
    "useContext": [],
    "jurisdiction": [],
    "purpose": "To count",
    "copyright": "CC0",
    "copyrightLabel": "CC0",
    "approvalDate": "2026-01-01",
    "lastReviewDate": "2026-01-01",
    "effectivePeriod": {"start": "2026-01-01"},
    "topic": [],
    "author": [],
    "editor": [],
    "reviewer": [],
    "endorser": [],
    "relatedArtifact": [],
    "fhirVersion": ["4.0"],
    "profile": ["http://example.org/StructureDefinition/a-patient"],
}
VIEW = {
    "name": "names",
    "resource": "Patient",
    "select": [
        {
            "forEach": "name",
            "column": [
                {
                    "name": "place",
                    "path": "%rowIndex",
                    "type": "integer",
                    "tag": [{"name": "a", "value": "b"}],
                },
                {"name": "family", "path": "family"},
            ],
        }
    ],
}


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_metadata_of_the_ballot_changes_no_row(tmp_path, engine):
    patient = {"resourceType": "Patient", "id": "p", "name": [{"family": "A"}, {"family": "B"}]}
    fhirjson.write_ndjson(tmp_path / "Patient.ndjson", [patient])
    for view in (VIEW, METADATA | VIEW):
        rows = read_rows(tmp_path, {"names": read_view(view)}, engine=engine)["names"].rows
        assert rows == [(0, "A"), (1, "B")]


def test_metadata_of_two_zero_is_still_taken():
    read_view(VIEW | {"identifier": {"value": "names"}, "resourceVersion": "4.0.1"})


@pytest.mark.parametrize("kinds", [*itertools.combinations(("forEach", "forEachOrNull", "repeat"), 2)])
def test_two_ways_to_make_rows_are_refused_even_where_they_are_the_same(kinds):
    paths = {"forEach": "item", "forEachOrNull": "item", "repeat": ["item"]}
    select = {kind: paths[kind] for kind in kinds} | {"column": [{"name": "a", "path": "linkId"}]}
    with pytest.raises(ViewError, match=f"{kinds[0]} and {kinds[1]} in one select"):
        read_view({"resource": "QuestionnaireResponse", "select": [select]})


@pytest.mark.parametrize("value", ["9007199254740993", 9007199254740993])
def test_a_constant_of_64_bits_is_a_string_in_json(tmp_path, value):
    column = {"name": "n", "path": "%n", "type": "integer"}
    constant = {"name": "n", "valueInteger64": value}
    view = read_view({"resource": "Patient", "constant": [constant], "select": [{"column": [column]}]})
    fhirjson.write_ndjson(tmp_path / "Patient.ndjson", [{"resourceType": "Patient", "id": "p"}])
    for engine in ENGINES:
        assert read_rows(tmp_path, {"view": view}, engine=engine)["view"].rows == [(9007199254740993,)]

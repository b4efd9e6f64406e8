"""``expand``: a terminology server's answers, kept whole and with the versions they come from."""

from __future__ import annotations

import json

import httpx
import pytest

from fhir_blina.cli.expanding import expansion_of
from fhir_blina.cli.parser import main
from fhir_blina.errors import StoreRefused
from fhir_blina.http import Transport
from fhir_blina.terminology.valuesets import value_set

SNOMED = "http://snomed.info/sct"
FILTER = {"property": "concept", "op": "descendent-of", "value": "363346000"}
WANTED = {
    "resourceType": "ValueSet",
    "url": "https://example.org/cancer",
    "status": "draft",
    "compose": {"include": [{"system": SNOMED, "filter": [FILTER]}]},
}
VERSION = {
    "name": "used-codesystem",
    "valueUri": f"{SNOMED}|http://snomed.info/sct/900000000000207008/version/1",
}


class Terminology:
    """A server that has ``size`` codes below whatever is asked for, and gives them page by page."""

    def __init__(self, size, *, pages=True, **more):
        self.size, self.pages, self.more, self.asked = size, pages, more, []

    def __call__(self, request):
        assert request.url.path == "/fhir/ValueSet/$expand"
        given = {one["name"]: one for one in json.loads(request.content)["parameter"]}
        assert given["valueSet"]["resource"]["compose"] == WANTED["compose"]
        start, count = given["offset"]["valueInteger"], given["count"]["valueInteger"]
        self.asked.append(start)
        codes = range(self.size)[start : start + count] if self.pages else range(self.size)
        contains = [{"system": SNOMED, "code": str(n), "display": f"d{n}"} for n in codes]
        expansion = {
            "identifier": "urn:uuid:1",
            "timestamp": "2024-01-01",
            "total": self.size,
            "parameter": [VERSION],
            "contains": contains,
        } | self.more
        return httpx.Response(
            200,
            json={"resourceType": "ValueSet", "expansion": expansion},
            headers={"content-type": "application/fhir+json"},
        )


def made(tmp_path, server):
    client = httpx.Client(transport=httpx.MockTransport(server))
    return expansion_of(
        Transport("http://127.0.0.1:1/fhir", client=client, sleep=lambda _: None), tmp_path / "c.json", WANTED
    )


def test_all_pages_are_kept_with_the_versions_they_come_from(tmp_path):
    server = Terminology(2500)
    found = made(tmp_path, server)
    assert server.asked == [0, 1000, 2000]
    assert {one["code"] for one in found["expansion"]["contains"]} == {str(n) for n in range(2500)}
    assert found["expansion"]["total"] == 2500
    assert found["expansion"]["parameter"] == [VERSION]
    assert found["compose"] == WANTED["compose"]


def test_a_server_that_knows_no_pages_and_one_that_counts_nothing(tmp_path):
    assert len(made(tmp_path, Terminology(2500, pages=False))["expansion"]["contains"]) == 2500
    assert len(made(tmp_path, Terminology(7, total=None))["expansion"]["contains"]) == 7


def test_a_server_that_takes_the_size_of_a_page_for_the_most_is_asked_for_the_whole(tmp_path):
    asked = []

    def server(request):
        names = {one["name"] for one in json.loads(request.content)["parameter"]}
        asked.append(names)
        if "count" in names:
            return httpx.Response(422, json={"resourceType": "OperationOutcome", "issue": []})
        contains = [{"system": SNOMED, "code": str(n)} for n in range(1500)]
        return httpx.Response(200, json={"resourceType": "ValueSet", "expansion": {"contains": contains}})

    assert made(tmp_path, server)["expansion"]["total"] == 1500
    assert asked == [{"valueSet", "count", "offset"}, {"valueSet"}]


@pytest.mark.parametrize(
    ("server", "message"),
    [
        (Terminology(3, total=9), "gives 3 of 9 codes"),
        (
            Terminology(3, extension=[{"url": "http://hl7.org/fhir/StructureDefinition/valueset-unclosed"}]),
            "a part of the expansion only",
        ),
        (
            lambda _: httpx.Response(422, json={"resourceType": "OperationOutcome", "issue": []}),
            "does not expand it",
        ),
        (lambda _: httpx.Response(200, json={"resourceType": "ValueSet"}), "does not expand it"),
    ],
)
def test_a_part_of_an_expansion_is_refused(tmp_path, server, message):
    with pytest.raises(StoreRefused, match=message):
        made(tmp_path, server)


def test_the_command_keeps_what_later_runs_read_without_a_server(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "value_sets"
    folder.mkdir()
    (folder / "cancer.json").write_text(json.dumps(WANTED))
    listed = {"include": [{"system": SNOMED, "concept": [{"code": "1"}]}]}
    (folder / "few.json").write_text(json.dumps({"resourceType": "ValueSet", "compose": listed}))
    (folder / "tree.json").write_text(json.dumps({"resourceType": "CodeSystem", "url": "urn:x"}))
    monkeypatch.delenv("FHIR_BLINA_TERMINOLOGY", raising=False)
    assert main(["expand", str(tmp_path)]) == 6
    assert "no terminology server to expand cancer" in capsys.readouterr().err
    server = Terminology(3)
    real = httpx.Client

    def client(**options):
        return real(transport=httpx.MockTransport(server), headers=options.get("headers"))

    monkeypatch.setattr("fhir_blina.http.transport.httpx.Client", client)
    monkeypatch.setenv("FHIR_BLINA_TERMINOLOGY", "http://127.0.0.1:1/fhir")
    assert main(["expand", str(tmp_path)]) == 0
    assert capsys.readouterr().out.split() == [str(folder / "cancer.expansion.json")]
    assert value_set("cancer", tmp_path).codings == {(SNOMED, code) for code in "012"}
    assert main(["expand", str(tmp_path)]) == 0
    assert server.asked == [0]  # kept: nothing is asked again
    assert main(["expand", str(tmp_path), "--again"]) == 0
    assert server.asked == [0, 0]
    changed = WANTED | {"compose": {"include": [{"system": SNOMED}]}}
    (folder / "cancer.json").write_text(json.dumps(changed))
    with pytest.raises(ValueError, match="another state"):
        value_set("cancer", tmp_path)

"""``expand`` against a real HAPI that was given a small code system: what comes back, and what a view makes of it."""

from __future__ import annotations

import httpx
import pytest

from fhir_blina.cli import expanding
from fhir_blina.cli.parser import main
from fhir_blina.files import json as fhirjson
from fhir_blina.terminology.valuesets import value_set
from fhir_blina.views.reader import read_view
from fhir_blina.views.tables import read_rows

SYSTEM = "https://example.org/tree-of-tumours"
TREE = {"tumour": {"carcinoma": {"ductal": {}, "lobular": {}}, "sarcoma": {}}, "fracture": {}}
BELOW_CARCINOMA = {(SYSTEM, "carcinoma"), (SYSTEM, "ductal"), (SYSTEM, "lobular")}


def concepts(tree):
    return [
        {"code": code, "display": code.title()} | ({"concept": concepts(below)} if below else {})
        for code, below in tree.items()
    ]


def written(folder, name, *parts):
    """A set beside which is no code system: only the server has the hierarchy."""
    url = f"https://example.org/ValueSet/{name}"
    content = {"resourceType": "ValueSet", "url": url, "status": "active"}
    include = [{"system": SYSTEM} | one for one in parts]
    text = fhirjson.dumps(content | {"compose": {"include": include}})
    (folder / "value_sets" / f"{name}.json").write_text(text)


def below(code):
    return {"filter": [{"property": "concept", "op": "is-a", "value": code}]}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "value_sets").mkdir()
    for name, code in (("carcinomas", "carcinoma"), ("tumours", "tumour")):
        written(tmp_path, name, {"concept": [{"code": code}]}, below(code))
    return tmp_path


@pytest.mark.hapi
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", [1000, 2])
def test_hapi_expands_by_the_hierarchy_that_it_has(hapi_server, folder, monkeypatch, capsys, page):
    system = {
        "resourceType": "CodeSystem",
        "id": "tree-of-tumours",
        "url": SYSTEM,
        "version": "1.1",
        "status": "active",
        "content": "complete",
        "hierarchyMeaning": "is-a",
        "concept": concepts(TREE),
    }
    answer = httpx.put(f"{hapi_server}/CodeSystem/tree-of-tumours", json=system, timeout=120)
    answer.raise_for_status()
    monkeypatch.setattr(expanding, "PAGE", page)
    with pytest.raises(ValueError, match="fhir-blina expand"):
        value_set("carcinomas", folder)
    assert main(["expand", str(folder), "--terminology", hapi_server, "-v"]) == 0
    assert "carcinomas: 3 codes" in capsys.readouterr().err
    assert value_set("carcinomas", folder).codings == BELOW_CARCINOMA
    assert value_set("tumours", folder).codings == BELOW_CARCINOMA | {(SYSTEM, "tumour"), (SYSTEM, "sarcoma")}

    codes = ("lobular", "sarcoma", "fracture")
    conditions = [
        {"resourceType": "Condition", "id": one, "code": {"coding": [{"system": SYSTEM, "code": one}]}}
        for one in codes
    ]
    fhirjson.write_ndjson(folder / "Condition.ndjson", conditions)
    columns = [
        {"name": "carcinoma", "path": "code.memberOf('carcinomas')"},
        {"name": "tumour", "path": "code.memberOf('https://example.org/ValueSet/tumours')"},
    ]
    view = read_view({"resource": "Condition", "name": "v", "select": [{"column": columns}]}, beside=folder)
    for engine in ("duckdb", "python"):
        rows = read_rows(folder, {"v": view}, engine=engine)["v"].rows
        assert rows == [(True, True), (False, True), (False, False)]

    # what FHIR says of is-a, that the code itself is in it, this server does not do: never taken for whole
    written(folder, "itself", below("carcinoma"))
    assert main(["expand", str(folder), "itself", "--terminology", hapi_server]) == 4
    assert 'leaves out "carcinoma", which a filter with is-a includes' in capsys.readouterr().err
    assert not (folder / "value_sets" / "itself.expansion.json").exists()

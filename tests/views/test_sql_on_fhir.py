"""The official test cases of SQL on FHIR v2, read from the folder that SQL_ON_FHIR_TESTS names."""

import os
from decimal import Decimal
from pathlib import Path

import pytest

from fhir_blina.errors import ViewError
from fhir_blina.files import json as fhirjson
from fhir_blina.views.tables import ENGINES, read_rows, read_view

FOLDER = os.environ.get("SQL_ON_FHIR_TESTS", "")
if not FOLDER:
    pytest.skip(
        "SQL_ON_FHIR_TESTS is unset: set it to a checkout's tests/ of FHIR/sql-on-fhir-v2",
        allow_module_level=True,
    )


def cases():
    for path in sorted(Path(FOLDER).glob("*.json")):
        group = fhirjson.loads(path.read_text(encoding="utf-8"))
        for case in group["tests"]:
            name = f"{path.stem}-{case['title']}".replace(" ", "_")
            yield pytest.param(group["resources"], case, id=name)


def comparable(rows):
    def plain(value):
        if isinstance(value, list):
            return [plain(item) for item in value]
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            return value
        return Decimal(value).normalize()

    return sorted(repr([(name, plain(row[name])) for name in sorted(row)]) for row in rows)


def test_the_suite_is_whole():
    assert len(list(cases())) >= 134


@pytest.mark.parametrize("engine", sorted(ENGINES))
@pytest.mark.parametrize(("resources", "case"), list(cases()))
def test_case(resources, case, engine, tmp_path):
    for resource_type in {resource["resourceType"] for resource in resources}:
        chosen = [resource for resource in resources if resource["resourceType"] == resource_type]
        fhirjson.write_ndjson(tmp_path / f"{resource_type}.ndjson", chosen)
    if case.get("expectError"):
        with pytest.raises(ViewError):
            read_rows(tmp_path, {"view": read_view(case["view"])}, engine=engine)
        return
    table = read_rows(tmp_path, {"view": read_view(case["view"])}, engine=engine)["view"]
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    if "expect" in case:
        assert comparable(rows) == comparable(case["expect"])
    if "expectColumns" in case:
        assert list(table.columns) == case["expectColumns"]
    if "expectCount" in case:
        assert len(rows) == case["expectCount"]
    assert {"expect", "expectColumns", "expectCount"} & case.keys()

"""The protocol of engines: what every one gives, and how another one is added."""

import pytest

from fhir_blina.errors import ViewError
from fhir_blina.files import json as fhirjson
from fhir_blina.views import engines
from fhir_blina.views.engines import DEFAULT_ENGINE, ENGINES, Engine, engine_of
from fhir_blina.views.export import export_tables
from fhir_blina.views.faults import Fault, RunFault
from fhir_blina.views.reader import read_view
from fhir_blina.views.reference import Table
from fhir_blina.views.tables import read_rows, read_tables

EVERY = pytest.mark.parametrize("name", sorted(ENGINES))


def view_of(*columns, **more):
    return {
        "v": read_view({"resource": "Patient", "name": "v", "select": [{"column": list(columns)} | more]})
    }


@pytest.fixture
def folder(tmp_path):
    people = [
        {"resourceType": "Patient", "id": "a", "gender": "female", "name": [{"given": ["x", "y"]}]},
        {"resourceType": "Patient", "id": "b"},
    ]
    fhirjson.write_ndjson(tmp_path / "Patient.ndjson", people)
    return tmp_path


@EVERY
def test_an_engine_gives_rows_frames_and_files(folder, name):
    engine: Engine = engine_of(name)
    views = view_of({"name": "id", "path": "id", "type": "id"}, {"name": "g", "path": "gender"})
    expected = [("a", "female"), ("b", None)]
    assert engine.rows(folder, views)["v"].rows == expected
    assert list(engine.frames(folder, views)["v"].itertuples(index=False, name=None)) == expected
    for kind in engine.formats:
        (path,) = engine.write(folder, views, folder / "out", kind)
        assert path.is_file()
    with pytest.raises(ViewError):
        engine.write(folder, views, folder / "out", "none")


@EVERY
@pytest.mark.parametrize(
    ("column", "more", "fault"),
    [
        ({"name": "n", "path": "name.given"}, {}, Fault.SEVERAL),
        ({"name": "n", "path": "name.given.first()"}, {"select": [
            {"forEach": "name.given", "column": [{"name": f"c{place}", "path": "$this"}]} for place in range(20)
        ]}, Fault.ROWS),
    ],
)  # fmt: skip
def test_engines_tell_faults_apart_by_type(folder, name, column, more, fault):
    with pytest.raises(RunFault) as caught:
        engine_of(name).rows(folder, view_of(column, **more))
    assert caught.value.fault is fault
    assert caught.value.place == "Patient/a"


def test_another_engine_is_a_class_and_an_entry(folder, monkeypatch):
    class Constant:
        formats = frozenset({"txt"})

        def rows(self, folder, views):
            return {name: Table.of(view, [("c",)]) for name, view in views.items()}

        def frames(self, folder, views):
            return {name: table.frame() for name, table in self.rows(folder, views).items()}

        def write(self, folder, views, target, kind):
            return [target / f"{name}.{kind}" for name in views]

    monkeypatch.setattr(engines, "ENGINES", {**ENGINES, "constant": Constant})
    views = view_of({"name": "id", "path": "id", "type": "id"})
    assert read_rows(folder, views, engine="constant")["v"].rows == [("c",)]
    assert read_tables(folder, views, engine="constant")["v"]["id"].tolist() == ["c"]
    files, _, _ = export_tables(folder, folder / "out", format="txt", engine="constant", views=views)
    assert [path.name for path in files] == ["v.txt"]


def test_an_unknown_engine_is_named():
    with pytest.raises(ViewError, match=r'no engine "duckbd"\. Did you mean "duckdb"'):
        engine_of("duckbd")
    assert DEFAULT_ENGINE in ENGINES

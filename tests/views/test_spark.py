"""Spark as an engine: parts of files, guards, and the table of a view as a Spark DataFrame.

Sail runs here; with SPARK_REMOTE the same tests run on that server, which must see the same files and have
fhir_blina installed for its workers.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from fhir_blina.errors import StoreIncomplete, ViewError
from fhir_blina.views.export import export_tables
from fhir_blina.views.faults import Fault, RunFault
from fhir_blina.views.reader import read_view
from fhir_blina.views.spark import engine as spark
from fhir_blina.views.spark import view_frame
from fhir_blina.views.spark.parts import part_name
from fhir_blina.views.spark.ranges import line_ranges
from fhir_blina.views.spark.session import spark_session
from fhir_blina.views.tables import load_views, read_rows, read_tables, views_folder

CODES = ("718-7", "6690-2", "777-3")


def observation(number):
    resource = {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": CODES[number % 3]}]},
        "subject": {"reference": f"Patient/p{number // 20}"},
        "effectiveDateTime": f"20{10 + number % 15}-0{1 + number % 9}-1{number % 10}",
    }
    if number % 10:
        resource["valueQuantity"] = {"value": number / 100, "unit": "g/dL"}
    return resource


def write(folder: Path, count: int) -> None:
    with (folder / "Observation.ndjson").open("w") as file:
        file.writelines(json.dumps(observation(number)) + "\n" for number in range(count))
    people = ({"resourceType": "Patient", "id": f"p{number}"} for number in range(count // 20))
    (folder / "Patient.ndjson").write_text("".join(json.dumps(one) + "\n" for one in people))


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(spark, "line_ranges", lambda folder, resource: line_ranges(folder, resource, 4096))


@pytest.fixture
def ours():
    shared = load_views(views_folder())
    return {name: shared[name] for name in ("observations", "observation_codings", "patients", "encounters")}


def test_a_file_is_divided_at_ends_of_lines(tmp_path):
    write(tmp_path, 400)
    parts = line_ranges(tmp_path, "Observation", 5000)
    assert len(parts) > 10
    assert (
        b"".join(chunk for part in parts for chunk in part.chunks())
        == (tmp_path / "Observation.ndjson").read_bytes()
    )
    for part in parts:
        text = b"".join(part.chunks())
        assert text.endswith(b"}\n")
        assert len(text) < 5000 + 400


def test_a_line_longer_than_a_part_and_one_without_an_end(tmp_path):
    path = tmp_path / "Patient.ndjson"
    path.write_bytes(b"a" * 100 + b"\n" + b"b\n" + b"c" * 7)
    assert [b"".join(part.chunks()) for part in line_ranges(tmp_path, "Patient", 10)] == [
        b"a" * 100 + b"\n",
        b"b\n" + b"c" * 7,
    ]


def test_no_file_is_one_part_without_lines(tmp_path):
    (part,) = line_ranges(tmp_path, "Patient")
    assert list(part.chunks()) == []
    (tmp_path / "Encounter.ndjson").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreIncomplete, match="cannot be read"):
        line_ranges(tmp_path, "Encounter")


@pytest.mark.usefixtures("small_parts")
def test_many_parts_give_the_rows_of_one_file_in_its_order(tmp_path, ours):
    write(tmp_path, 300)
    spark_rows, duckdb_rows = (read_rows(tmp_path, ours, engine=name) for name in ("spark", "duckdb"))
    assert spark_rows == duckdb_rows
    assert len(spark_rows["observations"].rows) == 300
    frames = [read_tables(tmp_path, ours, engine=name) for name in ("spark", "duckdb")]
    for name, frame in frames[0].items():
        assert frame.equals(frames[1][name])
        assert list(frame.dtypes) == list(frames[1][name].dtypes)


@pytest.mark.long
def test_200_000_resources_row_for_row_as_duckdb(tmp_path, ours):
    import duckdb

    data = tmp_path / "data"
    data.mkdir()
    write(data, 200_000)
    counted = Counter(CODES[number % 3] for number in range(200_000))
    for name in ("spark", "duckdb"):
        export_tables(data, tmp_path / name, format="parquet", engine=name, views=ours)
    for view in ours:
        one, other = (
            duckdb.sql(f"SELECT * FROM '{tmp_path}/{name}/{view}.parquet'").fetchall()
            for name in ("spark", "duckdb")
        )
        assert one == other
    found = duckdb.sql(f"SELECT code, count(*) FROM '{tmp_path}/spark/observations.parquet' GROUP BY 1")
    assert dict(found.fetchall()) == counted


@pytest.mark.usefixtures("small_parts")
def test_what_a_worker_cannot_read_is_named_with_file_and_line(tmp_path, ours):
    write(tmp_path, 200)
    path = tmp_path / "Observation.ndjson"
    lines = path.read_text().splitlines()
    lines[150] = '{"resourceType": "Observation", "id": '
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(StoreIncomplete, match=r"Observation\.ndjson:151"):
        read_rows(tmp_path, ours, engine="spark")
    lines[150] = json.dumps({"resourceType": "Patient", "id": "x"})
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(ViewError, match=r"Observation\.ndjson:151: not a Observation"):
        read_rows(tmp_path, ours, engine="spark")


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("harm", ["lost", "twice", "no file", "rows"])
def test_a_part_that_does_not_come_back_once_is_an_error(tmp_path, ours, monkeypatch, harm):
    write(tmp_path, 200)
    run = spark._run

    def harmed(ranges, task, folder):
        said = [row.asDict() for row in run(ranges, task, folder)]
        one = next(row for row in said if row["view"] == "observations" and row["number"] == 2)
        if harm == "lost":
            said.remove(one)
        elif harm == "twice":
            said.append(one)
        elif harm == "no file":
            (Path(task.target) / part_name("observations", 2)).unlink()
        else:
            one["rows"] -= 1
        return said

    monkeypatch.setattr(spark, "_run", harmed)
    with pytest.raises(RunFault) as caught:
        read_rows(tmp_path, ours, engine="spark")
    assert caught.value.fault is Fault.COUNT


def test_nothing_is_left_in_the_folders(tmp_path, ours):
    write(tmp_path, 40)
    before = sorted(path.name for path in tmp_path.iterdir())
    export_tables(tmp_path, tmp_path / "out", format="parquet", engine="spark", views=ours)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*before, "out"])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"{name}.parquet" for name in sorted(ours)
    ]


def test_a_view_over_lines_of_a_spark_dataframe(tmp_path):
    write(tmp_path, 100)
    view = read_view({
        "resource": "Observation", "name": "v", "where": [{"path": "value.exists()"}],
        "select": [{"column": [
            {"name": "id", "path": "id", "type": "id"},
            {"name": "value", "path": "value.ofType(Quantity).value", "type": "decimal"},
        ]}],
    })  # fmt: skip
    lines = spark_session().read.text(str(tmp_path / "Observation.ndjson"))
    rows = sorted((row["id"], row["value"]) for row in view_frame(lines, view).collect())
    assert rows == sorted((f"o{number}", Decimal(number) / 100) for number in range(100) if number % 10)


def test_a_view_by_name_and_by_file(tmp_path):
    write(tmp_path, 40)
    lines = spark_session().read.text(str(tmp_path / "Patient.ndjson"))
    named, from_file = (
        {row["patient_id"] for row in view_frame(lines, view).collect()}
        for view in ("patients", views_folder() / "ViewDefinition-patients.json")
    )
    assert named == from_file == {"p0", "p1"}
    with pytest.raises(ViewError, match=r'no view "patient"\. Did you mean "patients"'):
        view_frame(lines, "patient")


def test_a_server_that_does_not_answer_and_an_extra_that_is_missing(tmp_path):
    write(tmp_path, 20)
    command = [sys.executable, "-m", "fhir_blina", "tables", "--store", str(tmp_path), "--engine", "spark"]
    command += ["--out", str(tmp_path / "out")]
    off = {**os.environ, "SPARK_REMOTE": "sc://127.0.0.1:1", "GRPC_VERBOSITY": "NONE"}
    got = subprocess.run(command, env=off, capture_output=True, text=True, check=False, timeout=120)
    assert got.returncode == 5, got.stderr
    assert "no Spark answers at the address in SPARK_REMOTE" in got.stderr
    assert "Traceback" not in got.stderr
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "pyspark.py").write_text("raise ModuleNotFoundError(name='pyspark')")
    without = {**os.environ, "PYTHONPATH": f"{tmp_path / 'hidden'}:{Path.cwd()}"}
    got = subprocess.run(command, env=without, capture_output=True, text=True, check=False, timeout=120)
    assert got.returncode == 5, got.stderr
    assert "engine spark needs pyspark. Install it: pip install 'fhir-blina[spark]'" in got.stderr

"""Views over a million Observations: time and memory, beside hand-written DuckDB and other runners.

::

    python benchmarks/views.py [RESOURCES] [FOLDER]

Writes ``Observation.ndjson`` from a seed (default 1,000,000 resources, about 1 GB, kept in FOLDER
when one is given), then runs each contender in a process of its own: wall time, processor
time of all threads (the fairer number on a shared machine) and the peak of resident memory.
``sqlonfhir``, ``fhir4ds`` and
``pysof`` run where they are installed; none of them is a dependency. All rows are compared.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import itertools
import json
import random
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SLICE = 20_000
PARITY = 200_000
VIEW = "observations"
STUDY_DAY = "https://fhir-blina.example/StructureDefinition/study-day"
TIMEPOINT = "https://fhir-blina.example/StructureDefinition/timepoint"
CONCEPT = "STRUCT(coding STRUCT(system VARCHAR, code VARCHAR, display VARCHAR)[], text VARCHAR)"

# The same columns as mappings/views/ViewDefinition-observations.json, written by hand: numbers are
# read as DOUBLE, so that 14.00 comes out as 14.0.
HAND_WRITTEN = f"""
SELECT
  id AS observation_id,
  CASE WHEN starts_with(subject.reference, 'Patient/') THEN substr(subject.reference, 9) END AS patient_id,
  CASE WHEN starts_with(subject.reference, 'Group/') THEN substr(subject.reference, 7) END AS group_id,
  status, category[1].coding[1].code AS category, code.coding[1].system AS code_system,
  code.coding[1].code AS code, code.coding[1].display AS code_display, code.text AS code_text,
  list_filter(extension, lambda e: e.url = '{TIMEPOINT}')[1].valueCoding.code AS timepoint,
  effectiveDateTime AS effective_date,
  list_filter(_effectiveDateTime.extension, lambda e: e.url = '{STUDY_DAY}')[1].valueInteger AS study_day,
  CASE WHEN valueQuantity IS NOT NULL THEN 'quantity' WHEN valueCodeableConcept IS NOT NULL THEN 'codeable'
    WHEN valueInteger IS NOT NULL THEN 'integer' WHEN valueBoolean IS NOT NULL THEN 'boolean'
    WHEN valueString IS NOT NULL THEN 'string' END AS value_kind,
  valueQuantity.value AS value_quantity, valueQuantity.comparator AS value_comparator,
  valueQuantity.code AS value_unit, valueInteger AS value_integer, valueBoolean AS value_boolean,
  valueString AS value_string, valueCodeableConcept.coding[1].system AS value_system,
  valueCodeableConcept.coding[1].code AS value_code, valueCodeableConcept.coding[1].display AS value_display,
  valueCodeableConcept.text AS value_text, dataAbsentReason.coding[1].code AS data_absent_reason,
  interpretation[1].coding[1].code AS interpretation, method.text AS method_text,
  substr(specimen.reference, 10) AS specimen_id,
  coalesce(len(list_filter(meta.tag, lambda t: t.code = 'derived')) > 0, false) AS derived,
  note[1].text AS note_text
FROM read_json('PATH', format = 'newline_delimited', columns = {{
  id: 'VARCHAR', status: 'VARCHAR', category: '{CONCEPT}[]', code: '{CONCEPT}',
  subject: 'STRUCT(reference VARCHAR)', effectiveDateTime: 'VARCHAR',
  _effectiveDateTime: 'STRUCT(extension STRUCT(url VARCHAR, valueInteger BIGINT)[])',
  extension: 'STRUCT(url VARCHAR, valueCoding STRUCT(code VARCHAR))[]',
  valueQuantity: 'STRUCT(value DOUBLE, comparator VARCHAR, code VARCHAR)', valueInteger: 'BIGINT',
  valueBoolean: 'BOOLEAN', valueString: 'VARCHAR', valueCodeableConcept: '{CONCEPT}',
  dataAbsentReason: '{CONCEPT}', interpretation: '{CONCEPT}[]', method: 'STRUCT(text VARCHAR)',
  specimen: 'STRUCT(reference VARCHAR)', meta: 'STRUCT(tag STRUCT(system VARCHAR, code VARCHAR)[])',
  note: 'STRUCT(text VARCHAR)[]'
}})"""


def observation(number: int, chance: random.Random) -> str:
    """One Observation of about 1 KB as JSON text."""
    day = chance.randint(-30, 400)
    date = f"20{chance.randint(10, 29)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"
    made = {
        "resourceType": "Observation",
        "id": f"bench-P{number % 5000}-{number}",
        "meta": {"tag": [{"system": "https://fhir-blina.example/CodeSystem/cohort", "code": "bench"}]},
        "extension": [{"url": TIMEPOINT, "valueCoding": {"system": "t", "code": "post-treatment"}}],
        "identifier": [
            {"system": "https://fhir-blina.example/NamingSystem/resource-key", "value": f"b{number}"}
        ],
        "status": "final",
        "category": [{"coding": [{"system": "c", "code": "laboratory", "display": "Laboratory"}]}],
        "code": {
            "coding": [
                {
                    "system": "http://loinc.org",
                    "code": f"{chance.randint(1, 40)}-0",
                    "display": "A laboratory test",
                },
                {
                    "system": "https://fhir-blina.example/CodeSystem/observable",
                    "code": "test",
                    "display": "Test",
                },
            ],
            "text": "A laboratory test in marrow",
        },
        "subject": {"reference": f"Patient/bench-P{number % 5000}"},
        "effectiveDateTime": date,
        "_effectiveDateTime": {"extension": [{"url": STUDY_DAY, "valueInteger": day}]},
    }
    digits = f"{chance.uniform(0, 100):.2f}"
    if number % 10:
        made["valueQuantity"] = {
            "value": "@",
            "unit": "%",
            "system": "http://unitsofmeasure.org",
            "code": "%",
        }
        made["note"] = [{"text": "As printed in the source table; the column gives percentages."}]
    else:
        made["valueCodeableConcept"] = {
            "coding": [{"system": "v", "code": "negative", "display": "Negative"}]
        }
    return json.dumps(made, separators=(",", ":")).replace('"@"', digits) + "\n"


def generate(path: Path, count: int) -> None:
    """Write the file from a seed; a file of the same count is kept."""
    mark = path.with_suffix(".count")
    if mark.exists() and mark.read_text() == str(count):
        return
    chance = random.Random(20230425)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            file.write(observation(number, chance))
    with path.open("rb") as file, (path.parent / "slice" / path.name).open("wb") as few:
        for _ in range(min(SLICE, count)):
            few.write(file.readline())
    mark.write_text(str(count))


def contend(name: str, folder: Path, out: Path) -> int:
    """Run one contender in this process; the number of its rows."""
    import duckdb

    from fhir_blina.views.duckdb.frames import duckdb_frames
    from fhir_blina.views.duckdb.writing import write_duckdb
    from fhir_blina.views.tables import load_views, read_rows, views_folder

    views = load_views(views_folder())
    one = {VIEW: views[VIEW]}
    path = folder / "Observation.ndjson"
    if name.startswith("by hand"):
        with duckdb.connect() as connection:
            query = HAND_WRITTEN.replace("PATH", str(path))
            found = connection.execute(f"COPY ({query}) TO '{out}/hand.parquet' (FORMAT parquet)").fetchone()
            return int(found[0])
    if name == "Parquet":
        return rows_of(write_duckdb(folder, one, out, "parquet"))
    if name == "Parquet, memory_limit 256MB":
        return rows_of(write_duckdb(folder, one, out, "parquet", memory_limit="256MB"))
    if name == "Parquet, 4 views of the type":
        four = {key: view for key, view in views.items() if view.resource == "Observation"}
        return rows_of([path for path in write_duckdb(folder, four, out, "parquet") if path.stem == VIEW])
    if name == "DataFrame":
        return len(duckdb_frames(folder, one)[VIEW])
    if name == "Python reference":
        return len(read_rows(folder, one, engine="python")[VIEW].rows)
    return other(name, folder, out)


def other(name: str, folder: Path, out: Path) -> int:
    """Rows of another runner over the same view, kept as JSON to be compared."""
    view = json.loads((ROOT / "mappings" / "views" / f"ViewDefinition-{VIEW}.json").read_text())
    path = folder / "Observation.ndjson"
    del view["resourceType"]  # fhir4ds takes only the URL of the logical model there
    if name == "sqlonfhir":
        import sqlonfhir

        # its getReferenceKey() fails on a missing reference
        view["select"][0]["column"] = [
            one for one in view["select"][0]["column"] if one["name"] != "specimen_id"
        ]

        rows = sqlonfhir.evaluate([json.loads(line) for line in path.open()], view)
    elif name == "pysof":
        import pysof

        pysof.process_ndjson_to_file(view, str(path), str(out / "pysof.ndjson"), "ndjson")
        rows = [json.loads(line) for line in (out / "pysof.ndjson").open()]
    elif name == "fhir4ds":
        import fhir4ds

        connection = fhir4ds.create_connection()
        fhir4ds.FHIRDataLoader(connection).load_ndjson(path)
        # its SQL asks for a table of this name, and its loader writes all types into one
        connection.execute("CREATE VIEW observations AS FROM resources WHERE resourceType = 'Observation'")
        found = connection.execute(fhir4ds.generate_view_sql(view))
        names = [column[0] for column in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    else:
        raise SystemExit(f"no contender {name}")
    (out / f"{name}.json").write_text(json.dumps(rows, default=str))
    return len(rows)


def differences(name: str, folder: Path, out: Path) -> str:
    """Which columns of another runner's rows differ from the reference, as values and as text."""
    from fhir_blina.views.tables import load_views, read_rows, views_folder

    table = read_rows(folder, {VIEW: load_views(views_folder())[VIEW]}, engine="python")[VIEW]
    theirs = json.loads((out / f"{name}.json").read_text())
    if len(theirs) != len(table.rows):
        return f"{len(theirs)} rows instead of {len(table.rows)}"
    wrong: dict[str, int] = {}
    text: set[str] = set()
    for row, found in zip(table.rows, theirs, strict=True):
        for column, value in zip(table.columns, row, strict=True):
            given = found.get(column)
            plain = float(value) if isinstance(value, Decimal) else value
            if given != plain and str(given).lower() in {str(value).lower(), str(plain)}:
                text.add(column)
            elif given != plain:
                wrong[column] = wrong.get(column, 0) + 1
    parts = [f"{len(text)} typed columns come back as text"] if text else []
    parts += [f"{column} differs in {count} rows" for column, count in wrong.items()]
    return "; ".join(parts) or "all rows equal"


def parity(path: Path, most: int) -> str:
    """Whether both engines give the same rows for the first resources of a file, part by part."""
    from fhir_blina.views.tables import load_views, read_rows, views_folder

    views = {
        name: view for name, view in load_views(views_folder()).items() if view.resource == "Observation"
    }
    done = 0
    with path.open("rb") as file, tempfile.TemporaryDirectory() as scratch:
        while lines := list(itertools.islice(file, min(SLICE, most - done))):
            (Path(scratch) / path.name).write_bytes(b"".join(lines))
            ours, reference = (read_rows(scratch, views, engine=one) for one in ("duckdb", "python"))
            if wrong := [name for name in views if repr(ours[name]) != repr(reference[name])]:
                return f"engines differ in {', '.join(wrong)} within {done + len(lines)} resources"
            done += len(lines)
    return f"both engines give the same rows of {len(views)} views for {done} resources"


def installed() -> list[str]:
    """Distributions that take part."""
    known = ("duckdb", "pandas", "fhir4ds-v2", "pysof", "sqlonfhir")
    return [one for one in known if any(importlib.metadata.distributions(name=one))]


def peak_mb() -> float:
    """Peak of resident memory of this process, its parent's left out."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def rows_of(paths: list[Path]) -> int:
    """Rows of a Parquet file."""
    import duckdb

    return int(duckdb.execute(f"SELECT count(*) FROM '{paths[0]}'").fetchone()[0])


def same_rows(out: Path) -> str:
    """Whether the compiled view's rows are those of the hand-written query, number by number."""
    import duckdb

    ours, hand = f"SELECT * FROM '{out}/{VIEW}.parquet'", f"SELECT * FROM '{out}/hand.parquet'"
    as_number = "REPLACE (CAST(value_quantity AS DOUBLE) AS value_quantity)"
    ours = ours.replace("*", f"* {as_number}")
    left, right = (
        duckdb.execute(f"SELECT count(*) FROM (({one}) EXCEPT ALL ({two}))").fetchone()[0]
        for one, two in ((ours, hand), (hand, ours))
    )
    return "all rows equal" if not left and not right else f"{left} rows of ours, {right} by hand differ"


def main() -> None:
    """Generate, run each contender, compare, print."""
    if len(sys.argv) > 1 and sys.argv[1] == "--one":
        name, folder, out = sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
        started = time.perf_counter()
        rows = contend(name, folder, out)
        peak = peak_mb()
        spent = {"seconds": time.perf_counter() - started, "cpu": time.process_time()}
        print(json.dumps({"rows": rows, "mb": peak, **spent}))
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[2] if len(sys.argv) > 2 else scratch)
        (folder / "slice").mkdir(parents=True, exist_ok=True)
        generate(folder / "Observation.ndjson", count)
        out = Path(scratch) / "out"
        out.mkdir()
        size = (folder / "Observation.ndjson").stat().st_size / 1e6
        print(f"{count} Observations, {size:.0f} MB; view {VIEW}")
        print(
            "versions:",
            ", ".join(f"{name} {importlib.metadata.version(name)}" for name in installed()),
        )
        whole = [
            "by hand (warms the cache)",
            "by hand",
            "Parquet",
            "by hand, again",
            "Parquet, memory_limit 256MB",
            "Parquet, 4 views of the type",
            "DataFrame",
        ]
        for name in whole:
            show(name, folder, out)
        print(same_rows(out))
        print(parity(folder / "Observation.ndjson", min(PARITY, count)))
        others = [one for one in ("fhir4ds", "pysof", "sqlonfhir") if importlib.util.find_spec(one)]
        print(f"\nthe first {min(SLICE, count)} of them:")
        for name in ["Parquet", "DataFrame", "Python reference", *others]:
            show(name, folder / "slice", out)
        for name in others:
            if (out / f"{name}.json").exists():
                print(f"{name}: {differences(name, folder / 'slice', out)}")


def show(name: str, folder: Path, out: Path) -> None:
    """Run one contender in a process of its own and print its line."""
    command = [sys.executable, __file__, "--one", name, str(folder), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{name:32} failed: {done.stderr.strip().splitlines()[-1][:120]}")
        return
    found = json.loads(done.stdout)
    print(f"{name:32} {found['seconds']:7.2f} s {found['cpu']:7.2f} s CPU {found['mb']:7.0f} MB")


if __name__ == "__main__":
    main()

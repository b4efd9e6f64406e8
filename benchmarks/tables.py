"""The view ``observations`` (29 columns) over NDJSON, to rows in memory."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks.contenders import Answer, Contender, Ready, Task
from benchmarks.views import HAND_WRITTEN, ROOT, VIEW, observation

FILE = "Observation.ndjson"
LEFT_OUT = "specimen_id"  # getReferenceKey() of sqlonfhir fails on a missing reference
KEY = "observation_id"
Rows = list[dict[str, Any]]


def made(folder: Path, resources: int) -> None:
    """Observations of about 1 KB each, and the view: the shared one's columns that are written by hand."""
    chance = random.Random(20230425)
    with (folder / FILE).open("w", encoding="utf-8") as file:
        file.writelines(observation(number, chance) for number in range(resources))
    path = ROOT / "mappings" / "views" / f"ViewDefinition-{VIEW}.json"
    view = json.loads(path.read_text("utf-8"))
    by_hand = set(re.findall(r" AS (\w+)[,\n]", HAND_WRITTEN)) | {"status"}
    columns = view["select"][0]["column"]
    view["select"][0]["column"] = [one for one in columns if one["name"] in by_hand - {LEFT_OUT}]
    (folder / "views").mkdir()
    (folder / "views" / path.name).write_text(json.dumps(view), "utf-8")


def digests(rows: Iterable[Mapping[str, Any]]) -> Answer:
    """A digest of each column in the order of the ids, and the number of rows."""
    ordered = sorted(rows, key=lambda row: str(row[KEY]))
    names = sorted({name for row in ordered for name in row} - {LEFT_OUT})
    found = {
        name: hashlib.sha256("\n".join(_plain(row.get(name)) for row in ordered).encode()).hexdigest()
        for name in names
    }
    return {**found, "rows": len(ordered)}


def _plain(value: Any) -> str:
    if value is None or value != value:
        return ""
    return repr(float(value)) if isinstance(value, Decimal | float) else repr(value)


def _ours(engine: str) -> Ready:
    def ready(folder: Path) -> Callable[[], Rows]:
        from fhir_blina.views.tables import load_views, read_rows

        view = {VIEW: load_views(folder / "views")[VIEW]}

        def work() -> Rows:
            found = read_rows(folder, view, engine=engine)[VIEW]
            return [dict(zip(found.columns, row, strict=True)) for row in found.rows]

        return work

    return ready


def _by_hand(folder: Path) -> Callable[[], Rows]:
    import duckdb

    def work() -> Rows:
        with duckdb.connect() as connection:
            found = connection.execute(HAND_WRITTEN.replace("PATH", str(folder / FILE)))
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    return work


def _sqlonfhir(folder: Path) -> Callable[[], Rows]:
    import sqlonfhir

    view = json.loads((folder / "views" / f"ViewDefinition-{VIEW}.json").read_text("utf-8"))

    def work() -> Rows:
        with (folder / FILE).open(encoding="utf-8") as file:
            return list(sqlonfhir.evaluate([json.loads(line) for line in file], view))

    return work


TASK = Task(
    "tables",
    "resources",
    made,
    (
        Contender("fhir-blina", _ours("duckdb")),
        Contender("SQL by hand", _by_hand, needs="duckdb"),
        Contender("fhir-blina, Python", _ours("python"), most=20_000),
        Contender("sqlonfhir", _sqlonfhir, needs="sqlonfhir", most=10_000),
    ),
    digests,
)

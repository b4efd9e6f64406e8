"""``python -m benchmarks``: measure, compare, print, keep."""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.metadata
import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import document, paper
from benchmarks.contenders import tasks
from benchmarks.running import make_data, measure, run_one

SIZES = {"subjects": (1_000, 10_000, 100_000), "resources": (1_000, 10_000), "patients": (10, 100)}
PACKAGES = ("fhir-blina", "duckdb", "pandas", "lifelines", "sqlonfhir", "fhirpy", "fhirclient", "fhir-pyrate")


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    made = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    made.add_argument(
        "--task", action="append", default=[], metavar="NAME", help="only this one; again for more"
    )
    made.add_argument(
        "--sizes", default="", metavar="N,N", help="of every task (default: small ones by unit)"
    )
    made.add_argument("--rounds", type=int, default=2, metavar="N", help="of each contender (default: 2)")
    made.add_argument("--server", default="", metavar="URL", help="a FHIR server for the tasks that need one")
    made.add_argument("--data", metavar="DIR", help="where made data is kept (default: nowhere)")
    made.add_argument("--out", default="benchmarks.json", metavar="FILE", help="default: benchmarks.json")
    made.add_argument("--add", action="store_true", help="keep what FILE holds of other tasks and sizes")
    made.add_argument(
        "--document",
        action="store_true",
        help="write docs/benchmarks.md and docs/scaling.md from what is kept, and stop",
    )
    made.add_argument("--one", nargs=3, metavar=("TASK", "CONTENDER", "FOLDER"), help=argparse.SUPPRESS)
    return made


def main() -> None:
    """Do what was asked for."""
    options = parser().parse_args()
    if options.one:
        run_one(options.one[0], options.one[1], Path(options.one[2]))
        return
    if options.document:
        document.write_page(document.read())
        paper.write_page(document.read())
        return
    known = tasks()
    wrong = sorted(set(options.task) - set(known))
    if wrong:
        parser().error(f"no task {', '.join(wrong)}; known: {', '.join(known)}")
    if options.server:
        os.environ["BENCHMARK_SERVER"] = options.server
    out = Path(options.out)
    before = document.read(out)["records"] if options.add and out.exists() else []
    with tempfile.TemporaryDirectory() as scratch:
        records = _measured(options, Path(options.data or scratch))
    done = {(record["task"], record["size"], record["contender"]) for record in records}
    kept = [one for one in before if (one["task"], one["size"], one["contender"]) not in done]
    order = {name: place for place, name in enumerate(known)}
    records = sorted(kept + records, key=lambda one: (order.get(one["task"], 99), one["size"]))
    measured = {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": _machine(),
        "rounds": options.rounds,
    }
    out.write_text(json.dumps({**measured, "records": records}, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _measured(options: argparse.Namespace, place: Path) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    for name, task in tasks().items():
        if options.task and name not in options.task:
            continue
        if task.server and not options.server:
            print(f"{name}: left out, no --server", file=sys.stderr)
            continue
        asked = tuple(map(int, options.sizes.split(","))) if options.sizes else SIZES[task.unit]
        for size in asked:
            for record in measure(task, size, make_data(task, size, place), options.rounds):
                records.append(record)
                print(_said(record), flush=True)
    return records


def _said(record: dict[str, Any]) -> str:
    name = f"{record['task']:18} {record['size']:>9,} {record['contender']:20}"
    if "left_out" in record:
        return f"{name} {record['left_out']}"
    same = f"differs in {', '.join(record['differs'])}" if record["differs"] else "same"
    return f"{name} {record['processor']:8.2f} s {record['mb']:6} MB  {same if record['compared'] else ''}"


def _machine() -> dict[str, Any]:
    versions = {name: importlib.metadata.version(name) for name in PACKAGES if _there(name)}
    return {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "versions": versions,
    }


def _there(name: str) -> bool:
    return any(True for _ in importlib.metadata.distributions(name=name))


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    text = info.read_text("utf-8") if info.is_file() else ""
    return text.partition("model name")[2].partition(":")[2].partition("\n")[0].strip() or platform.machine()


if __name__ == "__main__":
    main()

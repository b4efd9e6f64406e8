"""How much time and memory a pull takes, beside a bare httpx loop over the same pages.

::

    python benchmarks/pull.py URL [PATIENTS …]

For each number of patients (default 250 and 2500, so 10,250 and 102,500 resources) the server at URL gets a
cohort of 41 resources a patient, unless it is there. Then each way reads it by search, three times in turn,
in a process of its own: the bare loop keeps the parsed pages of one search after the other and checks
nothing; the pull goes through its journal into a folder. Prints the medians of seconds and processor time,
and the most memory that a process had (on Linux), of which ``imports`` is what it has before it begins.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from push import cohort

from fhir_blina.files import COHORT_SYSTEM
from fhir_blina.files.json import Resource
from fhir_blina.store import open_store
from fhir_blina.store.rest.rest import RestStore

ROUNDS = 3


def resources(patients: int) -> list[Resource]:
    """The cohort of so many patients, under a tag of its own."""
    found = list(cohort(patients, f"pull{patients}"))
    for one in found:
        one["meta"] = {"tag": [{"system": COHORT_SYSTEM, "code": f"pull{patients}"}]}
    return found


def bare(url: str, name: str) -> int:
    """Walk the pages of both types and keep what is on them; returns how many."""
    held: list[Any] = []
    with httpx.Client(timeout=300) as client:
        for kind in ("Observation", "Patient"):
            link: str | None = f"{url}/{kind}?_tag={COHORT_SYSTEM}|{name}&_count=1000"
            while link:
                bundle = client.get(link, headers={"Cache-Control": "no-cache"}).raise_for_status().json()
                held += [entry["resource"] for entry in bundle.get("entry", [])]
                link = next((one["url"] for one in bundle.get("link", []) if one["relation"] == "next"), None)
    return len(held)


def pull(url: str, name: str) -> int:
    """A pull into a folder; returns how many resources."""
    with tempfile.TemporaryDirectory() as folder:
        result = RestStore(url, via="search").pull(Path(folder) / "out", cohort=name)
        return sum(result.counts.values())


WAYS = {"imports": lambda _url, _name: 0, "bare": bare, "pull": pull}


def peak() -> float:
    """Most memory that this process had, in MB; getrusage would count the process that started it, too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def measured(way: str, url: str, name: str) -> dict[str, float]:
    """One way in a process of its own."""
    command = [sys.executable, __file__, "--child", way, url, name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def child(way: str, url: str, name: str) -> None:
    """Measure and print."""
    started, spent = time.perf_counter(), time.process_time()
    count = WAYS[way](url, name)
    figures = {
        "count": count,
        "seconds": time.perf_counter() - started,
        "processor": time.process_time() - spent,
        "memory": peak(),
    }
    print(json.dumps(figures))


def main() -> None:
    """Load, measure and print."""
    url = sys.argv[1]
    for patients in [int(word) for word in sys.argv[2:]] or [250, 2500]:
        name = f"pull{patients}"
        total = patients * 41
        store = open_store(url)
        if sum(store.counts(name).values()) != total:
            store.push(resources(patients), cohort=name, verify="counts")
        found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(ROUNDS):
            for way, runs in found.items():
                runs.append(measured(way, url, name))
        for way, runs in found.items():
            assert all(run["count"] in {0, total} for run in runs), runs
            middle = {part: statistics.median(run[part] for run in runs) for part in ("seconds", "processor")}
            memory = max(run["memory"] for run in runs)
            print(
                f"{total:7} {way:8} {middle['seconds']:7.1f} s {middle['processor']:7.1f} s processor "
                f"{memory:6.0f} MB"
            )


if __name__ == "__main__":
    if sys.argv[1] == "--child":
        child(*sys.argv[2:])
    else:
        main()

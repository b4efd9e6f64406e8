"""How fast a folder of NDJSON goes into a FHIR server, beside a bare httpx loop that sends the same bundles.

::

    python benchmarks/push.py URL [PATIENTS [ROUNDS]]

Sends 41 resources a patient (default 250 patients: 10,250 resources) to the server at URL, three rounds
each way in turn after a small one, and unloads them in between. Prints resources a second of both, of the
pull, and the overhead of the push: its step ``send`` against the loop, and the whole push with plan and
verification. The push is a process of its own, whose memory is printed.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from fhir_blina.files import COHORT_SYSTEM
from fhir_blina.files.json import dumps, write_ndjson
from fhir_blina.store import open_store

COHORT = "benchmark"
ROUNDS = 3
BUNDLE = 200


def cohort(patients: int, run: str) -> Iterator[dict[str, Any]]:
    """A patient and forty observations each, patient after patient."""
    start = date(2020, 1, 1)
    tag = {"tag": [{"system": COHORT_SYSTEM, "code": COHORT}]}
    for number in range(patients):
        name = f"{run}-p{number}"
        yield {"resourceType": "Patient", "id": name, "meta": tag, "gender": "female"}
        for day in range(40):
            yield {
                "resourceType": "Observation",
                "id": f"{name}-d{day}",
                "meta": tag,
                "status": "final",
                "code": {"coding": [{"system": "http://loinc.org", "code": "26881-3"}]},
                "subject": {"reference": f"Patient/{name}"},
                "effectiveDateTime": (start + timedelta(days=day)).isoformat(),
                "valueQuantity": {
                    "value": Decimal(number * 40 + day) / 100,
                    "unit": "pg/mL",
                    "system": "http://unitsofmeasure.org",
                    "code": "pg/mL",
                },
            }


def bare(url: str, resources: list[dict[str, Any]]) -> float:
    """Seconds that a loop over httpx takes: bundles of whole patients, two at a time, nothing checked."""
    whole = BUNDLE // 41 * 41
    bundles = [
        {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
                for one in resources[start : start + whole]
            ],
        }
        for start in range(0, len(resources), whole)
    ]
    headers = {"Content-Type": "application/fhir+json", "Prefer": "return=minimal"}
    with httpx.Client(timeout=300, headers=headers) as client, ThreadPoolExecutor(2) as pool:
        started = time.perf_counter()
        for answer in pool.map(lambda bundle: client.post(url, content=dumps(bundle)), bundles):
            answer.raise_for_status()
            answer.json()
        return time.perf_counter() - started


PUSH = """
import pathlib, sys
from fhir_blina.cli.parser import main
code = main(sys.argv[2:])
status = pathlib.Path("/proc/self/status").read_text()
pathlib.Path(sys.argv[1]).write_text(next(line.split()[1] for line in status.splitlines() if "VmHWM" in line))
sys.exit(code)
"""


def push(url: str, patients: int, run: str) -> tuple[dict[str, float], float, float]:
    """Push a folder by the command: seconds by step, processor seconds, and most memory in MB."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        write_ndjson(place / "in" / "all.ndjson", cohort(patients, run))
        options = ["push", str(place / "in"), "--store", url, "--out", name, "--json", "--quiet"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-c", PUSH, str(place / "memory"), *options]
        done = subprocess.run(command, check=True, capture_output=True)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
        # ru_maxrss of a process counts what its parent had when it was started; VmHWM does not
        return json.loads(done.stdout)["seconds"], spent, int((place / "memory").read_text()) / 1024


def main() -> None:
    """Measure and print."""
    url = sys.argv[1]
    patients = int(sys.argv[2]) if len(sys.argv) > 2 else 250
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    store = open_store(url)
    store.unload(COHORT)
    loops, sends, pushes, pulls, memory = [], [], [], [], 0.0
    own: tuple[list[float], list[float]] = ([], [])
    for number in range(-1, rounds):  # the first round warms the server up
        some = patients if number >= 0 else min(patients, 250)
        made = list(cohort(some, f"loop{number}"))
        spent = time.process_time()
        loops.append(bare(url, made))
        own[0].append(time.process_time() - spent)
        del made
        store.unload(COHORT)
        seconds, processor, most = push(url, some, f"push{number}")
        memory = max(memory, most)
        own[1].append(processor)
        sends.append(seconds["send"])
        pushes.append(sum(seconds.values()))
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            store.pull(Path(folder) / "out", cohort=COHORT)
            pulls.append(time.perf_counter() - started)
        store.unload(COHORT)
        print(
            f"round {number + 1}: {some * 41} resources, loop {loops[-1]:.1f} s, send {sends[-1]:.1f} s, "
            f"push {pushes[-1]:.1f} s",
            flush=True,
        )
    count = patients * 41
    loop, send, whole, pull = (statistics.median(times[1:]) for times in (loops, sends, pushes, pulls))
    for name, spent in {"bare loop": loop, "push: send": send, "push: all": whole, "pull": pull}.items():
        print(f"{name:12} {count / spent:7.0f} resources/s  {spent:6.1f} s")
    print(f"overhead in time: send {100 * (send / loop - 1):+.1f} %, push {100 * (whole / loop - 1):+.1f} %")
    print("processor time of the client, which a busy machine does not change:")
    print(f"bare loop {statistics.median(own[0][1:]):.2f} s, push {statistics.median(own[1][1:]):.2f} s")
    print(f"memory of the push, at most: {memory:.0f} MB")


if __name__ == "__main__":
    main()

"""Contenders run in turns, each in a process of its own: time, processor time, memory, and the answer."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.contenders import Contender, Task, differing, tasks

LONGEST_SECONDS = 240


def one(task: Task, contender: Contender, folder: Path) -> dict[str, Any]:
    """Run a contender in this process; imports are not counted where it does them while it gets ready."""
    work = contender.ready(folder)
    gc.collect()
    started, spent, before = time.perf_counter(), time.process_time(), _peak_mb()
    found = work()
    seconds, processor, peak = time.perf_counter() - started, time.process_time() - spent, _peak_mb()
    answer = task.answer(found)
    return {"seconds": seconds, "processor": processor, "mb": peak, "mb_before": before, "answer": answer}


def _peak_mb() -> float:
    """Most resident memory of this process so far; of its parent nothing is counted."""
    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def measure(task: Task, size: int, folder: Path, rounds: int) -> Iterator[dict[str, Any]]:
    """One record for each contender of a task: least times of the rounds, and what differs from ours."""
    here = [one for one in task.contenders if one.there and size <= one.most]
    found: dict[str, list[dict[str, Any]]] = {contender.name: [] for contender in here}
    stopped: dict[str, str] = {}
    for number in range(rounds):
        for contender in here if number % 2 == 0 else reversed(here):
            if contender.name not in stopped:
                done = _apart(task, contender, folder)
                if isinstance(done, str):
                    stopped[contender.name] = done
                else:
                    found[contender.name].append(done)
    first = next((done[0]["answer"] for done in found.values() if done), {})
    for contender in task.contenders:
        made: dict[str, Any] = {
            "task": task.name,
            "unit": task.unit,
            "size": size,
            "contender": contender.name,
        }
        runs = found.get(contender.name, [])
        if contender.name in stopped or not runs:
            yield made | {"left_out": stopped.get(contender.name) or _why_not(contender, size)}
            continue
        answers = [run["answer"] for run in runs]
        yield made | {
            "seconds": round(min(run["seconds"] for run in runs), 4),
            "processor": round(min(run["processor"] for run in runs), 4),
            "mb": round(max(run["mb"] for run in runs)),
            "mb_before": round(max(run["mb_before"] for run in runs)),
            "rounds": len(runs),
            "differs": sorted({name for answer in answers for name in differing(first, answer)}),
            "compared": len(first),
        }


def _why_not(contender: Contender, size: int) -> str:
    if not contender.there:
        return f"{contender.needs} is not installed"
    return f"left out above {contender.most:,}" if size > contender.most else "not run"


def _apart(task: Task, contender: Contender, folder: Path) -> dict[str, Any] | str:
    """Run a contender in a process of its own; why it has no result where it has none."""
    command = [sys.executable, "-m", "benchmarks", "--one", task.name, contender.name, str(folder)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False, env=_environment()
        )
    except subprocess.TimeoutExpired:
        return f"stopped after {LONGEST_SECONDS} s"
    if done.returncode:
        said = done.stderr.strip().splitlines()
        return f"failed: {said[-1][:120] if said else done.returncode}"
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _environment() -> dict[str, str]:
    root = str(Path(__file__).resolve().parent.parent)
    return {**os.environ, "PYTHONPATH": root, "OPENBLAS_NUM_THREADS": "1"}


def run_one(task: str, contender: str, folder: Path) -> None:
    """What a process of its own does: run one, print its record as the last line."""
    chosen = tasks()[task]
    who = next(one for one in chosen.contenders if one.name == contender)
    print(json.dumps(one(chosen, who, folder)))


def make_data(task: Task, size: int, place: Path) -> Path:
    """The folder with a task's data of a size, made once; tasks with the same data share it."""
    folder = place / f"{task.data.__module__.rpartition('.')[2]}-{task.data.__name__}-{size}"
    if not folder.exists():
        part = folder.with_suffix(".part")
        part.mkdir(parents=True)
        task.data(part, size)
        part.rename(folder)
    return folder

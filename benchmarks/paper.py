"""A hundred million patients on paper: what was measured, made larger; the tables of ``docs/scaling.md``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.document import ROOT, by_contender, exponent

PAGE = ROOT / "docs" / "scaling.md"
BEGIN = "<!-- extrapolated: made by python -m benchmarks --document -->"
END = "<!-- end of what was extrapolated -->"
PATIENTS = 100_000_000
PART = 10_000  # patients in one part
CORES = 256
DOLLARS = 0.05  # for an hour of one core with 4 GB, about what clouds ask for


def page_part(measured: dict[str, Any]) -> str:
    """The part of the page between its marks."""
    return "\n".join(["", *_lines(measured), ""])


def _lines(measured: dict[str, Any]) -> Iterator[str]:
    yield f"From the run of {measured['date']} ({measured['machine']['processor']}), one core a process."
    yield ""
    yield "| command | measured with | processor a patient | memory a patient | exponent |"
    yield "|---|---|---|---|---|"
    steps = [step for step in map(_step, by_contender(measured["records"]).values()) if step]
    for step in steps:
        slope = "" if step["exponent"] is None else f"{step['exponent']:.2f}"
        yield (
            f"| {step['task']} | {step['size']:,} patients | {1000 * step['seconds']:.1f} ms | "
            f"{1024 * step['mb']:.0f} KB | {slope} |"
        )
    yield from ("", f"The same rates for {PATIENTS:,} patients in parts of {PART:,}:", "")
    yield f"| command | hours of one core | hours on {CORES} cores | memory of a part | dollars |"
    yield "|---|---|---|---|---|"
    for step in [*steps, _all(steps)]:
        hours = step["seconds"] * PATIENTS / 3600
        memory = f"{(step['base'] + PART * step['mb']) / 1024:.1f} GB"
        yield f"| {step['task']} | {hours:,.0f} | {hours / CORES:,.1f} | {memory} | {hours * DOLLARS:,.0f} |"


def _step(own: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Seconds and memory a patient, from the largest size that was measured and the smallest."""
    runs = [one for one in own if one["unit"] == "patients" and "processor" in one]
    if len(runs) < 2:
        return None
    few, many = runs[0], runs[-1]
    apart = many["size"] - few["size"]
    return {
        "task": many["task"],
        "size": many["size"],
        "seconds": max(many["processor"] - few["processor"], 0.0) / apart,
        "mb": max(many["mb"] - few["mb"], 0) / apart,
        "base": few["mb"],
        "exponent": exponent((one["size"], one["processor"]) for one in runs),
    }


def _all(steps: list[dict[str, Any]]) -> dict[str, Any]:
    """One after the other: times add up, the largest memory counts."""
    largest = max(steps, key=lambda step: step["base"] + PART * step["mb"])
    return {**largest, "task": "all of them", "seconds": sum(step["seconds"] for step in steps)}


def write_page(measured: dict[str, Any], page: Path = PAGE) -> None:
    """Put the extrapolation between the marks of the page."""
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(before + BEGIN + "\n" + page_part(measured) + "\n" + END + after, "utf-8")

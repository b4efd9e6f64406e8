"""What was measured, as the tables and the plot of ``docs/benchmarks.md``."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MEASURED = ROOT / "benchmarks" / "measured.json"
PAGE = ROOT / "docs" / "benchmarks.md"
PLOT = ROOT / "docs" / "benchmarks.svg"
BEGIN, END = "<!-- measured: made by python -m benchmarks --document -->", "<!-- end of what was measured -->"
Records = list[dict[str, Any]]


def exponent(points: Iterable[tuple[float, float]]) -> float | None:
    """The slope of log time over log size, by least squares; ``None`` with fewer than two sizes."""
    logs = [(math.log(size), math.log(time)) for size, time in points if size > 0 and time > 0]
    if len({size for size, _ in logs}) < 2:
        return None
    middle = sum(x for x, _ in logs) / len(logs), sum(y for _, y in logs) / len(logs)
    spread = sum((x - middle[0]) ** 2 for x, _ in logs)
    return sum((x - middle[0]) * (y - middle[1]) for x, y in logs) / spread


def by_contender(records: Records) -> dict[tuple[str, str], Records]:
    """The records of each contender of each task, in their order."""
    found: dict[tuple[str, str], Records] = {}
    for record in records:
        found.setdefault((record["task"], record["contender"]), []).append(record)
    return found


def page_part(measured: dict[str, Any]) -> str:
    """The part of the page between its marks."""
    return "\n".join(["", *_lines(measured), ""])


def _lines(measured: dict[str, Any]) -> Iterator[str]:
    machine, records = measured["machine"], measured["records"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    yield f"{measured['date']}, {machine['cores']} cores ({machine['processor']})."
    yield f"Python {machine['python']}, {versions}."
    yield "Each contender ran in turns with the others, each time in a process of its own. The least"
    yield "processor time counts: a busy machine changes it less than the clock. Memory is the most at once."
    for task in dict.fromkeys(record["task"] for record in records):
        mine = [record for record in records if record["task"] == task]
        yield from ("", f"### {task[0].upper()}{task[1:]}", "")
        columns = "| | processor | by second | against ours | on the clock | peak memory | answer |"
        yield f"| {mine[0]['unit']} {columns}"
        yield "|---|---|---|---|---|---|---|---|"
        for record in mine:
            yield _line(record, next((one for one in mine if one["size"] == record["size"]), record))
        for (_, name), own in by_contender(mine).items():
            slope = exponent((one["size"], one["processor"]) for one in own if "processor" in one)
            if slope is not None:
                yield from ("", f"{name}: processor time grows as the size to the power {slope:.2f}.")
    yield from ("", "![Processor time by size, both axes logarithmic](benchmarks.svg)")


def _line(record: dict[str, Any], ours: dict[str, Any]) -> str:
    name = f"| {record['size']:,} | {record['contender']} |"
    if "left_out" in record:
        return f"{name} {record['left_out']} | | | | | |"
    ratio = record["processor"] / ours["processor"] if ours.get("processor") else math.nan
    said = f"{ratio:.2f} times" if record is not ours and ratio == ratio else ""
    answer = "the same" if record is not ours else ""
    if record["differs"]:
        answer = f"differs in {', '.join(record['differs'])}"
    if not record["compared"]:
        answer = ""
    pace = record["size"] / record["processor"]
    return (
        f"{name} {record['processor']:.2f} s | {pace:,.0f} | {said} | {record['seconds']:.2f} s | "
        f"{record['mb']} MB | {answer} |"
    )


def lines(measured: dict[str, Any]) -> dict[str, Records]:
    """What the plot shows: each contender that ran with two sizes or more."""
    named = {
        f"{task}: {name}" if name != "fhir-blina" else task: [one for one in own if "processor" in one]
        for (task, name), own in by_contender(measured["records"]).items()
    }
    return {name: own for name, own in named.items() if len(own) > 1}


def plot_words(measured: dict[str, Any]) -> str:
    """The plot in words."""
    return "; ".join(
        f"{name}: " + ", ".join(f"{one['processor']:.2f} s for {one['size']:,}" for one in own)
        for name, own in lines(measured).items()
    )


def plot(measured: dict[str, Any]) -> bytes:
    """Processor time by size, both axes logarithmic."""
    from matplotlib.figure import Figure

    from fhir_blina.figures.canvas import PALETTE, SERIES, draw

    def paint(figure: Figure, _: bool) -> None:
        axes = figure.add_axes((0.1, 0.12, 0.5, 0.84))
        for number, (name, own) in enumerate(lines(measured).items()):
            colour, style, marker = SERIES[number % len(SERIES)]
            axes.plot(
                [one["size"] for one in own],
                [one["processor"] for one in own],
                color=PALETTE[colour],
                linestyle=style if number < len(SERIES) else "-",
                marker=marker if number < len(SERIES) else "osD^vPX*"[number % 8],
                alpha=1 if number < len(SERIES) else 0.6,
                label=name,
            )
        axes.set(xscale="log", yscale="log", xlabel="Size", ylabel="Processor time (s)")
        axes.grid(visible=True)
        axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1))

    return draw("benchmarks", "Processor time by size", plot_words(measured), paint, heights=(4.2, 4.2)).svg


def read(path: Path = MEASURED) -> dict[str, Any]:
    """A run that was kept."""
    return dict(json.loads(path.read_text("utf-8")))


def write_page(measured: dict[str, Any], page: Path = PAGE, figure: Path = PLOT) -> None:
    """Put what was measured between the marks of the page, and draw the plot."""
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(before + BEGIN + "\n" + page_part(measured) + "\n" + END + after, "utf-8")
    figure.write_bytes(plot(measured))

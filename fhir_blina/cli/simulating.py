"""The command that writes a synthetic cohort, and the truth beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fhir_blina.cli.reading import Options, terminal_of

TRUTH = "truth.json"


def simulate(options: Options) -> int:
    """Write a synthetic cohort in the shape of a cohort."""
    from fhir_blina.cohorts import read_cohort
    from fhir_blina.files import dumps, write_whole
    from fhir_blina.simulation import simulate_cohort

    terminal = terminal_of(options)
    cohort = read_cohort(options.cohort)
    folder = Path(options.folder)
    truth = truth_of(options.cohort) if (cohort.folder / "endpoints.yaml").is_file() else None
    with terminal.step("simulate") as step:
        made = simulate_cohort(cohort, folder, patients=options.patients, seed=options.seed)
        if truth is not None:
            lines = dict.fromkeys(map(dumps, truth))  # intervals of one estimate are records of their own
            write_whole(folder / TRUTH, "[\n" + ",\n".join(lines) + "\n]\n")
        step.summary = f"{made.patients} patients, {sum(made.rows.values())} rows"
    terminal.answer({"folder": str(folder), "patients": made.patients, "rows": dict(made.rows)})
    terminal.result(str(folder))
    terminal.note("each patient repeats the rows of one of the cohort's: this is no anonymous data")
    return 0


def truth_of(name_or_folder: str) -> list[dict[str, Any]]:
    """What the analysis of a cohort gives, as values of the population that patients are drawn from.

    Tests, P values and intervals are left out, since they are about a number of patients, and so is what
    is about a single patient.
    """
    from fhir_blina.analysis import analyze
    from fhir_blina.cli.pipeline import opened, prepare, tables_of
    from fhir_blina.cli.terminal import Terminal
    from fhir_blina.endpoints import read_endpoints
    from fhir_blina.files import scratch

    cohort, mapped, _ = prepare(name_or_folder, terminal=Terminal(quiet=True))
    with scratch() as place:
        folder = place / "fhir"  # a store replaces its folder, and with it the lock that keeps others off
        opened(folder, release=cohort.release).push(mapped.resources, cohort=cohort.name)
        tables = tables_of(folder)
    labels = set(tables["patients"]["study_subject"]) | set(tables["patients"]["patient_id"])
    kept = ("name", "group", "time_days", "value", "unit", "n", "method")
    return [
        {name: record[name] for name in kept}
        for record in analyze(tables, read_endpoints(cohort.folder)).as_dict()["records"]
        if record["test"] is None and record["p_value"] is None and record["group"] not in labels
    ]

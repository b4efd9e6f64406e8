"""A synthetic cohort: each patient gets all the rows of one drawn from the cohort, under a new id.

Drawing whole patients, each with the same probability and again and again, keeps what a cohort's shape is
made of: the frequency of every value, what is missing, and how baseline, response, transplantation and
survival hang together. The cohort drawn from is then the population, and its own shares, means, quantiles
and survival curves are the truth that an analysis of the synthetic cohort must come back to. (Efron B.
Bootstrap methods: another look at the jackknife. Ann Stat 1979;7:1-26.)
"""

from __future__ import annotations

import csv
import random
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fhir_blina.cohorts import Cohort, Row, Table
from fhir_blina.errors import CohortError, Finding, problem
from fhir_blina.files import dumps, files_in, read_regular, write_whole
from fhir_blina.mapping import patient_columns

_FILES = ("cohort.yaml", "dictionary.csv", "codes.csv", "endpoints.yaml", "report.yaml")
_FOLDERS = ("resources", "profiles", "value_sets", "views", "languages")
_SUFFIXES = (".yaml", ".json", ".sql")
NOTE = """\
Each patient of this cohort repeats the rows of one patient of the cohort "{source}", drawn with seed {seed}.
Ids are new; every other value is a real one. Whoever may not read "{source}" may not read this cohort
either: it is no anonymous data. It is for tests of size, of speed and of methods.

`truth.json` holds what the analysis of "{source}" gives: the shares, quantiles and survival of the population
from which the patients were drawn. The printed claims and findings of "{source}" are left out, since they are
not about these patients.
"""


@dataclass(frozen=True)
class Simulated:
    """What was written.

    Attributes:
        folder: The cohort folder.
        patients: How many patients it has.
        rows: Rows by table.
    """

    folder: Path
    patients: int
    rows: Mapping[str, int]


def simulate_cohort(cohort: Cohort, folder: Path, *, patients: int, seed: int) -> Simulated:
    """Write a synthetic cohort of so many patients to ``folder``; the same seed gives the same bytes.

    Rows are written as they are drawn, so that memory does not grow with their number. Tables whose rows name
    no patient are copied. Whatever files the cohort's tables lie in, those written are ``data/<table>.csv``
    with the cells as they are read: numbers with a point, dates as FHIR has them.

    Args:
        cohort: From ``read_cohort``; the population.
        folder: A folder that does not exist yet.
        patients: How many, at least 1.
        seed: Of the draws.

    Raises:
        CohortError: the folder exists, no template makes patients from rows with one key column, or a table
            has rows that do not name a patient of the cohort.
    """
    faults: list[Finding] = []
    if folder.exists():
        faults.append(problem(str(folder), "it exists already", "Name a new folder"))
    if patients < 1:
        faults.append(problem("--patients", "a cohort has at least one patient"))
    found = patient_columns(cohort)
    if not found:
        text = "no template makes a Patient for each row of a table with one key column"
        faults.append(
            problem(str(cohort.folder), text, "Add a template with resourceType: Patient and a table")
        )
    if faults:
        raise CohortError(faults)
    return _Drawing(cohort, found).write(folder, patients, seed)


class _Drawing:
    def __init__(self, cohort: Cohort, columns: Mapping[str, str]) -> None:
        self.cohort = cohort
        self.columns = columns
        table, key = next(iter(columns.items()))
        self.ids = [row.text[key] for row in cohort.tables[table].rows]
        self.linked = {name: one for name, one in cohort.tables.items() if name in columns}
        self.rows: dict[str, dict[str, list[Row]]] = {name: {} for name in self.linked}
        faults = []
        known = set(self.ids)
        for name, one in self.linked.items():
            for row in one.rows:
                whose = row.text[columns[name]]
                if whose not in known:
                    text = f'"{columns[name]}" names no patient of the table "{table}"'
                    faults.append(problem(row.location, text, "Name one, or leave the row out"))
                self.rows[name].setdefault(whose, []).append(row)
        if not self.ids:
            faults.append(problem(str(cohort.tables[table].path), "no patient to draw from"))
        if faults:
            raise CohortError(faults)
        self.renamed = self._renamed()

    def _renamed(self) -> dict[str, set[str]]:
        """By table, the columns whose ids belong to one patient's rows and must differ for each of them."""
        own = {
            key
            for name, one in self.linked.items()
            if self.columns[name] not in one.key
            for key in one.key
            if one.columns[key].type == "string" and not one.columns[key].values
        }
        return {name: own & set(one.columns) for name, one in self.linked.items()}

    def write(self, folder: Path, patients: int, seed: int) -> Simulated:
        draws = random.Random(seed)
        width = len(str(patients))
        (folder / "data").mkdir(parents=True)
        try:
            self._copy(folder, seed)
            counts = {
                name: len(one.rows) for name, one in self.cohort.tables.items() if name not in self.linked
            }
            counts |= dict.fromkeys(self.linked, 0)
            with ExitStack() as stack:
                for name, one in self.cohort.tables.items():
                    if name not in self.linked:
                        rows = ([row.text[column] for column in one.columns] for row in one.rows)
                        self._writer(stack, folder, one).writerows(rows)
                writers = {name: self._writer(stack, folder, one) for name, one in self.linked.items()}
                for place in range(1, patients + 1):
                    drawn, made = draws.choice(self.ids), f"S{place:0{width}d}"
                    for name, writer in writers.items():
                        for row in self._drawn(name, drawn, made):
                            writer.writerow(row)
                            counts[name] += 1
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return Simulated(folder, patients, counts)

    def _drawn(self, table: str, drawn: str, made: str) -> Iterator[list[str]]:
        for row in self.rows[table].get(drawn, ()):
            cells = {**row.text, self.columns[table]: made}
            for name in self.renamed[table]:
                cells[name] = f"{made}-{cells[name]}" if cells[name] else ""
            yield [cells[name] for name in self.cohort.tables[table].columns]

    def _writer(self, stack: ExitStack, folder: Path, table: Table) -> Any:
        file = stack.enter_context(
            (folder / "data" / f"{table.name}.csv").open("w", encoding="utf-8", newline="")
        )
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.columns)
        return writer

    def _copy(self, folder: Path, seed: int) -> None:
        for path in self._kept():
            made = folder / path.relative_to(self.cohort.folder)
            made.parent.mkdir(parents=True, exist_ok=True)
            made.write_bytes(read_regular(path))
        manifest = folder / self.cohort.manifest.path.name
        title = dumps(f"Synthetic patients in the shape of: {self.cohort.manifest.data['title']}")
        plain = _without_tables(manifest.read_text("utf-8"))
        titled = re.sub(r"^title:.*$", lambda _: f"title: {title}", plain, count=1, flags=re.MULTILINE)
        write_whole(manifest, titled)
        write_whole(folder / "README.md", NOTE.format(source=self.cohort.name, seed=seed))

    def _kept(self) -> Iterator[Path]:
        """What the synthetic cohort has in common with the one drawn from."""
        source = self.cohort.folder
        yield from (source / name for name in _FILES if (source / name).exists())
        yield from (source / name for name in self.cohort.manifest.data.get("codes", {}).values())
        for name in _FOLDERS:
            if (source / name).exists():
                yield from (path for suffix in _SUFFIXES for path in files_in(source / name, suffix))
        yield from sorted(source.glob("*.sql"))


def _without_tables(manifest: str) -> str:
    """A manifest that no longer says how the tables lie in their files."""
    import yaml

    lines = manifest.splitlines(keepends=True)
    root = yaml.compose(manifest, Loader=yaml.SafeLoader)
    for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
        if key.value == "tables":
            end = value.end_mark.line + (value.end_mark.column > 0)
            return "".join(lines[: key.start_mark.line] + lines[end:])
    return manifest

"""Lines added to a cohort's ``codes.csv``, unless the cohort would be worse for them."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from fhir_blina.errors import CohortError, Finding, did_you_mean, faults, problem
from fhir_blina.files import write_whole

if TYPE_CHECKING:
    from fhir_blina.cohorts import Candidate, Cohort


def short_name(cohort: Cohort, system: str) -> str:
    """The manifest's name of a code system, empty where it has none."""
    return next((name for name, url in cohort.systems.items() if url == system), "")


class CodeFile:
    """``codes.csv`` of a cohort."""

    def __init__(self, cohort: Cohort) -> None:
        self.cohort = cohort
        self.path = cohort.codes.path

    def write(self, chosen: Sequence[Candidate], profiles: Collection[str] = ()) -> list[str]:
        """Add a line for each candidate; before the codes that its word has already.

        Returns:
            What was written, a line of text each.

        Raises:
            CohortError: a system without a short name, a word that is to have no code or comes from a
                ConceptMap, or codes that give a cohort more faults or other ids; nothing is written.
        """
        if not chosen:
            return ["nothing is exact and alone: nothing is written"]
        self._may(chosen)
        before = self.path.read_text("utf-8")
        state = self._state(profiles)
        write_whole(self.path, self._with(before, chosen))
        after = self._state(profiles)
        worse = [one for one in after[0] if one not in state[0]]
        if not worse and not state[0] and after[1] != state[1]:
            text = "ids of resources would be others"
            worse = [problem(str(self.path), text, "Let them not follow from a first code")]
        if worse:
            write_whole(self.path, before)
            text = "nothing is written, since the cohort would not be whole with these codes"
            raise CohortError([problem(str(self.path), text), *worse])
        return [
            f"{self.path.name}: {one.wanted.map}, {one.wanted.value}: {one.concept.code}"
            f" ({one.match}; {one.concept.source})"
            for one in chosen
        ]

    def _may(self, chosen: Sequence[Candidate]) -> None:
        findings: list[Finding] = []
        for one in chosen:
            where = f"{one.wanted.map}, {one.wanted.value}"
            if not short_name(self.cohort, one.concept.system):
                text = f"{where}: the manifest has no short name for {one.concept.system}"
                remedy = did_you_mean(one.concept.system, self.cohort.systems.values())
                findings.append(problem(str(self.cohort.manifest.path), text, remedy or "Add it to systems:"))
            elif "" in one.wanted.systems:
                text = f"{where}: a line says that it has no code, on purpose"
                findings.append(problem(str(self.path), text, "Delete that line first"))
            elif one.wanted.map in self.cohort.manifest.data.get("codes", {}):
                text = f"{where}: its map is a ConceptMap"
                findings.append(problem(str(self.path), text, "Add the code there"))
        if findings:
            raise CohortError(list(dict.fromkeys(findings)))

    def _with(self, text: str, chosen: Sequence[Candidate]) -> str:
        lines = text.splitlines(keepends=True)
        header = next(csv.reader(lines))
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        added: list[tuple[int, str]] = []
        for one in chosen:
            cells = {
                "map": one.wanted.map,
                "value": one.wanted.value,
                "system": short_name(self.cohort, one.concept.system),
                "code": one.concept.code,
                "display": one.concept.display,
                "note": f"{one.match} in {one.concept.source}; to be reviewed",
            }
            made = io.StringIO(newline="")
            csv.writer(made, lineterminator="\n").writerow([cells.get(name, "") for name in header])
            place = self.cohort.codes.lines.get((one.wanted.map, one.wanted.value), len(lines) + 1)
            added.append((place, made.getvalue()))
        added.reverse()  # later lines first, so that the places of earlier ones stay
        for place, line in sorted(added, key=lambda one: -one[0]):
            lines.insert(place - 1, line)
        return "".join(lines)

    def _state(self, profiles: Collection[str]) -> tuple[list[Finding], list[str]]:
        """The faults of the cohort that are not about words without a line, and the ids of its resources."""
        from fhir_blina.mapping import examine

        findings: list[Finding] = []
        mapped = examine(self.cohort.folder, findings, profiles=profiles, account=False).mapped
        return faults(findings), sorted(mapped.origins) if mapped is not None else []

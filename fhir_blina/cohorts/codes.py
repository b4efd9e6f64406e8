"""Code maps: the words of a cohort and the Codings that they stand for (``codes.csv``, ConceptMaps)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fhir_blina.cohorts.codeforms import fault_of_code
from fhir_blina.cohorts.conceptmaps import UNSAID, CodeLine, read_concept_map
from fhir_blina.errors import Finding, did_you_mean, problem
from fhir_blina.files import read_csv

COLUMNS = ("map", "value", "system", "code", "display", "note")
EQUIVALENCE = "equivalence"  # a column that may be there
# What a code may be of its word, in FHIR's words; nothing said is FHIR's relatedto.
TRUE_OF_THE_WORD = ("", "equivalent", "equal", "wider", "subsumes")
SAYS_MORE = ("narrower", "specializes", "inexact", "disjoint")

Coding = dict[str, str]


@dataclass(frozen=True)
class Codes:
    """Every code map of a cohort.

    Attributes:
        path: ``codes.csv``.
        maps: For each map and value the Codings in file order; an empty tuple means
            "no code, on purpose".
        lines: The first line of each map and value in ``codes.csv``.
        told: What the files say, line by line, without the systems that are left out.
    """

    path: Path
    maps: Mapping[str, Mapping[str, tuple[Coding, ...]]]
    lines: Mapping[tuple[str, str], int]
    told: tuple[CodeLine, ...] = ()

    def codings(self, name: str, value: str) -> tuple[Coding, ...]:
        """The Codings of a value.

        Raises:
            KeyError: the map, or the value in it, is not known. The message names the map only.
        """
        if name not in self.maps:
            raise KeyError(f'no code map "{name}" in {self.path.name}. {did_you_mean(name, self.maps)}')
        if value not in self.maps[name]:
            raise KeyError(f'code map "{name}" has no line for it')
        return self.maps[name][value]


def read_codes(
    path: Path,
    systems: Mapping[str, str],
    without: frozenset[str],
    findings: list[Finding],
    concept_maps: Mapping[str, Path] | None = None,
) -> Codes:
    """Read the code maps of a cohort.

    Args:
        path: ``codes.csv``; it may be missing where there are ConceptMaps.
        systems: The URL of each short name of a code system.
        without: Short names of systems whose codes are left out.
        findings: Gets the faults.
        concept_maps: Files of maps that are FHIR ConceptMaps, by the map's name.
    """
    concept_maps = concept_maps or {}
    lines: list[tuple[int, CodeLine]] = []
    if path.exists() or not concept_maps:
        lines += _lines(path, systems, findings)
    for name in sorted({line.map for _, line in lines} & concept_maps.keys()):
        text = f'map "{name}" stands in {path.name} and in a ConceptMap'
        findings.append(problem(str(concept_maps[name]), text, "Keep one of them"))
    for name, file in concept_maps.items():
        lines += [(0, line) for line in read_concept_map(file, name, findings)]
    left_out = {systems[one] for one in without if one in systems}
    return _gathered(path, lines, set(systems.values()), left_out, findings)


def _lines(path: Path, systems: Mapping[str, str], findings: list[Finding]) -> Iterator[tuple[int, CodeLine]]:
    for line, row in read_csv(path, COLUMNS, findings, optional=(EQUIVALENCE,)):
        where = f"{path}:{line}"
        system, code = row["system"], row["code"]
        if not row["map"] or not row["value"]:
            findings.append(problem(where, "map and value must be filled"))
            continue
        if bool(system) != bool(code):
            findings.append(
                problem(where, "system without code, or code without system", "Fill both or neither")
            )
            system = code = ""
        elif system and system not in systems:
            findings.append(
                problem(where, f'system "{system}" is not in the manifest', did_you_mean(system, systems))
            )
        said = {name: row[name] for name in ("map", "value", "display", "note")}
        equivalence = row.get(EQUIVALENCE, "").replace(UNSAID, "")
        url = systems.get(system, "")
        yield (
            line,
            CodeLine(**said, system=url, code=code if url else "", equivalence=equivalence, where=where),
        )


def _gathered(
    path: Path,
    lines: Iterable[tuple[int, CodeLine]],
    known: set[str],
    left_out: set[str],
    findings: list[Finding],
) -> Codes:
    maps: dict[str, dict[str, tuple[Coding, ...]]] = {}
    first: dict[tuple[str, str], int] = {}
    seen: dict[tuple[str, str], set[tuple[str, str]]] = {}
    told: list[CodeLine] = []
    for number, line in lines:
        found = maps.setdefault(line.map, {}).setdefault(line.value, ())
        first.setdefault((line.map, line.value), number)
        others = seen.setdefault((line.map, line.value), set())
        text, remedy = _fault(line, others, known)
        others.add((line.system, line.code))
        if text:
            findings.append(problem(line.where, text, remedy))
        elif line.system not in left_out:
            told.append(line)
            if line.system:
                coding = {"system": line.system, "code": line.code}
                if line.display:
                    coding["display"] = line.display
                maps[line.map][line.value] = (*found, coding)
    return Codes(path, maps, first, tuple(told))


def _fault(line: CodeLine, others: set[tuple[str, str]], known: set[str]) -> tuple[str, str]:
    """What is wrong with a line beside the other codes of its value, and what to do."""
    if (line.system, line.code) in others:
        return "the same code stands twice for this value", ""
    if ("", "") in others or (not line.system and others):
        return "a value without code stands beside another line of its own", ""
    if line.system and line.system not in known:
        return f'system "{line.system}" is not in the manifest', "Give it a short name under systems:"
    if line.equivalence in SAYS_MORE:
        text = f"{line.equivalence}: the code says something that the word does not"
        return text, "Take a code that is true whenever the word is: equivalent or wider"
    if line.equivalence not in TRUE_OF_THE_WORD:
        remedy = did_you_mean(line.equivalence, [UNSAID, *TRUE_OF_THE_WORD[1:], *SAYS_MORE])
        return "an equivalence that FHIR does not have", remedy
    wrong = fault_of_code(line.system, line.code) if line.system else ""
    return wrong, "Compare it with its source" if wrong else ""

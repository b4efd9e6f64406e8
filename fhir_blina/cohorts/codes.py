"""Code maps: the words of a cohort and the Codings that they stand for (``codes.csv``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fhir_blina.cohorts.codeforms import fault_of_code
from fhir_blina.errors import Finding, did_you_mean, problem
from fhir_blina.files import read_csv

COLUMNS = ("map", "value", "system", "code", "display", "note")

Coding = dict[str, str]


@dataclass(frozen=True)
class Codes:
    """Every code map of a cohort.

    Attributes:
        path: ``codes.csv``.
        maps: For each map and value the Codings in file order; an empty tuple means
            "no code, on purpose".
        lines: The first line of each map and value.
    """

    path: Path
    maps: Mapping[str, Mapping[str, tuple[Coding, ...]]]
    lines: Mapping[tuple[str, str], int]

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
    path: Path, systems: Mapping[str, str], without: frozenset[str], findings: list[Finding]
) -> Codes:
    """Read ``codes.csv``; ``systems`` gives the URL of each short name, ``without`` leaves systems out."""
    maps: dict[str, dict[str, tuple[Coding, ...]]] = {}
    lines: dict[tuple[str, str], int] = {}
    seen: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for line, row in read_csv(path, COLUMNS, findings):
        where = f"{path}:{line}"
        name, value, system, code = row["map"], row["value"], row["system"], row["code"]
        if not name or not value:
            findings.append(problem(where, "map and value must be filled"))
            continue
        found = maps.setdefault(name, {}).setdefault(value, ())
        lines.setdefault((name, value), line)
        others = seen.setdefault((name, value), set())
        if bool(system) != bool(code):
            findings.append(
                problem(where, "system without code, or code without system", "Fill both or neither")
            )
        elif (system, code) in others:
            findings.append(problem(where, "the same code stands twice for this value"))
        elif ("", "") in others or (not system and others):
            findings.append(problem(where, "a value without code stands beside another line of its own"))
        elif system and system not in systems:
            findings.append(
                problem(where, f'system "{system}" is not in the manifest', did_you_mean(system, systems))
            )
        elif system and fault_of_code(systems[system], code):
            findings.append(
                problem(where, fault_of_code(systems[system], code), "Compare it with its source")
            )
        elif system and system not in without:
            coding = {"system": systems[system], "code": code}
            if row["display"]:
                coding["display"] = row["display"]
            maps[name][value] = (*found, coding)
        others.add((system, code))
    return Codes(path, maps, lines)

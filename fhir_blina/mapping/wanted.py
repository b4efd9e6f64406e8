"""The words that templates translate: those of ``codes.csv``, and those that have no line there yet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fhir_blina.cohorts import Cohort, Wanted
from fhir_blina.errors import Finding
from fhir_blina.fhirpath import Literal, Member
from fhir_blina.fhirpath import Node as Tree
from fhir_blina.files import as_text
from fhir_blina.mapping.nodes import calls_in
from fhir_blina.mapping.remarks import blanks_of
from fhir_blina.mapping.template import compile_templates


def words_wanted(cohort: Cohort) -> list[Wanted]:
    """Each word of each code map, and each that a template translates and no line has, in file order."""
    found: dict[tuple[str, str], Wanted] = {}
    texts: dict[tuple[str, str], list[str]] = {}
    systems: dict[tuple[str, str], set[str]] = {}
    for line in cohort.codes.told:
        key = (line.map, line.value)
        texts.setdefault(key, []).append(line.display)
        systems.setdefault(key, set()).add(line.system)
    for name, words in cohort.codes.maps.items():
        for value in words:
            key = (name, value)
            others = tuple(dict.fromkeys(filter(None, texts.get(key, ()))))
            has = frozenset(systems.get(key, ()))
            found[key] = Wanted(map=name, value=value, texts=others, systems=has, listed=True)
    for name, value in translated(cohort):
        found.setdefault((name, value), Wanted(map=name, value=value))
    return list(found.values())


def translated(cohort: Cohort) -> list[tuple[str, str]]:
    """Map and word of each ``translate()`` whose word is written there or is the cell of a column."""
    findings: list[Finding] = []  # a map without a line is one of them, and no reason to stop
    known = cohort.codes.maps
    result: dict[tuple[str, str], None] = {}
    tolerant = replace(cohort, codes=replace(cohort.codes, maps=_EveryMap(known)))
    for template in compile_templates(tolerant, findings):
        for table, _, blank in blanks_of(template):
            for call in calls_in(blank.expression.tree):
                argument = call.arguments[0] if call.name == "translate" and call.arguments else None
                name = argument.value if isinstance(argument, Literal) else None
                if isinstance(name, str):
                    for word in _words(cohort, table, call.source):
                        if word not in known.get(name, {}):
                            result.setdefault((name, word))
    return list(result)


class _EveryMap(dict[str, Any]):
    """Code maps among which every name is one."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)


def _words(cohort: Cohort, table: str | None, source: Tree | None) -> list[str]:
    if isinstance(source, Literal):
        return [as_text(source.value)]
    if isinstance(source, Member) and source.source is None and table is not None:
        rows = cohort.tables[table].rows
        cells = (row.cells.get(source.name) for row in rows)
        return sorted({as_text(cell) for cell in cells if cell is not None and cell != ""})
    return []

"""Code maps as FHIR ConceptMaps (R4): read from one, and written as one, to and fro without a loss."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fhir_blina.errors import Finding, problem
from fhir_blina.files import Resource, loads, read_text

UNMATCHED = "unmatched"
UNSAID = "relatedto"  # FHIR: related, but the exact relationship is not known
_CODE = re.compile(r"[^\s]+(\s[^\s]+)*")


@dataclass(frozen=True)
class CodeLine:
    """One translation: a word, and a code that stands for it.

    Attributes:
        map: The name of its map.
        value: The word.
        system: URL of the code system, empty where the word has no code on purpose.
        code: The code.
        display: Its text.
        note: A remark.
        equivalence: What the code is of the word, in FHIR's words; empty: not said.
        where: The file and the place in it.
    """

    map: str
    value: str
    system: str
    code: str
    display: str = ""
    note: str = ""
    equivalence: str = ""
    where: str = ""


def read_concept_map(path: Path, name: str, findings: list[Finding]) -> list[CodeLine]:
    """The lines of a map that is a ConceptMap of R4, in the order of groups, elements and targets."""
    text = read_text(path, findings)
    if text is None:
        return []
    try:
        resource = loads(text)
    except ValueError as error:
        findings.append(problem(str(path), f"not readable as JSON: {error}"))
        return []
    if not isinstance(resource, dict) or resource.get("resourceType") != "ConceptMap":
        findings.append(problem(str(path), "is no ConceptMap"))
        return []
    return list(_lines(resource, path, name, findings))


def _lines(resource: Resource, path: Path, name: str, findings: list[Finding]) -> Iterator[CodeLine]:
    for number, group in enumerate(_objects(resource.get("group"))):
        place = f"{path}: group[{number}]"
        if "unmapped" in group:
            text = "unmapped gives a code to every word that is not listed"
            findings.append(problem(place, text, "List each word that has a code"))
        for count, element in enumerate(_objects(group.get("element"))):
            where = f"{place}.element[{count}]"
            value = element.get("code")
            targets = _objects(element.get("target"))
            if not isinstance(value, str) or not value:
                findings.append(
                    problem(where, "an element without a code", "Give it the word as it is printed")
                )
                continue
            for target in targets or [{"equivalence": UNMATCHED}]:
                line = _line(target, group.get("target"), where, findings)
                if line is not None:
                    system, code, equivalence = line
                    yield CodeLine(
                        map=name,
                        value=value,
                        system=system,
                        code=code,
                        display=_text(target, "display"),
                        note=_text(target, "comment"),
                        equivalence=equivalence,
                        where=where,
                    )


def _line(target: Resource, system: Any, where: str, findings: list[Finding]) -> tuple[str, str, str] | None:
    """System, code and equivalence of a target; ``None`` with a finding."""
    equivalence, code = target.get("equivalence"), target.get("code")
    if "relationship" in target or not isinstance(equivalence, str):
        findings.append(
            problem(where, "a target without equivalence", "R4 wants one; R5's relationship is not read")
        )
    elif "dependsOn" in target or "product" in target:
        findings.append(problem(where, "dependsOn and product are not read", "Write a map for each case"))
    elif equivalence == UNMATCHED:
        if code is None:
            return "", "", ""
        findings.append(problem(where, "an unmatched target with a code", "Leave the code out"))
    elif not isinstance(code, str) or not isinstance(system, str):
        findings.append(problem(where, "a target without code, or a group without target", "Fill both"))
    else:
        return system, code, "" if equivalence == UNSAID else equivalence
    return None


def _objects(value: Any) -> list[Resource]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(node: Resource, key: str) -> str:
    value = node.get(key)
    return value if isinstance(value, str) else ""


def concept_map(lines: Sequence[CodeLine], base: str, cohort: str, title: str) -> Resource:
    """A code map as a ConceptMap of R4.

    Args:
        lines: All of one map, in their order.
        base: Canonical base of the cohort's own systems.
        cohort: The cohort's name.
        title: The cohort's title.

    Raises:
        ValueError: a word that cannot be a code of FHIR.
    """
    name = lines[0].map
    slug = re.sub(r"[^A-Za-z0-9.-]+", "-", name)
    groups: list[tuple[str, dict[str, list[Resource]]]] = []
    reached: dict[str, int] = {}
    for line in lines:
        if not _CODE.fullmatch(line.value):
            raise ValueError(
                f'map "{name}": a word with outer blanks, double blanks or line ends is no code of FHIR'
            )
        # Targets are read group by group: a later code of a word stands in its group or in a later one.
        place = reached.get(line.value, 0)
        while place < len(groups) and groups[place][0] != line.system:
            place += 1
        if place == len(groups):
            groups.append((line.system, {}))
        reached[line.value] = place
        groups[place][1].setdefault(line.value, []).append(_target(line))
    source = f"{base}/{cohort}/words/{slug}"
    return {
        "resourceType": "ConceptMap",
        "id": f"{cohort}-{slug}"[:64],
        "url": f"{base}/{cohort}/ConceptMap/{slug}",
        "name": "".join(part.capitalize() for part in re.split(r"[^A-Za-z0-9]+", f"map {name}")),
        "title": f"{name}: words of the cohort and their codes",
        "status": "active",
        "experimental": False,
        "description": f"What the words of the map {name} stand for in: {title}",
        "group": [
            {
                "source": source,
                **({"target": system} if system else {}),
                "element": [{"code": value, "target": targets} for value, targets in elements.items()],
            }
            for system, elements in groups
        ],
    }


def _target(line: CodeLine) -> Resource:
    target: Resource = {}
    if line.system:
        target["code"] = line.code
    if line.display:
        target["display"] = line.display
    target["equivalence"] = (line.equivalence or UNSAID) if line.system else UNMATCHED
    if line.note:
        target["comment"] = line.note
    return target

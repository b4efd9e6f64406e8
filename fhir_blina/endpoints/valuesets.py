"""Groups of codes: FHIR ValueSets from files, each coding in or not in.

``{in: name}`` reads ``value_sets/name.json`` beside the endpoints file, else the one in
``mappings/value_sets/``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fhir_blina.errors import did_you_mean
from fhir_blina.files import keep_within, loads, mappings_folder, read_regular

FOLDER = "value_sets"


@dataclass(frozen=True)
class ValueSet:
    """The codings of a ValueSet.

    Attributes:
        name: Its file's name.
        codings: ``(system, code)`` of each.
        systems: Code systems of which every code is in it.
    """

    name: str
    codings: frozenset[tuple[str, str]]
    systems: frozenset[str] = frozenset()

    def has(self, system: Any, code: Any) -> bool:
        """Whether a coding is in it."""
        return (system, code) in self.codings or (isinstance(code, str) and system in self.systems)

    def __str__(self) -> str:
        return self.name


@cache
def value_set(name: str, beside: Path) -> ValueSet:
    """A ValueSet by its name.

    Raises:
        ValueError: there is no such file, or it does not list its codes.
    """
    keep_within(beside)
    folders = (beside / FOLDER, mappings_folder() / FOLDER)
    found = next((folder / f"{name}.json" for folder in folders if (folder / f"{name}.json").is_file()), None)
    if found is None:
        known = [path.stem for folder in folders for path in folder.glob("*.json")]
        raise ValueError(
            f'there is no value set "{name}" in {folders[0]}. {did_you_mean(name, known)}'.strip()
        )
    try:
        content = loads(read_regular(found).decode("utf-8"))
    except OSError as error:
        raise ValueError(f"{found}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{found}: cannot be read as JSON ({type(error).__name__})") from None
    if not isinstance(content, dict) or content.get("resourceType") != "ValueSet":
        raise ValueError(f"{found}: is no ValueSet")
    if "expansion" in content:
        listed = frozenset(_contained(content["expansion"].get("contains", ())))
        return ValueSet(name, listed)
    compose = content.get("compose", {})
    codings: set[tuple[str, str]] = set()
    systems: set[str] = set()
    for part in compose.get("include", ()):
        _listed(found, part)
        if "concept" in part:
            codings |= {(part["system"], concept["code"]) for concept in part["concept"]}
        else:
            systems.add(part["system"])
    for part in compose.get("exclude", ()):
        _listed(found, part)
        if "concept" not in part or part["system"] in systems:
            raise ValueError(f"{found}: excludes codes that it does not list. {EXPAND}")
        codings -= {(part["system"], concept["code"]) for concept in part["concept"]}
    if not codings and not systems:
        raise ValueError(f"{found}: lists no code. {EXPAND}")
    return ValueSet(name, frozenset(codings), frozenset(systems))


EXPAND = "Have a terminology server expand it ($expand), and keep what it answers"


def _listed(path: Path, part: Mapping[str, Any]) -> None:
    if "filter" in part or "valueSet" in part or "system" not in part:
        raise ValueError(f"{path}: chooses codes by a filter or another value set. {EXPAND}")


def _contained(entries: Any) -> Iterator[tuple[str, str]]:
    """The codings of an expansion, those inside others, too; abstract ones are headings."""
    for entry in entries:
        if "code" in entry and not entry.get("abstract"):
            yield entry.get("system", ""), entry["code"]
        yield from _contained(entry.get("contains", ()))

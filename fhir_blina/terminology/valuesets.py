"""Groups of codes: FHIR ValueSets from files, each coding in or not in.

``{in: name}`` reads ``value_sets/name.json`` beside the file that says it, else the one in
``mappings/value_sets/``; a canonical URL reads the file of that ``url``. A ValueSet lists codes, takes those
of other value sets, or chooses by a hierarchy that a CodeSystem in the same folder brings. What only a
terminology server knows stands beside it as ``name.expansion.json``, which ``fhir-blina expand`` keeps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

from fhir_blina.errors import did_you_mean
from fhir_blina.files import keep_within, loads, mappings_folder, read_regular
from fhir_blina.terminology.hierarchy import chosen_codes

FOLDER = "value_sets"
EXPANDED = ".expansion.json"
EXPAND = "Have a terminology server expand it: fhir-blina expand"

Codings = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class ValueSet:
    """The codings of a ValueSet.

    Attributes:
        name: What it is called.
        codings: ``(system, code)`` of each.
        systems: Code systems of which every code is in it.
        excluded: Codings of those systems that are not.
    """

    name: str
    codings: Codings
    systems: frozenset[str] = frozenset()
    excluded: Codings = frozenset()

    def has(self, system: Any, code: Any) -> bool:
        """Whether a coding is in it."""
        if (system, code) in self.codings:
            return True
        return isinstance(code, str) and system in self.systems and (system, code) not in self.excluded

    def codes(self) -> frozenset[str]:
        """The codes alone, where they tell as much as with their system.

        Raises:
            ValueError: they are of several systems, or every code of one is in it, whatever it is.
        """
        if self.systems:
            raise ValueError(f'"{self.name}" has every code of {", ".join(sorted(self.systems))}')
        systems = sorted({system for system, _ in self.codings})
        if len(systems) > 1:
            raise ValueError(f'"{self.name}" has codes of {len(systems)} systems ({", ".join(systems)})')
        return frozenset(code for _, code in self.codings)

    def __str__(self) -> str:
        return self.name

    def __or__(self, other: ValueSet) -> ValueSet:
        left = {one for one in self.excluded if not other.has(*one)}
        left |= {one for one in other.excluded if not self.has(*one)}
        return ValueSet(
            name=self.name,
            codings=self.codings | other.codings,
            systems=self.systems | other.systems,
            excluded=frozenset(left),
        )

    def __and__(self, other: ValueSet) -> ValueSet:
        both = {one for one in self.codings if other.has(*one)}
        both |= {one for one in other.codings if self.has(*one)}
        systems = self.systems & other.systems
        gone = self.excluded | other.excluded
        return ValueSet(name=self.name, codings=frozenset(both), systems=systems, excluded=gone)

    def __sub__(self, other: ValueSet) -> ValueSet:
        left = {one for one in self.codings if not other.has(*one)}
        left |= {one for one in other.excluded if self.has(*one)}
        gone = {one for one in other.codings if one[0] in self.systems}
        systems = self.systems - other.systems
        return ValueSet(
            name=self.name,
            codings=frozenset(left),
            systems=systems,
            excluded=self.excluded | frozenset(gone),
        )


def value_set(name: str, beside: Path) -> ValueSet:
    """A ValueSet by its name, or by its canonical URL.

    Raises:
        ValueError: there is no such file, or nothing beside it says what its codes are.
    """
    return Shelf(beside).value_set(name)


class Shelf:
    """The ValueSets and CodeSystems of a folder ``value_sets``, and the shared ones.

    Args:
        beside: The folder that has it.
    """

    def __init__(self, beside: Path) -> None:
        keep_within(beside)
        self.folders = (beside / FOLDER, mappings_folder() / FOLDER)
        self._open: list[str] = []

    def find(self, name: str) -> tuple[Path, dict[str, Any]]:
        """A file by the name of a ValueSet, and what it holds.

        Raises:
            ValueError: there is none, or it cannot be read.
        """
        if "/" in name or name.startswith("urn:"):
            return self._canonical(name, "ValueSet")
        for folder in self.folders:
            if (folder / f"{name}.json").is_file():
                path = folder / f"{name}.json"
                content = _read(path)
                if content.get("resourceType") != "ValueSet":
                    raise ValueError(f"{path}: is no ValueSet")
                return path, content
        known = [path.stem for path in self.files()]
        raise ValueError(
            f'there is no value set "{name}" in {self.folders[0]}. {did_you_mean(name, known)}'.strip()
        )

    def files(self) -> list[Path]:
        """Every file of a ValueSet or CodeSystem, the nearer folder first."""
        found = [path for folder in self.folders for path in sorted(folder.glob("*.json"))]
        return [path for path in found if not path.name.endswith(EXPANDED)]

    def _canonical(self, url: str, kind: str) -> tuple[Path, dict[str, Any]]:
        bare, _, version = url.partition("|")
        near = ""
        for path in self.files():
            content = _read(path)
            if content.get("resourceType") == kind and content.get("url") == bare:
                if not version or content.get("version") in (version, None):
                    return path, content
                near = f" ({path.name} is version {content.get('version')})"
        raise ValueError(f"no {kind} in {self.folders[0]} has the url {url}{near}")

    def value_set(self, name: str) -> ValueSet:
        """The codings of a ValueSet.

        Raises:
            ValueError: nothing here says what they are.
        """
        path, content = self.find(name)
        if str(path) in self._open:
            raise ValueError(f"{path}: includes itself")
        self._open.append(str(path))
        try:
            return self._codings(path, content)
        finally:
            self._open.pop()

    def _codings(self, path: Path, content: Mapping[str, Any]) -> ValueSet:
        kept = path.with_name(path.stem + EXPANDED)
        compose = content.get("compose", {})
        if "expansion" in content:
            return _expanded(path, content["expansion"])
        if kept.is_file():
            expansion = _read(kept)
            if expansion.get("compose", {}) != compose:
                raise ValueError(f"{kept}: is the expansion of another state of {path.name}. {EXPAND}")
            return _expanded(kept, expansion.get("expansion", {}))
        nothing = ValueSet(path.stem, frozenset())
        found = reduce(lambda one, part: one | self._part(path, part), compose.get("include", ()), nothing)
        for part in compose.get("exclude", ()):
            found = found - self._part(path, part)
        if not found.codings and not found.systems:
            raise ValueError(f"{path}: lists no code. {EXPAND}")
        return found

    def _part(self, path: Path, part: Mapping[str, Any]) -> ValueSet:
        """One part of ``compose``: a system, some of its concepts, and within other value sets."""
        sets = [self.value_set(url) for url in part.get("valueSet", ())]
        if "system" in part:
            sets.append(self._of_system(path, part))
        if not sets:
            raise ValueError(f"{path}: an include or exclude has neither system nor valueSet")
        one = reduce(lambda one, other: one & other, sets)
        return replace(one, name=path.stem)

    def _of_system(self, path: Path, part: Mapping[str, Any]) -> ValueSet:
        system = part["system"]
        if "concept" in part:
            listed = frozenset((system, concept["code"]) for concept in part["concept"])
            return ValueSet(path.stem, listed)
        if "filter" not in part:
            return ValueSet(path.stem, frozenset(), frozenset([system]))
        version = part.get("version")
        try:
            place, content = self._canonical(f"{system}|{version}" if version else system, "CodeSystem")
            codes = chosen_codes(content, part["filter"])
        except ValueError as error:
            raise ValueError(f"{path}: chooses codes by a filter, and {error}. {EXPAND}") from None
        if codes is None:
            raise ValueError(f"{path}: {place.name} is not the whole code system. {EXPAND}")
        return ValueSet(path.stem, frozenset((system, code) for code in codes))


def _read(path: Path) -> dict[str, Any]:
    try:
        content = loads(read_regular(path).decode("utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path}: cannot be read as JSON ({type(error).__name__})") from None
    return content if isinstance(content, dict) else {}


def _expanded(path: Path, expansion: Mapping[str, Any]) -> ValueSet:
    listed = list(_contained(expansion.get("contains", ())))
    total = expansion.get("total")
    if expansion.get("offset") or (isinstance(total, int) and total > len(listed)):
        raise ValueError(f"{path}: holds a part of the expansion, {len(listed)} of {total} codes")
    return ValueSet(path.stem.removesuffix(".expansion"), frozenset(listed))


def _contained(entries: Any) -> Iterator[tuple[str, str]]:
    """The codings of an expansion, those inside others, too; abstract ones are headings."""
    for entry in entries:
        if "code" in entry and not entry.get("abstract"):
            yield entry.get("system", ""), entry["code"]
        yield from _contained(entry.get("contains", ()))

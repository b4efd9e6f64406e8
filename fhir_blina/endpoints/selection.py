"""Selections: which rows of a table a definition means, and how one is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fhir_blina.errors import AnalysisError, did_you_mean, problem
from fhir_blina.terminology import value_set


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Rows of one table.

    Attributes:
        table: Name of a view.
        where: Column to the value, list of values, ``None`` (missing) or bounds that a row must have.
        having: Further selections; a row stays if its ``on`` is among theirs.
        on: Column that links this selection to the one that has it in ``having``.
        place: ``file:line`` of the definition.
    """

    table: str
    where: Mapping[str, Any] = field(default_factory=dict)
    having: tuple[Selection, ...] = ()
    on: str = ""
    place: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that ``where`` names, within ``any``, ``all``, ``not`` and as a bound, too."""
        return tuple(dict.fromkeys(columns_of(self.where)))


NESTED = ("any", "all", "not")


def columns_of(where: Mapping[str, Any]) -> Iterator[str]:
    """The columns of a condition, those of conditions within it, too."""
    for name, word in where.items():
        if name in NESTED:
            for part in [word] if name == "not" else word:
                yield from columns_of(part)
            continue
        yield name
        if isinstance(word, Mapping):
            yield from (bound["column"] for bound in word.values() if isinstance(bound, Mapping))


def _system(word: Any, systems: Mapping[str, str], where: str) -> Any:
    """A code system in full; a short name that nothing defines is an error, a URI is not."""
    if isinstance(word, list):
        return [_system(one, systems, where) for one in word]
    if isinstance(word, Mapping):
        return {key: _system(one, systems, where) for key, one in word.items()}
    if not isinstance(word, str) or word in systems or ":" in word:
        return systems.get(word, word) if isinstance(word, str) else word
    remedy = did_you_mean(word, systems)
    text = f'no code system is named "{word}" under systems'
    raise AnalysisError([problem(where, text, remedy or "Define it there, or write its URI")])


def _grouped(word: Any, where: str) -> Any:
    """A condition with the value set that it names, from the folder of the file that it stands in."""
    if not isinstance(word, Mapping) or "in" not in word:
        return word
    beside = Path(where.rpartition(":")[0] or ".").parent
    try:
        return {**word, "in": value_set(word["in"], beside)}
    except ValueError as error:
        raise AnalysisError([problem(where, str(error))]) from None


def _conditions(where: Mapping[str, Any], systems: Mapping[str, str], place: str) -> dict[str, Any]:
    """A ``where`` with code systems and value sets in full, within ``any``, ``all`` and ``not``, too."""
    found: dict[str, Any] = {}
    for column, word in where.items():
        parts = [word] if column == "not" else word
        if column in NESTED and not (
            isinstance(parts, list) and all(isinstance(one, Mapping) and one for one in parts) and parts
        ):
            text = f"{column}: {{column: …}} is expected" if column == "not" else f"{column}: [{{column: …}}]"
            raise AnalysisError([problem(place, f"{text}, conditions on columns")])
        if column == "not":
            found[column] = _conditions(word, systems, place)
        elif column in NESTED:
            found[column] = [_conditions(one, systems, place) for one in word]
        elif column.endswith("system"):
            found[column] = _system(word, systems, place)
        else:
            found[column] = _grouped(word, place)
    return found


def selection(entry: Mapping[str, Any], systems: Mapping[str, str], where: str = "") -> Selection:
    """A selection from its YAML mapping; short names of code systems are written out.

    Raises:
        AnalysisError: a short name of a code system that nothing defines.
    """
    return Selection(
        table=entry["table"],
        where=_conditions(entry.get("where", {}), systems, where),
        having=tuple(selection(item, systems, where) for item in entry.get("having", ())),
        on=entry.get("on", ""),
        place=where,
    )

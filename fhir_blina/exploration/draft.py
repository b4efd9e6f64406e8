"""A starter endpoints file under way: its entries by section, and the text of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from fhir_blina.errors import printable
from fhir_blina.exploration.candidates import SHORT_SYSTEMS, Coded


@dataclass
class Draft:
    """The parts of a file, each an entry of a section, and what was guessed."""

    systems: dict[str, str] = field(default_factory=dict)
    measures: dict[str, str] = field(default_factory=dict)
    sets: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    times: dict[str, str] = field(default_factory=dict)
    endpoints: dict[str, str] = field(default_factory=dict)
    summaries: list[str] = field(default_factory=list)
    proportions: list[str] = field(default_factory=list)
    compare: list[str] = field(default_factory=list)
    partial: bool = False
    guessed: list[str] = field(default_factory=list)

    def new(self, name: str) -> str:
        """A name that no entry has yet."""
        taken = {*self.measures, *self.sets, *self.groups, *self.times, *self.endpoints}
        number, chosen = 2, name
        while chosen in taken:
            number, chosen = number + 1, f"{name}_{number}"
        return chosen

    def where(self, one: Coded) -> str:
        """The conditions that select the rows of a code."""
        short = SHORT_SYSTEMS.get(one.system)
        if short:
            self.systems[short] = one.system
        system = f"code_system: {short or quoted(one.system)}, " if one.system else ""
        return f"{system}code: {quoted(one.code)}"

    def text(self, source: str = "") -> str:
        """The file; with where the tables were read in its first line."""
        lines = [
            f"# A starter, made from what {printable(source) or 'the tables'} hold{'s' if source else ''}.",
            "# All of it is guessed; change what is wrong. The language: docs/endpoints.md.",
            "#",
            *(f"# - {printable(one)}" for one in self.guessed),
            "subjects: {table: patients, key: patient_id, label: patient_id}",
        ]
        if self.systems:
            systems = ", ".join(f"{name}: {quoted(url)}" for name, url in sorted(self.systems.items()))
            lines.append(f"systems: {{{systems}}}")
        if self.partial:
            lines.append("dates: {partial: middle}")
        for title in ("measures", "sets", "groups", "times"):
            lines += _section(title, getattr(self, title))
        lines += list(_endpoints(self))
        for title, names in (("summaries", self.summaries), ("proportions", self.proportions)):
            if names:
                lines += [f"{title}:", *(f"  {name}: {{{_entry(title, name)}}}" for name in names)]
        return "\n".join(lines) + "\n"


def _entry(title: str, name: str) -> str:
    return f"set: {name}" if title == "proportions" else ""


def _section(title: str, entries: dict[str, str]) -> list[str]:
    return [f"{title}:", *(f"  {name}: {text}" for name, text in entries.items())] if entries else []


def _endpoints(draft: Draft) -> Iterator[str]:
    if not draft.endpoints:
        yield "endpoints: {}"
        return
    yield "endpoints:"
    for name, text in draft.endpoints.items():
        yield f"  {name}:"
        yield text
        if draft.compare:
            yield f"    compare: [{', '.join(draft.compare)}]"


def code_words(one: Coded) -> str:
    """A code as a reader knows it."""
    shown = printable(one.words or f"code {one.code}")[:80]
    return f"{shown} ({printable(one.code)[:40]})"


def quoted(text: str) -> str:
    """A text as YAML and JSON both read it."""
    return json.dumps(text, ensure_ascii=True)

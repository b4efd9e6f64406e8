"""The language of a report: every word of the page in one, by phrases that are data.

``mappings/languages/<language>.yaml`` has the phrases of the program, ``languages/<language>.yaml`` beside
the report file those of the cohort. A phrase is an English text, whole or with blanks, ``"{n} patients"``.
What fills a blank is translated in turn, so that a phrase need not know where its parts come from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from fhir_blina.endpoints import read_document
from fhir_blina.errors import AnalysisError, Finding, did_you_mean, problem
from fhir_blina.figures import Drawing
from fhir_blina.files import mappings_folder

ENGLISH = "en"
_BLANK = re.compile(r"\{(\w+)\}")
_WORD = re.compile(r"[A-Za-z]{2,}")
_NUMBER = r"[−+-]?\d[\d.,]*(?: ?%| × 10\^\d+)?"
_END = rf"(?:{_NUMBER}(?: [^ ;()]+)?|not reached)"
#: What fills a blank, by its name: numbers, ends of an interval, several sentences; any other, words.
_FILLS = {
    "low": _END,
    "high": _END,
    "ends": rf"{_END} to {_END}",
    "rest": ".+",
    "list": ".+",
} | dict.fromkeys(("n", "k", "m", "p", "of"), _NUMBER)
_WORDS = r"(?:(?!; |\. |\n).)+?"
#: What joins parts that are phrases of their own, from the widest to the narrowest.
_JOINTS = ("\n", ". ", "; ", ": ", " · ", ", ", " / ", " + ")
#: Attributes of what stands on a page that are no words for readers.
_KEPT = frozenset({"tone", "source", "kind", "layout", "id", "quote", "number"})


@dataclass(frozen=True)
class Language:
    """A language by its BCP 47 code, and the phrases that make English texts its own."""

    code: str = ENGLISH
    phrases: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], str]]:
        """Phrases with blanks, those with the most words of their own first."""
        blank = [one for one in self.phrases if _BLANK.search(one)]
        blank.sort(key=lambda one: (-len(_BLANK.sub("", one)), one))
        return [(_pattern(one), self.phrases[one]) for one in blank]

    @cached_property
    def _known(self) -> dict[str, str]:
        return {}

    def say(self, text: str) -> str:
        """The text in this language; as it stands where no phrase fits."""
        if self.code == ENGLISH or not _WORD.search(text):
            return text
        if text not in self._known:
            self._known[text] = self._said(text)
        return self._known[text]

    def _said(self, text: str) -> str:
        bare = text.strip()
        if bare != text:
            return text.replace(bare, self.say(bare))
        if text in self.phrases:
            return self.phrases[text]
        for pattern, phrase in self._patterns:
            match = pattern.fullmatch(text)
            if match:
                filled = {name: self.say(value) for name, value in match.groupdict().items()}
                return _BLANK.sub(lambda blank: filled[blank[1]], phrase)  # noqa: B023 - used at once
        for joint in _JOINTS:
            if joint in text:
                return self.joint(joint).join(self.say(part) for part in text.split(joint))
        return text

    def joint(self, joint: str) -> str:
        """What joins parts of a text: ``". "``, ``": "`` and others, as this language writes it."""
        return self.phrases.get(joint, joint)

    def worded(self, node: Any, *, own: bool) -> Any:
        """What stands on a page, every word in this language; ``own``: the publication is in it, too."""
        if isinstance(node, str):
            return self.say(node)
        if isinstance(node, tuple | list):
            return type(node)(self.worded(one, own=own) for one in node)
        if not is_dataclass(node) or isinstance(node, type | Drawing):  # figures were drawn in it
            return node
        local = getattr(node, "local", "")
        changed = {
            one.name: self.worded(getattr(node, one.name), own=own)
            for one in fields(node)
            if one.name not in _KEPT and one.name != "local"
        }
        if "local" in {one.name for one in fields(node)}:
            changed["local"] = ""
            if own and local:
                changed["text"] = local
        return replace(node, **changed)


def _pattern(phrase: str) -> re.Pattern[str]:
    pieces = _BLANK.split(phrase)
    made = [
        re.escape(piece) if place % 2 == 0 else f"(?P<{piece}>{_FILLS.get(piece, _WORDS)})"
        for place, piece in enumerate(pieces)
    ]
    return re.compile("".join(made), re.DOTALL)


def languages() -> list[str]:
    """The languages that a report can be in."""
    return [ENGLISH, *sorted(path.stem for path in (mappings_folder() / "languages").glob("*.yaml"))]


def unknown_language(where: str, code: str) -> Finding:
    """The fault of a language without a file of phrases."""
    return problem(where, f'no language is named "{code}"', did_you_mean(code, languages()))


def read_language(code: str, folders: Iterable[Path] = ()) -> Language:
    """The phrases of a language: the program's, and those in folders ``languages/`` of a cohort.

    Args:
        code: BCP 47 code, the name of a file in ``mappings/languages/``.
        folders: Folders that may have a ``languages/`` of their own, whose phrases come first.

    Raises:
        AnalysisError: no such language, or a file of it that is no mapping of texts.
    """
    if code == ENGLISH:
        return Language()
    if code not in languages():
        raise AnalysisError([unknown_language("language", code)])
    phrases: dict[str, str] = {}
    for folder in (mappings_folder(), *folders):
        path = folder / "languages" / f"{code}.yaml"
        if path.is_file():
            phrases |= _phrases(path)
    return Language(code, phrases)


def _phrases(path: Path) -> dict[str, str]:
    document = read_document(path, "language")
    phrases: dict[str, str] = document.data["phrases"]
    faults = [
        problem(
            document.where(("phrases", phrase)), f'the translation of "{phrase}" has a blank that it lacks'
        )
        for phrase, said in phrases.items()
        if not set(_BLANK.findall(said)) <= set(_BLANK.findall(phrase))
    ]
    if faults:
        raise AnalysisError(faults)
    return phrases


def own_words(node: Any, *, own: bool) -> Any:
    """Blocks of a layout with ``local`` instead of label, caption or title, or without it."""
    if isinstance(node, list | tuple):
        return type(node)(own_words(one, own=own) for one in node)
    if not isinstance(node, Mapping):
        return node
    made = {key: own_words(value, own=own) for key, value in node.items() if key != "local"}
    main = next((key for key in ("label", "caption", "title") if key in made), "")
    if own and main and isinstance(node.get("local"), str):
        made[main] = node["local"]
    return made

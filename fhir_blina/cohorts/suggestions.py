"""Candidates for the codes of a cohort's words, found in concepts that a source lists; none is made up."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from fhir_blina.cohorts.codeforms import UCUM, fault_of_code
from fhir_blina.cohorts.concepts import Concept

MOST = 5
EXACT = ("same code", "same text", "same other text")
_WORD = re.compile(r"[^\W_]+")
_LETTERS = 3  # of the longest word that is looked for
_COMMON = 20_000  # concepts with a word, beyond which it tells nothing apart
# Ways to write units that UCUM has otherwise. Each is checked by the library before it is said.
_WRITTEN = (
    (r"[x×*]?\s*10\s*[\^e*]\s*(\d+)\s*/\s*", r"10*\1/"),
    (r"[µμ]", "u"),
    (r"\s+", ""),
    (r"^K/uL$", "10*3/uL"),
)


@dataclass(frozen=True)
class Wanted:
    """A word that may get a code.

    Attributes:
        map: Its map.
        value: The word.
        texts: What it is called otherwise: the display of a code of its own, the title of a column.
        systems: URLs of the systems that it has a code of.
        listed: Whether ``codes.csv`` has a line for it.
    """

    map: str
    value: str
    texts: tuple[str, ...] = ()
    systems: frozenset[str] = frozenset()
    listed: bool = False


@dataclass(frozen=True)
class Candidate:
    """A concept that may stand for a word.

    Attributes:
        wanted: The word.
        concept: The concept, as its source lists it.
        match: How it was found: one of ``EXACT``, or ``n % of the words``.
        score: 1 for what is the same, less for what shares words.
    """

    wanted: Wanted
    concept: Concept
    match: str
    score: float

    @property
    def exact(self) -> bool:
        """Whether the word is the code, the text or another text of the concept."""
        return self.match in EXACT


class ConceptIndex:
    """Concepts by code, by text, and by the words of their texts."""

    def __init__(self, concepts: Iterable[Concept]) -> None:
        self.concepts = list(concepts)
        self._codes: dict[str, list[int]] = defaultdict(list)
        self._texts: dict[str, list[tuple[int, str]]] = defaultdict(list)
        self._words: dict[str, set[int]] = defaultdict(set)
        for place, one in enumerate(self.concepts):
            self._codes[one.code.casefold()].append(place)
            for match, texts in ((EXACT[1], (one.display,)), (EXACT[2], one.others)):
                for text in filter(None, texts):
                    self._texts[plain_words(text)].append((place, match))
                    for word in words_of(text):
                        self._words[word].add(place)

    def candidates(self, wanted: Wanted, most: int = MOST) -> list[Candidate]:
        """The best concepts for a word, best first; of systems that it has no code of yet."""
        found: dict[int, tuple[float, str]] = {}

        def note(place: int, score: float, match: str) -> None:
            if score > found.get(place, (0.0, ""))[0]:
                found[place] = (score, match)

        for text in dict.fromkeys((wanted.value, *wanted.texts)):
            for place in self._codes.get(text.casefold().replace(" ", "-"), ()):
                note(place, 1.0, EXACT[0])
            for place, match in self._texts.get(plain_words(text), ()):
                note(place, 0.99 if match == EXACT[1] else 0.98, match)
            words = plain_words(text).replace("_", " ").split()
            while words and not self._share(frozenset(words), note):
                words.pop()  # the end of a column's name is often its unit
        ranked = sorted(found.items(), key=lambda one: (-one[1][0], self.concepts[one[0]].code))
        fitting = [one for one in ranked if self.concepts[one[0]].system not in wanted.systems]
        return [
            Candidate(wanted=wanted, concept=self.concepts[place], match=match, score=score)
            for place, (score, match) in fitting[:most]
        ]

    def _share(self, words: frozenset[str], note: Callable[[int, float, str], None]) -> bool:
        """Note concepts of which a text has every word; the fewer others, the better."""
        lists = sorted((self._words.get(word, set()) for word in words), key=len)
        if not lists[0] or len(lists[0]) > _COMMON or max(map(len, words)) < _LETTERS:
            return False
        places = set.intersection(*lists)
        for place in places:
            one = self.concepts[place]
            shares = {
                text: len(words) / len(words_of(text))
                for text in (one.display, *one.others)
                if words <= words_of(text)
            }
            if shares:
                best = max(shares, key=lambda text: shares[text])
                of = "" if best == one.display else f": {best}"
                note(place, min(shares[best], 0.97), f"{round(100 * shares[best])} % of the words{of}")
        return bool(places)


def plain_words(text: str) -> str:
    """A text without what differs between writers: case, punctuation, blanks."""
    return " ".join(_WORD.findall(text.casefold()))


def words_of(text: str) -> frozenset[str]:
    """The words of a text, in small letters."""
    return frozenset(_WORD.findall(text.casefold()))


def unit_candidate(wanted: Wanted) -> Candidate | None:
    """A unit as UCUM has it, where the word is one but for the way it is written; checked by the library."""
    for text in dict.fromkeys((wanted.value, *wanted.texts)):
        written = text.strip()
        for pattern, replacement in _WRITTEN:
            written = re.sub(pattern, replacement, written)
        if written and not fault_of_code(UCUM, written):
            concept = Concept(system=UCUM, code=written, display=written, others=(), source="grammar of UCUM")
            same = written == text
            match = EXACT[0] if same else "written as UCUM has it"
            return Candidate(wanted=wanted, concept=concept, match=match, score=1.0 if same else 0.9)
    return None


def sure(candidates: Mapping[tuple[str, str], Sequence[Candidate]]) -> list[Candidate]:
    """Of each word the candidate that is exact, where there is just one a system."""
    chosen = []
    for found in candidates.values():
        exact = [one for one in found if one.exact]
        best = [one for one in exact if one.score == exact[0].score]
        systems = [one.concept.system for one in best]
        chosen += [one for one in best if systems.count(one.concept.system) == 1]
    return chosen

"""What a gathering found: the account of every line and file of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fhir_blina.errors import Finding, problem
from fhir_blina.files import dumps, open_regular, write_whole


@dataclass(frozen=True)
class Unread:
    """A line, entry or file that holds no resource that can be kept.

    Attributes:
        place: ``file:line``, for an entry of a Bundle with its number.
        reason: What is wrong with it.
        text: The line as it was, bytes that are not UTF-8 replaced; cut at 1 MiB.
        full_url: Of an entry of a Bundle.
    """

    place: str
    reason: str
    text: str = ""
    full_url: str = ""


@dataclass
class Gathered:
    """A folder of ``<Type>.ndjson``, sorted by id, and the account of what it was made of.

    Attributes:
        folder: Where the files lie.
        counts: Resources kept, by type.
        bundles: How many Bundles were opened.
        left: Resources of types that R4 lacks, by type; they are counted and left.
        twice: Copies of a resource that was there already, all the same.
        given: Resources that had no id and were given one, by type.
        contained: Contained resources that were given rows of their own, by type.
        older: Older versions in Bundles of type history, and entries that delete.
        passed: Files that hold no FHIR, by what they are.
        rejected: What could not be read.
        resolved: References that had no key and were given one, by kind: ``urn``, ``contained``,
            ``identifier``, ``conditional``.
        unresolved: References that still have none, by kind.
        absent: References to what is not among the gathered, by the type they name; filled where references
            were followed.
        strange: By type, resources with elements that R4 lacks, and the first few of these.
        notes: What else is to be known, a sentence each.
        origins: Where a resource stood, by ``Type/id``; filled where it was asked for.
    """

    folder: Path
    counts: Counter[str] = field(default_factory=Counter)
    bundles: int = 0
    left: Counter[str] = field(default_factory=Counter)
    twice: int = 0
    given: Counter[str] = field(default_factory=Counter)
    contained: Counter[str] = field(default_factory=Counter)
    older: int = 0
    passed: Counter[str] = field(default_factory=Counter)
    rejected: list[Unread] = field(default_factory=list)
    resolved: Counter[str] = field(default_factory=Counter)
    unresolved: Counter[str] = field(default_factory=Counter)
    absent: Counter[str] = field(default_factory=Counter)
    strange: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    origins: dict[str, str] = field(default_factory=dict)

    def sentences(self) -> Iterator[str]:
        """What a reader is to know beside the counts by type, a sentence each; nothing where all is usual."""
        if self.bundles:
            yield f"{self.bundles} Bundle{'s' * (self.bundles != 1)} opened"
        for what, counts in (
            ("of types that FHIR R4 lacks, left", self.left),
            ("given an id", self.given),
            ("contained in others, given rows of their own", self.contained),
        ):
            if counts:
                yield f"{sum(counts.values())} {what}: {_listed(counts)}"
        if self.twice:
            yield f"{self.twice} there twice, the same each time"
        if self.older:
            yield f"{self.older} older versions or deletions in Bundles, left"
        if self.passed:
            yield f"{sum(self.passed.values())} files without FHIR passed over: {_listed(self.passed)}"
        if self.resolved:
            yield f"references given a key: {_listed(self.resolved)}"
        if self.unresolved:
            yield f"references without a key: {_listed(self.unresolved)}"
        if self.absent:
            yield f"references to what is not among these: {_listed(self.absent)}"
        for kind, (count, names) in sorted(self.strange.items()):
            yield (
                f"{count} of {self.counts[kind]} {kind} have elements that R4 lacks ({', '.join(names)}): "
                "of another release of FHIR? They reach no table"
            )
        yield from self.notes

    def findings(self) -> list[Finding]:
        """One finding for each that was rejected."""
        return [problem(one.place, one.reason) for one in self.rejected]


def keep_rejected(found: Gathered, path: Path, *, after: bool = False) -> None:
    """Write what was rejected to a file: ``source``, ``reason`` and ``text``, one object a line.

    Args:
        found: With what was rejected.
        path: The file.
        after: Whether what stands in the file already is kept.
    """

    def lines() -> Iterator[str]:
        if after and path.exists():
            with open_regular(path) as file:
                yield from (line.decode("utf-8") for line in file)
        for one in found.rejected:
            yield dumps({"source": one.place, "reason": one.reason, "text": one.text}, ascii_only=True) + "\n"

    write_whole(path, lines())


def _listed(counts: Counter[str]) -> str:
    shown = [f"{name} {count}" for name, count in sorted(counts.items())[:20]]
    return ", ".join(shown) + (", …" if len(counts) > 20 else "")

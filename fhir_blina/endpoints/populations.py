"""Who is counted and who is not, and why; and what a reader must know of the rows behind a number.

Reasons and remarks never hold a patient's value; the keys of patients stay apart from them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

NO_ROW = "no row"
NO_VALUE = "no value recorded"


@dataclass(frozen=True, kw_only=True)
class Population:
    """How many of how many an endpoint, measure, set or group is about.

    Attributes:
        kind: ``endpoint``, ``measure``, ``set``, ``group``, ``interval``, ``state`` or ``response``.
        name: Its name in the definitions.
        of: Patients who could be counted.
        n: Patients who are.
        out: The reason for each of the others, by patient key.
        sources: ``Type/id`` of the row behind a reason, where there is one.
    """

    kind: str
    name: str
    of: int
    n: int
    out: Mapping[Any, str] = field(default_factory=dict)
    sources: Mapping[Any, str] = field(default_factory=dict)

    @property
    def reasons(self) -> dict[str, int]:
        """How many are out for each reason, the most frequent first."""
        return dict(Counter(self.out.values()).most_common())

    def __str__(self) -> str:
        """``overall_survival: 4 of 5; no day of "diagnosis": 1``."""
        said = "".join(f"; {reason}: {count}" for reason, count in self.reasons.items())
        return f"{self.name}: {self.n} of {self.of}{said}"


@dataclass(frozen=True, kw_only=True)
class Remark:
    """Something that a definition met in the rows.

    Attributes:
        rule: Its name, one word with hyphens.
        severity: ``warning`` or ``information``.
        about: What was being worked out, for example ``endpoint "os"``.
        title: What is the matter.
        printed: What the rows hold, in counts.
        follows: What was done about it, or what to do.
        patients: Keys of the patients concerned.
    """

    rule: str
    severity: str
    about: str
    title: str
    printed: str
    follows: str
    patients: tuple[Any, ...] = ()


@dataclass
class Account:
    """Populations and remarks as they come up; each is kept once."""

    populations: dict[tuple[str, str], Population] = field(default_factory=dict)
    remarks: dict[tuple[str, str, str], Remark] = field(default_factory=dict)

    def count(self, population: Population) -> None:
        """Keep a population."""
        self.populations[population.kind, population.name] = population

    def remark(
        self,
        *,
        rule: str,
        severity: str,
        about: str,
        title: str,
        printed: str,
        follows: str,
        patients: Iterable[Any] = (),
    ) -> None:
        """Keep a remark; one is kept of each rule, matter and title."""
        self.remarks.setdefault(
            (rule, about, title),
            Remark(
                rule=rule,
                severity=severity,
                about=about,
                title=title,
                printed=printed,
                follows=follows,
                patients=tuple(dict.fromkeys(patients)),
            ),
        )

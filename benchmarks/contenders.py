"""What takes part: tasks, who does them, and what each needs."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: What a contender answers: values by name, compared with those of the first contender of the task.
Answer = dict[str, Any]
#: Gets ready (imports, reads what is not measured) and gives what is measured.
Ready = Callable[[Path], Callable[[], Any]]


def as_it_is(found: Any) -> Answer:
    """What a contender gives is its answer."""
    return dict(found)


@dataclass(frozen=True)
class Contender:
    """One way of doing a task.

    Attributes:
        name: As the tables call it.
        ready: Given the folder of the data, it prepares the work.
        needs: The module that must be there to take part.
        most: The largest size that it gets; above, it would take too long.
    """

    name: str
    ready: Ready
    needs: str = "fhir_blina"
    most: int = 10**9

    @property
    def there(self) -> bool:
        """Whether what it needs is installed."""
        return importlib.util.find_spec(self.needs) is not None


@dataclass(frozen=True)
class Task:
    """Something to be done with data of a size.

    Attributes:
        name: As the tables call it.
        unit: What is counted.
        data: Makes the data of a size from a seed in a folder; called once.
        contenders: Ours first; the others are compared with it.
        answer: What of the things that the work gave is compared; worked out after the clock has stopped.
        server: Whether a FHIR server is needed.
    """

    name: str
    unit: str
    data: Callable[[Path, int], None]
    contenders: tuple[Contender, ...]
    answer: Callable[[Any], Answer] = as_it_is
    server: bool = False


def differing(ours: Answer, other: Answer) -> list[str]:
    """The names of values that differ; numbers may by a billionth."""
    return sorted(name for name in ours.keys() | other.keys() if not _same(ours.get(name), other.get(name)))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, int | float):
        return abs(one - other) <= 1e-9 * max(abs(one), 1.0)
    return bool(one == other)


def tasks() -> dict[str, Task]:
    """Every task by name."""
    from benchmarks import cohorts, servers, survival, tables

    found: Iterable[Task] = (survival.TASK, tables.TASK, *cohorts.TASKS, *servers.TASKS)
    return {task.name: task for task in found}

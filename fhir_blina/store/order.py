"""The order in which resources can be stored: what is referred to comes first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Unit = tuple[str, ...]
"""Keys that refer to each other in a circle and are stored together; nearly always one."""

MANY = "*"


@dataclass(frozen=True)
class Order:
    """What can be sent when.

    Attributes:
        first: Units that belong to no patient, each after what it refers to.
        patients: Units of one patient each, by the patient's key.
        last: Units that belong to several patients.
        levels: All units again: those of a level refer only to earlier levels.
    """

    first: Sequence[Unit]
    patients: Mapping[str, Sequence[Unit]]
    last: Sequence[Unit]
    levels: Sequence[Sequence[Unit]]


def in_order(targets: Mapping[str, Sequence[str]]) -> Order:
    """Sort resources into what can be sent when.

    Args:
        targets: By ``Type/id`` what each resource refers to; what is not among the keys counts only where
            it is a patient.
    """
    first: list[Unit] = []
    patients: dict[str, list[Unit]] = {}
    last: list[Unit] = []
    levels: list[list[Unit]] = []
    owner: dict[str, str] = {}
    level: dict[str, int] = {}
    for unit in _units(targets):
        outside = [target for key in unit for target in targets[key] if target not in unit]
        owners = {key for key in (*unit, *outside) if key.startswith("Patient/")}
        outside = [target for target in outside if target in targets]
        owners |= {owner[key] for key in outside} - {""}
        whose = MANY if len(owners) > 1 or MANY in owners else next(iter(owners), "")
        depth = max((level[key] + 1 for key in outside), default=0)
        for key in unit:
            owner[key], level[key] = whose, depth
        if depth == len(levels):
            levels.append([])
        levels[depth].append(unit)
        if whose == MANY:
            last.append(unit)
        elif whose:
            patients.setdefault(whose, []).append(unit)
        else:
            first.append(unit)
    return Order(first, patients, last, levels)


def _units(targets: Mapping[str, Sequence[str]]) -> Iterator[Unit]:
    """Strongly connected components, each after those it refers to (Tarjan 1972, without recursion)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    open_keys: list[str] = []
    is_open: set[str] = set()
    for root in sorted(targets):
        if root in number:
            continue
        path: list[tuple[str, Iterator[str]]] = [(root, iter(targets[root]))]
        number[root] = low[root] = len(number)
        open_keys.append(root)
        is_open.add(root)
        while path:
            key, rest = path[-1]
            for target in rest:
                if target not in targets:
                    continue
                if target not in number:
                    number[target] = low[target] = len(number)
                    open_keys.append(target)
                    is_open.add(target)
                    path.append((target, iter(targets[target])))
                    break
                if target in is_open:
                    low[key] = min(low[key], number[target])
            else:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[key])
                if low[key] == number[key]:
                    unit: list[str] = []
                    while not unit or unit[-1] != key:
                        unit.append(open_keys.pop())
                        is_open.discard(unit[-1])
                    yield tuple(sorted(unit))


def packs(groups: Sequence[Sequence[Unit]], size: int) -> list[list[Unit]]:
    """Groups put together to about ``size`` keys each; no group is divided."""
    result: list[list[Unit]] = []
    held = 0
    for group in groups:
        weight = sum(len(unit) for unit in group)
        if not result or held + weight > size:
            result.append([])
            held = 0
        result[-1].extend(group)
        held += weight
    return result

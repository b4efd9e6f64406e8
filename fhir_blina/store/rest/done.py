"""What a push did with each resource."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from fhir_blina.store.rest.holding import Held
from fhir_blina.store.rest.writes import Written


@dataclass(frozen=True)
class Done:
    """Keys of what was created, updated, or was there as it is."""

    created: list[str]
    updated: list[str]
    unchanged: list[str]


def sorted_out(
    sent: Iterable[str], rejected: Collection[str], written: Mapping[str, Written], held: Mapping[str, Held]
) -> Done:
    """Sort what was sent by what the server made of it; a version that stays is no update."""
    done = Done([], [], [])
    for key in sent:
        if key in rejected:
            continue
        one = written.get(key)
        if one is None:
            done.unchanged.append(key)
        elif key not in held:
            (done.created if one.status == 201 else done.unchanged).append(key)
        else:
            same = one.version and one.version == held[key].version
            (done.unchanged if same else done.updated).append(key)
    return done

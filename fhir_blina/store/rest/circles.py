"""Circles that no transaction can hold: stored in two passes, or not at all.

First each resource goes with logical references to what is not stored yet, then once more with references as
they were sent. Where one of a circle is refused, none of it stays.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence

from fhir_blina.errors import StoreError, problem
from fhir_blina.http import Transport
from fhir_blina.store.order import Unit
from fhir_blina.store.rest.sending import Sender
from fhir_blina.store.rest.writes import Written, delete


def in_two_passes(sender: Sender, units: Sequence[Unit]) -> None:
    """Send circles whose resources cannot all be there before they are referred to.

    Args:
        sender: Sends; it has what was written and what was refused.
        units: The circles.

    Raises:
        StoreError: as :meth:`Sender.send`.
    """
    singles = [(key,) for unit in units for key in unit]
    sender.apart |= {key for (key,) in singles}
    created = {key for (key,) in singles if key not in sender.written}
    sender.send_whole(singles)
    complete(sender, [key for unit in units if sender.rejected.keys().isdisjoint(unit) for key in unit])
    for unit in units:
        if lost := next((key for key in unit if key in sender.rejected), ""):
            some = [key for key in unit if key in created & sender.written.keys()]
            take_back(sender.transport, sender.written, only=some, bundle=sender.bundle)
            sender.partial.difference_update(unit)
            for key in unit:
                said = problem(key, f"refers to {lost}, which was refused")
                sender.rejected.setdefault(key, said)


def complete(sender: Sender, keys: Iterable[str]) -> None:
    """Send those of some keys once more whose references could not be complete; no part of the count."""
    wanted = [key for key in keys if key in sender.partial]
    again = Sender(sender.transport, sender.make, sender.bundle, size_of=sender.size_of)
    again.send_whole([(key,) for key in wanted])
    sender.rejected |= again.rejected
    sender.partial.difference_update(wanted)


def take_back(
    transport: Transport, written: dict[str, Written], *, only: Iterable[str] | None = None, bundle: str = ""
) -> list[str]:
    """Delete what this push has created, what refers before what is referred to.

    Args:
        transport: To the server.
        written: What was written, in order; what is deleted is taken out of it.
        only: Keys; None for all.
        bundle: How deletes go.

    Returns:
        The keys that could not be deleted.
    """
    chosen = [key for key in (written if only is None else only) if written[key].status == 201]
    remover = Sender(transport, lambda key, _: delete(key, written[key].location or key), bundle)
    with contextlib.suppress(StoreError):  # what is left is told
        remover.send_whole([(key,) for key in reversed(chosen)])
    for key, one in remover.written.items():
        if one.status != 404:
            del written[key]
    return [key for key in chosen if key in written]

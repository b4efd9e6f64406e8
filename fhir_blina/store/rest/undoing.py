"""What a push has created, deleted again: nothing of a push that was refused stays."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from fhir_blina.errors import StoreError
from fhir_blina.http import Transport
from fhir_blina.store.rest.sending import Sender
from fhir_blina.store.rest.writes import Written, delete


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

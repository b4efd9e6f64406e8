"""Whether what a server holds is what was sent: which resources are compared, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fhir_blina.errors import StoreIncomplete, problem
from fhir_blina.files import Resource
from fhir_blina.store.contract import by_type
from fhir_blina.store.words import digest_of, value_of

SAMPLE = 20
_MOST_NAMED = 20

Digests = dict[str, tuple[bytes, bytes]]
"""Our ``Type/id`` -> what :func:`compared` gives."""


def compared(resource: Resource) -> tuple[bytes, bytes]:
    """Two digests of a resource: to the letter, and by what it means."""
    return digest_of(resource), value_of(resource)


def sample(stored: Sequence[str]) -> list[str]:
    """Up to 20 keys of each type, spread evenly."""
    return [
        f"{kind}/{names[position * len(names) // min(SAMPLE, len(names))]}"
        for kind, names in by_type(stored).items()
        for position in range(min(SAMPLE, len(names)))
    ]


def agreed(sent: Mapping[str, Resource], found: Digests) -> str:
    """Compare what was sent, under the names that it has at the server, with what was found.

    Returns:
        A sentence where the server writes some of it otherwise, else "".

    Raises:
        StoreIncomplete: something means something else, or is not there.
    """
    wrong, worded = [], 0
    for key, resource in sent.items():
        exact, value = compared(resource)
        there_exact, there_value = found.get(key, (b"", b""))
        worded += exact != there_exact
        if value != there_value:
            wrong.append(key)
    if wrong:
        named = wrong[:_MOST_NAMED]
        raise StoreIncomplete([problem(key, "is not stored as it was sent", "Push again") for key in named])
    if not worded:
        return ""
    return (
        f"the server holds {worded} of {len(sent)} resources that were compared in its own words: decimals, "
        "narrative or versions of references are written otherwise and mean the same"
    )

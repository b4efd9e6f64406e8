"""SMART scopes in both spellings: ``system/Patient.read`` of version 1, ``system/Patient.rs`` of version 2.

Servers of one version refuse the words of the other, or drop them silently; a token without them then finds
nothing where there is something.
"""

from __future__ import annotations

import re

_SCOPE = re.compile(r"(system|user|patient)/(\*|[A-Z][A-Za-z]+)\.(read|write|\*|c?r?u?d?s?)(\?\S+)?")
_RIGHTS = {"read": "rs", "write": "cud", "*": "cruds"}
_SPELLINGS = {
    "read": "rs",
    "rs": "read",
    "write": "cud",
    "cud": "write",
    "*": "cruds",
    "cruds": "*",
}


def respelled(scope: str) -> str:
    """The same scopes in the words of the other version; what has none stays."""
    return " ".join(map(_respelled, scope.split()))


def _respelled(word: str) -> str:
    found = _SCOPE.fullmatch(word)
    if not found or found[4] or found[3] not in _SPELLINGS:
        return word
    return f"{found[1]}/{found[2]}.{_SPELLINGS[found[3]]}"


def not_granted(asked: str, granted: str) -> list[str]:
    """Scopes that were asked for and of which nothing was granted, in either spelling.

    For all types (``system/*.rs``) a server may grant a list of types: one of them suffices.
    """
    known = filter(None, map(_SCOPE.fullmatch, granted.split()))
    given = [(found[1], found[2], _rights(found[3])) for found in known]
    lacking = []
    for word in asked.split():
        found = _SCOPE.fullmatch(word)
        if not found:
            continue
        wanted = _rights(found[3])
        there: set[str] = set()
        for context, kind, rights in given:
            if context == found[1] and (found[2] == "*" or kind in {"*", found[2]}):
                there |= rights
        if not wanted <= there:
            lacking.append(word)
    return lacking


def _rights(word: str) -> set[str]:
    return set(_RIGHTS.get(word, word))

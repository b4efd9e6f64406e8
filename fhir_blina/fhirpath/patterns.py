"""Regular expressions of FHIRPath, matched by RE2: its time grows with the text alone."""

from __future__ import annotations

import functools
import re
from typing import Any

from fhir_blina.fhirpath.limits import spend

MEMORY = 8 * 2**20
"""Bytes that a compiled pattern may take."""
_GROUP = re.compile(r"\$(\d)")


@functools.lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    import re2

    options = re2.Options()
    options.dot_nl = True
    options.log_errors = False
    options.max_mem = MEMORY
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError):
        raise ValueError(
            "not a regular expression that RE2 takes; it has no back references and no look around"
        ) from None


def matches(text: str, pattern: str) -> bool:
    """Whether a part of a text matches.

    Raises:
        ValueError: not a regular expression.
    """
    return _compiled(pattern).search(text) is not None


def replaced_matches(text: str, pattern: str, new: str) -> str:
    """A text with every match replaced; ``$0`` to ``$9`` stand for the match and its groups.

    Raises:
        ValueError: not a regular expression, a group that it does not have, or a result without end.
    """
    compiled = _compiled(pattern)
    literals = _GROUP.split(new)  # text, group, text, group, text
    if any(int(group) > compiled.groups for group in literals[1::2]):
        raise ValueError("replaceMatches() names a group that the pattern does not have")
    parts, end = [], 0
    for found in compiled.finditer(text):
        filled = "".join(
            (found[int(part)] or "") if number % 2 else part for number, part in enumerate(literals)
        )
        spend(len(filled) + 1)
        parts += [text[end : found.start()], filled]
        end = found.end()
    return "".join([*parts, text[end:]])

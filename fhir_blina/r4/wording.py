"""Text of a server, cut down to what cannot be a patient's: known words, names of FHIR, ids, codes of errors.

What servers quote is cut out by :mod:`fhir_blina.r4.outcome`. What they repeat without quotes, the name of
another patient for example, has no mark by which it could be found; so only what is known to be none is kept.
"""

from __future__ import annotations

import functools
import re
from importlib.resources import files

from fhir_blina.r4.release import names_of_fhir

CUT = "…"
LONGEST = 4000
_ID = r"[A-Za-z0-9.\-]{1,64}"
_TOKEN = re.compile(
    rf"""
    (?P<reference> \b [A-Z][A-Za-z]+ / {_ID} (?: / _history / [0-9]{{1,9}} )? )
    | (?P<address> \b (?: https? | urn | ftp | file | mailto ) : [^\s'"<>()\[\]]+ )
    | (?P<code> \b HAPI-[0-9]{{3,5}} \b
        | \b (?: HTTP | status | line | column | code ) [ :=]? [0-9]{{1,5}} \b
        | \b [a-z]{{2,4}} - [0-9]{{1,2}} [a-z]? \b
        | (?<![\w./:\-]) [0-9] (?![\w/:\-]|\.[0-9]) )
    | (?P<index> \[ (?: [0-9]{{1,4}} | x ) \] )
    | (?P<exception> \b (?: java | javax | jakarta | org | ca | com | net ) (?: \. [a-z0-9]+ )* \. [A-Z]\w*
        (?: Exception | Error ) \b )
    | (?P<word> [$_]? [^\W_] [\w'’\-]* )
    """,
    re.VERBOSE,
)
_HOSTS = re.compile(
    r"https?://(?:[a-z]+\.)?(?:hl7\.org|fhir\.org|loinc\.org|snomed\.info|unitsofmeasure\.org)(?:[/#?:]|$)"
)
_HUMPS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_BEFORE_A_BEGINNING = frozenset(".:;!?()[]{-,='\"")


@functools.cache
def _words() -> frozenset[str]:
    """Names of FHIR and ``words.txt``: of the messages of HAPI and HL7's validator, proxies, databases."""
    words = (files("fhir_blina.r4") / "words.txt").read_text("ascii").split()
    return names_of_fhir() | frozenset(words)


def known_words(text: str) -> str:
    """A text of a server without the words that might be a patient's: any that is not known to be none.

    ::

    >>> known_words("HAPI-1094: Resource Organization/o7 not found, specified in path: Patient.name[0]")
    'HAPI-1094: Resource Organization/o7 not found, specified in path: Patient.name[0]'
    >>> known_words("Duplicate of Jane Roe, born 1950-03-12, phone +1 555 0100")
    'Duplicate of …'
    """

    def kept(found: re.Match[str]) -> str:
        kind, token = str(found.lastgroup), found[0]
        if kind == "reference":
            return token if token.split("/", 1)[0] in _words() else CUT
        if kind == "address":
            return token.partition("?")[0] if _HOSTS.match(token) else CUT
        if kind == "word":
            return token if _known(token, begins=_begins(text, found.start())) else CUT
        return token

    text = text if len(text) <= LONGEST else text[:LONGEST] + CUT
    return re.sub(rf"{CUT}(?:[^\w'\"]*{CUT})+", CUT, _TOKEN.sub(kept, text))


def _begins(text: str, place: int) -> bool:
    before = text[max(0, place - 4) : place].rstrip()
    return not text[:place].strip() if not before else before[-1] in _BEFORE_A_BEGINNING


def _known(token: str, *, begins: bool) -> bool:
    if token in _words() or token.lstrip("$_") in _words():
        return True
    if not token.isascii():
        return False
    plain = token.lstrip("$_").replace("'", "-").split("-")
    if all(one in _words() for one in plain):
        return True
    if any(mark.isdigit() for mark in token):
        return False
    if begins and token[:1].isupper() and token[1:].islower():
        return token.lower() in _words()
    parts = _HUMPS.findall(token)
    return (
        len(parts) > 1
        and "".join(parts) == token.lstrip("$_")
        and all(one.lower() in _words() for one in parts)
    )

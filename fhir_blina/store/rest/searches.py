"""What a search asked for and what its pages say: matches, links, what was ignored, left out or warned of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard
from urllib.parse import parse_qsl, urlsplit

from fhir_blina.errors import StoreIncomplete, StoreInconsistent, StoreRefused
from fhir_blina.files import Resource
from fhir_blina.http import Answer
from fhir_blina.r4 import findings_of

HARMLESS = {"_tag", "_count", "_summary", "_lastUpdated"}

# Parameters of links that name what the server remembers, and those by which other servers count pages.
_REMEMBERED = {
    *{"_getpages", "_getpagesoffset", "_pageId", "_jobId"},
    *{"_bundletype", "_count", "_format", "_pretty"},
}
_COUNTED = {"ct", "page", "_page", "_offset", "_skip", "_page_token", "_cursor", "_sort", "_total"}

STRICT = {"Prefer": "handling=strict"}
"""Asks a server to refuse what it would ignore (R4, search.html#errors)."""
# How a page comes, not what it holds: a server need not name these among what it used.
_PRESENTATION = {"_count", "_summary", "_format", "_pretty", "_total", "_sort", "_elements"}
_INCLUSIONS = ("_include", "_revinclude", "_contained", "_containedType")
# What an OperationOutcome among the matches means by these codes is that the search was not done as asked.
_NOT_AS_ASKED = frozenset(
    """not-supported not-found invalid value code-invalid incomplete too-costly throttled timeout exception
    transient processing""".split()  # noqa: SIM905
)

# How servers answer a POST of a search that they take by GET only; Epic says 404 for some types.
NO_POST = {404, 405, 501}

Params = Mapping[str, str]


def refuse_inclusions(kind: str, params: Params) -> None:
    """Refuse a search that would bring resources which no count covers.

    Raises:
        StoreRefused: ``_include`` and the like.
    """
    found = sorted({name for name in params if name.split(":")[0] in _INCLUSIONS})
    if found:
        raise StoreRefused(
            f"the search for {kind} has {', '.join(found)}: what it brings beside the matches has no "
            "count. Select each type by a search of its own"
        )


def refuse_ignored(answer: Answer, kind: str, params: Params, *, posted: bool) -> str:
    """Compare what was asked with the ``self`` link, which names what the server used.

    Returns:
        A sentence where the server does not say what it used, else "".

    Raises:
        StoreRefused: it left out a parameter.
    """
    asked = {_plain(name) for name in params} - _PRESENTATION
    link = _link(answer, "self")
    query = urlsplit(link or "").query
    if not asked:
        return ""
    remembered = not {"_getpages", "_pageId"}.isdisjoint(_names(query))
    if link is None and params.get("_summary") == "count":
        return ""  # HAPI links no count; the pages that are counted name what was used
    if link is None or remembered or (posted and not query):
        return f"the server does not say by which parameters it searched for {kind}"
    ignored = sorted(asked - {_plain(name) for name in _names(query)})
    if ignored:
        raise StoreRefused(
            f"the server ignored {', '.join(ignored)} in the search for {kind}, so what it found is not "
            "what was asked. Leave the parameter out, or use one that its CapabilityStatement names"
        )
    return ""


def _plain(name: str) -> str:
    """A parameter without modifier and chain."""
    return name.split(":", maxsplit=1)[0].split(".", maxsplit=1)[0]


def _names(query: str) -> set[str]:
    return {name for name, _ in parse_qsl(query, keep_blank_values=True)}


def beside(answer: Answer, kind: str) -> Iterator[str]:
    """What stands on a page beside the matches, a sentence each.

    Raises:
        StoreIncomplete: the server says that it did not search as asked.
    """
    entries = answer.json.get("entry") or []
    included = sum((entry.get("search") or {}).get("mode") == "include" for entry in entries)
    if included:
        yield f"resources that the server included with {kind} were left"
    for entry in entries:
        for finding in findings_of(entry.get("resource"), kind):
            if finding.severity in {"fatal", "error"} or (
                finding.severity == "warning" and finding.code in _NOT_AS_ASKED
            ):
                raise StoreIncomplete(
                    f"the server did not search for {kind} as asked ({finding.code}): "
                    f"{finding.diagnostics[:300]}"
                )
            yield f"the server says of {kind}: {finding.diagnostics[:300]}"


def tells_of_patients(params: Params) -> bool:
    """Whether a search has parameters that every log on the way should not hold."""
    return not params.keys() <= HARMLESS


def kept_link(link: str, params: Params) -> bool:
    """Whether a link may be written down: it holds nothing that a search asked for, and no credential.

    Args:
        link: The address.
        params: What the search that led to it asked for.
    """
    names = {name for name, _ in parse_qsl(urlsplit(link).query, keep_blank_values=True)}
    return names <= (_REMEMBERED if tells_of_patients(params) else _REMEMBERED | _COUNTED | HARMLESS)


def total_of(said: Any) -> int | None:
    """What an answer to ``_summary=count`` counts; None where it does not, or sends resources."""
    total = said.get("total") if isinstance(said, dict) and not said.get("entry") else None
    return total if is_count(total) else None


def is_count(total: Any) -> TypeGuard[int]:
    """Whether a total is the number of something."""
    return isinstance(total, int) and not isinstance(total, bool) and total >= 0


def is_bundle(answer: Answer) -> bool:
    """Whether it is a Bundle whose entries and links can be read."""
    said = answer.json
    if not isinstance(said, dict) or said.get("resourceType") != "Bundle":
        return False
    parts = [said.get(name) or [] for name in ("entry", "link")]
    return all(
        isinstance(part, list) and all(isinstance(one, dict) for one in part) for part in parts
    ) and all(isinstance(entry.get("search") or {}, dict) for entry in parts[0])


def matches(answer: Answer, kind: str) -> Iterator[Resource]:
    """The resources on a page that the search found; what came beside them is :func:`beside`."""
    for entry in answer.json.get("entry") or []:
        resource = entry.get("resource")
        if not isinstance(resource, dict):
            raise StoreIncomplete(f"a page of the search for {kind} has an entry without a resource")
        if resource.get("resourceType") == "OperationOutcome":
            continue
        if (entry.get("search") or {}).get("mode", "match") == "match":
            if resource.get("resourceType") != kind:
                raise StoreInconsistent(f"the search for {kind} found another type")
            yield resource


def next_link(answer: Answer) -> str | None:
    """The address of the page that follows, None after the last."""
    return _link(answer, "next")


def _link(answer: Answer, relation: str) -> str | None:
    links = answer.json.get("link")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("relation") == relation:
            return str(link.get("url", ""))
    return None

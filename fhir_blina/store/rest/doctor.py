"""What a server can do, and what fhir-blina will do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fhir_blina.store.rest.capability import Capability
from fhir_blina.store.rest.profiles import Profile
from fhir_blina.store.rest.pulling import EXPORT_ABOVE
from fhir_blina.store.rest.rest import RestStore
from fhir_blina.store.rest.searches import is_bundle, next_link, total_of

USED_TYPES = (
    "AdverseEvent",
    "Condition",
    "Group",
    "MedicationAdministration",
    "Observation",
    "Patient",
    "Procedure",
    "ResearchStudy",
    "ResearchSubject",
    "Specimen",
)


@dataclass(frozen=True)
class Line:
    """One thing about a server.

    Attributes:
        topic: For example ``writing``.
        found: What the server says.
        consequence: What fhir-blina does about it.
        usable: False where the server cannot be used for it.
    """

    topic: str
    found: str
    consequence: str
    usable: bool = True


@dataclass(frozen=True)
class Examination:
    """What :func:`examine` found.

    Attributes:
        url: Base URL.
        lines: One per topic.
    """

    url: str
    lines: Sequence[Line]

    @property
    def usable(self) -> bool:
        """Whether push and pull will work."""
        return all(line.usable for line in self.lines)

    def as_json(self) -> dict[str, Any]:
        """Plain dicts and lists."""
        return {"url": self.url, "usable": self.usable, "lines": [vars(line) for line in self.lines]}


def examine(url: str, *, kinds: Sequence[str] = USED_TYPES, **options: Any) -> Examination:
    """Ask a server for its CapabilityStatement and try one count and one search.

    Args:
        url: Base URL.
        kinds: Resource types that will be stored.
        **options: As for :class:`fhir_blina.store.rest.rest.RestStore`.

    Raises:
        StoreRefused: not a FHIR R4 server.
        StoreUnavailable: it does not answer.
    """
    store = RestStore(url, **options)
    can = store.capability
    return Examination(
        store.location,
        (
            Line("server", can.software, ""),
            *_known(store.profile),
            Line("FHIR version", can.fhir_version, f"{can.release.name} is what fhir-blina speaks"),
            _types(can, kinds),
            _writing(can),
            _ids(can, kinds, store.profile),
            _deleting(can, kinds),
            *_searching(store, can, kinds),
            _validating(can, kinds),
            _exporting(can),
            Line(
                "access",
                ", ".join(can.security) or "not said",
                "a bearer token is taken from FHIR_BLINA_TOKEN; it is sent to this server only",
            ),
        ),
    )


# What follows from a fact; what is not named here is only told.
_OBEYED = {
    "ids": "taken where the server does not say; what it does is seen at the first write",
    "bundle": "a transaction that is done as a batch is sent as a batch",
    "entries": "no bundle is larger",
    "bundle_bytes": "no bundle is longer",
    "writes_a_minute": "push --dry-run says how long it takes; the server's own headers are obeyed",
    "unknown_parameters": "asked with Prefer: handling=strict, and what was used is compared",
    "throttling": "waited for as a 429",
}


def _known(profile: Profile) -> Iterator[Line]:
    """What is believed of such servers before they are asked."""
    if not profile.name:
        yield Line("profile", "none of those known", "what it says and does decides")
        return
    yield Line("profile", profile.name, "what is known of it beforehand follows; what it does goes before")
    for name, fact in profile.facts.items():
        whose = {"tried": "tried", "maker": "its maker's word", "third party": "a third party's word"}[
            fact.word
        ]
        value = ", ".join(fact.value) if isinstance(fact.value, list) else fact.value
        shown = {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
        found = f"{shown:,}" if isinstance(shown, int) else str(shown)
        then = "push stops before it writes" if (name, value) == ("writes", False) else _OBEYED.get(name, "")
        yield Line(
            f"believed: {name.replace('_', ' ')}",
            found + (f" ({fact.note})" if fact.note else ""),
            "; ".join(part for part in (then, f"{whose}, {fact.source}, {fact.date}") if part),
        )


def _types(can: Capability, kinds: Sequence[str]) -> Line:
    absent = [kind for kind in kinds if kind not in can.types]
    return Line(
        "types",
        f"{len(can.types)} types" + (f", not {', '.join(absent)}" if absent else ""),
        "push refuses resources of the absent types" if absent else "all that are needed",
        usable=not absent,
    )


def _writing(can: Capability) -> Line:
    return {
        "transaction": Line("writing", "transactions", "bundles of 200 that are stored whole or not at all"),
        "batch": Line("writing", "batches, no transactions", "bundles in the order of references"),
        "": Line(
            "writing",
            "neither transactions nor batches",
            "one request a resource, in the order of references",
        ),
    }[can.bundle]


def _ids(can: Capability, kinds: Sequence[str], profile: Profile) -> Line:
    if can.takes_ids(kinds, profile.takes_ids):
        return Line("ids", "takes ids of the client's", "resources are stored under our ids")
    update = [
        kind for kind in kinds if can.of(kind).conditional_update and "identifier" in can.of(kind).search
    ]
    return Line(
        "ids",
        "assigns ids",
        "references are rewritten, and rewritten back on pull; found by identifier: conditional update of "
        f"{len(update)} of {len(kinds)} types, the others by tag and identifier",
    )


def _deleting(can: Capability, kinds: Sequence[str]) -> Line:
    lacking = [kind for kind in kinds if "delete" not in can.of(kind).interactions]
    if not lacking:
        return Line("deleting", "all types that are needed", "unload removes a cohort by its tag")
    return Line("deleting", f"not {', '.join(lacking)}", "unload will not work for them")


def _searching(store: RestStore, can: Capability, kinds: Sequence[str]) -> list[Line]:
    lacking = [kind for kind in kinds if "search-type" not in can.of(kind).interactions]
    if lacking:
        return [Line("searching", f"not {', '.join(lacking)}", "pull cannot read them", usable=False)]
    untagged = [kind for kind in kinds if can.of(kind).search and "_tag" not in can.of(kind).search]
    lines = [
        Line(
            "searching",
            "by _tag" if not untagged else f"by _tag not said for {len(untagged)} types",
            "a cohort is told by its tag; if the server ignores _tag, push and unload stop",
        )
    ]
    answer = store.transport.get(kinds[0], params={"_count": "1"})
    total = store.transport.get(kinds[0], params={"_summary": "count"})
    counted = total_of(total.json) is not None
    pages = is_bundle(answer) and next_link(answer) is not None
    lines.append(
        Line(
            "paging",
            "next links" if pages else "fewer than two resources to try it on",
            "each page is followed on this server, whatever host the link names",
        )
    )
    lines.append(
        Line(
            "counting",
            "_summary=count" if counted else "no totals",
            "every pull is compared with it"
            if counted
            else "every page is followed to the last, twice, and the certificate says so",
        )
    )
    return lines


def _validating(can: Capability, kinds: Sequence[str]) -> Line:
    lacking = [kind for kind in kinds if "validate" not in can.of(kind).operations]
    if not lacking:
        return Line("$validate", "all types that are needed", "validate --server works")
    return Line("$validate", f"not {len(lacking)} of {len(kinds)} types", "validate --server does not work")


def _exporting(can: Capability) -> Line:
    if can.exports:
        return Line("$export", "yes", f"used above {EXPORT_ABOVE:,} resources, or with via=export")
    return Line("$export", "no", "pull is by search, whatever the size")

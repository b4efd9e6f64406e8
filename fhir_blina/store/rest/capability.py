"""What a server says it can do, and what follows for us."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fhir_blina.errors import StoreRefused
from fhir_blina.http import Transport
from fhir_blina.r4 import FhirRelease


@dataclass(frozen=True)
class TypeCapability:
    """What a server can do with one resource type.

    Attributes:
        interactions: Codes of ``CapabilityStatement.rest.resource.interaction``.
        search: Names of search parameters.
        operations: Names of operations, without ``$``.
        update_create: ``updateCreate``; None where the server does not say.
        conditional_create: ``conditionalCreate``.
        conditional_update: ``conditionalUpdate``.
    """

    interactions: frozenset[str] = frozenset()
    search: frozenset[str] = frozenset()
    operations: frozenset[str] = frozenset()
    update_create: bool | None = None
    conditional_create: bool = False
    conditional_update: bool = False


@dataclass(frozen=True)
class Capability:
    """What a server says about itself.

    Attributes:
        software: Name and version.
        release: The release of FHIR that it speaks.
        fhir_version: As it says it, for example ``4.0.1``.
        interactions: Codes of the whole system's interactions.
        operations: Names of the whole system's operations, without ``$``.
        types: By resource type.
        security: Codes of the security services, and whether SMART endpoints are named.
        conformance: What it says it instantiates.
    """

    software: str
    release: FhirRelease
    fhir_version: str
    interactions: frozenset[str]
    operations: frozenset[str]
    types: Mapping[str, TypeCapability]
    security: Sequence[str] = ()
    conformance: Sequence[str] = field(default_factory=tuple)

    def of(self, kind: str) -> TypeCapability:
        """What it can do with a type; nothing where it does not name the type."""
        return self.types.get(kind, TypeCapability())

    @property
    def bundle(self) -> str:
        """How many writes go in one request: ``transaction``, ``batch``, or ``""`` for one at a time."""
        for way in ("transaction", "batch"):
            if way in self.interactions:
                return way
        return ""

    @property
    def exports(self) -> bool:
        """Whether ``$export`` of the whole system is there."""
        return "export" in self.operations

    def takes_ids(self, kinds: Sequence[str], known: bool | None) -> bool:
        """Whether a PUT may create a resource under an id of ours, for all these types.

        A server says so with ``updateCreate``.

        Args:
            kinds: Resource types.
            known: What is known of such servers, for one that says nothing.
        """
        said = [self.of(kind).update_create for kind in kinds]
        if any(answer is False for answer in said):
            return False
        return all(said) or known is True


def _listed(items: Any) -> list[Any]:
    return items if isinstance(items, list) else []


def _objects(items: Any) -> Iterator[dict[str, Any]]:
    """The objects of a list; nothing of anything else."""
    yield from (item for item in _listed(items) if isinstance(item, dict))


def _names(items: Any, key: str) -> frozenset[str]:
    return frozenset(str(item[key]).lstrip("$") for item in _objects(items) if key in item)


def read_capability(transport: Transport, release: FhirRelease) -> Capability:
    """Ask a server what it can do.

    Raises:
        StoreRefused: it does not answer with a CapabilityStatement of the release.
        StoreUnavailable: it does not answer.
    """
    answer = transport.get("metadata")
    said = answer.json
    if not answer.ok or not isinstance(said, dict) or said.get("resourceType") != "CapabilityStatement":
        raise StoreRefused(
            f"{transport.base} is not the base of a FHIR server (HTTP {answer.status} at /metadata). "
            "It often ends in /fhir"
        )
    version = str(said.get("fhirVersion", ""))
    if not version.startswith(release.version.rpartition(".")[0]):
        needed = f"{release.name} ({release.version}) is needed"
        raise StoreRefused(f"{transport.base} speaks FHIR {version or 'of no version'}; {needed}")
    rest: dict[str, Any] = next(
        (part for part in _objects(said.get("rest")) if part.get("mode") == "server"), {}
    )
    types = {}
    for part in _objects(rest.get("resource")):
        if str(part.get("type")) in release.resource_types:
            types[part["type"]] = TypeCapability(
                interactions=_names(part.get("interaction"), "code"),
                search=_names(part.get("searchParam"), "name"),
                operations=_names(part.get("operation"), "name"),
                update_create=part.get("updateCreate"),
                conditional_create=part.get("conditionalCreate") is True,
                conditional_update=part.get("conditionalUpdate") is True,
            )
    software = next(_objects([said.get("software")]), {})
    security = next(_objects([rest.get("security")]), {})
    services = [
        str(coding.get("code", ""))
        for service in _objects(security.get("service"))
        for coding in _objects(service.get("coding") or [{"code": service.get("text", "")}])
    ]
    return Capability(
        software=f"{software.get('name', 'unnamed')} {software.get('version', '')}".strip(),
        release=release,
        fhir_version=version,
        interactions=_names(rest.get("interaction"), "code"),
        operations=_names(rest.get("operation"), "name"),
        types=types,
        security=tuple(service for service in services if service),
        conformance=tuple(map(str, _listed(said.get("instantiates")))),
    )

"""What is known of kinds of FHIR servers (``mappings/servers/*.yaml``), and which kind a server is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fhir_blina.errors import Finding, StoreRefused, problem
from fhir_blina.files import check_schema, mappings_folder, read_yaml, schema
from fhir_blina.http import Pace
from fhir_blina.store.rest.capability import Capability


@dataclass(frozen=True)
class Fact:
    """One thing that is known of a kind of server.

    Attributes:
        value: What holds.
        source: Where it is from.
        date: Year and month in which it was read or tried.
        word: ``tried`` by this project's tests, the ``maker``'s word, or a ``third party``'s.
        note: What else is to be known of it.
    """

    value: Any
    source: str
    date: str
    word: str
    note: str = ""


@dataclass(frozen=True)
class Profile:
    """A kind of server.

    Attributes:
        name: For example ``Medplum``.
        facts: By their names in ``mappings/schemas/server.schema.json``.
        software: Parts of the software's name by which it is recognised, in small letters.
        hosts: Ends of the host by which it is recognised.
    """

    name: str
    facts: Mapping[str, Fact]
    software: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    def value(self, fact: str) -> Any:
        """The value of a fact; None where nothing is known."""
        found = self.facts.get(fact)
        return found.value if found else None

    @property
    def takes_ids(self) -> bool | None:
        """Whether it creates under ids of ours; None where nothing is known."""
        said = self.value("ids")
        return None if said is None else said == "client"

    def corrected(self, capability: Capability) -> Capability:
        """What the server says it can do, but for transactions where they are known to be done as batches."""
        if self.value("bundle") != "batch":
            return capability
        ways = capability.interactions - {"transaction"} | {"batch"}
        return replace(capability, interactions=ways)

    def pace(self, size: int, workers: int) -> Pace:
        """A pace within its limits."""
        most = self.value("bundle_bytes")
        entries = min(size, self.value("entries") or size)
        return Pace(entries, workers, **({"characters": most} if most else {}))

    def refuse_writes(self) -> None:
        """Refuse what cannot end well before anything is written.

        Raises:
            StoreRefused: a cohort cannot be written to such a server.
        """
        if self.value("writes") is False:
            fact = self.facts["writes"]
            raise StoreRefused(
                f"{self.name} can be read only: {fact.note or 'it takes no writes'} ({fact.source}, "
                f"{fact.date}). Push to another server, and pull from this one"
            )

    def expected(self, writes: int) -> str:
        """How long so many writes take at least, in a sentence."""
        if not self.name:
            return "the server is none of those known; no rate limit is known, it is learnt from the answers"
        limit = self.value("writes_a_minute")
        if not limit:
            return f"{self.name}: no rate limit of writes is known; it is learnt from the answers"
        fact, seconds = self.facts["writes_a_minute"], -(-writes * 60 // limit)
        lasts = f"{seconds} s" if seconds < 120 else f"{-(-seconds // 60)} min"
        return (
            f"{self.name}: {writes:,} writes take {lasts} or more at {limit:,} a minute "
            f"({fact.source}, {fact.date})"
        )


UNKNOWN = Profile("", {})
"""A server of no known kind."""


def read_profile(path: Path) -> Profile:
    """One file of ``mappings/servers/``.

    Raises:
        StoreRefused: not as ``mappings/schemas/server.schema.json`` says; every problem with its line.
    """
    findings: list[Finding] = []
    documents = read_yaml(path, findings)
    if not findings and len(documents) != 1:
        findings.append(problem(f"{path}:1", f"{len(documents)} YAML documents where one is expected"))
    if findings or not check_schema(documents[0], schema("server"), findings):
        raise StoreRefused(findings)
    data = documents[0].data
    return Profile(
        data["name"],
        {name: Fact(**fact) for name, fact in data["facts"].items()},
        tuple(data.get("software", ())),
        tuple(data.get("hosts", ())),
    )


@lru_cache(maxsize=1)
def known_profiles() -> tuple[Profile, ...]:
    """Every kind of server that is known, in the order of their files."""
    return tuple(map(read_profile, sorted((mappings_folder() / "servers").glob("*.yaml"))))


def recognised(base: str, software: str) -> Profile:
    """The kind of a server, by the host of its address, else by what it calls itself.

    Args:
        base: Base URL.
        software: Name and version of the CapabilityStatement's software.
    """
    host, said = (urlsplit(base).hostname or "").lower(), software.lower()
    for profile in known_profiles():
        if any(host == end or host.endswith(f".{end}") for end in profile.hosts):
            return profile
    words = said.replace("-", " ").split()
    found = (one for one in known_profiles() if any(part in words for part in one.software))
    return next(found, UNKNOWN)

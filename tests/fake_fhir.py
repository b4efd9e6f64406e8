"""A FHIR server in memory, for the answers that a real one does not give on demand.

It does what HAPI was seen to do: identical PUTs keep the version, a stored tag stays, a reference to nothing
is refused, a transaction is whole or absent, a search by an unknown parameter is refused. Each trait can be
switched off. It shares no code with the product, so that a mistake in reading JSON, in walking references or in
a search does not stand on both sides and cancel out.
"""

from __future__ import annotations

import copy
import json
import re
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import httpx

from tests.exact_json import dumps, loads, targets

BASE = "http://fake.test/fhir"
# What the server stores unless it is said otherwise: it is asked for each type again and again.
FEW_TYPES = frozenset(
    {
        *{"AdverseEvent", "Condition", "Group", "MedicationAdministration", "Observation", "Patient"},
        *{"Procedure", "ResearchStudy", "ResearchSubject", "Specimen"},
        *{"CodeSystem", "SearchParameter", "StructureDefinition", "ValueSet"},
    }
)
# Parameters that say how an answer looks, not what is in it.
HOW = frozenset({"_count", "_summary", "_format", "_pretty", "_total"})
EXPORT_PARAMETERS = frozenset({"_outputFormat", "_type", "_typeFilter", "_since"})


class Refused(Exception):  # noqa: N818
    """An answer other than success."""

    def __init__(self, status: int, text: str = "") -> None:
        super().__init__(text)
        self.status, self.text = status, text


@dataclass
class FakeFhir:
    """The server: ``client()`` is what a store talks through."""

    bundle: str = "transaction"
    client_ids: bool = True
    announces_ids: bool | None = None
    conditional: bool = True
    exports: bool = True
    counts: bool = True
    ignores_tag: bool = False
    lenient: bool = False
    most_entries: int = 0
    software: str = "Fake"
    fhir_version: str = "4.0.1"
    posts_searches: bool = True
    writes_a_minute: int = 0
    transactions_are_batches: bool = False
    keeps_urns: bool = False
    refuses_ids_with: int = 405
    heeds_strict: bool = False
    most_bytes: int = 0
    taken: int = 0
    minute: datetime | None = None
    page: int = 200
    types: Collection[str] = FEW_TYPES
    host: str = BASE
    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)
    faults: list[Any] = field(default_factory=list)
    pages: dict[str, tuple[str, list[str], int]] = field(default_factory=dict)
    polls: int = 0
    ahead: timedelta = timedelta()
    exported: list[str] | None = None
    export_time: str = ""
    strict: bool = False
    _next_id: int = 1000
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self.handle))

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def passes(self, seconds: float) -> None:
        """Let time pass on the server's clock."""
        self.ahead += timedelta(seconds=seconds)

    def instant(self) -> str:
        return self.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def versions(self) -> set[str]:
        return {resource["meta"]["versionId"] for resource in self.held.values()}

    def sent(self, method: str, ending: str = "") -> list[httpx.Request]:
        return [one for one in self.requests if one.method == method and one.url.path.endswith(ending)]

    def handle(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests.append(request)
            for fault in list(self.faults):
                answer = fault(self, request)
                if answer is not None:
                    return answer
            date = {"date": format_datetime(self.now(), usegmt=True)}
            try:
                status, body, headers = self.answer(request)
                date |= self.limit()
            except Refused as refused:
                date |= self.limit()
                return httpx.Response(refused.status, json=outcome(refused.text), headers=date)
            if isinstance(body, bytes):
                return httpx.Response(status, content=body, headers=date | headers)
            return httpx.Response(
                status,
                content=dumps(body).encode() if body is not None else b"",
                headers=date | {"content-type": "application/fhir+json"} | headers,
            )

    def answer(self, request: httpx.Request) -> tuple[int, Any, dict[str, str]]:
        path = request.url.path.removeprefix("/fhir").strip("/")
        self.strict = self.heeds_strict and request.headers.get("prefer") == "handling=strict"
        if self.most_bytes and len(request.content) > self.most_bytes:
            raise Refused(413, "Content Too Large")
        params = parse_qsl(request.url.query.decode())
        text = request.content.decode()
        if path.endswith("_search") and not self.posts_searches:
            raise Refused(404, "no POST _search here")
        if path.endswith("_search"):
            return 200, self.search(path.split("/")[0], parse_qsl(text)), {}
        if path == "metadata":
            return 200, self.metadata(), {}
        if path == "" and request.method == "POST":
            return 200, self.take_bundle(loads(text)), {}
        if path == "" and "_getpages" in dict(params):
            return 200, self.next_page(dict(params)["_getpages"]), {}
        if path == "$export" or path.startswith(("export-status", "Binary/out")):
            return self.export(request, path, dict(params))
        body = loads(text) if text else None
        if path.endswith("$validate"):
            return (
                200,
                outcome("warning here") | {"issue": [{"severity": "warning", "diagnostics": "seen"}]},
                {},
            )
        if path.endswith("$meta-delete"):
            return 200, self.drop_labels(path.removesuffix("/$meta-delete"), body), {}
        if request.method == "GET" and "/" not in path:
            return 200, self.search(path, params), {}
        status, resource = self.one(
            request.method, path, params, body, request.headers.get("if-none-exist", ""), self.held
        )
        if resource is None:
            return status, None, {}
        key = f"{resource['resourceType']}/{resource['id']}"
        version = resource["meta"]["versionId"]
        where = {"location": f"{self.host}/{key}/_history/{version}", "etag": f'W/"{version}"'}
        return status, resource if request.method == "GET" else None, where

    def limit(self) -> dict[str, str]:
        """The header that tells what is left of a minute's writes (draft-ietf-httpapi-ratelimit-headers)."""
        if not self.writes_a_minute or self.minute is None:
            return {}
        until = 60 - (self.now() - self.minute).total_seconds()
        return {"ratelimit": f'"writes";r={self.writes_a_minute - self.taken};t={max(1, round(until))}'}

    def count_a_write(self) -> None:
        if not self.writes_a_minute:
            return
        if self.minute is None or self.now() - self.minute >= timedelta(seconds=60):
            self.minute, self.taken = self.now(), 0
        if self.taken >= self.writes_a_minute:
            raise Refused(429, "Too Many Requests")
        self.taken += 1

    def metadata(self) -> dict[str, Any]:
        return {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": self.instant(),
            "kind": "instance",
            "format": ["application/fhir+json"],
            "fhirVersion": self.fhir_version,
            "software": {"name": self.software, "version": "1"},
            "rest": [
                {
                    "mode": "server",
                    "interaction": [{"code": self.bundle}] if self.bundle else [],
                    "operation": [{"name": "export"}] if self.exports else [],
                    "resource": [
                        {
                            "type": kind,
                            "interaction": [{"code": code} for code in ("read", "search-type", "delete")],
                            "updateCreate": self.client_ids
                            if self.announces_ids is None
                            else self.announces_ids,
                            "conditionalCreate": self.conditional,
                            "conditionalUpdate": self.conditional,
                            "searchParam": [
                                {"name": name, "type": of} for name, of in searchable(kind).items()
                            ],
                            "operation": [{"name": "validate"}, {"name": "$meta-delete"}],
                        }
                        for kind in sorted(self.types)
                    ],
                }
            ],
        }

    def one(self, method, path, params, body, if_none_exist, held):
        """One interaction on one resource: ``(status, resource)``."""
        kind, _, name = path.partition("/")
        key = path
        if method == "GET":
            if key not in held:
                raise Refused(404)
            return 200, held[key]
        if method == "DELETE":
            if key not in held:
                return 204, None
            others = [k for k, r in held.items() if k != key and key in targets(r)]
            if others:
                raise Refused(409, "HAPI-0550: Unable to delete, it is referred to")
            del held[key]
            return 204, None
        self.refuse_strange(body, held)
        condition = dict(params).get("identifier") or dict(parse_qsl(if_none_exist)).get("identifier")
        if condition:
            system, value = condition.split("|")
            matches = [
                k for k, r in held.items() if k.startswith(f"{kind}/") and identified(r, system, value)
            ]
            if len(matches) > 1:
                raise Refused(412, "HAPI-0958: multiple matches")
            if matches and method == "POST":
                return 200, held[matches[0]]
            key = matches[0] if matches else ""
        elif method == "POST":
            key = ""
        elif name and key not in held and not self.client_ids:
            raise (
                Refused(404, "HAPI-0959: not allowed to create by a client's id")
                if self.announces_ids
                else Refused(self.refuses_ids_with, "no ids of the client's")
            )
        elif re.fullmatch(r"\d+", name) and self.client_ids:
            raise Refused(400, "HAPI-0960: needs a non-digit character")
        if not key:
            self._next_id += 1
            key = f"{kind}/{self._next_id}"
        return self.put(key, body, held)

    def put(self, key, body, held):
        before = held.get(key)
        fresh = body | {"id": key.split("/")[1]}
        meta = dict(fresh.get("meta") or {})
        tags = list(meta.get("tag") or [])
        if before:
            tags += [tag for tag in before["meta"].get("tag", []) if tag not in tags]
        if tags:
            meta["tag"] = tags
        if before:
            old = {k: v for k, v in before["meta"].items() if k not in ("versionId", "lastUpdated", "source")}
            if dumps(before | {"meta": old}) == dumps(fresh | {"meta": meta}):
                return 200, before
        version = int(before["meta"]["versionId"]) + 1 if before else 1
        stamp = {"versionId": str(version), "lastUpdated": self.instant(), "source": "#x"}
        fresh["meta"] = meta | stamp
        held[key] = fresh
        return (200 if before else 201), fresh

    def drop_labels(self, key, body):
        gone = body["parameter"][0]["valueMeta"]
        for part, labels in gone.items():
            meta = self.held[key]["meta"]
            meta[part] = [one for one in meta.get(part, []) if one not in labels]
        return body

    def take_bundle(self, bundle):
        kind = bundle["type"]
        if (kind != "batch" and kind != self.bundle) or not self.bundle:
            raise Refused(400, "no such bundles here")
        if self.most_entries and len(bundle["entry"]) > self.most_entries:
            raise Refused(400, f"a bundle holds {self.most_entries} entries at most")
        if kind == "transaction" and not self.keeps_urns:
            bundle = self.replaced(bundle)
        held = copy.copy(self.held)
        entries = sorted(
            enumerate(bundle["entry"]), key=lambda pair: pair[1]["request"]["method"] != "DELETE"
        )
        answers: dict[int, Any] = {}
        awaited: set[str] = set()
        if kind == "transaction":
            asked = [entry["request"] for entry in bundle["entry"]]
            keys = [one["url"] for one in asked if one["method"] != "POST"]
            if len(set(keys)) < len(keys):
                raise Refused(400, "HAPI-0535: the same id twice")
            for entry in bundle["entry"]:  # what the transaction itself brings can be referred to
                if entry["request"]["method"] == "PUT" and "?" not in entry["request"]["url"]:
                    held.setdefault(entry["request"]["url"], None)
                    awaited.add(entry["request"]["url"])
            for entry in bundle["entry"]:
                if entry["request"]["method"] == "DELETE":
                    held[entry["request"]["url"]] = {"resourceType": "x", "meta": {}}
        there = {key.split("/", 1)[0] for key in held}
        for position, entry in entries:
            url = urlsplit(entry["request"]["url"])
            params = parse_qsl(url.query)
            method = entry["request"]["method"]
            try:
                if method == "GET":
                    reads = "/" in url.path
                    body = (
                        self.one("GET", url.path, [], None, "", held)[1]
                        if reads
                        else self.search(url.path, params, there)
                    )
                    answers[position] = {"resource": body, "response": {"status": "200"}}
                    continue
                if kind == "transaction" and held.get(url.path, 0) is None:
                    del held[url.path]
                self.count_a_write()
                view = Overlay(held, awaited)
                if entry.get("given"):
                    self.refuse_strange(entry["resource"], view)
                    answers[position] = self.answered(*self.put(url.path, entry["resource"], view))
                    continue
                status, resource = self.one(
                    method,
                    url.path,
                    params,
                    entry.get("resource"),
                    entry["request"].get("ifNoneExist", ""),
                    view,
                )
            except Refused as refused:
                if kind == "transaction" and not self.transactions_are_batches:
                    raise
                answers[position] = {
                    "response": {"status": str(refused.status), "outcome": outcome(refused.text)}
                }
                continue
            answers[position] = self.answered(status, resource)
        self.held = {k: v for k, v in held.items() if v is not None}
        return {
            "resourceType": "Bundle",
            "type": f"{kind}-response",
            "entry": [answers[position] for position in sorted(answers)],
        }

    @staticmethod
    def answered(status, resource):
        """The entry of an answer."""
        where = {}
        if resource is not None:
            version = resource["meta"]["versionId"]
            where = {
                "location": f"{resource['resourceType']}/{resource['id']}/_history/{version}",
                "etag": f'W/"{version}"',
            }
        return {"response": {"status": f"{status} x"} | where}

    @staticmethod
    def refuse_strange(body, held):
        """Refuse a reference to what is not there."""
        for target in targets(body):
            if target not in held:
                raise Refused(400, f"HAPI-1094: Resource {target} not found")

    def replaced(self, bundle):
        """A transaction with its ``urn:uuid`` replaced by the ids that the server gives (R4, http.html#trules).

        What a conditional create finds is what is there.
        """
        names = {}
        entries = copy.deepcopy(bundle["entry"])
        for entry in entries:
            url = entry.get("fullUrl", "")
            if not url.startswith("urn:uuid:"):
                continue
            request = entry["request"]
            kind, _, query = request["url"].partition("?")
            wanted = dict(parse_qsl(request.get("ifNoneExist", query))).get("identifier")
            there = [
                key
                for key, one in self.held.items()
                if wanted and key.startswith(f"{kind}/") and identified(one, *wanted.split("|"))
            ]
            if there:
                names[url] = there[0]
                continue
            self._next_id += 1
            names[url] = f"{kind}/{self._next_id}"
            entry["request"] = {"method": "PUT", "url": names[url]}
            entry["resource"]["id"] = names[url].split("/")[1]
            entry["given"] = True
        text = dumps(entries)
        for url, key in names.items():
            text = text.replace(f'"reference":"{url}"', f'"reference":"{key}"')
        return bundle | {"entry": loads(text)}

    def matches(self, kind, params):
        """The keys that a search finds."""
        keys = sorted(key for key in self.held if key.startswith(f"{kind}/"))
        for name, value in params:
            if name in HOW or (name == "_tag" and self.ignores_tag):
                continue
            if name not in searchable(kind):
                if self.lenient and not self.strict:
                    continue
                raise Refused(400, f'HAPI-0524: Unknown search parameter "{name}" for resource type "{kind}"')
            keys = [key for key in keys if found_by(self.held[key], name, value)]
        return keys

    def search(self, kind, params, there=None):
        if kind not in self.types:
            raise Refused(404, f"HAPI-0302: Unknown resource type '{kind}'")
        keys = self.matches(kind, params)
        if there is not None and kind not in there:
            keys = []
        wanted = dict(params)
        if wanted.get("_summary") == "count":
            return self.searchset(self.address(kind, params)) | ({"total": len(keys)} if self.counts else {})
        size = min(int(wanted.get("_count", 20)), self.page)
        token = f"p{len(self.pages)}"
        self.pages[token] = (kind, keys, size)
        bundle = self.page_of(token, 0)
        for link in bundle["link"]:
            if link["relation"] == "self":
                link["url"] = self.address(kind, params)
        return bundle

    def address(self, kind: str, params: Sequence[tuple[str, str]]) -> str:
        """The address of a search by what of it was used."""
        params = [(name, value) for name, value in params if name in searchable(kind) or name in HOW]
        return f"{self.host}/{kind}".rstrip("/") + (f"?{urlencode(params)}" if params else "")

    def searchset(self, address: str) -> dict[str, Any]:
        """A Bundle of search results, but for the results."""
        return {
            "resourceType": "Bundle",
            "type": "searchset",
            "meta": {"lastUpdated": self.instant()},
            "link": [{"relation": "self", "url": address}],
        }

    def page_of(self, token, start):
        _, keys, size = self.pages[token]
        bundle = self.searchset(f"{self.host}?_getpages={token}-{start}")
        if self.counts:
            bundle["total"] = len(keys)
        bundle["entry"] = [
            {"fullUrl": f"{self.host}/{key}", "resource": self.held[key], "search": {"mode": "match"}}
            for key in keys[start : start + size]
        ]
        if start + size < len(keys):
            bundle["link"].append(
                {"relation": "next", "url": f"{self.host}?_getpages={token}-{start + size}"}
            )
        return bundle

    def next_page(self, token):
        name, start = token.split("-")
        if name not in self.pages:
            raise Refused(410, "HAPI-0417: expired")
        return self.page_of(name, int(start))

    def export(self, request, path, params):
        if path == "$export":
            if request.headers.get("prefer") != "respond-async":
                raise Refused(400, "HAPI-0513: Must request async processing")
            if not self.lenient and (unknown := sorted(set(params) - EXPORT_PARAMETERS)):
                raise Refused(400, f"$export knows no {', '.join(unknown)}")
            self.exported = self.chosen(params)
            self.export_time = self.instant()
            return 202, None, {"content-location": f"{self.host}/export-status?_jobId=1"}
        if path.startswith("export-status"):
            if request.method == "DELETE":
                return 202, None, {}
            self.polls += 1
            if self.polls % 2:
                return 202, None, {"retry-after": "120"}
            manifest = {
                "transactionTime": self.export_time,
                "request": f"{self.host}/$export",
                "requiresAccessToken": True,
                "output": [
                    {"type": kind, "url": f"{self.host}/Binary/out-{kind}"}
                    for kind in sorted({key.split("/")[0] for key in self.exported or ()})
                ],
                "error": [],
            }
            return 200, manifest, {}
        kind = path.split("out-")[1]
        keys = sorted(self.held) if self.exported is None else self.exported
        lines = [dumps(self.held[key]) for key in keys if key.startswith(f"{kind}/")]
        return 200, ("\n".join(lines) + "\n").encode(), {"content-type": "application/fhir+ndjson"}

    def chosen(self, params: dict[str, str]) -> list[str]:
        """The keys that an export holds: ``_type``, then ``_typeFilter`` (any of a type's), then ``_since``."""
        kinds = params["_type"].split(",") if "_type" in params else sorted(self.types)
        filters: dict[str, list[list[tuple[str, str]]]] = {}
        for one in filter(None, params.get("_typeFilter", "").split(",")):
            kind, _, query = one.partition("?")
            filters.setdefault(kind, []).append(parse_qsl(query))
        keys = {
            key for kind in kinds for query in filters.get(kind, [[]]) for key in self.matches(kind, query)
        }
        since = params.get("_since")
        return sorted(
            key for key in keys if not since or found_by(self.held[key], "_lastUpdated", f"gt{since}")
        )


def searchable(kind: str) -> dict[str, str]:
    """The search parameters of a type, and their types."""
    names = {"_id": "token", "_tag": "token", "_lastUpdated": "date"}
    if kind != "AdverseEvent":
        names["identifier"] = "token"
    if kind == "Patient":
        names["gender"] = "token"
    return names


def found_by(resource: dict[str, Any], name: str, value: str) -> bool:
    """Whether a search by one parameter finds a resource."""
    if name == "_lastUpdated":
        prefix, asked = (value[:2], value[2:]) if value[:1].isalpha() else ("eq", value)
        was, then = moment(resource["meta"]["lastUpdated"]), moment(asked)
        return {"eq": was == then, "gt": was > then, "ge": was >= then, "lt": was < then, "le": was <= then}[
            prefix
        ]
    return any(has_token(resource, name, one) for one in value.split(","))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def has_token(resource: dict[str, Any], name: str, value: str) -> bool:
    """One token of a search: ``code``, or ``system|code``."""
    if name in {"_id", "gender"}:
        return resource.get(name.removeprefix("_")) == value
    system, bar, code = value.rpartition("|")
    if name == "identifier":
        return bool(bar) and identified(resource, system, code)
    return any(
        tag.get("code") == code and (not bar or tag.get("system", "") == system)
        for tag in resource["meta"].get("tag", [])
    )


class Overlay(dict):
    """What is held, and what the same transaction will bring."""

    def __init__(self, held, waiting):
        super().__init__()
        self._held, self._waiting = held, waiting

    def __contains__(self, key):
        return self._held.get(key) is not None or key in self._waiting

    def __getitem__(self, key):
        return self._held[key]

    def __setitem__(self, key, value):
        self._held[key] = value

    def __delitem__(self, key):
        del self._held[key]

    def get(self, key, default=None):
        return self._held.get(key, default)

    def items(self):
        return [
            (key, value)
            for key, value in self._held.items()
            if value and "resourceType" in value and value["resourceType"] != "x"
        ]


def identified(resource, system, value):
    held = resource.get("identifier")
    return any(
        one.get("system") == unquote(system) and one.get("value") == unquote(value)
        for one in (held if isinstance(held, list) else [held] if held else [])
    )


def outcome(text):
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "processing", "diagnostics": text}],
    }


# By the makers' documented rules, see mappings/servers; rate limits are in test_entries.py, where no clock is
# waited for.
SANDBOXES = {
    "medplum": {
        "software": "medplum",
        "client_ids": False,
        "refuses_ids_with": 400,
        "transactions_are_batches": True,
        "most_entries": 50,
        "most_bytes": 50 * 2**20,
        "exports": False,
    },
    "google": {"software": "google", "most_entries": 4500, "most_bytes": 50 * 2**20},
    "google, its ids": {"software": "google", "client_ids": False, "most_entries": 4500},
    "azure": {
        "software": "microsoft",
        "most_entries": 500,
        "most_bytes": 30 * 2**20,
        "lenient": True,
        "heeds_strict": True,
    },
    "healthlake": {"software": "healthlake", "most_entries": 160},
}

COHORT = "https://fhir-blina.example/CodeSystem/cohort"
KEY = "https://fhir-blina.example/NamingSystem/resource-key"


def resource(kind: str, name: str, cohort: str = "tiny", **more: Any) -> dict[str, Any]:
    """A resource with the cohort's tag and our identifier."""
    identifier: Any = {"system": KEY, "value": name}
    return {
        "resourceType": kind,
        "id": name,
        "meta": {"tag": [{"system": COHORT, "code": cohort}]},
        "identifier": identifier if kind == "AdverseEvent" else [identifier],
        **more,
    }


def ward(patients: int = 3, cohort: str = "tiny") -> list[dict[str, Any]]:
    """A small cohort in an order that no server takes: what refers comes first."""
    text = {"text": "x"}
    names = [f"{cohort}-P{number}" for number in range(1, patients + 1)]
    result = [
        resource(
            "Observation",
            f"{cohort}-all-rate",
            cohort,
            status="final",
            code=text,
            subject={"reference": f"Group/{cohort}-all"},
        ),
        resource(
            "Group",
            f"{cohort}-all",
            cohort,
            type="person",
            actual=True,
            member=[{"entity": {"reference": f"Patient/{name}"}} for name in names],
        ),
    ]
    for number, name in enumerate(names):
        subject = {"reference": f"Patient/{name}"}
        result += [
            resource(
                "AdverseEvent",
                f"{name}-crs",
                cohort,
                actuality="actual",
                subject=subject,
                study=[{"reference": f"ResearchStudy/{cohort}-study"}],
            ),
            resource(
                "Observation",
                f"{name}-blasts",
                cohort,
                status="final",
                code=text,
                subject=subject,
                specimen={"reference": f"Specimen/{name}-marrow"},
                valueQuantity={
                    "value": Decimal("14.00") + number,
                    "unit": "%",
                    "system": "http://unitsofmeasure.org",
                    "code": "%",
                },
            ),
            resource("Specimen", f"{name}-marrow", cohort, subject=subject),
            resource("Patient", name, cohort, gender="female" if number % 2 else "male"),
        ]
    result.append(resource("ResearchStudy", f"{cohort}-study", cohort, status="completed", title="研究"))
    return result


def kinds_in(folder: Any) -> dict[str, list[dict[str, Any]]]:
    """The lines of a store folder."""
    return {
        path.stem: [json.loads(line) for line in path.read_text().splitlines()]
        for path in sorted(folder.glob("*.ndjson"))
    }

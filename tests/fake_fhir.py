"""A FHIR server in memory, for the answers that a real one does not give on demand.

It does what HAPI was seen to do: identical PUTs keep the version, a stored tag stays, a reference to nothing
is refused, a transaction is whole or absent. Each trait can be switched off.
"""

from __future__ import annotations

import copy
import json
import re
import threading
from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx

from fhir_blina.files.json import dumps, loads, references_in
from fhir_blina.store.rest.doctor import USED_TYPES

BASE = "http://fake.test/fhir"
# What the server stores unless it is said otherwise: it is asked for each type again and again.
FEW_TYPES = frozenset([*USED_TYPES, "CodeSystem", "SearchParameter", "StructureDefinition", "ValueSet"])


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
    conditional: bool = True
    exports: bool = True
    counts: bool = True
    ignores_tag: bool = False
    page: int = 200
    types: Collection[str] = FEW_TYPES
    host: str = BASE
    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)
    faults: list[Any] = field(default_factory=list)
    pages: dict[str, tuple[str, list[str], int]] = field(default_factory=dict)
    polls: int = 0
    _next_id: int = 1000
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self.handle))

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
            try:
                status, body, headers = self.answer(request)
            except Refused as refused:
                return httpx.Response(refused.status, json=outcome(refused.text))
            if isinstance(body, bytes):
                return httpx.Response(status, content=body, headers=headers)
            return httpx.Response(
                status,
                content=dumps(body).encode() if body is not None else b"",
                headers={"content-type": "application/fhir+json"} | headers,
            )

    def answer(self, request: httpx.Request) -> tuple[int, Any, dict[str, str]]:
        path = request.url.path.removeprefix("/fhir").strip("/")
        params = parse_qsl(request.url.query.decode())
        text = request.content.decode()
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

    def metadata(self) -> dict[str, Any]:
        searchable = ["_id", "_tag", "_lastUpdated", "gender"]
        return {
            "resourceType": "CapabilityStatement",
            "fhirVersion": "4.0.1",
            "software": {"name": "Fake", "version": "1"},
            "rest": [
                {
                    "mode": "server",
                    "interaction": [{"code": self.bundle}] if self.bundle else [],
                    "operation": [{"name": "export"}] if self.exports else [],
                    "resource": [
                        {
                            "type": kind,
                            "interaction": [{"code": code} for code in ("read", "search-type", "delete")],
                            "updateCreate": self.client_ids,
                            "conditionalCreate": self.conditional,
                            "conditionalUpdate": self.conditional,
                            "searchParam": [
                                {"name": name}
                                for name in searchable + (["identifier"] if kind != "AdverseEvent" else [])
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
            others = [
                k for k, r in held.items() if k != key and key in {x["reference"] for x in references_in(r)}
            ]
            if others:
                raise Refused(409, "HAPI-0550: Unable to delete, it is referred to")
            del held[key]
            return 204, None
        for found in references_in(body):
            if found["reference"] not in held:
                raise Refused(400, f"HAPI-1094: Resource {found['reference']} not found")
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
            raise Refused(405, "no ids of the client's")
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
        stamp = {"versionId": str(version), "lastUpdated": "2026-01-01T00:00:00Z", "source": "#x"}
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
        held = copy.copy(self.held)
        entries = sorted(
            enumerate(bundle["entry"]), key=lambda pair: pair[1]["request"]["method"] != "DELETE"
        )
        answers: dict[int, Any] = {}
        awaited: set[str] = set()
        if kind == "transaction":
            keys = [entry["request"]["url"] for entry in bundle["entry"]]
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
                view = Overlay(held, awaited)
                status, resource = self.one(
                    method,
                    url.path,
                    params,
                    entry.get("resource"),
                    entry["request"].get("ifNoneExist", ""),
                    view,
                )
            except Refused as refused:
                if kind == "transaction":
                    raise
                answers[position] = {
                    "response": {"status": str(refused.status), "outcome": outcome(refused.text)}
                }
                continue
            where = {}
            if resource is not None:
                version = resource["meta"]["versionId"]
                where = {
                    "location": f"{resource['resourceType']}/{resource['id']}/_history/{version}",
                    "etag": f'W/"{version}"',
                }
            answers[position] = {"response": {"status": f"{status} x"} | where}
        self.held = {k: v for k, v in held.items() if v is not None}
        return {
            "resourceType": "Bundle",
            "type": f"{kind}-response",
            "entry": [answers[position] for position in sorted(answers)],
        }

    def matches(self, kind, params):
        keys = sorted(key for key in self.held if key.startswith(f"{kind}/"))
        for name, value in params:
            if name == "_tag" and not self.ignores_tag:
                system, code = value.split("|")
                keys = [
                    k
                    for k in keys
                    if any(
                        t["system"] == system and t["code"] == code
                        for t in self.held[k]["meta"].get("tag", [])
                    )
                ]
            elif name == "_id":
                keys = [k for k in keys if k.split("/")[1] in value.split(",")]
            elif name == "gender":
                keys = [k for k in keys if self.held[k].get("gender") == value]
            elif name == "_lastUpdated":
                keys = [k for k in keys if self.held[k]["meta"]["lastUpdated"] > value.removeprefix("gt")]
        return keys

    def search(self, kind, params, there=None):
        keys = self.matches(kind, params) if there is None or kind in there else []
        wanted = dict(params)
        if wanted.get("_summary") == "count":
            return {"resourceType": "Bundle", "type": "searchset"} | (
                {"total": len(keys)} if self.counts else {}
            )
        size = min(int(wanted.get("_count", 20)), self.page)
        token = f"p{len(self.pages)}"
        self.pages[token] = (kind, keys, size)
        return self.page_of(token, 0)

    def page_of(self, token, start):
        _, keys, size = self.pages[token]
        bundle: dict[str, Any] = {
            "resourceType": "Bundle",
            "type": "searchset",
            "entry": [
                {"resource": self.held[key], "search": {"mode": "match"}}
                for key in keys[start : start + size]
            ],
        }
        if start + size < len(keys):
            bundle["link"] = [{"relation": "next", "url": f"{self.host}?_getpages={token}-{start + size}"}]
        return bundle

    def next_page(self, token):
        name, start = token.split("-")
        if name not in self.pages:
            raise Refused(410, "HAPI-0417: expired")
        return self.page_of(name, int(start))

    def export(self, request, path, params):
        if path == "$export":
            self.export_params = params
            return 202, None, {"content-location": f"{self.host}/export-status?_jobId=1"}
        if path.startswith("export-status"):
            if request.method == "DELETE":
                return 202, None, {}
            self.polls += 1
            if self.polls % 2:
                return 202, None, {"retry-after": "120"}
            kinds = self.export_params["_type"].split(",")
            output = [
                {"type": kind, "url": f"{self.host}/Binary/out-{kind}"}
                for kind in kinds
                if any(key.startswith(f"{kind}/") for key in self.held)
            ]
            return 200, {"transactionTime": "x", "output": output, "error": []}, {}
        kind = path.split("out-")[1]
        lines = [dumps(r) for key, r in sorted(self.held.items()) if key.startswith(f"{kind}/")]
        return 200, ("\n".join(lines) + "\n").encode(), {"content-type": "application/fhir+ndjson"}


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

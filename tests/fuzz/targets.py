"""What is fed with inputs that chance made worse, and what may come of it: an answer, or an error of ours.

Each target takes a generator and a folder of its own, and returns quietly. Whatever else it raises is a fault.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from fhir_blina.cohorts import read_cohort
from fhir_blina.errors import ExpressionError, FhirBlinaError, StoreError, ViewError
from fhir_blina.fhirpath import compile_expression
from fhir_blina.files import read_ndjson
from fhir_blina.mapping import map_cohort
from fhir_blina.r4 import R4
from fhir_blina.store import NdjsonFolder, open_store
from fhir_blina.store.rest.doctor import examine
from fhir_blina.store.rest.rest import RestStore
from fhir_blina.views.tables import read_rows, read_view, views_folder
from tests.fake_fhir import BASE, FakeFhir
from tests.fuzz.mutation import worse, worse_bytes, worse_text

TINY = Path(__file__).parents[1] / "cohorts" / "tiny"
PATHS = [
    "name.where(use = 'official').given.first()", "identifier.where(system = 'x').value", "birthDate.toString()",
    "(1 + 2) * 3 div 2", "contact.name.given.join(', ')", "telecom.where($index = 0).value", "active.not()",
    "iif(active, 'a', gender)", "deceased.ofType(boolean)", "birthDate < @2000-01-01 or gender = 'male'",
    "name.given.select($this & 'x').distinct().count()", "id.matches('^[a-z]+$')", "id.replaceMatches('(a)', '$1$1')",
    "extension('http://x').value.ofType(string)", "name.family.upper().substring(1, 2)", "%resource.id | id",
    "meta.tag.exists(code = 'x') implies true", "gender in ('male' | 'female')", "birthDate.lowBoundary()",
]  # fmt: skip


@functools.cache
def resources() -> list[dict[str, Any]]:
    """Resources of the small cohort, plain."""
    mapped = map_cohort(read_cohort(TINY)).resources
    return json.loads(json.dumps(mapped, default=float))


@functools.cache
def definitions() -> list[dict[str, Any]]:
    """ViewDefinitions: ours, and those of the official suite where it is there."""
    found = [json.loads(path.read_text("utf-8")) for path in sorted(views_folder().glob("*.json"))]
    suite = os.environ.get("SQL_ON_FHIR_TESTS")
    for path in sorted(Path(suite).rglob("*.json")) if suite else []:
        cases = json.loads(path.read_text("utf-8"))
        found += [case["view"] for case in cases.get("tests", []) if isinstance(case.get("view"), dict)]
    return found


def _write(folder: Path, given: list[dict[str, Any]]) -> None:
    folder.mkdir(exist_ok=True)
    for kind in {one["resourceType"] for one in given}:
        lines = [json.dumps(one) for one in given if one["resourceType"] == kind]
        (folder / f"{kind}.ndjson").write_text("\n".join(lines) + "\n", "utf-8")


def fhirpath(chance: random.Random, _: Path) -> None:
    """Expressions, over a resource that chance made worse as well."""
    text = worse_text(chance.choice(PATHS), chance)
    resource = chance.choice(resources())
    try:
        expression = compile_expression(text, R4, constants={"resource"})
        expression.evaluate(worse(resource, chance), constants={"resource": resource})
    except ExpressionError:
        return


def views(chance: random.Random, place: Path) -> None:
    """View definitions, on both engines; where both answer, they answer alike."""
    definition = worse(chance.choice(definitions()), chance)
    try:
        view = read_view(definition, source="view", name="v")
    except ViewError:
        return
    kind = view.resource
    given = [one for one in resources() if one["resourceType"] == kind] or [{"resourceType": kind, "id": "x"}]
    _write(place / "in", [one | {"resourceType": kind} for one in given[:5]])
    answers = {}
    for engine in ("python", "duckdb"):
        try:
            answers[engine] = read_rows(place / "in", {view.name: view}, engine=engine)[view.name].rows
        except (ViewError, StoreError):
            continue
    if len(answers) == 2:
        assert answers["python"] == answers["duckdb"], definition


def ndjson(chance: random.Random, place: Path) -> None:
    """Lines of a folder: read, pushed, made tables of."""
    given = resources()[:12]
    _write(place / "in", given)
    path = chance.choice(sorted((place / "in").iterdir()))
    path.write_bytes(worse_bytes(path.read_bytes(), chance))
    with contextlib.suppress(StoreError):
        list(read_ndjson(path))
    with contextlib.suppress(FhirBlinaError):
        store = open_store(place / "store")
        store.push(NdjsonFolder(place / "in"), cohort="tiny", rejects=place / "rejects.ndjson")
    for engine in ("python", "duckdb"):
        with contextlib.suppress(FhirBlinaError):
            read_rows(place / "in", engine=engine)


def manifests(chance: random.Random, place: Path) -> None:
    """The manifest of a store folder, read, pulled from and pushed to."""
    store = open_store(place / "store")
    store.push([dict(one) for one in resources()[:8]], cohort="tiny")
    path = place / "store" / "manifest.json"
    if chance.random() < 0.5:
        path.write_text(json.dumps(worse(json.loads(path.read_text("utf-8")), chance)), "utf-8")
    else:
        path.write_bytes(worse_bytes(path.read_bytes(), chance))
    steps: list[Callable[[], object]] = [
        lambda: open_store(place / "store").pull(place / "out", cohort="tiny"),
        lambda: NdjsonFolder(place / "store"),
        lambda: open_store(place / "store").push([dict(one) for one in resources()[:8]], cohort="tiny"),
    ]
    for step in steps:
        try:
            step()
        except FhirBlinaError:
            continue


def _bad(fake: FakeFhir, chance: random.Random, often: float) -> None:
    def fault(server: FakeFhir, request: httpx.Request) -> httpx.Response | None:
        if chance.random() > often:
            return None
        server.faults.remove(fault)
        try:
            answer = server.handle(request)
        finally:
            server.faults.append(fault)
            server.requests.pop()
        content, headers = answer.content, dict(answer.headers)
        headers.pop("content-length", None)
        how = chance.randrange(4)
        if how == 0:
            content = worse_bytes(content, chance)
        elif how == 1:
            name = chance.choice(
                ["location", "etag", "content-type", "retry-after", "date", "content-location", "ratelimit"]
            )
            headers[name] = (
                worse_text(headers.get(name, "x"), chance).encode("ascii", "ignore").decode().strip() or "x"
            )
            headers = {
                key: "".join(one for one in value if one.isprintable()) for key, value in headers.items()
            }
        elif content and headers.get("content-type", "").endswith("fhir+json"):
            content = json.dumps(worse(json.loads(content), chance)).encode()
        status = chance.choice(
            [answer.status_code] * 6 + [200, 201, 202, 204, 400, 404, 409, 410, 412, 422, 500]
        )
        return httpx.Response(status, content=content, headers=headers)

    fake.faults.append(fault)


def _rest(fake: FakeFhir, **options: Any) -> RestStore:
    return RestStore(BASE, client=fake.client(), sleep=lambda _: None, workers=1, **options)


def answers(chance: random.Random, place: Path) -> None:
    """Answers of a server, to push, pull by search or export, and doctor."""
    fake = FakeFhir(
        bundle=chance.choice(["transaction", "batch", ""]),
        client_ids=chance.random() < 0.7,
        page=chance.choice([2, 200]),
        types=sorted({one["resourceType"] for one in resources()}),
    )
    given = [dict(one) for one in resources()[:10]]
    if chance.random() < 0.5:
        _rest(fake).push(given, cohort="tiny")
    _bad(fake, chance, chance.choice([0.1, 0.5]))
    steps: list[Callable[[], object]] = [
        lambda: _rest(fake).push(given, cohort="tiny", rejects=place / "rejects.ndjson"),
        lambda: _rest(fake, via=chance.choice(["search", "export"])).pull(place / "out", cohort="tiny"),
        lambda: examine(BASE, client=fake.client(), sleep=lambda _: None),
        lambda: _rest(fake).unload("tiny"),
    ]
    for step in steps:
        try:
            step()
        except FhirBlinaError:
            continue


def cohorts(chance: random.Random, place: Path) -> None:
    """Files of a cohort folder."""
    folder = place / "tiny"
    shutil.copytree(TINY, folder)
    path = chance.choice(sorted(one for one in folder.rglob("*") if one.is_file()))
    data = path.read_bytes()
    if chance.random() < 0.5:
        path.write_bytes(worse_bytes(data, chance))
    else:
        path.write_text(worse_text(data.decode(), chance), "utf-8", errors="surrogatepass")
    try:
        map_cohort(read_cohort(folder))
    except FhirBlinaError:
        return


TARGETS = {one.__name__: one for one in (answers, cohorts, fhirpath, manifests, ndjson, views)}

"""A FHIR server filled and read: ours, a bare httpx loop, and the clients that people use.

The server is named by ``BENCHMARK_SERVER``; what is pushed carries the tag of a cohort and is removed after
each contender, outside the clock. A patient has 41 resources. fhirpy and fhirclient write one resource a
request: that is the way of their documentation.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.contenders import Answer, Contender, Task
from benchmarks.push import COHORT, bare, cohort
from benchmarks.views import VIEW
from fhir_blina.files import COHORT_SYSTEM

PER_PATIENT = 41
Resource = dict[str, Any]


def url() -> str:
    """The server of this run."""
    return os.environ["BENCHMARK_SERVER"]


def nothing(folder: Path, resources: int) -> None:
    """How many patients are pushed; each contender makes them itself before the clock starts."""
    (folder / "patients").write_text(str(resources // PER_PATIENT))


def _listed(folder: Path, name: str) -> list[Resource]:
    return list(cohort(int((folder / "patients").read_text()), name))


def pulled_cohort(resources: int) -> str:
    """The tag of what is read."""
    return f"{COHORT}-{resources}"


def filled(folder: Path, resources: int) -> None:
    """The cohort that is read, on the server already."""
    from fhir_blina.store import open_store

    name = pulled_cohort(resources)
    made = list(cohort(resources // PER_PATIENT, name))
    for one in made:
        one["meta"] = {"tag": [{"system": COHORT_SYSTEM, "code": name}]}
    open_store(url()).push(made, cohort=name)
    (folder / "cohort").write_text(name)


def _store(folder: Path) -> Callable[[], Any]:
    from fhir_blina.store import open_store

    made, store = _listed(folder, "ours"), open_store(url())
    return lambda: store.push(made, cohort=COHORT)


def _loop(folder: Path) -> Callable[[], Any]:
    made = _listed(folder, "loop")
    return lambda: bare(url(), made)


def _fhirpy(folder: Path) -> Callable[[], Any]:
    from fhirpy import SyncFHIRClient

    made, client = json.loads(_plain(_listed(folder, "fhirpy"))), SyncFHIRClient(url())

    def work() -> None:
        for one in made:
            client.resource(one["resourceType"], **one).save()

    return work


def _fhirclient(folder: Path) -> Callable[[], Any]:
    from fhirclient.models import observation, patient

    made, server = json.loads(_plain(_listed(folder, "fhirclient"))), _smart_server()
    kinds = {"Patient": patient.Patient, "Observation": observation.Observation}

    def work() -> None:
        for one in made:
            kinds[one["resourceType"]](one).update(server)

    return work


def _smart_server() -> Any:
    from fhirclient import client

    return client.FHIRClient(settings={"app_id": "benchmark", "api_base": url()}).server


def _plain(made: list[Resource]) -> str:
    """As JSON without exact decimals: these clients know floats alone."""
    return json.dumps(made, default=float)


def count(_: Any) -> Answer:
    """How many resources the server holds now; then they go."""
    import httpx

    from fhir_blina.store import open_store

    found = 0
    for kind in ("Patient", "Observation"):
        asked = {"_tag": f"{COHORT_SYSTEM}|{COHORT}", "_summary": "count"}
        answer = httpx.get(
            f"{url()}/{kind}", params=asked, headers={"Cache-Control": "no-cache"}, timeout=300
        )
        found += int(answer.raise_for_status().json()["total"])
    open_store(url()).unload(COHORT)
    return {"resources": found}


def _pull(folder: Path) -> Callable[[], Any]:
    from fhir_blina.store import open_store
    from fhir_blina.views.tables import load_views, read_tables, views_folder

    view = {VIEW: load_views(views_folder())[VIEW]}
    name, store = (folder / "cohort").read_text(), open_store(url())

    def work() -> list[tuple[str, Any]]:
        with tempfile.TemporaryDirectory() as place:
            store.pull(Path(place) / "fhir", cohort=name)
            frame = read_tables(Path(place) / "fhir", view)[VIEW]
            return list(zip(frame["observation_id"], frame["value_quantity"], strict=True))

    return work


def _asked(folder: Path) -> dict[str, str]:
    return {"_tag": f"{COHORT_SYSTEM}|{(folder / 'cohort').read_text()}", "_count": "200"}


def _pull_loop(folder: Path) -> Callable[[], Any]:
    import httpx

    asked = _asked(folder)

    def work() -> list[tuple[str, Any]]:
        rows, following, parameters = [], f"{url()}/Observation", asked
        with httpx.Client(timeout=300, headers={"Cache-Control": "no-cache"}) as client:
            while following:
                page = client.get(following, params=parameters or None).raise_for_status().json()
                rows += [_row(one["resource"]) for one in page.get("entry", ())]
                following = next((one["url"] for one in page["link"] if one["relation"] == "next"), "")
                parameters = {}
        return rows

    return work


def _row(one: Any) -> tuple[str, Any]:
    return one["id"], one["valueQuantity"]["value"]


def _pull_fhirpy(folder: Path) -> Callable[[], Any]:
    from fhirpy import SyncFHIRClient

    asked, client = _asked(folder), SyncFHIRClient(url(), extra_headers={"Cache-Control": "no-cache"})
    return lambda: [_row(one) for one in client.resources("Observation").search(**asked).fetch_all()]


def _pull_fhirclient(folder: Path) -> Callable[[], Any]:
    from fhirclient.models.observation import Observation

    asked, server = _asked(folder), _smart_server()

    def work() -> list[tuple[str, Any]]:
        found = Observation.where(struct=asked).perform_resources_iter(server)
        return [(one.id, one.valueQuantity.value) for one in found]

    return work


def _pull_pyrate(folder: Path) -> Callable[[], Any]:
    from fhir_pyrate import Pirate

    asked, pirate = _asked(folder), Pirate(url(), auth=None)

    def work() -> list[tuple[str, Any]]:
        frame = pirate.steal_bundles_to_dataframe(
            "Observation",
            request_params=asked,
            fhir_paths=[("id", "Observation.id"), ("value", "Observation.valueQuantity.value")],
        )
        return list(zip(frame["id"], frame["value"], strict=True))

    return work


def rows(found: list[tuple[str, Any]]) -> Answer:
    """How many rows came, of how many resources, and the sum of their values."""
    values = [float(value) for _, value in found]
    return {"rows": len(found), "resources": len({name for name, _ in found}), "sum of values": sum(values)}


TASKS = (
    Task(
        "push to a server",
        "resources",
        nothing,
        (
            Contender("fhir-blina", _store),
            Contender("bare httpx loop", _loop, "httpx"),
            Contender("fhirpy", _fhirpy, "fhirpy", 5_000),
            Contender("fhirclient", _fhirclient, "fhirclient", 5_000),
        ),
        count,
        server=True,
    ),
    Task(
        "pull to a table",
        "resources",
        filled,
        (
            Contender("fhir-blina", _pull),
            Contender("bare httpx loop", _pull_loop, "httpx"),
            Contender("fhirpy", _pull_fhirpy, "fhirpy"),
            Contender("fhirclient", _pull_fhirclient, "fhirclient"),
            Contender("FHIR-PYrate", _pull_pyrate, "fhir_pyrate"),
        ),
        rows,
        server=True,
    ),
)

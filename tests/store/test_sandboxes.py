"""The main job on servers that nobody of this project set up: the same numbers, byte for byte, as from a folder."""

from __future__ import annotations

import pytest

from fhir_blina.cli import run
from fhir_blina.cohorts import read_cohort
from fhir_blina.mapping import map_cohort
from fhir_blina.r4 import R4
from fhir_blina.store import open_store
from tests.fake_fhir import SANDBOXES, FakeFhir
from tests.fault_proxy import served

NAME = "cjcp2023"

# Servers in memory, each as strict as a sandbox is said to be.
STRICT = {
    "assigns ids, says so": {"client_ids": False},
    "assigns ids, announces otherwise": {"client_ids": False, "announces_ids": True},
    "assigns ids, no transactions": {"client_ids": False, "bundle": "batch"},
    "assigns ids, single requests": {"client_ids": False, "bundle": ""},
    "single requests": {"bundle": ""},
    "no totals": {"counts": False},
    **SANDBOXES,
}


@pytest.fixture(
    scope="module",
    params=[
        *STRICT,
        "helios",
        pytest.param("hapi server", marks=pytest.mark.hapi),
        pytest.param("hapi with its ids", marks=pytest.mark.hapi),
        pytest.param("hapi with random ids", marks=pytest.mark.hapi),
    ],
)
def sandbox(request):
    if request.param in STRICT:
        with served(FakeFhir(types=R4.resource_types, **STRICT[request.param])) as url:
            yield url
    else:
        yield request.getfixturevalue(request.param.replace(" ", "_"))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_published_cohort_gives_the_same_bytes_and_leaves_nothing(sandbox, published_run, tmp_path):
    done = run(NAME, out=tmp_path, store=sandbox)
    assert not done.round_trip.differences
    names = ["results.json", *(f"tables/{path.name}" for path in (published_run / "tables").glob("*.csv"))]
    assert len(names) > 10
    for name in names:
        assert (tmp_path / name).read_bytes() == (published_run / name).read_bytes(), name
    store = open_store(sandbox)
    again = store.push(map_cohort(read_cohort(NAME)).resources, cohort=NAME, verify="full")
    assert (again.created, again.updated) == ({}, {})
    assert sum(store.unload(NAME).values()) == sum(again.unchanged.values())
    assert store.counts(NAME) == {}

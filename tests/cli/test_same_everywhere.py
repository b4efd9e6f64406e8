"""The same patients in a folder, in HAPI and in Helios, filled by plain requests: the same tables and numbers."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from fhir_blina.cli.parser import main
from fhir_blina.store import open_store
from fhir_blina.views.tables import read_tables

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "example" / "synthea"
SOURCES = ROOT / "tests" / "data" / "sources"
FHIR = {"Content-Type": "application/fhir+json"}
HOSPITAL = "Organization?identifier=https://github.com/synthetichealth/synthea|hospital-1"


@pytest.fixture(scope="module")
def synthea(tmp_path_factory):
    place = tmp_path_factory.mktemp("synthea")
    subprocess.run([sys.executable, EXAMPLE / "make.py", place], check=True)
    return place


def bundles(synthea):
    """The hospital first, to which the others refer."""
    files = sorted(
        (synthea / "fhir").iterdir(), key=lambda path: (path.name != "hospitalInformation.json", path.name)
    )
    return [json.loads(file.read_text("utf-8")) for file in files]


def fill_hapi(url, synthea):
    """As whoever has Synthea's files does it: each Bundle is a transaction, and the server gives the ids."""
    for bundle in bundles(synthea):
        httpx.post(url, json=bundle, headers=FHIR, timeout=120).raise_for_status()


def fill_helios(url, synthea):
    """A request for each resource, under the id that it has; references as they must then be."""
    entries = [entry for bundle in bundles(synthea) for entry in bundle["entry"]]
    keys = {one["fullUrl"]: f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in entries}
    keys[HOSPITAL] = next(key for key in keys.values() if key.startswith("Organization/"))
    with httpx.Client(timeout=60) as client:
        for entry in entries:
            kind, name = entry["resource"]["resourceType"], entry["resource"]["id"]
            text = json.dumps(entry["resource"])
            for asked in {one for one in text.split('"') if one in keys}:
                text = text.replace(f'"{asked}"', f'"{keys[asked]}"')
            client.put(f"{url}/{kind}/{name}", content=text, headers=FHIR).raise_for_status()


def worked_out(store, out, capsys):
    """Tables without ids and without what ids are in, survival times, and each number with its interval."""
    asked = ["--store", str(store), "--endpoints", str(EXAMPLE / "endpoints.yaml"), "--out", str(out)]
    assert main(["analyze", *asked]) == 0
    assert main(["report", *asked]) == 0
    capsys.readouterr()
    tables = {}
    for path in sorted((out / "tables").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = [
                tuple(
                    value for name, value in row.items() if not name.endswith("_id") and name != "reference"
                )
                for row in csv.DictReader(file)
            ]
        tables[path.stem] = sorted(rows)
    results = json.loads((out / "results.json").read_text("utf-8"))
    times = sorted((one["duration_days"], one["event"], one["group"]) for one in results["derivation"])
    keep = ("name", "time_days", "value", "ci_method", "ci_low", "ci_high", "p_value", "n", "events")
    # what is drawn by chance depends on the order of the patients
    numbers = [
        one
        for one in results["records"]
        if not one["name"].endswith((".duration", "_exact", "_exact_scores"))
    ]
    return tables, times, [(one["group"], *(one.get(name) for name in keep)) for one in numbers]


@pytest.fixture
def empty_us_core(empty_helios):
    """A Helios that holds the resources of US Core's shape, and nothing else."""
    with (SOURCES / "us_core" / "us_core.ndjson").open(encoding="utf-8") as file:
        for line in file:
            one = json.loads(line)
            where = f"{empty_helios}/{one['resourceType']}/{one['id']}"
            httpx.put(where, content=line, headers=FHIR, timeout=60).raise_for_status()
    return empty_helios


@pytest.fixture
def filled(request, synthea):
    fill, url = request.param
    where = request.getfixturevalue(url)
    fill(where, synthea)
    return where


def test_what_us_core_asks_for_comes_back_from_a_server_as_it_lay_in_a_file(empty_us_core, tmp_path):
    """Contained drugs, references by identifier and by absolute URL, comparators, partial dates, lists of codings."""
    there = read_tables(open_store(empty_us_core).pull(tmp_path / "pulled").folder)
    here = read_tables(SOURCES / "us_core")
    assert len(here["observations"]) == 3
    for name, frame in here.items():
        assert sorted(frame.to_csv(index=False).splitlines()) == sorted(
            there[name].to_csv(index=False).splitlines()
        ), name


SERVERS = [
    pytest.param((fill_hapi, "empty_hapi"), marks=[pytest.mark.hapi, pytest.mark.timeout(900)], id="hapi"),
    pytest.param((fill_helios, "empty_helios"), marks=pytest.mark.timeout(600), id="helios"),
]


@pytest.mark.parametrize("filled", SERVERS, indirect=True)
def test_a_folder_and_a_server_give_the_same_tables_and_numbers(filled, synthea, tmp_path, capsys):
    here = worked_out(synthea / "fhir", tmp_path / "folder", capsys)
    there = worked_out(filled, tmp_path / "server", capsys)
    for name, rows in here[0].items():
        assert there[0][name] == rows, name
    assert there[1:] == here[1:]
    with (synthea / "truth.csv").open(encoding="utf-8") as file:
        truth = sorted((int(row["days"]), int(row["died"])) for row in csv.DictReader(file))
    assert sorted((days, int(event == "death")) for days, event, _ in there[1]) == truth
    assert sum(died for _, died in truth) == 57

"""The shared views over whole sources: each cell is what a walk by hand finds, and what no cell has is listed."""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from fhir_blina.cli.parser import main
from fhir_blina.store import open_store
from fhir_blina.views.tables import read_tables
from tests.census import element_of, leaves, resources_of, rows_of
from tests.every_element import Every

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "views.md").read_text("utf-8")
LIST = GUIDE.partition("## What no table has\n")[2].partition("\n## ")[0]
PATTERNS = [
    pattern
    for row in re.findall(r"^\| (`.+?) \| .+ \|$", LIST, re.MULTILINE)
    for pattern in re.findall(r"`([^`]+)`", row)
]
FEW = ROOT / "tests" / "data" / "elements_left_out.txt"
VIEWS = [json.loads(path.read_text("utf-8")) for path in sorted((ROOT / "mappings" / "views").glob("*.json"))]
TYPES = sorted({view["resource"] for view in VIEWS})
# Columns that are worked out, with the elements that they are worked out from.
WORKED_OUT = {
    ("observations", "value_kind"): (),
    ("components", "value_kind"): (),
    ("observations", "derived"): (),
    ("patients", "study_subject"): (),
    ("patients", "deceased"): ("Patient.deceasedBoolean",),
    ("patients", "multiple_birth"): ("Patient.multipleBirthBoolean",),
    ("studies", "identifier"): (),
}
SOURCES = (
    "synthea",
    "registry",
    "us_core",
    "ips",
    "every_element",
    pytest.param("hl7", marks=pytest.mark.network),
)


@pytest.fixture(scope="module", params=SOURCES)
def source(request, tmp_path_factory):
    """A folder of one source, and its resources by hand."""
    place = tmp_path_factory.mktemp(request.param)
    if request.param in ("synthea", "registry"):
        script = ROOT / "docs" / "example" / request.param / "make.py"
        subprocess.run([sys.executable, script, place], check=True)
        place /= "fhir"
    elif request.param == "hl7":
        for kind in TYPES:
            shutil.copy(request.getfixturevalue("examples") / f"{kind}.ndjson", place)
    elif request.param == "every_element":
        every = Every()
        lines = [every.resource(kind, number) for kind in TYPES for number in range(every.variants(kind))]
        (place / "all.ndjson").write_text("".join(json.dumps(one) + "\n" for one in lines), "utf-8")
    else:
        place = ROOT / "tests" / "data" / "sources" / request.param
    return place, resources_of(place)


def place_of(resource):
    return f"{resource['resourceType']}/{resource['id']}#"


def by_hand(view, resources):
    """The rows of a view by hand, as leaves behind each cell."""
    return [
        row
        for one in resources
        if one["resourceType"] == view["resource"]
        for row in rows_of({"select": view["select"]}, (place_of(one), one))
    ]


def plain(value):
    return Decimal(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def cells_of(rows, columns):
    def one(row, name):
        values = [value for _, value in row.get(name, [])]
        assert len(values) < 2, f"{name}: several values where one belongs"
        return plain(values[0]) if values else None

    return sorted((tuple(one(row, name) for name in columns) for row in rows), key=repr)


def compare(tables, resources):
    """Hold each cell of the tables to a walk by hand over the resources."""
    for view in VIEWS:
        rows = by_hand(view, resources)
        frame = tables[view["name"]]
        known = [name for name in frame.columns if (view["name"], name) not in WORKED_OUT]
        labels = [name for name in known if name == "element"]
        columns = [name for name in known if name not in labels]
        found = frame[columns].astype(object).where(frame[columns].notna(), None)
        cells = sorted((tuple(map(plain, row)) for row in found.to_numpy().tolist()), key=repr)
        assert len(frame) == len(rows), view["name"]
        assert cells == cells_of(rows, columns), view["name"]
        for name in labels:  # the element of each coding, by the place where it stands
            assert sorted(frame[name]) == sorted(row[name][0][1] for row in rows), view["name"]


@pytest.mark.parametrize("engine", ["duckdb", "python"])
def test_every_cell_is_what_a_walk_by_hand_finds(source, engine):
    folder, resources = source
    compare(read_tables(folder, engine=engine), resources)


def left_out(resources):
    """The elements of which at least one value is in no cell."""
    carried = {
        place
        for view in VIEWS
        for row in by_hand(view, resources)
        for name, cells in row.items()
        for place, _ in cells
        if name != "element"
    }
    worked_out = {element for elements in WORKED_OUT.values() for element in elements}
    types = [one for one in resources if one["resourceType"] in TYPES]
    there = {place: element_of(place) for one in types for place, _ in leaves(place_of(one), one)}
    return {element for place, element in there.items() if place not in carried} - worked_out


def test_what_no_table_has_is_listed_with_a_reason(source):
    unlisted = [
        one for one in left_out(source[1]) if not any(fnmatch.fnmatchcase(one, item) for item in PATTERNS)
    ]
    assert not unlisted


def test_every_line_of_the_list_is_needed_and_the_elements_behind_it_are_known():
    every = Every()
    lines = [every.resource(kind, number) for kind in TYPES for number in range(every.variants(kind))]
    out = left_out(lines)
    always = {"*.text.status", "*.text.div", "*.meta.*", "*.extension.*"}  # of which R4 has everywhere
    assert [
        item
        for item in PATTERNS
        if item not in always and not any(fnmatch.fnmatchcase(one, item) for one in out)
    ] == []
    assert sorted(out) == FEW.read_text("utf-8").splitlines()


FHIR = {"Content-Type": "application/fhir+json"}


def put_by_hand(url, resources):
    """A request for each, again as long as another one is taken: HAPI refuses what refers to what is not there.

    Returns what is refused in the end.
    """
    with httpx.Client(timeout=60) as client:
        left = resources
        while True:
            refused = [
                one
                for one in left
                if client.put(f"{url}/{one['resourceType']}/{one['id']}", json=one, headers=FHIR).is_error
            ]
            if len(refused) in (0, len(left)):
                return refused
            left = refused


def searched_by_hand(url):
    with httpx.Client(timeout=60) as client:
        for kind in TYPES:
            page = client.get(f"{url}/{kind}", params={"_count": "200"}).raise_for_status().json()
            while True:
                yield from (entry["resource"] for entry in page.get("entry", ()))
                more = [link["url"] for link in page["link"] if link["relation"] == "next"]
                if not more:
                    break
                page = client.get(more[0]).raise_for_status().json()


@pytest.mark.hapi
@pytest.mark.network
@pytest.mark.long
@pytest.mark.timeout(900)
def test_hl7s_examples_on_hapi_are_read_whole_and_reported_with_two_commands(
    examples, lenient_hapi, tmp_path, capsys
):
    asked = [
        json.loads(line)
        for kind in TYPES
        for line in (examples / f"{kind}.ndjson").read_text("utf-8").splitlines()
    ]
    refused = put_by_hand(lenient_hapi, asked)
    (tmp_path / "held").mkdir()
    held = "".join(json.dumps(one) + "\n" for one in searched_by_hand(lenient_hapi))
    (tmp_path / "held" / "all.ndjson").write_text(held, "utf-8")
    assert held.count("\n") == len(asked) - len(refused) > 100
    pulled = open_store(lenient_hapi).pull(tmp_path / "pulled").folder
    compare(read_tables(pulled), resources_of(tmp_path / "held"))
    starter, out = tmp_path / "starter.yaml", tmp_path / "out"
    assert main(["explore", lenient_hapi, "--out", str(out), "--suggest", str(starter)]) == 0
    assert main(["report", "--store", lenient_hapi, "--endpoints", str(starter), "--out", str(out)]) == 0
    told = capsys.readouterr()
    assert told.err.count(f"{len(held.splitlines())} resources read") == 2
    assert "rows of a patient who is not there" in told.err  # HL7's examples refer to others than they bring
    assert (out / "report.html").is_file()

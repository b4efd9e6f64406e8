"""``explore``: the page on the terminal and in files, and a starter from it that the next command runs."""

from __future__ import annotations

import json

import httpx
import pytest

from fhir_blina.cli.parser import main
from tests.foreign import FORMS, everything

pytestmark = pytest.mark.long

FHIR = {"Content-Type": "application/fhir+json"}


def test_from_a_folder_to_a_page_and_a_starter_that_the_next_command_runs(tmp_path, capsys):
    theirs, out = FORMS["transactions"](tmp_path / "theirs"), tmp_path / "out"
    starter = tmp_path / "starter.yaml"
    assert main(["explore", str(theirs), "--out", str(out), "--suggest", str(starter)]) == 0
    told = capsys.readouterr()
    assert "5 patients; 5 with a date of birth." in told.out
    assert "Guessed; change what is wrong:" in told.err
    assert "5 Bundles opened" in told.out
    for name in ("explore.html", "explore.md", "explore.json"):
        assert (out / name).stat().st_mode & 0o077 == 0
    types = {one["name"]: one["resources"] for one in json.loads((out / "explore.json").read_text())["types"]}
    assert types == {"Condition": 5, "Encounter": 15, "Observation": 5, "Patient": 5}
    asked = ["--store", str(theirs), "--out", str(out), "--endpoints", str(starter), "--quiet"]
    assert main(["analyze", *asked]) == 0
    assert main(["report", *asked]) == 0


def test_scripts_get_json_and_nothing_else(tmp_path, capsys):
    theirs = FORMS["plain"](tmp_path / "theirs")
    assert (
        main(["explore", str(theirs), "--out", str(tmp_path / "out"), "--json", "--quiet", "--suppress"]) == 0
    )
    known = json.loads(capsys.readouterr().out)
    assert known["suppressed"] == 11
    assert known["subjects"]["patients"] is None
    assert known["codes"] == []


def test_what_cannot_be_read_is_said_on_the_page(tmp_path, capsys):
    theirs = FORMS["parts"](tmp_path / "theirs")
    with (theirs / "Patient.000.ndjson").open("a", encoding="utf-8") as file:
        file.write('{"resourceType": "Patient", "id": \n')
    (theirs / "manifest.json").unlink()
    assert main(["explore", str(theirs), "--out", str(tmp_path / "out")]) == 0
    assert "1 lines or entries could not be read" in capsys.readouterr().out
    assert (tmp_path / "out" / "rejects.ndjson").is_file()


@pytest.mark.parametrize("place", ["helios"])
def test_a_server_is_explored_as_a_folder_is(place, request, tmp_path, capsys):
    url = request.getfixturevalue(f"{place}_by_hand")
    for one in everything():
        httpx.put(f"{url}/{one['resourceType']}/{one['id']}", json=one, headers=FHIR).raise_for_status()
    assert main(["explore", url, "--out", str(tmp_path / "out"), "--json", "--quiet"]) == 0
    known = json.loads(capsys.readouterr().out)
    types = {one["name"]: one["resources"] for one in known["types"]}
    assert types.items() >= {"Condition": 5, "Encounter": 15, "Observation": 5, "Patient": 5}.items()

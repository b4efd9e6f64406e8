"""``check`` finds what is wrong with endpoints, report and claims before anything is pushed."""

from __future__ import annotations

import pytest

from fhir_blina.cli.parser import main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("id,time,dead,hb\nA,5,true,7\nB,6,false,8\nC,9,true,9\n")
    assert main(["new", "mine", "a.csv", "--time", "time", "--event", "dead", "--quiet"]) == 0
    return tmp_path / "mine"


def edited(folder, name, old, new):
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))


def test_a_starter_is_right(folder, capsys):
    assert main(["check", str(folder)]) == 0
    assert main(["check", str(folder), "--quick"]) == 0
    assert capsys.readouterr().err.count("error") == 0


@pytest.mark.parametrize("quick", [[], ["--quick"]])
@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("endpoints.yaml", "censor: last_contact", "censor: last_contacts", "endpoints.yaml:"),
        ("claims.csv", ",result,", ",results,", "claims.csv:2: error: unknown kind"),
        (
            "codes.csv",
            "gender,female",
            "item,hb,loinc,718-8,,\ngender,female",
            "the check digit of LOINC is wrong",
        ),
    ],
)
def test_what_the_files_show_is_told_at_once(name, old, new, message, quick, folder, capsys):
    if name == "codes.csv":
        (folder / name).write_text((folder / name).read_text() + "item,time,loinc,718-8,,\n")
    else:
        edited(folder, name, old, new)
    assert main(["check", str(folder), *quick]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("claims.csv", "subjects.count", "subjects.counts", 'no record "subjects.counts"'),
        (
            "endpoints.yaml",
            "table: observations, where: {code_system",
            "table: observation, where: {code_system",
            "observation",
        ),
    ],
)
def test_what_only_the_tables_show_is_told_before_a_push(name, old, new, message, folder, capsys):
    edited(folder, name, old, new)
    assert main(["check", str(folder)]) == 2
    assert message in capsys.readouterr().err
    assert not (folder.parent / "out").exists()

"""``check`` on good folders and on one bad folder per mistake."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fhir_blina.cli.parser import main
from fhir_blina.mapping.check import check_cohort

COHORTS = Path(__file__).parents[1] / "cohorts"
BAD = sorted(path.name for path in (COHORTS / "bad").iterdir())


def overlay(tiny: Path, mistake: str) -> list[str]:
    """Lay the files of a bad folder over the small cohort; the messages that must come."""
    folder = COHORTS / "bad" / mistake
    shutil.copytree(folder, tiny, dirs_exist_ok=True)
    (tiny / "expected.txt").unlink()
    return (folder / "expected.txt").read_text("utf-8").splitlines()


def test_the_small_cohort_has_no_fault(tiny):
    assert check_cohort(tiny) == []


@pytest.mark.parametrize("blank", ["{{ clerk }}", "{{clerk}}", "{{  clerk\t}}"])
def test_a_blank_of_relative_to_reads_its_column_however_it_is_written(tiny, blank):
    dictionary, manifest = tiny / "dictionary.csv", tiny / "cohort.yaml"
    dictionary.write_text(dictionary.read_text("utf-8").replace(",not about the patient,", ",,"), "utf-8")
    assert any("no template reads column" in one.diagnostics for one in check_cohort(tiny))
    manifest.write_text(manifest.read_text("utf-8").replace("-enrolment", f"-{blank}"), "utf-8")
    assert not any("no template reads column" in one.diagnostics for one in check_cohort(tiny))


@pytest.mark.parametrize("mistake", BAD)
def test_a_mistake_is_named_with_file_line_and_remedy(mistake, tiny, capsys, monkeypatch):
    expected = overlay(tiny, mistake)
    monkeypatch.chdir(tiny.parent)

    assert main(["check", "tiny"]) == 2

    output = capsys.readouterr()
    for message in expected:
        assert message in output.err
    assert "Traceback" not in output.err
    assert output.out == ""


@pytest.mark.parametrize("mistake", BAD)
def test_no_command_writes_anything_from_a_bad_folder(mistake, tiny, tmp_path, monkeypatch, capsys):
    overlay(tiny, mistake)
    monkeypatch.chdir(tiny.parent)
    before = sorted(tmp_path.rglob("*"))

    assert main(["run", "tiny", "--out", "results"]) != 0

    assert sorted(tmp_path.rglob("*")) == before
    assert "Traceback" not in capsys.readouterr().err


def test_no_message_shows_a_cell(tiny, monkeypatch):
    """A word that stands nowhere else goes through every column; no finding repeats it."""
    for path in sorted((tiny / "data").glob("*.csv")):
        text = path.read_text("utf-8")
        header, first, *rest = text.splitlines()
        cells = first.split(",")
        for index in range(len(cells)):
            changed = ["CANARY-7f3" if i == index else cell for i, cell in enumerate(cells)]
            path.write_text("\n".join([header, ",".join(changed), *rest]) + "\n", "utf-8")
            assert all("CANARY" not in str(finding) for finding in check_cohort(tiny)), (path.name, index)
        path.write_text(text, "utf-8")


def test_all_faults_come_at_once(tiny):
    overlay(tiny, "wrong-type")
    overlay(tiny, "unlisted-word")
    overlay(tiny, "unknown-system")
    assert len(check_cohort(tiny)) >= 3


def test_a_folder_that_is_not_there_is_said(capsys):
    assert main(["check", "cjcp2032"]) == 2
    assert 'no cohort "cjcp2032". Did you mean "cjcp2023"?' in capsys.readouterr().err


def test_a_name_that_cannot_begin_an_id_is_refused(tiny):
    renamed = tiny.rename(tiny.parent / "Tiny_1")
    assert "the folder's name is the cohort's name and begins every id" in str(check_cohort(renamed)[0])

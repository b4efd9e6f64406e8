"""The documents say what the code does."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bootstrap
import fhir_blina
from fhir_blina.cli.commands import COMMANDS
from fhir_blina.cli.parser import EXIT_CODES, build_parser, main
from fhir_blina.cohorts.codes import COLUMNS
from fhir_blina.cohorts.dictionary import DICTIONARY_COLUMNS, TYPES
from fhir_blina.cohorts.folder import read_cohort
from fhir_blina.fhirpath.evaluation import BRANCHING, ITERATING, STANDARD_FUNCTIONS
from fhir_blina.mapping.functions import row_functions
from fhir_blina.mapping.template import CONSTANTS
from scripts import modules

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
GUIDE = (ROOT / "mappings" / "README.md").read_text("utf-8")
FOLDERS = [one for one in ROOT.iterdir() if one.is_dir() and one.name[0] != "." and one.name != "out"]
DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / ".github").glob("*.md"),
        *(path for folder in FOLDERS for path in folder.rglob("*.md")),
    ]
)


def subparsers() -> dict[str, argparse.ArgumentParser]:
    action = next(a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(action.choices)


def test_every_command_is_parsed_done_and_described():
    assert set(subparsers()) == set(COMMANDS)
    assert set(re.findall(r"^\| `fhir-blina (\w+)", README, re.MULTILINE)) == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_help_of_a_command_shows_an_example_that_parses(name, capsys):
    text = subparsers()[name].format_help()
    example = re.search(r"^example:\n  fhir-blina (.+)$", text, re.MULTILINE)
    assert example, text
    assert example[1].split()[0] == name
    assert build_parser().parse_args(example[1].split()).command == name
    assert "exit codes:" in text


def test_the_readme_names_the_exit_codes_of_the_errors():
    codes = {
        error.exit_code
        for error in vars(fhir_blina.errors).values()
        if isinstance(error, type) and issubclass(error, fhir_blina.FhirBlinaError)
    }
    for code in codes | {7, 64, 130}:
        assert re.search(rf"\b{code}\b", README[README.index("Exit codes:") :])
        assert re.search(rf"\b{code}\b", EXIT_CODES)


def test_wrong_use_has_its_own_exit_code(capsys):
    with pytest.raises(SystemExit) as end:
        main(["no-such-command"])
    assert end.value.code == 64


def test_the_guide_names_every_column_constant_and_type():
    assert "`" + ",".join(DICTIONARY_COLUMNS) + "`" in GUIDE
    assert "`" + ",".join(COLUMNS) + "`" in GUIDE
    for name in CONSTANTS:
        assert f"%{name}" in GUIDE, name
    for name in TYPES:
        assert f"`{name}`" in GUIDE, name


def test_the_example_of_the_guide_gives_what_it_says(tiny):
    """The first template of the guide, filled from the row printed beside it."""
    template = re.search(r"## A template is the resource\n```yaml\n(.*?)```", GUIDE, re.DOTALL)[1]
    expected = json.loads(re.search(r"this is\n```json\n(.*?)```", GUIDE, re.DOTALL)[1])
    for path in (tiny / "resources").iterdir():
        path.unlink()
    (tiny / "resources" / "patient.yaml").write_text(template)
    (tiny / "data" / "patients.csv").write_text("patient_id,sex,born,died\nP1,male,1961-02-28,2021-05\n")
    dictionary = tiny / "dictionary.csv"
    others = [
        line for line in dictionary.read_text().splitlines() if not re.match("patients,(note|clerk)", line)
    ]
    dates = [f"patients,{name},date,,,,,,," for name in ("born", "died")]
    dictionary.write_text("\n".join([*others, *dates, ""]))
    mapped = fhir_blina.map_cohort(fhir_blina.read_cohort(tiny.rename(tiny.parent / "mycohort")))
    made = {key: value for key, value in mapped.resources[0].items() if key in expected}
    assert made == expected


def named_in_schema(name):
    """Every key that a schema of the language has."""
    found, stack = set(), [json.loads((ROOT / "mappings" / "schemas" / f"{name}.schema.json").read_text())]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            found |= set(node.get("properties", {}))
        stack += node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    return found


def test_the_guide_lists_everything_that_the_language_has():
    section = GUIDE[
        GUIDE.index("## Everything the language has") : GUIDE.index("What it has not, and what to do")
    ]
    rows = {
        row[0]: set(re.findall(r"`(\w+)(?:\(\))?`", row[1]))
        for row in re.findall(r"^\| ([^|]+) \| (.*) \|$", section, re.MULTILINE)
    }
    manifest, table = rows["`cohort.yaml`"], rows["a table"]
    assert manifest | table == named_in_schema("cohort")
    assert rows["a template"] == (named_in_schema("template") - {"resourceType", "id"}) | {"embed", "on"}
    functions = {*STANDARD_FUNCTIONS, *ITERATING, *BRANCHING}
    assert rows["functions of FHIRPath"] == functions
    assert rows["functions of ours"] == set(row_functions(read_cohort("cjcp2023")))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_a_document_names_is_there(path):
    text = path.read_text("utf-8")
    named = re.findall(r"`((?:docs|mappings|docker|tests|benchmarks|fhir_blina|scripts)/[\w./-]+)`", text)
    named += re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    for name in named:
        if "<" in name:
            continue
        places = [ROOT / name, path.parent / name]
        assert any(place.exists() for place in places), f"{path.name} names {name}"


def test_the_readme_example_runs(tmp_path, monkeypatch, capsys):
    code = re.search(r"## From Python\n```python\n(.*?)```", README, re.DOTALL)[1]
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("0.41666666666")


def test_the_quick_loop_is_what_runs_without_java_and_chromium(monkeypatch):
    monkeypatch.setattr(bootstrap.shutil, "which", lambda _: None)
    chosen, left_out = bootstrap.selection()
    quick = f'python3 bootstrap.py test -m "{chosen.replace("not soak", "not browser and not long")}"'
    assert quick in README
    assert quick in (ROOT / ".github" / "CONTRIBUTING.md").read_text("utf-8")
    assert left_out.startswith("java and mvn not found: left out")
    monkeypatch.setattr(bootstrap.shutil, "which", lambda _: "/usr/bin/there")
    assert bootstrap.selection() == ("not soak", "")


def test_what_is_public_is_importable_and_sorted():
    assert fhir_blina.__all__ == sorted(fhir_blina.__all__)
    for name in fhir_blina.__all__:
        assert callable(getattr(fhir_blina, name)), name
        assert getattr(fhir_blina, name).__doc__, name


def test_the_changelog_has_a_section_for_what_is_to_come():
    assert "## Unreleased" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_table_of_modules_is_as_the_docstrings_have_it():
    done = subprocess.run([sys.executable, "scripts/modules.py", "--check"], cwd=ROOT, check=False)
    assert done.returncode == 0, "run scripts/modules.py"


def test_the_table_of_modules_has_every_package():
    folders = {
        path.parent.relative_to(ROOT / "fhir_blina").as_posix()
        for path in (ROOT / "fhir_blina").rglob("*.py")
    }
    assert folders - {"."} == set(modules.PACKAGES)


def test_what_is_listed_as_long_is_there():
    """Names as scripts/long_tests.py writes them: a file, or a test in it."""
    for line in (ROOT / "tests" / "data" / "long_tests.txt").read_text("utf-8").splitlines():
        path, _, name = line.partition("::")
        assert (ROOT / path).is_file(), line
        assert name in (ROOT / path).read_text("utf-8"), line

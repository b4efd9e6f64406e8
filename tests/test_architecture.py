"""What holds the package in shape: one-way imports, late heavy libraries, no cohort's words, sizes, names."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fhir_blina.shipped import mappings_folder

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "fhir_blina"
FILES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if not {"mappings", "docker"} & set(path.relative_to(PACKAGE).parts)
}

# The store stands between the cohort's side and everything that is computed. Each side, and what it may import.
# A module that is named nowhere here is right of the store: tables, numbers, figures, report.
SIDES = {
    "ground": "errors outcome fhirjson locks java yamlfile csvfile shipped definitions",
    "expressions": "temporal elements syntax operators functions evaluation expressions",
    "cohort": "dictionary codes cohort nodes template texts matching filling idkey dateshift mapping inversion roundtrip check "
    "scaffold conformance",
    "validity": "primitives references invariants constraints structure validation hapi_validator",
    "store": "store server engines",
    "commands": "__init__ __main__ cli commands store_commands pipeline terminal",
}
MAY_IMPORT = {
    "ground": {"ground"},
    "expressions": {"ground", "expressions"},
    "cohort": {"ground", "expressions", "cohort"},
    "validity": {"ground", "expressions", "validity"},
    "store": {"ground", "store"},
    "right of the store": {"ground", "expressions", "right of the store"},
    "commands": {*SIDES, "right of the store"},
}
# What crosses a line all the same, each with its reason.
CROSSINGS = {
    ("report", "cohort"): "the title, the citation and the code systems on the page",
}

HEAVY = {
    "duckdb",
    "fhir",
    "httpx",
    "jinja2",
    "jsonschema",
    "lark",
    "lifelines",
    "matplotlib",
    "numpy",
    "pandas",
    "pydantic",
    "rich",
    "scipy",
    "simplejson",
    "yaml",
}
EMPTY_NAMES = {
    "utils",
    "util",
    "helpers",
    "helper",
    "manager",
    "core",
    "common",
    "misc",
    "base",
    "stuff",
    "tools",
}
# Tests of something other than one module.
TOPICS = {
    "architecture",
    "cohort_content",
    "docs",
    "garbage",
    "packaging",
    "run",
    "second_cohort",
    "sql_on_fhir",
    "store_contract",
}
MAX_LINES = 350


def side(module):
    """The side that a module is on; a module of a folder is on the folder's side."""
    top = module.split(".")[0] if module else "__init__"
    return next((name for name, words in SIDES.items() if top in words.split()), "right of the store")


def imports(path):
    """The modules of the package that a file imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            known = {name for name in inner if name.removeprefix("fhir_blina.") in FILES}
            found |= known or {node.module}
    inside = {
        name.removeprefix("fhir_blina").removeprefix(".") for name in found if name.startswith("fhir_blina")
    }
    return {name or "__init__" for name in inside}


GRAPH = {name: imports(path) - {name} for name, path in FILES.items()}


def test_every_named_module_exists():
    tops = {name.split(".")[0] for name in FILES}
    assert {word for words in SIDES.values() for word in words.split()} <= tops


def test_imports_go_round_in_no_circle():
    def visit(module, path):
        assert module not in path, " -> ".join([*path, module])
        if module not in done:
            for other in sorted(GRAPH.get(module, ())):
                visit(other, [*path, module])
            done.add(module)

    done: set[str] = set()
    for module in GRAPH:
        visit(module, [])


@pytest.mark.parametrize("module", sorted(GRAPH))
def test_a_module_imports_only_what_its_side_may(module):
    wrong = {
        other
        for other in GRAPH[module]
        if side(other) not in MAY_IMPORT[side(module)] and (module, other) not in CROSSINGS
    }
    assert not wrong, f"{side(module)} may not import {wrong}"


def test_every_crossing_is_still_there():
    assert all(other in GRAPH[module] for module, other in CROSSINGS)


def test_help_imports_no_heavy_library():
    code = (
        "import runpy, sys\n"
        "sys.argv = ['fhir-blina', '--help']\n"
        "try:\n    runpy.run_module('fhir_blina', run_name='__main__')\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "print('imported', *sorted(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout.lower()
    loaded = {name.split(".")[0] for name in done.stderr.split("imported", 1)[1].split()}
    assert "fhir_blina" in loaded
    assert not loaded & HEAVY


# Words -------------------------------------------------------------------------------------------

COHORTS = sorted(path.name for path in (mappings_folder() / "cohorts").iterdir() if path.is_dir())
WORDS = [*COHORTS, "cjcp", "blinatumomab", "CD19", "EBF1", "MRD", "IIT2021"]
OWN_NAME = re.compile("fhir[-_]?blina", re.IGNORECASE)


def words_in(text, words):
    text = OWN_NAME.sub("", text)
    return {word for word in [*words, "blina"] if re.search(word, text, re.IGNORECASE)}


@pytest.mark.parametrize("module", sorted(FILES))
def test_no_module_knows_a_cohort(module):
    assert not words_in(FILES[module].read_text("utf-8"), WORDS)


SHARED = [
    path for path in sorted(mappings_folder().rglob("*")) if path.is_file() and "cohorts" not in path.parts
]


@pytest.mark.parametrize("path", SHARED, ids=lambda path: path.name)
def test_no_shared_mapping_knows_a_cohort(path):
    # Minimal residual disease is measured in many cohorts; its observables are shared.
    assert not words_in(path.read_text("utf-8"), [word for word in WORDS if word != "MRD"])


def test_the_words_are_looked_for():
    assert words_in("Blinatumomab in CJCP2023", WORDS) >= {"blinatumomab", "cjcp2023", "blina"}
    assert words_in("fhir_blina, fhir-blina and FHIR_BLINA_ID_KEY_FILE, FhirBlinaError", WORDS) == set()


# Sizes and names ---------------------------------------------------------------------------------


@pytest.mark.parametrize("module", sorted(FILES))
def test_a_module_is_at_most_350_lines(module):
    assert len(FILES[module].read_text("utf-8").splitlines()) <= MAX_LINES


def test_every_module_says_what_it_is_for():
    silent = [
        name for name, path in FILES.items() if not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert silent == []


def test_no_module_has_an_empty_name():
    parts = {part for name in FILES for word in name.split(".") for part in word.split("_")}
    assert not parts & EMPTY_NAMES


LISTED = sorted(name for name, path in FILES.items() if "__all__" in path.read_text("utf-8"))


@pytest.mark.parametrize("module", LISTED)
def test_all_is_sorted_and_there(module):
    found = importlib.import_module(f"fhir_blina.{module}".removesuffix(".").removesuffix(".__init__"))
    assert list(found.__all__) == sorted(set(found.__all__))
    assert all(hasattr(found, name) for name in found.__all__)


def test_every_test_file_is_named_after_a_module_or_a_topic():
    """Also after a part of one: ``test_store_hapi`` is about ``store``."""
    known = TOPICS | {name.replace(".", "_") for name in FILES} | {name.split(".")[-1] for name in FILES}
    named = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    assert {name for name in named if not any(f"{name}_".startswith(f"{one}_") for one in known)} == set()


# What belongs to one machine, or to nobody -------------------------------------------------------


def tracked():
    """Every tracked file that is text."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a clone")
    for name in done.stdout.split("\0"):
        path = ROOT / name
        if name and path.is_file():
            try:
                yield name, path.read_text("utf-8")
            except UnicodeDecodeError:
                continue


HERE = Path(__file__).name
FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w.])(/root/|/home/\w|/tmp/venv|/work/|[A-Z]:\\Users)"),
    "a package index": re.compile(
        r"--(extra-)?index-url|--trusted-host|--find-links|"
        r"https?://[\w.:@-]*(pypi|artifactory|nexus|registry|verdaccio|goproxy)[\w.:-]*",
        re.IGNORECASE,
    ),
    "work not done": re.compile("TO" + "DO|FIX" + "ME|X" + "XX"),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_tracked_file_holds(what):
    found = [
        f"{name}:{number}"
        for name, text in tracked()
        if not name.endswith("r4_rules.json")  # HL7's words, a code of three X among them
        if name != f"tests/{HERE}"
        for number, line in enumerate(text.splitlines(), start=1)
        if FORBIDDEN[what].search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("a path of one machine", "see /home/anna/project"),
        ("a path of one machine", 'open("/root/x")'),
        ("a package index", "pip install --index-url https://example.org/simple x"),
        ("a package index", "https://pypi.example.org/simple"),
        ("work not done", "# TO" + "DO later"),
    ],
)
def test_what_is_forbidden_is_looked_for(what, line):
    assert FORBIDDEN[what].search(line)

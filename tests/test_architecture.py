"""What holds the package in shape: one-way imports, late heavy libraries, no cohort's words, sizes, names."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

import fhir_blina
from fhir_blina.files import mappings_folder

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "fhir_blina"
FILES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if not {"mappings", "docker"} & set(path.relative_to(PACKAGE).parts)
}

# Which package may import which. The store stands between the cohort's side and everything that is computed:
# left of it everything belongs to a cohort, right of it nothing does.
MAY_IMPORT = {
    "errors": "",
    "files": "errors",
    "r4": "errors files",
    "fhirpath": "errors files r4",
    "terminology": "errors files",
    "tabular": "errors files",
    "cohorts": "errors files r4 tabular",
    "mapping": "errors files r4 fhirpath cohorts",
    "simulation": "errors files cohorts mapping",
    "validation": "errors files r4 fhirpath",
    "http": "errors files r4",
    "store": "errors files r4 http gathering",
    "hapi": "errors files r4",
    "gathering": "errors files r4",
    "views": "errors files r4 fhirpath terminology gathering",
    "statistics": "errors",
    "endpoints": "errors files fhirpath statistics terminology",
    "results": "errors files",
    "analysis": "errors files endpoints results statistics",
    "disclosure": "errors files endpoints results statistics analysis",
    "figures": "errors files statistics",
    # of a cohort only the title, the citation and the code systems on the page; of views what was read
    "report": "errors files cohorts endpoints results statistics analysis figures views",
    "exploration": "errors files r4 gathering views endpoints analysis",
    # tables for a manuscript are those of the report, written as those of the views
    "exports": "errors files endpoints results statistics analysis report views",
    "cli": "errors files r4 gathering cohorts mapping simulation validation http store hapi views endpoints results analysis disclosure report exports exploration terminology",
    "__init__": "errors cohorts mapping validation store views results analysis report exploration cli",
    "__main__": "cli",
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
    "sqlglot",
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
    "another_release",
    "benchmarks",
    "architecture",
    "cohort_content",
    "docs",
    "examples",
    "fake_fhir",
    "garbage",
    "packaging",
    "pytest_plugin",
    "run",
    "run_privacy",
    "second_cohort",
    "shipped_cohorts",
}
MAX_LINES = 300


def package(module):
    """The package that a module is in: the first part of its name."""
    return module.split(".")[0]


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


def test_every_package_has_its_row():
    assert set(MAY_IMPORT) == {package(name) for name in FILES}
    assert {word for words in MAY_IMPORT.values() for word in words.split()} <= set(MAY_IMPORT)


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
def test_a_module_imports_only_what_its_package_may(module):
    allowed = {package(module), *MAY_IMPORT[package(module)].split()}
    wrong = {other for other in GRAPH[module] if package(other) not in allowed}
    assert not wrong, f"{package(module)} may not import {wrong}"


DOORS = {name: path for name, path in FILES.items() if path.name == "__init__.py" and name != "__init__"}


def from_elsewhere():
    """Every import from another package: who, from which door or module, and which names."""
    for module, path in FILES.items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fhir_blina."):
                source = node.module.removeprefix("fhir_blina.")
                if source != "errors" and package(source) != package(module):
                    yield module, source, [alias.name for alias in node.names]


def test_from_another_package_only_what_its_door_names():
    wrong = [
        f"{module}: from {source} import {', '.join(names)}"
        for module, source, names in from_elsewhere()
        if source not in DOORS
        or not set(names) <= set(importlib.import_module(f"fhir_blina.{source}").__all__)
    ]
    assert wrong == []


def test_a_door_names_nothing_that_nobody_takes():
    taken = {(source, name) for _, source, names in from_elsewhere() for name in names}
    taken |= {(module, name) for name, module in fhir_blina._WHERE.items()}
    tests = "\n".join(path.read_text("utf-8") for path in Path(__file__).parent.rglob("*.py"))
    tests += "\n".join(
        path.read_text("utf-8") for path in [*ROOT.glob("benchmarks/*.py"), *ROOT.rglob("*.md")]
    )
    spare = {
        f"{door}.{name}"
        for door in DOORS
        for name in getattr(importlib.import_module(f"fhir_blina.{door}"), "__all__", [])
        if (door, name) not in taken and not re.search(rf"\b{name}\b", tests)
    }
    assert spare == set()


@pytest.mark.parametrize("door", sorted(DOORS))
def test_no_public_class_stands_twice_in_a_package(door):
    named = [
        node.name
        for name, path in FILES.items()
        if package(name) == package(door)
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    assert sorted(named) == sorted(set(named))


# Words that two packages use, each for an idea of its own; the same idea has one place, and others take it.
TWO_MEANINGS = {
    "Answer": "of a definition; of a server",
    "Column": "of a table in a cohort folder; of a view",
    "Constant": "in FHIRPath; in a template",
    "Fault": "of a date that cannot be moved; of a primitive value; of a view or what it reads",
    "Gap": "a blank in a text; what can have stood in it",
    "Interval": "a step of a life table; a line of a figure",
    "Origin": "where credentials may go; where a resource came from",
    "Row": "of a cohort's table; of a view's, as one that can give a value",
    "Rule": "of data quality; for an element",
    "Selection": "of rows; of resources",
    "Step": "of a dose; of a command",
    "Table": "of a cohort folder; of a view",
    "Value": "one a patient; SQL of one",
    "analyze": "the command and what it calls",
    "answers": "of cells to a condition; whether a server does",
    "bare": "a unit without annotations; an item without its element",
    "beside": "a column; entries of a page",
    "calculate": "FHIRPath; arithmetic of a claim",
    "counted": "words; numbers",
    "examine": "a cohort folder; a server",
    "explore": "the command and what it calls",
    "headline": "on the terminal; in the report",
    "in_order": "resources; two dates",
    "main": "the command; the entry of the package",
    "matches": "FHIRPath's function; entries of a page",
    "number": "for readers; as SQL",
    "observed": "a row of observations; indicators of events",
    "prepare": "a run; DuckDB",
    "printable": "on a terminal; in SVG, which knows fewer characters",
    "run": "the command and what it calls",
    "same": "FHIRPath's equality; JSON to the last digit",
    "validate": "the command and what it calls",
}


def test_one_public_name_is_one_idea():
    places = defaultdict(list)
    for name, path in FILES.items():
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                places[node.name].append(name)
    twice = {name: where for name, where in places.items() if len(where) > 1 and name not in TWO_MEANINGS}
    assert twice == {}
    assert {name for name in TWO_MEANINGS if len(places[name]) < 2} == set()


RECORDS = {
    node.name
    for path in FILES.values()
    for node in ast.walk(ast.parse(path.read_text("utf-8")))
    if isinstance(node, ast.ClassDef) and any("dataclass" in ast.unparse(one) for one in node.decorator_list)
}
# How many fields of a record may stand without their name.
BY_PLACE = dict.fromkeys(("results", "endpoints", "analysis", "disclosure", "exports", "cli"), 3)
BY_PLACE |= dict.fromkeys(("files", "r4", "fhirpath", "tabular", "cohorts", "mapping", "validation"), 5)
BY_PLACE |= dict.fromkeys(("http", "store", "hapi", "views", "statistics", "figures"), 5)


@pytest.mark.parametrize("module", sorted(name for name in FILES if package(name) in BY_PLACE))
def test_records_are_made_by_field_name(module):
    made = [
        f"{node.func.id}, line {node.lineno}"
        for node in ast.walk(ast.parse(FILES[module].read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RECORDS
        if len(node.args) > BY_PLACE[package(module)]
    ]
    assert made == []


def libraries(path):
    """The libraries outside the package that a file imports."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        yield from (name.split(".")[0] for name in names)


def test_only_http_speaks_http():
    speakers = {package(name) for name, path in FILES.items() if "httpx" in libraries(path)}
    assert speakers == {"http"}


# Where a release of FHIR is chosen; everything below is given it.
CHOOSE_A_RELEASE = {
    "cli.pipeline",
    "cohorts.folder",
    "exploration.exploring",
    "mapping.check",
    "store.folder",
    "store.files",
    "store.rest.reading",
    "validation.validation",
    "views.reader",
    "views.loading",
    "views.export",
    "views.tables",
}


def test_only_outer_doors_name_a_release_and_only_as_a_default():
    named = {
        name
        for name, path in FILES.items()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Name) and node.id == "R4" and name != "r4.release"
    }
    assert named == CHOOSE_A_RELEASE


def test_statistics_see_arrays_and_errors_alone():
    seen = {one for name, path in FILES.items() if package(name) == "statistics" for one in libraries(path)}
    assert seen - sys.stdlib_module_names <= {"fhir_blina", "numpy", "scipy", "pandas", "lifelines"}


@pytest.mark.parametrize("folder", sorted({path.parent for path in FILES.values()}))
def test_a_package_has_fewer_than_30_entries(folder):
    assert len([one for one in folder.iterdir() if one.name != "__pycache__"]) < 30


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
def test_a_module_is_at_most_300_lines(module):
    assert len(FILES[module].read_text("utf-8").splitlines()) <= MAX_LINES


def test_a_module_has_fewer_than_200_lines_on_average():
    assert sum(len(path.read_text("utf-8").splitlines()) for path in FILES.values()) < 200 * len(FILES)


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
def test_all_is_there(module):
    found = importlib.import_module(f"fhir_blina.{module}".removesuffix(".").removesuffix(".__init__"))
    assert len(found.__all__) == len(set(found.__all__))  # their order is ruff's (RUF022)
    assert all(hasattr(found, name) for name in found.__all__)


def test_every_test_file_stands_in_the_folder_of_its_package():
    """``tests/store/test_hapi.py`` is about ``fhir_blina/store``; what is about more than one is a topic."""
    tests = Path(__file__).parent
    topics = {path.stem.removeprefix("test_") for path in tests.glob("test_*.py")}
    assert topics <= TOPICS
    folders = {path.parent.relative_to(tests).parts[0] for path in tests.glob("*/**/test_*.py")}
    # a server that plays attacks, and what chance makes worse: each with modules of its own
    assert folders <= {package(name) for name in FILES} | {"hostile", "fuzz"}


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
        if not name.endswith("r4/rules.json")  # HL7's words, a code of three X among them
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

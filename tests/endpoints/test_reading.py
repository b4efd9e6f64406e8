"""The page on the language names all of it, and its first example is a file that is read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from fhir_blina.endpoints.reading import read_endpoints
from fhir_blina.files import mappings_folder

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "endpoints.md").read_text("utf-8")
SCHEMA = json.loads((mappings_folder() / "schemas" / "endpoints.schema.json").read_text("utf-8"))


def words(schema):
    """Every key and every word of a list of words that a schema has."""
    if isinstance(schema, list):
        for one in schema:
            yield from words(one)
    elif isinstance(schema, dict):
        yield from schema.get("properties", {})
        yield from (word for word in schema.get("enum", ()) if isinstance(word, str))
        for one in schema.values():
            yield from words(one)


def test_the_example_of_the_page_is_read(tmp_path):
    path = tmp_path / "endpoints.yaml"
    path.write_text(re.search(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[1])
    assert read_endpoints(path).endpoints["overall_survival"].compare == ("age_group",)


@pytest.mark.parametrize("word", sorted(set(words(SCHEMA))))
def test_the_page_names_every_word_of_the_language(word):
    code = " ".join(re.findall(r"`[^`]+`|^```.*?^```", PAGE, re.MULTILINE | re.DOTALL))
    assert re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", code), word


def test_rules_say_measures_sets_and_times_in_the_same_words():
    """The files of rules have definitions of their own: their schema is a copy that may not differ."""
    rules = json.loads((mappings_folder() / "schemas" / "findings.schema.json").read_text("utf-8"))
    for section in ("measures", "sets", "times"):
        assert rules["properties"][section] == SCHEMA["properties"][section]
    shared = set(rules["$defs"]) & set(SCHEMA["$defs"])
    assert {"where", "having", "day", "within"} <= shared
    assert {name: rules["$defs"][name] for name in shared} == {name: SCHEMA["$defs"][name] for name in shared}

"""YAML with JSON's types: what stays text, what is refused, and where."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_blina.files.yaml import MAX_BYTES, check_schema, read_text, read_yaml, walk


@pytest.fixture
def read(tmp_path):
    """Read a text or bytes as YAML: the documents, the findings with the file called ``f``."""

    def run(text):
        path = tmp_path / "f.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        findings = []
        documents = read_yaml(path, findings)
        return documents, [str(finding).replace(str(path), "f") for finding in findings]

    return run


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "yes",
        "on",
        "off",
        "y",
        "012",
        "0o7",
        "0x1F",
        "1_000",
        "22:30",
        "2000-01-01",
        "2000-01-01T10:00:00Z",
        ".5",
        "1.",
        "+1",
        ".inf",
        ".nan",
        "TRUE",
        "True",
        "Null",
        "1٣",
        "=",
        "<<",
    ],
)
def test_what_yaml_would_convert_stays_text(text, read):
    documents, findings = read(f"a: {text}\n")
    assert (documents[0].data, findings) == ({"a": text}, [])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-12", -12),
        ("true", True),
        ("false", False),
        ("'12'", "12"),
        ('"true"', "true"),
        ('""', ""),
        ("null", None),
        ("~", None),
        ("", None),
        ("[]", []),
        ("{}", {}),
    ],
)
def test_json_types_are_read(text, value, read):
    data = read(f"a: {text}\n")[0][0].data
    assert data == {"a": value}
    assert type(data["a"]) is type(value)


@pytest.mark.parametrize("text", ["14.00", "0.10", "-0.0", "1.5e3"])
def test_a_number_with_a_fraction_keeps_its_digits(text, read):
    value = read(f"a: {text}\n")[0][0].data["a"]
    assert type(value) is Decimal
    assert value.as_tuple() == Decimal(text).as_tuple()


def test_every_node_has_its_line(read):
    document = read("a: 1\nb:\n  - x\n  - c: 2\n    d: 3\n")[0][0]
    assert document.lines[("a",)] == 1
    assert document.lines[("b",)] == 2
    assert document.lines[("b", 0)] == 3
    assert document.lines[("b", 1, "d")] == 5
    assert document.where(("b", 1, "d", "not", "there")) == f"{document.path}:5"
    assert document.where() == f"{document.path}:1"


def test_a_second_document_has_lines_of_the_file(read):
    first, second = read("a: 1\n---\nb: 2\n")[0]
    assert (first.data, second.data) == ({"a": 1}, {"b": 2})
    assert second.lines[("b",)] == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 'f:3: error: key "a" stands twice'),
        ("x: {a: 1, a: 1}\n", 'f:1: error: key "a" stands twice'),
        ("a: &x 1\n", "f:1: error: anchors (&) and aliases (*) are refused"),
        ("b: 1\na: *x\n", "f:2: error: anchors (&) and aliases (*) are refused"),
        ("&a [*a]\n", "f:1: error: anchors (&) and aliases (*) are refused"),
        ("a: !!python/object:os.system x\n", "f:1: error: tags (!) are refused"),
        ("a: !!str 12\n", "f:1: error: tags (!) are refused"),
        ("a: {{ x }}\n", 'f:1: error: a blank without quotes. Write "{{ … }}" with quotes'),
        ("a:\n  - {{ x }}\n", 'f:2: error: a blank without quotes. Write "{{ … }}" with quotes'),
        ("a: 1\nb: {{ x }}-1\n", 'f:2: error: a blank without quotes. Write "{{ … }}" with quotes'),
        ("a: 1\nb: [\n", "f:3: error: not YAML: "),
        ("a:\n\tb: 1\n", "f:2: error: not YAML: "),
        ("a: 1\nb: \x01\n", "f:2: error: a control character"),
        ("", "f:1: error: the file is empty"),
        (" \n\n", "f:1: error: the file is empty"),
        ("# later\n", "f:1: error: the file holds nothing but comments"),
        ("a: " + "9" * 41, "f:1: error: a number of more than 40 characters"),
        ("[" * 5000, "f:1: error: nested too deeply"),
        ("- " * 5000 + "x", "f:1: error: nested too deeply"),
        (b"a: \xff\n", "f:1: error: not UTF-8"),
        (b"\xef\xbb\xbfa: 1\n", "f:1: error: starts with a byte order mark"),
        ("a: 1\r\n", "f:1: error: Windows line ends (CR)"),
        ("a: 1\nb: \x00\n", "f:2: error: a NUL character"),
    ],
)
def test_what_is_refused_is_named_with_its_line(text, message, read):
    findings = read(text)[1]
    assert len(findings) == 1
    assert findings[0].startswith(message)


def test_a_huge_file_is_refused_before_it_is_read(read):
    documents, findings = read("a: " + "x" * MAX_BYTES)
    assert documents == []
    assert findings == ["f:1: error: longer than 2 MiB. Rows belong into data/*.csv"]


def test_a_file_of_very_many_nodes_is_refused(read, monkeypatch):
    monkeypatch.setattr("fhir_blina.files.yaml.MAX_NODES", 10)
    assert read("[1, 2, 3, 4, 5, 6, 7, 8, 9]")[1] == []
    assert read("[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]")[1] == ["f:1: error: more than 10 nodes"]


def test_a_file_that_is_not_there_is_said(tmp_path):
    findings = []
    assert read_text(tmp_path / "absent", findings) is None
    assert findings[0].code == "not-found"


SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]+$"},
        "size": {"enum": ["small", "large"]},
        "some": {"type": "array", "minItems": 2},
    },
}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "f:1: error: the file: missing name. Add it"),
        ("[]", "f:1: error: the file: must be of type object"),
        ("name: 1", "f:1: error: name: must be of type string"),
        ("name: A", "f:1: error: name: does not match ^[a-z]+$"),
        ("name: a\nsize: tiny", "f:2: error: size: must be one of small, large"),
        ("name: a\nsome: [1]", "f:2: error: some: breaks the rule minItems of its schema"),
        ("name: a\nsizes: small", 'f:2: error: unknown key "sizes". Did you mean "size"?'),
    ],
)
def test_a_schema_is_held(text, message, read):
    document = read(text)[0][0]
    findings = []
    assert not check_schema(document, SCHEMA, findings)
    assert [str(one).replace(str(document.path), "f") for one in findings] == [message]


def test_a_document_that_fits_its_schema_passes(read):
    findings = []
    assert check_schema(read("name: a\nsize: small")[0][0], SCHEMA, findings)
    assert findings == []


def test_walk_gives_every_node_with_its_keys():
    assert list(walk({"a": [1, {"b": 2}]})) == [
        ((), {"a": [1, {"b": 2}]}),
        (("a",), [1, {"b": 2}]),
        (("a", 0), 1),
        (("a", 1), {"b": 2}),
        (("a", 1, "b"), 2),
    ]


@given(st.one_of(st.binary(max_size=200), st.text("ab:-[]{}\"'&*!|>#%@` \n\t,?~", max_size=80)))
def test_garbage_gives_findings_or_data_but_never_an_exception(read, text):
    documents, findings = read(text)
    assert documents or findings

"""YAML with JSON's types and with line numbers.

``no``, ``012``, ``22:30`` and ``2000-01-01`` stay text; numbers with a fraction become ``Decimal``.
Anchors, aliases, tags and a key that stands twice are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from fhir_blina.errors import Finding, did_you_mean, problem
from fhir_blina.files.regular import read_regular

Keys = tuple[str | int, ...]

MAX_BYTES = 2 * 2**20
MAX_NODES = 200_000
MAX_NUMBER = 40
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?")
_UNQUOTED = re.compile(r"(?:^|[:\-\[,]\s*)\{\{")
_WORDS = {"null": None, "true": True, "false": False, "": None, "~": None}


class _Refused(yaml.MarkedYAMLError):
    """YAML, but not what a cohort folder may hold."""


class _Loader(yaml.SafeLoader):
    """Composes nodes, but neither follows an alias nor obeys a tag."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise _Refused(problem="anchors (&) and aliases (*) are refused", problem_mark=event.start_mark)
        if event.tag not in {None, "!"}:
            raise _Refused(problem="tags (!) are refused", problem_mark=event.start_mark)
        return super().compose_node(parent, index)


@dataclass(frozen=True)
class Document:
    """One YAML document.

    Attributes:
        path: The file.
        data: Plain dicts, lists, strings, integers, decimals, booleans and ``None``.
        lines: The line of every node, by its keys from the root (``()`` is the root).
    """

    path: Path
    data: Any
    lines: dict[Keys, int]

    def where(self, keys: Keys = ()) -> str:
        """``file:line`` of a node, or of its nearest parent that has a line."""
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return f"{self.path}:{self.lines.get(keys, 1)}"


def read_yaml(path: Path, findings: list[Finding]) -> list[Document]:
    """Read every document of a file; what is wrong goes to ``findings``."""
    before = len(findings)
    text = read_text(path, findings)
    if text is None:
        return []
    if len(text) > MAX_BYTES:
        remedy = "Rows belong into data/*.csv"
        findings.append(problem(f"{path}:1", f"longer than {MAX_BYTES // 2**20} MiB", remedy))
        return []
    documents: list[Document] = []
    loader = None
    try:
        loader = _Loader(text)
        while loader.check_node():
            node = loader.get_node()
            if node is None:  # an empty document
                continue
            lines: dict[Keys, int] = {}
            documents.append(Document(path, _build(node, (), lines, path, findings), lines))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, reason = mark.line if mark else 0, error.problem or "not YAML"
        refused = isinstance(error, _Refused)
        findings.append(
            problem(f"{path}:{line + 1}", reason) if refused else _explain(path, text, line, reason)
        )
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        findings.append(problem(f"{path}:{line}", "a control character", "Delete it"))
    except RecursionError:
        findings.append(problem(f"{path}:1", "nested too deeply"))
    finally:
        if loader is not None:
            loader.dispose()
    if not documents and len(findings) == before:
        findings.append(problem(f"{path}:1", "the file holds nothing but comments", "Fill it, or delete it"))
    return documents


def read_text(path: Path, findings: list[Finding]) -> str | None:
    """The text of a UTF-8 file, or ``None`` with a finding: not there, not UTF-8, BOM, CRLF, NUL, empty."""
    try:
        data = read_regular(path)
    except OSError as error:
        findings.append(problem(str(path), f"cannot be read: {error.strerror}", code="not-found"))
        return None
    before = len(findings)
    if not data.strip():
        findings.append(problem(f"{path}:1", "the file is empty", "Fill it, or delete it"))
        return None
    if data.startswith(b"\xef\xbb\xbf"):
        findings.append(problem(f"{path}:1", "starts with a byte order mark", "Save it as UTF-8 without BOM"))
    if b"\r" in data:
        line = data[: data.index(b"\r")].count(b"\n") + 1
        findings.append(problem(f"{path}:{line}", "Windows line ends (CR)", "Save it with LF line ends"))
    if b"\x00" in data:
        line = data[: data.index(b"\x00")].count(b"\n") + 1
        findings.append(problem(f"{path}:{line}", "a NUL character", "Delete it; no FHIR server stores it"))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        findings.append(problem(f"{path}:{line}", "not UTF-8", "Save it as UTF-8"))
    return text if len(findings) == before else None


def check_schema(document: Document, schema: dict[str, Any], findings: list[Finding]) -> bool:
    """Check a document against a JSON Schema; True if nothing is wrong."""
    from jsonschema import Draft202012Validator

    before = len(findings)
    for error in Draft202012Validator(schema).iter_errors(_as_json(document.data)):
        keys = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            known = set(error.schema.get("properties", {}))
            for name in sorted(set(error.instance) - known):
                findings.append(
                    problem(document.where((*keys, name)), f'unknown key "{name}"', did_you_mean(name, known))
                )
            continue
        name = ".".join(str(key) for key in keys) or "the file"
        if error.validator == "required":
            missing = sorted(set(error.validator_value) - set(error.instance))
            text, remedy = f"{name}: missing {', '.join(missing)}", "Add it"
        elif error.validator == "type":
            text, remedy = f"{name}: must be of type {error.validator_value}", ""
        elif error.validator == "enum":
            text, remedy = f"{name}: must be one of {', '.join(map(str, error.validator_value))}", ""
        elif error.validator == "pattern":
            text, remedy = f"{name}: does not match {error.validator_value}", ""
        else:
            text, remedy = f"{name}: breaks the rule {error.validator} of its schema", ""
        findings.append(problem(document.where(keys), text, remedy))
    return len(findings) == before


def _as_json(data: Any) -> Any:
    if isinstance(data, Decimal):
        return float(data)
    if isinstance(data, dict):
        return {key: _as_json(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_as_json(value) for value in data]
    return data


def _explain(path: Path, text: str, line: int, reason: str) -> Finding:
    rows = text.splitlines()
    nearby = [n for n in (line, line - 1) if 0 <= n < len(rows) and _UNQUOTED.search(rows[n].strip())]
    if nearby:
        return problem(f"{path}:{nearby[0] + 1}", "a blank without quotes", 'Write "{{ … }}" with quotes')
    return problem(f"{path}:{line + 1}", f"not YAML: {reason}")


def _build(node: yaml.Node, keys: Keys, lines: dict[Keys, int], path: Path, findings: list[Finding]) -> Any:
    line = node.start_mark.line + 1
    lines[keys] = line
    if len(lines) > MAX_NODES:
        raise _Refused(problem=f"more than {MAX_NODES} nodes", problem_mark=node.start_mark)
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or value_node is None:
                findings.append(_unquoted(path, key_node))
                continue
            key = key_node.value
            if key in result:
                findings.append(
                    problem(f"{path}:{key_node.start_mark.line + 1}", f'key "{key}" stands twice')
                )
            result[key] = _build(value_node, (*keys, key), lines, path, findings)
            lines[(*keys, key)] = key_node.start_mark.line + 1
        return result
    if isinstance(node, yaml.SequenceNode):
        return [
            _build(child, (*keys, index), lines, path, findings) for index, child in enumerate(node.value)
        ]
    assert isinstance(node, yaml.ScalarNode)  # noqa: S101 - YAML has three kinds of node
    return _scalar(node)


def _unquoted(path: Path, node: yaml.Node) -> Finding:
    return problem(
        f"{path}:{node.start_mark.line + 1}", "a blank without quotes", 'Write "{{ … }}" with quotes'
    )


def _scalar(node: yaml.ScalarNode) -> Any:
    text: str = node.value
    if node.style is not None:  # quoted or block text
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.fullmatch(text):
        if len(text) > MAX_NUMBER:
            text = f"a number of more than {MAX_NUMBER} characters"
            raise _Refused(problem=text, problem_mark=node.start_mark)
        return int(text) if _INTEGER.fullmatch(text) else Decimal(text)
    return text


def walk(data: Any, keys: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Every node below and including ``data``, with its keys."""
    yield keys, data
    if isinstance(data, dict):
        for key, value in data.items():
            yield from walk(value, (*keys, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from walk(value, (*keys, index))

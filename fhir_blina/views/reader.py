"""Read SQL on FHIR v2 ViewDefinitions strictly: every fault at once, each with its JSON path."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from fhir_blina.errors import ExpressionError, Finding, ViewError, did_you_mean
from fhir_blina.fhirpath import MOMENTS, Expression, Temporal, compile_expression
from fhir_blina.r4 import R4, FhirRelease
from fhir_blina.views.definition import BUILT_IN_CONSTANTS, INTEGERS, Column, Select, View
from fhir_blina.views.membership import Members
from fhir_blina.views.recursion import descends

_ELEMENT = {"id", "extension", "modifierExtension"}
_VIEW_KEYS = _ELEMENT | set(
    """resourceType resourceDefinition meta implicitRules language text contained url identifier version
    versionAlgorithmString versionAlgorithmCoding name title status experimental date publisher contact
    description useContext jurisdiction purpose copyright copyrightLabel approvalDate lastReviewDate
    effectivePeriod topic author editor reviewer endorser relatedArtifact fhirVersion profile resource
    resourceVersion constant where select""".split()  # noqa: SIM905
)  # of 2.0.0, and what 3.0.0-ballot adds
_SELECT_KEYS = _ELEMENT | {"column", "select", "forEach", "forEachOrNull", "repeat", "unionAll"}
_COLUMN_KEYS = _ELEMENT | {"path", "name", "description", "collection", "type", "tag"}
_WHERE_KEYS = _ELEMENT | {"path", "description"}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_TYPE_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")
_WHOLE = re.compile(r"-?[0-9]{1,19}")


class _Reader:
    def __init__(self, source: str, release: FhirRelease, beside: Path | None) -> None:
        self.source = source
        self.release = release
        self.primitives = {*release.primitives, "integer64"}  # which ViewDefinition has in every release
        self.written = {f"value{name[0].upper()}{name[1:]}": name for name in self.primitives}
        self.findings: list[Finding] = []
        self.constants: dict[str, Any] = {}
        self.members = Members(beside)

    def fault(self, path: str, what: str, remedy: str = "") -> None:
        self.findings.append(
            Finding(
                severity="error",
                code="invalid",
                diagnostics=what,
                expression=path,
                location=self.source,
                remedy=remedy.removesuffix("."),
            )
        )

    def keys(self, path: str, value: Any, known: set[str]) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.fault(path, "not an object")
            return {}
        for key in value:
            if key not in known and not key.startswith("_"):
                self.fault(f"{path}.{key}", f'unknown key "{key}"', did_you_mean(key, known))
        return value

    def items(self, path: str, value: Any) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            self.fault(path, "not a list")
            return []
        if not value:
            self.fault(path, "an empty list", "Leave the key out")
        return value

    def path(self, where: str, value: Any) -> Expression | None:
        if not isinstance(value, str):
            self.fault(where, "not a FHIRPath string", 'Write a path, for example "name.family"')
            return None
        known = {*self.constants, *BUILT_IN_CONSTANTS}
        try:
            path = compile_expression(value, self.release, constants=known, functions=self.members.functions)
            self.members.find(path, self.constants)
        except ExpressionError as error:
            self.fault(where, str(error))
            return None
        return path

    def repeated(self, where: str, value: Any) -> Expression | None:
        path = self.path(where, value)
        if path is not None and not descends(path.tree):
            remedy = "Name elements below, for example item"
            self.fault(where, "a repeat that can come back to where it began never ends", remedy)
        return path

    def constant(self, path: str, value: Any) -> None:
        given = value if isinstance(value, dict) else {}
        values = [key for key in given if key.startswith("value")]
        self.keys(path, value, _ELEMENT | {"name", *self.written})
        name = given.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            self.fault(f"{path}.name", "a constant needs a name of letters, digits and _")
        elif name in BUILT_IN_CONSTANTS:
            self.fault(f"{path}.name", f"%{name} is built in", "Choose another name")
        elif name in self.constants:
            self.fault(f"{path}.name", f"%{name} is defined twice")
        elif len(values) != 1:
            self.fault(path, f"%{name} needs exactly one value", "Add for example valueString")
        else:
            kind = self.written.get(values[0], "")
            self.constants[name] = self.constant_value(f"{path}.{values[0]}", kind, given[values[0]])

    def constant_value(self, path: str, kind: str, value: Any) -> Any:
        wanted: tuple[type, ...] = (str,)
        if kind == "integer64" and isinstance(value, str) and _WHOLE.fullmatch(value):
            return int(value)  # JSON has it as a string
        if kind in INTEGERS:
            wanted = (int,)
        elif kind == "decimal":
            wanted = (int, Decimal)
        elif kind == "boolean":
            wanted = (bool,)
        if not isinstance(value, wanted) or (isinstance(value, bool) and kind != "boolean"):
            self.fault(path, f"not a {kind}")
        elif kind in MOMENTS:
            try:
                return Temporal.read(str(value), MOMENTS[kind])
            except ValueError as error:
                self.fault(path, f"not a {kind}: {error}")
        return value

    def column(self, path: str, value: Any) -> Column | None:
        given = self.keys(path, value, _COLUMN_KEYS)
        name, kind, collection = given.get("name"), given.get("type", ""), given.get("collection", False)
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            self.fault(
                f"{path}.name", "a column needs a name of letters, digits and _ that starts with a letter"
            )
        if not isinstance(kind, str) or (kind and kind not in self.primitives):
            remedy = (
                did_you_mean(str(kind), self.primitives) or "Write a primitive FHIR type, for example string"
            )
            self.fault(f"{path}.type", "not a primitive FHIR type", remedy)
            kind = ""
        if not isinstance(collection, bool):
            self.fault(f"{path}.collection", "not true or false")
        for place, tag in enumerate(self.items(f"{path}.tag", given.get("tag"))):
            self.keys(f"{path}.tag[{place}]", tag, _ELEMENT | {"name", "value"})
        expression = self.path(f"{path}.path", given.get("path"))
        if expression is None or not isinstance(name, str):
            return None
        return Column(name, expression, kind, collection is True, str(given.get("description", "")))

    def select(self, path: str, value: Any) -> Select:
        given = self.keys(path, value, _SELECT_KEYS)
        kinds = [key for key in ("forEach", "forEachOrNull", "repeat") if key in given]
        if len(kinds) > 1:
            self.fault(path, f"{' and '.join(kinds)} in one select", "Nest one select in another")
        each: list[Expression | None] = []
        if kinds and kinds[0] == "repeat":
            each = [
                self.repeated(f"{path}.repeat[{place}]", one)
                for place, one in enumerate(self.items(f"{path}.repeat", given["repeat"]))
            ]
        elif kinds:
            each = [self.path(f"{path}.{kinds[0]}", given[kinds[0]])]
        columns = [
            self.column(f"{path}.column[{place}]", one)
            for place, one in enumerate(self.items(f"{path}.column", given.get("column")))
        ]
        selects, unions = (
            tuple(
                self.select(f"{path}.{key}[{place}]", one)
                for place, one in enumerate(self.items(f"{path}.{key}", given.get(key)))
            )
            for key in ("select", "unionAll")
        )
        if not columns and not selects and not unions:
            self.fault(path, "a select without column, select or unionAll")
        self.check_union(path, unions)
        return Select(
            kinds[0] if kinds else "",
            tuple(one for one in each if one is not None),
            tuple(column for column in columns if column is not None),
            selects,
            unions,
        )

    def check_union(self, path: str, unions: tuple[Select, ...]) -> None:
        shapes = [
            [(column.name, column.type, column.collection) for column in one.all_columns()] for one in unions
        ]
        for place, shape in enumerate(shapes):
            if shape != shapes[0]:
                self.fault(
                    f"{path}.unionAll[{place}]",
                    "columns differ from those of unionAll[0]",
                    "Give each branch the same columns, in the same order, of the same types",
                )

    def view(self, definition: Any, name: str) -> View:
        given = self.keys("ViewDefinition", definition, _VIEW_KEYS)
        kind = given.get("resourceType", "ViewDefinition")
        if not isinstance(kind, str) or kind.rpartition("/")[2] != "ViewDefinition":
            self.fault("ViewDefinition.resourceType", "not a ViewDefinition")
        resource = given.get("resource")
        if not isinstance(resource, str) or not _TYPE_NAME.fullmatch(resource):
            self.fault(
                "ViewDefinition.resource", "needs the resource type that it reads", "Add for example Patient"
            )
        name = given.get("name", name)
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            self.fault("ViewDefinition.name", "a view needs a name of letters, digits and _")
        for place, one in enumerate(self.items("ViewDefinition.constant", given.get("constant"))):
            self.constant(f"ViewDefinition.constant[{place}]", one)
        where = []
        for place, one in enumerate(self.items("ViewDefinition.where", given.get("where"))):
            condition = self.keys(f"ViewDefinition.where[{place}]", one, _WHERE_KEYS)
            where.append(self.path(f"ViewDefinition.where[{place}].path", condition.get("path")))
        if "select" not in given:
            self.fault("ViewDefinition.select", "missing", "Add at least one select with columns")
        selects = tuple(
            self.select(f"ViewDefinition.select[{place}]", one)
            for place, one in enumerate(self.items("ViewDefinition.select", given.get("select")))
        )
        root = Select("", (), (), selects, ())
        columns = root.all_columns()
        for twice, count in Counter(column.name.lower() for column in columns).items():
            if count > 1:
                self.fault("ViewDefinition.select", f'column "{twice}" is there {count} times')
        if self.findings:
            raise ViewError(self.findings)
        conditions = tuple(one for one in where if one is not None)
        description = str(given.get("description", ""))
        return View(
            name=str(name),
            resource=str(resource),
            columns=columns,
            select=root,
            where=conditions,
            constants=self.constants,
            source=self.source,
            release=self.release,
            description=description,
            value_sets=self.members.sets,
        )


def read_view(
    definition: Any,
    *,
    source: str = "ViewDefinition",
    name: str = "view",
    release: FhirRelease = R4,
    beside: Path | None = None,
) -> View:
    """Check a ViewDefinition.

    Args:
        definition: The JSON, read.
        source: What messages call it.
        name: The view's name where the definition has none.
        release: The release of FHIR whose resources it reads.
        beside: The folder that has the ``value_sets`` of ``memberOf()``, where the view is no file.

    Raises:
        ViewError: everything that is wrong, each with file and JSON path.
    """
    return _Reader(source, release, beside).view(definition, name)

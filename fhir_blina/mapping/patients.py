"""Whose row is it: the column by which each table names a patient, as the templates say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fhir_blina.cohorts import Cohort
from fhir_blina.errors import CohortError, Finding
from fhir_blina.mapping.nodes import Blank, Embed, Node, Text, nodes
from fhir_blina.mapping.template import Template, compile_templates

_REFERENCE = "Patient/"


def patient_columns(cohort: Cohort) -> dict[str, str]:
    """By table the column whose cells name a patient; the table of the patients comes first.

    That is the one that a template's reference to a Patient is filled from, whatever it is called; the column
    by which rows are embedded into such a row; else one that is called as the key of the patients' table is.

    Returns:
        Nothing where no template makes a Patient for each row of a table with one key column.

    Raises:
        CohortError: a template is at fault.
    """
    findings: list[Finding] = []
    templates = compile_templates(cohort, findings)
    if findings:
        raise CohortError(findings)
    for template in templates:
        if template.resource_type == "Patient" and template.table and template.profile is None:
            key = cohort.tables[template.table].key
            if len(key) == 1:
                return _linked(cohort, templates, template.table, template.root.items.get("id"), key[0])
    return {}


def _linked(
    cohort: Cohort, templates: Sequence[Template], patients: str, id_node: Node | None, key: str
) -> dict[str, str]:
    wanted = _parts(id_node)
    found = {patients: key}
    for template in templates:
        if template.table is None:
            continue
        for table, node in _placed(template.table, template.root):
            column = _column(_parts(node), wanted, key) if isinstance(node, Text) else None
            if column is not None and column in cohort.tables[table].columns:
                found.setdefault(table, column)
    for template in templates:
        for node in nodes(template.root) if template.table in found else ():
            if isinstance(node, Embed) and found[str(template.table)] in node.on:
                found.setdefault(node.table, found[str(template.table)])
    for name, table_read in cohort.tables.items():
        if key in table_read.columns:
            found.setdefault(name, key)
    return found


def _placed(table: str, node: Node) -> Iterator[tuple[str, Node]]:
    """Each node with the table whose row fills it."""
    inside: set[int] = set()
    for one in nodes(node):
        if isinstance(one, Embed) and id(one) not in inside:
            inside.update(id(below) for below in nodes(one.node))
            yield from _placed(one.table, one.node)
    yield from ((table, one) for one in nodes(node) if id(one) not in inside)


def _parts(node: Node | None) -> tuple[str | Blank, ...]:
    return node.parts if isinstance(node, Text) else (node,) if isinstance(node, Blank) else ()


def _column(parts: Sequence[str | Blank], wanted: Sequence[str | Blank], key: str) -> str | None:
    """The column that stands in a reference where the key stands in the ids of patients."""
    if not parts or not isinstance(parts[0], str) or not parts[0].startswith(_REFERENCE):
        return None
    rest = [one for one in (parts[0].removeprefix(_REFERENCE), *parts[1:]) if one != ""]
    if len(rest) != len(wanted):
        return None
    column = None
    for one, other in zip(rest, wanted, strict=True):
        if isinstance(one, Blank) and isinstance(other, Blank):
            if other.column == key and one.column is not None:
                column = one.column
            elif one.expression.text != other.expression.text:
                return None
        elif one != other:
            return None
    return column

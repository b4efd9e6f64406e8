"""What rows make of expressions that an author may not have meant: told by ``check``, and no fault.

``iif()`` takes its last branch where its condition is empty, as FHIRPath has it; ``studyDay()`` and
``ageAt()`` give nothing where a partial date leaves the answer open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fhir_blina.cohorts import Cohort, Row
from fhir_blina.errors import ExpressionError, Finding
from fhir_blina.fhirpath import Call
from fhir_blina.fhirpath import Node as Tree
from fhir_blina.mapping.functions import FROM_DATES
from fhir_blina.mapping.nodes import Blank, Embed, blanks, calls_in, nodes
from fhir_blina.mapping.template import Template


def remarks(cohort: Cohort, templates: Sequence[Template]) -> list[Finding]:
    """A warning for each row in which an expression took the branch for nothing, or found no whole date."""
    result: list[Finding] = []
    for template in templates:
        for table, where, blank in blanks_of(template):
            telling = any(_is_telling(call) for call in calls_in(blank.expression.tree))
            if not telling or table is None or "row" in blank.expression.constants:
                continue
            at = template.location(blank.keys)
            known: dict[tuple[str, ...], list[tuple[str, str]]] = {}
            for row in cohort.tables[table].rows:
                if where is not None and _value(cohort, where, where.expression.tree, row) != [True]:
                    continue
                key = tuple(row.text[column] for column in blank.columns)
                if key not in known:
                    reached = _reached(cohort, blank, blank.expression.tree, row)
                    known[key] = [told for call in reached for told in _told(cohort, blank, call, row)]
                for text, remedy in known[key]:
                    where_to = f"{at} (row {row.location})"
                    result.append(Finding("warning", "value", text, location=where_to, remedy=remedy))
    return result


def blanks_of(template: Template) -> Iterator[tuple[str | None, Blank | None, Blank]]:
    """Each blank of a template with the table and the condition of its rows; those of ``where:`` too."""

    def within(node: Any, table: str | None, where: Blank | None) -> Iterator[Any]:
        embeds = [one for one in nodes(node) if isinstance(one, Embed)]
        below = {id(blank) for one in embeds for blank in blanks(one.node)}
        yield from ((table, where, blank) for blank in blanks(node) if id(blank) not in below)
        for one in embeds:
            if one.where is not None:
                yield one.table, None, one.where
            yield from within(one.node, one.table, one.where)

    if template.where is not None:
        yield template.table, None, template.where
    seen: set[int] = set()
    for found in within(template.root, template.table, template.where):
        if id(found[2]) not in seen:
            seen.add(id(found[2]))
            yield found


def _is_telling(call: Call) -> bool:
    return call.name in FROM_DATES or (call.name == "iif" and call.source is None and len(call.arguments) > 2)


# Functions that evaluate their arguments over each item of what stands before them.
_INSIDE = ("where", "select", "all", "exists", "iif")


def _reached(cohort: Cohort, blank: Blank, tree: Tree, row: Row) -> Iterator[Call]:
    """The calls of interest that are evaluated over the row itself: none in a branch that is not taken."""
    children = list(tree.children())
    if isinstance(tree, Call):
        if _is_telling(tree):
            yield tree
        if tree.name == "iif" and tree.source is None:
            holds = _value(cohort, blank, tree.arguments[0], row) == [True]
            children = [tree.arguments[0], *(tree.arguments[1:2] if holds else tree.arguments[2:])]
        elif tree.name in _INSIDE and tree.source is not None:
            children = [tree.source]
    for child in children:
        yield from _reached(cohort, blank, child, row)


def _told(cohort: Cohort, blank: Blank, call: Call, row: Row) -> Iterator[tuple[str, str]]:
    if call.name == "iif":
        if _value(cohort, blank, call.arguments[0], row) == [] and _value(cohort, blank, call, row):
            columns = sorted(one for one in _columns(call.arguments[0]) if one not in row.cells)
            cells = f" of {' and '.join(columns)}" if columns else ""
            text = f"iif() over an empty cell{cells}: its last branch was taken"
            yield text, "Let the condition say what an empty cell means, with exists() or empty()"
        return
    given = (call.source, call.arguments[0])
    known = all(_value(cohort, blank, one, row) for one in given if one is not None)
    if call.source is not None and known and _value(cohort, blank, call, row) == []:
        text = f"{call.name}() gives nothing: a date without a day leaves it open"
        yield text, "Write whole dates, or leave it at that"


def _columns(tree: Tree) -> set[str]:
    name = getattr(tree, "name", "") if getattr(tree, "source", "") is None else ""
    return {one for child in tree.children() for one in _columns(child)} | ({name} if name else set())


def _value(cohort: Cohort, blank: Blank, tree: Tree, row: Row) -> list[Any] | None:
    """What a part of an expression gives for a row; ``None`` for an error, which is told elsewhere."""
    constants: Mapping[str, Any] = {**cohort.constants, "row": {}}
    try:
        return replace(blank.expression, tree=tree).evaluate(dict(row.cells), constants=constants)
    except (ExpressionError, KeyError):
        return None

"""One row and what it becomes: its resources, which cell went where, and which cells went nowhere.

Only the templates that read the row's table are filled, and only for this row and the rows around it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fhir_blina.cohorts import Cohort, Row, Table
from fhir_blina.errors import CohortError, Finding, faults
from fhir_blina.files import Keys, Resource
from fhir_blina.mapping.back.roundtrip import round_trip
from fhir_blina.mapping.filling import Filler, Origin, is_nothing
from fhir_blina.mapping.mapping import Mapped, compiled, filled
from fhir_blina.mapping.nodes import Blank, Block, Constant, Embed, Items, Node, Text, blanks, nodes
from fhir_blina.mapping.remarks import remarks
from fhir_blina.mapping.template import Template


@dataclass(frozen=True)
class Made:
    """A resource that a row becomes, or becomes a part of.

    Attributes:
        origin: Its template and the template's row.
        resource: As the template makes it: ids readable, dates where they were, without what every
            resource of the cohort carries.
        sources: The columns (``table.column`` where they are of another row) that gave an element, by
            the element's keys.
    """

    origin: Origin
    resource: Resource
    sources: Mapping[Keys, tuple[str, ...]]


@dataclass(frozen=True)
class TracedRow:
    """A row and what it becomes.

    Attributes:
        row: The row.
        made: Its resources, in template order.
        passed: Templates of its table that make nothing of it, since ``where:`` does not hold.
        read: Columns that an expression reads, whether or not it gave anything.
        lost: Why a column's cell cannot be read back, by column.
        mapped: The resources as they are stored.
        findings: What is wrong with what it becomes.
    """

    row: Row
    made: tuple[Made, ...]
    passed: tuple[Template, ...]
    read: frozenset[str]
    lost: Mapping[str, str]
    mapped: Mapped
    findings: tuple[Finding, ...]


def trace_row(cohort: Cohort, row: Row, *, profiles: Collection[str] = ()) -> TracedRow:
    """What a row of a cohort becomes.

    Args:
        cohort: As read, whether or not other rows of it are at fault.
        row: One of its rows.
        profiles: Options of the manifest to switch on.
    """
    findings: list[Finding] = []
    templates = compiled(cohort, profiles, findings)
    concerned = [one for one in templates if one.table == row.table or _embeds(one, row.table)]
    around = _around(cohort, row, concerned)
    tracer = _Tracer(around, row, [])
    made = tuple(
        one for template in concerned for one in tracer.traces(template) if _is_of(one.origin, row, template)
    )
    mapped = Mapped(resources=[], origins={}, templates=templates)
    if not faults(findings):
        mapped = replace(filled(around, tuple(concerned), profiles, findings), templates=templates)
    findings += [one for one in remarks(around, concerned) if one.location.endswith(f"(row {row.location})")]
    taken = {one.origin.template.name for one in made}
    passed = tuple(one for one in concerned if one.table == row.table and one.name not in taken)
    lost = {} if faults(findings) else _lost(around, row, mapped, findings)
    return TracedRow(
        row=row,
        made=made,
        passed=passed,
        read=_read(concerned, row.table),
        lost=lost,
        mapped=mapped,
        findings=tuple(findings),
    )


def _embeds(template: Template, table: str) -> bool:
    return any(isinstance(one, Embed) and one.table == table for one in nodes(template.root))


def _is_of(origin: Origin, row: Row, template: Template) -> bool:
    return origin.row is row or template.table != row.table


def _around(cohort: Cohort, row: Row, templates: Sequence[Template]) -> Cohort:
    """The cohort with this row of its table, and of the tables that embed it the rows around it."""
    tables = dict(cohort.tables)
    alike: list[tuple[str, ...]] = []
    for template in templates:
        for node in nodes(template.root):
            if isinstance(node, Embed) and node.table == row.table:
                if template.table == row.table:
                    alike.append(node.on)
                elif template.table is not None:
                    tables[template.table] = _chosen(tables[template.table], row, [node.on])
    own = cohort.tables[row.table]
    tables[row.table] = _chosen(own, row, alike) if alike else replace(own, rows=(row,))
    return replace(cohort, tables=tables)


def _chosen(table: Table, row: Row, on: Sequence[tuple[str, ...]]) -> Table:
    return replace(
        table,
        rows=tuple(
            one
            for one in table.rows
            if one is row or any(all(one.text[name] == row.text[name] for name in names) for names in on)
        ),
    )


def _read(templates: Sequence[Template], table: str) -> frozenset[str]:
    """The columns of a table that some expression of the templates reads."""
    read: set[str] = set()
    for template in templates:
        inside = [one for one in nodes(template.root) if isinstance(one, Embed) and one.table == table]
        if template.table == table:
            read |= {column for blank in blanks(template.root) for column in blank.columns}
            read |= set(template.where.columns) if template.where is not None else set()
        for node in inside:
            read |= {column for blank in blanks(node.node) for column in blank.columns} | set(node.on)
            read |= set(node.where.columns) if node.where is not None else set()
    return frozenset(read)


def _lost(cohort: Cohort, row: Row, mapped: Mapped, findings: list[Finding]) -> dict[str, str]:
    """Why cells of the row cannot be read back from its resources."""
    bare = {
        name: table if name == row.table else replace(table, rows=()) for name, table in cohort.tables.items()
    }
    try:
        account = round_trip(replace(cohort, tables=bare), mapped, mapped.resources)
    except CohortError as error:
        findings += error.findings
        return {}
    return {
        one.column: one.text for one in account.differences if one.location == row.location and one.column
    }


class _Tracer(Filler):
    """Fills templates once more and notes which columns gave each element."""

    def __init__(self, cohort: Cohort, shown: Row, findings: list[Finding]) -> None:
        super().__init__(cohort, findings)
        self.shown = shown

    def traces(self, template: Template) -> Iterator[Made]:
        """Each resource of a template, with the columns of its elements."""
        for origin, resource in self.fill(template):
            sources: dict[Keys, tuple[str, ...]] = {}
            for keys, columns in self._sources(template.root, (), origin.row, None):
                sources[keys] = tuple(dict.fromkeys((*sources.get(keys, ()), *columns)))
            yield Made(origin=origin, resource=resource, sources=sources)

    def _columns(self, blank: Blank, row: Row | None, around: Row | None) -> list[str]:
        """The columns that a blank reads, those of other rows than the shown one with their table."""
        read = [(row, one) for one in blank.columns]
        read += [(around, blank.outer_column)] if blank.outer_column else []
        return [one if of is None or of is self.shown else f"{of.table}.{one}" for of, one in read]

    def _sources(
        self, node: Node, keys: Keys, row: Row | None, around: Row | None
    ) -> Iterator[tuple[Keys, list[str]]]:
        """Where each column of a node went: the keys of an element, and the columns that gave it."""
        outer = dict(around.cells) if around is not None else {}
        if not node.reads or isinstance(node, Constant) or is_nothing(self._node(node, row, outer)[0]):
            return
        if isinstance(node, Blank):
            yield keys, self._columns(node, row, around)
        elif isinstance(node, Text):
            parts = [part for part in node.parts if isinstance(part, Blank)]
            yield keys, [column for part in parts for column in self._columns(part, row, around)]
        elif isinstance(node, Block):
            for name, child in node.items.items():
                yield from self._sources(child, (*keys, name), row, around)
        elif isinstance(node, Items):
            yield from self._item_sources(node, keys, row, around)

    def _item_sources(
        self, node: Items, keys: Keys, row: Row | None, around: Row | None
    ) -> Iterator[tuple[Keys, list[str]]]:
        place = 0
        outer = dict(around.cells) if around is not None else {}
        for child in node.nodes:
            if isinstance(child, Embed):
                for inner in self._embedded(child, row):
                    if not is_nothing(self._node(child.node, inner, dict(row.cells) if row else {})[0]):
                        yield from self._sources(child.node, (*keys, place), inner, row)
                        place += 1
            elif isinstance(child, Blank):
                for _ in self._evaluate(child, row, outer):
                    if child.reads:
                        yield (*keys, place), self._columns(child, row, around)
                    place += 1
            elif not is_nothing(self._node(child, row, outer)[0]):
                yield from self._sources(child, (*keys, place), row, around)
                place += 1

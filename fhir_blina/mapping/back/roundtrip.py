"""The way back: rebuild a cohort's tables from what a store returned, and compare them cell by cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fhir_blina.cohorts import Cohort, Row, Table
from fhir_blina.errors import CohortError, ExpressionError, Finding, did_you_mean, problem
from fhir_blina.fhirpath import Expression, compile_expression
from fhir_blina.files import CANONICAL, COHORT_SYSTEM, Resource, as_text
from fhir_blina.mapping.back.inversion import Inverse
from fhir_blina.mapping.back.matching import Cells, Match, settled
from fhir_blina.mapping.back.outcomes import Outcomes
from fhir_blina.mapping.back.readable import as_mapped, by_readable_id, first_difference, is_of
from fhir_blina.mapping.dateshift import TAG, without_zone
from fhir_blina.mapping.mapping import Mapped
from fhir_blina.mapping.nodes import Items, nodes
from fhir_blina.mapping.template import Template


@dataclass(frozen=True)
class Difference:
    """A cell or resource that did not come back as it went.

    Attributes:
        location: ``file:line`` of the row, or ``Type/id`` of a resource without a row.
        column: The column, empty where the whole row or resource is meant.
        text: What is wrong, without the cell's value.
    """

    location: str
    column: str
    text: str

    def __str__(self) -> str:
        """``location: column "x": what is wrong``."""
        return f"{self.location}: {self.finding.diagnostics}"

    @property
    def finding(self) -> Finding:
        """The difference as an error."""
        column = f'column "{self.column}": ' if self.column else ""
        return problem(self.location, f"{column}{self.text}")


@dataclass(frozen=True)
class RoundTrip:
    """The account of every cell that is not empty.

    Attributes:
        mapped: Cells that came back as they went.
        unmapped: Cells of columns that the dictionary leaves out with a reason.
        lost: Cells that cannot be read back, or came back different.
        differences: Why, one for each lost cell, and for rows and resources beside the data.
        tables: The rebuilt rows by table: text by column.
    """

    mapped: int
    unmapped: int
    lost: int
    differences: tuple[Difference, ...]
    tables: dict[str, list[dict[str, str]]]


def round_trip(
    cohort: Cohort, mapped: Mapped, resources: Iterable[Resource], *, checked: RoundTrip | None = None
) -> RoundTrip:
    """Rebuild the cohort's tables from resources and compare them with its data files.

    What no cell holds (constants, tags, whole resources) is compared with what the rows give.

    Args:
        cohort: From ``read_cohort``.
        mapped: What its rows became.
        resources: What the store returned; resources of other cohorts are passed over.
        checked: The account of ``mapped.resources`` where it is known already: it is given again where the
            store returned the same, digit by digit, and nothing is rebuilt.

    Raises:
        CohortError: a ``read_back`` of the dictionary that cannot be used.
    """
    pulled = [resource for resource in resources if is_of(resource, cohort)]
    if checked is not None and as_mapped(pulled, mapped):
        return checked
    rebuilt = _Rebuilt(cohort, mapped)
    mine = by_readable_id(pulled, cohort)
    for location, resource in mine.values():
        rebuilt.add(resource, location)
    kept = {location for location, _ in mine.values()}
    for resource in pulled:
        location = f"{resource['resourceType']}/{resource['id']}"
        if location not in kept:
            rebuilt.differences.append(Difference(location, "", "another resource has the same resource-key"))
    rebuilt.compare_tables()
    rebuilt.compare_resources(mine)
    return rebuilt.account()


class _Rebuilt:
    def __init__(self, cohort: Cohort, mapped: Mapped) -> None:
        templates = mapped.templates
        self.cohort = cohort
        self.mapped = mapped
        self.inverses = [Inverse(cohort, one) for one in templates if one.profile is None]
        self.added = [Inverse(cohort, one) for one in templates if one.profile is not None]
        self.engine = _engine_items(cohort)
        self.optional = _optional_items(cohort, templates)
        self.rows: dict[tuple[str, tuple[str, ...]], Cells] = {}
        self.differences: list[Difference] = []
        self.counts = {"mapped": 0, "unmapped": 0, "lost": 0}
        self.tables: dict[str, list[dict[str, str]]] = {}
        self.read_back = _read_back(cohort, templates)

    def add(self, resource: Resource, location: str) -> None:
        found = []
        fits = False
        for inverse in self.inverses:
            if not inverse.fits(resource):
                continue
            fits = True
            match = inverse.match(resource, self.engine, self.optional)
            if match is not None:
                found.append((inverse.template, match))
        if not fits and any(inverse.fits(resource) for inverse in self.added):
            return  # only there for a profile: its row came back from another template
        if len(found) != 1:
            text = (
                "fits more than one template"
                if found
                else ("differs from its template" if fits else "is of no template of the cohort")
            )
            self.differences.append(Difference(location, "", text))
        else:
            self.keep(*found[0], resource, location)

    def keep(self, template: Template, match: Match, resource: Resource, location: str) -> None:
        match = settled(match)
        if template.table is not None:
            for table, column, name, path in self.read_back:
                if table == template.table and name == template.name:
                    try:
                        texts = {as_text(value) for value in path.evaluate(resource)}
                    except ExpressionError:
                        texts = set()
                    match.cells[column] = frozenset(texts or {""})
            self.row(self.cohort.tables[template.table], match.cells, location)
        for name, cells in match.embedded:
            self.row(self.cohort.tables[name], cells, location)

    def row(self, table: Table, cells: Cells, location: str) -> None:
        key = []
        for column in table.key:
            texts = cells.get(column, frozenset())
            if len(texts) != 1:
                self.differences.append(
                    Difference(location, column, "the key of the row cannot be read back")
                )
                return
            key.append(next(iter(texts)))
        known = self.rows.setdefault((table.name, tuple(key)), {})
        for column, texts in cells.items():
            known[column] = known[column] & texts if column in known else texts

    def compare_tables(self) -> None:
        seen = set()
        for table in self.cohort.tables.values():
            for row in table.rows:
                key = (table.name, tuple(row.text[column] for column in table.key))
                seen.add(key)
                self.compare_row(table, row, self.rows.get(key), self.counts)
                self.tables.setdefault(table.name, []).append(_cells_as_text(table, self.rows.get(key, {})))
        for name, key_texts in sorted(self.rows.keys() - seen):
            table = self.cohort.tables[name]
            text = "a row that the data file does not have came back"
            self.differences.append(Difference(str(table.path), "", text))
            self.tables.setdefault(name, []).append(_cells_as_text(table, self.rows[(name, key_texts)]))

    def compare_resources(self, mine: Mapping[str, tuple[str, Resource]]) -> None:
        """Compare whole resources with what the rows give, where no cell told of a difference."""
        told = {difference.location for difference in self.differences}
        for key, (location, wanted) in by_readable_id(self.mapped.resources, self.cohort).items():
            row = self.mapped.origins[location].row
            here = row.location if row is not None else location
            if {here, location} & told:
                continue
            if key not in mine:
                kind = wanted["resourceType"]
                self.differences.append(Difference(here, "", f"its {kind} did not come back"))
                continue
            path = first_difference(wanted, mine[key][1], wanted["resourceType"])
            if path:
                self.differences.append(Difference(location, "", f"{path} is not what the template gives"))

    def account(self) -> RoundTrip:
        return RoundTrip(**self.counts, differences=tuple(self.differences), tables=self.tables)

    def compare_row(self, table: Table, row: Row, cells: Cells | None, counts: dict[str, int]) -> None:
        location = row.location
        if cells is None:
            self.differences.append(Difference(location, "", "the row did not come back"))
        for column in table.columns.values():
            text = row.text[column.name]
            if column.unmapped:
                counts["unmapped"] += bool(text)
                continue
            texts = (cells or {}).get(column.name)
            if texts == frozenset({text}):
                counts["mapped"] += bool(text)
                continue
            if not text and (texts is None or text in texts):
                continue
            if (
                self.cohort.shift_dates
                and texts
                and {without_zone(one) for one in texts} == {without_zone(text)}
            ):
                counts["mapped"] += 1  # the shift gave the patient one time zone
                continue
            counts["lost"] += 1
            if cells is None:
                continue
            if texts is None:
                reason = "no blank gives the cell back; use the column as a blank of its own, or read_back"
            elif not texts:
                reason = "resources of this row contradict each other"
            elif text in texts:
                reason = "several words have these codes; keep the printed word in a text element"
            else:
                reason = "came back different"
            self.differences.append(Difference(location, column.name, reason))


def _cells_as_text(table: Table, cells: Cells) -> dict[str, str]:
    result = {}
    for column in table.columns:
        texts = cells.get(column, frozenset())
        result[column] = next(iter(texts)) if len(texts) == 1 else ""
    return result


def _read_back(cohort: Cohort, templates: Sequence[Template]) -> list[tuple[str, str, str, Expression]]:
    """Table, column, template and path of each ``read_back`` in the dictionary."""
    findings: list[Finding] = []
    result = []
    names = {template.name for template in templates}
    for table in cohort.tables.values():
        for column in table.columns.values():
            if not column.read_back:
                continue
            name, colon, path = (part.strip() for part in column.read_back.partition(":"))
            if not colon or name not in names:
                remedy = did_you_mean(name, names) if colon else "Write template: FHIRPath"
                findings.append(problem(column.where, "read_back names no template", remedy))
                continue
            try:
                result.append((table.name, column.name, name, compile_expression(path, cohort.release)))
            except ExpressionError as error:
                findings.append(problem(column.where, f"read_back: {error.findings[0].diagnostics}"))
    if findings:
        raise CohortError(findings)
    return result


def _engine_items(cohort: Cohort) -> list[Any]:
    """List items that every resource carries beside its template: tags and security labels."""
    items: list[Any] = [
        {"system": COHORT_SYSTEM, "code": cohort.name},
        {"system": f"{CANONICAL}/CodeSystem/provenance-tag", "code": "synthetic-dates"},
        TAG,
    ]
    stack: list[Any] = [cohort.manifest.data.get("every_resource", {})]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            stack += node.values()
        elif isinstance(node, list):
            items += node
    return items


def _optional_items(cohort: Cohort, templates: Sequence[Template]) -> list[Any]:
    """List items that templates behind a profiles option add to the resources of others."""
    return [
        Outcomes(cohort).constant(child)
        for template in templates
        if template.profile is not None
        for items in nodes(template.root)
        if isinstance(items, Items)
        for child in items.nodes
        if not child.reads
    ]

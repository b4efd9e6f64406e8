"""What a SQL on FHIR v2 ViewDefinition says, once it has been read and found right.

https://build.fhir.org/ig/FHIR/sql-on-fhir-v2/StructureDefinition-ViewDefinition.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fhir_blina.fhirpath import Expression
from fhir_blina.r4 import FhirRelease
from fhir_blina.terminology import ValueSet

BUILT_IN_CONSTANTS = frozenset({"rowIndex", "resource", "rootResource", "context"})
MAX_ROWS = 1_000_000  # of one resource: more are crossed levels, and no table
MAX_DEPTH = 200  # of repeat; JSON of a resource is nowhere near as deep
ROWS_A_RESOURCE = 100  # of a table, beside the million that it may have however few there are
INTEGERS = frozenset({"integer", "positiveInt", "unsignedInt", "integer64"})


@dataclass(frozen=True)
class Column:
    """One column: its name, the path that gives its value, and the FHIR type of it.

    ``type`` is empty where the view does not say; ``collection`` allows several values.
    """

    name: str
    path: Expression
    type: str
    collection: bool
    description: str = ""


@dataclass(frozen=True)
class Select:
    """One level of rows.

    ``kind`` says what ``each`` does: ``forEach``, ``forEachOrNull``, ``repeat``, or nothing.
    """

    kind: str
    each: tuple[Expression, ...]
    columns: tuple[Column, ...]
    selects: tuple[Select, ...]
    unions: tuple[Select, ...]

    def all_columns(self) -> tuple[Column, ...]:
        """The columns in the order of the table: own, nested, united."""
        nested = [column for select in self.selects for column in select.all_columns()]
        united = self.unions[0].all_columns() if self.unions else ()
        return (*self.columns, *nested, *united)

    def parts(self) -> Iterator[Select]:
        """This select and all below it."""
        yield self
        for below in (*self.selects, *self.unions):
            yield from below.parts()


@dataclass(frozen=True)
class View:
    """A checked ViewDefinition.

    Attributes:
        name: Name of the table.
        resource: Resource type that it reads.
        columns: Columns in order.
        select: The whole of ``select`` as one level.
        where: Conditions; a resource counts where each is true.
        constants: Values of ``%names``.
        source: File, or what the caller named it.
        release: The release of FHIR whose resources it reads.
        description: What the table holds.
        value_sets: Those that ``memberOf()`` asks for, by what it calls them.
    """

    name: str
    resource: str
    columns: tuple[Column, ...]
    select: Select
    where: tuple[Expression, ...]
    constants: Mapping[str, Any]
    source: str
    release: FhirRelease
    description: str = ""
    value_sets: Mapping[str, ValueSet] = field(default_factory=dict)

    @property
    def one_row_each(self) -> bool:
        """Whether the view must give exactly one row for each resource."""
        return not self.where and all(not part.kind and not part.unions for part in self.select.parts())


def most_rows(resources: int) -> int:
    """How many rows a table of so many resources may have."""
    return MAX_ROWS + ROWS_A_RESOURCE * resources
